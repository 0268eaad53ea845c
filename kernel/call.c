// SPDX-License-Identifier: GPL-2.0
/*
 * cpu_opv(): run a vector of operations as if by one CPU.
 *
 * Everything that can fail is done first: then the vector runs, on the CPU that
 * was asked for and with its interrupts off, and cannot fail any more.
 */
#include <linux/kernel.h>
#include <linux/slab.h>

#include "call.h"

static int opv_call_prepare(struct opv_call *call)
{
	int ret;

	call->nr_pins = 0;
	call->held = NULL;
	call->span = (void *)&call->vec[call->count];
	call->pin = (void *)&call->span[call->count];
	ret = opv_call_pin(call);
	if (ret)
		return ret;
	if (opv_call_needs_held(call)) {
		call->held = kmalloc(CPU_OP_COPY_LEN_MAX, GFP_KERNEL);
		if (!call->held)
			return -ENOMEM;
	}
	return 0;
}

/* No larger than the vector asks for: some kernels clear all memory that they give. */
#define OPV_CALL_SIZE(count)						\
	(sizeof(struct opv_call) + (count) * (sizeof(struct cpu_op) +	\
	 sizeof(struct opv_span [2]) + OPV_OP_PINS * sizeof(struct opv_pin)))

#define OPV_STACK_OPS	4	/* a guard and three: most vectors */

static int opv_call_long(struct opv_call *call, int cpu)
{
	int ret = opv_call_prepare(call);

	if (!ret)
		ret = opv_exec_on(call, cpu, false);
	opv_call_unpin(call);
	kfree(call->held);
	return ret;
}

static int opv_call_in(struct opv_call *call, const struct cpu_op __user *uvec, int count,
		       int flags)
{
	call->count = count;
	call->guard = flags & CPU_OP_GUARD_FLAG;
	return opv_call_copy(call, uvec);
}

static noinline int opv_call_small(const struct cpu_op __user *uvec, int count, int cpu, int flags)
{
	/* Nothing of it is read before it was written; to clear it costs as much as a pin. */
	u64 room[DIV_ROUND_UP(OPV_CALL_SIZE(OPV_STACK_OPS), sizeof(u64))] __uninitialized;
	struct opv_call *call = (void *)room;
	int ret;

	ret = opv_call_in(call, uvec, count, flags);
	if (ret)
		return ret;
	ret = opv_call_words(call, cpu);
	return ret == OPV_WORDS_NOT ? opv_call_long(call, cpu) : ret;
}

static noinline int opv_call_large(const struct cpu_op __user *uvec, int count, int cpu, int flags)
{
	struct opv_call *call = kmalloc(OPV_CALL_SIZE(count), GFP_KERNEL);
	int ret;

	if (!call)
		return -ENOMEM;
	ret = opv_call_in(call, uvec, count, flags);
	if (!ret)
		ret = opv_call_long(call, cpu);
	kfree(call);
	return ret;
}

/**
 * cpu_opv_run() - run a vector of operations as if by one CPU
 * @uvec: the operations, in user space
 * @count: how many; 0 is a fence
 * @cpu: the CPU; online or not, but the caller must be allowed to run there
 * @flags: of enum cpu_opv_flags
 *
 * The comment on top of the uapi header is the specification.
 *
 * Context: process context of the process whose memory it is; may sleep.
 * Return: 0; i + 1 if compare i stopped it; the answer to a query; or an error,
 * of which -ERESTARTSYS means that a signal came before anything was done.
 */
int cpu_opv_run(const struct cpu_op __user *uvec, int count, int cpu, int flags)
{
	const bool guard = flags & CPU_OP_GUARD_FLAG;

	if (flags & ~(CPU_OP_NR_FLAG | CPU_OP_VEC_LEN_MAX_FLAG | CPU_OP_GUARD_FLAG))
		return -EINVAL;
	if (flags & CPU_OP_NR_FLAG)
		return NR_CPU_OPS;
	if (flags & CPU_OP_VEC_LEN_MAX_FLAG)
		return CPU_OP_VEC_LEN_MAX;
	if (cpu < 0)
		return -EINVAL;
	if ((unsigned int)count - guard > CPU_OP_VEC_LEN_MAX)
		return -EINVAL;
	if (!count)
		return opv_exec_on(NULL, cpu, false);
	if (count <= OPV_STACK_OPS)
		return opv_call_small(uvec, count, cpu, flags);
	return opv_call_large(uvec, count, cpu, flags);
}
