/* SPDX-License-Identifier: MIT */
#ifndef _TOOLS_BENCH_MALLOC_H
#define _TOOLS_BENCH_MALLOC_H

/*
 * Allocators side by side.  Which one a process has is decided when it starts, by
 * LD_PRELOAD.  So each row of these is a process of its own: this command once more,
 * preloaded, which waits at a socket to be told to do so many of its work.
 *
 * A case is a work by an allocator, malloc_WORK_ALLOCATOR: malloc_pair_64_jemalloc.
 */

#include "bench.h"

/*
 * THE list of allocators, X(name, what is preloaded, Debian's package, ...): the one
 * that all are compared with, our own, and others, which the loader looks for.
 */
#define BENCH_ALLOCATORS(X, ...)						\
	X(libc, "", "", __VA_ARGS__)						\
	X(opv, "libopv-malloc.so", "", __VA_ARGS__)				\
	X(jemalloc, "libjemalloc.so.2", "libjemalloc2", __VA_ARGS__)		\
	X(mimalloc, "libmimalloc.so.2", "libmimalloc2.0", __VA_ARGS__)		\
	X(tcmalloc, "libtcmalloc_minimal.so.4", "libtcmalloc-minimal4", __VA_ARGS__)

/*
 * THE list of works, X(name, GROUP, kind, n, threads, flags, what): do_kind() of
 * bench_malloc_child.c does it with blocks of n bytes; those of BENCH_MEMORY are measured
 * in kB, once in a process.
 */
#define BENCH_MALLOC_WORKS(X)							\
	X(pair_16, MALLOC, pair, 16, 1, 0, "malloc(16), free()")		\
	X(pair_64, MALLOC, pair, 64, 1, 0, "malloc(64), free()")		\
	X(pair_512, MALLOC, pair, 512, 1, 0, "malloc(512), free()")		\
	X(pair_2000, MALLOC, pair, 2000, 1, 0, "malloc(2000), free()")		\
	X(batch_64, MALLOC, batch, 64, 1, 0,					\
	  "32 blocks of 64 bytes are allocated, then freed: of one")		\
	X(batch_1000, MALLOC, batch, 1000, 1, 0, "the same, 1000 bytes")	\
	X(mixed, MALLOC, mixed, 0, 1, 0,					\
	  "256 blocks of 16 to 1039 bytes, one of them freed and replaced")	\
	X(handoff_64, MALLOC, handoff, 64, 2, BENCH_OTHER,			\
	  "64 bytes allocated on one CPU and freed on another, 256 at a time")	\
	X(handoff_1000, MALLOC, handoff, 1000, 2, BENCH_OTHER, "the same, 1000 bytes") \
	X(busy_8, MEMORY, memory, 0, 8, 0,					\
	  "8 threads have 64 such blocks each, and replaced 5000 of them")	\
	X(busy_64, MEMORY, memory, 0, 64, 0, "the same, 64 threads")		\
	X(busy_512, MEMORY, memory, 0, 512, 0, "the same, 512 threads")		\
	X(freed_8, MEMORY, memory, 0, 8, 0,					\
	  "the same 8 threads are still there, all blocks are freed")		\
	X(freed_64, MEMORY, memory, 0, 64, 0, "the same, 64 threads")		\
	X(freed_512, MEMORY, memory, 0, 512, 0, "the same, 512 threads")

enum bench_allocator {
#define X(name, preload, package, unused) BENCH_BY_##name,
	BENCH_ALLOCATORS(X, )
#undef X
	BENCH_NR_ALLOCATORS
};

enum bench_work {
	BENCH_NO_WORK,
#define X(name, group, kind, n, threads, flags, what) BENCH_WORK_##name,
	BENCH_MALLOC_WORKS(X)
#undef X
	BENCH_NR_WORKS
};

/* All cases, as entries of bench_cases[]. */
#define BENCH_MALLOC_CASE(by, preload, package, name, group, flags, what)	\
	{ "malloc_" #name "_" #by, BENCH_##group, flags, NULL, what,		\
	  BENCH_WORK_##name, BENCH_BY_##by },
#define BENCH_MALLOC_CASES_OF(name, group, kind, n, threads, flags, what)	\
	BENCH_ALLOCATORS(BENCH_MALLOC_CASE, name, group, flags, what)
#define BENCH_MALLOC_CASES BENCH_MALLOC_WORKS(BENCH_MALLOC_CASES_OF)

/* What such a process says at first, */
struct bench_malloc_hello {
	char malloc[256], free[256];	/* the objects that they come from */
	bool is_libc;			/* both do, and it is that of other functions */
};

/* and when it has done what it was told to, a uint64_t. */
struct bench_malloc_answer {
	double value;			/* ns of one; kB while all is busy */
	double freed;			/* kB, when all is freed */
	bool disturbed;			/* a thread was preempted */
};

/* The process: opv bench BENCH_MALLOC_CHILD WORK CPU OTHER_CPU, numbers, a CPU -1 for any. */
#define BENCH_MALLOC_CHILD "--malloc-child"

int bench_malloc_child(char **argv);

/* bench_malloc.c: with how many threads does a case work? */
int bench_malloc_threads(const struct bench_case *c);

/* Which object malloc() is of, with an allocator. */
const char *bench_malloc_object(int by);

/* Why is there nothing to be had of a case's allocator?  NULL: it was tried. */
const char *bench_malloc_obstacle(const struct bench_case *c);

/* The value of n of them, on CPUs or -1; the process is started if need be. */
double bench_malloc_sample(const struct bench_case *c, uint64_t n, int cpu, int other,
			   bool *disturbed);

/* After all: NULL, or what was wrong. */
const char *bench_malloc_end(void);

#endif /* _TOOLS_BENCH_MALLOC_H */
