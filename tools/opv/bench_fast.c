// SPDX-License-Identifier: MIT
/* The loops of everything that makes no system call. */
#define _GNU_SOURCE
#include <sched.h>
#include <stdatomic.h>

#include "bench.h"
#include "bench_list.h"

static __thread uint64_t plain;
static __thread uint64_t plain8[8] __attribute__((__aligned__(64)));
static __thread _Atomic uint64_t atomic8[8] __attribute__((__aligned__(64)));
static _Alignas(128) _Atomic uint64_t shared;

#define W bench_world

BENCH_CASE(empty)
{
	(void)c;
	BENCH_REPEAT(n, );
}

BENCH_CASE(tls_add)
{
	(void)c;
	/* From here on the barriers are about it. */
	__asm__ __volatile__("" : : "r"(&plain) : "memory");
	BENCH_REPEAT(n, plain++);
}

BENCH_CASE(tls_add_round)
{
	(void)c;
	__asm__ __volatile__("" : : "r"(plain8) : "memory");
	BENCH_REPEAT(n, plain8[BENCH_TURN]++);
}

BENCH_CASE(tls_add_amid)
{
	uint64_t x = n;

	(void)c;
	__asm__ __volatile__("" : : "r"(plain8) : "memory");
	BENCH_REPEAT(n, plain8[BENCH_DRAW(x)]++);
}

/* The old value is wanted, or the compiler makes it a lock add, which is no slower. */
#define XADD(p)								\
	do {								\
		uint64_t old_ = atomic_fetch_add(p, 1);			\
									\
		__asm__ __volatile__("" : : "r"(old_));			\
	} while (0)

BENCH_CASE(atomic_own)
{
	BENCH_REPEAT(n, XADD(&c->own));
}

BENCH_CASE(atomic_own_round)
{
	(void)c;
	BENCH_REPEAT(n, XADD(&atomic8[BENCH_TURN]));
}

BENCH_CASE(atomic_shared)
{
	(void)c;
	BENCH_REPEAT(n, XADD(&shared));
}

BENCH_CASE(getcpu)
{
	(void)c;
	BENCH_REPEAT(n, sched_getcpu());
}

static struct bench_per_cpu *per_cpu_here(void)
{
	return &W.per_cpu[sched_getcpu()];
}

BENCH_CASE(percpu_atomic)
{
	(void)c;
	BENCH_REPEAT(n, XADD(&per_cpu_here()->atomic));
}

static inline void add_locked(pthread_mutex_t *mutex, uint64_t *word)
{
	pthread_mutex_lock(mutex);
	(*word)++;
	pthread_mutex_unlock(mutex);
}

BENCH_CASE(mutex_own)
{
	BENCH_REPEAT(n, add_locked(&c->mutex, &c->guarded));
}

static inline void add_locked_here(struct bench_per_cpu *p)
{
	add_locked(&p->mutex, p->words);
}

BENCH_CASE(percpu_mutex)
{
	(void)c;
	BENCH_REPEAT(n, add_locked_here(per_cpu_here()));
}

/* What is the same in a loop is read before it, for all cases alike. */
#define CALL_CASE(name, type, handle, call)				\
BENCH_CASE(name)							\
{									\
	type *h = handle;						\
									\
	(void)c;							\
	BENCH_REPEAT(n, call);						\
}

CALL_CASE(add64, uint64_t, W.added64, opv_add64(h, 1, OPV_THIS_CPU))
CALL_CASE(add64_round, uint64_t, W.round64, opv_add64(h + BENCH_TURN, 1, OPV_THIS_CPU))

BENCH_CASE(add64_amid)
{
	uint64_t *h = W.round64, x = n;

	(void)c;
	BENCH_REPEAT(n, opv_add64(h + BENCH_DRAW(x), 1, OPV_THIS_CPU));
}

CALL_CASE(add64_cid, uint64_t, W.cid64, opv_add64_cid(h, 1, OPV_THIS_CID))
CALL_CASE(add64_cid_round, uint64_t, W.cid64, opv_add64_cid(h + BENCH_TURN, 1, OPV_THIS_CID))
CALL_CASE(add8, uint8_t, W.count8, opv_add8(h, 1, OPV_THIS_CPU))
CALL_CASE(add16, uint16_t, W.count16, opv_add16(h, 1, OPV_THIS_CPU))
CALL_CASE(add32, uint32_t, W.count32, opv_add32(h, 1, OPV_THIS_CPU))
CALL_CASE(add64_cpu, uint64_t, W.added64, opv_add64(h, 1, opv_cpu()))
CALL_CASE(or64, uint64_t, W.count64 + 1, opv_or64(h, 1, OPV_THIS_CPU))
CALL_CASE(add64_counted, uint64_t, W.added64, opv_add64(h, 1, OPV_THIS_CPU))
CALL_CASE(add64_forced_1, uint64_t, W.added64, opv_add64(h, 1, OPV_THIS_CPU))
CALL_CASE(add64_forced_100, uint64_t, W.added64, opv_add64(h, 1, OPV_THIS_CPU))

