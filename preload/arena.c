// SPDX-License-Identifier: MIT
/*
 * While the C library's allocator is being looked up, the lookup itself may
 * allocate (dlsym() does in some versions).  A few kilobytes serve it; they are
 * never given back.
 */
#include <stdatomic.h>

#include "preload.h"

#define ARENA_BYTES 16384
#define HEADER 16

static _Alignas(4096) char arena[ARENA_BYTES];
static _Atomic size_t used;

void *stat_arena_alloc(size_t align, size_t size)
{
	size_t at = atomic_load(&used), start;

	if (align < HEADER)
		align = HEADER;
	if (size > ARENA_BYTES || align > 4096)
		return NULL;
	do {
		start = (at + HEADER + align - 1) & ~(align - 1);
		if (start + size > ARENA_BYTES)
			return NULL;
	} while (!atomic_compare_exchange_weak(&used, &at, start + size));
	*(size_t *)(arena + start - sizeof(size_t)) = size;
	return arena + start;
}

bool stat_arena_has(const void *p)
{
	return (uintptr_t)p - (uintptr_t)arena < ARENA_BYTES;
}

bool stat_arena_used(void)
{
	return atomic_load(&used) != 0;
}

size_t stat_arena_room(const void *p)
{
	return ((const size_t *)p)[-1];
}
