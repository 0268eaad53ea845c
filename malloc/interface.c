// SPDX-License-Identifier: MIT
/*
 * What a program calls.  Every function keeps libc's contract, that of errno
 * included: an allocation that fails sets ENOMEM, free() leaves errno alone.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "cache.h"

#define EXPORT __attribute__((__visibility__("default")))

static void *no_memory(void)
{
	errno = ENOMEM;
	return NULL;
}

EXPORT void *malloc(size_t size)
{
	void *p;

	if (LIKELY(size < __atomic_load_n(&cache_fast_size, __ATOMIC_ACQUIRE))) {
		p = cache_pop(cache, class_for_small(size));
		if (LIKELY(p))
			return p;
	}
	return cache_alloc(size);
}

/*
 * Nothing that is called returns here, but for the slow path of the section: so one register is
 * saved and not four.  A chunk that is mapped by itself has half a page at least, and is of no
 * small class.
 */
EXPORT void free(void *p)
{
	int cpu = cache_cpu();
	unsigned int c;

	if (UNLIKELY(!p))
		return;
	c = class_of_small(chunk_word(p));
	if (LIKELY(c < __atomic_load_n(&cache_fast_classes, __ATOMIC_ACQUIRE)) && LIKELY(cpu >= 0) &&
	    LIKELY(cache_push(cache, cpu, c, p)))
		return;
	cache_release(p);
}

/* Large blocks come from libc, which knows which memory is zero already. */
EXPORT void *calloc(size_t n, size_t size)
{
	size_t bytes;
	void *p;

	if (__builtin_mul_overflow(n, size, &bytes))
		return no_memory();
	if (bytes > LARGE_MAX)
		return OR_DRAIN(__libc_calloc(n, size));
	p = malloc(bytes);
	return p ? memset(p, 0, bytes) : NULL;
}

/* Does a block that has room for bytes do for size as well, without much waste? */
static bool is_close(size_t bytes, size_t size)
{
	return size <= bytes && size >= bytes / 2;
}

/*
 * Among the sizes that are cached a block is replaced by another one; everything else libc
 * does better, which can grow a block where it is.
 */
EXPORT void *realloc(void *p, size_t size)
{
	size_t bytes;
	void *new;

	if (!p)
		return malloc(size);
	bytes = block_bytes(p);
	if (!size) {
		free(p);
		return NULL;
	}
	if (size > LARGE_MAX || bytes > LARGE_MAX)
		return OR_DRAIN(__libc_realloc(p, size));
	if (is_close(bytes, size))
		return p;
	new = malloc(size);
	if (!new)
		return NULL;
	memcpy(new, p, size < bytes ? size : bytes);
	free(p);
	return new;
}

EXPORT void *reallocarray(void *p, size_t n, size_t size)
{
	size_t bytes;

	return __builtin_mul_overflow(n, size, &bytes) ? no_memory() : realloc(p, bytes);
}

/* Every block is aligned to 16. */
EXPORT void *memalign(size_t align, size_t size)
{
	return align <= 16 ? malloc(size) : OR_DRAIN(__libc_memalign(align, size));
}

EXPORT void *aligned_alloc(size_t align, size_t size)
{
	if (!align || (align & (align - 1))) {
		errno = EINVAL;
		return NULL;
	}
	return memalign(align, size);
}

EXPORT int posix_memalign(void **out, size_t align, size_t size)
{
	int saved = errno;
	void *p;

	if (!align || (align & (align - 1)) || align % sizeof(void *))
		return EINVAL;
	p = memalign(align, size);
	errno = saved;
	if (!p)
		return ENOMEM;
	*out = p;
	return 0;
}

EXPORT void *valloc(size_t size)
{
	return OR_DRAIN(__libc_valloc(size));
}

EXPORT void *pvalloc(size_t size)
{
	return OR_DRAIN(__libc_pvalloc(size));
}

EXPORT size_t malloc_usable_size(void *p)
{
	return p ? block_bytes(p) : 0;
}

/* Gone from glibc's headers in 2.26; old programs still call it. */
EXPORT void cfree(void *p);
EXPORT void cfree(void *p)
{
	free(p);
}

EXPORT int malloc_trim(size_t pad)
{
	int (*real)(size_t) = (int (*)(size_t))cache_libc_symbol("malloc_trim");
	bool drained = gate_drain();

	return (real && real(pad)) || drained;
}
