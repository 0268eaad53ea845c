// SPDX-License-Identifier: MIT
/*
 * A real-time thread waits for a slot whose lock an ordinary one has, on a CPU
 * that another real-time thread keeps busy: the owner must be lent the waiter's priority.
 */
#define _GNU_SOURCE
#include <opv/opv.h>

#include <pthread.h>
#include <sched.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "../tap.h"

#define BURSTS 5
#define BURST_MS 300

static struct opv_domain *domain;
static uint64_t *sum;
static _Atomic bool stop, hogging;
static _Atomic uint64_t adds, errors;

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static bool be(int policy, int priority, int cpu)
{
	struct sched_param param = { .sched_priority = priority };
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	sched_setaffinity(0, sizeof(set), &set);
	return !sched_setscheduler(0, policy, &param);
}

static void add(int cpu)
{
	errors += opv_add64(sum, 1, cpu) != 0;
	adds++;
}

static void *owner(void *arg)
{
	(void)arg;
	be(SCHED_OTHER, 0, 0);
	setpriority(PRIO_PROCESS, (id_t)gettid(), 19);
	while (!stop)
		add(1);
	return NULL;
}

static void *hog(void *arg)
{
	const struct timespec rest = { 0, 100000000 };
	double end;
	int i;

	(void)arg;
	be(SCHED_FIFO, 1, 0);
	for (i = 0; i < BURSTS; i++) {
		nanosleep(&rest, NULL);
		hogging = true;
		for (end = now() + BURST_MS * 1e-3; now() < end;)
			;
		hogging = false;
	}
	stop = true;
	return NULL;
}

int main(void)
{
	const struct timespec nap = { 0, 200000 };
	double start, longest = 0, took;
	uint64_t waiter_adds = 0, during = 0;
	struct opv_counts counts;
	pthread_t threads[2];
	int held_up = 0;

	opv_domain_create(&domain, NULL);
	opv_new(domain, &sum);
	if (sysconf(_SC_NPROCESSORS_ONLN) < 2 || !be(SCHED_FIFO, 10, 1)) {
		skip("a real-time thread is not held up by an ordinary owner of the lock",
		     "one CPU only, or not allowed to use real-time scheduling");
		return done();
	}
	opv_force(OPV_ENGINE_FENCE, 100);
	pthread_create(&threads[0], NULL, owner, NULL);
	pthread_create(&threads[1], NULL, hog, NULL);
	while (!stop) {
		start = now();
		add(1);
		took = now() - start;
		waiter_adds++;
		during += hogging;
		if (took > longest)
			longest = took;
		held_up += took > BURST_MS * 0.5e-3;
		nanosleep(&nap, NULL);
	}
	pthread_join(threads[0], NULL);
	pthread_join(threads[1], NULL);
	opv_counts(OPV_ALL_CPUS, &counts, sizeof(counts));
	diag("%llu calls of the waiter, %llu while the hog ran, longest %.1f ms, %llu waits",
	     (unsigned long long)waiter_adds, (unsigned long long)during, longest * 1e3,
	     (unsigned long long)counts.lock_waits);
	is(errors, 0, "every call is done");
	is(*opv_ptr(sum, 1), adds, "the sum is right");
	ok(counts.lock_waits > 0 && during > 20, "the waiter did meet the owner, and the hog");
	/* One for the machine's own hiccups; without inheritance each burst is one. */
	ok(held_up <= 1, "a real-time thread is not held up by an ordinary owner of the lock (%d times)",
	   held_up);
	return done();
}
