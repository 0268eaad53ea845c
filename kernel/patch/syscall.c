// SPDX-License-Identifier: GPL-2.0
/* The system call.  struct cpu_op is the same for all callers: there is no compat entry. */
#include <linux/syscalls.h>

#include "alias.h"
#include "call.h"

SYSCALL_DEFINE4(cpu_opv, struct cpu_op __user *, vec, int, count, int, cpu, int, flags)
{
	if (opv_dcache_aliases())
		return -EOPNOTSUPP;
	return cpu_opv_run(vec, count, cpu, flags);
}
