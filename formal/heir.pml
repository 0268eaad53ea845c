/* SPDX-License-Identifier: MIT */
/* a descriptor goes to the heir of a thread that was killed */
#define THREADS	2
#define OPS	1
#define CPUS	1
#define LOGGED
#define KILLS	1
#define HEIR
#include "protocol.pml"
#include "threads.pml"
