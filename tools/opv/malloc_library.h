/* SPDX-License-Identifier: MIT */
#ifndef _TOOLS_MALLOC_LIBRARY_H
#define _TOOLS_MALLOC_LIBRARY_H

#include <stddef.h>

#define MALLOC_LIBRARY	"libopv-malloc.so"

/*
 * Where libopv-malloc.so is: what OPV_MALLOC_LIBRARY says, beside this program, or where
 * make install puts it.  NULL and path, of 4096 bytes; or why there is none, in static memory.
 */
const char *malloc_library_find(char *path);

#endif /* _TOOLS_MALLOC_LIBRARY_H */
