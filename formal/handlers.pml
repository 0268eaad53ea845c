/* SPDX-License-Identifier: MIT */
/* two signal handlers interrupt one thread, two CPUs */
#define THREADS	1
#define OPS	2
#define CPUS	2
#define NESTED	2
#include "protocol.pml"
#include "threads.pml"
