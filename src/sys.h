/* SPDX-License-Identifier: MIT */
#ifndef _OPV_SYS_H
#define _OPV_SYS_H

/*
 * System calls that answer -errno and leave errno alone.  Not the C library's
 * wrappers: these are no cancellation points, exist in every C library, and may
 * be made by threads that the C library does not know.
 */

#include <errno.h>
#include <sys/syscall.h>
#include <unistd.h>

static inline long opv_sys(long number, long a, long b, long c, long d, long e, long f)
{
	int saved = errno;
	long ret = syscall(number, a, b, c, d, e, f);

	if (ret == -1) {
		ret = -errno;
		errno = saved;
	}
	return ret;
}

#define OPV_SYS_6(n, a, b, c, d, e, f, ...) \
	opv_sys(n, (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), (long)(f))
#define OPV_SYS(...) OPV_SYS_6(__VA_ARGS__, 0, 0, 0, 0, 0, 0, 0)

#endif /* _OPV_SYS_H */
