// SPDX-License-Identifier: MIT
/* Domains that go by mm_cid: what they are, who has which slot, and the roads through them. */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <opv/opv.h>
#include "tap.h"

#ifndef SYS_rseq
# define SYS_rseq 334
#endif

#define MANY 200000

static struct opv_domain *domain;
static uint64_t *h;
static struct opv_status st;

static bool go_to(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	return !sched_setaffinity(0, sizeof(set), &set);
}

static uint64_t total(void)
{
	uint64_t sum = 0;
	int i;

	for (i = 0; i < opv_domain_cpus(domain); i++)
		sum += *opv_ptr(h, i);
	return sum;
}

static struct opv_counts counts(void)
{
	struct opv_counts c;

	opv_counts(OPV_ALL_CPUS, &c, sizeof(c));
	return c;
}

static void test_questions(void)
{
	is(opv_domain_flags(domain), OPV_DOMAIN_MM_CID, "a domain knows what its slots go by");
	is(opv_domain_flags(NULL), 0, "the default one goes by CPU");
	ok(opv_cid() >= 0 && opv_cid() < opv_domain_cpus(NULL), "an id is below the number of slots");
	is(opv_domain_cpus(domain), opv_domain_cpus(NULL), "there are as many slots as possible CPUs");
}

/*
 * Alone in the process a thread has one number wherever it runs, so one slot has it all: by
 * either form of the call, on CPU 0 too, whose number an unused slot shows.
 */
static void test_alone(void)
{
	int cpu, id, places = 0, strays = 0, failed = 0;
	uint64_t want = 0;

	for (cpu = 0; cpu < opv_domain_cpus(NULL); cpu++) {
		if (!go_to(cpu))
			continue;
		places++;
		id = opv_cid();
		want = *opv_ptr(h, id) + 2;
		failed |= opv_add64(h, 1, OPV_THIS_CPU) | opv_add64_cid(h, 1, OPV_THIS_CID);
		strays += *opv_ptr(h, id) != want;
	}
	is(failed, 0, "calls of both forms succeed on each of %d CPUs", places);
	is(strays, 0, "and are done as the slot of the id, not of the CPU");
	is(total(), 2 * (uint64_t)places, "and nowhere else");
}

static void test_roads(void)
{
	struct cpu_op vec[] = { opv_op_add(h, 1, 8), opv_op_add(h + 1, 1, 8) };
	struct opv_counts before, after;
	struct opv_prepared p;
	int i, failed = 0;

	if (!st.fast) {
		skip("sections by mm_cid", st.why);
		return;
	}
	opv_add64_cid(h, 1, OPV_THIS_CID);
	before = counts();
	for (i = 0; i < MANY; i++)
		failed |= opv_add64_cid(h, 1, OPV_THIS_CID);
	after = counts();
	ok(!failed && after.slow - before.slow < MANY / 100, "calls by mm_cid are sections");
	failed = opv_prepare(&p, domain, vec, 2);
	opv_count_fast(1);
	before = counts();
	for (i = 0; i < MANY && !failed; i++)
		failed = opv_run_prepared(&p, NULL, OPV_THIS_CID);
	after = counts();
	opv_count_fast(0);
	ok(!failed && after.engine_local - before.engine_local > MANY / 100 * 99,
	   "vectors by mm_cid go to the local engine");
	before = counts();
	for (i = 0; i < 1000; i++)
		failed |= opv_add64_cid(h, 1, opv_domain_cpus(domain) - 1 - opv_cid());
	after = counts();
	ok(!failed && (opv_domain_cpus(domain) < 2 || after.fence_membarrier - before.fence_membarrier > 900),
	   "another slot is fenced by membarrier");
}

/* Its mm_cid reads 0, which is somebody's. */
static void *unregistered(void *arg)
{
	long ret = syscall(SYS_rseq, (char *)__builtin_thread_pointer() + st.rseq_offset, st.rseq_size, 1,
			   0x53053053);
	int i, failed = 0;

	(void)arg;
	if (ret) {
		skip("a thread without an id", "rseq cannot be given back");
		return NULL;
	}
	is(opv_cid(), opv_domain_cpus(NULL) - 1, "a thread without an id has the last slot");
	for (i = 0; i < 2000; i++)
		failed |= opv_add64_cid(h, 1, OPV_THIS_CID) | opv_add64_cid(h, 1, 0) |
			  opv_add64(h, 1, OPV_THIS_CPU);
	is(failed, 0, "and works as any");
	return &domain;
}

static void test_unregistered(void)
{
	uint64_t before = total(), mine = 0;
	void *worked = NULL;
	pthread_t thread;

	if (st.rseq_owner != OPV_RSEQ_LIBC) {
		skip("a thread without an id", "it would register itself again");
		return;
	}
	pthread_create(&thread, NULL, unregistered, NULL);
	while (pthread_tryjoin_np(thread, &worked))
		mine += !opv_add64_cid(h, 1, OPV_THIS_CID);
	is(total() - before, mine + (worked ? 6000 : 0), "beside one that has a slot nothing is lost");
}

static void test_fork(void)
{
	uint64_t before = total();
	int status, i, failed = 0;
	pid_t pid = fork();

	if (!pid) {
		for (i = 0; i < 1000; i++)
			failed |= opv_add64_cid(h, 1, OPV_THIS_CID) |
				  opv_add64_cid(h, 1, i % opv_domain_cpus(domain));
		_exit(failed || total() != before + 2000);
	}
	waitpid(pid, &status, 0);
	is(status, 0, "a child of fork has ids of its own");
	is(total(), before, "and slots of its own");
}

int main(void)
{
	struct opv_domain_options options = { .size = sizeof(options), .flags = OPV_DOMAIN_MM_CID };
	int ret = opv_domain_create(&domain, &options);
	cpu_set_t all;

	opv_status(&st, sizeof(st));
	if (!st.mm_cid) {
		is(ret, -ENOSYS, "without mm_cid no domain goes by it");
		is(opv_cid(), -ENOSYS, "and there is no id");
		skip("domains that go by mm_cid", st.mm_cid_why);
		return done();
	}
	is(ret, 0, "with mm_cid a domain goes by it");
	opv_alloc(domain, 64, 64, &h);
	sched_getaffinity(0, sizeof(all), &all);
	test_questions();
	test_alone();
	sched_setaffinity(0, sizeof(all), &all);
	test_roads();
	test_unregistered();
	test_fork();
	is(opv_domain_destroy(domain), 0, "it goes away as any");
	return done();
}
