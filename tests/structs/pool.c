// SPDX-License-Identifier: MIT
/* Pools: each function, adapting, trimming, depots, and fork; on every engine. */
#define _GNU_SOURCE
#include "../ops/ops.h"

#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#define MANY 2000

static int first_cpu, second_cpu;	/* -1: there is none */

/* An allocator that knows what it gave out: numbers, 1 to MANY. */
static int out[MANY + 1], nr_out, limit = MANY, calls_alloc, calls_free, depot_asked, twice;

static int get(void *arg, void **objects, int n, int depot)
{
	int i, got = 0;

	(void)arg;
	calls_alloc++;
	depot_asked = depot;
	for (i = 1; i <= MANY && got < n && nr_out < limit; i++) {
		if (out[i])
			continue;
		out[i] = 1;
		nr_out++;
		objects[got++] = (void *)(intptr_t)i;
	}
	return got;
}

static void put(void *arg, void **objects, int n)
{
	(void)arg;
	calls_free++;
	while (n--) {
		intptr_t i = (intptr_t)objects[n];

		twice += i < 1 || i > MANY || !out[i];
		out[i] = 0;
		nr_out--;
	}
}

static int refuse(void *arg, void **objects, int n, int depot)
{
	(void)arg, (void)objects, (void)n, (void)depot;
	return -EBUSY;
}

static struct opv_pool_options options(uint32_t batch, uint32_t capacity, uint32_t depot)
{
	return (struct opv_pool_options){ .size = sizeof(struct opv_pool_options), .alloc = get,
		.free = put, .batch = batch, .capacity = capacity, .depot = depot };
}

static struct opv_pool_stats stats(const struct opv_pool *p)
{
	struct opv_pool_stats s;

	opv_pool_stats(p, OPV_ALL_CPUS, &s, sizeof(s));
	return s;
}

/* Every object is in one place: with the program, or in the pool. */
static bool adds_up(const struct opv_pool *p, int held)
{
	struct opv_pool_stats s = stats(p);

	if ((uint64_t)nr_out == s.cached + s.stored + (uint64_t)held &&
	    s.allocated - s.freed == (uint64_t)nr_out)
		return true;
	diag("%d out, %llu cached, %llu stored, %d held", nr_out, (unsigned long long)s.cached,
	     (unsigned long long)s.stored, held);
	return false;
}

static int node_by_parity(void *arg, int cpu)
{
	(void)arg;
	return cpu & 1;
}

static int depot_two(void *arg, int cpu)
{
	(void)arg, (void)cpu;
	return 2;
}

static void refusals(void)
{
	struct opv_domain_options shared = { .size = sizeof(shared), .flags = OPV_DOMAIN_SHARED };
	struct opv_pool_options o = options(0, 0, 0);
	struct opv_domain *d;
	struct opv_pool p;

	is(opv_pool_init(&p, NULL, NULL), -EINVAL, "no options");
	o.alloc = NULL;
	is(opv_pool_init(&p, NULL, &o), -EINVAL, "no allocator");
	o = options(OPV_POOL_BATCH_MAX + 1, 0, 0);
	is(opv_pool_init(&p, NULL, &o), -EINVAL, "too large a batch");
	o = options(0, OPV_POOL_CAPACITY_MAX + 1, 0);
	is(opv_pool_init(&p, NULL, &o), -EINVAL, "too large a capacity");
	o = options(16, 8, 0);
	is(opv_pool_init(&p, NULL, &o), -EINVAL, "a magazine smaller than a batch");
	o = options(0, 0, 0);
	o.nr_depots = 2;
	o.depot_of_cpu = depot_two;
	is(opv_pool_init(&p, NULL, &o), -EINVAL, "a depot that there is not");
	o = options(0, 0, 0);
	o.size = 4;
	is(opv_pool_init(&p, NULL, &o), -EINVAL, "a size that is none");
	o = options(0, 0, 0);
	if (!opv_domain_create(&d, &shared)) {
		is(opv_pool_init(&p, d, &o), -EINVAL, "a shared domain");
		opv_domain_destroy(d);
	}
	o.alloc = refuse;
	is(opv_pool_init(&p, NULL, &o), 0, "an allocator that refuses");
	is(opv_pool_alloc(&p, &(void *){ NULL }), -EBUSY, "has its error answered");
	is(opv_pool_fini(&p), 0, "and is gone");
}

