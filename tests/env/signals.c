// SPDX-License-Identifier: MIT
/*
 * Signal handlers that use all operations, storming in on a thread that is in the
 * slow path most of the time, on a stack of their own that is small.
 */
#define _GNU_SOURCE
#include <opv/opv.h>

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "../tap.h"

#define SECONDS 1

static struct opv_domain *domain;
static uint64_t *sum;
static intptr_t *list;
static volatile uint64_t by_handler, by_thread, handlers;
static volatile int bad, in_call, interrupted_calls;

/* The errors that there were, and not where: the handler must not print. */
static void expect(int ret)
{
	if (ret)
		bad = ret;
}

static uint64_t all_calls(int n)
{
	int cpu = n % opv_domain_cpus(domain);
	intptr_t node[2] = { 0, 0 }, got;
	struct cpu_op vec[] = { opv_op_add(opv_ptr(sum, cpu), 1, 8), opv_op_mb() };
	struct opv_request requests[] = { { vec, 2, cpu, -1 } };
	uint64_t old, *h;

	switch (n % 8) {
	case 0:
		expect(opv_add64(sum, 1, cpu));
		return 1;
	case 1:
		expect(opv_fetch_add64(sum, 1, &old, OPV_THIS_CPU));
		return 1;
	case 2:
		expect(opv_vector(domain, vec, 2, cpu));
		return 1;
	case 3:
		expect(opv_vectors(domain, requests, 1));
		return 1;
	case 4:
		expect(opv_alloc(domain, 8, 8, &h));
		expect(opv_free(domain, h));
		return 0;
	case 5:		/* the list is of nodes that are on the stack for that long only */
		if (opv_cmpeq_store(list, 0, (intptr_t)node, cpu) == 0)
			while (opv_cmpne_load_off(list, 0, 0, &got, cpu) == 1)
				;
		return 0;
	case 6:
		expect(opv_fence(domain, n & 64 ? cpu : OPV_ALL_CPUS));
		return 0;
	default:
		expect(opv_add64_at(domain, opv_ptr(sum, cpu), 1, cpu));
		return 1;
	}
}

static void on_signal(int number)
{
	static int n;

	(void)number;
	handlers++;
	interrupted_calls += in_call;
	by_handler += all_calls(n++);
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void storm(const char *what)
{
	uint64_t before = by_handler + by_thread, got = 0;
	struct itimerspec often = { { 0, 40000 }, { 0, 40000 } };
	static uint64_t started;
	timer_t timer;
	double end;
	int n, cpu;

	started = handlers;
	timer_create(CLOCK_MONOTONIC, NULL, &timer);
	timer_settime(timer, 0, &often, NULL);
	errno = 77;
	for (n = 0, end = now() + SECONDS; n % 64 || now() < end; n++) {
		in_call = 1;
		by_thread += all_calls(n / 3);
		in_call = 0;
	}
	timer_delete(timer);
	is(errno, 77, "%s: errno is what it was", what);
	for (cpu = 0; cpu < opv_domain_cpus(domain); cpu++)
		got += *opv_ptr(sum, cpu);
	is(bad, 0, "%s: every call of thread and handler was done", what);
	is(got, by_handler + by_thread, "%s: the sum is that of both", what);
	ok(handlers - started > 100 && by_handler + by_thread > before && interrupted_calls > 50,
	   "%s: handlers ran, and interrupted calls", what);
	diag("%llu handlers, %d in a call, %d operations", (unsigned long long)(handlers - started),
	     interrupted_calls, n);
	interrupted_calls = 0;
}

/* A stack for handlers with 8 KiB beyond what the kernel needs, and nothing below. */
static bool small_stack(void)
{
	const size_t page = (size_t)sysconf(_SC_PAGESIZE);
	size_t size = (getauxval(AT_MINSIGSTKSZ) + 8192 + page - 1) & ~(page - 1);
	char *stack = mmap(NULL, page + size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	const stack_t ss = { .ss_sp = stack + page, .ss_size = size };

	return stack != MAP_FAILED && !mprotect(stack + page, size, PROT_READ | PROT_WRITE) &&
	       !sigaltstack(&ss, NULL);
}

int main(void)
{
	struct sigaction action = { .sa_handler = on_signal, .sa_flags = SA_ONSTACK };

	opv_domain_create(&domain, NULL);
	opv_new(domain, &sum);
	opv_new(domain, &list);
	ok(small_stack(), "handlers have a stack of 8 KiB");
	sigaction(SIGALRM, &action, NULL);
	storm("as it comes");
	opv_force(OPV_ENGINE_FENCE, 100);
	storm("all by the fence engine");
	opv_force(OPV_ENGINE_FENCE, 50);
	storm("half by the fence engine");
	return done();
}
