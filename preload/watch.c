// SPDX-License-Identifier: MIT
/*
 * The wrappers.  Each calls the function that would have been called without it
 * and, when that has returned, counts: at most four calls of libopv, of a
 * nanosecond each.  A call that does not return (the thread is cancelled or
 * killed in it, or leaves it by longjmp()) is not counted.
 *
 * A system call leaves the processor few of its predictions: a return behind it costs more
 * than all the counting, and a jump that is taken some of it.  So the wrappers are straight
 * where a call is counted and not timed, what is rare lies apart, and one thread alone
 * makes its system calls right here (alone.c).
 */
#define _GNU_SOURCE
#ifndef __NO_INLINE__
# define __NO_INLINE__ 1	/* no inline versions of what is defined here in <stdio.h> */
#endif
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

/* One load less for each call: nothing of libopv is exported from here. */
#pragma GCC visibility push(hidden)
#include <opv/opv.h>
#include "preload.h"
#pragma GCC visibility pop

#include "../src/sys.h"

#define EXPORT		__attribute__((__visibility__("default")))
#define LIKELY(x)	__builtin_expect(!!(x), 1)
#define UNLIKELY(x)	__builtin_expect(!!(x), 0)
#define APART		__attribute__((__noinline__))

#pragma GCC diagnostic ignored "-Wunused-parameter"
#pragma GCC diagnostic ignored "-Woverride-init"

/*
 * What is called.  Until it has been looked up, allocations are served from the
 * arena and everything else fails as if the C library did not have it.
 */
#define STAT_SYMBOL(name, symbol, ret, params, args, bytes, failed, missing) \
	static ret no_##symbol params { return missing; }
#define STAT_VOID(name, symbol, params, args)				\
	static void no_##symbol params { }
#include "functions.def"

static void *arena_malloc(size_t size)
{
	return stat_arena_alloc(0, size);
}

/* The arena is zero and nothing in it is used twice. */
static void *arena_calloc(size_t n, size_t size)
{
	size_t bytes;

	return __builtin_mul_overflow(n, size, &bytes) ? NULL : stat_arena_alloc(0, bytes);
}

static void *arena_realloc(void *p, size_t size)
{
	void *new = stat_arena_alloc(0, size);

	if (new && p)
		memcpy(new, p, size < stat_arena_room(p) ? size : stat_arena_room(p));
	return new;
}

static struct {
#define STAT_SYMBOL(name, symbol, ret, params, args, bytes, failed, missing) \
	ret (*symbol) params;
#define STAT_VOID(name, symbol, params, args)				\
	void (*symbol) params;
#include "functions.def"
} real = {
#define STAT_SYMBOL(name, symbol, ret, params, args, bytes, failed, missing) \
	.symbol = no_##symbol,
#define STAT_VOID(name, symbol, params, args)				\
	.symbol = no_##symbol,
#include "functions.def"
	.malloc = arena_malloc,
	.calloc = arena_calloc,
	.realloc = arena_realloc,
	.memalign = stat_arena_alloc,
	.aligned_alloc = stat_arena_alloc,
};

