// SPDX-License-Identifier: MIT
/*
 * Rings under a crowd: one to four threads a CPU, handlers that write in between, migration, a
 * reader that follows, every engine and all mixed.  Each record is whole, those of one writer on
 * one CPU are in order, and what was read and lost adds up to what was written.
 */
#define _GNU_SOURCE
#include "crowd.h"

#include <stdatomic.h>

#define CPUS_MAX 64
#define MEMBERS_MAX 65

struct event {
	uint32_t member, words;		/* words behind the check */
	uint64_t number;		/* of this member's on this CPU, but for those that are lost */
	uint64_t check;
	uint64_t word[12];
};

struct own {
	uint64_t number;		/* rises with each record, whatever CPU */
	uint64_t records, bytes, dropped, dropped_bytes;
};

static struct opv_ring r;
static int nr_cpus, nr_members;
static struct own own[MEMBERS_MAX];
static uint64_t last[CPUS_MAX][MEMBERS_MAX];	/* the reader's */
static uint64_t got, got_bytes;
static _Atomic int errors, damaged, disorder;

static uint64_t check_of(const struct event *e)
{
	uint64_t sum = e->number * 31 + e->member, i;

	for (i = 0; i < e->words; i++)
		sum = sum * 1000003 + e->word[i];
	return sum;
}

static size_t length_of(const struct event *e)
{
	return sizeof(*e) - sizeof(e->word) + e->words * sizeof(uint64_t);
}

static void make_event(struct event *e, struct member *m)
{
	uint32_t i;

	e->member = m->index;
	e->number = ++own[m->index].number;
	e->words = (uint32_t)(rnd(&m->random) % 13);
	for (i = 0; i < e->words; i++)
		e->word[i] = rnd(&m->random);
	e->check = check_of(e);
}

/* In two steps, with time in between: for a handler, or to be moved. */
static int in_two_steps(const struct event *e, size_t len, struct member *m, int cpu, bool *discarded)
{
	struct opv_ring_record rec;
	int ret = opv_ring_reserve(&r, len, &rec, cpu);

	*discarded = false;
	if (ret)
		return ret;
	if (rnd(&m->random) % 32 == 0)
		sched_yield();
	memcpy(rec.data, e, len);
	*discarded = rnd(&m->random) % 8 == 0;
	if (*discarded)
		opv_ring_discard(&rec);
	else
		opv_ring_commit(&rec);
	return 0;
}

static void step(struct member *m)
{
	int cpu = rnd(&m->random) % 32 ? OPV_THIS_CPU : (int)(rnd(&m->random) % (uint64_t)nr_cpus);
	struct own *o = &own[m->index];
	bool discarded = false;
	struct event e;
	size_t len;
	int ret;

	make_event(&e, m);
	len = length_of(&e);
	if (rnd(&m->random) % 2)
		ret = in_two_steps(&e, len, m, cpu, &discarded);
	else
		ret = opv_ring_write(&r, &e, len, cpu);
	if (ret == -ENOBUFS) {
		o->dropped++;
		o->dropped_bytes += len;
	} else if (ret) {
		errors++;
	} else if (!discarded) {
		o->records++;
		o->bytes += len;
	}
}

static int read_one(int cpu)
{
	struct event e;
	size_t len;
	int ret = opv_ring_read(&r, cpu, &e, sizeof(e), &len);

	if (ret == 1 || ret == 2)
		return ret;
	if (ret || len < length_of(&(struct event){ .words = 0 }) || e.words > 12 ||
	    len != length_of(&e) || (int)e.member >= nr_members || e.check != check_of(&e)) {
		damaged++;
		return ret;
	}
	disorder += e.number <= last[cpu][e.member];
	last[cpu][e.member] = e.number;
	got++;
	got_bytes += len;
	return 0;
}

/* The main thread, now and then: some of each CPU. */
static void tick(void)
{
	int cpu, i;

	for (cpu = 0; cpu < nr_cpus; cpu++)
		for (i = 0; i < 200 && !read_one(cpu); i++)
			;
}

static void check(int road, int threads, uint32_t flags)
{
	struct opv_ring_counts c;
	struct own sum = { 0 };
	int cpu, i;

	for (cpu = 0; cpu < nr_cpus; cpu++) {
		errors += opv_ring_flush(&r, cpu, 0) != 0;
		while (!read_one(cpu))
			;
	}
	for (i = 0; i < nr_members; i++) {
		sum.records += own[i].records;
		sum.bytes += own[i].bytes;
		sum.dropped += own[i].dropped;
		sum.dropped_bytes += own[i].dropped_bytes;
	}
	opv_ring_counts(&r, OPV_ALL_CPUS, &c, sizeof(c));
	ok(!errors && !damaged && !disorder, "%s, %d threads, %s: every record is whole and in order",
	   crowd_road_name(road), threads, flags ? "overwriting" : "dropping");
	ok(got == c.read_records && got_bytes == c.read_bytes &&
	   got + c.overwritten_records == sum.records &&
	   got_bytes + c.overwritten_bytes == sum.bytes && c.dropped_records == sum.dropped &&
	   c.dropped_bytes == sum.dropped_bytes && !c.abandoned_records && !c.used,
	   "%s, %d threads, %s: read and lost are what was written", crowd_road_name(road), threads,
	   flags ? "overwriting" : "dropping");
	diag("%llu written, %llu read, %llu overwritten, %llu dropped; %d errors, %d damaged, %d disorder",
	     (unsigned long long)sum.records, (unsigned long long)got,
	     (unsigned long long)c.overwritten_records, (unsigned long long)c.dropped_records, errors,
	     damaged, disorder);
}

static void run(int road, int threads, uint32_t flags, int ms, uint64_t seed)
{
	struct crowd c = {
		.threads = threads, .step = step, .tick = tick, .milliseconds = ms,
		.members = crowd_members(threads, seed),
	};

	nr_members = 2 * threads + 1;
	memset(own, 0, sizeof(own));
	memset(last, 0, sizeof(last));
	got = got_bytes = 0;
	errors = damaged = disorder = 0;
	opv_ring_init(&r, NULL, flags ? 4096 : 65536, flags);
	crowd_run(&c);
	check(road, threads, flags);
	opv_ring_fini(&r);
	free(c.members);
}

int main(int argc, char **argv)
{
	uint64_t seed = seed_from(argc, argv);
	int cpus = (int)sysconf(_SC_NPROCESSORS_ONLN), road, per;

	nr_cpus = opv_domain_cpus(NULL);
	if (nr_cpus > CPUS_MAX) {
		skip("rings under a crowd", "more CPUs than this test has room for");
		return done();
	}
	for (road = ROAD_USUAL; road <= ROAD_MIXED; road++) {
		if (!crowd_road(road))
			continue;
		for (per = 1; per <= 4; per *= 2) {
			run(road, per * (cpus < 4 ? cpus : 4), 0, 200, seed);
			run(road, per * (cpus < 4 ? cpus : 4), OPV_RING_OVERWRITE, 200, seed);
		}
		crowd_leave(road);
	}
	return done();
}
