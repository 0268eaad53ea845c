/* SPDX-License-Identifier: MIT */
#ifndef _OPV_MAP_H
#define _OPV_MAP_H

/*
 * Memory of one's own for a moment.  ThreadSanitizer sees neither system call, and that an
 * address was given back before it is somebody else's it has to be told.
 */

#include <stddef.h>
#include <sys/mman.h>

#include "env.h"
#include "sys.h"
#include "tsan.h"

/* NULL if there is none. */
static inline void *opv_map(size_t bytes, int flags)
{
	long addr = OPV_SYS(SYS_mmap, NULL, bytes, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | flags, -1, 0);

	HANDED_OVER(&opv_the_env);
	return addr < 0 && addr > -4096 ? NULL : (void *)addr;
}

static inline void opv_unmap(void *p, size_t bytes)
{
	HAND_OVER(&opv_the_env);
	OPV_SYS(SYS_munmap, p, bytes);
}

#endif /* _OPV_MAP_H */
