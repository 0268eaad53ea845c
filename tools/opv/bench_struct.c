// SPDX-License-Identifier: MIT
/* The loops of structures, and of what libc has in their place; others': peers/. */
#define _GNU_SOURCE
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

#include "bench_list.h"
#include "bench_struct.h"

#define S bench_structs

/* As a program has it: a struct of its own, whose fields stay in registers if they may. */
BENCH_CASE(counter_add)
{
	struct opv_counter counter = S.counter;

	BENCH_REPEAT(n, opv_counter_inc(&counter, OPV_THIS_CPU));
	c->counted += n;
}

BENCH_CASE(counter_read)
{
	struct opv_counter counter = S.counter;

	(void)c;
	BENCH_REPEAT(n, opv_counter_read(&counter));
}

static void sum_loop(const char *name, uint64_t n)
{
	struct opv_counter counter = S.counter;
	int64_t sum;
	int ret = 0;

	BENCH_REPEAT(n, ret = opv_counter_sum(&counter, &sum));
	bench_expect(name, ret, 0);
}

BENCH_CASE(counter_sum)
{
	(void)c;
	sum_loop("counter_sum", n);
}

BENCH_CASE(counter_sum_busy)
{
	(void)c;
	sum_loop("counter_sum_busy", n);
}

BENCH_INLINE struct bench_node *push_and_pop(const struct opv_freelist *f, struct bench_node *node)
{
	if (__builtin_expect(node != NULL, 1))
		opv_freelist_push(f, node, OPV_THIS_CPU);
	node = NULL;
	opv_freelist_pop(f, (void **)&node, OPV_THIS_CPU);
	return node;
}

BENCH_CASE(freelist_pair)
{
	struct opv_freelist f = S.freelist;
	struct bench_node *node = c->node;

	BENCH_REPEAT(n, node = push_and_pop(&f, node));
	c->node = node;
}

BENCH_INLINE uint64_t clock_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

/* The processor's own count, where it has one: what a tracer converts when it is read. */
BENCH_INLINE uint64_t clock_ticks(void)
{
#if defined(__x86_64__) || defined(__i386__)
	return __builtin_ia32_rdtsc();
#else
	return clock_ns();
#endif
}

/* Where the ring is overwritten a record may find the oldest one unfinished, and is dropped. */
#define RING_CASE(name, stamp)						\
	BENCH_CASE(name)						\
	{								\
		struct opv_ring r = S.ring;				\
		struct bench_record record = { 0, (uint64_t)c->index };	\
									\
		BENCH_REPEAT(n, (record.a = stamp,			\
				 opv_ring_write(&r, &record, sizeof(record), OPV_THIS_CPU))); \
		c->recorded += n;					\
	}
RING_CASE(ring_write, i_)
RING_CASE(ring_write_clock, clock_ns())
RING_CASE(ring_write_ticks, clock_ticks())

BENCH_CASE(clock)
{
	(void)c;
	BENCH_REPEAT(n, clock_ns());
}

BENCH_INLINE void read_lock_and_unlock(struct opv_rwlock *rw)
{
	if (!opv_rwlock_read_lock(rw)) {
		BENCH_BARRIER();
		opv_rwlock_read_unlock(rw);
	}
}

BENCH_CASE(rwlock_read)
{
	struct opv_rwlock rw = S.rwlock;

	(void)c;
	BENCH_REPEAT(n, read_lock_and_unlock(&rw));
}

BENCH_CASE(pthread_rwlock_read)
{
	(void)c;
	BENCH_REPEAT(n, (pthread_rwlock_rdlock(&S.plain_rwlock),
			 pthread_rwlock_unlock(&S.plain_rwlock)));
}

BENCH_CASE(rwlock_write)
{
	struct opv_rwlock rw = S.rwlock;
	int ret = 0;

	(void)c;
	BENCH_REPEAT(n, (ret = opv_rwlock_write_lock(&rw), opv_rwlock_write_unlock(&rw)));
	bench_expect("rwlock_write", ret, 0);
}

BENCH_CASE(ref_pair)
{
	struct opv_ref *ref = &S.ref;

	(void)c;
	BENCH_REPEAT(n, (opv_ref_get(ref, OPV_THIS_CPU), opv_ref_put(ref, OPV_THIS_CPU)));
}

/* A reference taken, and one given back with a look whether it was the last. */
BENCH_INLINE void get_and_put(_Atomic uint64_t *count)
{
	atomic_fetch_add_explicit(count, 1, memory_order_relaxed);
	BENCH_BARRIER();
	if (__builtin_expect(atomic_fetch_sub_explicit(count, 1, memory_order_acq_rel) == 1, 0))
		bench_expect("atomic references", 1, 0);
}

static _Alignas(128) _Atomic uint64_t shared_refs = 1;

BENCH_CASE(atomic_ref)
{
	(void)c;
	BENCH_REPEAT(n, get_and_put(&shared_refs));
}

BENCH_INLINE void take_and_release(struct opv_lock *l)
{
	int cpu = opv_cpu();

	if (!opv_lock_take(l, cpu)) {
		BENCH_BARRIER();
		opv_lock_release(l, cpu);
	}
}

BENCH_CASE(lock_pair)
{
	struct opv_lock l = S.lock;

	(void)c;
	BENCH_REPEAT(n, take_and_release(&l));
}

BENCH_INLINE void alloc_and_free(const struct opv_pool *p)
{
	void *object;

	if (!opv_pool_alloc(p, &object)) {
		BENCH_BARRIER();
		opv_pool_free(p, object);
	}
}

BENCH_CASE(pool_pair)
{
	struct opv_pool p = S.pool;

	(void)c;
	BENCH_REPEAT(n, alloc_and_free(&p));
}

BENCH_INLINE void malloc_and_free(void)
{
	void *p = malloc(64);

	/* Else the compiler leaves out both. */
	__asm__ __volatile__("" : : "r"(p) : "memory");
	free(p);
}

BENCH_CASE(malloc_pair)
{
	(void)c;
	BENCH_REPEAT(n, malloc_and_free());
}
