// SPDX-License-Identifier: MIT
/*
 * Reader-writer locks, one thing at a time: a model, what is refused, waits that end, owners that
 * end or are killed; on every road.
 */
#define _GNU_SOURCE
#include "crowd.h"

#include <sys/wait.h>

static struct opv_domain *domain;
static struct opv_rwlock rw;

/* One thread, and what it has; it waits for nobody, so every answer is known. */
static void test_model(int road, uint64_t *random)
{
	int readers = 0, writer = 0, wrong = 0, i, want, got;

	for (i = 0; i < part_of(4000) && !wrong; i++) {
		switch (rnd(random) % 4) {
		case 0:
			want = writer ? -EBUSY : 0;
			got = opv_rwlock_read_trylock(&rw);
			readers += !got;
			break;
		case 1:
			if (!readers)
				continue;
			opv_rwlock_read_unlock(&rw);
			want = got = 0;
			readers--;
			break;
		case 2:
			want = writer || readers ? -EBUSY : 0;
			got = opv_rwlock_write_trylock(&rw);
			writer += !got;
			break;
		default:
			want = writer ? 0 : -EPERM;
			got = opv_rwlock_write_unlock(&rw);
			writer = 0;
		}
		wrong += got != want || opv_rwlock_readers(&rw) != readers;
		if (wrong)
			diag("step %d: answered %d, should be %d, with %d readers and %d writers", i, got,
			     want, readers, writer);
	}
	ok(!wrong, "%s: every answer is the model's", road_name(road));
	while (readers--)
		opv_rwlock_read_unlock(&rw);
	if (writer)
		opv_rwlock_write_unlock(&rw);
}

static void test_other_cpu(int road)
{
	int one = allowed_cpu(0), two = allowed_cpu(1), ret = 0, i;
	cpu_set_t all;

	if (two < 0) {
		skip("a reader unlocks on another CPU", "one CPU only");
		return;
	}
	sched_getaffinity(0, sizeof(all), &all);
	for (i = 0; i < 20; i++) {
		pin_to(i % 2 ? one : two);
		ret |= opv_rwlock_read_lock(&rw);
		sched_setaffinity(0, sizeof(all), &all);
		pin_to(i % 2 ? two : one);
		ret |= opv_rwlock_write_trylock(&rw) != -EBUSY;
		opv_rwlock_read_unlock(&rw);
		ret |= opv_rwlock_write_lock(&rw) || opv_rwlock_write_unlock(&rw);
		sched_setaffinity(0, sizeof(all), &all);
	}
	ok(!ret && !opv_rwlock_readers(&rw), "%s: a reader unlocks on another CPU", road_name(road));
}

static double waited(int (*lock)(struct opv_rwlock *rw, uint32_t ms), int *ret)
{
	double start = crowd_now();

	*ret = lock(&rw, 50);
	return crowd_now() - start;
}

static int read_timed(struct opv_rwlock *l, uint32_t ms)
{
	return opv_rwlock_read_timedlock(l, ms);
}

struct wait {
	int (*lock)(struct opv_rwlock *rw, uint32_t ms);
	int ret;
	double took;
};

static void *wait_elsewhere(void *arg)
{
	struct wait *w = arg;

	w->took = waited(w->lock, &w->ret);
	return NULL;
}

static void times_out(const char *name, int (*lock)(struct opv_rwlock *rw, uint32_t ms))
{
	struct wait w = { lock, 0, 0 };
	pthread_t thread;

	pthread_create(&thread, NULL, wait_elsewhere, &w);
	pthread_join(thread, NULL);
	is(w.ret, -ETIMEDOUT, "%s times out", name);
	ok(w.took > 0.045 && w.took < 2, "%s: when it should (%.3f s)", name, w.took);
}

static void test_waits(void)
{
	int ret;

	is(opv_rwlock_write_lock(&rw), 0, "locked for writing");
	times_out("a reader that waits for a writer", read_timed);
	times_out("a writer that waits for a writer", opv_rwlock_write_timedlock);
	waited(read_timed, &ret);
	is(ret, -EDEADLK, "the writer does not wait for itself, to read");
	waited(opv_rwlock_write_timedlock, &ret);
	is(ret, -EDEADLK, "nor to write");
	is(opv_rwlock_write_unlock(&rw), 0, "unlocked");
	is(opv_rwlock_write_unlock(&rw), -EPERM, "once");
	is(opv_rwlock_read_lock(&rw), 0, "locked for reading");
	times_out("a writer that waits for a reader", opv_rwlock_write_timedlock);
	is(opv_rwlock_read_trylock(&rw), 0, "and readers get in again when it has gone");
	opv_rwlock_read_unlock(&rw);
	opv_rwlock_read_unlock(&rw);
	is(opv_rwlock_readers(&rw), 0, "all is unlocked");
}

