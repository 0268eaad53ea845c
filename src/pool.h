/* SPDX-License-Identifier: MIT */
#ifndef _OPV_SRC_POOL_H
#define _OPV_SRC_POOL_H

/* The inside of a pool; what it is for stands in <opv/pool.h>. */

#include <opv/pool.h>

#include <stdatomic.h>
#include <stdbool.h>

#include "domain.h"

#define OPV_POOL_LACKED_OBJECTS	1
#define OPV_POOL_LACKED_ROOM	2

/* Indexes of counts[] of a magazine. */
enum opv_pool_count {
#define X(name, what) OPV_POOL_COUNT_##name,
	OPV_POOL_CPU_STATS(X)
#undef X
	OPV_POOL_NR_COUNTS
};

_Static_assert(OPV_POOL_NR_COUNTS == 6, "counts[] of struct opv_pool_magazine");
_Static_assert(offsetof(struct opv_pool_magazine, objects) == 64, "the header has one cache line");

/* A stack of batches: index + 1 of the first, 0 for none; above, how often it changed. */
typedef _Atomic uint64_t opv_pool_stack;

/*
 * Some objects on their way, owned by who popped it from a stack.  All batches of a pool
 * lie in one array as long as the pool lives, so the next of one that is gone may be read.
 */
struct opv_pool_batch {
	_Atomic uint32_t next;
	uint32_t nr;
	void *objects[];
};

struct opv_pool_depot {
	_Alignas(64) opv_pool_stack full;
	_Atomic int32_t nr;		/* batches in it, about */
	_Atomic int32_t low;		/* the least that it was since the last trim */
};

/* What trim remembers of a CPU. */
struct opv_pool_seen {
	_Atomic uintptr_t word;
	_Atomic uint64_t misses;
};

struct opv_pool_central {
	struct opv_pool_options o;	/* no field is 0 but home */
	size_t bytes;			/* of the mapping this is in */
	size_t batch_bytes;
	char *batches;
	struct opv_pool_seen *seen;	/* by CPU */
	uint16_t *depot_of_cpu;
	_Atomic uint64_t allocated, freed;
	_Atomic uint32_t fresh;		/* batches from here on were never used */
	_Alignas(64) opv_pool_stack empty;
	struct opv_pool_depot depots[];
};

static inline struct opv_pool_magazine *opv_pool_magazine(const struct opv_pool *p, int cpu)
{
	return (struct opv_pool_magazine *)opv_ptr_(p->magazines, cpu);
}

static inline uintptr_t opv_pool_word(const struct opv_pool_magazine *m)
{
	return (uintptr_t)__atomic_load_n(&m->word, __ATOMIC_ACQUIRE);
}

/* The word after one more operation, the length being len then. */
static inline intptr_t opv_pool_after(uintptr_t word, uintptr_t len)
{
	return (intptr_t)(((word & ~OPV_POOL_LENGTH) + OPV_POOL_OPERATION) | len);
}

#define opv_pool_count(m, name, n)						\
	__atomic_fetch_add(&(m)->counts[OPV_POOL_COUNT_##name], (n), __ATOMIC_RELAXED)

/*
 * Take the last n of the w & OPV_POOL_LENGTH objects of a CPU, if the word is still w.
 * Answers as a call.
 */
int opv_pool_cut(const struct opv_pool *p, int cpu, uintptr_t w, void **objects, uintptr_t n);

/* pool_depot.c: batches, by index; -1 for none. */
int opv_pool_batch_pop(struct opv_pool_central *c, int depot);	/* full of that depot */
void opv_pool_batch_push(struct opv_pool_central *c, int depot, int index);
int opv_pool_batch_new(struct opv_pool_central *c);
void opv_pool_batch_drop(struct opv_pool_central *c, int index);

static inline struct opv_pool_batch *opv_pool_batch(const struct opv_pool_central *c, int index)
{
	return (struct opv_pool_batch *)(c->batches + (size_t)index * c->batch_bytes);
}

/*
 * n objects into the depots that they are of, and through the callback what these have no
 * room for.
 */
void opv_pool_store(struct opv_pool_central *c, int cpu, void **objects, int n);

/* One object into its depot without callbacks, or false. */
bool opv_pool_store_one(struct opv_pool_central *c, int cpu, void *object);

/* Through the callback. */
void opv_pool_release(struct opv_pool_central *c, void **objects, int n);

/* Up to max batches of a depot, through the callback. */
void opv_pool_release_batches(struct opv_pool_central *c, int depot, int max);

#endif /* _OPV_SRC_POOL_H */
