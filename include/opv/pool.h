/* SPDX-License-Identifier: MIT */
#ifndef _OPV_POOL_H
#define _OPV_POOL_H

/*
 * Pools: a cache of objects in front of an allocator of the program's own.
 *
 * Each CPU has a magazine, an array of pointers to free objects: opv_pool_alloc() takes
 * the last one, opv_pool_free() appends.  When a magazine is empty or full, a batch
 * comes from or goes to a depot, of which each NUMA node has one; when that has none or no
 * room, the callbacks of the program are asked, a batch at a time.
 *
 *	struct opv_pool_options o = { .size = sizeof(o), .alloc = get, .free = put };
 *	struct opv_pool pool;
 *
 *	opv_pool_init(&pool, NULL, &o);
 *	ret = opv_pool_alloc(&pool, &object);
 *	...
 *	opv_pool_free(&pool, object);
 *
 * What is like what: the magazines of Bonwick's slab allocator, or tcmalloc's per-CPU caches.
 * The one difference that bites: the pool never looks into an object, so anything that
 * is a word other than NULL will do; it does not tell one that was given back twice either.
 *
 * Why arrays and not lists through the objects: the length says how full a magazine is,
 * which a list does not know (<opv/freelist.h>), so that memory is bounded; no object is
 * touched, so that a cold one costs nothing; and the word that the last store of each
 * operation goes to has room for a number of the operation beside the length.  That number
 * makes one compare enough, and tells idle CPUs from busy ones for nothing:
 *
 *	word = operations << 16 | length
 *
 *	alloc:	w = word; if (!length(w)) slow; *object = objects[length(w) - 1]
 *		opv_cmpeq_store(word, w, w + (1 << 16) - 1)
 *	free:	w = word; if (length(w) >= capacity) slow
 *		opv_cmpeq_store_store(word, w, objects[length(w)], object, w + (1 << 16) + 1)
 *
 * A thread that is moved to another CPU just then finishes as the CPU that it was on, by
 * a fence: slower, the same result.
 *
 * The capacity of a magazine adapts: it begins with a batch, grows by one when a CPU
 * lacks objects and room in turn, up to the limit (one that only takes or only gives gains
 * nothing by more), shrinks by a quarter at each opv_pool_trim() without a miss since
 * the last, and is 0 again when the CPU was idle.
 *
 * Memory that is kept is bounded: capacity objects for each CPU that was used, and depot
 * batches; the pool itself takes 8 bytes for each of them.
 *
 * NUMA: each CPU's magazine is memory of its node, takes from its node's depot, and
 * alloc is told the node.  An object that is freed on another node stays in that CPU's
 * magazine for its next use there; with home() it goes to the depot that it is of
 * when it leaves, without to that of the CPU that it leaves.  Depots need not be nodes:
 * nr_depots and depot_of_cpu() say what they are, caches that several CPUs share, say.
 *
 * Not in shared domains: the depots are the process's own.  fork() copies a pool with all
 * objects in it; what another thread was just moving is lost to the child.
 *
 * Results: 0 done; 1 (try only) the callbacks would have been needed; -errno, nothing was
 * done.
 *
 * Life: opv_pool_init() -> use -> opv_pool_fini().  The struct may be copied; its fields
 * are the library's.
 *
 * may A run while B does?	alloc, free	try	trim, drain	stats	fini
 *  alloc, free, try		yes		yes	yes		yes	no
 *  trim, drain, stats		yes		yes	yes		yes	no
 *  fork			yes		yes	yes		yes	no
 */

#include <stddef.h>
#include <stdint.h>

#include <opv/call.h>

OPV_BEGIN_DECLS

#define OPV_POOL_BATCH_MAX	128
#define OPV_POOL_CAPACITY_MAX	4096

/*
 * size is sizeof(struct opv_pool_options) of the program; fields behind it are taken as 0.
 * 0 means the default in every field but alloc and free, which must be there.  The pool
 * calls them from within alloc, free, trim, drain and fini, in the thread that called, with
 * no lock held and no signal blocked; they may use the pool themselves, but for trim,
 * drain and fini.
 */
struct opv_pool_options {
	size_t size;

	/* Up to n objects into objects[]; answers how many, 0 for lack of memory, or -errno. */
	int (*alloc)(void *arg, void **objects, int n, int depot);
	/* n objects back; cannot fail. */
	void (*free)(void *arg, void **objects, int n);
	void *arg;