static void basics(void)
{
	struct opv_pool_options o = options(8, 32, 4);
	void *x, *held[100];
	struct opv_pool p;
	int i, bad = 0;

	is(opv_pool_init(&p, NULL, &o), 0, "a pool is made");
	is(opv_pool_try_alloc(&p, &x), 1, "an empty one cannot do without callbacks");
	is(calls_alloc, 0, "and has called none");
	is(opv_pool_alloc(&p, &x), 0, "it can with them");
	is(calls_alloc, 1, "one call");
	is(nr_out, 8, "for a batch");
	is(opv_pool_free(&p, x), 0, "the object goes back");
	is(opv_pool_alloc(&p, &held[0]), 0, "and comes again");
	ok(held[0] == x, "the last one first");
	for (i = 1; i < 8; i++)
		bad += opv_pool_try_alloc(&p, &held[i]);
	is(bad, 0, "the batch is there to be had without callbacks");
	is(opv_pool_try_alloc(&p, &x), 1, "and nothing beyond it");
	ok(adds_up(&p, 8), "eight are held");
	for (; i < 100; i++)
		bad += opv_pool_alloc(&p, &held[i]);
	for (; i; i--)
		bad += opv_pool_free(&p, held[i - 1]);
	is(bad, 0, "a hundred out and in");
	ok(adds_up(&p, 0), "and all accounted for");
	ok(stats(&p).cached <= 32 && stats(&p).stored <= 32, "no more kept than was said");

	limit = nr_out;
	for (i = 0, bad = 0; i < limit; i++)
		bad += opv_pool_alloc(&p, &held[i]);
	is(bad, 0, "without memory what is in the pool can be had to the last");
	is(opv_pool_alloc(&p, &x), -ENOMEM, "and then no more");
	for (i = 0; i < nr_out; i++)
		if (opv_pool_try_free(&p, held[i]))
			opv_pool_free(&p, held[i]);
	limit = MANY;
	ok(adds_up(&p, 0), "all went back");
	is(opv_pool_drain(&p), 0, "a drain");
	is(nr_out, 0, "leaves nothing in the pool");
	is(opv_pool_stats(&p, opv_domain_cpus(NULL), NULL, 0), -EINVAL, "there is no such CPU");
	opv_pool_alloc(&p, &x);
	opv_pool_free(&p, x);
	is(opv_pool_fini(&p), 0, "and at the end");
	is(nr_out, 0, "all is freed");
	is(twice, 0, "nothing twice");
}

static void try_free_full(void)
{
	struct opv_pool_options o = options(4, 8, 2);
	struct opv_pool p;
	void *held[64];
	int i, calls;

	opv_pool_init(&p, NULL, &o);
	for (i = 0; i < 64; i++)
		opv_pool_alloc(&p, &held[i]);
	calls = calls_free;
	for (i = 0; i < 64 && !opv_pool_try_free(&p, held[i]); i++)
		;
	ok(i >= 8 && i <= 16, "try_free fills the magazine and two batches: %d", i);
	is(calls_free, calls, "without a callback");
	ok(adds_up(&p, 64 - i), "and what it refuses is the caller's");
	for (; i < 64; i++)
		opv_pool_free(&p, held[i]);
	opv_pool_fini(&p);
	is(nr_out, 0, "all is freed");
}

static void cycle(struct opv_pool *p, int n)
{
	void *held[400];
	int i;

	for (i = 0; i < n; i++)
		opv_pool_alloc(p, &held[i]);
	while (i)
		opv_pool_free(p, held[--i]);
}

