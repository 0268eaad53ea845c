// SPDX-License-Identifier: MIT
/*
 * Userspace RCU, the memb flavour, as its users use it.  _LGPL_SOURCE: read side and stacks
 * are inline functions, the fastest way to have them.
 */
#define _GNU_SOURCE
#define _LGPL_SOURCE
#include <urcu/urcu-memb.h>
#include <urcu/lfstack.h>
#include <urcu/tls-compat.h>
#include <urcu/uatomic.h>
#include <urcu/wfstack.h>

#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "peer.h"

#define CACHE_LINE 128

/* A thread's own; none of them ends before the process does. */
struct thread {
	unsigned long *counter;
	struct cds_lfs_node lfs_node, own_node, *lfs_hand;
	struct cds_wfs_node wfs_node, *wfs_hand;
	struct __cds_lfs_stack lfs;		/* which this thread alone pops from */
	struct thread *next;
} __attribute__((__aligned__(CACHE_LINE)));

static struct thread *threads;
static pthread_mutex_t threads_mutex = PTHREAD_MUTEX_INITIALIZER;
static __thread struct thread *self;
static __thread unsigned long own;

#define NODES 8		/* on a stack at first */

static struct cds_lfs_stack lfs __attribute__((__aligned__(CACHE_LINE)));
static struct cds_wfs_stack wfs __attribute__((__aligned__(CACHE_LINE)));
static unsigned long shared __attribute__((__aligned__(CACHE_LINE)));

/* As that of liburcu's own hash table: by the CPU, and atomic because the thread may move. */
static struct split {
	unsigned long count;
} __attribute__((__aligned__(CACHE_LINE))) *splits;
static unsigned long splits_mask;

/* What the counters must be in all. */
static unsigned long counted, counted_split, counted_shared;

static const char *begin(void)
{
	static struct node {
		struct cds_lfs_node lfs;
		struct cds_wfs_node wfs;
	} __attribute__((__aligned__(CACHE_LINE))) nodes[NODES];
	unsigned long cpus = (unsigned long)sysconf(_SC_NPROCESSORS_CONF), nr = 1;
	int i;

	while (nr < cpus)
		nr *= 2;
	splits = aligned_alloc(CACHE_LINE, nr * sizeof(*splits));
	if (!splits)
		return "no memory";
	memset(splits, 0, nr * sizeof(*splits));
	splits_mask = nr - 1;
	cds_lfs_init(&lfs);
	cds_wfs_init(&wfs);
	for (i = 0; i < NODES; i++) {
		cds_lfs_node_init(&nodes[i].lfs);
		cds_lfs_push(&lfs, &nodes[i].lfs);
		cds_wfs_node_init(&nodes[i].wfs);
		cds_wfs_push(&wfs, &nodes[i].wfs);
	}
	return NULL;
}

static struct thread *make_thread(void)
{
	struct thread *t = aligned_alloc(CACHE_LINE, sizeof(*t));

	if (!t)
		peer_no_memory();
	t->counter = NULL;
	cds_lfs_node_init(&t->lfs_node);
	cds_wfs_node_init(&t->wfs_node);
	t->lfs_hand = &t->lfs_node;
	t->wfs_hand = &t->wfs_node;
	__cds_lfs_init(&t->lfs);
	return t;
}

/* Each thread that measures, once. */
static struct thread *me(void)
{
	if (self)
		return self;
	self = make_thread();
	urcu_memb_register_thread();
	pthread_mutex_lock(&threads_mutex);
	self->next = threads;
	rcu_assign_pointer(threads, self);
	pthread_mutex_unlock(&threads_mutex);
	return self;
}

BENCH_CASE(urcu_uatomic)
{
	(void)c;
	BENCH_REPEAT(n, uatomic_add(&shared, 1));
	uatomic_add(&counted_shared, n);
}

BENCH_INLINE void add_split(void)
{
	uatomic_add_return(&splits[(unsigned long)sched_getcpu() & splits_mask].count, 1);
}

