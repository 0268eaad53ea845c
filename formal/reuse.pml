/* SPDX-License-Identifier: MIT */
/* two threads on one CPU, three pairs each */
#define THREADS	2
#define OPS	3
#define CPUS	1
#include "protocol.pml"
#include "threads.pml"
