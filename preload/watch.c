// SPDX-License-Identifier: MIT
/*
 * The wrappers.  Each calls the function that would have been called without it
 * and, when that has returned, counts: at most four calls of libopv, of a
 * nanosecond each.  A call that does not return (the thread is cancelled or
 * killed in it, or leaves it by longjmp()) is not counted.
 *
 * A system call leaves the processor few of its predictions: a return behind it costs more
 * than all the counting, and a jump that is taken some of it.  So the wrappers are straight
 * where a call is counted and not timed, what is rare lies apart, and those of system calls
 * return in a way of their own.
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

static void look_up(void)
{
	void *found[sizeof(symbols) / sizeof(symbols[0])];
	size_t i;

	for (i = 0; i < sizeof(symbols) / sizeof(symbols[0]); i++)
		found[i] = dlsym(RTLD_NEXT, symbols[i].symbol);
	for (i = 0; i < sizeof(symbols) / sizeof(symbols[0]); i++)
		if (found[i])
			__atomic_store_n(symbols[i].pointer, found[i], __ATOMIC_RELAXED);
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

static inline uint64_t sum_of(const struct mmsghdr *msgs, int n)
{
	uint64_t sum = 0;
	int i;

	for (i = 0; i < n; i++)
		sum += msgs[i].msg_len;
	return sum;
}

/*
 * Behind a system call some kernels leave predictions of returns that are all wrong, and an indirect
 * jump is predicted by other means.  The C library's function returns to us where it would have
 * returned to the program; we should be one return too many.  The command has tried out which
 * is better here (tools/opv/stat_return.c).  A process with a shadow stack would not stand it:
 * this library is not marked as made for one, so processes that have it loaded have none.
 */
#if defined(__x86_64__) && defined(__has_attribute)
# if __has_attribute(__function_return__)
#  define RETURNS __attribute__((__function_return__("thunk-extern")))
# endif
#endif
#ifdef RETURNS
/* The compiler's name for it. */
__asm__(".pushsection .text\n\t"
	".globl __x86_return_thunk\n\t"
	".hidden __x86_return_thunk\n\t"
	".type __x86_return_thunk, @function\n\t"
	".balign 32\n"
	"__x86_return_thunk:\n\t"
	".cfi_startproc\n\t"
	"cmpb $0, stat_returns_by_jump(%rip)\n\t"
	"je 1f\n\t"
	".cfi_remember_state\n\t"
	"popq %rcx\n\t"
	".cfi_adjust_cfa_offset -8\n\t"
	".cfi_register 16, 2\n\t"	/* the address to return to is in rcx */
	"jmp *%rcx\n"
	"1:\t"
	".cfi_restore_state\n\t"
	"ret\n\t"
	".cfi_endproc\n\t"
	".size __x86_return_thunk, . - __x86_return_thunk\n\t"
	".popsection");
#else
# define RETURNS
#endif

bool stat_returns_by_jump;

#define WRAPPER(returns, name, symbol, ret, params, args, bytes, failed)	\
static APART returns ret symbol##_timed params				\
{									\
	uint64_t began = begin(STAT_##name);				\
	ret r = real.symbol args;					\
									\
	end(STAT_##name, began, (uint64_t)(bytes), failed);		\
	return r;							\
}									\
EXPORT returns ret symbol params					\
{									\
	ret r;								\
									\
	if (UNLIKELY(!counted(STAT_##name)))				\
		return symbol##_timed args;				\
	r = real.symbol args;						\
	count(STAT_##name, (uint64_t)(bytes), failed);			\
	return r;							\
}
#define STAT_SYMBOL(name, symbol, ret, params, args, bytes, failed, missing) \
	WRAPPER(, name, symbol, ret, params, args, bytes, failed)
#define STAT_IO(name, symbol, params, args)				\
	WRAPPER(RETURNS, name, symbol, ssize_t, params, args, r > 0 ? r : 0, r < 0)
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
#include "functions.def"
