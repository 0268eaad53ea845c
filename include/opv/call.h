/* SPDX-License-Identifier: MIT */
#ifndef _OPV_CALL_H
#define _OPV_CALL_H

/*
 * Calls: one operation on per-CPU data, done as one CPU.
 *
 *	opv_add64(p, n, cpu)		p is a handle (opv_alloc()): the
 *					instance of that CPU is changed
 *	opv_add64_at(d, p, n, cpu)	p is an address; d says through whose
 *					gate, opv_domain_default() for memory of
 *					the program's own; not NULL
 *
 * cpu is the number of a CPU, 0 <= cpu < opv_domain_cpus(), online or not, or
 * OPV_THIS_CPU: whichever the thread runs on at that instant.  On the CPU it
 * runs on, a call is a restartable sequence of a nanosecond; on another one
 * the same call goes a slower road to the same result.
 *
 * What is like what: the names are those of the kernel's this_cpu_ and atomic_
 * operations.  The one difference that bites: a call is atomic with respect to
 * everything else done *as the same CPU through the same domain*, and to
 * nothing else.  A plain store to the data from elsewhere, or the same word
 * reached through two domains, breaks that.  Reading is always allowed; an
 * aligned word does not tear.
 *
 * Result of every call, and there is no other:
 *
 *	0	done
 *	1, 2	compare number one or two stopped it, nothing was stored
 *		(a cmpxchg has filled *old)
 *	-EINVAL	cpu is not the number of a CPU of the domain; p lies beyond the
 *		domain's data; p2 or dst is a handle of another domain than p;
 *		len is too large; nothing was done
 *	-EPERM	the work is for another CPU and this kernel or its policy has
 *		no fence for it (opv probe says which); nothing was done
 *	-ETIMEDOUT the thread that works as that CPU was stopped for longer
 *		than the domain's timeout; nothing was done
 *	-EDEADLK called from a fault handler while this thread is inside the slow
 *		path for the same CPU; nothing was done
 *
 * Operands that are not there fault, as in any C expression; so does what never
 * was a handle, or is one of a domain that is gone.
 *
 * Orders: without a suffix, relaxed.  _acquire: what follows in the program is
 * done after the call's load.  _release: what precedes it is done before the
 * call's store.  For the thread itself calls are in program order.
 *
 * All calls: any thread, registered or not; async-signal-safe; before
 * constructors; errno is left alone.
 *
 * Not in a child of vfork() or a raw clone() that shares its parent's memory and
 * thread area: it sees the parent's cpu_id, which the kernel no longer writes, and
 * nothing aborts its sections.
 *
 * The types of the operations on 8, 16, 32 and 64 bits are uint8_t ... uint64_t;
 * smin and smax take the same types and compare them as signed.
 *
 *	opv_{add,or,and,xor,min,max,smin,smax}BITS[_release](p, n, cpu)
 *		*p = *p op n
 *	opv_fetch_addBITS[_acquire,_release](p, n, old, cpu)
 *		*old = *p; *p += n
 *	opv_xchgBITS[_acquire,_release](p, n, old, cpu)
 *		*old = *p; *p = n
 *	opv_cmpxchgBITS[_acquire,_release](p, expect, n, old, cpu)
 *		*old = *p; if (*p != expect) return 1; *p = n
 *
 * and on words, intptr_t:
 *
 *	opv_push[_release](p, off, node, cpu)
 *		*(node + off) = *p; *p = node
 *		Pushes on a list: p is its head, off the bytes from a node to its
 *		next pointer, node an address of any node that is the caller's.
 *	opv_cmpne_load_off[_acquire](p, expectnot, off, load, cpu)
 *		if (*p == expectnot) return 1; *load = *p; *p = *(*p + off)
 *		Pops from a list: p is its head, off the bytes from a node to
 *		its next pointer.  What *p points to is only read as long as *p
 *		holds it, so nodes may be unmapped once they are popped.
 *	opv_cmpeq_store[_release](p, expect, n, cpu)
 *		if (*p != expect) return 1; *p = n
 *	opv_cmpeq_cmpeq_store[_release](p, expect, p2, expect2, n, cpu)
 *		if (*p != expect) return 1; if (*p2 != expect2) return 2; *p = n
 *	opv_cmpeq_store_store[_release](p, expect, p2, n2, n, cpu)
 *		if (*p != expect) return 1; *p2 = n2; *p = n
 *		The first store may be seen without the second: *p2 must be
 *		something that nobody looks at until *p says so.
 *	opv_cmpeq_copy_store[_release](p, expect, dst, src, len, n, cpu)
 *		if (*p != expect) return 1; memcpy(dst, src, len); *p = n
 *		dst as *p2 above; src is always an address.  len is at most
 *		CPU_OP_COPY_LEN_MAX, else -EINVAL.
 *
 * p2 and dst are handles where p is one, addresses where p is one.
 *
 * By mm_cid: each of these calls again, with _cid behind what it is called above (and
 * in front of _at), for domains whose slots go by it, OPV_DOMAIN_MM_CID:
 *
 *	opv_add64_cid(p, n, cid)	opv_add64_release_cid_at(d, p, n, cid)
 *
 * cid is the number of a slot, or OPV_THIS_CID: whichever the thread has at that
 * instant.  On domains of the other kind either family is right but never fast:
 * what a number means is the domain's to say, so opv_add64() counts slots there,
 * and opv_add64_cid() CPUs here.
 *
 * opv_add(), opv_xchg() and so on, further down, take the width from the type.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <opv/arch/arch.h>
#include <opv/domain.h>

OPV_BEGIN_DECLS

/* Every inline function is a symbol of the library too, for other languages. */
#ifndef OPV_CALL
# define OPV_CALL static inline __attribute__((__unused__))
#endif