	uint32_t batch;		/* objects that move at once, up to OPV_POOL_BATCH_MAX; default 32 */
	uint32_t capacity;	/* most objects of a magazine, batch to OPV_POOL_CAPACITY_MAX; default 512 */
	uint32_t depot;		/* most batches in all depots together, up to 65536; default 64 */

	uint32_t nr_depots;	/* up to 1024; default: the NUMA nodes */
	int (*depot_of_cpu)(void *arg, int cpu);	/* asked once; default: the CPU's node */
	int (*home)(void *arg, void *object);		/* its depot; default: where it is freed */
};

/* What a CPU has. */
struct opv_pool_magazine {
	intptr_t word;		/* operations << 16 | length */
	uint32_t capacity;	/* never more than there is room for */
	uint32_t lacked;	/* what at the last miss: 1 objects, 2 room */
	uint64_t counts[6];
	intptr_t objects[];
};

struct opv_pool_central;

struct opv_pool {
	struct opv_domain *domain;
	struct opv_pool_magazine *magazines;	/* a handle */
	struct opv_pool_central *central;
};

/* Parts of a word. */
#define OPV_POOL_LENGTH		((uintptr_t)0xffff)
#define OPV_POOL_OPERATION	((uintptr_t)0x10000)

/*
 * opv_pool_init - make a pool, empty
 * @p: filled; untouched on error
 * @d: the domain that the magazines are of, NULL for the default one
 * @options: see there
 *
 * Errors: -EINVAL a callback is missing, a number is too large, an unknown tail, a depot
 * that there is not, or the domain is a shared one; -ENOMEM.
 *
 * Thread-safe, async-signal-safe.
 */
int opv_pool_init(struct opv_pool *p, struct opv_domain *d,
		  const struct opv_pool_options *options);

/*
 * opv_pool_fini - free all objects in the pool, and unmake it
 * @p: in use by nobody
 *
 * Objects that were not given back are the caller's.
 *
 * Errors: those of opv_free(); the objects are freed nevertheless.
 *
 * Thread-safe, async-signal-safe; so far as the callbacks are.
 */
int opv_pool_fini(struct opv_pool *p);

/* When a magazine is empty or full, and all else.  Not for callers; src/pool.c. */
int opv_pool_alloc_slow(const struct opv_pool *p, void **object, int try_only)
	__attribute__((__cold__));
int opv_pool_free_slow(const struct opv_pool *p, void *object, int try_only)
	__attribute__((__cold__));

/*
 * opv_pool_alloc - take an object
 * @object: gets it; untouched on error
 *
 * When nothing else is left, depots of other nodes and magazines of other CPUs are
 * looked through.
 *
 * Errors: -ENOMEM none was found (what another thread is just moving is not seen); what the
 * alloc callback answers.
 *
 * Thread-safe, async-signal-safe; when a callback is called, so far as that is.
 */
/*
 * opv_pool_try_alloc - take an object without calling the program's callbacks
 *
 * Result: 0; 1 none was found in this CPU's magazine and the depots.
 *
 * Thread-safe, async-signal-safe.
 */
OPV_CALL int opv_pool_take(const struct opv_pool *p, void **object, int try_only)
{
	int cpu = opv_cpu();
	struct opv_pool_magazine *m = (struct opv_pool_magazine *)opv_ptr_(p->magazines, cpu);
	uintptr_t w = (uintptr_t)__atomic_load_n(&m->word, __ATOMIC_ACQUIRE);
	uintptr_t top = (w & OPV_POOL_LENGTH) - 1;
	intptr_t got;
	int ret;

	if (__builtin_expect(w & OPV_POOL_LENGTH, 1)) {
		got = __atomic_load_n(&m->objects[top], __ATOMIC_RELAXED);
#if UINTPTR_MAX > 0xffffffff
		ret = opv_cmpeq_store_release(&p->magazines->word, (intptr_t)w,
					      (intptr_t)(w + OPV_POOL_OPERATION - 1), cpu);
#else
		/* Too few operations before the word is the same again: the object must be, too. */
		ret = opv_cmpeq_cmpeq_store_release(&p->magazines->word, (intptr_t)w,
						    &p->magazines->objects[top], got,
						    (intptr_t)(w + OPV_POOL_OPERATION - 1), cpu);
#endif
		if (__builtin_expect(ret == 0, 1)) {
			*object = (void *)got;
			return 0;
		}
	}
	return opv_pool_alloc_slow(p, object, try_only);
}

OPV_CALL int opv_pool_alloc(const struct opv_pool *p, void **object)
{
	return opv_pool_take(p, object, 0);
}

