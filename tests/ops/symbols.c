// SPDX-License-Identifier: MIT
/*
 * The same through the symbols of the library, as other languages see them: the
 * linker is told to keep them, dlsym() finds them by name (area.mk).
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>

static void *symbol(const char *name)
{
	void *p = dlsym(RTLD_DEFAULT, name);

	if (!p) {
		printf("Bail out! no symbol %s\n", name);
		exit(1);
	}
	return p;
}

#define CALL(name) ((__typeof__(&name))symbol(#name))
#include "calls.c"
