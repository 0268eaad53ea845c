// SPDX-License-Identifier: MIT
/*
 * Locks biased to a CPU, one thing at a time: a model, what is refused, waits that end, processes
 * that are killed; on every road.
 */
#define _GNU_SOURCE
#include "crowd.h"

#include <sys/wait.h>

static struct opv_domain *domain;
static struct opv_lock l;
static int nr_cpus;

static void test_model(int road, uint64_t *random)
{
	bool taken[nr_cpus];
	int i, wrong = 0;

	memset(taken, 0, sizeof(taken));
	for (i = 0; i < 2000 && !wrong; i++) {
		int cpu = (int)(rnd(random) % (unsigned int)nr_cpus), got, want;

		if (rnd(random) % 2) {
			want = taken[cpu] ? -EBUSY : 0;
			got = opv_lock_trytake(&l, cpu);
			taken[cpu] = true;
		} else {
			want = taken[cpu] ? 0 : -EPERM;
			got = opv_lock_release(&l, cpu);
			taken[cpu] = false;
		}
		wrong += got != want || opv_lock_owner(&l, cpu) != (taken[cpu] ? getpid() : 0);
		if (wrong)
			diag("step %d, CPU %d: answered %d, should be %d, owner %d", i, cpu, got, want,
			     opv_lock_owner(&l, cpu));
	}
	ok(!wrong, "%s: every answer is the model's, on every CPU", road_name(road));
	for (i = 0; i < nr_cpus; i++)
		opv_lock_release(&l, i);
}

static void test_refused(void)
{
	is(opv_lock_take(&l, nr_cpus), -EINVAL, "a CPU that cannot be is refused");
	is(opv_lock_take(&l, OPV_THIS_CPU), -EINVAL, "as is no number");
	is(opv_lock_release(&l, nr_cpus), -EINVAL, "and neither is released");
	is(opv_lock_release(&l, OPV_THIS_CPU), -EINVAL, "nor the other");
	is(opv_lock_owner(&l, -1), -EINVAL, "or owned");
	is(opv_lock_take(&l, 0), 0, "taken");
	is(opv_lock_take(&l, 0), -EDEADLK, "who has it does not wait for it");
	is(opv_lock_trytake(&l, 0), -EBUSY, "nor does a try");
	is(opv_lock_take(&l, nr_cpus - 1), nr_cpus > 1 ? 0 : -EDEADLK, "another CPU's is another one");
	opv_lock_release(&l, nr_cpus - 1);
	if (nr_cpus > 1)
		is(opv_lock_release(&l, 0), 0, "released");
	is(opv_lock_release(&l, 0), -EPERM, "once");
}

struct wait {
	uint32_t ms;
	int ret;
	double took;
};

static void *wait_elsewhere(void *arg)
{
	struct wait *w = arg;
	double start = crowd_now();

	w->ret = opv_lock_timedtake(&l, 0, w->ms);
	w->took = crowd_now() - start;
	if (!w->ret)
		opv_lock_release(&l, 0);
	return NULL;
}

static void test_waits(int road)
{
	struct wait w[4] = { { .ms = 50 } };
	pthread_t thread[4];
	bool good = true;
	int i;

	opv_lock_take(&l, 0);
	pthread_create(&thread[0], NULL, wait_elsewhere, &w[0]);
	pthread_join(thread[0], NULL);
	ok(w[0].ret == -ETIMEDOUT && w[0].took > 0.045 && w[0].took < 2,
	   "%s: a wait times out when it should (%d, %.3f s)", road_name(road), w[0].ret, w[0].took);
	for (i = 0; i < 4; i++) {
		w[i] = (struct wait){ .ms = 10000 };
		pthread_create(&thread[i], NULL, wait_elsewhere, &w[i]);
	}
	usleep(20000);
	opv_lock_release(&l, 0);
	for (i = 0; i < 4; i++) {
		pthread_join(thread[i], NULL);
		good &= !w[i].ret && w[i].took < 5;
	}
	ok(good, "%s: four that wait are woken one after the other", road_name(road));
	is(opv_lock_owner(&l, 0), 0, "and nobody has it then");
}