OPV_CALL int opv_pool_try_alloc(const struct opv_pool *p, void **object)
{
	return opv_pool_take(p, object, 1);
}

/*
 * opv_pool_free - give an object back
 * @object: of the pool's alloc callback, or anything that its free callback takes
 *
 * Result: 0, always.
 *
 * Thread-safe, async-signal-safe; when a callback is called, so far as that is.
 */
/*
 * opv_pool_try_free - give an object back without calling the program's callbacks
 *
 * home() is called.
 *
 * Result: 0; 1 magazine and depots are full, the object stays the caller's.
 *
 * Thread-safe, async-signal-safe; so far as home() is.
 */
OPV_CALL int opv_pool_give(const struct opv_pool *p, void *object, int try_only)
{
	int cpu = opv_cpu();
	struct opv_pool_magazine *m = (struct opv_pool_magazine *)opv_ptr_(p->magazines, cpu);
	uintptr_t w = (uintptr_t)__atomic_load_n(&m->word, __ATOMIC_ACQUIRE);
	uintptr_t length = w & OPV_POOL_LENGTH;

	if (__builtin_expect(length < __atomic_load_n(&m->capacity, __ATOMIC_RELAXED), 1)) {
		int ret = opv_cmpeq_store_store_release(&p->magazines->word, (intptr_t)w,
							&p->magazines->objects[length],
							(intptr_t)object,
							(intptr_t)(w + OPV_POOL_OPERATION + 1), cpu);

		if (__builtin_expect(ret == 0, 1))
			return 0;
	}
	return opv_pool_free_slow(p, object, try_only);
}

OPV_CALL int opv_pool_free(const struct opv_pool *p, void *object)
{
	return opv_pool_give(p, object, 0);
}

OPV_CALL int opv_pool_try_free(const struct opv_pool *p, void *object)
{
	return opv_pool_give(p, object, 1);
}

/*
 * opv_pool_trim - free what was not needed since the last trim
 *
 * The magazines of CPUs that did nothing since then, and of CPUs that are offline, are
 * emptied, by vectors under one fence; a CPU that begins to work meanwhile keeps its
 * objects.  Of the depots go as many batches as were there all the time.  Call it now
 * and then: each minute, or when memory gets short.
 *
 * Errors: -ENOMEM no memory for the work; those of opv_vectors().  What was emptied
 * before is freed.
 *
 * Thread-safe, async-signal-safe; so far as the callbacks are.
 */
int opv_pool_trim(const struct opv_pool *p);

/*
 * opv_pool_drain - free all objects in the pool
 *
 * All magazines are emptied at one moment, busy or not, then the depots.  Objects that are
 * given back after that moment stay.
 *
 * Errors: -ENOMEM no memory for the work; those of opv_fence().
 *
 * Thread-safe, async-signal-safe; so far as the callbacks are.
 */
int opv_pool_drain(const struct opv_pool *p);

/* THE list of statistics: of each CPU, and of the pool. */
#define OPV_POOL_CPU_STATS(X)							\
	X(underflows, "times that a magazine was empty")			\
	X(overflows, "times that a magazine was full")				\
	X(grown, "times that a capacity grew")					\
	X(shrunk, "times that a capacity shrank")				\
	X(trimmed, "objects that trims took from magazines")			\
	X(stolen, "objects that other CPUs took from magazines")

#define OPV_POOL_STATS(X)							\
	X(operations, "times that a magazine changed")				\
	X(cached, "objects in magazines")					\
	X(capacity, "objects that magazines take at present")			\
	OPV_POOL_CPU_STATS(X)							\
	X(stored, "objects in depots")						\
	X(allocated, "objects that came from the alloc callback")		\
	X(freed, "objects that went to the free callback")

struct opv_pool_stats {
#define X(name, what) uint64_t name;
	OPV_POOL_STATS(X)
#undef X
};

/*
 * opv_pool_stats - what a pool holds and did, about
 * @cpu: a CPU, or OPV_ALL_CPUS for the sum; the last three are of the pool, 0 for one CPU
 * @stats: filled; bytes behind what this library knows become 0
 * @size: sizeof(struct opv_pool_stats) of the program
 *
 * Errors: -EINVAL no such CPU.
 *
 * Thread-safe, async-signal-safe.
 */
int opv_pool_stats(const struct opv_pool *p, int cpu, struct opv_pool_stats *stats, size_t size);

OPV_END_DECLS

#endif /* _OPV_POOL_H */
