// SPDX-License-Identifier: MIT
/* opv stress: counters, histograms and reference counts. */
#define _GNU_SOURCE
#include "stress.h"

#include <errno.h>
#include <string.h>

#define STEPS 8
#define NR 3

/*
 * counters: what is added to one is taken out of it by resets; a level goes up on one CPU and
 * down on another; a batch is changed by vectors that leave its sum at 0; a histogram
 * counts what is put in.
 */
struct counters {
	struct opv_counter total, level;
	struct opv_counters batch;
	struct opv_histogram sizes;
};

struct counters_ledger {
	int64_t added, taken;
	uint64_t values;
};

static void must(int ret, const char *what)
{
	if (ret)
		die("stress", "no %s: %s", what, strerror(-ret));
}

static void counters_setup(struct stress *s)
{
	struct counters *c = s->data[STRESS_counters] = stress_zalloc(sizeof(*c));
	unsigned int i;

	must(opv_counter_init(&c->total, s->domain), "counter");
	must(opv_counter_init(&c->level, s->domain), "counter");
	must(opv_counters_init(&c->batch, s->domain, NR), "counters");
	must(opv_histogram_init(&c->sizes, s->domain, 2, 9999), "histogram");
	for (i = 0; i < s->nr_workers; i++)
		s->workers[i].own[STRESS_counters] = stress_zalloc(sizeof(struct counters_ledger));
}

static int any_cpu(struct stress_worker *w)
{
	return stress_random(w) % 4 ? OPV_THIS_CPU : stress_cpu(w);
}

static bool good(struct stress_worker *w, const char *call, int ret)
{
	return stress_expect(w, STRESS_counters, call, ret, 0);
}

static void counters_add(struct stress_worker *w, struct counters *c)
{
	struct counters_ledger *own = w->own[STRESS_counters];
	int64_t n = (int64_t)(stress_random(w) % 2000) - 900;

	w->counts[STRESS_COUNT_opv_counter_add]++;
	if (good(w, "opv_counter_add", opv_counter_add(&c->total, n, any_cpu(w))))
		own->added += n;
	w->counts[STRESS_COUNT_opv_histogram_add]++;
	if (good(w, "opv_histogram_add",
		 opv_histogram_add(&c->sizes, stress_random(w) % 20000, 1, any_cpu(w))))
		own->values++;
	good(w, "opv_counter_inc", opv_counter_inc(&c->level, any_cpu(w)));
	good(w, "opv_counter_dec", opv_counter_dec(&c->level, any_cpu(w)));
}

static void counters_turn(struct stress_worker *w, struct counters *c)
{
	int cpu = stress_cpu(w);
	unsigned int k = stress_random(w) % NR;
	uint64_t *part = opv_ptr(c->batch.percpu, cpu);
	struct cpu_op vec[] = {
		opv_op_add(&part[k], 2, 8),
		opv_op_add(&part[(k + 1) % NR], -1, 8),
		opv_op_add(&part[(k + 2) % NR], -1, 8),
	};

	w->counts[STRESS_COUNT_opv_vector]++;
	good(w, "opv_vector", opv_vector(w->s->domain, vec, 3, cpu));
}

static void counters_look(struct stress_worker *w, struct counters *c)
{
	struct counters_ledger *own = w->own[STRESS_counters];
	int64_t sum, all[NR];

	w->counts[STRESS_COUNT_opv_counter_reset]++;
	if (good(w, "opv_counter_reset", opv_counter_reset(&c->total, &sum)))
		own->taken += sum;
	w->counts[STRESS_COUNT_opv_counter_sum]++;
	if (good(w, "opv_counter_sum", opv_counter_sum(&c->level, &sum)) &&
	    (sum < 0 || sum > (int64_t)w->s->nr_workers))
		stress_lost(w->s, STRESS_counters, "a sum of %lld that never was", (long long)sum);
	w->counts[STRESS_COUNT_opv_counters_sum]++;
	if (good(w, "opv_counters_sum", opv_counters_sum(&c->batch, all)) && all[0] + all[1] + all[2])
		stress_lost(w->s, STRESS_counters, "half a vector is in a sum");
}

static void counters_step(struct stress *s, struct stress_worker *w)
{
	struct counters *c = s->data[STRESS_counters];
	int i;

	for (i = 0; i < STEPS; i++)
		counters_add(w, c);
	counters_turn(w, c);
	if (stress_random(w) % 4 == 0)
		counters_look(w, c);
	w->done[STRESS_counters] += 4 * STEPS + 1;
}

static void counters_check(struct stress *s)
{
	struct counters *c = s->data[STRESS_counters];
	int64_t added = 0, taken = 0, rest = 0, snapshot[100];
	uint64_t values = 0, counted;
	unsigned int i;

	for (i = 0; i < s->nr_workers; i++) {
		const struct counters_ledger *own = s->workers[i].own[STRESS_counters];

		added += own->added;
		taken += own->taken;
		values += own->values;
	}
	if (opv_counter_reset(&c->total, &rest) || added != taken + rest)
		stress_lost(s, STRESS_counters, "%lld were added, %lld taken", (long long)added,
			    (long long)(taken + rest));
	if (opv_counter_read(&c->level))
		stress_lost(s, STRESS_counters, "what went up did not come down");
	opv_counters_read(&c->sizes.counts, snapshot);
	counted = opv_histogram_total(&c->sizes, snapshot);
	if (counted != values)
		stress_lost(s, STRESS_counters, "%llu values were put in, %llu are in",
			    (unsigned long long)values, (unsigned long long)counted);
}

