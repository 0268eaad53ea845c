// SPDX-License-Identifier: MIT
/*
 * Reader-writer locks under a crowd: one to four threads a CPU, handlers, migration, every engine
 * and all mixed.  Two words are the same to every reader, and no write is lost.
 */
#define _GNU_SOURCE
#include "crowd.h"

static struct opv_rwlock rw;
static volatile uint64_t one, two;	/* behind the lock, and nothing else */
static _Atomic uint64_t reads, writes, refused;
static _Atomic int torn, errors;

static void read_it(int ret)
{
	if (!ret) {
		uint64_t a = one;

		torn += a != two;
		opv_rwlock_read_unlock(&rw);
		reads++;
	} else if (ret == -EBUSY) {
		refused++;
	} else {
		errors++;
	}
}

static void write_it(int ret)
{
	if (!ret) {
		one++;
		two++;
		opv_rwlock_write_unlock(&rw);
		writes++;
	} else if (ret == -EBUSY) {
		refused++;
	} else {
		errors++;
	}
}

/* Threads wait, handlers do not. */
static void step(struct member *m)
{
	bool handler = m->index % 2;
	int i;

	for (i = 0; i < 16; i++)
		read_it(handler ? opv_rwlock_read_trylock(&rw) : opv_rwlock_read_lock(&rw));
	if (rnd(&m->random) % 8 == 0)
		write_it(handler ? opv_rwlock_write_trylock(&rw) : opv_rwlock_write_lock(&rw));
}

static void run(int road, int threads, int ms, uint64_t seed)
{
	struct crowd c = {
		.threads = threads, .step = step, .milliseconds = ms,
		.members = crowd_members(threads, seed),
	};

	reads = writes = refused = 0;
	one = two = 0;
	torn = errors = 0;
	crowd_run(&c);
	ok(!torn && one == two && one == writes, "%s, %d threads: no reader sees half a write, none is lost",
	   crowd_road_name(road), threads);
	ok(!errors && !opv_rwlock_readers(&rw), "%s, %d threads: everybody gets in and out",
	   crowd_road_name(road), threads);
	diag("%llu reads, %llu writes, %llu refused, %d torn, %d errors", (unsigned long long)reads,
	     (unsigned long long)writes, (unsigned long long)refused, torn, errors);
	free(c.members);
}

int main(int argc, char **argv)
{
	uint64_t seed = seed_from(argc, argv);
	int cpus = (int)sysconf(_SC_NPROCESSORS_ONLN), road, per;

	opv_rwlock_init(&rw, NULL);
	for (road = ROAD_USUAL; road <= ROAD_MIXED; road++) {
		if (!crowd_road(road))
			continue;
		for (per = 1; per <= 4; per *= 2)
			run(road, per * (cpus < 4 ? cpus : 4), 300, seed);
		crowd_leave(road);
	}
	return done();
}
