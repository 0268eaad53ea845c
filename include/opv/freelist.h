/* SPDX-License-Identifier: MIT */
#ifndef _OPV_FREELIST_H
#define _OPV_FREELIST_H

/*
 * Free lists: a LIFO list of nodes for each CPU, linked through the nodes.
 *
 *	struct buffer { void *next; char data[56]; } *b;
 *	struct opv_freelist f;
 *
 *	opv_freelist_init(&f, NULL, offsetof(struct buffer, next), 0);
 *	ret = opv_freelist_pop(&f, (void **)&b, OPV_THIS_CPU);
 *	...
 *	opv_freelist_push(&f, b, OPV_THIS_CPU);
 *
 * What is like what: a lock-free stack (lfstack, llist), of which each CPU has one.
 * The one difference that bites: a node goes to the list of the CPU that pushes it,
 * so the CPU that frees may pile up what another one allocates.  Steal, or drain.
 *
 * A push is one opv_push_release(), a pop one opv_cmpne_load_off_acquire(); that
 * is what they cost.  A node is the list's from the push until the pop.  A node that
 * was popped is not read any more, by nobody, and may be unmapped at once: whoever was
 * about to read its next pointer is aborted before it does.
 *
 * The plain list is not counted.  A count is a second word, and two words in one step
 * are a local vector, at ten times the price of a push.  Three ways to know:
 * opv_freelist_count_exact() walks a list behind its closed gate; OPV_FREELIST_COUNTED
 * keeps a count beside the list by a second section (three to five times the price, never
 * less than what the list holds, see below); and an array with an index has its count for nothing
 * (<opv/pool.h>).
 *
 * cpu is a CPU's number, online or not, or OPV_THIS_CPU.
 *
 * Results: 0 done; 1 the list was empty (pops only); -errno as of all calls
 * (<opv/call.h>), nothing was done.
 *
 * Shared domains: addresses of nodes are stored, so all processes must have nodes and
 * domain at the same place; those that fork() made after opv_freelist_init() do.  A
 * process that is killed keeps what it had popped, and what it was about to push.
 *
 * Life: opv_freelist_init() -> use -> opv_freelist_fini().  The struct may be copied;
 * its fields are the library's.
 *
 * may A run while B does?	push/pop	batches, steal	drain	count	fini
 *  push, pop, batches		yes		yes		yes	yes	no
 *  steal, drain, count		yes		yes		yes	yes	no
 *  fork			yes		yes		yes	yes	no
 */

#include <stddef.h>
#include <stdint.h>

#include <opv/call.h>

OPV_BEGIN_DECLS

enum opv_freelist_flags {
	/* Keep a count of each list: opv_freelist_count(). */
	OPV_FREELIST_COUNTED = 1 << 0,
};

/* What a CPU has. */
struct opv_freelist_head {
	intptr_t first;
	intptr_t count;
};

struct opv_freelist {
	struct opv_domain *domain;
	struct opv_freelist_head *heads;	/* a handle */
	ptrdiff_t next;				/* bytes from a node to its next pointer */
	uint32_t flags;				/* enum opv_freelist_flags */
};

/* Nodes that are linked and belong to the caller; last's next pointer means nothing. */
struct opv_freelist_chain {
	void *first, *last;	/* NULL when nr is 0 */
	size_t nr;
};

/*
 * opv_freelist_init - make a list for each CPU, all empty
 * @f: filled; untouched on error
 * @d: the domain, NULL for the default one
 * @next: bytes from the beginning of a node to a pointer in it that is the list's
 *	while the node is in the list; a multiple of the size of a pointer
 * @flags: enum opv_freelist_flags
 *
 * Errors: -EINVAL an unknown flag, a bad offset; those of opv_alloc().
 *
 * Thread-safe, async-signal-safe.
 */
int opv_freelist_init(struct opv_freelist *f, struct opv_domain *d, size_t next,
		      unsigned int flags);

/*
 * opv_freelist_fini - unmake the lists
 * @f: in use by nobody
 *
 * Nodes that are still in them are the caller's: drain first.
 *
 * Errors: those of opv_free().
 *
 * Thread-safe, async-signal-safe.
 */
int opv_freelist_fini(struct opv_freelist *f);

