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
#include <sys/mman.h>

#include "domain.h"
#include "log.h"
#include "sys.h"

static _Atomic uint32_t registry_lock;
static struct opv_guard forking;	/* of the thread that holds all locks */
static _Atomic uint32_t forking_tid;

/*
 * Regions in a table that readers look through without a lock: a writer makes
 * the count odd while it changes something, and they look again.  A table that
 * has become too small is left behind, for there may be a reader in it; the next
 * one is twice as large, so that no more is lost than is in use.
 */
struct table {
	uint32_t size;
	_Atomic uint32_t nr;
	struct opv_region regions[];
};

static _Atomic(struct table *) the_table;
static _Atomic uint32_t changes;

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

struct opv_region opv_domain_region(struct opv_domain *d)
{
	return (struct opv_region){
		.base = (uintptr_t)opv_domain_base(d),
		.bytes = d->bytes,
		.nr_cpus = d->nr_cpus,
		.end = d->heap->end,
		.domain = d,
	};
}

static struct table *grow(struct table *old)
{
	uint32_t size = old ? 2 * old->size : 100, nr = old ? atomic_load(&old->nr) : 0, i;
	struct table *t;
	long addr;

	addr = OPV_SYS(SYS_mmap, NULL, sizeof(*t) + size * sizeof(t->regions[0]),
		       PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (addr < 0 && addr > -4096)
		return NULL;
	t = (struct table *)addr;
	t->size = size;
	for (i = 0; i < nr; i++)
		t->regions[i] = old->regions[i];
	atomic_store(&t->nr, nr);
	return t;
}

static void begin_change(void)
{
	atomic_fetch_add_explicit(&changes, 1, memory_order_relaxed);
	atomic_thread_fence(memory_order_seq_cst);
}

static void end_change(void)
{
	atomic_fetch_add_explicit(&changes, 1, memory_order_release);
}

int opv_registry_add(struct opv_domain *d)
{
	static _Atomic bool registered;
	struct opv_guard g;
	struct table *t;
	bool locked;

	/* Not under the lock: it allocates, and the allocator may use this library. */
	if (!atomic_exchange(&registered, true))
		pthread_atfork(before_fork, in_parent, in_child);
	locked = lock_registry(&g);
	t = atomic_load(&the_table);
	if (!t || atomic_load(&t->nr) == t->size)
		t = grow(t);
	if (t) {
		begin_change();
		t->regions[atomic_load(&t->nr)] = opv_domain_region(d);
		atomic_fetch_add(&t->nr, 1);
		atomic_store(&the_table, t);
		end_change();
	}
	unlock_registry(&g, locked);
	return t ? 0 : -ENOMEM;
}

bool opv_registry_remove(struct opv_domain *d)
{
	struct opv_guard g;
	bool locked = lock_registry(&g), found = false;
	struct table *t = atomic_load(&the_table);
	uint32_t i, nr = t ? atomic_load(&t->nr) : 0;

	for (i = 0; i < nr && !found; i++) {
		if (t->regions[i].domain != d)
			continue;
		begin_change();
		t->regions[i] = t->regions[nr - 1];
		atomic_fetch_sub(&t->nr, 1);
		end_change();
		found = true;
	}
	unlock_registry(&g, locked);
	return found;
}

static bool look_up(uint64_t addr, uint64_t len, struct opv_region *found)
{
	struct table *t = atomic_load_explicit(&the_table, memory_order_acquire);
	uint32_t i, nr = t ? atomic_load_explicit(&t->nr, memory_order_acquire) : 0;

	for (i = 0; i < nr; i++) {
		struct opv_region r = t->regions[i];

		if (addr < r.base + r.bytes && addr + len > r.base) {
			*found = r;
			return true;
		}
	}
	return false;
}

bool opv_registry_find(uint64_t addr, uint64_t len, struct opv_region *found)
{
	struct opv_guard g;
	uint32_t before;
	bool locked, ret;
	int tries;

	for (tries = 0; tries < 100; tries++) {
		before = atomic_load_explicit(&changes, memory_order_acquire);
		ret = look_up(addr, len, found);
		atomic_thread_fence(memory_order_acquire);
		if (!(before & 1) && before == atomic_load_explicit(&changes, memory_order_relaxed))
			return ret;
	}
	/* Somebody makes domains without end. */
	locked = lock_registry(&g);
	ret = look_up(addr, len, found);
	unlock_registry(&g, locked);
	return ret;
}

void opv_registry_remember(_Atomic uint64_t *word, uint64_t bit, struct opv_guard *g)
{
	bool locked = opv_lock(&registry_lock, g, false, REGISTRY_TIMEOUT_MS) == 0;

	atomic_fetch_or(word, bit);
	if (locked)
		opv_unlock(&registry_lock, g, false);
}

bool opv_registry_forking(const struct opv_guard *g)
{
	return atomic_load(&forking_tid) == g->tid;
}

static void for_each_lock(struct opv_guard *g,
			  void (*fn)(_Atomic uint32_t *lock, struct opv_domain *d, struct opv_guard *g))
{
	struct table *t = atomic_load(&the_table);
	uint32_t i, nr = t ? atomic_load(&t->nr) : 0, word;

	for (i = 0; i < nr; i++) {
		struct opv_domain *d = t->regions[i].domain;

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

static void free_logs(void)
{
	struct table *t = atomic_load(&the_table);
	uint32_t i, nr = t ? atomic_load(&t->nr) : 0;

	for (i = 0; i < nr; i++)
		if (!t->regions[i].domain->shared)
			opv_log_fork(t->regions[i].domain);
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
	opv_log_forget();
	free_logs();
	atomic_store(&registry_lock, 0);
	opv_guard_leave(&g);
}
