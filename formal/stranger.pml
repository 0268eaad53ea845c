/* SPDX-License-Identifier: MIT */
/* three threads and two CPUs, the third comes through the engine */
#define THREADS	3
#define OPS	1
#define CPUS	2
#define STRANGER	3
#include "protocol.pml"
#include "threads.pml"
