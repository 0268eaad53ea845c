// SPDX-License-Identifier: MIT
/*
 * The fence engine: close the key of a CPU, wait until no section that saw it
 * open still runs, work in plain C, open the key again.  Any thread, any CPU,
 * online or not, rseq or not.  The proof stands in docs/fence.md; (F1) to (F5)
 * are its scenarios.
 */
#include "../engine.h"

#include <stddef.h>

#include "../break.h"
#include "../core.h"
#include "../count.h"
#include "../fence.h"
#include "../log.h"
#include "../slot.h"

/*
 * How often a section may open a key again before we say that something is
 * wrong.  Each time is one commit of a section that ran when the key was closed.
 */
#define CLOSE_TRIES 1000

/* fork wants to know which locks there are to take. */
static void remember(struct opv_domain *d, int cpu, struct opv_guard *g)
{
	_Atomic uint64_t *word = &d->locked[cpu / 64];
	uint64_t bit = UINT64_C(1) << cpu % 64;

	if (!(atomic_load_explicit(word, memory_order_relaxed) & bit))
		opv_registry_remember(word, bit, g);
}

static int lock_slot(struct opv_domain *d, int cpu, struct opv_guard *g)
{
	if (OPV_BROKEN(LOCK))
		return 1;
	remember(d, cpu, g);
	return opv_lock(&opv_slot(d, cpu)->lock, g, d->shared, d->timeout_ms);
}

static void unlock_slot(struct opv_domain *d, int cpu, struct opv_guard *g)
{
	opv_unlock(&opv_slot(d, cpu)->lock, g, d->shared);
}

static void close_key(struct opv_domain *d, int cpu)
{
	if (OPV_BROKEN(KEY))
		return;
	/*
	 * A full barrier: (F1) the fence comes after it.  What is pending stays named,
	 * so that whoever inherits the lock of one that died here finds it.
	 */
	atomic_fetch_or(&opv_slot(d, cpu)->key, OPV_KEY_CLOSED);
}

static bool is_closed(struct opv_domain *d, int cpu)
{
	return OPV_BROKEN(KEY) || OPV_BROKEN(LOOP) ||
	       (atomic_load(&opv_slot(d, cpu)->key) & OPV_KEY_CLOSED);
}

/*
 * A release: who reads the key open sees all that was done, (F3).  The barrier
 * behind it makes the whole call a full one.
 */
static void open_key(struct opv_domain *d, int cpu)
{
	atomic_store_explicit(&opv_slot(d, cpu)->key, opv_key_open(d, cpu), memory_order_release);
	atomic_thread_fence(memory_order_seq_cst);
}

/* After a fence that failed: what is pending is still to be done, by who can. */
static void reopen_key(struct opv_domain *d, int cpu)
{
	atomic_fetch_and(&opv_slot(d, cpu)->key, ~OPV_KEY_CLOSED);
}

/* (F5): a section that was running may commit to the key itself, so look again. */
static int close_and_fence(struct opv_domain *d, int cpu)
{
	int tries, ret;

	for (tries = 0; tries < CLOSE_TRIES; tries++) {
		close_key(d, cpu);
		ret = opv_fence_cpu(d, cpu);
		if (ret || is_closed(d, cpu))
			return ret;
		opv_count(cpu, closed_again);
	}
	return -EDEADLK;
}

/* (L5): its owner knows by the key when we are through with its log. */
static void finish_pending(struct opv_domain *d, int cpu)
{
	struct opv_slot *slot = opv_slot(d, cpu);
	struct opv_log *log = NULL;
	uint32_t index;

	if (opv_key_log(atomic_load(&slot->key), &index))
		log = opv_log_named(d, cpu, index);
	if (!log)
		return;
	opv_log_apply(&log->writes, d->log_base);
	if (index >= OPV_LOG_STRETCH)
		opv_stretches_go_on(d, cpu, index);
	atomic_store_explicit(&slot->key, OPV_KEY_CLOSED | (uint32_t)cpu, memory_order_release);
}

/* With the lock held. */
static int behind_gate(struct opv_domain *d, int cpu, int (*fn)(void *arg), void *arg)
{
	int ret;

	opv_count(cpu, engine_fence);
	ret = close_and_fence(d, cpu);
	if (ret) {
		reopen_key(d, cpu);
		return ret;
	}
	finish_pending(d, cpu);
	ret = fn ? fn(arg) : 0;
	open_key(d, cpu);
	return ret;
}

