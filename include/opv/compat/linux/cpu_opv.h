/* SPDX-License-Identifier: MIT */
#ifndef _OPV_COMPAT_LINUX_CPU_OPV_H
#define _OPV_COMPAT_LINUX_CPU_OPV_H

/*
 * <linux/cpu_opv.h> as programs of 2017 and 2018 include it: the ABI, and the
 * system call, which answers as system calls do, -1 and errno.  (The function
 * cpu_opv() of the library, <opv/vector.h>, answers -errno.  In a program that
 * includes this header the name means the system call.)
 *
 * Programs that issue the call by number cannot be served: it never got one.
 */

#include <errno.h>
#include <stdint.h>

#include <opv/vector.h>

#ifdef __cplusplus
extern "C" {
#endif

#ifndef OPV_COMPAT
# define OPV_COMPAT static inline __attribute__((__unused__))
#endif

/*
 * How the fields for addresses were declared and set.  On 32-bit machines they
 * were two words then; they are one of 64 bits on all machines now.
 */
#ifndef LINUX_FIELD_u32_u64
# define LINUX_FIELD_u32_u64(field)			uint64_t field
# define LINUX_FIELD_u32_u64_INIT_ONSTACK(field, v)	field = (uintptr_t)(v)
#endif

/* A result of the library as one of a system call. */
OPV_COMPAT int opv_compat_result(int ret)
{
	if (ret >= 0)
		return ret;
	errno = -ret;
	return -1;
}

/*
 * cpu_opv - execute a vector as one CPU
 *
 * Result: 0; i + 1, compare operation i stopped it; -1, errno is one of those of
 * the ABI (<opv/uapi/cpu_opv.h>), or EPERM, ETIMEDOUT, EDEADLK of the library.
 *
 * Thread-safe, async-signal-safe.
 */
OPV_COMPAT int opv_compat_cpu_opv(struct cpu_op *vec, int count, int cpu, int flags)
{
	return opv_compat_result(cpu_opv(vec, count, cpu, flags));
}
#define cpu_opv opv_compat_cpu_opv

#ifdef __cplusplus
}
#endif

#endif /* _OPV_COMPAT_LINUX_CPU_OPV_H */
