// SPDX-License-Identifier: GPL-2.0
/* The vector from user space: copied once, checked as a copy. */
#include <linux/uaccess.h>

#include "call.h"

static bool opv_is_guard(const struct cpu_op *op)
{
	return op->op == CPU_COMPARE_EQ_OP && opv_is_width(op->len);
}

int opv_call_copy(struct opv_call *call, const struct cpu_op __user *uvec)
{
	if (copy_from_user(call->vec, uvec, call->count * sizeof(*uvec)))
		return -EFAULT;
	if (call->guard && !opv_is_guard(call->vec))
		return -EINVAL;
	return opv_check(call->vec + call->guard, call->count - call->guard);
}