/* The ways of counted lists and of what is rare.  Not for callers; src/freelist.c. */
int opv_freelist_push_counted(const struct opv_freelist *f, void *first, void *last, size_t nr,
			      int cpu) __attribute__((__cold__));
int opv_freelist_pop_counted(const struct opv_freelist *f, void **node, int cpu)
	__attribute__((__cold__));
int opv_freelist_pop_all_counted(const struct opv_freelist *f, void **first, int cpu)
	__attribute__((__cold__));

/*
 * opv_freelist_push - put a node in front
 * @node: the caller's until now; its next pointer is written even on error
 *
 *	node->next = first; first = node
 *
 * What precedes it in the program is seen by whoever pops the node.
 *
 * Thread-safe, async-signal-safe.
 */
OPV_CALL int opv_freelist_push(const struct opv_freelist *f, void *node, int cpu)
{
	if (__builtin_expect(f->flags != 0, 0))
		return opv_freelist_push_counted(f, node, node, 1, cpu);
	return opv_push_release(&f->heads->first, f->next, node, cpu);
}

/*
 * opv_freelist_pop - take the node in front
 * @node: gets it; untouched otherwise
 *
 *	if (!first) return 1; *node = first; first = first->next
 *
 * Thread-safe, async-signal-safe.
 */
OPV_CALL int opv_freelist_pop(const struct opv_freelist *f, void **node, int cpu)
{
	intptr_t got;
	int ret;

	if (__builtin_expect(f->flags != 0, 0))
		return opv_freelist_pop_counted(f, node, cpu);
	ret = opv_cmpne_load_off_acquire(&f->heads->first, 0, f->next, &got, cpu);
	if (__builtin_expect(ret == 0, 1))
		*node = (void *)got;
	return ret;
}

/*
 * opv_freelist_next - what a node of the caller's is linked to
 * opv_freelist_chain_add - put a node of the caller's in front of a chain of the caller's
 * @c: made by opv_freelist_pop_n() or opv_freelist_steal(), or all zero
 *
 * The chain is the caller's: one thread at a time.
 *
 * Thread-safe, async-signal-safe.
 */
OPV_CALL void *opv_freelist_next(const struct opv_freelist *f, const void *node)
{
	return (void *)__atomic_load_n((intptr_t *)((uintptr_t)node + (uintptr_t)f->next),
				       __ATOMIC_RELAXED);
}

OPV_CALL void opv_freelist_chain_add(const struct opv_freelist *f, struct opv_freelist_chain *c,
				     void *node)
{
	__atomic_store_n((intptr_t *)((uintptr_t)node + (uintptr_t)f->next), (intptr_t)c->first,
			 __ATOMIC_RELAXED);
	c->first = node;
	if (!c->nr++)
		c->last = node;
}

/*
 * opv_freelist_push_chain - put a chain in front, in one commit
 * @c: the caller's until now; nobody sees a part of it in the list.  When empty, nothing
 *	is done
 *
 *	c->last->next = first; first = c->first
 *
 * Costs a push, however long the chain is.
 *
 * Thread-safe, async-signal-safe.
 */
OPV_CALL int opv_freelist_push_chain(const struct opv_freelist *f,
				     const struct opv_freelist_chain *c, int cpu)
{
	if (!c->nr)
		return 0;
	if (__builtin_expect(f->flags != 0, 0))
		return opv_freelist_push_counted(f, c->first, c->last, c->nr, cpu);
	/* A push of first whose next pointer lies in last. */
	return opv_push_release(&f->heads->first,
				(ptrdiff_t)((uintptr_t)c->last - (uintptr_t)c->first) + f->next,
				c->first, cpu);
}

/*
 * opv_freelist_pop_all - take all nodes of a CPU, in one commit
 * @first: gets the node in front; opv_freelist_next() of the last one is NULL;
 *	untouched otherwise
 *
 *	if (!first) return 1; *first = first; first = NULL
 *
 * Thread-safe, async-signal-safe.
 */
