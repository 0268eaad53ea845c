/* SPDX-License-Identifier: GPL-2.0 OR MIT */
#ifndef _OPV_PORT_USER_H
#define _OPV_PORT_USER_H

/*
 * What core/ needs of where it runs, here a user process:
 *
 *	OPV_PORT_LOAD(type, p), OPV_PORT_STORE(type, p, v)
 *		one access each if p is aligned to the type
 *	opv_port_memcmp(a, b, len), opv_port_memmove(dst, src, len)
 *	opv_port_release(), opv_port_mb()
 *		barriers: release (before a store), full
 */

#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* A packed struct: at any address; may_alias: whatever the program has there. */
#define OPV_PORT_ANY(type)						\
	struct __attribute__((__packed__, __may_alias__)) { type v; }

/* ThreadSanitizer takes volatile accesses, which may be looked at any time, for plain ones. */
#if defined(__SANITIZE_THREAD__)
# define OPV_PORT_TSAN 1
#elif defined(__has_feature)
# if __has_feature(thread_sanitizer)
#  define OPV_PORT_TSAN 1
# endif
#endif

#ifdef OPV_PORT_TSAN
# define OPV_PORT_LOAD(type, p)		__atomic_load_n((const type *)(p), __ATOMIC_RELAXED)
# define OPV_PORT_STORE(type, p, val)	__atomic_store_n((type *)(p), (val), __ATOMIC_RELAXED)
#else
# define OPV_PORT_LOAD(type, p)		((*(const volatile OPV_PORT_ANY(type) *)(p)).v)
# define OPV_PORT_STORE(type, p, val)	((*(volatile OPV_PORT_ANY(type) *)(p)).v = (val))
#endif

#define opv_port_memcmp(a, b, len)	memcmp(a, b, len)
#ifdef OPV_PORT_TSAN
/* Others may read what is copied, as long as they look afterwards whether it was whole. */
static inline void opv_port_memmove(void *dst, const void *src, size_t len)
{
	const size_t unit = (((uintptr_t)dst | (uintptr_t)src | len) & 7) ? 1 : 8;
	const size_t nr = len / unit;
	const int backwards = (uintptr_t)dst - (uintptr_t)src < len;
	size_t i, at;

	for (i = 0; i < nr; i++) {
		at = backwards ? nr - 1 - i : i;
		if (unit == 8)
			OPV_PORT_STORE(uint64_t, (uint64_t *)dst + at,
				       OPV_PORT_LOAD(uint64_t, (const uint64_t *)src + at));
		else
			OPV_PORT_STORE(uint8_t, (uint8_t *)dst + at,
				       OPV_PORT_LOAD(uint8_t, (const uint8_t *)src + at));
	}
}
#else
# define opv_port_memmove(dst, src, len)	memmove(dst, src, len)
#endif
#define opv_port_release()		__atomic_thread_fence(__ATOMIC_RELEASE)
#define opv_port_mb()			__atomic_thread_fence(__ATOMIC_SEQ_CST)

#endif /* _OPV_PORT_USER_H */