static void adapting(void)
{
	struct opv_pool_options o = options(16, 256, 4);
	struct opv_pool_stats before, after;
	struct opv_pool p;
	void *x;
	int i;

	opv_pool_init(&p, NULL, &o);
	cycle(&p, 1);
	is(stats(&p).capacity, 16, "a magazine begins with a batch");
	for (i = 0; i < 20; i++)
		cycle(&p, 150);
	ok(stats(&p).capacity >= 150 && stats(&p).capacity <= 256, "and grows with its use: %llu",
	   (unsigned long long)stats(&p).capacity);
	before = stats(&p);
	for (i = 0; i < 20; i++)
		cycle(&p, 150);
	after = stats(&p);
	is(after.underflows + after.overflows, before.underflows + before.overflows,
	   "until it misses nothing");
	is(opv_pool_trim(&p), 0, "a trim while it is busy");
	cycle(&p, 1);
	is(opv_pool_trim(&p), 0, "and another one");
	ok(stats(&p).shrunk > 0 && stats(&p).capacity < before.capacity && stats(&p).capacity >= 16,
	   "a busy CPU that misses nothing shrinks: %llu", (unsigned long long)stats(&p).capacity);
	is(stats(&p).trimmed, 0, "but keeps its objects");
	ok(stats(&p).cached > 0, "for it has some");
	is(opv_pool_trim(&p), 0, "a trim after it was idle");
	is(stats(&p).cached, 0, "takes all of them");
	is(stats(&p).capacity, 0, "and its room");
	ok(stats(&p).trimmed > 0 && adds_up(&p, 0), "and frees them");
	is(opv_pool_trim(&p), 0, "one more");
	is(stats(&p).stored, 0, "by now what lay in the depots is gone");
	is(nr_out, 0, "nothing is kept");
	is(opv_pool_alloc(&p, &x), 0, "then it begins anew");
	opv_pool_free(&p, x);
	is(stats(&p).capacity, 16, "with a batch");

	/* One way only: more room would change nothing. */
	opv_pool_drain(&p);
	for (i = 0; i < 20; i++)
		opv_pool_trim(&p);
	before = stats(&p);
	for (i = 0; i < 100; i++)
		opv_pool_alloc(&p, &x);
	ok(stats(&p).grown - before.grown <= 1, "a CPU that only takes does not grow");
	opv_pool_fini(&p);
	memset(out, 0, sizeof(out));
	nr_out = 0;
}

/* Even objects are of depot 0, odd ones of depot 1. */
static int home(void *arg, void *object)
{
	(void)arg;
	return (int)((intptr_t)object & 1);
}

static void depots(void)
{
	struct opv_pool_options o = options(8, 8, 64);
	int cpu = first_cpu, i, calls, foreign = 0;
	struct opv_pool p;
	void *held[200];

	pin_to(cpu);
	o.nr_depots = 2;
	o.depot_of_cpu = node_by_parity;
	opv_pool_init(&p, NULL, &o);
	cycle(&p, 40);
	is(depot_asked, cpu & 1, "the allocator is asked for objects of the CPU's depot");
	ok(adds_up(&p, 0) && stats(&p).stored > 0, "objects lie in the depots");
	if (second_cpu < 0 || ((second_cpu ^ cpu) & 1) == 0) {
		skip("two depots", "there is one CPU only, or all are even");
	} else {
		pin_to(second_cpu);
		calls = calls_alloc;
		opv_pool_alloc(&p, &held[0]);
		is(calls_alloc, calls + 1, "another depot is left alone as long as there is memory");
		opv_pool_free(&p, held[0]);
		limit = nr_out;
		for (i = 0; i < limit; i++)
			foreign += opv_pool_alloc(&p, &held[i]);
		is(foreign, 0, "without memory other depots and other CPUs are looked through");
		ok(stats(&p).stolen > 0, "some were stolen");
		is(opv_pool_alloc(&p, held), -ENOMEM, "until there is nothing left");
		while (i--)
			opv_pool_free(&p, held[i]);
		limit = MANY;
		ok(adds_up(&p, 0), "all went back");
	}
	opv_pool_fini(&p);
	is(nr_out, 0, "all is freed");

	pin_to(cpu);
	o.home = home;
	opv_pool_init(&p, NULL, &o);
	for (i = 0; i < 200; i++)
		opv_pool_alloc(&p, &held[i]);
	while (i--)
		opv_pool_free(&p, held[i]);
	ok(adds_up(&p, 0), "with homes, nothing is lost");
	/* Out of the magazine first, then those of this CPU's depot: all of its parity. */
	limit = nr_out;
	for (i = 0; stats(&p).cached; i++)
		opv_pool_alloc(&p, &held[i]);
	calls = i;
	for (; i < calls + 64; i++) {
		opv_pool_alloc(&p, &held[i]);
		foreign += ((intptr_t)held[i] & 1) != (cpu & 1);
	}
	is(foreign, 0, "a CPU is given objects of its own depot");
	limit = MANY;
	while (i--)
		opv_pool_free(&p, held[i]);
	opv_pool_fini(&p);
	is(nr_out, 0, "all is freed, homes or not");
}