const struct stress_ops stress_counters = { counters_setup, counters_step, counters_check, NULL, false };

/*
 * refs: objects that everybody takes and gives back references of, and kills now and then.  One
 * that nobody has any more begins again.  The ledger is what a worker holds of each.
 */
#define OBJECTS 6
#define HELD 50

struct object {
	struct opv_ref ref;	/* first, so that release finds the rest */
	struct stress *s;
	_Atomic uint64_t lives, deaths;
	_Atomic int64_t holders;
	_Atomic bool to_begin;
};

static void release(struct opv_ref *ref)
{
	struct object *o = (struct object *)ref;
	int64_t holders = atomic_load(&o->holders);

	if (holders)
		stress_lost(o->s, STRESS_refs, "released while %lld have references", (long long)holders);
	atomic_fetch_add(&o->deaths, 1);
	atomic_store(&o->to_begin, true);
}

static void refs_setup(struct stress *s)
{
	struct object *o = s->data[STRESS_refs] = stress_zalloc(OBJECTS * sizeof(*o));
	unsigned int i;

	for (i = 0; i < OBJECTS; i++) {
		must(opv_ref_init(&o[i].ref, s->domain, release), "reference count");
		o[i].s = s;
		atomic_store(&o[i].lives, 1);
	}
	for (i = 0; i < s->nr_workers; i++)
		s->workers[i].own[STRESS_refs] = stress_zalloc(OBJECTS * sizeof(unsigned int));
}

static void first_ref(struct stress_worker *w, struct object *o, unsigned int *held)
{
	int ret = stress_random(w) % 2 ? opv_ref_tryget_live(&o->ref, any_cpu(w)) :
					 opv_ref_tryget(&o->ref, any_cpu(w));
	bool begin = true;

	if (!stress_expect(w, STRESS_refs, "opv_ref_tryget", ret, 1))
		return;
	if (!ret) {
		atomic_fetch_add(&o->holders, 1);
		++*held;
	} else if (atomic_compare_exchange_strong(&o->to_begin, &begin, false)) {
		atomic_fetch_add(&o->lives, 1);
		stress_expect(w, STRESS_refs, "opv_ref_reinit", opv_ref_reinit(&o->ref), 0);
	}
}

static void get_ref(struct stress_worker *w, struct object *o, unsigned int *held)
{
	w->counts[STRESS_COUNT_opv_ref_get]++;
	if (stress_expect(w, STRESS_refs, "opv_ref_get", opv_ref_get(&o->ref, any_cpu(w)), 0))
		++*held;
}

static void put_ref(struct stress_worker *w, struct object *o, unsigned int *held)
{
	w->counts[STRESS_COUNT_opv_ref_put]++;
	if (!--*held)
		atomic_fetch_sub(&o->holders, 1);
	stress_expect(w, STRESS_refs, "opv_ref_put", opv_ref_put(&o->ref, any_cpu(w)), 0);
}

static void kill_ref(struct stress_worker *w, struct object *o)
{
	int ret = opv_ref_kill(&o->ref);

	w->counts[STRESS_COUNT_opv_ref_kill]++;
	stress_expect(w, STRESS_refs, "opv_ref_kill", ret == -EALREADY ? 0 : ret, 0);
}

static void refs_step(struct stress *s, struct stress_worker *w)
{
	unsigned int *own = w->own[STRESS_refs], k;
	struct object *o = s->data[STRESS_refs];
	int i;

	for (i = 0; i < STEPS; i++) {
		k = stress_random(w) % OBJECTS;
		if (!own[k])
			first_ref(w, &o[k], &own[k]);
		else if (own[k] < HELD && stress_random(w) % 8 < 3)
			get_ref(w, &o[k], &own[k]);
		else
			put_ref(w, &o[k], &own[k]);
	}
	if (stress_random(w) % 16 == 0)
		kill_ref(w, &o[k]);
	w->done[STRESS_refs] += STEPS;
}

/* Everything is given back; then each has died as often as it lived. */
static void refs_check(struct stress *s)
{
	struct object *o = s->data[STRESS_refs];
	unsigned int i, k;

	for (k = 0; k < OBJECTS; k++) {
		for (i = 0; i < s->nr_workers; i++) {
			unsigned int *held = &((unsigned int *)s->workers[i].own[STRESS_refs])[k];

			while (*held)
				put_ref(&s->workers[i], &o[k], held);
		}
		opv_ref_kill(&o[k].ref);
		if (!opv_ref_is_zero(&o[k].ref) || atomic_load(&o[k].lives) != atomic_load(&o[k].deaths))
			stress_lost(s, STRESS_refs, "object %u: %llu lives, %llu deaths", k,
				    (unsigned long long)o[k].lives, (unsigned long long)o[k].deaths);
	}
}

const struct stress_ops stress_refs = { refs_setup, refs_step, refs_check, NULL, false };
