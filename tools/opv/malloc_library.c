// SPDX-License-Identifier: MIT
/* Where libopv-malloc.so is, for those who preload it. */
#define _GNU_SOURCE
#include "malloc_library.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LIBRARY	MALLOC_LIBRARY

static bool try_library(char *path, const char *folder, const char *rest)
{
	char joined[4096];

	return snprintf(joined, sizeof(joined), "%s%s", folder, rest) < (int)sizeof(joined) &&
	       realpath(joined, path) && !access(path, R_OK);
}

const char *malloc_library_find(char *path)
{
	const char *given = getenv("OPV_MALLOC_LIBRARY");
	char folder[4096] = "", *slash;
	static char why[3 * 4096];
	ssize_t n = readlink("/proc/self/exe", folder, sizeof(folder) - 1);

	slash = n > 0 ? strrchr(folder, '/') : NULL;
	*(slash ? slash + 1 : folder) = '\0';
	if (given && !try_library(path, given, ""))
		snprintf(why, sizeof(why), "OPV_MALLOC_LIBRARY: %s: %s", given, strerror(errno));
	else if (!given && !try_library(path, folder, LIBRARY) &&
		 !try_library(path, folder, "../lib/opv/" LIBRARY) &&
		 !try_library(path, OPV_MALLOC_LIBDIR "/", LIBRARY))
		snprintf(why, sizeof(why), LIBRARY " is neither beside opv (%s) nor in ../lib/opv nor in %s; "
			 "OPV_MALLOC_LIBRARY can say where it is", folder, OPV_MALLOC_LIBDIR);
	else if (strpbrk(path, ": "))
		snprintf(why, sizeof(why), "%s: the dynamic loader cannot preload a file with a space or "
			 "colon in its path; OPV_MALLOC_LIBRARY can name a copy of it", path);
	else
		return NULL;
	return why;
}