/* A writer that waits gets it as soon as the last reader has gone. */
static void test_wakes(void)
{
	struct wait w = { opv_rwlock_write_timedlock, 1, 0 };
	pthread_t thread;

	opv_rwlock_read_lock(&rw);
	pthread_create(&thread, NULL, wait_elsewhere, &w);
	usleep(10000);
	opv_rwlock_read_unlock(&rw);
	pthread_join(thread, NULL);
	/* It ended with the lock. */
	is(w.ret, 0, "a writer is woken by the last reader");
	is(opv_rwlock_read_trylock(&rw), -EOWNERDEAD, "readers are told that the writer ended with the lock");
	is(opv_rwlock_read_lock(&rw), -EOWNERDEAD, "all of them");
	is(opv_rwlock_write_lock(&rw), 1, "the next writer gets it, and is told too");
	is(opv_rwlock_write_unlock(&rw), 0, "when that one is through");
	is(opv_rwlock_read_lock(&rw), 0, "all is as before");
	opv_rwlock_read_unlock(&rw);
}

static int status_of(pid_t pid)
{
	int status = -1;

	waitpid(pid, &status, 0);
	return status;
}

static void test_killed(void)
{
	struct opv_domain_options options = { .size = sizeof(options), .flags = OPV_DOMAIN_SHARED };
	struct opv_rwlock here, there;
	struct opv_domain *d, *twin;
	pid_t pid;

	is(opv_domain_create(&d, &options), 0, "a shared domain");
	is(opv_rwlock_init(&here, d), 0, "a lock in it");
	pid = fork();
	if (!pid) {
		_exit(opv_domain_attach(&twin, opv_domain_fd(d), NULL) ||
		      opv_rwlock_attach(&there, twin, opv_handle_offset(here.percpu)) ||
		      opv_rwlock_write_lock(&there) || kill(getpid(), SIGKILL));
	}
	is(status_of(pid), SIGKILL, "a process is killed that has attached it and writes");
	is(opv_rwlock_read_lock(&here), -EOWNERDEAD, "a reader is told");
	is(opv_rwlock_write_lock(&here), 1, "a writer inherits it");
	is(opv_rwlock_write_unlock(&here), 0, "and gives it back");
	is(opv_rwlock_read_lock(&here), 0, "then it can be read");
	opv_rwlock_read_unlock(&here);
	pid = fork();
	if (!pid)
		_exit(opv_rwlock_read_lock(&here) || kill(getpid(), SIGKILL));
	is(status_of(pid), SIGKILL, "a process is killed that reads");
	is(opv_rwlock_write_timedlock(&here, 50), -ETIMEDOUT, "writers time out");
	is(opv_rwlock_readers(&here), 1, "and the reason can be seen");
	is(opv_rwlock_attach(&there, d, opv_handle_offset(here.percpu) + 64), -EINVAL,
	   "what is no lock is not attached");
	is(opv_rwlock_attach(&there, d, OPV_STRIPE - 64), -EINVAL, "nor what is nothing");
	is(opv_rwlock_fini(&here), 0, "it is given back");
	is(opv_rwlock_fini(&here), -EINVAL, "once");
	opv_domain_destroy(d);
}

/* A copy of a private domain's lock. */
static void test_fork(void)
{
	pid_t pid;

	pid = fork();
	if (!pid)
		_exit(opv_rwlock_read_lock(&rw) || opv_rwlock_write_trylock(&rw) != -EBUSY ||
		      (opv_rwlock_read_unlock(&rw), opv_rwlock_write_lock(&rw)) ||
		      opv_rwlock_write_unlock(&rw));
	is(status_of(pid), 0, "a child of fork has a lock of its own");
	opv_rwlock_write_lock(&rw);
	pid = fork();
	if (!pid)
		_exit(opv_rwlock_read_trylock(&rw) != -EBUSY ||
		      opv_rwlock_write_trylock(&rw) != -EBUSY || opv_rwlock_read_lock(&rw) >= 0 ||
		      opv_rwlock_write_unlock(&rw) != -EPERM);
	is(status_of(pid), 0, "and if it was locked by a writer, nobody gets it there, nor waits for ever");
	is(opv_rwlock_write_unlock(&rw), 0, "their parent notices nothing");
}

int main(int argc, char **argv)
{
	uint64_t random = seed_from(argc, argv);
	cpu_set_t all;
	int road;

	sched_getaffinity(0, sizeof(all), &all);
	opv_domain_create(&domain, NULL);
	is(opv_rwlock_init(&rw, domain), 0, "a lock is made");
	for (road = ROAD_USUAL; road < OPV_NR_ENGINES; road++) {
		if (!take_road(road))
			continue;
		test_model(road, &random);
		sched_setaffinity(0, sizeof(all), &all);
		test_other_cpu(road);
		leave_road(road);
	}
	test_waits();
	test_wakes();
	test_fork();
	is(opv_rwlock_fini(&rw), 0, "it is given back");
	test_killed();
	return done();
}
