// SPDX-License-Identifier: MIT
/* The loops of what is out of line: system calls, and the engines. */
#define _GNU_SOURCE
#include <linux/membarrier.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "bench.h"
#include "bench_list.h"

#ifndef MEMBARRIER_CMD_FLAG_CPU
# define MEMBARRIER_CMD_PRIVATE_EXPEDITED_RSEQ (1 << 7)
# define MEMBARRIER_CMD_FLAG_CPU (1 << 0)
#endif

#define W bench_world

BENCH_CASE(getppid)
{
	(void)c;
	BENCH_REPEAT(n, syscall(SYS_getppid));
}

static inline void block_and_unblock(void)
{
	uint64_t all = ~UINT64_C(0), before;

	syscall(SYS_rt_sigprocmask, SIG_BLOCK, &all, &before, sizeof(all));
	syscall(SYS_rt_sigprocmask, SIG_SETMASK, &before, NULL, sizeof(before));
}

BENCH_CASE(sigprocmask_pair)
{
	(void)c;
	BENCH_REPEAT(n, block_and_unblock());
}

static inline void membarrier_rseq(unsigned int flags, int cpu)
{
	syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED_RSEQ, flags, cpu);
}

BENCH_CASE(membarrier_busy)
{
	BENCH_REPEAT(n, membarrier_rseq(MEMBARRIER_CMD_FLAG_CPU, c->other));
}

BENCH_CASE(membarrier_idle)
{
	BENCH_REPEAT(n, membarrier_rseq(MEMBARRIER_CMD_FLAG_CPU, c->other));
}

BENCH_CASE(membarrier_all)
{
	(void)c;
	BENCH_REPEAT(n, membarrier_rseq(0, 0));
}

BENCH_CASE(remote_add_busy)
{
	int ret = 0;

	BENCH_REPEAT(n, ret = opv_add64(W.added64, 1, c->other));
	bench_expect("remote_add_busy", ret, 0);
}

BENCH_CASE(remote_add_idle)
{
	int ret = 0;

	BENCH_REPEAT(n, ret = opv_add64(W.added64, 1, c->other));
	bench_expect("remote_add_idle", ret, 0);
}

BENCH_CASE(mutex_pair)
{
	BENCH_REPEAT(n, (pthread_mutex_lock(&c->mutex), pthread_mutex_unlock(&c->mutex)));
}

/* The words are 0 and stay so, but for the counter. */
BENCH_CASE(vector3_prepared)
{
	struct cpu_op vec[] = {
		opv_op_compare_eq(W.words, OPV_PARAM(0), 8),
		opv_op_memcpy(W.words, OPV_PARAM(1), 8),
		opv_op_add(W.words + 1, 1, 8),
	};
	uint64_t params[2] = { 0, 0 };
	struct opv_prepared p;
	int ret = opv_prepare(&p, W.domain, vec, 3);

	(void)c;
	bench_expect("vector3_prepared", ret, 0);
	BENCH_REPEAT(n, ret = opv_run_prepared(&p, params, OPV_THIS_CPU));
	bench_expect("vector3_prepared", ret, 0);
}

static inline int three_ops(uint64_t *words)
{
	int cpu = opv_cpu();
	uint64_t *there = opv_ptr(words, cpu), expect = 0, value = 0;
	struct cpu_op vec[] = {
		opv_op_compare_eq(there, &expect, 8),
		opv_op_memcpy(there, &value, 8),
		opv_op_add(there + 1, 1, 8),
	};

	return opv_vector(W.domain, vec, 3, cpu);
}

BENCH_CASE(vector3_adhoc)
{
	int ret = 0;

	(void)c;
	BENCH_REPEAT(n, ret = three_ops(W.words));
	bench_expect("vector3_adhoc", ret, 0);
}

BENCH_CASE(vector3_kept)
{
	int cpu = opv_cpu(), ret = 0;
	uint64_t *there = opv_ptr(W.words, cpu), expect = 0, value = 0;
	struct cpu_op vec[] = {
		opv_op_compare_eq(there, &expect, 8),
		opv_op_memcpy(there, &value, 8),
		opv_op_add(there + 1, 1, 8),
	};

	(void)c;
	BENCH_REPEAT(n, ret = opv_vector(W.domain, vec, 3, cpu));
	bench_expect("vector3_kept", ret, 0);
}

