// SPDX-License-Identifier: MIT
/*
 * May a wrapper make the system call itself?  A return behind a system call is one that
 * the processor tends to predict wrongly, so a function between the program and the kernel
 * costs more than all the counting; docs/stat.md has the figures.
 *
 * In a process of one thread read() of the C library is the system call, errno, and
 * nothing else; with several it is also a point of cancellation, which is the C library's
 * to make.  It decides by a flag that it also exports, __libc_single_threaded: false as
 * soon as a second thread is made, or the only one cancels itself.  That it goes by this
 * very byte holds from glibc 2.36; before, cancelling oneself left it alone.
 *
 * The byte must be the C library's own: where a program has a copy of the variable,
 * pthread_cancel() of 2.36 does not write to that one.  And the function must be, too: the
 * next read() may be that of another library, and then it wants to be called.
 *
 * This runs before the program does, and before a sanitizer in it is ready: nothing is
 * called here that one of them intercepts.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <features.h>

#include "preload.h"

const char stat_never_alone;

#if defined(__x86_64__) && defined(__LP64__) && defined(__GLIBC__) && __GLIBC_PREREQ(2, 35)
# include <gnu/libc-version.h>

static bool goes_by_flag(void)
{
	const char *version = gnu_get_libc_version();
	int minor = 0;

	if (version[0] != '2' || version[1] != '.')
		return false;
	for (version += 2; *version >= '0' && *version <= '9'; version++)
		minor = 10 * minor + (*version - '0');
	return minor >= 36;
}

/* What p lies in, or NULL. */
static const void *object_of(const void *p)
{
	__typeof__(_dl_find_object) *find = dlsym(RTLD_NEXT, "_dl_find_object");
	struct dl_find_object found;

	return find && !find((void *)p, &found) ? found.dlfo_link_map : NULL;
}

void stat_find_alone(struct stat_alone *how)
{
	how->single = goes_by_flag() ? dlsym(RTLD_NEXT, "__libc_single_threaded") : NULL;
	how->libc = how->single ? object_of(how->single) : NULL;
}

const char *stat_alone_for(const struct stat_alone *how, const void *function)
{
	return how->libc && object_of(function) == how->libc ? how->single : &stat_never_alone;
}

#else

void stat_find_alone(struct stat_alone *how)
{
	how->single = NULL;
	how->libc = NULL;
}

const char *stat_alone_for(const struct stat_alone *how, const void *function)
{
	(void)how;
	(void)function;
	return &stat_never_alone;
}

#endif
