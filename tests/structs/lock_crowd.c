// SPDX-License-Identifier: MIT
/*
 * Locks biased to a CPU under a crowd: one to four threads a CPU, handlers, migration, takers from
 * afar, every engine and all mixed.  Never two have the lock of a CPU, and nothing is lost.
 */
#define _GNU_SOURCE
#include "crowd.h"

#include <stdatomic.h>

#define CPUS_MAX 64

static struct opv_lock l;
static int nr_cpus;

/* What each lock guards, and nothing else does. */
static struct {
	volatile uint64_t count;
	_Atomic int inside;
	uint64_t apart[6];
} guarded[CPUS_MAX];

static _Atomic uint64_t taken, refused;
static _Atomic int both, errors;

static void work(struct member *m, int cpu)
{
	both += atomic_fetch_add(&guarded[cpu].inside, 1) != 0;
	guarded[cpu].count++;
	if (rnd(&m->random) % 64 == 0)
		sched_yield();
	guarded[cpu].count++;
	atomic_fetch_sub(&guarded[cpu].inside, 1);
	taken++;
}

/* Threads wait, handlers do not; one in 32 is for any CPU. */
static void step(struct member *m)
{
	int i, cpu, ret;

	for (i = 0; i < 8; i++) {
		cpu = rnd(&m->random) % 32 ? opv_cpu() : (int)(rnd(&m->random) % (uint64_t)nr_cpus);
		ret = m->index % 2 ? opv_lock_trytake(&l, cpu) : opv_lock_take(&l, cpu);
		if (!ret) {
			work(m, cpu);
			errors += opv_lock_release(&l, cpu) != 0;
		} else if (ret == -EBUSY) {
			refused++;
		} else {
			errors++;
		}
	}
}

static void run(int road, int threads, int ms, uint64_t seed)
{
	struct crowd c = {
		.threads = threads, .step = step, .milliseconds = ms,
		.members = crowd_members(threads, seed),
	};
	uint64_t sum = 0;
	int cpu, owners = 0;

	memset(guarded, 0, sizeof(guarded));
	taken = refused = 0;
	both = errors = 0;
	crowd_run(&c);
	for (cpu = 0; cpu < nr_cpus; cpu++) {
		sum += guarded[cpu].count;
		owners += opv_lock_owner(&l, cpu) != 0;
	}
	ok(!both && sum == 2 * taken, "%s, %d threads: never two have it, nothing is lost",
	   crowd_road_name(road), threads);
	ok(!errors && !owners, "%s, %d threads: everybody gets in and out", crowd_road_name(road),
	   threads);
	diag("%llu taken, %llu refused, %d at once, %d errors", (unsigned long long)taken,
	     (unsigned long long)refused, both, errors);
	free(c.members);
}

int main(int argc, char **argv)
{
	uint64_t seed = seed_from(argc, argv);
	int cpus = (int)sysconf(_SC_NPROCESSORS_ONLN), road, per;

	nr_cpus = opv_domain_cpus(NULL);
	nr_cpus = nr_cpus < CPUS_MAX ? nr_cpus : CPUS_MAX;
	opv_lock_init(&l, NULL);
	for (road = ROAD_USUAL; road <= ROAD_MIXED; road++) {
		if (!crowd_road(road))
			continue;
		for (per = 1; per <= 4; per *= 2)
			run(road, per * (cpus < 4 ? cpus : 4), 300, seed);
		crowd_leave(road);
	}
	return done();
}
