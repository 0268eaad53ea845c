// SPDX-License-Identifier: MIT
/* Threads that the C library has not registered, or does not know. */
#define _GNU_SOURCE
#include <opv/opv.h>

#include <errno.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../tap.h"

#ifndef SYS_rseq
# define SYS_rseq 334
#endif

static struct opv_domain *domain;
static uint64_t *sum;
static intptr_t *list;
static struct opv_status status;

/* A bit of everything, results added up: 0 when all was done. */
static int all_kinds(uint64_t times)
{
	intptr_t node[2] = { 0, 0 }, got;
	struct cpu_op vec[] = { opv_op_add(opv_ptr(sum, 0), 1, 8) };
	uint64_t i, old, *h;
	int bad = 0;

	for (i = 0; i < times; i++) {
		bad += opv_add64(sum, 1, OPV_THIS_CPU) != 0;
		bad += opv_fetch_add64(sum, 1, &old, opv_cpu()) != 0;
		bad += opv_add64(sum, 1, (int)i % opv_domain_cpus(domain)) != 0;
		bad += opv_vector(domain, vec, 1, 0) != 0;
	}
	bad += opv_cmpeq_store(list, 0, (intptr_t)node, 0) != 0;
	bad += opv_cmpne_load_off(list, 0, 0, &got, 0) != 0 || got != (intptr_t)node;
	bad += opv_alloc(domain, 8, 8, &h) != 0;
	bad += opv_free(domain, h) != 0;
	bad += opv_fence(domain, OPV_ALL_CPUS) != 0;
	return bad;
}

static uint64_t total(void)
{
	uint64_t got = 0;
	int cpu;

	for (cpu = 0; cpu < opv_domain_cpus(domain); cpu++)
		got += *opv_ptr(sum, cpu);
	return got;
}

static void *rseq_area(void)
{
	return (char *)__builtin_thread_pointer() + status.rseq_offset;
}

static void *unregistered(void *arg)
{
	struct opv_status now;
	struct opv_counts before, after;
	long ret = syscall(SYS_rseq, rseq_area(), status.rseq_size, 1, 0x53053053);

	(void)arg;
	if (!ok(!ret, "a thread gives its rseq back")) {
		diag("%s", strerror(errno));
		return NULL;
	}
	opv_status(&now, sizeof(now));
	opv_counts(OPV_ALL_CPUS, &before, sizeof(before));
	is(all_kinds(100), 0, "all operations work without rseq");
	opv_counts(OPV_ALL_CPUS, &after, sizeof(after));
	if (status.rseq_owner == OPV_RSEQ_LIBC) {
		is(now.fast, 0, "it is said that they are slow");
		ok(after.unregistered - before.unregistered >= 300, "and they are counted as such");
		ret = syscall(SYS_rseq, rseq_area(), status.rseq_size, 0, 0x53053053);
		is(ret, 0, "the thread registers again");
		opv_status(&now, sizeof(now));
		is(now.fast, 1, "and is fast again");
		is(all_kinds(100), 0, "all operations work with it");
	}
	return NULL;
}

/*
 * A thread made by clone() alone.  Its thread-local storage is a copy of ours, in
 * which the C library's pointers to itself and the rseq area are set right.
 */
#define TLS_BELOW	16384
#define TLS_ABOVE	8192
#define STACK		262144

static _Atomic int raw_done, raw_bad;

static int raw_thread(void *arg)
{
	(void)arg;
	raw_bad = all_kinds(100);
	raw_done = 1;
	syscall(SYS_exit, 0);
	return 0;
}

static void raw(void)
{
	char *tp = __builtin_thread_pointer(), *block, *stack, *low = tp - TLS_BELOW;
	int flags = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM |
		    CLONE_SETTLS | CLONE_CHILD_CLEARTID;
	struct { char *start; char *end; } readable = { low, tp + TLS_ABOVE };
	static pid_t gone = 1;
	size_t above;
	int ret, tries;

	/* What is there of it, in whole pages. */
	while (readable.start < tp && madvise((void *)((uintptr_t)readable.start & ~4095ul), 4096, 22))
		readable.start += 4096;
	while (readable.end > tp + 4096 && madvise((void *)((uintptr_t)(readable.end - 1) & ~4095ul), 4096, 22))
		readable.end -= 4096;
	above = (size_t)(readable.end - tp);
	block = mmap(NULL, TLS_BELOW + TLS_ABOVE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	stack = mmap(NULL, STACK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	block += TLS_BELOW;
	memcpy(block - (tp - readable.start), readable.start, (size_t)(tp - readable.start));
	memcpy(block, tp, above);
	((void **)block)[0] = block;	/* tcb, self */
	((void **)block)[2] = block;
	memset(block + status.rseq_offset, 0, 16);
	((int *)(block + status.rseq_offset))[1] = -1;	/* cpu_id: not registered */
	ret = clone(raw_thread, stack + STACK, flags, NULL, NULL, block, &gone);
	if (ret < 0) {
		skip("a thread of clone() alone works", strerror(errno));
		return;
	}
	for (tries = 0; __atomic_load_n(&gone, __ATOMIC_ACQUIRE) && tries < 20000; tries++)
		usleep(1000);
	ok(raw_done && !raw_bad, "all operations work in a thread of clone() alone");
	if (raw_bad)
		diag("%d of them did not", raw_bad);
}

int main(void)
{
	pthread_t thread;

	opv_domain_create(&domain, NULL);
	opv_new(domain, &sum);
	opv_new(domain, &list);
	is(all_kinds(10), 0, "all operations work in the first thread");
	opv_status(&status, sizeof(status));
	if (status.rseq_owner == OPV_RSEQ_NONE) {
		skip("threads without rseq", status.why);
	} else {
		pthread_create(&thread, NULL, unregistered, NULL);
		pthread_join(thread, NULL);
	}
	raw();
	is(total() % 4, 0, "the sum is of whole rounds");
	ok(total() >= 4 * 110, "and there is something in it");
	return done();
}
