// SPDX-License-Identifier: MIT
/*
 * A life of a reference count, again and again: threads and their signal handlers, moved from
 * CPU to CPU, take and give back references of an object until it is killed under them.
 * It must go when nobody has one, once, and at all.  Arguments: seconds a road.
 */
#define _GNU_SOURCE
#include "many.h"

#define THREADS 4
#define HOLD 8		/* references that somebody has at most */

static struct opv_ref ref;
static int nr_cpus;
static _Atomic int holders;	/* of at least one reference, besides the maker */
static _Atomic int released, released_held, errors;
static bool stop;
static pthread_barrier_t begin, end;
static unsigned int killer;
static uint64_t kill_after;	/* so many times that he held some */
static uint64_t kills, gets;

static void release(struct opv_ref *r)
{
	(void)r;
	atomic_fetch_add(&released_held, atomic_load(&holders) != 0);
	atomic_fetch_add(&released, 1);
}

static int some_cpu(uint64_t *random)
{
	return rnd(random) % 256 ? OPV_THIS_CPU : (int)(rnd(random) % (unsigned int)nr_cpus);
}

static void expect(int ret)
{
	if (ret)
		atomic_store(&errors, ret);
}

/*
 * From one reference up and down and back to none; false when it was killed.  The ledger
 * says what is held: it is written before a reference is given back.
 */
static bool hold(uint64_t *random)
{
	int n = 1 + (int)(rnd(random) % HOLD), i, ret = opv_ref_tryget_live(&ref, some_cpu(random));

	if (ret) {
		expect(ret == 1 ? 0 : ret);
		return false;
	}
	atomic_fetch_add(&holders, 1);
	for (i = 1; i < n; i++)
		expect(opv_ref_get(&ref, some_cpu(random)));
	for (i = 1; i < n; i++)
		expect(opv_ref_put(&ref, some_cpu(random)));
	atomic_fetch_sub(&holders, 1);
	expect(opv_ref_put(&ref, some_cpu(random)));
	return true;
}

static __thread uint64_t random_of_handler;
static __thread volatile bool in_life;

static void on_signal(int number)
{
	(void)number;
	if (in_life)
		hold(&random_of_handler);
}

/* The object is there from begin to end. */
static uint64_t take_part(unsigned int who, uint64_t *random)
{
	uint64_t n = 0;

	in_life = true;
	while (hold(random))
		if (++n == kill_after && who == killer) {
			expect(opv_ref_kill(&ref));
			break;
		}
	in_life = false;
	return n;
}

static void *thread_main(void *arg)
{
	struct sigevent event = { .sigev_notify = SIGEV_THREAD_ID, .sigev_signo = SIGUSR1 };
	struct itimerspec often = { { 0, 61000 }, { 0, 61000 } };
	unsigned int who = (unsigned int)(uintptr_t)arg;
	uint64_t random = who + 1, mine = 0;
	timer_t timer;

	random_of_handler = random + 100;
	event.sigev_notify_thread_id = (pid_t)syscall(SYS_gettid);
	timer_create(CLOCK_MONOTONIC, &event, &timer);
	timer_settime(timer, 0, &often, NULL);
	for (;;) {
		if (rnd(&random) % 4 == 0)
			many_go_elsewhere(&random);
		pthread_barrier_wait(&begin);
		if (stop)
			break;
		mine += take_part(who, &random);
		pthread_barrier_wait(&end);
	}
	timer_delete(timer);
	__atomic_fetch_add(&gets, mine, __ATOMIC_RELAXED);
	return NULL;
}

static bool one_life(uint64_t *random, bool again)
{
	expect(again ? opv_ref_reinit(&ref) : opv_ref_init(&ref, NULL, release));
	atomic_store(&released, 0);
	killer = rnd(random) % THREADS;
	kill_after = 1 + (rnd(random) % 2 ? rnd(random) % 5 : rnd(random) % 300);
	pthread_barrier_wait(&begin);
	pthread_barrier_wait(&end);
	kills++;
	return atomic_load(&released) == 1 && opv_ref_is_zero(&ref);
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void try(const char *name, double seconds, uint64_t *random)
{
	pthread_t thread[THREADS];
	bool again = false, good = true;
	double until;
	uintptr_t i;

	stop = false;
	atomic_store(&errors, 0);
	atomic_store(&released_held, 0);
	kills = gets = 0;
	for (i = 0; i < THREADS; i++)
		pthread_create(&thread[i], NULL, thread_main, (void *)i);
	for (until = now() + seconds; good && now() < until;) {
		good = one_life(random, again);
		again = rnd(random) % 4;
		if (!again)
			expect(opv_ref_fini(&ref));
	}
	stop = true;
	pthread_barrier_wait(&begin);
	for (i = 0; i < THREADS; i++)
		pthread_join(thread[i], NULL);
	if (again)
		opv_ref_fini(&ref);
	diag("%llu lives, held %llu times", (unsigned long long)kills, (unsigned long long)gets);
	is(atomic_load(&errors), 0, "%s: every operation was done", name);
	ok(good, "%s: release is called once, when the last reference is given back", name);
	is(atomic_load(&released_held), 0, "%s: and never while somebody has one", name);
	ok(gets > kills, "%s: there was work", name);
}

int main(int argc, char **argv)
{
	uint64_t random = 12345;
	double seconds = argc > 1 ? atof(argv[1]) : 1;
	struct sigaction action = { .sa_handler = on_signal, .sa_flags = SA_RESTART };
	const char *name;
	int road;

	pthread_barrier_init(&begin, NULL, THREADS + 1);
	pthread_barrier_init(&end, NULL, THREADS + 1);
	nr_cpus = opv_domain_cpus(NULL);
	sched_getaffinity(0, sizeof(many.allowed), &many.allowed);
	sigaction(SIGUSR1, &action, NULL);
	for (road = ROAD_HALF; road < OPV_NR_ENGINES; road++) {
		if (!many_road(road, &name))
			continue;
		try(name, seconds, &random);
		many_leave(road);
	}
	return done();
}
