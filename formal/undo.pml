/* SPDX-License-Identifier: MIT */
/* two threads and two CPUs, the fence may be refused */
#define THREADS	2
#define OPS	1
#define CPUS	2
#define MIX
#define FENCE_FAILS
#include "protocol.pml"
#include "threads.pml"
