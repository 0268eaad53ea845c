/* SPDX-License-Identifier: MIT */
#ifndef _OPV_SYS_H
#define _OPV_SYS_H

/*
 * System calls that answer -errno and leave errno alone.  Not the C library's
 * wrappers: these are no cancellation points, exist in every C library, may be made
 * by threads that the C library does not know, and are one instruction, which
 * counts in a debugger's single step.
 */

#include <errno.h>
#include <sys/syscall.h>
#include <unistd.h>

static inline long opv_sys(long number, long a, long b, long c, long d, long e, long f)
{
#if defined(__x86_64__) && defined(__LP64__)
	register long r10 __asm__("r10") = d;
	register long r8 __asm__("r8") = e;
	register long r9 __asm__("r9") = f;
	long ret;

	__asm__ __volatile__("syscall"
			     : "=a"(ret)
			     : "0"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
			     : "rcx", "r11", "memory", "cc");
	return ret;
#else
	int saved = errno;
	long ret = syscall(number, a, b, c, d, e, f);

	if (ret == -1) {
		ret = -errno;
		errno = saved;
	}
	return ret;
#endif
}

#define OPV_SYS_6(n, a, b, c, d, e, f, ...) \
	opv_sys(n, (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), (long)(f))
#define OPV_SYS(...) OPV_SYS_6(__VA_ARGS__, 0, 0, 0, 0, 0, 0, 0)

#endif /* _OPV_SYS_H */
