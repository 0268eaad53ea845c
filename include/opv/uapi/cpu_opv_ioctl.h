/* SPDX-License-Identifier: (GPL-2.0 WITH Linux-syscall-note) OR MIT */
#ifndef _OPV_UAPI_CPU_OPV_IOCTL_H
#define _OPV_UAPI_CPU_OPV_IOCTL_H

/*
 * cpu_opv() on a kernel that has the module but not the system call:
 *
 *	fd = open(CPU_OPV_DEVICE, O_RDWR | O_CLOEXEC);
 *	ret = ioctl(fd, CPU_OPV_IOC_RUN, &args);
 *
 * The result is that of the system call, <opv/uapi/cpu_opv.h>: errors as -1 and
 * errno.  The calls work on the memory of whoever calls, not of whoever opened.
 *
 * size is that of the structure as the caller knows it.  It may grow: what a
 * caller does not know is 0, which asks for nothing; what a kernel does not know
 * must be 0, or the answer is E2BIG.  A size below that of the first version is
 * EINVAL.
 */

#include <opv/uapi/cpu_opv.h>

#ifdef __KERNEL__
# include <linux/ioctl.h>
#else
# include <sys/ioctl.h>
#endif

#define CPU_OPV_DEVICE	"/dev/cpu_opv"

struct cpu_opv_args {
	uint32_t size;		/* sizeof(struct cpu_opv_args) */
	int32_t count;
	int32_t cpu;
	int32_t flags;		/* enum cpu_opv_flags */
	uint64_t vec;		/* address of count struct cpu_op */
};

#define CPU_OPV_ARGS_SIZE_VER0	24

/* No size in the number: it stands in the structure. */
#define CPU_OPV_IOC_RUN	_IO(0xC7, 0x01)

#endif /* _OPV_UAPI_CPU_OPV_IOCTL_H */