OPV_CALL int opv_freelist_pop_all(const struct opv_freelist *f, void **first, int cpu)
{
	intptr_t got;
	int ret;

	if (__builtin_expect(f->flags != 0, 0))
		return opv_freelist_pop_all_counted(f, first, cpu);
#if UINTPTR_MAX > 0xffffffff
	ret = opv_xchg64_acquire((uint64_t *)&f->heads->first, 0, (uint64_t *)&got, cpu);
#else
	ret = opv_xchg32_acquire((uint32_t *)&f->heads->first, 0, (uint32_t *)&got, cpu);
#endif
	if (ret)
		return ret;
	if (!got)
		return 1;
	*first = (void *)got;
	return 0;
}

/*
 * opv_freelist_empty - is the list of a CPU empty, a moment ago?
 * @cpu: 0 <= cpu < opv_domain_cpus(), not checked
 *
 * A look at its head: not an operation, and no fence.
 *
 * Thread-safe, async-signal-safe.
 */
OPV_CALL int opv_freelist_empty(const struct opv_freelist *f, int cpu)
{
	const struct opv_freelist_head *h = (const struct opv_freelist_head *)opv_ptr_(f->heads, cpu);

	return !__atomic_load_n(&h->first, __ATOMIC_RELAXED);
}

/*
 * opv_freelist_pop_n - take up to n nodes
 * @c: gets them, in the order of pops; nothing is kept of what it was
 *
 * On this CPU as many pops as there are nodes to take: others may come between them,
 * and with OPV_THIS_CPU the thread may move.  On another CPU up to 256 nodes at a time
 * are taken in one step, under one fence.
 *
 * Result: 0 when there is at least one, 1 when there is none; -errno, none were taken.
 *
 * Thread-safe, async-signal-safe.
 */
int opv_freelist_pop_n(const struct opv_freelist *f, size_t n, struct opv_freelist_chain *c,
		       int cpu);

/*
 * opv_freelist_steal - take half of the nodes of another CPU, in one step
 * @max: at most so many, 1 to 4096 count
 * @c: gets them: those in front, rounded up; nothing is kept of what it was
 * @cpu: whose; or OPV_ALL_CPUS, the next one after this CPU whose list is not empty
 *
 * Half, so that thieves and owners do not take the same nodes from each other over
 * and over.  One fence, none for a list that looks empty.  The gate of that CPU is
 * closed, and signals of this thread are blocked, while up to 2 * max nodes are walked.
 *
 * Result: 0 when there is at least one, 1 when there is none; -errno, none were taken.
 *
 * Thread-safe, async-signal-safe.
 */
int opv_freelist_steal(const struct opv_freelist *f, size_t max, struct opv_freelist_chain *c,
		       int cpu);

/*
 * opv_freelist_drain - take all nodes of all CPUs, under one fence
 * @first: an array of opv_domain_cpus() pointers, gets what opv_freelist_pop_all() of
 *	each CPU would have given, NULL for none; all NULL on error
 *
 * All lists are emptied at the same moment.  (Of one CPU: opv_freelist_pop_all().)
 *
 * Errors: those of opv_fence(), nothing was taken.
 *
 * Thread-safe, async-signal-safe.
 */
int opv_freelist_drain(const struct opv_freelist *f, void **first);

/*
 * opv_freelist_count - how many nodes there are, cheaply
 * @f: made with OPV_FREELIST_COUNTED
 * @cpu: a CPU, OPV_THIS_CPU or OPV_ALL_CPUS for the sum
 *
 * A node is counted just before it is pushed and discounted just after it was popped,
 * as the same CPU: a CPU's count is never less than what its list holds, and more only
 * by what is under way.  (A thread that is killed there, or whose discounting ends in an
 * error, leaves it too large.)
 *
 * Result: the count; -EINVAL no such CPU, or the list is not a counted one.
 *
 * Thread-safe, async-signal-safe.
 */
int64_t opv_freelist_count(const struct opv_freelist *f, int cpu);

/*
 * opv_freelist_count_exact - how many nodes there are, at one moment
 * @cpu: a CPU, OPV_THIS_CPU, or OPV_ALL_CPUS for all lists, at the same moment
 *
 * The gates are closed, and signals of this thread are blocked, while the lists are
 * walked, under one fence; for one CPU whose list looks empty there is none.
 *
 * Result: the count; -errno.
 *
 * Thread-safe, async-signal-safe.
 */
int64_t opv_freelist_count_exact(const struct opv_freelist *f, int cpu);

OPV_END_DECLS

#endif /* _OPV_FREELIST_H */
