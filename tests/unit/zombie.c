// SPDX-License-Identifier: MIT
/*
 * The lock of a CPU whose owner is dead, but whose parent has not waited for him:
 * the number is still taken, kill() still finds him, and he will never let go.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <opv/opv.h>
#include "tap.h"

#include "../../src/domain.h"

static struct opv_domain *d;
static uint64_t *h;
static int cpu;

static int add_once(void)
{
	return -opv_add(h, 1, cpu);
}

/* In a child: what it answers, or -1 when that takes longer than five seconds. */
static int bounded(int (*fn)(void))
{
	int status = 0, i;
	pid_t pid = fork();

	if (!pid)
		_exit(fn() & 0x7f);
	for (i = 0; i < 500 && !waitpid(pid, &status, WNOHANG); i++)
		usleep(10000);
	if (i == 500) {
		kill(pid, SIGKILL);	/* its other signals are blocked */
		waitpid(pid, &status, 0);
		return -1;
	}
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

int main(void)
{
	struct opv_domain_options o = { .size = sizeof(o), .flags = OPV_DOMAIN_SHARED,
					.timeout_ms = 60 };
	siginfo_t info;
	pid_t pid;
	int ret;

	opv_domain_create(&d, &o);
	opv_new(d, &h);
	cpu = opv_domain_cpus(d) - 1;
	opv_add(h, 1, cpu);
	pid = fork();
	if (!pid)
		_exit(0);
	waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT);
	atomic_store(&opv_slot(d, cpu)->lock, (uint32_t)pid);
	ret = bounded(add_once);
	ok(ret == 0 || ret == ETIMEDOUT, "a dead owner that nobody has waited for is not waited for "
	   "without end (%d)", ret);
	waitpid(pid, NULL, 0);
	is(opv_add(h, 1, cpu), 0, "once somebody has, his lock is inherited");
	return done();
}
