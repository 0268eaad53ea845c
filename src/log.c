// SPDX-License-Identifier: MIT
/*
 * The logs of a domain: who has which.  A thread keeps the one it took, so that
 * the next vector finds it at once; a signal handler that interrupted a vector
 * takes another.  Logs of threads that are gone are found when none is free.
 */
#define _GNU_SOURCE
#include "log.h"

#include <stdatomic.h>
#include <string.h>

#include "core.h"
#include "engine.h"
#include "sys.h"

_Static_assert(offsetof(struct opv_log, writes.nr) == 0, "where the sections look");
_Static_assert(OPV_NR_LOGS * sizeof(struct opv_log) <= (1u << 22) - (1u << 21), "room in the stripe");
_Static_assert(sizeof(struct opv_slot_logs) <= OPV_STRIPE - OPV_SLOT_LOGS_OFFSET, "and behind the data");

__thread struct opv_holding opv_holdings[OPV_NR_HOLDINGS]
	__attribute__((__tls_model__("initial-exec")));

/*
 * The log of a holding, which is claimed.  NULL when a handler, or the vector
 * that this one interrupts, has it under another holding: this one is void then.
 */
static struct opv_log *use(struct opv_domain *d, struct opv_holding *h, uint32_t *index)
{
	struct opv_log *log = opv_log_at(d, h->index);

	if (log->writes.busy) {
		h->domain = 0;
		h->busy = false;
		return NULL;
	}
	log->writes.busy = 1;
	*index = h->index;
	return log;
}

static struct opv_holding *claim(uint64_t domain)
{
	unsigned int i;

	for (i = 0; i < OPV_NR_HOLDINGS; i++) {
		struct opv_holding *h = &opv_holdings[i];

		if (h->busy || h->domain != domain)
			continue;
		h->busy = true;
		atomic_signal_fence(memory_order_seq_cst);
		if (h->domain == domain)
			return h;
		h->busy = false;	/* a handler was here */
	}
	return NULL;
}

static bool is_held(const struct opv_domain *d, uint32_t index)
{
	unsigned int i;

	for (i = 0; i < OPV_NR_HOLDINGS; i++)
		if (opv_holdings[i].domain == d->id && opv_holdings[i].index == index)
			return true;
	return false;
}

/* Is some key pending on this log?  Then whoever published it is not done with it. */
static bool is_pending(struct opv_domain *d, uint32_t index)
{
	uint32_t cpu, other;

	for (cpu = 0; cpu < d->nr_cpus; cpu++)
		if (opv_key_log(atomic_load(&opv_slot(d, (int)cpu)->key), &other) && other == index)
			return true;
	return false;
}

/*
 * Is one that has our number not in use?  It was evicted, or was of a thread of our
 * number that is gone, and may have died in the middle of a vector.
 */
static bool is_left(struct opv_domain *d, uint32_t at)
{
	return !is_held(d, at) && (!opv_log_at(d, at)->writes.busy || !is_pending(d, at));
}

/* Whoever had it last may have died while it was busy. */
static bool become_owner(struct opv_domain *d, uint32_t at, uint32_t tid)
{
	uint32_t nobody = 0;

	if (!atomic_compare_exchange_strong(&d->heap->log_owners[at], &nobody, tid))
		return false;
	opv_log_at(d, at)->writes.busy = 0;
	return true;
}

static bool acquire(struct opv_domain *d, uint32_t tid, uint32_t from, uint32_t *index)
{
	uint32_t i;

	for (i = 0; i < OPV_NR_LOGS; i++) {
		uint32_t at = (from + i) % OPV_NR_LOGS;
		uint32_t owner = atomic_load_explicit(&d->heap->log_owners[at], memory_order_relaxed);

		if (owner == tid && is_left(d, at)) {
			opv_log_at(d, at)->writes.busy = 0;
			*index = at;
			return true;
		}
		if (!owner && become_owner(d, at, tid)) {
			*index = at;
			return true;
		}
	}
	return false;
}

/* Take the logs of threads that no longer exist away from them. */
static void reclaim(struct opv_domain *d, uint32_t tid)
{
	uint32_t i;

	for (i = 0; i < OPV_NR_LOGS; i++) {
		uint32_t owner = atomic_load(&d->heap->log_owners[i]);

		/* Dead threads publish nothing any more, so what is not pending stays so. */
		if (owner && owner != tid && OPV_SYS(SYS_kill, owner, 0) == -ESRCH &&
		    !is_pending(d, i))
			atomic_compare_exchange_strong(&d->heap->log_owners[i], &owner, 0);
	}
}

/* What this thread held of another domain, which may be gone, in favour of this one. */
static struct opv_holding *evict(void)
{
	static __thread unsigned int next __attribute__((__tls_model__("initial-exec")));
	unsigned int i;

	for (i = 0; i < OPV_NR_HOLDINGS; i++) {
		struct opv_holding *h = &opv_holdings[next++ % OPV_NR_HOLDINGS];

		if (h->busy)
			continue;
		h->busy = true;
		atomic_signal_fence(memory_order_seq_cst);
		return h;
	}
	return NULL;
}

/* A free log of the domain under a holding that is claimed. */
static bool fill(struct opv_domain *d, struct opv_holding *h)
{
	uint32_t tid = (uint32_t)OPV_SYS(SYS_gettid), index;
	bool found;

	/* Nothing while we look: the domain it was of may be gone. */
	h->domain = 0;
	found = acquire(d, tid, tid, &index);
	if (!found) {
		reclaim(d, tid);
		found = acquire(d, tid, tid, &index);
	}
	if (found) {
		h->index = index;
		h->domain = d->id;
	} else {
		h->busy = false;
	}
	return found;
}

struct opv_log *opv_log_take(struct opv_domain *d, uint32_t *index)
{
	struct opv_holding *h = claim(d->id);

	if (!h) {
		h = claim(0);
		if (!h)
			h = evict();
		if (!h || !fill(d, h))
			return NULL;
	}
	return use(d, h, index);
}

void opv_log_give(struct opv_domain *d, uint32_t index)
{
	unsigned int i;

	opv_log_at(d, index)->writes.busy = 0;
	for (i = 0; i < OPV_NR_HOLDINGS; i++) {
		struct opv_holding *h = &opv_holdings[i];

		if (h->busy && h->domain == d->id && h->index == index) {
			atomic_signal_fence(memory_order_seq_cst);
			h->busy = false;
			return;
		}
	}
}

void opv_log_forget(void)
{
	unsigned int i;

	for (i = 0; i < OPV_NR_HOLDINGS; i++)
		if (!opv_holdings[i].busy)
			opv_holdings[i].domain = 0;
}

void opv_log_fork(struct opv_domain *d)
{
	uint32_t tid = (uint32_t)OPV_SYS(SYS_gettid), i;

	for (i = 0; i < OPV_NR_LOGS; i++) {
		if (!atomic_load(&d->heap->log_owners[i]))
			continue;
		/* Of a vector that a handler interrupted, and forked in. */
		if (is_held(d, i))
			atomic_store(&d->heap->log_owners[i], tid);
		else if (!is_pending(d, i))
			atomic_store(&d->heap->log_owners[i], 0);
	}
}

void opv_log_apply(const struct opv_writes *log, uint64_t base)
{
	uint32_t i;

	for (i = 0; i < log->nr; i++) {
		const struct opv_write *w = &log->write[i];

		if (opv_is_width((uint32_t)w->len))
			opv_run_copy(base + w->dst, (uintptr_t)&w->value, (uint32_t)w->len);
		else
			opv_run_copy(base + w->dst, base + w->value, (uint32_t)w->len);
	}
}
