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

/*
 * alone.c: where a process of one thread may make the system call itself.
 * What stat_alone_for() gives for a function points to a byte: read anew for each call,
 * it is not 0 while the function would do nothing but the system call, set errno and
 * return.
 */
struct stat_alone {
	const char *single;		/* the C library's own flag */
	const void *libc;		/* what it lies in; NULL where nobody may */
};

extern const char stat_never_alone;	/* 0 */

void stat_find_alone(struct stat_alone *how);
const char *stat_alone_for(const struct stat_alone *how, const void *function);

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
