/* SPDX-License-Identifier: MIT */
/* two threads and two CPUs, two pairs each */
#define THREADS	2
#define OPS	2
#define CPUS	2
#include "protocol.pml"
#include "threads.pml"
