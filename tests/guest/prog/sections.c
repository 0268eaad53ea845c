// SPDX-License-Identifier: MIT
/*
 * Vectors arrive from CPU 0 while sections are in progress on CPU 1: each is aborted, and
 * nothing that either added is lost.  With a kernel that only interrupts sections this
 * must fail.  Argument: seconds of each load (default 1).
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "call.h"
#include "section.h"

#define TURNS	300
#define SPIN	400

/* Mapped shared: children work on it, too. */
static struct shared {
	volatile uint64_t entered, go, committed, left, aborts;
	volatile uint64_t stop;
	uint64_t sum __attribute__((__aligned__(64)));
	uint64_t added[8] __attribute__((__aligned__(64)));	/* by each worker */
} *s;

/* Where it stays while there is no reason to go; but it may run as CPU 1, so as to call it. */
static bool begin_on(int cpu)
{
	return pin_to(cpu) && unpin();
}

static struct cpu_op add_op(uint64_t n)
{
	return opv_op_add(&s->sum, (int64_t)n, 8);
}

/* A section of CPU 1 for each turn, in which it stays until CPU 0 has called, unless it is aborted. */
static void *wait_in_sections(void *arg)
{
	uint64_t turn;

	ok(pin_to(1), "a thread is in sections of CPU 1");
	for (turn = 1; turn <= TURNS; turn++) {
		while (!section_wait(&s->entered, &s->go, &s->committed, turn, 1) && s->entered != turn)
			;
		s->aborts += s->committed != turn;
		while (s->go != turn)
			sched_yield();
		s->left = turn;
	}
	return arg;
}

static void test_each_aborts(bool fence)
{
	struct cpu_op op = add_op(1);
	uint64_t turn, committed = 0;
	pthread_t thread;
	int errors = 0;

	memset(s, 0, sizeof(*s));
	pthread_create(&thread, NULL, wait_in_sections, NULL);
	for (turn = 1; turn <= TURNS; turn++) {
		while (s->entered != turn)
			sched_yield();
		errors += call(fence ? NULL : &op, !fence, 1, 0) != 0;
		s->go = turn;
		while (s->left != turn)
			sched_yield();
		committed += s->committed == turn;
	}
	pthread_join(thread, NULL);
	diag("%d turns, %llu sections were aborted, %llu committed after the call", TURNS,
	     (unsigned long long)s->aborts, (unsigned long long)committed);
	is(errors, 0, "%d %s from CPU 0", TURNS, fence ? "fences" : "vectors");
	ok(!committed && s->aborts == TURNS, "each aborts the section that is in progress");
	if (!fence)
		is(s->sum, TURNS, "they all were done");
}

enum kind { SECTION, LOCAL, REMOTE };

struct work {
	enum kind kind;
	int slot;
};

static void work(const struct work *w)
{
	struct cpu_op op = add_op(1);
	uint64_t done = 0;

	if (w->kind == REMOTE)
		begin_on(0);
	else
		pin_to(1);
	while (!s->stop) {
		if (w->kind == SECTION)
			done += section_add(&s->sum, 1, SPIN, 1);
		else
			done += !call(&op, 1, 1, 0);
	}
	s->added[w->slot] = done;
}

static void *work_thread(void *arg)
{
	work(arg);
	return NULL;
}

static void wait_ms(double ms)
{
	const uint64_t end = now_ns() + (uint64_t)(ms * 1e6);

	while (now_ns() < end)
		usleep(10000);
}

/* All of kinds at once, each a thread or a process. */
static void test_conserved(double seconds, const struct work *works, int nr, bool processes, const char *what)
{
	uint64_t sum = 0, least = UINT64_MAX;
	pthread_t threads[8];
	pid_t pids[8];
	int i;

	memset(s, 0, sizeof(*s));
	for (i = 0; i < nr; i++) {
		if (!processes) {
			pthread_create(&threads[i], NULL, work_thread, (void *)&works[i]);
			continue;
		}
		pids[i] = fork();
		if (!pids[i]) {
			work(&works[i]);
			_exit(0);
		}
	}
	wait_ms(seconds * 1000);
	s->stop = 1;
	for (i = 0; i < nr; i++) {
		if (processes)
			waitpid(pids[i], NULL, 0);
		else
			pthread_join(threads[i], NULL);
		sum += s->added[i];
		least = s->added[i] < least ? s->added[i] : least;
	}
	diag("%s: %llu, the laziest of %d did %llu", what, (unsigned long long)sum, nr, (unsigned long long)least);
	is(s->sum, sum, "conserved: %s", what);
	ok(least > 0, "all had their turn: %s", what);
}

/* A handler that calls, in a thread that is in a section of the same word. */
static volatile uint64_t handled, handler_errors;

static void handler(int signal)
{
	struct cpu_op op = add_op(1);

	(void)signal;
	if (call(&op, 1, 1, 0))
		handler_errors++;
	else
		handled++;
}

static void test_signals(double seconds)
{
	const uint64_t end = now_ns() + (uint64_t)(seconds * 1e9);
	struct sigaction act = { .sa_handler = handler };
	struct itimerspec every = { { 0, 700000 }, { 0, 700000 } };
	struct sigevent event = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1 };
	uint64_t added = 0;
	timer_t timer;

	memset(s, 0, sizeof(*s));
	sigaction(SIGUSR1, &act, NULL);
	pin_to(1);
	if (!ok(!timer_create(CLOCK_MONOTONIC, &event, &timer) && !timer_settime(timer, 0, &every, NULL), "a timer"))
		return;
	while (now_ns() < end)
		added += section_add(&s->sum, 1, SPIN, 1);
	timer_delete(timer);
	unpin();
	diag("%llu sections, %llu calls of the handler", (unsigned long long)added, (unsigned long long)handled);
	ok(handled > 10 && !handler_errors && s->sum == added + handled,
	   "conserved: a signal handler that calls, in the middle of sections");
}

int main(int argc, char **argv)
{
	const struct work threads[] = { { SECTION, 0 }, { REMOTE, 1 } };
	const struct work all[] = { { SECTION, 0 }, { REMOTE, 1 }, { LOCAL, 2 }, { SECTION, 3 }, { REMOTE, 4 } };
	double seconds = argc > 1 ? atof(argv[1]) : 1;

	if (!call_open())
		return done();
	s = mmap(NULL, sizeof(*s), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (!ok(cpus() > 1 && __rseq_size && begin_on(0), "two CPUs, and the C library has registered rseq"))
		return done();
	test_each_aborts(false);
	test_each_aborts(true);
	test_conserved(seconds, threads, 2, false, "sections on CPU 1 and vectors from CPU 0");
	test_conserved(seconds, all, 5, false, "threads with both on CPU 1, and vectors from CPU 0");
	test_conserved(seconds, all, 5, true, "processes that share memory");
	test_signals(seconds);
	return done();
}
