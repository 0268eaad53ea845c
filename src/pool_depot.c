// SPDX-License-Identifier: MIT
/*
 * The depots of pools: stacks of batches, by compare-and-exchange.  No lock, so a signal
 * handler or a child of fork never finds one held; what a batch holds belongs to who
 * popped it, (M4) in docs/structures.md.
 */
#include "pool.h"

#include "break.h"

static int pop(struct opv_pool_central *c, opv_pool_stack *stack)
{
	uint64_t old = atomic_load_explicit(stack, memory_order_acquire), new;
	struct opv_pool_batch *b;

	do {
		if (!(uint32_t)old)
			return -1;
		b = opv_pool_batch(c, (int)((uint32_t)old - 1));
		new = ((old >> 32) + 1) << 32 |
		      atomic_load_explicit(&b->next, memory_order_relaxed);
		if (OPV_BROKEN(TAG))
			new = (uint32_t)new;
	} while (!atomic_compare_exchange_weak_explicit(stack, &old, new, memory_order_acquire,
							memory_order_acquire));
	return (int)((uint32_t)old - 1);
}

static void push(struct opv_pool_central *c, opv_pool_stack *stack, int index)
{
	struct opv_pool_batch *b = opv_pool_batch(c, index);
	uint64_t old = atomic_load_explicit(stack, memory_order_relaxed), new;

	do {
		atomic_store_explicit(&b->next, (uint32_t)old, memory_order_relaxed);
		new = ((old >> 32) + 1) << 32 | ((uint32_t)index + 1);
		if (OPV_BROKEN(TAG))
			new = (uint32_t)new;
	} while (!atomic_compare_exchange_weak_explicit(stack, &old, new, memory_order_release,
							memory_order_relaxed));
}

int opv_pool_batch_pop(struct opv_pool_central *c, int depot)
{
	struct opv_pool_depot *d = &c->depots[depot];
	int index = pop(c, &d->full), nr;

	if (index < 0)
		return -1;
	nr = atomic_fetch_sub_explicit(&d->nr, 1, memory_order_relaxed) - 1;
	if (nr < atomic_load_explicit(&d->low, memory_order_relaxed))
		atomic_store_explicit(&d->low, nr, memory_order_relaxed);
	return index;
}

void opv_pool_batch_push(struct opv_pool_central *c, int depot, int index)
{
	push(c, &c->depots[depot].full, index);
	atomic_fetch_add_explicit(&c->depots[depot].nr, 1, memory_order_relaxed);
}

int opv_pool_batch_new(struct opv_pool_central *c)
{
	uint32_t fresh = atomic_load_explicit(&c->fresh, memory_order_relaxed);
	int index = pop(c, &c->empty);

	if (index >= 0)
		return index;
	do {
		if (fresh >= c->o.depot)
			return -1;
	} while (!atomic_compare_exchange_weak_explicit(&c->fresh, &fresh, fresh + 1,
							memory_order_relaxed, memory_order_relaxed));
	return (int)fresh;
}

void opv_pool_batch_drop(struct opv_pool_central *c, int index)
{
	opv_pool_batch(c, index)->nr = 0;
	push(c, &c->empty, index);
}

void opv_pool_release(struct opv_pool_central *c, void **objects, int n)
{
	if (n <= 0)
		return;
	atomic_fetch_add_explicit(&c->freed, (uint64_t)n, memory_order_relaxed);
	c->o.free(c->o.arg, objects, n);
}

void opv_pool_release_batches(struct opv_pool_central *c, int depot, int max)
{
	int index;

	while (max-- > 0 && (index = opv_pool_batch_pop(c, depot)) >= 0) {
		struct opv_pool_batch *b = opv_pool_batch(c, index);

		opv_pool_release(c, b->objects, (int)b->nr);
		opv_pool_batch_drop(c, index);
	}
}

/* The depot that an object is of; what home() says wrong, it says of where we are. */
static int home(const struct opv_pool_central *c, int cpu, void *object)
{
	int depot = c->o.home ? c->o.home(c->o.arg, object) : -1;

	return depot >= 0 && depot < (int)c->o.nr_depots ? depot : c->depot_of_cpu[cpu];
}

static bool store(struct opv_pool_central *c, int depot, void **objects, int n)
{
	int index = opv_pool_batch_new(c), i;
	struct opv_pool_batch *b;

	if (index < 0)
		return false;
	b = opv_pool_batch(c, index);
	for (i = 0; i < n; i++)
		b->objects[i] = objects[i];
	b->nr = (uint32_t)n;
	opv_pool_batch_push(c, depot, index);
	return true;
}

/* A depot's batch that has room takes it, else a new one. */
static bool store_beside(struct opv_pool_central *c, int depot, void *object)
{
	int index = opv_pool_batch_pop(c, depot);
	struct opv_pool_batch *b;
	bool room;

	if (index < 0)
		return store(c, depot, &object, 1);
	b = opv_pool_batch(c, index);
	room = b->nr < c->o.batch;
	if (room)
		b->objects[b->nr++] = object;
	opv_pool_batch_push(c, depot, index);
	return room || store(c, depot, &object, 1);
}

bool opv_pool_store_one(struct opv_pool_central *c, int cpu, void *object)
{
	return store_beside(c, home(c, cpu, object), object);
}

void opv_pool_store(struct opv_pool_central *c, int cpu, void **objects, int n)
{
	int i;

	if (!c->o.home) {
		if (!store(c, c->depot_of_cpu[cpu], objects, n))
			opv_pool_release(c, objects, n);
		return;
	}
	for (i = 0; i < n; i++)
		if (!opv_pool_store_one(c, cpu, objects[i]))
			opv_pool_release(c, &objects[i], 1);
}