#define FETCH_CASE(name, call)						\
BENCH_CASE(name)							\
{									\
	uint64_t *h = W.count64 + 2, old;				\
									\
	(void)c;							\
	BENCH_REPEAT(n, call);						\
}

FETCH_CASE(fetch_add64, opv_fetch_add64(h, 1, &old, OPV_THIS_CPU))
FETCH_CASE(xchg64, opv_xchg64(h + 1, n, &old, OPV_THIS_CPU))

/* Calls that compare: that they succeed is looked at once, after the loop. */
#define COMPARE_CASE(name, call)					\
BENCH_CASE(name)							\
{									\
	char *dst = W.copy, *src = W.source;				\
	uint64_t *h = W.count64 + 4, old;				\
	intptr_t *word = W.word;					\
									\
	(void)c, (void)h, (void)old, (void)word, (void)dst, (void)src;	\
	BENCH_REPEAT(n, call);						\
	bench_expect(#name, call, 0);					\
}

COMPARE_CASE(cmpxchg64, opv_cmpxchg64(h, 0, 0, &old, OPV_THIS_CPU))
COMPARE_CASE(cmpeq_store, opv_cmpeq_store(word, 0, 0, OPV_THIS_CPU))
COMPARE_CASE(copy_store_16, opv_cmpeq_copy_store(word, 0, dst, src, 16, 0, OPV_THIS_CPU))
COMPARE_CASE(copy_store_64, opv_cmpeq_copy_store(word, 0, dst, src, 64, 0, OPV_THIS_CPU))
COMPARE_CASE(copy_store_256, opv_cmpeq_copy_store(word, 0, dst, src, 256, 0, OPV_THIS_CPU))
COMPARE_CASE(copy_store_1024, opv_cmpeq_copy_store(word, 0, dst, src, 1024, 0, OPV_THIS_CPU))
COMPARE_CASE(copy_store_4096, opv_cmpeq_copy_store(word, 0, dst, src, 4096, 0, OPV_THIS_CPU))

BENCH_CASE(min64)
{
	uint64_t *h = W.count64 + 5;

	(void)c;
	opv_max64(h, UINT64_MAX, OPV_THIS_CPU);
	BENCH_REPEAT(n, opv_min64(h, ~i_, OPV_THIS_CPU));
}

/*
 * head may be that of another CPU by the time it is compared; if the values are
 * the same nevertheless then so is what next must be.
 */
BENCH_INLINE void push(intptr_t *head, struct bench_node *node)
{
	opv_push_release(head, offsetof(struct bench_node, next), node, OPV_THIS_CPU);
}

BENCH_INLINE struct bench_node *pop(intptr_t *head)
{
	intptr_t node;

	return opv_cmpne_load_off(head, 0, offsetof(struct bench_node, next), &node,
				  OPV_THIS_CPU) ? NULL : (struct bench_node *)node;
}

BENCH_INLINE struct bench_node *push_and_pop(intptr_t *head, struct bench_node *node)
{
	if (__builtin_expect(node != NULL, 1))
		push(head, node);
	return pop(head);
}

BENCH_CASE(push_pop)
{
	struct bench_node *node = c->node;
	intptr_t *head = W.head;

	BENCH_REPEAT(n, node = push_and_pop(head, node));
	c->node = node;
}

/* The word of the CPU, and the CPU's number as well: the thread may have moved. */
#define AT_CASE(name, type, word, call)					\
BENCH_CASE(name)							\
{									\
	struct bench_per_cpu *base = W.per_cpu;				\
	struct opv_domain *d = W.dflt;					\
	uint64_t old;							\
	type *p;							\
	int cpu;							\
									\
	(void)c, (void)old;						\
	BENCH_REPEAT(n, (cpu = opv_cpu(), p = (type *)&base[cpu].words[word], call)); \
	bench_expect(#name, (cpu = opv_cpu(), p = (type *)&base[cpu].words[word], call), 0); \
}

AT_CASE(add8_at, uint8_t, 1, opv_add8_at(d, p, 1, cpu))
AT_CASE(add16_at, uint16_t, 1, opv_add16_at(d, p, 1, cpu))
AT_CASE(add32_at, uint32_t, 1, opv_add32_at(d, p, 1, cpu))
AT_CASE(add64_at, uint64_t, 1, opv_add64_at(d, p, 1, cpu))
AT_CASE(xchg64_at, uint64_t, 2, opv_xchg64_at(d, p, n, &old, cpu))
AT_CASE(cmpxchg64_at, uint64_t, 3, opv_cmpxchg64_at(d, p, 0, 0, &old, cpu))
AT_CASE(or64_at, uint64_t, 4, opv_or64_at(d, p, 1, cpu))
BENCH_CASE(min64_at)
{
	struct bench_per_cpu *base = W.per_cpu;
	struct opv_domain *d = W.dflt;
	int cpu = opv_cpu();

	(void)c;
	opv_max64_at(d, &base[cpu].words[5], UINT64_MAX, cpu);
	BENCH_REPEAT(n, (cpu = opv_cpu(), opv_min64_at(d, &base[cpu].words[5], ~i_, cpu)));
}
