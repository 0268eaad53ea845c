/* SPDX-License-Identifier: MIT */
#ifndef _MALLOC_CLASS_H
#define _MALLOC_CLASS_H

/*
 * Size classes, and what libc's allocator says about the size of a block.
 *
 * A class is known by the bytes that each of its blocks has room for at least:
 * 24, 40, 56, ... 1032, which are all the sizes that glibc makes; then eight to
 * each power of two, 1160, 1288, ... 2056, 2312, ... 32776.  (The 8 on top is what
 * glibc has left of a chunk that is a multiple of 16.)
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SMALL_CLASSES	64
#define SMALL_MAX	1032
#define LARGE_MAX	32776
#define NR_CLASSES	104

/* Bytes of a class. */
static inline size_t class_bytes(unsigned int c)
{
	unsigned int power = (c - SMALL_CLASSES) / 8 + 10, eighth = (c - SMALL_CLASSES) % 8;

	if (c < SMALL_CLASSES)
		return 24 + 16 * (size_t)c;
	return ((size_t)1 << power) + ((size_t)(eighth + 1) << (power - 3)) + 8;
}

/* The class of an allocation: the least whose blocks have room for it. */
static inline unsigned int class_for_small(size_t size)
{
	return (unsigned int)(((size > 24 ? size : 24) + 7) / 16 - 1);
}

static inline unsigned int class_for_large(size_t size)
{
	size_t above = size - 9;
	unsigned int power = 63 - (unsigned int)__builtin_clzll(above);

	return SMALL_CLASSES + (power - 10) * 8 + (above >> (power - 3) & 7);
}

/* LARGE_MAX at most. */
static inline unsigned int class_for(size_t size)
{
	return size <= SMALL_MAX ? class_for_small(size) : class_for_large(size);
}

/*
 * In front of each block glibc keeps the bytes of its chunk, a multiple of 16 from 32
 * on, and three flags; so it has since 2001.  A chunk that is mapped by itself ends 8
 * bytes earlier than others.  start() in cache.c looks whether that is so.
 */
#define CHUNK_FLAGS	((size_t)7)
#define CHUNK_IS_MAPPED	((size_t)2)

static inline size_t chunk_word(const void *p)
{
	return ((const size_t *)p)[-1];
}

static inline size_t block_bytes(const void *p)
{
	size_t word = chunk_word(p);

	return (word & ~CHUNK_FLAGS) - (word & CHUNK_IS_MAPPED ? 16 : 8);
}

/*
 * The class that a block can serve: the largest that it has room for.  NR_CLASSES
 * or more if it is none of ours.  A block that libc made a little larger than it was
 * asked to be is of a small class exactly, and of a large one with an eighth of waste.
 */
static inline unsigned int class_of_small(size_t chunk_word)
{
	return (unsigned int)(chunk_word / 16 - 2);
}

static inline unsigned int class_of_large(size_t bytes)
{
	size_t above = bytes - 8;
	unsigned int power = 63 - (unsigned int)__builtin_clzll(above);

	return SMALL_CLASSES + (power - 10) * 8 + (above >> (power - 3) & 7) - 1;
}

#endif /* _MALLOC_CLASS_H */
