// SPDX-License-Identifier: MIT
/*
 * Trims of a pool while CPUs go off and on: what a CPU has that is off goes back, however
 * busy it was, also under load, and no object is lost or had twice.  For a guest, as root.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>

#include <opv/opv.h>

#include "online.h"
#include "tap.h"

#define OBJECTS	4096
#define HOLD	24

static _Atomic uint32_t given[OBJECTS], owned[OBJECTS];
static _Atomic unsigned int next_object;
static _Atomic int wrong;
static atomic_bool stop;
static struct opv_pool pool;
static int nr_cpus;

static int get(void *arg, void **objects, int n, int depot)
{
	int got = 0, i;

	(void)arg, (void)depot;
	for (i = 0; i < OBJECTS && got < n; i++) {
		unsigned int o = atomic_fetch_add(&next_object, 1) % OBJECTS;

		if (!atomic_exchange(&given[o], 1))
			objects[got++] = (void *)(uintptr_t)(o + 1);
	}
	return got;
}

static void put(void *arg, void **objects, int n)
{
	(void)arg;
	while (n--) {
		uintptr_t o = (uintptr_t)objects[n] - 1;

		wrong += o >= OBJECTS || owned[o] || !atomic_exchange(&given[o], 0);
	}
}

static bool stay_on(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	return !sched_setaffinity(0, sizeof(set), &set) && sched_getcpu() == cpu;
}

static bool cycle(void **held, int nr)
{
	int i, n;

	for (n = 0; n < nr && !opv_pool_alloc(&pool, &held[n]); n++)
		wrong += atomic_exchange(&owned[(uintptr_t)held[n] - 1], 1);
	for (i = 0; i < n; i++) {
		atomic_store(&owned[(uintptr_t)held[i] - 1], 0);
		wrong += opv_pool_free(&pool, held[i]) != 0;
	}
	return n == nr;
}

static uint64_t cached(int cpu)
{
	struct opv_pool_stats s;

	opv_pool_stats(&pool, cpu, &s, sizeof(s));
	return s.cached;
}

static void test_each(void)
{
	bool off = true, kept = true, trimmed = true, used = true;
	void *held[HOLD];
	int cpu;

	for (cpu = 1; cpu < nr_cpus; cpu++) {
		used &= stay_on(cpu) && cycle(held, 8);
		stay_on(0);
		used &= cycle(held, 8);
		used &= !opv_pool_trim(&pool) && cached(cpu) > 0;	/* busy since the last one */
		used &= stay_on(cpu) && cycle(held, 8) && stay_on(0) && cycle(held, 8);
		off &= turn(cpu, false);
		trimmed &= !opv_pool_trim(&pool) && !cached(cpu);
		kept &= cached(0) > 0;
		off &= turn(cpu, true);
		used &= stay_on(cpu) && cycle(held, 8) && cached(cpu) > 0;
	}
	stay_on(0);
	ok(off, "each of %d CPUs goes off and on", nr_cpus - 1);
	ok(trimmed, "a trim takes all that it has, though it was busy until then");
	ok(kept, "and leaves the one that stays alone");
	ok(used, "a CPU that comes back has a magazine as before");
}

static void *work(void *arg)
{
	void *held[HOLD];

	(void)arg;
	while (!stop)
		cycle(held, HOLD);
	return NULL;
}

static void test_load(void)
{
	int i, nr = 2 * nr_cpus < 32 ? 2 * nr_cpus : 32, turns = 0, errors = 0;
	struct opv_pool_stats s;
	pthread_t threads[32];

	for (i = 0; i < nr; i++)
		pthread_create(&threads[i], NULL, work, NULL);
	for (i = 0; i < 4 * (nr_cpus - 1); i++) {
		int cpu = 1 + i % (nr_cpus - 1);

		turns += turn(cpu, false);
		usleep(5000);
		errors += opv_pool_trim(&pool) != 0;
		turn(cpu, true);
		errors += i % 8 == 0 && opv_pool_drain(&pool);
	}
	stop = true;
	for (i = 0; i < nr; i++)
		pthread_join(threads[i], NULL);
	opv_pool_stats(&pool, OPV_ALL_CPUS, &s, sizeof(s));
	diag("%d times a CPU went off; %llu operations, %llu trimmed", turns,
	     (unsigned long long)s.operations, (unsigned long long)s.trimmed);
	ok(turns >= 3 && s.trimmed > 0, "under load CPUs go off, and are trimmed");
	is(errors, 0, "no trim and no drain fails");
}

int main(void)
{
	struct opv_pool_options o = { .size = sizeof(o), .alloc = get, .free = put, .batch = 4,
				      .capacity = 16, .depot = 8 };
	int i, left = 0;

	nr_cpus = (int)sysconf(_SC_NPROCESSORS_ONLN);
	if (!ok(nr_cpus > 1 && !opv_pool_init(&pool, NULL, &o), "a pool on %d CPUs", nr_cpus))
		return done();
	test_each();
	test_load();
	opv_pool_fini(&pool);
	for (i = 0; i < OBJECTS; i++)
		left += given[i] || owned[i];
	is(wrong, 0, "no object was had twice, or freed while somebody had it");
	is(left, 0, "and all went back in the end");
	return done();
}
