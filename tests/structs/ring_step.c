// SPDX-License-Identifier: MIT
/*
 * A process is killed after any number of instructions of a write to a ring in a shared domain:
 * the next writer writes, the reader reads to the end, and the record of the dead is there whole,
 * or counted as abandoned, or was never reserved.
 */
#define _GNU_SOURCE
#include "crowd.h"

#include <signal.h>
#include <sys/ptrace.h>
#include <sys/wait.h>

#define STRIDE 80		/* a write is reserved and not committed for longer */
#define STEPS_MAX 20000

static struct opv_domain *domain;
static struct opv_ring ring;

static void be_stepped(void)
{
	uint64_t v[2] = { 77, 78 };

	pin_to(allowed_cpu(0));
	ptrace(PTRACE_TRACEME, 0, NULL, NULL);
	raise(SIGSTOP);
	opv_ring_write(&ring, v, sizeof(v), allowed_cpu(0));
	_exit(0);
}

/* True when it was still at it after so many steps, and is dead now. */
static bool killed_after(int steps)
{
	int status = 0, i;
	pid_t pid = fork();

	if (!pid)
		be_stepped();
	waitpid(pid, &status, 0);
	for (i = 0; i < steps && WIFSTOPPED(status); i++) {
		ptrace(PTRACE_SINGLESTEP, pid, NULL, NULL);
		waitpid(pid, &status, 0);
	}
	if (!WIFSTOPPED(status))
		return false;
	kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
	return true;
}

/* What the dead one left, and one record of ours behind it. */
static bool look_after(int steps, uint64_t *abandoned)
{
	int cpu = allowed_cpu(0), others = 0, ret;
	const uint64_t ours = 1000 + (uint64_t)steps;
	uint64_t v[2] = { ours, 1 };
	struct opv_ring_counts c;
	size_t len;
	bool good = !opv_ring_write(&ring, v, sizeof(v), cpu);

	while (!(ret = opv_ring_read(&ring, cpu, v, sizeof(v), &len)) && v[0] != ours) {
		good &= len == sizeof(v) && ((v[0] == 77 && v[1] == 78) || v[1] == 2);
		others += v[0] == 77;
	}
	good &= !ret && opv_ring_read(&ring, cpu, v, sizeof(v), &len) == 1;
	opv_ring_counts(&ring, cpu, &c, sizeof(c));
	good &= !c.used && others + (c.abandoned_records - *abandoned) <= 1;
	if (!good)
		diag("after %d steps: %d, %d records, %llu used, %llu abandoned", steps, ret, others,
		     (unsigned long long)c.used, (unsigned long long)c.abandoned_records);
	*abandoned = c.abandoned_records;
	return good;
}

struct tally {
	uint32_t flags;
	uint64_t abandoned;
	int tried, bad;
};

/* False when it had been through by then. */
static bool try_at(int steps, struct tally *t)
{
	uint64_t filling[2] = { 0, 2 };
	int i;

	/* Full, so that room must be made: old records given up, a gap at the end. */
	for (i = 0; t->flags && i < 30; i++)
		opv_ring_write(&ring, filling, sizeof(filling), allowed_cpu(0));
	if (!killed_after(steps))
		return false;
	t->tried++;
	t->bad += !look_after(steps, &t->abandoned);
	return true;
}

static void test(uint32_t flags)
{
	struct opv_domain_options options = { .size = sizeof(options), .flags = OPV_DOMAIN_SHARED };
	const char *how = flags ? "overwriting" : "dropping";
	struct tally t = { .flags = flags };
	uint64_t random = (uint64_t)getpid();
	int end;

	opv_domain_create(&domain, &options);
	opv_ring_init(&ring, domain, 512, flags);
	for (end = 0; end < STEPS_MAX && try_at(end, &t); )
		end += 1 + (int)(rnd(&random) % STRIDE);
	ok(t.tried > 40 && end < STEPS_MAX, "%s: a write was killed at %d places, after up to %d instructions",
	   how, t.tried, end);
	is(t.bad, 0, "%s: each time all others go on", how);
	ok(t.abandoned > 0, "%s: and some were abandoned (%llu)", how, (unsigned long long)t.abandoned);
	opv_ring_fini(&ring);
	opv_domain_destroy(domain);
}

int main(void)
{
	int status = 0;
	pid_t pid = fork();

	if (!pid)
		_exit(ptrace(PTRACE_TRACEME, 0, NULL, NULL) != 0);
	waitpid(pid, &status, 0);
	if (!WIFEXITED(status) || WEXITSTATUS(status)) {
		skip("a write is killed after any number of instructions", "no ptrace here");
		return done();
	}
	test(0);
	test(OPV_RING_OVERWRITE);
	return done();
}
