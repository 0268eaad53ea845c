/* SPDX-License-Identifier: MIT */
#ifndef _OPV_COMPAT_RSEQ_RSEQ_H
#define _OPV_COMPAT_RSEQ_RSEQ_H

/*
 * <rseq/rseq.h> as programs of 2018 include it: registration, and the sections.
 * Nothing in here clashes with the system's <linux/rseq.h> and <sys/rseq.h>.
 *
 * A section works on memory of the process, on words (intptr_t), through the
 * gate of the default domain.  It is tried once:
 *
 *	0	done
 *	1	a compare stopped it
 *	-1	aborted, or the thread is not on that CPU; nothing was stored
 *		but what a try may store.  errno is left alone.
 *
 * Where 2018 answered -1 for ever, because the thread was not registered, the
 * library's slow path does it instead, as that CPU: a program that repeats until
 * 0 ends.  Cost apart, nobody can tell the difference.
 *
 * All of them: any thread; async-signal-safe.
 */

#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <opv/call.h>
#include <opv/engine.h>

#ifdef __cplusplus
extern "C" {
#endif

#ifndef OPV_COMPAT
# define OPV_COMPAT static inline __attribute__((__unused__))
#endif

/* The default domain never goes away, so ask once; NULL while there is no memory for it. */
OPV_COMPAT struct opv_domain *opv_compat_domain(void)
{
	static struct opv_domain *domain;
	struct opv_domain *d = __atomic_load_n(&domain, __ATOMIC_ACQUIRE);

	if (__builtin_expect(!d, 0)) {
		d = opv_domain_default();
		__atomic_store_n(&domain, d, __ATOMIC_RELEASE);
	}
	return d;
}

/* A number that is always a CPU's, and mostly that of the caller's. */
OPV_COMPAT uint32_t rseq_cpu_start(void)
{
	return (uint32_t)opv_cpu();
}

OPV_COMPAT uint32_t rseq_current_cpu(void)
{
	return (uint32_t)opv_cpu();
}

/* The CPU, or a negative number while sections of this thread are turned away. */
OPV_COMPAT int32_t rseq_current_cpu_raw(void)
{
	if (!opv_rseq())
		opv_cpu_slow();	/* looks who registered rseq, if nobody has looked */
	return opv_rseq() ? opv_rseq_read32(opv_rseq(), 4) : -1;
}

/*
 * Registration is the C library's business or the library's own.  0 when this
 * thread is registered; -1 with the errno that the kernel gave when not.
 */
OPV_COMPAT int rseq_register_current_thread(void)
{
	struct opv_status st;

	opv_cpu_slow();
	opv_status(&st, sizeof(st));
	/* With opv_force() sections are turned away, registered or not. */
	if (st.rseq_owner != OPV_RSEQ_NONE && (st.fast || !opv_rseq()))
		return 0;
	errno = st.rseq_error ? st.rseq_error : ENOSYS;
	return -1;
}

/* Others in the process rely on it: it stays.  0. */
OPV_COMPAT int rseq_unregister_current_thread(void)
{
	return 0;
}

/*
 * ret is what the section answered; call is the same operation with a slow path,
 * for a section that missed on the right CPU: its key is closed or was never
 * opened, or there is no rseq, or it was aborted there.
 */
#define OPV_COMPAT_SECTION(d, section, call)				\
	int ret = (d) && cpu >= 0 ? section : OPV_MISS;		\
									\
	if (__builtin_expect(ret == OPV_MISS, 0) && (d) && opv_cpu() == cpu) \
		ret = call;						\
	return ret < 0 ? -1 : ret > 0

/* if (*v != expect) return 1; *v = newv */
OPV_COMPAT int rseq_cmpeqv_storev(intptr_t *v, intptr_t expect, intptr_t newv, int cpu)
{
	struct opv_domain *d = opv_compat_domain();

	OPV_COMPAT_SECTION(d, opv_sec_cmpeq_store(OPV_SEC_AT(d, cpu), v, expect, newv),
			   opv_cmpeq_store_at(d, v, expect, newv, cpu));
}

/* if (*v == expectnot) return 1; *load = *v; *v = *(intptr_t *)(*v + voffp) */
OPV_COMPAT int rseq_cmpnev_storeoffp_load(intptr_t *v, intptr_t expectnot, off_t voffp,
					  intptr_t *load, int cpu)
{
	struct opv_domain *d = opv_compat_domain();

	OPV_COMPAT_SECTION(d,
			   opv_sec_cmpne_load_off(OPV_SEC_AT(d, cpu), v, expectnot,
						  (ptrdiff_t)voffp, load),
			   opv_cmpne_load_off_at(d, v, expectnot, (ptrdiff_t)voffp, load, cpu));
}

/* *v += count */
OPV_COMPAT int rseq_addv(intptr_t *v, intptr_t count, int cpu)
{
	struct opv_domain *d = opv_compat_domain();

#if UINTPTR_MAX == UINT64_MAX
	OPV_COMPAT_SECTION(d, opv_sec_add64(OPV_SEC_AT(d, cpu), v, (uint64_t)count),
			   opv_add64_at(d, (uint64_t *)v, (uint64_t)count, cpu));
#else
	OPV_COMPAT_SECTION(d, opv_sec_add32(OPV_SEC_AT(d, cpu), v, (uint32_t)count),
			   opv_add32_at(d, (uint32_t *)v, (uint32_t)count, cpu));
#endif
}

/* if (*v != expect) return 1; *v2 = newv2 (a try: may be seen alone); *v = newv */
OPV_COMPAT int rseq_cmpeqv_trystorev_storev(intptr_t *v, intptr_t expect, intptr_t *v2,
					    intptr_t newv2, intptr_t newv, int cpu)
{
	struct opv_domain *d = opv_compat_domain();

	OPV_COMPAT_SECTION(d,
			   opv_sec_cmpeq_store_store(OPV_SEC_AT(d, cpu), v, expect, v2, newv2, newv),
			   opv_cmpeq_store_store_at(d, v, expect, v2, newv2, newv, cpu));
}

OPV_COMPAT int rseq_cmpeqv_trystorev_storev_release(intptr_t *v, intptr_t expect, intptr_t *v2,
						    intptr_t newv2, intptr_t newv, int cpu)
{
	struct opv_domain *d = opv_compat_domain();

	OPV_COMPAT_SECTION(d,
			   opv_sec_cmpeq_store_store(OPV_SEC_AT(d, cpu), v, expect, v2, newv2, newv),
			   opv_cmpeq_store_store_release_at(d, v, expect, v2, newv2, newv, cpu));
}

/* if (*v != expect || *v2 != expect2) return 1; *v = newv */
OPV_COMPAT int rseq_cmpeqv_cmpeqv_storev(intptr_t *v, intptr_t expect, intptr_t *v2,
					 intptr_t expect2, intptr_t newv, int cpu)
{
	struct opv_domain *d = opv_compat_domain();

	OPV_COMPAT_SECTION(d,
			   opv_sec_cmpeq_cmpeq_store(OPV_SEC_AT(d, cpu), v, expect, v2, expect2, newv),
			   opv_cmpeq_cmpeq_store_at(d, v, expect, v2, expect2, newv, cpu));
}

/* if (*v != expect) return 1; memcpy(dst, src, len) (a try); *v = newv.  len is at most 4096. */
OPV_COMPAT int rseq_cmpeqv_trymemcpy_storev(intptr_t *v, intptr_t expect, void *dst, void *src,
					    size_t len, intptr_t newv, int cpu)
{
	struct opv_domain *d = opv_compat_domain();

	OPV_COMPAT_SECTION(d,
			   opv_sec_cmpeq_copy_store(OPV_SEC_AT(d, cpu), v, expect, dst, src, len, newv),
			   opv_cmpeq_copy_store_at(d, v, expect, dst, src, len, newv, cpu));
}

OPV_COMPAT int rseq_cmpeqv_trymemcpy_storev_release(intptr_t *v, intptr_t expect, void *dst,
						    void *src, size_t len, intptr_t newv, int cpu)
{
	struct opv_domain *d = opv_compat_domain();

	OPV_COMPAT_SECTION(d,
			   opv_sec_cmpeq_copy_store(OPV_SEC_AT(d, cpu), v, expect, dst, src, len, newv),
			   opv_cmpeq_copy_store_release_at(d, v, expect, dst, src, len, newv, cpu));
}

#ifdef __cplusplus
}
#endif

#endif /* _OPV_COMPAT_RSEQ_RSEQ_H */
