// SPDX-License-Identifier: MIT
/* As in 2018: a program that includes the ABI only, and has its own declaration of the call. */
#include <errno.h>
#include <linux/cpu_opv.h>
#include <stddef.h>

static int (*call)(struct cpu_op *, int, int, int) = cpu_opv;

int main(void)
{
	int v = 0, w = 42;
	struct cpu_op op;

	op.op = CPU_MEMCPY_OP;
	op.len = sizeof(v);
	op.u.memcpy_op.dst = (uintptr_t)&v;
	op.u.memcpy_op.src = (uintptr_t)&w;
	op.u.memcpy_op.expect_fault_dst = 0;
	op.u.memcpy_op.expect_fault_src = 0;
	if (call(NULL, 0, -1, CPU_OP_NR_FLAG) < CPU_MB_OP)
		return 1;
	if (cpu_opv(&op, 1, 0, 0) || v != 42)
		return 1;
	errno = 0;
	if (call(&op, 17, 0, 0) != -1 || errno != EINVAL)
		return 1;
	return 0;
}
