/* SPDX-License-Identifier: MIT */
#ifndef _PRELOAD_LAYOUT_H
#define _PRELOAD_LAYOUT_H

/*
 * What opv stat and its preloaded library agree on: the lines of the table, the
 * counters of one CPU, and the variable that leads from a program to them.
 *
 * The counters are one per-CPU variable in a shared domain that opv stat made.
 * Only the library writes to them, only by the calls of libopv.
 */

#include <stdint.h>

enum stat_function {
#define STAT_FUNCTION(name, group, bytes) STAT_##name,
#include "functions.def"
	STAT_NR_FUNCTIONS
};

_Static_assert(STAT_NR_FUNCTIONS <= 64, "masks of functions have 64 bits");

/*
 * Latencies, in ticks, fall into buckets: 16 to each power of two, and one to
 * each tick below 16.  Who takes the middle of a bucket for all that is in it
 * is wrong by at most 1/32.  The last bucket has everything above 2^50 ticks.
 */
#define STAT_SUB_BITS	4
#define STAT_TOP_BIT	50
#define STAT_BUCKETS	((STAT_TOP_BIT - STAT_SUB_BITS + 1) << STAT_SUB_BITS)

static inline unsigned int stat_bucket(uint64_t ticks)
{
	unsigned int e;

	if (ticks < 1u << STAT_SUB_BITS)
		return (unsigned int)ticks;
	e = 63 - (unsigned int)__builtin_clzll(ticks);
	if (e >= STAT_TOP_BIT)
		return STAT_BUCKETS - 1;
	return ((e - STAT_SUB_BITS + 1) << STAT_SUB_BITS) +
	       (ticks >> (e - STAT_SUB_BITS) & ((1u << STAT_SUB_BITS) - 1));
}

/* The least latency of a bucket, and how many ticks it is wide. */
static inline uint64_t stat_bucket_low(unsigned int i)
{
	unsigned int power = i >> STAT_SUB_BITS;
	uint64_t sub = i & ((1u << STAT_SUB_BITS) - 1);

	return power ? ((UINT64_C(1) << STAT_SUB_BITS) + sub) << (power - 1) : sub;
}

static inline uint64_t stat_bucket_width(unsigned int i)
{
	unsigned int power = i >> STAT_SUB_BITS;

	return power ? UINT64_C(1) << (power - 1) : 1;
}

/*
 * One function on one CPU.  A call is counted once, when it has returned: in
 * calls if it was not timed, in its bucket if it was.
 */
struct stat_counts {
	uint64_t calls;
	uint64_t bytes;
	uint64_t failed;
	uint64_t max;			/* ticks */
	uint64_t buckets[STAT_BUCKETS];
};

/* One CPU. */
struct stat_cpu {
	uint64_t cookie;		/* CPU 0 only: this is what the variable means */
	uint64_t programs;		/* that were started here with the library */
	struct stat_counts function[STAT_NR_FUNCTIONS];
};

/*
 * OPV_STAT=VERSION:PID:FD:HANDLE:COOKIE:SIZE:MASK:FLAGS:LIBRARY, numbers in
 * hexadecimal: the memfd is /proc/PID/fd/FD, HANDLE is opv_handle_offset(), SIZE is
 * that of struct stat_cpu, bit i of MASK is set if function i is counted,
 * LIBRARY is what LD_PRELOAD begins with.
 */
#define STAT_VARIABLE	"OPV_STAT"
#define STAT_VERSION	1

enum stat_flags {
	STAT_LATENCY = 1 << 0,		/* time the calls */
	STAT_TSC = 1 << 1,		/* ticks are the TSC's, else nanoseconds */
	STAT_JUMP = 1 << 2,		/* return from system calls by a jump */
};

#endif /* _PRELOAD_LAYOUT_H */