enum opv_call {
#define OPV_RMW(name, name_at, bits, op, order) OPV_CALL_##name,
#define OPV_FETCH OPV_RMW
#define OPV_CMPXCHG OPV_RMW
#define OPV_WORD(name, name_at, op, order) OPV_CALL_##name,
#include <opv/calls.def>
#undef OPV_RMW
#undef OPV_FETCH
#undef OPV_CMPXCHG
#undef OPV_WORD
	OPV_NR_CALLS
};

/*
 * The slow path: one function a shape, the same arguments.  d is NULL for a
 * handle.  These are not for callers; src/slow.c.
 */
int opv_slow_rmw(enum opv_call call, struct opv_domain *d, void *p,
		 uint64_t n, int cpu) __attribute__((__cold__));
int opv_slow_fetch(enum opv_call call, struct opv_domain *d, void *p,
		   uint64_t n, void *old, int cpu) __attribute__((__cold__));
int opv_slow_cmpxchg(enum opv_call call, struct opv_domain *d, void *p,
		     uint64_t expect, uint64_t n, void *old, int cpu)
	__attribute__((__cold__));
int opv_slow_cmpne_load_off(enum opv_call call, struct opv_domain *d,
			    intptr_t *p, intptr_t expectnot, ptrdiff_t off,
			    intptr_t *load, int cpu) __attribute__((__cold__));
int opv_slow_push(enum opv_call call, struct opv_domain *d, intptr_t *p, ptrdiff_t off,
		  void *node, int cpu) __attribute__((__cold__));
int opv_slow_cmpeq_store(enum opv_call call, struct opv_domain *d,
			 intptr_t *p, intptr_t expect, intptr_t n, int cpu)
	__attribute__((__cold__));
int opv_slow_cmpeq_cmpeq_store(enum opv_call call, struct opv_domain *d,
			       intptr_t *p, intptr_t expect, intptr_t *p2,
			       intptr_t expect2, intptr_t n, int cpu)
	__attribute__((__cold__));
int opv_slow_cmpeq_store_store(enum opv_call call, struct opv_domain *d,
			       intptr_t *p, intptr_t expect, intptr_t *p2,
			       intptr_t n2, intptr_t n, int cpu)
	__attribute__((__cold__));
int opv_slow_cmpeq_copy_store(enum opv_call call, struct opv_domain *d,
			      intptr_t *p, intptr_t expect, void *dst,
			      const void *src, size_t len, intptr_t n, int cpu)
	__attribute__((__cold__));

/* What the sections start from: handles below CPU 0's stripe, and the rseq area. */
static inline uintptr_t opv_window(const void *handle)
{
	return (uintptr_t)handle & ~((uintptr_t)OPV_STRIPE - 1);
}

