/* SPDX-License-Identifier: MIT */
#ifndef _TESTS_STRUCTS_MANY_H
#define _TESTS_STRUCTS_MANY_H

/*
 * Many at once: threads that take steps and change their CPU, a timer signal in each whose
 * handler takes steps too, and a watcher.  Each of them is somebody with a ledger of
 * its own: thread i is 2 i, its handler 2 i + 1.
 */

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../ops/ops.h"

#define MANY_MAX 16

#ifndef sigev_notify_thread_id
# define sigev_notify_thread_id _sigev_un._tid
#endif

static struct {
	void (*step)(unsigned int who, uint64_t *random);
	_Atomic bool stop;
	_Atomic uint64_t handlers;
	cpu_set_t allowed;
} many;

static __thread unsigned int many_me;
static __thread uint64_t many_handler_random;
static __thread volatile bool many_on;

static void many_on_signal(int number)
{
	int saved = errno;

	(void)number;
	if (!many_on)
		return;
	many.step(2 * many_me + 1, &many_handler_random);
	atomic_fetch_add(&many.handlers, 1);
	errno = saved;
}

static void many_go_elsewhere(uint64_t *random)
{
	int cpu = allowed_cpu((int)(rnd(random) % (unsigned int)CPU_COUNT(&many.allowed)));

	if (cpu >= 0)
		pin_to(cpu);
	if (rnd(random) % 2)
		sched_setaffinity(0, sizeof(many.allowed), &many.allowed);
}

static void *many_thread(void *arg)
{
	struct sigevent event = { .sigev_notify = SIGEV_THREAD_ID, .sigev_signo = SIGUSR1 };
	struct itimerspec often = { { 0, 97000 }, { 0, 97000 } };
	uint64_t random, i;
	timer_t timer;

	many_me = (unsigned int)(uintptr_t)arg;
	random = many_me + 1;
	many_handler_random = many_me + 1001;
	event.sigev_notify_thread_id = (pid_t)syscall(SYS_gettid);
	timer_create(CLOCK_MONOTONIC, &event, &timer);
	many_on = true;
	timer_settime(timer, 0, &often, NULL);
	for (i = 0; !atomic_load(&many.stop); i++) {
		many.step(2 * many_me, &random);
		if (i % 2048 == 0)
			many_go_elsewhere(&random);
	}
	many_on = false;
	timer_delete(timer);
	return NULL;
}

/* For so long; watch is called again and again meanwhile, and may be NULL. */
__attribute__((__unused__))
static void many_run(unsigned int nr, unsigned int ms, void (*step)(unsigned int who, uint64_t *random),
		     void (*watch)(void))
{
	struct sigaction action = { .sa_handler = many_on_signal, .sa_flags = SA_RESTART };
	struct timespec start, now;
	pthread_t thread[MANY_MAX];
	unsigned int i;

	sched_getaffinity(0, sizeof(many.allowed), &many.allowed);
	many.step = step;
	atomic_store(&many.stop, false);
	sigaction(SIGUSR1, &action, NULL);
	for (i = 0; i < nr; i++)
		pthread_create(&thread[i], NULL, many_thread, (void *)(uintptr_t)i);
	clock_gettime(CLOCK_MONOTONIC, &start);
	do {
		if (watch)
			watch();
		else
			usleep(1000);
		clock_gettime(CLOCK_MONOTONIC, &now);
	} while ((now.tv_sec - start.tv_sec) * 1000 + (now.tv_nsec - start.tv_nsec) / 1000000 < ms);
	atomic_store(&many.stop, true);
	for (i = 0; i < nr; i++)
		pthread_join(thread[i], NULL);
}

/* The roads of a test, and a mixed one. */
#define ROAD_HALF (ROAD_USUAL - 1)

__attribute__((__unused__))
static bool many_road(int road, const char **name)
{
	*name = road == ROAD_HALF ? "half by the fence engine" : road_name(road);
	if (road != ROAD_HALF || road_left_out(road))
		return take_road(road);
	return !opv_force(OPV_ENGINE_FENCE, 50);
}

__attribute__((__unused__))
static void many_leave(int road)
{
	if (road == ROAD_HALF)
		opv_force(OPV_ENGINE_FENCE, 0);
	else
		leave_road(road);
}

#endif /* _TESTS_STRUCTS_MANY_H */
