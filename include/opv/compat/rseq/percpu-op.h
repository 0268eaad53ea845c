/* SPDX-License-Identifier: MIT */
#ifndef _OPV_COMPAT_RSEQ_PERCPU_OP_H
#define _OPV_COMPAT_RSEQ_PERCPU_OP_H

/*
 * <rseq/percpu-op.h> as programs of 2018 include it: each operation as a section
 * where the thread runs on that CPU, by the slow path where not.  They are the
 * library's calls under their old names, on the default domain: they never
 * answer "aborted", and they take any CPU that the machine may ever have,
 * online or not, in the caller's affinity mask or not.
 *
 *	0	done
 *	1, 2	compare number one or two stopped it, nothing was stored
 *	-1	an error, nothing was stored; errno is EINVAL, EPERM, ETIMEDOUT or
 *		EDEADLK as <opv/call.h> says, or ENOMEM
 *
 * All of them: any thread; async-signal-safe, but for errno.
 */

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <rseq/rseq.h>
#include <rseq/cpu-op.h>

#ifdef __cplusplus
extern "C" {
#endif

OPV_COMPAT int percpu_op_available(void)
{
	return cpu_op_available();
}

OPV_COMPAT uint32_t percpu_current_cpu(void)
{
	return (uint32_t)opv_cpu();
}

/* d and cpu are what the calls would take for something else. */
#define OPV_COMPAT_CALL(call)						\
	struct opv_domain *d = opv_compat_domain();			\
									\
	return opv_compat_result(!d ? -ENOMEM : cpu < 0 ? -EINVAL : call)

/* if (*v != expect) return 1; *v = newv */
OPV_COMPAT int percpu_cmpeqv_storev(intptr_t *v, intptr_t expect, intptr_t newv, int cpu)
{
	OPV_COMPAT_CALL(opv_cmpeq_store_at(d, v, expect, newv, cpu));
}

/* if (*v == expectnot) return 1; *load = *v; *v = *(intptr_t *)(*v + voffp) */
OPV_COMPAT int percpu_cmpnev_storeoffp_load(intptr_t *v, intptr_t expectnot, off_t voffp,
					    intptr_t *load, int cpu)
{
	OPV_COMPAT_CALL(opv_cmpne_load_off_at(d, v, expectnot, (ptrdiff_t)voffp, load, cpu));
}

/* *v += count */
OPV_COMPAT int percpu_addv(intptr_t *v, intptr_t count, int cpu)
{
#if UINTPTR_MAX == UINT64_MAX
	OPV_COMPAT_CALL(opv_add64_at(d, (uint64_t *)v, (uint64_t)count, cpu));
#else
	OPV_COMPAT_CALL(opv_add32_at(d, (uint32_t *)v, (uint32_t)count, cpu));
#endif
}

/* if (*v != expect) return 1; *v2 = newv2 (may be seen alone); *v = newv */
OPV_COMPAT int percpu_cmpeqv_storev_storev(intptr_t *v, intptr_t expect, intptr_t *v2,
					   intptr_t newv2, intptr_t newv, int cpu)
{
	OPV_COMPAT_CALL(opv_cmpeq_store_store_at(d, v, expect, v2, newv2, newv, cpu));
}

OPV_COMPAT int percpu_cmpeqv_storev_storev_release(intptr_t *v, intptr_t expect, intptr_t *v2,
						   intptr_t newv2, intptr_t newv, int cpu)
{
	OPV_COMPAT_CALL(opv_cmpeq_store_store_release_at(d, v, expect, v2, newv2, newv, cpu));
}

/* if (*v != expect) return 1; if (*v2 != expect2) return 2; *v = newv */
OPV_COMPAT int percpu_cmpeqv_cmpeqv_storev(intptr_t *v, intptr_t expect, intptr_t *v2,
					   intptr_t expect2, intptr_t newv, int cpu)
{
	OPV_COMPAT_CALL(opv_cmpeq_cmpeq_store_at(d, v, expect, v2, expect2, newv, cpu));
}

/* if (*v != expect) return 1; memcpy(dst, src, len) (may be seen alone); *v = newv.  len <= 4096 */
OPV_COMPAT int percpu_cmpeqv_memcpy_storev(intptr_t *v, intptr_t expect, void *dst, void *src,
					   size_t len, intptr_t newv, int cpu)
{
	OPV_COMPAT_CALL(opv_cmpeq_copy_store_at(d, v, expect, dst, src, len, newv, cpu));
}

OPV_COMPAT int percpu_cmpeqv_memcpy_storev_release(intptr_t *v, intptr_t expect, void *dst,
						   void *src, size_t len, intptr_t newv, int cpu)
{
	OPV_COMPAT_CALL(opv_cmpeq_copy_store_release_at(d, v, expect, dst, src, len, newv, cpu));
}

#ifdef __cplusplus
}
#endif

#endif /* _OPV_COMPAT_RSEQ_PERCPU_OP_H */