static void one_prepared(const char *name, uint64_t n, struct cpu_op op)
{
	struct opv_prepared p;
	int ret = opv_prepare(&p, W.domain, &op, 1);

	bench_expect(name, ret, 0);
	BENCH_REPEAT(n, ret = opv_run_prepared(&p, NULL, OPV_THIS_CPU));
	bench_expect(name, ret, 0);
}

BENCH_CASE(vector1_prepared)
{
	(void)c;
	one_prepared("vector1_prepared", n, opv_op_add(W.words + 2, 1, 8));
}

static inline int one_add(uint64_t *word)
{
	int cpu = opv_cpu();
	struct cpu_op op = opv_op_add(opv_ptr(word, cpu), 1, 8);

	return opv_vector(W.domain, &op, 1, cpu);
}

BENCH_CASE(vector1_adhoc)
{
	int ret = 0;

	(void)c;
	BENCH_REPEAT(n, ret = one_add(W.words + 2));
	bench_expect("vector1_adhoc", ret, 0);
}

BENCH_CASE(vector_copy_16)
{
	(void)c;
	one_prepared("vector_copy_16", n, opv_op_memcpy(W.copy, W.from, 16));
}

BENCH_CASE(vector_copy_4096)
{
	(void)c;
	one_prepared("vector_copy_4096", n, opv_op_memcpy(W.copy, W.from, BENCH_COPY_MAX));
}

/* The length is not known to the compiler: the function is called. */
BENCH_CASE(memcpy_4096)
{
	int cpu = opv_cpu();
	char *dst = opv_ptr(W.copy, cpu), *src = opv_ptr(W.from, cpu);
	size_t len = BENCH_COPY_MAX;

	(void)c;
	__asm__ __volatile__("" : "+r"(len));
	BENCH_REPEAT(n, memcpy(dst, src, len));
}

static void three_adds(const char *name, uint64_t n, int cpu)
{
	uint64_t *there = opv_ptr(W.count64, cpu);
	struct cpu_op vec[] = {
		opv_op_add(there + 5, 1, 8),
		opv_op_add(there + 6, 0, 8),
		opv_op_add(there + 7, 1, 8),
	};
	int ret = 0;

	BENCH_REPEAT(n, ret = opv_vector(W.domain, vec, 3, cpu));
	bench_expect(name, ret, 0);
}

BENCH_CASE(vector3_domain)
{
	(void)c;
	three_adds("vector3_domain", n, opv_cpu());
}

BENCH_CASE(vector3_forced)
{
	(void)c;
	three_adds("vector3_forced", n, opv_cpu());
}

BENCH_CASE(vector3_busy)
{
	three_adds("vector3_busy", n, c->other);
}

BENCH_CASE(vector3_idle)
{
	three_adds("vector3_idle", n, c->other);
}

#define MANY 32

static void many(const char *name, uint64_t n, int here, int other, int nr)
{
	struct opv_request requests[MANY];
	struct cpu_op adds[2];
	int cpus[2] = { here, other }, ret = 0, i;

	for (i = 0; i < 2; i++)
		adds[i] = opv_op_add((uint64_t *)opv_ptr(W.count64, cpus[i]) + 7, 1, 8);
	for (i = 0; i < nr; i++)
		requests[i] = (struct opv_request){ &adds[i % 2], 1, cpus[i % 2], 0 };
	BENCH_REPEAT(n, ret = opv_vectors(W.domain, requests, nr));
	bench_expect(name, ret, 0);
}

BENCH_CASE(vectors_2)
{
	many("vectors_2", n, opv_cpu(), c->other, 2);
}

BENCH_CASE(vectors_32)
{
	many("vectors_32", n, opv_cpu(), c->other, MANY);
}

#define FENCE_CASE(name, cpu)						\
BENCH_CASE(name)							\
{									\
	int ret = 0;							\
									\
	(void)c;							\
	BENCH_REPEAT(n, ret = opv_fence(W.domain, cpu));		\
	bench_expect(#name, ret, 0);					\
}

FENCE_CASE(fence_this, OPV_THIS_CPU)
FENCE_CASE(fence_busy, c->other)
FENCE_CASE(fence_idle, c->other)
FENCE_CASE(fence_all, OPV_ALL_CPUS)
