/* SPDX-License-Identifier: MIT */
#ifndef _MALLOC_CACHE_H
#define _MALLOC_CACHE_H

/*
 * The inside of libopv-malloc.so: for each CPU and size class a list of free blocks.
 *
 * Every block is one of libc's, always: nothing is put in front of it, and where it
 * came from makes no difference to where it goes.  So whatever cannot be cached now, too
 * early, too large, in the middle of fork, on a CPU that is being drained, is handed
 * to libc, and no call here ever waits.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <opv/opv.h>

#include "class.h"
#include "layout.h"

#define LIKELY(x)	__builtin_expect(!!(x), 1)
#define UNLIKELY(x)	__builtin_expect(!!(x), 0)

/* Nothing of this is exported, which saves the fast path a load for each variable. */
#pragma GCC visibility push(hidden)

struct block {
	struct block *next;
};

/*
 * What one CPU has.  head belongs to that CPU: sections and vectors only.  Memory of a
 * domain begins as zero, so a CPU begins as stopped, and a thread that finds it so starts
 * it (gate_start()).
 *
 * How long a list is would take another section to know.  So it is only known now and
 * then: each free takes one from room, and who finds none left takes the list,
 * counts it, gives back what is too much, and makes room for as many again.  room is a hint: who
 * is preempted between reading and writing it may let a few more in, until then.
 */
struct cache {
	struct block *head[NR_CLASSES];	/* NULL: stopped; the last one is cache_end */
	int32_t room[NR_CLASSES];
	uint8_t want[NR_CLASSES];	/* blocks of the next refill; a hint as well */

	/* gate.c, under its lock. */
	struct block *held[NR_CLASSES];	/* what head was when it was stopped */
	struct block *seen[NR_CLASSES];	/* what head was when we last looked */
};

#define ROOM		64
#define LIMIT_BYTES	32768	/* or four blocks; and as many again when room was just made */

/* Leads to itself, so that a section which takes it changes nothing. */
extern struct block cache_end;

extern struct cache *cache;		/* handle; NULL before it is there */

/*
 * Small sizes below this many bytes, of classes below this many, are for the fast path: all
 * of them, or none while every call is to be seen.
 */
extern size_t cache_fast_size;
extern unsigned int cache_fast_classes;

/* Blocks that a list may have when it is counted. */
static inline int class_limit(unsigned int c)
{
	size_t fit = LIMIT_BYTES / class_bytes(c);

	return fit > ROOM ? ROOM : fit < 4 ? 4 : (int)fit;
}

/*
 * Take a block of a class; NULL when there is none.
 *
 *	pop:	if (head == NULL) stop; p = head; head = p->next
 */
static inline void *cache_pop(struct cache *h, unsigned int c)
{
	intptr_t p;

	if (UNLIKELY(opv_cmpne_load_off((intptr_t *)&h->head[c], 0, offsetof(struct block, next),
					&p, OPV_THIS_CPU)))
		return NULL;
	return LIKELY((struct block *)p != &cache_end) ? (void *)p : NULL;
}

/*
 * Put blocks that are linked from first to last in front of a list; false when it is
 * stopped, or changes all the time.
 *
 *	push:	if (head != old) stop; head = first
 *
 * old is read before, on whatever CPU that is.  Where the section finds it, it is the head:
 * what lies behind it may have changed, and does not matter.
 */
static inline bool cache_push_to(struct cache *h, const struct cache *here, unsigned int c,
				 struct block *first, struct block *last)
{
	struct block *old = __atomic_load_n(&here->head[c], __ATOMIC_RELAXED);

	if (UNLIKELY(!old))
		return false;
	last->next = old;
	return LIKELY(!opv_cmpeq_store((intptr_t *)&h->head[c], (intptr_t)old, (intptr_t)first,
				       OPV_THIS_CPU));
}

/* opv_cpu() where that is a load; less than 0 where it is a call. */
static inline int cache_cpu(void)
{
	ptrdiff_t rseq = opv_rseq();

	return LIKELY(rseq) ? opv_rseq_read32(rseq, 4) : -1;
}

/* Keep a block; false when the slow half has to see to it.  cpu is where we are, or were. */
static inline bool cache_push(struct cache *h, int cpu, unsigned int c, void *p)
{
	struct cache *here = opv_ptr(h, cpu);
	int32_t room = __atomic_load_n(&here->room[c], __ATOMIC_RELAXED) - 1;

	if (UNLIKELY(room < 0))
		return false;
	__atomic_store_n(&here->room[c], room, __ATOMIC_RELAXED);
	return cache_push_to(h, here, c, p, p);
}

static inline bool is_stopped(int cpu)
{
	return !__atomic_load_n(&opv_ptr(cache, cpu)->head[0], __ATOMIC_RELAXED);
}

/* cache.c: what the fast path does not do. */
void *cache_alloc(size_t size);
void cache_release(void *p);
void cache_fast(bool on);
void *cache_libc_symbol(const char *name);	/* NULL: there is none */
int cache_free_all(struct block *first);	/* how many; first may be NULL */

/* gate.c: all that is done to a CPU's cache from outside. */
void gate_init(void);
bool gate_start(int cpu);	/* let a CPU that is stopped be used; false if not now */
void gate_tick(void);		/* called now and then; drains CPUs that are not used */
bool gate_drain(void);		/* all CPUs' blocks to libc; false if there was nothing to do */

/* shelf.c: lists on their way from one CPU to another.  The last three under gate.c's lock. */
bool shelf_put(unsigned int c, struct block *first);
struct block *shelf_get(unsigned int c);	/* NULL: there is none */
bool shelf_trim(bool all);	/* or what nobody touched since the last time; was there any? */
void shelf_close(void);		/* nothing is put or got until */
void shelf_open(void);

/* What allocates, once more with what the caches hoarded when libc has no memory. */
#define OR_DRAIN(allocate)							\
	({									\
		void *p_ = (allocate);						\
										\
		if (UNLIKELY(!p_) && gate_drain())				\
			p_ = (allocate);					\
		p_;								\
	})

/* attach.c: the counters of opv malloc-stat, where it watches; NULL otherwise. */
extern struct malloc_cpu *counts;
void counts_attach(void);

#define COUNT(c, name, n)							\
	do {									\
		if (UNLIKELY(counts))						\
			opv_add64(&counts->of[c].name, (uint64_t)(n), OPV_THIS_CPU); \
	} while (0)

#pragma GCC visibility pop

/* libc's allocator, by names that nobody takes the place of. */
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *p, size_t size);
void *__libc_memalign(size_t align, size_t size);
void *__libc_valloc(size_t size);
void *__libc_pvalloc(size_t size);
void __libc_free(void *p);

#endif /* _MALLOC_CACHE_H */
