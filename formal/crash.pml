/* SPDX-License-Identifier: MIT */
/* shared memory, one of two threads is killed, two CPUs */
#define THREADS	2
#define OPS	1
#define CPUS	2
#define MIX
#define LOGGED
#define KILLS	1
#include "protocol.pml"
#include "threads.pml"
