// SPDX-License-Identifier: GPL-2.0
/* The vector from user space: copied once, checked as a copy. */
#include <linux/uaccess.h>

#include "call.h"

static bool opv_is_guard(const struct cpu_op *op)
{
	return op->op == CPU_COMPARE_EQ_OP && opv_is_width(op->len);
}

/* copy_from_user() for a few words: its own checks cost more than they do. */
bool opv_copy_in(void *to, const void __user *from, size_t len)
{
	const unsigned long __user *word = from;
	unsigned long *out = to, *end = to + len;

	if (!IS_ALIGNED((uintptr_t)from, sizeof(long)) || !IS_ALIGNED(len, sizeof(long)))
		return !copy_from_user(to, from, len);
	if (!user_access_begin(word, len))
		return false;
	while (out != end)
		unsafe_get_user(*out++, word++, fault);
	user_access_end();
	return true;
fault:
	user_access_end();
	return false;
}

int opv_call_copy(struct opv_call *call, const struct cpu_op __user *uvec)
{
	if (!opv_copy_in(call->vec, uvec, call->count * sizeof(*uvec)))
		return -EFAULT;
	if (call->guard && !opv_is_guard(call->vec))
		return -EINVAL;
	return opv_check(call->vec + call->guard, call->count - call->guard);
}
