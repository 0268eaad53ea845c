/* SPDX-License-Identifier: MIT */
/* three threads on one CPU */
#define THREADS	3
#define OPS	1
#define CPUS	1
#include "protocol.pml"
#include "threads.pml"
