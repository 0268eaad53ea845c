// SPDX-License-Identifier: MIT
/*
 * What is done to a CPU's cache from outside, all of it by the two halves of one idea.
 *
 *	stop:	held = head; head = NULL	one vector, as that CPU, from any thread
 *	start:	head = held, or head = cache_end
 *
 * After the first no section of that CPU changes its lists, for each looks at head; the
 * threads go to libc meanwhile.  So the blocks may be looked through at leisure.
 *
 * A CPU that was not used since we last looked is drained; so are all when libc runs out
 * of memory, or is asked to trim.  fork stops all: the child gets its copy of memory page
 * by page while other threads run, and nothing promises that it is of one moment.  Were it
 * not, a block that moved from one CPU to another meanwhile would be there twice.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <time.h>
#if __has_include(<sys/single_threaded.h>)
# include <sys/single_threaded.h>
# define ALONE __libc_single_threaded
#else
# define ALONE 0
#endif

#include "cache.h"

#define MAX_CPUS	65536
#define TICKS		64	/* slow calls between two looks at the clock */
#define IDLE_NS		UINT64_C(1000000000)
#define AT_ONCE		32	/* CPUs that are stopped under one fence */

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static uint64_t started[MAX_CPUS / 64];	/* a bit for each CPU that has a cache; under lock */
static int nr_cpus;

static struct block *const stopped[NR_CLASSES];
static struct block *empty[NR_CLASSES];

/* Without waiting, and without being interrupted: the handler might fork. */
static bool enter(sigset_t *mask)
{
	sigset_t all;

	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, mask);
	if (!pthread_mutex_trylock(&lock))
		return true;
	pthread_sigmask(SIG_SETMASK, mask, NULL);
	return false;
}

static void leave(const sigset_t *mask)
{
	pthread_mutex_unlock(&lock);
	pthread_sigmask(SIG_SETMASK, mask, NULL);
}

static bool is_started(int cpu)
{
	return started[cpu / 64] >> cpu % 64 & 1;
}

static int next_started(int cpu)
{
	while (cpu < nr_cpus && !is_started(cpu))
		cpu += started[cpu / 64] >> cpu % 64 ? 1 : 64 - cpu % 64;
	return cpu;
}

#define FOR_EACH_STARTED(cpu) \
	for (cpu = next_started(0); cpu < nr_cpus; cpu = next_started(cpu + 1))

static int set(int cpu, struct block *const *head)
{
	const struct cpu_op vec[] = {
		opv_op_memcpy(opv_ptr(cache, cpu)->head, head, sizeof(empty)),
	};

	return opv_vector(opv_domain_of(cache), vec, 1, cpu);
}

bool gate_start(int cpu)
{
	sigset_t mask;
	bool ok;

	if (cpu >= nr_cpus || !enter(&mask))
		return false;
	ok = is_started(cpu) || !set(cpu, empty);
	if (ok)
		started[cpu / 64] |= UINT64_C(1) << cpu % 64;
	leave(&mask);
	return ok;
}

static int stop(const int *cpus, int n)
{
	struct cpu_op vec[AT_ONCE][2];
	struct opv_request requests[AT_ONCE];
	int i;

	for (i = 0; i < n; i++) {
		struct cache *here = opv_ptr(cache, cpus[i]);

		vec[i][0] = opv_op_memcpy(here->held, here->head, sizeof(here->held));
		vec[i][1] = opv_op_memcpy(here->head, stopped, sizeof(here->head));
		requests[i] = (struct opv_request){ vec[i], 2, cpus[i], 0 };
	}
	return opv_vectors(opv_domain_of(cache), requests, n);
}

static int stop_all(void)
{
	int cpus[AT_ONCE], n = 0, cpu, ret = 0;

	FOR_EACH_STARTED(cpu) {
		cpus[n++] = cpu;
		if (n < AT_ONCE)
			continue;
		ret |= stop(cpus, n);
		n = 0;
	}
	return n ? ret | stop(cpus, n) : ret;
}

/* Of a CPU that is stopped; from now on it is as if it had never been used. */
static void give_back(int cpu)
{
	struct cache *here = opv_ptr(cache, cpu);
	unsigned int c;
	int n;

	for (c = 0; c < NR_CLASSES; c++) {
		n = cache_free_all(here->held[c]);
		if (n)
			COUNT(c, trimmed, n);
	}
	memset(here->want, 0, sizeof(here->want));
	memset(here->room, 0, sizeof(here->room));
	started[cpu / 64] &= ~(UINT64_C(1) << cpu % 64);
}

static bool is_idle(int cpu)
{
	struct cache *here = opv_ptr(cache, cpu);
	unsigned int c;
	bool idle = true;

	for (c = 0; c < NR_CLASSES; c++) {
		struct block *head = __atomic_load_n(&here->head[c], __ATOMIC_RELAXED);

		idle &= head == here->seen[c];
		here->seen[c] = head;
	}
	return idle;
}

/* Called with every miss and overflow, which are rare where a cache is of use. */
void gate_tick(void)
{
	static unsigned int ticks;
	static uint64_t next;
	struct timespec t;
	uint64_t now;
	sigset_t mask;
	int cpu;

	if (__atomic_add_fetch(&ticks, 1, __ATOMIC_RELAXED) % TICKS)
		return;
	clock_gettime(CLOCK_MONOTONIC_COARSE, &t);
	now = (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
	if (now < __atomic_load_n(&next, __ATOMIC_RELAXED) || !enter(&mask))
		return;
	__atomic_store_n(&next, now + IDLE_NS, __ATOMIC_RELAXED);
	FOR_EACH_STARTED(cpu)
		if (is_idle(cpu) && !stop(&cpu, 1))
			give_back(cpu);
	shelf_trim(false);
	leave(&mask);
}

bool gate_drain(void)
{
	bool any = false;
	sigset_t mask;
	int cpu;

	if (!cache || !enter(&mask))
		return false;
	FOR_EACH_STARTED(cpu) {
		if (stop(&cpu, 1))
			continue;
		give_back(cpu);
		any = true;
	}
	any |= shelf_trim(true);
	leave(&mask);
	return any;
}

static sigset_t forking_mask;
static bool alone;	/* there is no other thread: nothing was stopped */
static bool torn;	/* what the child gets may have a block twice */

/* Whoever has the lock waits for nobody, so we need not wait long. */
static void before_fork(void)
{
	sigset_t all, mask;

	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &mask);
	pthread_mutex_lock(&lock);
	forking_mask = mask;
	alone = ALONE;
	torn = false;
	if (alone)
		return;
	shelf_close();
	torn = stop_all() != 0;
}

static void restart_all(void)
{
	sigset_t mask = forking_mask;
	int cpu;

	if (!alone) {
		FOR_EACH_STARTED(cpu)
			if (is_stopped(cpu))
				set(cpu, opv_ptr(cache, cpu)->held);
		shelf_open();
	}
	leave(&mask);
}

/* Rather lose what lies in the caches than hand a block out twice. */
static void in_child(void)
{
	if (torn) {
		cache_fast(false);
		cache = NULL;
	}
	pthread_mutex_init(&lock, NULL);
	pthread_mutex_lock(&lock);
	restart_all();
}

void gate_init(void)
{
	unsigned int c;

	for (c = 0; c < NR_CLASSES; c++)
		empty[c] = &cache_end;
	nr_cpus = opv_domain_cpus(opv_domain_of(cache));
	if (nr_cpus > MAX_CPUS)
		nr_cpus = MAX_CPUS;
	/* After the library's own handlers were registered: so they run inside of ours. */
	pthread_atfork(before_fork, restart_all, in_child);
}
