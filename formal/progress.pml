/* SPDX-License-Identifier: MIT */
/* two threads for ever: somebody always completes */
#define THREADS	2
#define OPS	0
#define CPUS	1
#define TRIES	1
#include "protocol.pml"
#include "threads.pml"