static void *take_and_end(void *arg)
{
	*(int *)arg = opv_lock_take(&l, 0);
	return NULL;
}

static void test_other_thread(void)
{
	pthread_t thread;
	int ret;

	pthread_create(&thread, NULL, take_and_end, &ret);
	pthread_join(thread, NULL);
	is(ret, 0, "a thread ends with the lock");
	is(opv_lock_timedtake(&l, 0, 30), -ETIMEDOUT, "it stays taken");
	is(opv_lock_release(&l, 0), 0, "and may be released by another thread");
}

/* What a child does with the locks, and how it ended. */
static int child(struct opv_domain *d, const struct opv_lock *from)
{
	struct opv_domain *twin;
	struct opv_lock there;
	int status = -1;
	pid_t pid = fork();

	if (!pid)
		_exit(opv_domain_attach(&twin, opv_domain_fd(d), NULL) ||
		      opv_lock_attach(&there, twin, opv_handle_offset(from->percpu)) ||
		      opv_lock_take(&there, 0) || opv_lock_owner(&there, 0) != getpid() ||
		      kill(getpid(), SIGKILL));
	waitpid(pid, &status, 0);
	return status;
}

static void test_killed(void)
{
	struct opv_domain_options options = { .size = sizeof(options), .flags = OPV_DOMAIN_SHARED };
	struct opv_lock here, there;
	struct opv_domain *d;
	double start;
	int status;
	pid_t pid;

	is(opv_domain_create(&d, &options), 0, "a shared domain");
	is(opv_lock_init(&here, d), 0, "locks in it");
	is(child(d, &here), SIGKILL, "a process is killed that has attached them and has one");
	is(opv_lock_trytake(&here, 0), -EBUSY, "a try does not ask why");
	start = crowd_now();
	is(opv_lock_take(&here, 0), 1, "who waits inherits it, and is told");
	ok(crowd_now() - start < 5, "in time");
	is(opv_lock_release(&here, 0), 0, "it is released");
	is(opv_lock_take(&here, 0), 0, "and taken as ever");
	pid = fork();
	if (!pid)
		_exit(opv_lock_timedtake(&here, 0, 300) != -ETIMEDOUT);
	waitpid(pid, &status, 0);
	is(status, 0, "an owner that lives is not inherited from");
	opv_lock_release(&here, 0);
	is(opv_lock_attach(&there, d, opv_handle_offset(here.percpu) + 64), -EINVAL,
	   "what is no lock is not attached");
	is(opv_lock_attach(&there, d, OPV_STRIPE - 64), -EINVAL, "nor what is nothing");
	is(opv_lock_fini(&here), 0, "they are given back");
	is(opv_lock_fini(&here), -EINVAL, "once");
	opv_domain_destroy(d);
}

/* A copy of a private domain's locks: its own, and those of threads that it has not. */
static void test_fork(void)
{
	int status = -1;
	pid_t pid;

	opv_lock_take(&l, 0);
	pid = fork();
	if (!pid)
		_exit(opv_lock_timedtake(&l, 0, 20) == 0 || opv_lock_release(&l, 0) ||
		      opv_lock_take(&l, 0) || opv_lock_owner(&l, 0) != getpid() ||
		      opv_lock_release(&l, 0));
	waitpid(pid, &status, 0);
	is(status, 0, "a child of fork has locks of its own, and takes them in its own name");
	is(opv_lock_owner(&l, 0), getpid(), "its parent notices nothing");
	is(opv_lock_release(&l, 0), 0, "and goes on");
}

int main(int argc, char **argv)
{
	uint64_t random = seed_from(argc, argv);
	int road;

	opv_domain_create(&domain, NULL);
	nr_cpus = opv_domain_cpus(domain);
	is(opv_lock_init(&l, domain), 0, "locks are made");
	for (road = ROAD_USUAL; road < OPV_NR_ENGINES; road++) {
		if (!take_road(road))
			continue;
		test_model(road, &random);
		test_waits(road);
		leave_road(road);
	}
	test_refused();
	test_other_thread();
	test_fork();
	is(opv_lock_fini(&l), 0, "they are given back");
	test_killed();
	return done();
}
