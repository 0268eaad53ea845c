// SPDX-License-Identifier: MIT
/*
 * A domain that two processes share, when one of them stops or dies: in passing,
 * with a slot's lock, for good.
 */
#define _GNU_SOURCE
#include <opv/opv.h>

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../tap.h"

#define TIMEOUT_MS 200

static struct opv_domain *domain;
static uint64_t *sum;
static _Atomic uint64_t *common;	/* [0] the child's adds, [1] stop */

static void go_to(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	sched_setaffinity(0, sizeof(set), &set);
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static uint64_t total(void)
{
	uint64_t got = 0;
	int cpu;

	for (cpu = 0; cpu < opv_domain_cpus(domain); cpu++)
		got += *opv_ptr(sum, cpu);
	return got;
}

static void stopped_in_passing(void)
{
	uint64_t before = total(), mine = 0, stops = 0, wrong = 0;
	int i, ret, cpus = opv_domain_cpus(domain);
	double end;
	pid_t pid;

	common[0] = common[1] = 0;
	pid = fork();
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		for (i = 0; !common[1]; i++)
			if (!opv_add64(sum, 1, i % 16 ? OPV_THIS_CPU : i / 16 % cpus))
				common[0]++;
		_exit(0);
	}
	for (end = now() + 1, i = 0; now() < end; i++) {
		if (i % 100 == 0) {
			kill(pid, SIGSTOP);
			stops++;
		}
		ret = opv_add64(sum, 1, i % 16 ? OPV_THIS_CPU : i / 16 % cpus);
		/* The other one may have been stopped with the lock; then it says so, and did nothing. */
		if (!ret)
			mine++;
		else if (ret != -ETIMEDOUT)
			wrong++;
		if (i % 100 == 50 || ret)
			kill(pid, SIGCONT);
	}
	kill(pid, SIGCONT);
	common[1] = 1;
	waitpid(pid, NULL, 0);
	is(wrong, 0, "while the other process stops and goes on, calls are done or time out");
	is(total(), before + mine + common[0], "and nothing is lost");
	diag("%llu adds, %llu by the other, stopped %llu times", (unsigned long long)mine,
	     (unsigned long long)common[0], (unsigned long long)stops);
}

/* A process that works as CPU 1 from CPU 0, stopped where it fences: it has the lock. */
static pid_t stop_with_lock(void)
{
	int status, tries;
	pid_t pid = fork();

	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		ptrace(PTRACE_TRACEME, 0, NULL, NULL);
		go_to(0);
		raise(SIGSTOP);
		if (!opv_add64(sum, 1000, 1))
			common[0]++;
		_exit(0);
	}
	waitpid(pid, &status, 0);
	ptrace(PTRACE_SETOPTIONS, pid, NULL, (void *)PTRACE_O_TRACESYSGOOD);
	for (tries = 0; WIFSTOPPED(status) && tries < 1000; tries++) {
		struct user_regs_struct regs;

		if (!ptrace(PTRACE_GETREGS, pid, NULL, &regs) && WSTOPSIG(status) & 0x80 &&
		    regs.orig_rax == SYS_sched_setaffinity)
			return pid;
		ptrace(PTRACE_SYSCALL, pid, NULL, NULL);
		waitpid(pid, &status, 0);
	}
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	return 0;
}

static void timed_out(const char *name, int cpu)
{
	uint64_t before = total();
	double start = now(), took;
	int ret = opv_add64(sum, 1, cpu);

	took = now() - start;
	is(ret, -ETIMEDOUT, "%s times out when the lock's owner is stopped for good", name);
	ok(took > TIMEOUT_MS * 0.0009 && took < 5, "%s: after the domain's timeout (%.3f s)", name, took);
	is(total(), before, "%s: nothing is changed", name);
}

static void stopped_for_good(void)
{
	struct opv_counts before, after;
	uint64_t was;
	int status;
	pid_t pid;

	common[0] = 0;
	pid = stop_with_lock();
	if (!pid) {
		skip("a lock's owner that is stopped for good", "no ptrace, or one CPU only");
		return;
	}
	go_to(0);
	timed_out("a call for that CPU", 1);
	go_to(1);
	timed_out("a call on that CPU", OPV_THIS_CPU);
	go_to(0);
	is(opv_add64(sum, 1, 0), 0, "another CPU's calls are not held up");
	is(opv_fence(domain, 1), -ETIMEDOUT, "a fence times out too");
	was = total();
	ptrace(PTRACE_DETACH, pid, NULL, NULL);
	waitpid(pid, &status, 0);
	is(common[0], 1, "when it goes on, its call is done");
	is(opv_add64(sum, 1, 1), 0, "and so are others");
	is(total(), was + 1001, "each once");

	pid = stop_with_lock();
	was = total();
	opv_counts(OPV_ALL_CPUS, &before, sizeof(before));
	kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
	go_to(1);
	is(opv_add64(sum, 1, OPV_THIS_CPU), 0, "when the owner is killed, the next one gets the lock");
	go_to(0);
	is(opv_add64(sum, 1, 1), 0, "and the next");
	is(total(), was + 2, "what the dead one had not begun is not done");
	opv_counts(OPV_ALL_CPUS, &after, sizeof(after));
	is(after.lock_dead - before.lock_dead, 1, "the inheritance is counted");
}

int main(void)
{
	struct opv_domain_options options = {
		.size = sizeof(options),
		.flags = OPV_DOMAIN_SHARED,
		.timeout_ms = TIMEOUT_MS,
	};

	common = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	is(opv_domain_create(&domain, &options), 0, "a shared domain is made");
	is(opv_new(domain, &sum), 0, "and a variable in it");
	stopped_in_passing();
	if (sysconf(_SC_NPROCESSORS_ONLN) < 2)
		skip("a lock's owner that is stopped for good", "one CPU only");
	else
		stopped_for_good();
	return done();
}
