/* SPDX-License-Identifier: MIT */
#ifndef _TESTS_TAP_H
#define _TESTS_TAP_H

/*
 * TAP from C.  A test file is a program: ok() for each behaviour, done() at the
 * end.  What cannot be tried here is skip()ped with its reason, never silently.
 */

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

static int tap_count, tap_failed;

__attribute__((__format__(__printf__, 2, 3), __unused__))
static bool ok(bool cond, const char *format, ...)
{
	va_list args;

	printf("%sok %d - ", cond ? "" : "not ", ++tap_count);
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	putchar('\n');
	fflush(stdout);
	tap_failed += !cond;
	return cond;
}

__attribute__((__format__(__printf__, 1, 2), __unused__))
static void diag(const char *format, ...)
{
	va_list args;

	printf("# ");
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	putchar('\n');
	fflush(stdout);
}

/* is(got, want, name...): two integers. */
#define is(got, want, ...)							\
	({									\
		long long got_ = (long long)(got), want_ = (long long)(want);	\
		bool same_ = ok(got_ == want_, __VA_ARGS__);			\
		if (!same_)							\
			diag("%s:%d: got %lld, wanted %lld", __FILE__, __LINE__, got_, want_); \
		same_;								\
	})

/* One test of this name, not made, and why. */
__attribute__((__unused__))
static void skip(const char *name, const char *why)
{
	printf("ok %d - %s # SKIP %s\n", ++tap_count, name, why);
	fflush(stdout);
}

__attribute__((__unused__))
static int done(void)
{
	printf("1..%d\n", tap_count);
	return tap_failed ? 1 : 0;
}

#endif /* _TESTS_TAP_H */
