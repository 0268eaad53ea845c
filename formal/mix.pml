/* SPDX-License-Identifier: MIT */
/* two threads, pairs, single stores and reads */
#define THREADS	2
#define OPS	2
#define CPUS	1
#define MIX
#include "protocol.pml"
#include "threads.pml"
