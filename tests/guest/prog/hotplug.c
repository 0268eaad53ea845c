// SPDX-License-Identifier: MIT
/*
 * CPUs go off and on while threads work as all of them, pinned and not: calls for a CPU
 * that is off are served as for any other, nothing is lost, nobody waits for ever.
 * For a guest, as root.  Arguments: seconds of load (default 5), engine that all goes
 * through (default: as the library chooses).
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <opv/opv.h>

#include "online.h"
#include "tap.h"

#define MAX_CPUS	64
#define PINNED		0x10000

/* Of one CPU: owns and owes are changed together, by vectors. */
struct account {
	uint64_t hits;
	uint64_t owns, owes;
};

static struct opv_domain *domain;
static struct account *accounts;
static int nr_cpus;
static atomic_bool stop;
static _Atomic uint64_t added, errors, longest_ms;

static uint64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static bool pin(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	return !sched_setaffinity(0, sizeof(set), &set) && sched_getcpu() == cpu;
}

static int move(int cpu, uint64_t amount)
{
	struct account *a = opv_ptr(accounts, cpu);
	struct cpu_op vec[] = {
		opv_op_add(&a->owns, (int64_t)amount, sizeof(a->owns)),
		opv_op_add(&a->owes, (int64_t)amount, sizeof(a->owes)),
	};

	return opv_vector(domain, vec, 2, cpu);
}

/* All kinds of call, as a CPU that is off; then what was done is there for it. */
static bool serve(int cpu)
{
	const struct account *a = opv_ptr(accounts, cpu);
	uint64_t hits = a->hits, owns = a->owns, old;
	bool good;

	good = !opv_add(&accounts->hits, 5, cpu) && a->hits == hits + 5;
	good &= !opv_fetch_add(&accounts->hits, 1, &old, cpu) && old == hits + 5;
	good &= opv_cmpxchg(&accounts->hits, hits, 0, &old, cpu) == 1 && old == hits + 6;
	good &= !opv_cmpxchg(&accounts->hits, hits + 6, hits, &old, cpu) && a->hits == hits;
	good &= !move(cpu, 9) && a->owns == owns + 9 && a->owes == a->owns;
	good &= !opv_vector(domain, NULL, 0, cpu);
	return good;
}

static void test_each(void)
{
	bool off = true, served = true, back = true;
	uint64_t old;
	int cpu;

	for (cpu = 1; cpu < nr_cpus; cpu++) {
		/* The slot has been used by the CPU itself. */
		back &= pin(cpu) && !opv_add(&accounts->hits, 1, OPV_THIS_CPU);
		off &= turn(cpu, false);
		served &= serve(cpu);
		off &= turn(cpu, true);
		back &= pin(cpu) && !opv_add(&accounts->hits, 1, OPV_THIS_CPU) &&
			opv_ptr(accounts, cpu)->hits == 2;
		back &= !opv_xchg(&accounts->hits, 0, &old, cpu) && old == 2;
	}
	pin(0);
	ok(off, "each of %d CPUs goes off and on", nr_cpus - 1);
	ok(served, "what is asked of a CPU that is off is done");
	ok(back, "and is there when it comes back");

	for (off = true, cpu = 1; cpu < nr_cpus; cpu++)
		off &= turn(cpu, false);
	for (served = true, cpu = 0; cpu < nr_cpus; cpu++)
		served &= serve(cpu);
	for (cpu = 1; cpu < nr_cpus; cpu++)
		off &= turn(cpu, true);
	ok(off && served, "with one CPU left, all the others' calls are served");
}

static void *work(void *arg)
{
	unsigned int n = (unsigned int)(uintptr_t)arg, seed = n + 1;
	uint64_t done = 0, begun, longest = 0;
	int ret, cpu;

	if (n & PINNED)
		pin((int)(n & ~PINNED) % nr_cpus);
	while (!stop) {
		cpu = rand_r(&seed) % nr_cpus;
		begun = now_ms();
		ret = opv_add(&accounts->hits, 1, rand_r(&seed) % 4 ? OPV_THIS_CPU : cpu);
		done += !ret;
		errors += ret != 0;
		if (rand_r(&seed) % 16 == 0)
			errors += move(cpu, 1) != 0;
		begun = now_ms() - begun;
		longest = begun > longest ? begun : longest;
	}
	added += done;
	if (longest > longest_ms)
		longest_ms = longest;
	return NULL;
}

