// SPDX-License-Identifier: MIT
/* opv stress: rings, one that drops and one that overwrites; anybody reads. */
#include "stress.h"

#include <errno.h>
#include <sched.h>
#include <string.h>

#define STEPS 8
#define WORDS_MAX 9

static const uint32_t bytes[2] = { 65536, 8192 };

struct rings {
	struct opv_ring ring[2];	/* [1] overwrites */
};

/* What a worker did with each of them. */
struct ledger {
	uint64_t written, written_bytes, dropped, dropped_bytes, got, got_bytes;
};

struct record {
	uint64_t check, word[WORDS_MAX];
};

static void rings_setup(struct stress *s)
{
	struct rings *r = s->data[STRESS_rings] = stress_zalloc(sizeof(*r));
	unsigned int i;

	if (opv_ring_init(&r->ring[0], s->domain, bytes[0], 0) ||
	    opv_ring_init(&r->ring[1], s->domain, bytes[1], OPV_RING_OVERWRITE))
		die("stress", "no per-CPU memory for rings");
	for (i = 0; i < s->nr_workers; i++)
		s->workers[i].own[STRESS_rings] = stress_zalloc(2 * sizeof(struct ledger));
}

static uint64_t check_of(const struct record *e, size_t len)
{
	uint64_t sum = len;
	size_t i;

	for (i = 1; i < len / sizeof(uint64_t); i++)
		sum += stress_mix(e->word[i - 1] + i);
	return sum;
}

/* With or without time between reservation and commit; some are given up. */
static int put(struct stress_worker *w, struct opv_ring *r, const struct record *e, size_t len, int cpu)
{
	struct opv_ring_record rec;
	int ret;

	if (stress_random(w) & 1)
		return opv_ring_write(r, e, len, cpu);
	ret = opv_ring_reserve(r, len, &rec, cpu);
	if (ret)
		return ret;
	if (stress_random(w) % 64 == 0)
		sched_yield();
	memcpy(rec.data, e, len);
	if (stress_random(w) % 8) {
		opv_ring_commit(&rec);
		return 0;
	}
	opv_ring_discard(&rec);
	return 1;
}

static void write_one(struct stress_worker *w, struct opv_ring *r, struct ledger *own)
{
	int cpu = stress_random(w) & 1 ? OPV_THIS_CPU : stress_cpu(w), ret;
	size_t len = (1 + stress_random(w) % (WORDS_MAX + 1)) * sizeof(uint64_t), i;
	struct record e;

	for (i = 1; i < len / sizeof(uint64_t); i++)
		e.word[i - 1] = stress_random(w);
	e.check = check_of(&e, len);
	ret = put(w, r, &e, len, cpu);
	w->counts[STRESS_COUNT_opv_ring_write]++;
	if (!ret) {
		own->written++;
		own->written_bytes += len;
	} else if (ret == -ENOBUFS) {
		own->dropped++;
		own->dropped_bytes += len;
	} else {
		stress_expect(w, STRESS_rings, "opv_ring_write", ret, 1);
	}
}

static bool read_one(struct stress_worker *w, struct opv_ring *r, struct ledger *own, int cpu)
{
	struct record e;
	size_t len;
	int ret = opv_ring_read(r, cpu, &e, sizeof(e), &len);

	w->counts[STRESS_COUNT_opv_ring_read]++;
	if (ret == -EBUSY || (stress_expect(w, STRESS_rings, "opv_ring_read", ret, 2) && ret))
		return false;
	if (ret || len < sizeof(uint64_t) || len % sizeof(uint64_t) || e.check != check_of(&e, len))
		stress_lost(w->s, STRESS_rings, "a record of CPU %d is damaged", cpu);
	own->got++;
	own->got_bytes += len;
	return !ret;
}

static void rings_step(struct stress *s, struct stress_worker *w)
{
	struct rings *r = s->data[STRESS_rings];
	struct ledger *own = w->own[STRESS_rings];
	unsigned int i, which = stress_random(w) & 1;
	int cpu;

	for (i = 0; i < STEPS; i++)
		write_one(w, &r->ring[which], &own[which]);
	cpu = stress_cpu(w);
	for (i = 0; i < STEPS && read_one(w, &r->ring[which], &own[which], cpu); i++)
		;
	w->done[STRESS_rings] += 2 * STEPS;
}

static void add_up(struct stress *s, unsigned int which, struct ledger *sum)
{
	unsigned int i;

	for (i = 0; i < s->nr_workers; i++) {
		const struct ledger *own = (struct ledger *)s->workers[i].own[STRESS_rings] + which;

		sum->written += own->written;
		sum->written_bytes += own->written_bytes;
		sum->dropped += own->dropped;
		sum->dropped_bytes += own->dropped_bytes;
		sum->got += own->got;
		sum->got_bytes += own->got_bytes;
	}
}

static void check_one(struct stress *s, struct opv_ring *r, unsigned int which)
{
	struct stress_worker *w = &s->workers[0];
	struct ledger sum = { 0 };
	struct opv_ring_counts c;
	int cpu;

	for (cpu = 0; cpu < s->nr_cpus; cpu++) {
		stress_expect(w, STRESS_rings, "opv_ring_flush", opv_ring_flush(r, cpu, 0), 0);
		while (read_one(w, r, (struct ledger *)w->own[STRESS_rings] + which, cpu))
			;
	}
	add_up(s, which, &sum);
	opv_ring_counts(r, OPV_ALL_CPUS, &c, sizeof(c));
	if (c.read_records != sum.got || c.read_bytes != sum.got_bytes ||
	    c.dropped_records != sum.dropped || c.dropped_bytes != sum.dropped_bytes ||
	    c.overwritten_records + sum.got != sum.written ||
	    c.overwritten_bytes + sum.got_bytes != sum.written_bytes || c.abandoned_records || c.used)
		stress_lost(s, STRESS_rings, "%s: %llu written, %llu read, %llu overwritten, %llu of %llu dropped",
			    which ? "overwriting" : "dropping", (unsigned long long)sum.written,
			    (unsigned long long)sum.got, (unsigned long long)c.overwritten_records,
			    (unsigned long long)c.dropped_records, (unsigned long long)sum.dropped);
}

static void rings_check(struct stress *s)
{
	struct rings *r = s->data[STRESS_rings];

	check_one(s, &r->ring[0], 0);
	check_one(s, &r->ring[1], 1);
}

const struct stress_ops stress_rings = { rings_setup, rings_step, rings_check, NULL, false };
