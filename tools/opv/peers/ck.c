// SPDX-License-Identifier: MIT
/* Concurrency Kit's stacks. */
#include <ck_stack.h>

#include <stdlib.h>

#include "peer.h"

#define CACHE_LINE 128
#define NODES 8		/* on the stack at first */

struct thread {
	struct ck_stack own;		/* nobody else pops from it, so upmc will do */
	struct ck_stack_entry own_node, node, *hand;
	struct thread *next;
} __attribute__((__aligned__(CACHE_LINE)));

static struct thread *threads;
static pthread_mutex_t threads_mutex = PTHREAD_MUTEX_INITIALIZER;
static __thread struct thread *self;

/* For any number of threads: head and a number of the operation, by cmpxchg16b. */
static struct ck_stack stack __attribute__((__aligned__(CACHE_LINE)));

static const char *begin(void)
{
	static struct node {
		struct ck_stack_entry entry;
	} __attribute__((__aligned__(CACHE_LINE))) nodes[NODES];
	int i;

	ck_stack_init(&stack);
	for (i = 0; i < NODES; i++)
		ck_stack_push_mpmc(&stack, &nodes[i].entry);
	return NULL;
}

static struct thread *me(void)
{
	if (self)
		return self;
	self = aligned_alloc(CACHE_LINE, sizeof(*self));
	if (!self)
		peer_no_memory();
	ck_stack_init(&self->own);
	self->hand = &self->node;
	pthread_mutex_lock(&threads_mutex);
	self->next = threads;
	threads = self;
	pthread_mutex_unlock(&threads_mutex);
	return self;
}

BENCH_INLINE struct ck_stack_entry *push_and_pop(struct ck_stack_entry *entry)
{
	if (__builtin_expect(entry != NULL, 1))
		ck_stack_push_mpmc(&stack, entry);
	return ck_stack_pop_mpmc(&stack);
}

BENCH_CASE(ck_stack)
{
	struct thread *t = me();
	struct ck_stack_entry *entry = t->hand;

	(void)c;
	BENCH_REPEAT(n, entry = push_and_pop(entry));
	t->hand = entry;
}

BENCH_INLINE struct ck_stack_entry *own_push_and_pop(struct ck_stack *s,
						      struct ck_stack_entry *entry)
{
	ck_stack_push_upmc(s, entry);
	return ck_stack_pop_upmc(s);
}

BENCH_CASE(ck_stack_own)
{
	struct thread *t = me();
	struct ck_stack_entry *entry = &t->own_node;

	(void)c;
	BENCH_REPEAT(n, entry = own_push_and_pop(&t->own, entry));
}

static const char *end(void)
{
	int nodes = 0, all = NODES;
	struct thread *t;

	for (t = threads; t; t = t->next, all++)
		nodes += t->hand != NULL;
	while (nodes <= all && ck_stack_pop_mpmc(&stack))
		nodes++;
	return nodes == all ? NULL : "a stack of Concurrency Kit lost nodes";
}

const struct bench_peer bench_peer = { begin, end };
