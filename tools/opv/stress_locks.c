// SPDX-License-Identifier: MIT
/* opv stress: locks biased to a CPU, and reader-writer locks; what they guard is plain memory. */
#include "stress.h"

#include <errno.h>
#include <sched.h>
#include <string.h>

#define STEPS 8

/* Handlers do not wait, and children of fork do not for threads that they have not. */
static bool may_wait(const struct stress_worker *w)
{
	return !(w->index % 2) && w->index != w->s->nr_workers - 1;
}

/* True when it has the lock; not having it is wrong only if it was to wait. */
static bool have(struct stress_worker *w, enum stress_scenario scenario, const char *call, int ret)
{
	w->done[scenario]++;
	if (ret && (may_wait(w) || ret != -EBUSY))
		stress_lost(w->s, scenario, "%s: answered %d", call, ret);
	return !ret;
}

/* locks: an entry a CPU. */

struct entry {
	volatile uint64_t count;
	_Atomic uint32_t inside;
	char apart[STRESS_LINE - 12];
};

struct locks {
	struct opv_lock lock;
	struct entry *entries;
};

static void locks_setup(struct stress *s)
{
	struct locks *l = s->data[STRESS_locks] = stress_zalloc(sizeof(*l));
	unsigned int i;

	if (opv_lock_init(&l->lock, s->domain))
		die("stress", "no per-CPU memory for locks");
	l->entries = stress_zalloc((size_t)s->nr_cpus * sizeof(*l->entries));
	for (i = 0; i < s->nr_workers; i++)
		s->workers[i].own[STRESS_locks] = stress_zalloc(sizeof(uint64_t));
}

static void locks_step(struct stress *s, struct stress_worker *w)
{
	struct locks *l = s->data[STRESS_locks];
	int i, cpu, ret;

	for (i = 0; i < STEPS; i++) {
		struct entry *e;

		cpu = stress_cpu(w);
		ret = may_wait(w) ? opv_lock_take(&l->lock, cpu) : opv_lock_trytake(&l->lock, cpu);
		w->counts[STRESS_COUNT_opv_lock_take]++;
		if (!have(w, STRESS_locks, "opv_lock_take", ret))
			continue;
		e = &l->entries[cpu];
		if (atomic_fetch_add(&e->inside, 1))
			stress_lost(s, STRESS_locks, "two have the lock of CPU %d", cpu);
		e->count++;
		if (stress_random(w) % 64 == 0)
			sched_yield();
		atomic_fetch_sub(&e->inside, 1);
		++*(uint64_t *)w->own[STRESS_locks];
		stress_expect(w, STRESS_locks, "opv_lock_release", opv_lock_release(&l->lock, cpu), 0);
	}
}

static void locks_check(struct stress *s)
{
	struct locks *l = s->data[STRESS_locks];
	uint64_t got = 0, want = 0;
	unsigned int i;
	int cpu;

	for (cpu = 0; cpu < s->nr_cpus; cpu++) {
		got += l->entries[cpu].count;
		if (opv_lock_owner(&l->lock, cpu))
			stress_lost(s, STRESS_locks, "the lock of CPU %d is taken", cpu);
	}
	for (i = 0; i < s->nr_workers; i++)
		want += *(uint64_t *)s->workers[i].own[STRESS_locks];
	if (got != want)
		stress_lost(s, STRESS_locks, "counted %llu under locks, they were taken %llu times",
			    (unsigned long long)got, (unsigned long long)want);
}

const struct stress_ops stress_locks = { locks_setup, locks_step, locks_check, NULL, false };

/* rwlock: words that are the same to every reader. */

#define WORDS 4

struct guarded {
	struct opv_rwlock rw;
	volatile uint64_t word[WORDS];
};

static void rwlock_setup(struct stress *s)
{
	struct guarded *g = s->data[STRESS_rwlock] = stress_zalloc(sizeof(*g));
	unsigned int i;

	if (opv_rwlock_init(&g->rw, s->domain))
		die("stress", "no per-CPU memory for a reader-writer lock");
	for (i = 0; i < s->nr_workers; i++)
		s->workers[i].own[STRESS_rwlock] = stress_zalloc(sizeof(uint64_t));
}

static void look(struct stress_worker *w, struct guarded *g)
{
	int ret = may_wait(w) ? opv_rwlock_read_lock(&g->rw) : opv_rwlock_read_trylock(&g->rw), i;
	uint64_t first;

	w->counts[STRESS_COUNT_opv_rwlock_read_lock]++;
	if (!have(w, STRESS_rwlock, "opv_rwlock_read_lock", ret))
		return;
	first = g->word[0];
	if (stress_random(w) % 256 == 0)
		sched_yield();
	for (i = 1; i < WORDS; i++)
		if (g->word[i] != first)
			stress_lost(w->s, STRESS_rwlock, "a reader saw half a write");
	opv_rwlock_read_unlock(&g->rw);
}

static void change(struct stress_worker *w, struct guarded *g)
{
	int ret = may_wait(w) ? opv_rwlock_write_lock(&g->rw) : opv_rwlock_write_trylock(&g->rw), i;

	w->counts[STRESS_COUNT_opv_rwlock_write_lock]++;
	if (!have(w, STRESS_rwlock, "opv_rwlock_write_lock", ret))
		return;
	for (i = 0; i < WORDS; i++)
		g->word[i]++;
	++*(uint64_t *)w->own[STRESS_rwlock];
	stress_expect(w, STRESS_rwlock, "opv_rwlock_write_unlock", opv_rwlock_write_unlock(&g->rw), 0);
}

static void rwlock_step(struct stress *s, struct stress_worker *w)
{
	struct guarded *g = s->data[STRESS_rwlock];
	int i;

	for (i = 0; i < STEPS; i++)
		look(w, g);
	if (stress_random(w) % 4 == 0)
		change(w, g);
}

static void rwlock_check(struct stress *s)
{
	struct guarded *g = s->data[STRESS_rwlock];
	uint64_t want = 0;
	unsigned int i;

	for (i = 0; i < s->nr_workers; i++)
		want += *(uint64_t *)s->workers[i].own[STRESS_rwlock];
	for (i = 0; i < WORDS; i++)
		if (g->word[i] != want)
			stress_lost(s, STRESS_rwlock, "word %u is %llu after %llu writes", i,
				    (unsigned long long)g->word[i], (unsigned long long)want);
	if (opv_rwlock_readers(&g->rw))
		stress_lost(s, STRESS_rwlock, "%lld readers are left",
			    (long long)opv_rwlock_readers(&g->rw));
}

const struct stress_ops stress_rwlock = { rwlock_setup, rwlock_step, rwlock_check, NULL, false };
