/* SPDX-License-Identifier: MIT */
#ifndef _MALLOC_LAYOUT_H
#define _MALLOC_LAYOUT_H

/*
 * What opv malloc-stat and libopv-malloc.so agree on: the counters of one CPU, and the
 * variable that leads from a program to them.  They are one per-CPU variable in a shared
 * domain that opv malloc-stat made; only the library writes to them, by calls of libopv.
 */

#include <stdint.h>

#include "class.h"

/*
 * THE list of counters of a class: X(name, what).  What lies in the caches is
 * kept + refilled + shelved - hits - flushed - trimmed - unshelved.
 */
#define MALLOC_COUNTS(X)						\
	X(hits, "blocks allocated from a CPU's cache")			\
	X(misses, "blocks that libc had to allocate")			\
	X(kept, "blocks freed into a CPU's cache")			\
	X(passed, "blocks freed to libc at once")			\
	X(refilled, "blocks fetched beforehand for an empty cache")	\
	X(flushed, "blocks that left a full cache")			\
	X(trimmed, "blocks taken from a CPU's cache from outside")	\
	X(shelved, "of the flushed, those kept for other CPUs")		\
	X(unshelved, "of those, what was fetched or given back")

struct malloc_class_counts {
#define X(name, what) uint64_t name;
	MALLOC_COUNTS(X)
#undef X
};

/* One CPU.  What is larger than the last class comes behind it. */
struct malloc_cpu {
	uint64_t cookie;		/* CPU 0 only: this is what the variable means */
	uint64_t programs;		/* that were started here with the library */
	struct malloc_class_counts of[NR_CLASSES + 1];
};

/*
 * OPV_MALLOC_STAT=PID:FD:HANDLE:COOKIE:SIZE, numbers in hexadecimal: the memfd is
 * /proc/PID/fd/FD, HANDLE is opv_handle_offset(), SIZE is that of struct malloc_cpu.
 */
#define MALLOC_VARIABLE "OPV_MALLOC_STAT"

#endif /* _MALLOC_LAYOUT_H */
