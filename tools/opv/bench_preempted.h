/* SPDX-License-Identifier: MIT */
#ifndef _TOOLS_BENCH_PREEMPTED_H
#define _TOOLS_BENCH_PREEMPTED_H

/*
 * opv bench --preempted: three words of a CPU changed together, by a vector or
 * under that CPU's mutex, while there are more threads than CPUs.  Each CPU has
 *
 *	two workers, which do nothing else,
 *	a visitor, which sleeps and does it once when it wakes up: mostly in
 *	place of a worker that was in the middle,
 *	a hog, which has nothing to do with it.
 */

#include "bench.h"

/* X(NAME, title): how it is done. */
#define BENCH_MEANS(X)				\
	X(VECTOR, "vector")			\
	X(MUTEX, "mutex")

enum bench_means {
#define X(NAME, title) BENCH_BY_##NAME,
	BENCH_MEANS(X)
#undef X
	BENCH_NR_MEANS
};

/* Latencies: 16 buckets for each power of two nanoseconds, each at most 7 % wide. */
#define BENCH_BUCKETS (16 * 61)

struct bench_histogram {
	uint64_t count[BENCH_BUCKETS];
	uint64_t total, max;
};

void bench_note(struct bench_histogram *h, uint64_t ns);
void bench_merge(struct bench_histogram *to, const struct bench_histogram *from);
double bench_percentile(const struct bench_histogram *h, double share);	/* ns; 0 of none */

struct bench_preempted {
	uint64_t slice;				/* ns */
	double *rate[BENCH_NR_MEANS];		/* operations a second, of each round */
	struct bench_histogram workers[BENCH_NR_MEANS], visitors[BENCH_NR_MEANS];
};

/* bench_preempted.c: measures for b->rounds rounds. */
void bench_preempted_run(struct bench *b, struct bench_preempted *p);

/* bench_preempted_report.c */
void bench_preempted_report(const struct bench *b, const struct bench_preempted *p);

#endif /* _TOOLS_BENCH_PREEMPTED_H */