/* first(first_arg) with the gate as it is; if that passes, or is NULL, fn(arg) behind it. */
static int locked(struct opv_domain *d, int cpu, int (*first)(void *arg), void *first_arg,
		  int (*fn)(void *arg), void *arg)
{
	struct opv_guard g;
	int held, ret;

	opv_guard_enter(&g, cpu);
	ret = held = lock_slot(d, cpu, &g);
	if (held >= 0) {
		ret = first ? first(first_arg) : OPV_PASS;
		if (ret == OPV_PASS)
			ret = behind_gate(d, cpu, fn, arg);
		if (!held)
			unlock_slot(d, cpu, &g);
	}
	opv_guard_leave(&g);
	return ret;
}

int opv_fence_engine_call(struct opv_domain *d, int cpu, int (*fn)(void *arg), void *arg)
{
	return locked(d, cpu, NULL, NULL, fn, arg);
}

int opv_fence_engine_wait(struct opv_domain *d, int cpu)
{
	struct opv_guard g;
	int ret;

	opv_guard_enter(&g, cpu);
	ret = lock_slot(d, cpu, &g);
	if (!ret)
		unlock_slot(d, cpu, &g);
	opv_guard_leave(&g);
	return ret < 0 ? ret : 0;
}

struct vector {
	struct opv_domain *d;
	int cpu;
	const struct cpu_op *vec;
	int count;
};

/*
 * What a log writes in memory that other processes do not have goes into one that
 * they do not see: it dies with this process.
 */
static void split_log(const struct opv_domain *d, struct opv_writes *all, struct opv_writes *own)
{
	const uint64_t base = (uintptr_t)opv_domain_base(d);
	uint32_t i, nr = 0;

	own->nr = 0;
	for (i = 0; i < all->nr; i++) {
		const struct opv_write w = all->write[i];

		if (w.dst + d->log_base - base < d->bytes)
			all->write[nr++] = w;
		else
			own->write[own->nr++] = w;
	}
	all->nr = nr;
}

/*
 * In shared memory we may be killed at any instruction, so the log comes first: as
 * soon as the key names it the vector has happened, and the next owner of the lock
 * copies it out, (L6).  With barriers it is several, (L11).
 */
static int run_logged(const struct vector *v)
{
	struct opv_log *log = &opv_slot_logs(v->d, v->cpu)->whole;
	struct opv_compute c = { .writes = &log->writes, .base = v->d->log_base, .data = log->data };
	struct opv_writes own;
	int ret;

	c.writes->nr = 0;
	ret = opv_compute(&c, v->vec, v->count);
	if (ret == OPV_LOG_CANNOT)
		ret = opv_compute_bytes(&c, v->vec, v->count);
	if (ret == OPV_LOG_CANNOT)
		return opv_stretches_run(v->d, v->cpu, v->vec, v->count);
	split_log(v->d, &log->writes, &own);
	atomic_store_explicit(&opv_slot(v->d, v->cpu)->key,
			      OPV_KEY_CLOSED | opv_key_pending(OPV_LOG_WHOLE, v->cpu),
			      memory_order_release);
	finish_pending(v->d, v->cpu);
	opv_log_apply(&own, v->d->log_base);
	return ret;
}

static int run_vector(void *arg)
{
	const struct vector *v = arg;

	return v->d->shared ? run_logged(v) : opv_run(v->vec, v->count);
}

static int run(struct opv_domain *d, const struct cpu_op *vec, int count, int cpu)
{
	struct vector v = { d, cpu, vec, count };

	return opv_fence_engine_call(d, cpu, run_vector, &v);
}

int opv_fence_engine_after(struct opv_domain *d, const struct cpu_op *vec, int count, int cpu,
			   int (*first)(void *arg), void *arg)
{
	struct vector v = { d, cpu, vec, count };

	return locked(d, cpu, first, arg, run_vector, &v);
}

/* Calls fn for each CPU of the set below end, in order, until it answers not 0; *at is that one. */
static int for_each_cpu(struct opv_domain *d, const uint64_t *cpus, int end, int *at,
			int (*fn)(struct opv_domain *d, int cpu, void *arg), void *arg)
{
	int ret;

	for (*at = 0; *at < end; (*at)++) {
		if (!(cpus[*at / 64] >> *at % 64 & 1))
			continue;
		ret = fn(d, *at, arg);
		if (ret)
			return ret;
	}
	return 0;
}