static void test_load(int seconds)
{
	pthread_t threads[2 * MAX_CPUS];
	uint64_t sum = 0, end = now_ms() + (uint64_t)seconds * 1000;
	int i, cpu, turns = 0, before = 0;
	bool even = true;

	for (cpu = 0; cpu < nr_cpus; cpu++)
		before += (int)opv_ptr(accounts, cpu)->hits;
	for (i = 0; i < 2 * nr_cpus; i++)
		pthread_create(&threads[i], NULL, work, (void *)(uintptr_t)(i % 2 ? i | PINNED : i));
	for (cpu = 1; now_ms() < end; cpu = cpu % (nr_cpus - 1) + 1) {
		turns += turn(cpu, false);
		usleep(10000);
		turn(cpu, true);
	}
	stop = true;
	for (i = 0; i < 2 * nr_cpus; i++)
		pthread_join(threads[i], NULL);
	for (cpu = 0; cpu < nr_cpus; cpu++) {
		sum += opv_ptr(accounts, cpu)->hits;
		even &= opv_ptr(accounts, cpu)->owns == opv_ptr(accounts, cpu)->owes;
	}
	diag("%d times a CPU went off; %llu calls, the longest took %llu ms", turns,
	     (unsigned long long)added, (unsigned long long)longest_ms);
	ok(turns >= 3, "under load CPUs go off and on");
	is(errors, 0, "no call fails meanwhile");
	ok(added > 1000 && sum == added + (uint64_t)before, "nothing that was added is lost");
	ok(even, "no vector was done by half");
}

/* What the kernel keeps of this thread's mask, with CPUs that are off. */
static void read_mask(char *line, size_t size)
{
	FILE *f = fopen("/proc/thread-self/status", "r");

	while (f && fgets(line, (int)size, f) && strncmp(line, "Cpus_allowed:", 13))
		;
	if (f)
		fclose(f);
}

/* A fence that goes there and comes back gives the mask back as it was. */
static void test_mask(void)
{
	static const char name[] = "a fence by moving leaves in the mask what is off";
	struct opv_domain_options options = { .size = sizeof(options), .flags = OPV_DOMAIN_SHARED };
	char all[512], kept[512], after[512];
	struct opv_domain *shared;
	uint64_t *h;
	cpu_set_t set;
	int ret;

	if (!ok(nr_cpus > 2 && !opv_domain_create(&shared, &options) && !opv_new(shared, &h), "a shared domain"))
		return;
	CPU_ZERO(&set);
	for (ret = 0; ret < nr_cpus; ret++)
		CPU_SET(ret, &set);
	sched_setaffinity(0, sizeof(set), &set);
	read_mask(all, sizeof(all));
	turn(2, false);
	sched_setaffinity(0, sizeof(set), &set);
	read_mask(kept, sizeof(kept));
	opv_force(OPV_ENGINE_FENCE, 100);
	ret = opv_add(h, 1, 1);
	ret |= opv_add(h, 1, 0);
	opv_force(OPV_ENGINE_FENCE, 0);
	read_mask(after, sizeof(after));
	turn(2, true);
	if (strcmp(all, kept))
		skip(name, "this kernel itself drops such CPUs, whenever a mask is set");
	else if (!ok(!ret && !strcmp(all, after), "%s", name))
		diag("%d, before %s# after %s", ret, all, after);
	opv_domain_destroy(shared);
}

static bool force(const char *name)
{
	struct opv_engine_info info = { .size = sizeof(info) };
	int engine;

	for (engine = 0; engine < OPV_NR_ENGINES; engine++)
		if (!opv_engine_info((enum opv_engine)engine, &info) && !strcmp(info.name, name))
			return !opv_force((enum opv_engine)engine, 100);
	return false;
}

int main(int argc, char **argv)
{
	nr_cpus = (int)sysconf(_SC_NPROCESSORS_ONLN);
	if (!ok(nr_cpus > 1 && nr_cpus <= MAX_CPUS, "%d CPUs", nr_cpus))
		return done();
	if (argc > 2 && !ok(force(argv[2]), "everything is forced to %s", argv[2]))
		return done();
	if (!ok(!opv_domain_create(&domain, NULL) && !opv_new(domain, &accounts), "a domain"))
		return done();
	test_each();
	if (argc < 3)
		test_mask();
	test_load(argc > 1 ? atoi(argv[1]) : 5);
	return done();
}
