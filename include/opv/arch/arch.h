/* SPDX-License-Identifier: MIT */
#ifndef _OPV_ARCH_ARCH_H
#define _OPV_ARCH_ARCH_H

/*
 * The one place that knows which architecture this is.  An architecture header
 * defines OPV_STRIPE_SHIFT and the sections opv_sec_*; none.h has sections
 * that always miss, and everything works through the slow path.
 *
 * OPV_NO_SECTIONS chooses none.h by hand.
 */

#include <stddef.h>
#include <stdint.h>

/* Around the functions of all public headers: C, and exported from the library. */
#ifdef __cplusplus
# define OPV_BEGIN_DECLS extern "C" { _Pragma("GCC visibility push(default)")
# define OPV_END_DECLS _Pragma("GCC visibility pop") }
#else
# define OPV_BEGIN_DECLS _Pragma("GCC visibility push(default)")
# define OPV_END_DECLS _Pragma("GCC visibility pop")
#endif

OPV_BEGIN_DECLS

/*
 * The rseq area of a thread, as an offset from its thread pointer; 0 until the
 * library has looked, where rseq is not to be had, and while the slow path wants
 * to see every call: then sections miss.  Read it anew for every section.
 *
 * A variable of the library's own and not the C library's __rseq_offset: a weak
 * reference to that one is silently 0 in some ways of linking, and this one also
 * serves where the library registers rseq itself.
 */
extern ptrdiff_t opv_rseq_offset;

static inline ptrdiff_t opv_rseq(void)
{
	return __atomic_load_n(&opv_rseq_offset, __ATOMIC_RELAXED);
}

/* In place of the number of a CPU: whichever the thread runs on at that instant; all. */
#define OPV_THIS_CPU	(-1)
#define OPV_ALL_CPUS	(-2)

/*
 * The same where slots are numbered by mm_cid: the one that the thread has at that
 * instant.
 */
#define OPV_THIS_CID	OPV_THIS_CPU

/* The form of a section: operands are addresses, not handles; slots go by mm_cid, not by CPU. */
#define OPV_FORM_AT	1
#define OPV_FORM_CID	2

/*
 * In the key of a slot that goes by mm_cid, beside its number: no CPU's number has it,
 * so that sections of the one kind miss in domains of the other.
 */
#define OPV_KEY_CID	0x20000000

/*
 * What a section answers beside 0 and the compares: nothing was stored, because of
 * another CPU, a closed key, no rseq, or an abort.
 */
#define OPV_MISS	(-1)

/* A CPU's share of a domain's address space, bytes; the shift is the architecture's. */
#define OPV_STRIPE	((size_t)1 << OPV_STRIPE_SHIFT)

/* Is a second operand a handle of the same domain as the first? */
#define OPV_SAME_WINDOW(p, slots) \
	((((uintptr_t)(p)) & ~((uintptr_t)OPV_STRIPE - 1)) == (slots))

#if defined(__x86_64__) && defined(__LP64__) && !defined(OPV_NO_SECTIONS)
# include <opv/arch/x86_64.h>
# define OPV_HAVE_SECTIONS 1
#else
# include <opv/arch/none.h>
# define OPV_HAVE_SECTIONS 0
#endif

OPV_END_DECLS

#endif /* _OPV_ARCH_ARCH_H */