BENCH_CASE(urcu_split)
{
	(void)c;
	BENCH_REPEAT(n, add_split());
	uatomic_add(&counted_split, n);
}

BENCH_INLINE void add_own(void)
{
	CMM_STORE_SHARED(own, CMM_LOAD_SHARED(own) + 1);
}

BENCH_CASE(urcu_thread)
{
	(void)c;
	me()->counter = &own;
	BENCH_REPEAT(n, add_own());
	uatomic_add(&counted, n);
}

static unsigned long sum_of_threads(void)
{
	unsigned long sum = 0;
	struct thread *t;

	urcu_memb_read_lock();
	for (t = rcu_dereference(threads); t; t = rcu_dereference(t->next))
		if (t->counter)
			sum += CMM_LOAD_SHARED(*t->counter);
	urcu_memb_read_unlock();
	return sum;
}

BENCH_CASE(urcu_thread_sum)
{
	(void)c;
	me()->counter = &own;
	BENCH_REPEAT(n, bench_keep(sum_of_threads()));
}

BENCH_INLINE struct cds_lfs_node *lfs_push_and_pop(struct cds_lfs_node *node)
{
	if (caa_likely(node != NULL))
		cds_lfs_push(&lfs, node);
	return cds_lfs_pop_blocking(&lfs);
}

BENCH_CASE(urcu_lfstack)
{
	struct thread *t = me();
	struct cds_lfs_node *node = t->lfs_hand;

	(void)c;
	BENCH_REPEAT(n, node = lfs_push_and_pop(node));
	t->lfs_hand = node;
}

BENCH_INLINE struct cds_lfs_node *own_push_and_pop(struct __cds_lfs_stack *s,
						    struct cds_lfs_node *node)
{
	cds_lfs_push(s, node);
	return __cds_lfs_pop(s);
}

BENCH_CASE(urcu_lfstack_own)
{
	struct thread *t = me();
	struct cds_lfs_node *node = &t->own_node;

	(void)c;
	BENCH_REPEAT(n, node = own_push_and_pop(&t->lfs, node));
}

BENCH_INLINE struct cds_wfs_node *wfs_push_and_pop(struct cds_wfs_node *node)
{
	if (caa_likely(node != NULL)) {
		cds_wfs_node_init(node);
		cds_wfs_push(&wfs, node);
	}
	return cds_wfs_pop_blocking(&wfs);
}

BENCH_CASE(urcu_wfstack)
{
	struct thread *t = me();
	struct cds_wfs_node *node = t->wfs_hand;

	(void)c;
	BENCH_REPEAT(n, node = wfs_push_and_pop(node));
	t->wfs_hand = node;
}

BENCH_INLINE void read_lock_and_unlock(void)
{
	urcu_memb_read_lock();
	BENCH_BARRIER();
	urcu_memb_read_unlock();
}

BENCH_CASE(urcu_read)
{
	(void)c;
	me();
	BENCH_REPEAT(n, read_lock_and_unlock());
}

/* Nodes on the two stacks and in all hands. */
static bool all_nodes(void)
{
	int lfs_nodes = 0, wfs_nodes = 0, all = NODES;
	struct thread *t;

	for (t = threads; t; t = t->next, all++) {
		lfs_nodes += t->lfs_hand != NULL;
		wfs_nodes += t->wfs_hand != NULL;
	}
	while (lfs_nodes <= all && cds_lfs_pop_blocking(&lfs))
		lfs_nodes++;
	while (wfs_nodes <= all && cds_wfs_pop_blocking(&wfs))
		wfs_nodes++;
	return lfs_nodes == all && wfs_nodes == all;
}

static const char *end(void)
{
	unsigned long sum = 0, i;

	for (i = 0; i <= splits_mask; i++)
		sum += splits[i].count;
	if (sum != counted_split || shared != counted_shared || sum_of_threads() != counted)
		return "a counter of liburcu's users lost additions";
	return all_nodes() ? NULL : "a stack of liburcu lost nodes";
}

const struct bench_peer bench_peer = { begin, end };