/* Random steps against what must hold after each. */
static void sequences(int road, uint64_t *random)
{
	struct opv_pool_options o = options(1 + (uint32_t)(rnd(random) % 8),
					    8 + (uint32_t)(rnd(random) % 40), 1 + (uint32_t)(rnd(random) % 8));
	int held_nr = 0, i, j, bad = 0, other = second_cpu;
	static int is_held[MANY + 1];
	void *held[500], *x;
	struct opv_pool p;

	memset(is_held, 0, sizeof(is_held));
	opv_pool_init(&p, NULL, &o);
	limit = 300;
	for (i = 0; i < 4000 && !bad; i++) {
		uint64_t r = rnd(random);
		int ret;

		if (r % 64 == 0)
			bad += opv_pool_trim(&p) != 0;
		else if (r % 256 == 1)
			bad += opv_pool_drain(&p) != 0;
		else if (r % 64 == 2 && other >= 0)
			pin_to(r & 64 ? other : first_cpu);
		if (r & (r & 0x10000 ? 1024 : 3072)) {
			ret = r & 512 ? opv_pool_alloc(&p, &x) : opv_pool_try_alloc(&p, &x);
			bad += ret && ret != (r & 512 ? -ENOMEM : 1);
			if (r & 512)
				bad += ret && nr_out - held_nr > 0;
			if (!ret) {
				bad += is_held[(intptr_t)x]++ || !out[(intptr_t)x];
				held[held_nr++] = x;
			}
		} else if (held_nr) {
			j = (int)((r >> 32) % (uint64_t)held_nr);
			x = held[j];
			is_held[(intptr_t)x]--;
			held[j] = held[--held_nr];
			if (r & 512 || opv_pool_try_free(&p, x))
				bad += opv_pool_free(&p, x);
		}
		bad += !adds_up(&p, held_nr) || stats(&p).stored > o.batch * o.depot ||
		       stats(&p).cached > o.capacity * (uint64_t)opv_domain_cpus(NULL);
	}
	is(bad, 0, "%d random steps, %s: every object in one place, no more kept than was said", i,
	   road_name(road));
	while (held_nr)
		opv_pool_free(&p, held[--held_nr]);
	opv_pool_fini(&p);
	is(nr_out, 0, "all is freed");
	limit = MANY;
}

static void forked(void)
{
	struct opv_pool_options o = options(8, 32, 4);
	struct opv_pool p;
	int status, kept;
	void *x;

	opv_pool_init(&p, NULL, &o);
	opv_pool_alloc(&p, &x);
	cycle(&p, 20);
	kept = nr_out;
	if (!fork()) {
		cycle(&p, 50);
		opv_pool_free(&p, x);
		_exit(!adds_up(&p, 0) || opv_pool_fini(&p) || nr_out || twice);
	}
	wait(&status);
	is(status, 0, "a child of fork has a pool of its own, with all in it");
	is(nr_out, kept, "and its parent's is as it was");
	opv_pool_free(&p, x);
	opv_pool_fini(&p);
	is(nr_out, 0, "all is freed");
}

int main(int argc, char **argv)
{
	uint64_t random = seed_from(argc, argv);
	int road, i;

	first_cpu = allowed_cpu(0);
	second_cpu = allowed_cpu(1);
	pin_to(first_cpu);
	refusals();
	basics();
	try_free_full();
	adapting();
	depots();
	for (road = ROAD_USUAL; road < OPV_NR_ENGINES; road++) {
		if (!take_road(road))
			continue;
		for (i = 0; i < 4; i++)
			sequences(road, &random);
		leave_road(road);
	}
	forked();
	is(twice, 0, "no object was ever freed twice");
	return done();
}
