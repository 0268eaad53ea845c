/* SPDX-License-Identifier: MIT */
#ifndef _OPV_COMPAT_RSEQ_CPU_OP_H
#define _OPV_COMPAT_RSEQ_CPU_OP_H

/*
 * <rseq/cpu-op.h> as programs of 2018 include it: one vector of the system call
 * for each operation.  As of the system call: 0; the number, from 1, of the
 * operation that stopped it; -1 and errno.  cpu must be in the caller's affinity
 * mask or offline, else EINVAL; percpu_ functions (<rseq/percpu-op.h>) do not ask
 * for that.
 *
 * All of them: any thread; async-signal-safe, but for errno.
 */

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <linux/cpu_opv.h>
#include <opv/call.h>

#ifdef __cplusplus
extern "C" {
#endif

OPV_COMPAT int cpu_op_available(void)
{
	return cpu_opv(NULL, 0, -1, CPU_OP_NR_FLAG) >= 0;
}

OPV_COMPAT int cpu_op_get_current_cpu(void)
{
	return opv_cpu();
}

/* *old = *v; if (*v != *expect) return 2; *v = *_new.  2, not 1: it is the second operation. */
OPV_COMPAT int cpu_op_cmpxchg(void *v, void *expect, void *old, void *_new, size_t len, int cpu)
{
	struct cpu_op vec[] = {
		opv_op_memcpy(old, v, (uint32_t)len),
		opv_op_compare_eq(v, expect, (uint32_t)len),
		opv_op_memcpy(v, _new, (uint32_t)len),
	};

	return len > UINT32_MAX ? opv_compat_result(-EINVAL) : cpu_opv(vec, 3, cpu, 0);
}

/* *v += count; len is 1, 2, 4 or 8 */
OPV_COMPAT int cpu_op_add(void *v, int64_t count, size_t len, int cpu)
{
	struct cpu_op vec[] = { opv_op_add(v, count, (uint32_t)len) };

	return len > UINT32_MAX ? opv_compat_result(-EINVAL) : cpu_opv(vec, 1, cpu, 0);
}

OPV_COMPAT int cpu_op_add_release(void *v, int64_t count, size_t len, int cpu)
{
	struct cpu_op vec[] = { opv_op_add_release(v, count, (uint32_t)len) };

	return len > UINT32_MAX ? opv_compat_result(-EINVAL) : cpu_opv(vec, 1, cpu, 0);
}

OPV_COMPAT int cpu_op_addv(intptr_t *v, int64_t count, int cpu)
{
	return cpu_op_add(v, count, sizeof(*v), cpu);
}

/* if (*v != expect) return 1; *v = newv */
OPV_COMPAT int cpu_op_cmpeqv_storev(intptr_t *v, intptr_t expect, intptr_t newv, int cpu)
{
	struct cpu_op vec[] = {
		opv_op_compare_eq(v, &expect, sizeof(*v)),
		opv_op_memcpy(v, &newv, sizeof(*v)),
	};

	return cpu_opv(vec, 2, cpu, 0);
}

/*
 * if (*v == expectnot) return 1; *load = *v; *v = *(intptr_t *)(*v + voffp)
 *
 * 2018 read *v first, and repeated while the vector found it changed, which may
 * have no end.  The library's call has one; it also takes any CPU.
 */
OPV_COMPAT int cpu_op_cmpnev_storeoffp_load(intptr_t *v, intptr_t expectnot, off_t voffp,
					    intptr_t *load, int cpu)
{
	struct opv_domain *d = opv_domain_default();

	if (!d)
		return opv_compat_result(-ENOMEM);
	if (cpu < 0)
		return opv_compat_result(-EINVAL);
	return opv_compat_result(opv_cmpne_load_off_at(d, v, expectnot, (ptrdiff_t)voffp, load, cpu));
}

/* if (*v != expect) return 1; *v2 = newv2; *v = newv */
OPV_COMPAT int cpu_op_cmpeqv_storev_storev(intptr_t *v, intptr_t expect, intptr_t *v2,
					   intptr_t newv2, intptr_t newv, int cpu)
{
	struct cpu_op vec[] = {
		opv_op_compare_eq(v, &expect, sizeof(*v)),
		opv_op_memcpy(v2, &newv2, sizeof(*v2)),
		opv_op_memcpy(v, &newv, sizeof(*v)),
	};

	return cpu_opv(vec, 3, cpu, 0);
}

OPV_COMPAT int cpu_op_cmpeqv_storev_storev_release(intptr_t *v, intptr_t expect, intptr_t *v2,
						   intptr_t newv2, intptr_t newv, int cpu)
{
	struct cpu_op vec[] = {
		opv_op_compare_eq(v, &expect, sizeof(*v)),
		opv_op_memcpy(v2, &newv2, sizeof(*v2)),
		opv_op_memcpy_release(v, &newv, sizeof(*v)),
	};

	return cpu_opv(vec, 3, cpu, 0);
}

/* if (*v != expect) return 1; if (*v2 != expect2) return 2; *v = newv */
OPV_COMPAT int cpu_op_cmpeqv_cmpeqv_storev(intptr_t *v, intptr_t expect, intptr_t *v2,
					   intptr_t expect2, intptr_t newv, int cpu)
{
	struct cpu_op vec[] = {
		opv_op_compare_eq(v, &expect, sizeof(*v)),
		opv_op_compare_eq(v2, &expect2, sizeof(*v2)),
		opv_op_memcpy(v, &newv, sizeof(*v)),
	};

	return cpu_opv(vec, 3, cpu, 0);
}

/* if (*v != expect) return 1; memcpy(dst, src, len); *v = newv */
OPV_COMPAT int cpu_op_cmpeqv_memcpy_storev(intptr_t *v, intptr_t expect, void *dst, void *src,
					   size_t len, intptr_t newv, int cpu)
{
	struct cpu_op vec[] = {
		opv_op_compare_eq(v, &expect, sizeof(*v)),
		opv_op_memcpy(dst, src, (uint32_t)len),
		opv_op_memcpy(v, &newv, sizeof(*v)),
	};

	return len > UINT32_MAX ? opv_compat_result(-EINVAL) : cpu_opv(vec, 3, cpu, 0);
}

OPV_COMPAT int cpu_op_cmpeqv_memcpy_storev_release(intptr_t *v, intptr_t expect, void *dst,
						   void *src, size_t len, intptr_t newv, int cpu)
{
	struct cpu_op vec[] = {
		opv_op_compare_eq(v, &expect, sizeof(*v)),
		opv_op_memcpy(dst, src, (uint32_t)len),
		opv_op_memcpy_release(v, &newv, sizeof(*v)),
	};

	return len > UINT32_MAX ? opv_compat_result(-EINVAL) : cpu_opv(vec, 3, cpu, 0);
}

#ifdef __cplusplus
}
#endif

#endif /* _OPV_COMPAT_RSEQ_CPU_OP_H */
