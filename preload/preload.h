/* SPDX-License-Identifier: MIT */
#ifndef _PRELOAD_PRELOAD_H
#define _PRELOAD_PRELOAD_H

/*
 * The inside of libopv-stat.so.  It lives in other people's programs: it never
 * prints, never changes errno, holds no descriptor, allocates nothing, and
 * where it cannot count it passes calls on.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "layout.h"

/* What the variable said, and what came of it; all zero until attached. */
struct watched {
	uint64_t counted;		/* functions that are counted and not timed */
	uint64_t timed;			/* and those that are */
	bool tsc;
	struct stat_cpu *cpu;		/* handle, see <opv/domain.h> */
};

extern struct watched stat_watched;

/* attach.c: map the counters of the watching process, where there is one. */
void stat_attach(void);

/* watch.c: wrappers of system calls return by a jump; read behind each of them. */
extern bool stat_returns_by_jump;

/* arena.c: memory for the allocator's own allocations while it is looked up. */
void *stat_arena_alloc(size_t align, size_t size);
bool stat_arena_has(const void *p);
bool stat_arena_used(void);
size_t stat_arena_room(const void *p);

/*
 * exec.c: hand the variables on to programs whose environment lacks them.
 * variable is the whole "OPV_STAT=...", library the part of it.
 */
void stat_exec_init(const char *variable, const char *library);

#endif /* _PRELOAD_PRELOAD_H */
