// SPDX-License-Identifier: GPL-2.0
/* The vector from user space: copied once, checked as a copy. */
#include <linux/uaccess.h>

#include "call.h"
#include "copy.h"

static bool opv_is_guard(const struct cpu_op *op)
{
	return op->op == CPU_COMPARE_EQ_OP && opv_is_width(op->len);
}

static bool opv_ops_copy(struct cpu_op *op, const struct cpu_op __user *uop, int count)
{
	const struct cpu_op *end = op + count;

	if (!opv_is_word_aligned(uop))
		return !copy_from_user(op, uop, count * sizeof(*op));
	if (!user_read_access_begin(uop, count * sizeof(*op)))
		return false;
	for (; op != end && opv_get_words(op, uop, OPV_WORDS(*op)); op++)
		uop++;
	user_read_access_end();
	return op == end;
}

int opv_call_copy(struct opv_call *call, const struct cpu_op __user *uvec)
{
	if (!opv_ops_copy(call->vec, uvec, call->count))
		return -EFAULT;
	if (!call->guard)
		return opv_check(call->vec, call->count);
	return opv_is_guard(call->vec) ? opv_check(call->vec + 1, call->count - 1) : -EINVAL;
}
