// SPDX-License-Identifier: MIT
/*
 * All domains of the process, and what fork needs of them.
 *
 * A child of fork has one thread.  Were another thread of the parent working as
 * some CPU at that moment, the child would have a closed key, a lock whose owner
 * does not exist, and half a vector.  So fork waits for them: the handler takes
 * every lock that was ever taken, in the order that everybody else keeps (registry,
 * then domains as listed, heap, then slots by number), and gives them back on
 * either side.  Shared domains need nothing: their locks are the parent's.
 *
 * A thread that is within fork holds the locks; calls that its own later
 * handlers make find that (opv_lock() answers 1) and need not wait.
 */
#define _GNU_SOURCE
#include <pthread.h>

#include "domain.h"
#include "env.h"

static _Atomic uint32_t registry_lock;
static struct opv_domain *domains;
static struct opv_guard forking;	/* of the thread that holds all locks */
static _Atomic uint32_t forking_tid;

#define REGISTRY_TIMEOUT_MS 10000

static bool lock_registry(struct opv_guard *g)
{
	opv_guard_enter(g, 0);
	return opv_lock(&registry_lock, g, false, REGISTRY_TIMEOUT_MS) == 0;
}

static void unlock_registry(struct opv_guard *g, bool locked)
{
	if (locked)
		opv_unlock(&registry_lock, g, false);
	opv_guard_leave(g);
}

static void before_fork(void);
static void in_parent(void);
static void in_child(void);

void opv_registry_add(struct opv_domain *d)
{
	static _Atomic bool registered;
	struct opv_guard g;
	bool locked;

	/* Not under the lock: it allocates, and the allocator may use this library. */
	if (!atomic_exchange(&registered, true))
		pthread_atfork(before_fork, in_parent, in_child);
	locked = lock_registry(&g);
	d->next = domains;
	domains = d;
	unlock_registry(&g, locked);
}

bool opv_registry_remove(struct opv_domain *d)
{
	struct opv_domain **link;
	struct opv_guard g;
	bool locked = lock_registry(&g), found = false;

	for (link = &domains; *link; link = &(*link)->next) {
		if (*link == d) {
			*link = d->next;
			found = true;
			break;
		}
	}
	unlock_registry(&g, locked);
	return found;
}

struct opv_domain *opv_registry_find(uint64_t addr, uint64_t len)
{
	struct opv_guard g;
	bool locked = lock_registry(&g);
	struct opv_domain *d;

	for (d = domains; d; d = d->next) {
		uint64_t base = (uintptr_t)opv_domain_base(d);

		if (addr < base + d->bytes && addr + len > base)
			break;
	}
	unlock_registry(&g, locked);
	return d;
}

bool opv_registry_forking(const struct opv_guard *g)
{
	return atomic_load(&forking_tid) == g->tid;
}

static void for_each_lock(struct opv_guard *g,
			  void (*fn)(_Atomic uint32_t *lock, struct opv_domain *d, struct opv_guard *g))
{
	struct opv_domain *d;
	uint32_t word;

	for (d = domains; d; d = d->next) {
		if (d->shared)
			continue;
		fn(&d->heap->lock, d, g);
		for (word = 0; word < (d->nr_cpus + 63) / 64; word++) {
			uint64_t bits = atomic_load(&d->locked[word]);

			for (; bits; bits &= bits - 1)
				fn(&opv_slot(d, (int)word * 64 + __builtin_ctzll(bits))->lock, d, g);
		}
	}
}

static void take(_Atomic uint32_t *lock, struct opv_domain *d, struct opv_guard *g)
{
	/*
	 * After a timeout somebody is stopped for good; the child gets this lock
	 * open and whatever state he left.
	 */
	opv_lock(lock, g, false, d->timeout_ms);
}

static void give_back(_Atomic uint32_t *lock, struct opv_domain *d, struct opv_guard *g)
{
	(void)d;
	if ((atomic_load(lock) & 0x3fffffff) == g->tid)
		opv_unlock(lock, g, false);
}

static void reset(_Atomic uint32_t *lock, struct opv_domain *d, struct opv_guard *g)
{
	(void)d, (void)g;
	atomic_store(lock, 0);
}

static void before_fork(void)
{
	struct opv_guard g;

	lock_registry(&g);
	forking = g;
	atomic_store(&forking_tid, g.tid);
	for_each_lock(&forking, take);
}

static void in_parent(void)
{
	struct opv_guard g = forking;

	atomic_store(&forking_tid, 0);
	for_each_lock(&g, give_back);
	give_back(&registry_lock, NULL, &g);
	opv_guard_leave(&g);
}

static void in_child(void)
{
	struct opv_guard g = forking;

	atomic_store(&forking_tid, 0);
	for_each_lock(&g, reset);
	atomic_store(&registry_lock, 0);
	opv_guard_leave(&g);
}
