/* SPDX-License-Identifier: MIT */
#ifndef _OPV_ARCH_NONE_H
#define _OPV_ARCH_NONE_H

/*
 * No sections: each one misses, and the slow path does the work.  For
 * architectures without a header of their own.
 */

#include <stddef.h>
#include <stdint.h>

#define OPV_RSEQ_SIG	0	/* nothing is registered */

/* Small address spaces get small stripes. */
#define OPV_STRIPE_SHIFT (sizeof(void *) == 8 ? 22 : 20)

/* Nobody looks for a signature here. */
#define OPV_RSEQ_SIG	0

#define OPV_SEC_ARGS	ptrdiff_t rseq, uintptr_t slots, int cpu, int form
#define OPV_SEC_MISS	(void)rseq, (void)slots, (void)cpu, (void)form, OPV_MISS

/* Each line defines four functions, opv_sec_..8, 16, 32 and 64. */
#define OPV_SEC_WIDTHS(shape, op)					\
	shape(op, 8) shape(op, 16) shape(op, 32) shape(op, 64)

#define OPV_SEC_RMW(op, bits)						\
static inline int opv_sec_##op##bits(OPV_SEC_ARGS, void *p, uint##bits##_t n) \
{									\
	(void)p, (void)n;						\
	return OPV_SEC_MISS;						\
}

#define OPV_SEC_FETCH(op, bits)						\
static inline int opv_sec_##op##bits(OPV_SEC_ARGS, void *p, uint##bits##_t n, \
				     uint##bits##_t *oldp)		\
{									\
	(void)p, (void)n, (void)oldp;					\
	return OPV_SEC_MISS;						\
}

#define OPV_SEC_CMPXCHG(op, bits)					\
static inline int opv_sec_##op##bits(OPV_SEC_ARGS, void *p,		\
				     uint##bits##_t expect, uint##bits##_t n, \
				     uint##bits##_t *oldp)		\
{									\
	(void)p, (void)expect, (void)n, (void)oldp;			\
	return OPV_SEC_MISS;						\
}

OPV_SEC_WIDTHS(OPV_SEC_RMW, add)
OPV_SEC_WIDTHS(OPV_SEC_RMW, or)
OPV_SEC_WIDTHS(OPV_SEC_RMW, and)
OPV_SEC_WIDTHS(OPV_SEC_RMW, xor)
OPV_SEC_WIDTHS(OPV_SEC_RMW, min)
OPV_SEC_WIDTHS(OPV_SEC_RMW, max)
OPV_SEC_WIDTHS(OPV_SEC_RMW, smin)
OPV_SEC_WIDTHS(OPV_SEC_RMW, smax)
OPV_SEC_WIDTHS(OPV_SEC_FETCH, fetch_add)
OPV_SEC_WIDTHS(OPV_SEC_FETCH, xchg)
OPV_SEC_WIDTHS(OPV_SEC_CMPXCHG, cmpxchg)

static inline int opv_sec_cmpne_load_off(OPV_SEC_ARGS, intptr_t *p,
					 intptr_t expectnot, ptrdiff_t off,
					 intptr_t *load)
{
	(void)p, (void)expectnot, (void)off, (void)load;
	return OPV_SEC_MISS;
}

static inline int opv_sec_push(OPV_SEC_ARGS, intptr_t *p, ptrdiff_t off, void *node)
{
	(void)p, (void)off, (void)node;
	return OPV_SEC_MISS;
}

static inline int opv_sec_cmpeq_store(OPV_SEC_ARGS, intptr_t *p,
				      intptr_t expect, intptr_t n)
{
	(void)p, (void)expect, (void)n;
	return OPV_SEC_MISS;
}

static inline int opv_sec_cmpeq_cmpeq_store(OPV_SEC_ARGS, intptr_t *p,
					    intptr_t expect, intptr_t *p2,
					    intptr_t expect2, intptr_t n)
{
	(void)p, (void)expect, (void)p2, (void)expect2, (void)n;
	return OPV_SEC_MISS;
}

static inline int opv_sec_cmpeq_store_store(OPV_SEC_ARGS, intptr_t *p,
					    intptr_t expect, intptr_t *p2,
					    intptr_t n2, intptr_t n)
{
	(void)p, (void)expect, (void)p2, (void)n2, (void)n;
	return OPV_SEC_MISS;
}

static inline int opv_sec_cmpeq_copy_store(OPV_SEC_ARGS, intptr_t *p,
					   intptr_t expect, void *dst,
					   const void *src, size_t len, intptr_t n)
{
	(void)p, (void)expect, (void)dst, (void)src, (void)len, (void)n;
	return OPV_SEC_MISS;
}

static inline int32_t opv_rseq_read32(ptrdiff_t rseq, ptrdiff_t field)
{
	(void)rseq, (void)field;
	return -1;
}

static inline void opv_rseq_disarm(ptrdiff_t rseq)
{
	(void)rseq;
}

#endif /* _OPV_ARCH_NONE_H */
