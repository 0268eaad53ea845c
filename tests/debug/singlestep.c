// SPDX-License-Identifier: MIT
/*
 * A tracer steps a thread through calls, one instruction at a time.  Each step
 * aborts the section it is in, and yet the calls end.
 */
#define _GNU_SOURCE
#include <opv/opv.h>

#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../tap.h"


static struct opv_domain *domain;
static uint64_t *sum;
static intptr_t *list;
static volatile uint64_t *done_calls;	/* shared with the child */
static intptr_t nodes[2][2];

static int one_add(void)
{
	return opv_add64(sum, 1, OPV_THIS_CPU);
}

static int one_add_on(void)
{
	return opv_add64_at(domain, opv_ptr(sum, 0), 1, 0);
}

static int push_and_pop(void)
{
	intptr_t got, head = *opv_ptr(list, 0);
	int ret;

	nodes[0][0] = head;
	ret = opv_cmpeq_store(list, head, (intptr_t)nodes[0], 0);
	if (!ret)
		ret = opv_cmpne_load_off(list, 0, 0, &got, 0);
	return ret ? ret : got != (intptr_t)nodes[0];
}

static int one_vector(void)
{
	struct cpu_op vec[] = { opv_op_add(opv_ptr(sum, 0), 1, 8), opv_op_add(opv_ptr(sum, 0), 0, 8) };

	return opv_vector(domain, vec, 2, OPV_THIS_CPU);
}

static const struct {
	const char *name;
	int (*call)(void);
	bool adds;
	int steps;
	unsigned int least;	/* that many are completed in them */
} cases[] = {
	{ "opv_add64 on this CPU", one_add, true, 3000, 3 },
	{ "opv_add64_at as a given CPU", one_add_on, true, 3000, 3 },
	{ "list push and pop", push_and_pop, false, 3000, 1 },	/* two calls in one */
	/* Interpreted several times before it is given up as local. */
	{ "opv_vector", one_vector, true, 15000, 1 },
};

/* Endless; the parent counts. */
static void child(int (*call)(void))
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(0, &set);
	sched_setaffinity(0, sizeof(set), &set);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	call();
	done_calls[1] = 1;
	ptrace(PTRACE_TRACEME, 0, NULL, NULL);
	raise(SIGSTOP);
	for (;;) {
		if (call())
			done_calls[2]++;
		done_calls[0]++;
		if (done_calls[3])
			break;
	}
	done_calls[4] = 0;
	for (int cpu = 0; cpu < opv_domain_cpus(domain); cpu++)
		done_calls[4] += *opv_ptr(sum, cpu);
	_exit(0);
}

static void step_through(size_t i)
{
	int status, n;
	pid_t pid;

	memset((void *)done_calls, 0, 4096);
	pid = fork();
	if (!pid)
		child(cases[i].call);
	waitpid(pid, &status, 0);
	for (n = 0; n < cases[i].steps && WIFSTOPPED(status); n++) {
		if (ptrace(PTRACE_SINGLESTEP, pid, NULL, NULL))
			break;
		waitpid(pid, &status, 0);
	}
	if (!n) {
		skip(cases[i].name, "no single-stepping by ptrace");
		kill(pid, SIGKILL);
		waitpid(pid, &status, 0);
		return;
	}
	diag("%s: %llu calls in %d steps", cases[i].name, (unsigned long long)done_calls[0], n);
	ok(done_calls[0] >= cases[i].least, "%s: %d steps complete calls", cases[i].name, n);
	/* In full speed to the end of the round that it is in. */
	done_calls[3] = 1;
	ptrace(PTRACE_DETACH, pid, NULL, NULL);
	waitpid(pid, &status, 0);
	is(done_calls[2], 0, "%s: each of them is done", cases[i].name);
	if (cases[i].adds)
		is(done_calls[4], done_calls[0] + 1, "%s: the value is exact", cases[i].name);
}

int main(void)
{
	size_t i;

	done_calls = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	opv_domain_create(&domain, NULL);
	opv_new(domain, &sum);
	opv_new(domain, &list);
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		step_through(i);
	return done();
}
