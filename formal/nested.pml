/* SPDX-License-Identifier: MIT */
/* a signal handler interrupts one of two threads */
#define THREADS	2
#define OPS	1
#define CPUS	1
#define NESTED	1
#include "protocol.pml"
#include "threads.pml"
