/* SPDX-License-Identifier: GPL-2.0 */
#ifndef SELFTESTS_CPU_OPV_H
#define SELFTESTS_CPU_OPV_H

#include <errno.h>
#include <linux/cpu_opv.h>
#include <sched.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The result, or -errno. */
static inline int cpu_opv(struct cpu_op *vec, int count, int cpu, int flags)
{
	long ret = syscall(__NR_cpu_opv, vec, count, cpu, flags);

	return ret < 0 ? -errno : ret;
}

/* On whatever CPU this is now: tests run on any that they are allowed to. */
static inline int cpu_opv_here(struct cpu_op *vec, int count)
{
	return cpu_opv(vec, count, sched_getcpu(), 0);
}

static inline struct cpu_op op_compare(int op, const void *a, const void *b, uint32_t len)
{
	struct cpu_op ret = { .op = op, .len = len };

	ret.u.compare_op.a = (uintptr_t)a;
	ret.u.compare_op.b = (uintptr_t)b;
	return ret;
}

static inline struct cpu_op op_copy(void *dst, const void *src, uint32_t len)
{
	struct cpu_op ret = { .op = CPU_MEMCPY_OP, .len = len };

	ret.u.memcpy_op.dst = (uintptr_t)dst;
	ret.u.memcpy_op.src = (uintptr_t)src;
	return ret;
}

static inline struct cpu_op op_add(void *p, int64_t count, uint32_t len)
{
	struct cpu_op ret = { .op = CPU_ADD_OP, .len = len };

	ret.u.arithmetic_op.p = (uintptr_t)p;
	ret.u.arithmetic_op.count = count;
	return ret;
}

static inline struct cpu_op op_bits(int op, void *p, uint64_t mask, uint32_t len)
{
	struct cpu_op ret = { .op = op, .len = len };

	ret.u.bitwise_op.p = (uintptr_t)p;
	ret.u.bitwise_op.mask = mask;
	return ret;
}

static inline struct cpu_op op_shift(int op, void *p, uint32_t bits, uint32_t len)
{
	struct cpu_op ret = { .op = op, .len = len };

	ret.u.shift_op.p = (uintptr_t)p;
	ret.u.shift_op.bits = bits;
	return ret;
}

#endif /* SELFTESTS_CPU_OPV_H */
