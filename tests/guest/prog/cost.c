// SPDX-License-Identifier: MIT
/*
 * What calls cost beside an empty system call and a bare interrupt of the other CPU, which is busy.  Run
 * with an emulator that counts instructions (-icount shift=0) a nanosecond is one of them.
 * Prints rows, name and cost; asserts nothing but that the calls succeed.
 */
#define _GNU_SOURCE
#include <linux/membarrier.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "call.h"

#define BATCH	50
#define BATCHES	60
#define PAGE	4096

static int aid, failures;
static bool awake = true;
static char *area;
static uint64_t word, other = 5, five = 5;

static void none(int cpu)
{
	(void)cpu;
}

static void empty(int cpu)
{
	(void)cpu;
	failures += syscall(SYS_getppid) < 0;
}

static void empty_ioctl(int cpu)
{
	(void)cpu;
	failures += ioctl(aid, 1, 0) != 0;
}

static void interrupt(int cpu)
{
	failures += ioctl(aid, 0, cpu) != 0;
}

static void barrier(int cpu)
{
	failures += syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED_RSEQ,
			    MEMBARRIER_CMD_FLAG_CPU, cpu) != 0;
}

static void fence(int cpu)
{
	failures += call(NULL, 0, cpu, 0) != 0;
}

static void one_op(int cpu)
{
	struct cpu_op vec[] = { opv_op_add(&word, 1, 8) };

	failures += call(vec, 1, cpu, 0) != 0;
}

/* A compare and a store, as most of what is done to a word. */
static void two_ops(int cpu)
{
	struct cpu_op vec[] = { opv_op_compare_eq(&other, &five, 8), opv_op_memcpy(&word, &five, 8) };

	failures += call(vec, 2, cpu, 0) != 0;
}

/* Its constants on the stack, its data in the heap: three pages. */
static void two_ops_apart(int cpu)
{
	uint64_t expect = 0, next = 0;
	struct cpu_op vec[] = { opv_op_compare_eq(area, &expect, 8), opv_op_memcpy(area + PAGE, &next, 8) };

	failures += call(vec, 2, cpu, 0) != 0;
}

static void two_adds(int cpu)
{
	struct cpu_op vec[] = { opv_op_add(&word, 1, 8), opv_op_add(&other, 0, 8) };

	failures += call(vec, 2, cpu, 0) != 0;
}

/* 4096 bytes that cross on both sides, and 15 words that cross, all in pages of their own. */
static void largest(int cpu)
{
	struct cpu_op vec[16];
	int i;

	vec[0] = opv_op_memcpy(area + 8, area + 2 * PAGE + 16, PAGE);
	for (i = 1; i < 16; i++)
		vec[i] = opv_op_add(area + (4 + i) * PAGE - 4, 1, 8);
	failures += call(vec, 16, cpu, 0) != 0;
}

/* The quickest of many times, from CPU 0, where it must not be fixed to: it calls others. */
static double cost(void (*what)(int), int cpu)
{
	uint64_t best = UINT64_MAX, begun;
	int i, k;

	for (i = 0; i < BATCHES; i++) {
		pin_to(0);
		unpin();
		begun = now_ns();
		for (k = 0; k < BATCH; k++)
			what(cpu);
		begun = now_ns() - begun;
		if (sched_getcpu() == 0 && begun < best)
			best = begun;
	}
	return (double)best / BATCH;
}

static void rows(const char *where, int cpu)
{
	static const struct {
		const char *name;
		void (*what)(int);
	} calls[] = {
		{ "fence", fence }, { "1 op", one_op }, { "2 ops, 1 page", two_ops },
		{ "2 adds", two_adds }, { "2 ops, 3 pages", two_ops_apart }, { "largest", largest },
	};
	size_t i;

	for (i = 0; i < sizeof(calls) / sizeof(*calls); i++)
		diag("%s %s\t%.0f", where, calls[i].name, cost(calls[i].what, cpu));
}

/* An idle CPU must be woken first: that takes as long as whoever emulates it likes. */
static void *busy(void *arg)
{
	pin_to(1);
	while (__atomic_load_n(&awake, __ATOMIC_RELAXED))
		;
	return arg;
}

/* It runs this process: short vectors are done in place. */
static void remote_rows(void)
{
	pthread_t thread;

	if (!ok(!pthread_create(&thread, NULL, busy, NULL), "the other CPU is busy"))
		return;
	diag("bare interrupt\t%.0f", cost(interrupt, 1));
	diag("membarrier of one CPU\t%.0f", cost(barrier, 1));
	rows("remote", 1);
	__atomic_store_n(&awake, false, __ATOMIC_RELAXED);
	pthread_join(thread, NULL);
}

/* It runs another process: they are done by pins. */
static void foreign_rows(void)
{
	pid_t pid;

	awake = true;
	pid = fork();
	if (!pid)
		busy(NULL);
	if (!ok(pid > 0, "the other CPU is busy with another process"))
		return;
	rows("foreign", 1);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

int main(void)
{
	double nothing;

	if (!call_open())
		return done();
	aid = open("/dev/opv_aid", O_RDWR | O_CLOEXEC);
	area = mmap(NULL, 64 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	memset(area, 0, 64 * PAGE);
	syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_RSEQ, 0, 0);
	if (!ok(aid >= 0 && pin_to(0) && unpin(), "there is a driver to compare with"))
		return done();
	nothing = cost(none, 0);
	diag("nothing\t%.0f", nothing);
	diag("empty system call\t%.0f", cost(empty, 0));
	diag("empty ioctl\t%.0f", cost(empty_ioctl, 0));
	rows("local", 0);
	if (cpus() > 1) {
		remote_rows();
		foreign_rows();
	}
	is(failures, 0, "all calls succeed");
	return done();
}
