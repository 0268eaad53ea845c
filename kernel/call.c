// SPDX-License-Identifier: GPL-2.0
/*
 * cpu_opv(): run a vector of operations as if by one CPU.
 *
 * Everything that can fail is done first: then the vector runs, on the CPU that
 * was asked for and with its interrupts off, and cannot fail any more.
 */
#include <linux/slab.h>

#include "call.h"

static int opv_call_prepare(struct opv_call *call, const struct cpu_op __user *uvec)
{
	int ret;

	ret = opv_call_copy(call, uvec);
	if (ret)
		return ret;
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

/* As large as the vector asks for: some kernels clear what they allocate. */
static struct opv_call *opv_call_alloc(int count, bool guard)
{
	const size_t vec = sizeof(struct opv_call) + count * sizeof(struct cpu_op);
	const size_t span = count * sizeof(struct opv_span [2]);
	const size_t pin = count * OPV_OP_PINS * sizeof(struct opv_pin);
	struct opv_call *call;

	call = kmalloc(vec + span + pin, GFP_KERNEL);
	if (!call)
		return NULL;
	call->count = count;
	call->guard = guard;
	call->nr_pins = 0;
	call->held = NULL;
	call->span = (void *)call + vec;
	call->pin = (void *)call + vec + span;
	return call;
}

static void opv_call_free(struct opv_call *call)
{
	opv_call_unpin(call);
	kfree(call->held);
	kfree(call);
}

static int opv_call_all(const struct cpu_op __user *uvec, int count, int cpu, bool guard)
{
	struct opv_call *call = opv_call_alloc(count, guard);
	int ret;

	if (!call)
		return -ENOMEM;
	ret = opv_call_prepare(call, uvec);
	if (!ret)
		ret = opv_exec_on(call, cpu);
	opv_call_free(call);
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
	if (count < guard || count > CPU_OP_VEC_LEN_MAX + guard)
		return -EINVAL;
	if (!count)
		return opv_exec_on(NULL, cpu);
	return opv_call_all(uvec, count, cpu, guard);
}
