// SPDX-License-Identifier: MIT
/*
 * A thread may have the time-stamp counter taken away: strict seccomp does that,
 * and PR_SET_TSC.  Reading it, as the system's clock does, then is a fault.
 * Calls of such a process are counted but no longer timed.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <linux/seccomp.h>
#include <stdarg.h>
#include <sys/prctl.h>

#include "preload.h"

typedef int prctl_function(int option, ...);

static prctl_function *real;

static __attribute__((__constructor__(101))) void look_up(void)
{
	real = (prctl_function *)dlsym(RTLD_NEXT, "prctl");
}

static bool takes_clock(int option, unsigned long arg)
{
	return (option == PR_SET_SECCOMP && arg == SECCOMP_MODE_STRICT) ||
	       (option == PR_SET_TSC && arg == PR_TSC_SIGSEGV);
}

/* No function is in neither mask at any moment. */
static void stop_timing(void)
{
	uint64_t timed = __atomic_load_n(&stat_watched.timed, __ATOMIC_RELAXED);

	__atomic_fetch_or(&stat_watched.counted, timed, __ATOMIC_RELEASE);
	__atomic_store_n(&stat_watched.timed, 0, __ATOMIC_RELEASE);
}

__attribute__((__visibility__("default"))) int prctl(int option, ...)
{
	unsigned long arg[4];
	va_list args;
	int i;

	/* All four, given or not, as the C library does. */
	va_start(args, option);
	for (i = 0; i < 4; i++)
		arg[i] = va_arg(args, unsigned long);
	va_end(args);
	if (takes_clock(option, arg[0]))
		stop_timing();
	if (!real)
		look_up();
	if (!real) {
		errno = ENOSYS;
		return -1;
	}
	return real(option, arg[0], arg[1], arg[2], arg[3]);
}