static int remember_one(struct opv_domain *d, int cpu, void *arg)
{
	remember(d, cpu, arg);
	return 0;
}

static int lock_one(struct opv_domain *d, int cpu, void *arg)
{
	int ret = lock_slot(d, cpu, arg);

	return ret < 0 ? ret : 0;
}

static int close_one(struct opv_domain *d, int cpu, void *arg)
{
	(void)arg;
	close_key(d, cpu);
	return 0;
}

static int check_one(struct opv_domain *d, int cpu, void *arg)
{
	(void)arg;
	return is_closed(d, cpu) ? 0 : -EAGAIN;
}

static int open_one(struct opv_domain *d, int cpu, void *arg)
{
	(void)arg;
	open_key(d, cpu);
	return 0;
}

static int reopen_one(struct opv_domain *d, int cpu, void *arg)
{
	(void)arg;
	reopen_key(d, cpu);
	return 0;
}

static int finish_one(struct opv_domain *d, int cpu, void *arg)
{
	(void)arg;
	finish_pending(d, cpu);
	return 0;
}

static int unlock_one(struct opv_domain *d, int cpu, void *arg)
{
	unlock_slot(d, cpu, arg);
	return 0;
}

int opv_fence_engine_call_many(struct opv_domain *d, const uint64_t *cpus, int (*fn)(void *arg),
			       void *arg, int *failed)
{
	int tries = 0, end = (int)d->nr_cpus, ret, locked_end, at;
	struct opv_guard g;

	opv_guard_enter(&g, 0);
	/* The registry's lock comes before those of slots. */
	for_each_cpu(d, cpus, end, &at, remember_one, &g);
	/* In order of their numbers, as everybody who takes several. */
	ret = for_each_cpu(d, cpus, end, &locked_end, lock_one, &g);
	if (ret) {
		*failed = locked_end;
		goto unlock;
	}
	do {
		for_each_cpu(d, cpus, end, &at, close_one, NULL);
		ret = opv_fence_cpus(d, cpus, failed);
		if (!ret)
			ret = for_each_cpu(d, cpus, end, failed, check_one, NULL);
	} while (ret == -EAGAIN && ++tries < CLOSE_TRIES);

	if (!ret) {
		for_each_cpu(d, cpus, end, &at, finish_one, NULL);
		ret = fn(arg);
		for_each_cpu(d, cpus, end, &at, open_one, NULL);
	} else {
		for_each_cpu(d, cpus, end, &at, reopen_one, NULL);
		ret = ret == -EAGAIN ? -EDEADLK : ret;
	}
unlock:
	/* Within fork they stay locked, until its last handler. */
	if (!opv_registry_forking(&g) && !OPV_BROKEN(LOCK))
		for_each_cpu(d, cpus, locked_end, &at, unlock_one, &g);
	opv_guard_leave(&g);
	return ret;
}

struct requests {
	struct opv_domain *d;
	struct opv_request *of;
	int nr;
};

static int run_requests(void *arg)
{
	const struct requests *r = arg;
	int i;

	for (i = 0; i < r->nr; i++) {
		struct vector v = { r->d, r->of[i].cpu, r->of[i].vec, r->of[i].count };

		opv_count(v.cpu, engine_fence);
		r->of[i].result = run_vector(&v);
	}
	return 0;
}

int opv_fence_engine_many(struct opv_domain *d, struct opv_request *requests, int nr,
			  const uint64_t *cpus, int *failed)
{
	struct requests r = { d, requests, nr };

	return opv_fence_engine_call_many(d, cpus, run_requests, &r, failed);
}

static bool available(const char **why)
{
	switch (opv_env()->status.fence) {
	case OPV_FENCE_MEMBARRIER:
		*why = "fences by membarrier";
		break;
	case OPV_FENCE_MOVE:
		*why = "fences by moving there: membarrier is not to be had";
		break;
	default:
		*why = "by locks alone: there are no sections to fence";
	}
	return true;
}

static bool suits(int cpu)
{
	(void)cpu;
	return true;
}

const struct opv_engine_ops opv_engine_fence = { available, suits, run };