static inline uintptr_t opv_window_of(const struct opv_domain *d)
{
	return (uintptr_t)d - OPV_WINDOW_TO_DOMAIN;
}

#define OPV_SEC_HANDLE(p, cpu, form)	opv_rseq(), opv_window(p), (cpu), (form)
#define OPV_SEC_ADDRESS(d, cpu, form)	opv_rseq(), opv_window_of(d), (cpu), OPV_FORM_AT | (form)
#define OPV_SEC_AT(d, cpu)		OPV_SEC_ADDRESS(d, cpu, 0)

#define OPV_FAST(section, slow)						\
	int ret = section;						\
									\
	return __builtin_expect(ret >= 0, 1) ? ret : slow

/*
 * Each call by CPU and, _cid, by mm_cid: another section, the same slow path, which
 * asks the domain what its slots go by.
 */
#define OPV_RMW_FORM(name, name_at, call, bits, op, form)		\
OPV_CALL int name(uint##bits##_t *p, uint##bits##_t n, int cpu)		\
{									\
	OPV_FAST(opv_sec_##op##bits(OPV_SEC_HANDLE(p, cpu, form), p, n), \
		 opv_slow_rmw(OPV_CALL_##call, NULL, p, n, cpu));	\
}									\
OPV_CALL int name_at(struct opv_domain *d, uint##bits##_t *p,		\
		     uint##bits##_t n, int cpu)				\
{									\
	OPV_FAST(opv_sec_##op##bits(OPV_SEC_ADDRESS(d, cpu, form), p, n), \
		 opv_slow_rmw(OPV_CALL_##call, d, p, n, cpu));		\
}
#define OPV_RMW(name, name_at, bits, op, order)				\
	OPV_RMW_FORM(name, name_at, name, bits, op, 0)			\
	OPV_RMW_FORM(name##_cid, name##_cid_at, name, bits, op, OPV_FORM_CID)

#define OPV_FETCH_FORM(name, name_at, call, bits, op, form)		\
OPV_CALL int name(uint##bits##_t *p, uint##bits##_t n,			\
		  uint##bits##_t *old, int cpu)				\
{									\
	OPV_FAST(opv_sec_##op##bits(OPV_SEC_HANDLE(p, cpu, form), p, n, old), \
		 opv_slow_fetch(OPV_CALL_##call, NULL, p, n, old, cpu)); \
}									\
OPV_CALL int name_at(struct opv_domain *d, uint##bits##_t *p,		\
		     uint##bits##_t n, uint##bits##_t *old, int cpu)	\
{									\
	OPV_FAST(opv_sec_##op##bits(OPV_SEC_ADDRESS(d, cpu, form), p, n, old), \
		 opv_slow_fetch(OPV_CALL_##call, d, p, n, old, cpu));	\
}
#define OPV_FETCH(name, name_at, bits, op, order)			\
	OPV_FETCH_FORM(name, name_at, name, bits, op, 0)		\
	OPV_FETCH_FORM(name##_cid, name##_cid_at, name, bits, op, OPV_FORM_CID)

#define OPV_CMPXCHG_FORM(name, name_at, call, bits, op, form)		\
OPV_CALL int name(uint##bits##_t *p, uint##bits##_t expect,		\
		  uint##bits##_t n, uint##bits##_t *old, int cpu)	\
{									\
	OPV_FAST(opv_sec_##op##bits(OPV_SEC_HANDLE(p, cpu, form), p, expect, n, old), \
		 opv_slow_cmpxchg(OPV_CALL_##call, NULL, p, expect, n, old, cpu)); \
}									\
OPV_CALL int name_at(struct opv_domain *d, uint##bits##_t *p,		\
		     uint##bits##_t expect, uint##bits##_t n,		\
		     uint##bits##_t *old, int cpu)			\
{									\
	OPV_FAST(opv_sec_##op##bits(OPV_SEC_ADDRESS(d, cpu, form), p, expect, n, old), \
		 opv_slow_cmpxchg(OPV_CALL_##call, d, p, expect, n, old, cpu)); \
}
#define OPV_CMPXCHG(name, name_at, bits, op, order)			\
	OPV_CMPXCHG_FORM(name, name_at, name, bits, op, 0)		\
	OPV_CMPXCHG_FORM(name##_cid, name##_cid_at, name, bits, op, OPV_FORM_CID)

/* The words: parameters and arguments of each operation, after p. */
#define OPV_PARAMS_cmpne_load_off	intptr_t expectnot, ptrdiff_t off, intptr_t *load
#define OPV_NAMES_cmpne_load_off	expectnot, off, load
#define OPV_PARAMS_push			ptrdiff_t off, void *node
#define OPV_NAMES_push			off, node
#define OPV_PARAMS_cmpeq_store		intptr_t expect, intptr_t n
#define OPV_NAMES_cmpeq_store		expect, n
#define OPV_PARAMS_cmpeq_cmpeq_store	intptr_t expect, intptr_t *p2, intptr_t expect2, intptr_t n
#define OPV_NAMES_cmpeq_cmpeq_store	expect, p2, expect2, n
#define OPV_PARAMS_cmpeq_store_store	intptr_t expect, intptr_t *p2, intptr_t n2, intptr_t n
#define OPV_NAMES_cmpeq_store_store	expect, p2, n2, n
#define OPV_PARAMS_cmpeq_copy_store	intptr_t expect, void *dst, const void *src, size_t len, intptr_t n
#define OPV_NAMES_cmpeq_copy_store	expect, dst, src, len, n

#define OPV_WORD_FORM(name, name_at, call, op, form)			\
OPV_CALL int name(intptr_t *p, OPV_PARAMS_##op, int cpu)		\
{									\
	OPV_FAST(opv_sec_##op(OPV_SEC_HANDLE(p, cpu, form), p, OPV_NAMES_##op), \
		 opv_slow_##op(OPV_CALL_##call, NULL, p, OPV_NAMES_##op, cpu)); \
}									\
OPV_CALL int name_at(struct opv_domain *d, intptr_t *p, OPV_PARAMS_##op, int cpu) \
{									\
	OPV_FAST(opv_sec_##op(OPV_SEC_ADDRESS(d, cpu, form), p, OPV_NAMES_##op), \
		 opv_slow_##op(OPV_CALL_##call, d, p, OPV_NAMES_##op, cpu)); \
}
#define OPV_WORD(name, name_at, op, order)				\
	OPV_WORD_FORM(name, name_at, name, op, 0)			\
	OPV_WORD_FORM(name##_cid, name##_cid_at, name, op, OPV_FORM_CID)

#include <opv/calls.def>

#undef OPV_RMW
#undef OPV_FETCH
#undef OPV_CMPXCHG
#undef OPV_WORD

OPV_END_DECLS

/*
 * By type.  *p must have 1, 2, 4 or 8 bytes; anything else does not compile.
 * min and max compare as the type does.
 */
extern int opv_no_such_width(void)
	__attribute__((__error__("opv: the operand must have 1, 2, 4 or 8 bytes")));

#define OPV_BY_WIDTH(p, f8, f16, f32, f64)				\
	(sizeof(*(p)) == 1 ? f8 : sizeof(*(p)) == 2 ? f16 :		\
	 sizeof(*(p)) == 4 ? f32 : sizeof(*(p)) == 8 ? f64 : opv_no_such_width())

#define OPV_RMW_BY_WIDTH(stem, kind, p, n, cpu)				\
	OPV_BY_WIDTH(p, stem##8##kind((uint8_t *)(p), (uint8_t)(n), cpu), \
		     stem##16##kind((uint16_t *)(p), (uint16_t)(n), cpu), \
		     stem##32##kind((uint32_t *)(p), (uint32_t)(n), cpu), \
		     stem##64##kind((uint64_t *)(p), (uint64_t)(n), cpu))

#define OPV_FETCH_BY_WIDTH(stem, kind, p, n, old, cpu)			\
	OPV_BY_WIDTH(p, stem##8##kind((uint8_t *)(p), (uint8_t)(n), (uint8_t *)(old), cpu), \
		     stem##16##kind((uint16_t *)(p), (uint16_t)(n), (uint16_t *)(old), cpu), \
		     stem##32##kind((uint32_t *)(p), (uint32_t)(n), (uint32_t *)(old), cpu), \
		     stem##64##kind((uint64_t *)(p), (uint64_t)(n), (uint64_t *)(old), cpu))

#define OPV_CMPXCHG_BY_WIDTH(stem, kind, p, expect, n, old, cpu)	\
	OPV_BY_WIDTH(p, stem##8##kind((uint8_t *)(p), (uint8_t)(expect), (uint8_t)(n), (uint8_t *)(old), cpu), \
		     stem##16##kind((uint16_t *)(p), (uint16_t)(expect), (uint16_t)(n), (uint16_t *)(old), cpu), \
		     stem##32##kind((uint32_t *)(p), (uint32_t)(expect), (uint32_t)(n), (uint32_t *)(old), cpu), \
		     stem##64##kind((uint64_t *)(p), (uint64_t)(expect), (uint64_t)(n), (uint64_t *)(old), cpu))

#define OPV_IS_SIGNED(p)	((__typeof__(*(p)))-1 < (__typeof__(*(p)))1)

/*
 * opv_add(p, n, cpu) - add n to *p, whatever its width.
 * opv_or, opv_and, opv_xor, opv_min, opv_max: likewise.
 */
#define opv_add(p, n, cpu)	OPV_RMW_BY_WIDTH(opv_add, , p, n, cpu)
#define opv_or(p, n, cpu)	OPV_RMW_BY_WIDTH(opv_or, , p, n, cpu)
#define opv_and(p, n, cpu)	OPV_RMW_BY_WIDTH(opv_and, , p, n, cpu)
#define opv_xor(p, n, cpu)	OPV_RMW_BY_WIDTH(opv_xor, , p, n, cpu)
#define opv_min(p, n, cpu)						\
	(OPV_IS_SIGNED(p) ? OPV_RMW_BY_WIDTH(opv_smin, , p, n, cpu)	\
			  : OPV_RMW_BY_WIDTH(opv_min, , p, n, cpu))
#define opv_max(p, n, cpu)						\
	(OPV_IS_SIGNED(p) ? OPV_RMW_BY_WIDTH(opv_smax, , p, n, cpu)	\
			  : OPV_RMW_BY_WIDTH(opv_max, , p, n, cpu))

/*
 * opv_fetch_add(p, n, old, cpu), opv_xchg(p, n, old, cpu),
 * opv_cmpxchg(p, expect, n, old, cpu) - *old is of the type of *p.
 */
#define opv_fetch_add(p, n, old, cpu)	OPV_FETCH_BY_WIDTH(opv_fetch_add, , p, n, old, cpu)
#define opv_xchg(p, n, old, cpu)	OPV_FETCH_BY_WIDTH(opv_xchg, , p, n, old, cpu)
#define opv_cmpxchg(p, expect, n, old, cpu) \
	OPV_CMPXCHG_BY_WIDTH(opv_cmpxchg, , p, expect, n, old, cpu)

/* opv_add_cid(p, n, cid) and so on - the same by mm_cid. */
#define opv_add_cid(p, n, cid)	OPV_RMW_BY_WIDTH(opv_add, _cid, p, n, cid)
#define opv_or_cid(p, n, cid)	OPV_RMW_BY_WIDTH(opv_or, _cid, p, n, cid)
#define opv_and_cid(p, n, cid)	OPV_RMW_BY_WIDTH(opv_and, _cid, p, n, cid)
#define opv_xor_cid(p, n, cid)	OPV_RMW_BY_WIDTH(opv_xor, _cid, p, n, cid)
#define opv_min_cid(p, n, cid)					\
	(OPV_IS_SIGNED(p) ? OPV_RMW_BY_WIDTH(opv_smin, _cid, p, n, cid)	\
			  : OPV_RMW_BY_WIDTH(opv_min, _cid, p, n, cid))
#define opv_max_cid(p, n, cid)					\
	(OPV_IS_SIGNED(p) ? OPV_RMW_BY_WIDTH(opv_smax, _cid, p, n, cid)	\
			  : OPV_RMW_BY_WIDTH(opv_max, _cid, p, n, cid))
#define opv_fetch_add_cid(p, n, old, cid) OPV_FETCH_BY_WIDTH(opv_fetch_add, _cid, p, n, old, cid)
#define opv_xchg_cid(p, n, old, cid)	OPV_FETCH_BY_WIDTH(opv_xchg, _cid, p, n, old, cid)
#define opv_cmpxchg_cid(p, expect, n, old, cid) \
	OPV_CMPXCHG_BY_WIDTH(opv_cmpxchg, _cid, p, expect, n, old, cid)

#endif /* _OPV_CALL_H */
