// SPDX-License-Identifier: MIT
/*
 * CPUs go off and on under load: calls for one that is off are served, those on their
 * way when it goes are, too; nothing is lost, nobody waits for long.
 * For a guest, as root.  Argument: how many times under load (default 10), for at most
 * a minute.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/mman.h>

#include "call.h"
#include "online.h"
#include "section.h"

#define MAX_CPUS 64
#define SPIN	50
#define SPINNERS 2
#define CALLERS	3	/* all sleep at times: an emulator has fewer CPUs than its guest */

/* Of one CPU.  owns and owes are changed together, by vectors. */
static struct account {
	uint64_t hits, owns, owes;
} __attribute__((__aligned__(128))) accounts[MAX_CPUS];

static int nr_cpus;
static atomic_bool stop;
static _Atomic uint64_t added, sections, errors, longest_ms, last_error;

static int move(int cpu)
{
	struct account *a = &accounts[cpu];
	struct cpu_op vec[] = {
		opv_op_compare_eq(&a->owns, &a->owes, 8),
		opv_op_add(&a->hits, 1, 8),
		opv_op_add(&a->owns, 1, 8),
		opv_op_add(&a->owes, 1, 8),
	};

	return call(vec, 4, cpu, 0);
}

static void test_each(void)
{
	bool off = true, served = true, back = true;
	int cpu;

	for (cpu = 1; cpu < nr_cpus; cpu++) {
		off &= turn(cpu, false);
		served &= !move(cpu) && accounts[cpu].hits == 1 && !call(NULL, 0, cpu, 0);
		back &= turn(cpu, true) && !move(cpu) && accounts[cpu].hits == 2;
	}
	ok(off, "CPUs go off");
	ok(served, "calls for a CPU that is off are served");
	ok(back, "and when it is back");
	for (off = true, cpu = 1; cpu < nr_cpus; cpu++)
		off &= turn(cpu, false);
	for (served = true, cpu = 0; cpu < nr_cpus; cpu++)
		served &= !move(cpu);
	ok(off && served, "with one CPU left, calls for all are served");
	for (back = true, cpu = 1; cpu < nr_cpus; cpu++)
		back &= turn(cpu, true);
	ok(back, "all are back");
}

/* The mask is made anew when all CPUs are there: the kernel would leave out one that is off. */
static void test_masks(void)
{
	const bool pinned = pin_to(0), off = turn(1, false);
	const int ret = move(1), fence = call(NULL, 0, 1, 0);

	ok(pinned && off && ret == -EINVAL && fence == -EINVAL,
	   "a CPU that is off is refused who may not run there");
	ok(turn(1, true) && unpin() && turn(1, false) && !move(1) && turn(1, true),
	   "and is not who may");
}

static void *call_all(void *arg)
{
	uint64_t begun, seed = (uintptr_t)arg, done = 0;
	int ret;

	while (!stop) {
		usleep(200);
		begun = now_ns();
		ret = move((int)(rnd(&seed) % (uint64_t)nr_cpus));
		begun = (now_ns() - begun) / 1000000;
		if (begun > longest_ms)
			longest_ms = begun;
		done += !ret;
		if (ret) {
			errors++;
			last_error = (uint64_t)ret;
		}
	}
	added += done;
	return NULL;
}

static void *be_in_sections(void *arg)
{
	uint64_t done = 0;
	int cpu;

	while (!stop) {
		cpu = sched_getcpu();
		done += section_add(&accounts[cpu].hits, 1, SPIN, cpu);
		if (done % 1000 == 0)
			usleep(1000);
	}
	sections += done;
	return arg;
}

static void test_load(int times)
{
	const uint64_t end = now_ns() + UINT64_C(60000000000);
	pthread_t threads[SPINNERS + CALLERS];
	uint64_t sum = 0;
	bool even = true;
	int i, cpu, turns = 0;

	memset(accounts, 0, sizeof(accounts));
	for (i = 0; i < SPINNERS + CALLERS; i++)
		pthread_create(&threads[i], NULL, i < SPINNERS ? be_in_sections : call_all, (void *)(uintptr_t)(i + 1));
	for (cpu = 1; turns < times && now_ns() < end; cpu = cpu % (nr_cpus - 1) + 1) {
		turns += turn(cpu, false);
		usleep(3000);
		turn(cpu, true);
	}
	stop = true;
	for (i = 0; i < SPINNERS + CALLERS; i++)
		pthread_join(threads[i], NULL);
	for (cpu = 0; cpu < nr_cpus; cpu++) {
		sum += accounts[cpu].hits;
		even &= accounts[cpu].owns == accounts[cpu].owes;
	}
	diag("%d times a CPU went off; %llu calls, the longest took %llu ms; %llu sections", turns,
	     (unsigned long long)added, (unsigned long long)longest_ms, (unsigned long long)sections);
	ok(turns == times && added > 20 && sections > 100, "under load CPUs go off and on");
	if (!is(errors, 0, "no call fails, or is stopped, meanwhile"))
		diag("last result: %lld", (long long)last_error);
	is(sum, added + sections, "nothing that was added is lost");
	ok(even, "no vector was done by half");
}

int main(int argc, char **argv)
{
	if (!call_open())
		return done();
	nr_cpus = cpus();
	if (!ok(nr_cpus > 1 && nr_cpus <= MAX_CPUS && __rseq_size, "%d CPUs, and rseq", nr_cpus))
		return done();
	test_each();
	test_masks();
	test_load(argc > 1 ? atoi(argv[1]) : 10);
	return done();
}
