/* SPDX-License-Identifier: MIT */
#ifndef _TESTS_CROWD_H
#define _TESTS_CROWD_H

/*
 * A crowd: threads that do steps for a while, each with a signal handler that does steps
 * of its own whenever it is interrupted, while the main thread moves them between CPUs.
 * A thread is two members, so that a handler touches no ledger of what it interrupts.
 */

#include "../ops/ops.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

struct member {
	unsigned int index;
	uint64_t random;
	void *own;
};

struct crowd {
	int threads;
	void (*step)(struct member *m);
	void (*tick)(void);		/* by the main thread, now and then; or NULL */
	int milliseconds;
	struct member *members;		/* two a thread, and one for the main thread */
};

static struct crowd *the_crowd;
static _Atomic int crowd_running;
static _Atomic int crowd_errno;		/* handlers that came back with another one */
static __thread struct member *crowd_handler;

static void crowd_signal(int sig)
{
	int saved = errno;

	(void)sig;
	errno = 4321;
	if (crowd_handler && crowd_running)
		the_crowd->step(crowd_handler);
#ifndef __SANITIZE_THREAD__		/* which calls handlers where it likes, and has an errno of its own */
	if (errno != 4321)
		crowd_errno++;
#endif
	errno = saved;
}

static void *crowd_thread(void *arg)
{
	struct member *m = arg;

	crowd_handler = m + 1;
	while (crowd_running)
		the_crowd->step(m);
	return NULL;
}

static double crowd_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void crowd_disturb(pthread_t *threads, int nr, uint64_t *random)
{
	pthread_t thread = threads[rnd(random) % (uint64_t)nr];
	cpu_set_t set;
	int cpu;

	pthread_kill(thread, SIGUSR1);
	if (rnd(random) % 4)
		return;
	sched_getaffinity(0, sizeof(set), &set);
	cpu = allowed_cpu((int)(rnd(random) % (uint64_t)CPU_COUNT(&set)));
	if (rnd(random) % 2) {
		CPU_ZERO(&set);
		CPU_SET(cpu, &set);
	}
	pthread_setaffinity_np(thread, sizeof(set), &set);
}

__attribute__((__unused__))
static struct member *crowd_members(int threads, uint64_t seed)
{
	int i, nr = 2 * threads + 1;
	struct member *m = calloc((size_t)nr, sizeof(*m));

	for (i = 0; i < nr; i++) {
		m[i].index = (unsigned int)i;
		m[i].random = seed + (uint64_t)i * 77;
	}
	return m;
}

__attribute__((__unused__))
static void crowd_run(struct crowd *c)
{
	struct sigaction action = { .sa_handler = crowd_signal, .sa_flags = SA_RESTART };
	pthread_t *threads = calloc((size_t)c->threads, sizeof(*threads));
	uint64_t random = c->members[0].random;
	double end;
	int i;

	the_crowd = c;
	crowd_running = 1;
	sigaction(SIGUSR1, &action, NULL);
	for (i = 0; i < c->threads; i++)
		pthread_create(&threads[i], NULL, crowd_thread, &c->members[2 * i]);
	end = crowd_now() + c->milliseconds / 1e3;
	while (crowd_now() < end) {
		usleep(100);
		crowd_disturb(threads, c->threads, &random);
		if (c->tick)
			c->tick();
	}
	crowd_running = 0;
	for (i = 0; i < c->threads; i++)
		pthread_join(threads[i], NULL);
	free(threads);
}

/* The roads of a crowd: the usual one, each engine for everything, and all of them mixed. */
#define ROAD_MIXED OPV_NR_ENGINES

static uint64_t crowd_vectors[OPV_NR_ENGINES];	/* when it was taken; UINT64_MAX: not there */

__attribute__((__unused__))
static bool crowd_road(int road)
{
	int i, some = 0;

	if (road != ROAD_MIXED)
		return take_road(road);
	for (i = 0; i < OPV_NR_ENGINES; i++) {
		bool forced = opv_force((enum opv_engine)i, 15) == 0;

		some += forced;
		crowd_vectors[i] = forced ? vectors_by(i) : UINT64_MAX;
	}
	return ok(some > 0, "some of everything is forced to each engine");
}

__attribute__((__unused__))
static void crowd_leave(int road)
{
	uint64_t vectors, all = 0;
	int i;

	if (road != ROAD_MIXED) {
		leave_road(road);
		return;
	}
	for (i = 0; i < OPV_NR_ENGINES; i++) {
		if (crowd_vectors[i] == UINT64_MAX)
			continue;
		opv_force((enum opv_engine)i, 0);
		vectors = vectors_by(i) - crowd_vectors[i];
		diag("%llu by %s", (unsigned long long)vectors, road_name(i));
		all += vectors;
	}
	ok(all > 0, "and they executed %llu vectors", (unsigned long long)all);
}

__attribute__((__unused__))
static const char *crowd_road_name(int road)
{
	return road == ROAD_MIXED ? "engines mixed" : road_name(road);
}

#endif /* _TESTS_CROWD_H */