static const struct {
	const char *symbol;
	void **pointer;
} symbols[] = {
#define STAT_SYMBOL(name, symbol, ret, params, args, bytes, failed, missing) \
	{ #symbol, (void **)&real.symbol },
#define STAT_VOID(name, symbol, params, args)				\
	{ #symbol, (void **)&real.symbol },
#include "functions.def"
};

/* Not 0 while a call may be a system call from here. */
static struct {
#define STAT_SYSCALL(name, symbol, params, args, when, call) const char *symbol;
#include "functions.def"
} alone = {
#define STAT_SYSCALL(name, symbol, params, args, when, call) .symbol = &stat_never_alone,
#include "functions.def"
};

/* Where the arena was used, its blocks come back some day. */
static void (*free_outside)(void *p);
static void *(*realloc_outside)(void *p, size_t size);

static void free_any(void *p)
{
	if (!stat_arena_has(p))
		free_outside(p);
}

static void *realloc_any(void *p, size_t size)
{
	void *new;

	if (!stat_arena_has(p))
		return realloc_outside(p, size);
	new = real.malloc(size);
	if (new)
		memcpy(new, p, size < stat_arena_room(p) ? size : stat_arena_room(p));
	return new;
}

static void look_alone(void)
{
	struct stat_alone how;

	stat_find_alone(&how);
#define STAT_SYSCALL(name, symbol, params, args, when, call)		\
	__atomic_store_n(&alone.symbol, stat_alone_for(&how, (void *)real.symbol), \
			 __ATOMIC_RELAXED);
#include "functions.def"
}

static void look_up(void)
{
	void *found[sizeof(symbols) / sizeof(symbols[0])];
	size_t i;

	for (i = 0; i < sizeof(symbols) / sizeof(symbols[0]); i++)
		found[i] = dlsym(RTLD_NEXT, symbols[i].symbol);
	for (i = 0; i < sizeof(symbols) / sizeof(symbols[0]); i++)
		if (found[i])
			__atomic_store_n(symbols[i].pointer, found[i], __ATOMIC_RELAXED);
	look_alone();
	if (!stat_arena_used())
		return;
	free_outside = real.free;
	realloc_outside = real.realloc;
	real.free = free_any;
	real.realloc = realloc_any;
}

static bool ready;	/* nothing is left to be found out */

/*
 * Once, by the first call or the constructor.  The C library's first calls come
 * before it has an environment; then the next call looks again.
 */
static __attribute__((__noinline__, __cold__)) void init(void)
{
	static __thread bool inside __attribute__((__tls_model__("initial-exec")));
	static bool found, attached;
	int saved = errno;

	if (inside)
		return;
	inside = true;
	if (!__atomic_load_n(&found, __ATOMIC_ACQUIRE)) {
		look_up();
		__atomic_store_n(&found, true, __ATOMIC_RELEASE);
	}
	if (environ && !__atomic_exchange_n(&attached, true, __ATOMIC_ACQ_REL)) {
		stat_attach();
		__atomic_store_n(&ready, true, __ATOMIC_RELEASE);
	}
	inside = false;
	errno = saved;
}

static __attribute__((__constructor__(101))) void start(void)
{
	init();
}

static inline uint64_t ticks(void)
{
	struct timespec t;

#ifdef __x86_64__
	if (__builtin_expect(stat_watched.tsc, 1))
		return __builtin_ia32_rdtsc();
#endif
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

/* When it began; 0 where it is not timed. */
static inline uint64_t begin(enum stat_function function)
{
	if (UNLIKELY(!__atomic_load_n(&ready, __ATOMIC_ACQUIRE)))
		init();
	return stat_watched.timed >> function & 1 ? ticks() : 0;
}

static inline bool counted(enum stat_function function)
{
	return __atomic_load_n(&stat_watched.counted, __ATOMIC_RELAXED) >> function & 1;
}

/*
 * A program can hardly notice an error of a call of libopv, and it has no use
 * for one: a count that cannot be made is lost, nothing else.
 */
static inline __attribute__((__always_inline__)) void
count(enum stat_function function, uint64_t bytes, bool failed)
{
	struct stat_counts *c = &stat_watched.cpu->function[function];

	opv_add64(&c->calls, 1, OPV_THIS_CPU);
	if (LIKELY(bytes))
		opv_add64(&c->bytes, bytes, OPV_THIS_CPU);
	if (UNLIKELY(failed))
		opv_add64(&c->failed, 1, OPV_THIS_CPU);
}

static void count_timed(enum stat_function function, uint64_t took, uint64_t bytes, bool failed)
{
	struct stat_counts *c = &stat_watched.cpu->function[function];

	if (UNLIKELY((int64_t)took < 0))
		took = 0;
	opv_add64(&c->buckets[stat_bucket(took)], 1, OPV_THIS_CPU);
	opv_max64(&c->max, took, OPV_THIS_CPU);
	if (LIKELY(bytes))
		opv_add64(&c->bytes, bytes, OPV_THIS_CPU);
	if (UNLIKELY(failed))
		opv_add64(&c->failed, 1, OPV_THIS_CPU);
}

/* The end of what begin() began; a clock may have been taken away since. */
static APART void end(enum stat_function function, uint64_t began, uint64_t bytes, bool failed)
{
	if (LIKELY(began))
		count_timed(function, ticks() - began, bytes, failed);
	else if (counted(function))
		count(function, bytes, failed);
}

/* What the C library makes of the answer of a system call. */
static inline ssize_t answer(long r)
{
	if (LIKELY(r >= 0))
		return r;
	errno = (int)-r;
	return -1;
}

/* The end of a call, made from here, that moved nothing. */
static APART ssize_t count_empty(enum stat_function function, long r)
{
	count(function, 0, r < 0);
	return answer(r);
}

static inline uint64_t sum_of(const struct mmsghdr *msgs, int n)
{
	uint64_t sum = 0;
	int i;

	for (i = 0; i < n; i++)
		sum += msgs[i].msg_len;
	return sum;
}

#define STAT_SYMBOL(name, symbol, ret, params, args, bytes, failed, missing) \
static APART ret symbol##_timed params					\
{									\
	uint64_t began = begin(STAT_##name);				\
	ret r = real.symbol args;					\
									\
	end(STAT_##name, began, (uint64_t)(bytes), failed);		\
	return r;							\
}									\
EXPORT ret symbol params						\
{									\
	ret r;								\
									\
	if (UNLIKELY(!counted(STAT_##name)))				\
		return symbol##_timed args;				\
	r = real.symbol args;						\
	count(STAT_##name, (uint64_t)(bytes), failed);			\
	return r;							\
}
#define STAT_VOID(name, symbol, params, args)				\
EXPORT void symbol params						\
{									\
	uint64_t began;							\
									\
	if (LIKELY(counted(STAT_##name))) {				\
		real.symbol args;					\
		count(STAT_##name, 0, false);				\
		return;							\
	}								\
	began = begin(STAT_##name);					\
	real.symbol args;						\
	end(STAT_##name, began, 0, false);				\
}
/* The four ways lie apart: where they met, a jump would be taken behind the system call. */
#define ALONE(symbol)	LIKELY(*__atomic_load_n(&alone.symbol, __ATOMIC_RELAXED))
#define STAT_SYSCALL(name, symbol, params, args, when, call)		\
static APART ssize_t symbol##_timed params				\
{									\
	uint64_t began = begin(STAT_##name);				\
	ssize_t r;							\
									\
	if (ALONE(symbol) && LIKELY(when)) {				\
		r = answer(OPV_SYS call);				\
		end(STAT_##name, began, r > 0 ? (uint64_t)r : 0, r < 0); \
		return r;						\
	}								\
	r = real.symbol args;						\
	end(STAT_##name, began, r > 0 ? (uint64_t)r : 0, r < 0);	\
	return r;							\
}									\
EXPORT ssize_t symbol params						\
{									\
	ssize_t r;							\
									\
	if (UNLIKELY(!counted(STAT_##name)))				\
		return symbol##_timed args;				\
	if (!ALONE(symbol) || !LIKELY(when)) {				\
		r = real.symbol args;					\
		count(STAT_##name, r > 0 ? (uint64_t)r : 0, r < 0);	\
		return r;						\
	}								\
	r = OPV_SYS call;						\
	if (UNLIKELY(r <= 0))						\
		return count_empty(STAT_##name, r);			\
	count(STAT_##name, (uint64_t)r, false);				\
	return r;							\
}
#include "functions.def"
