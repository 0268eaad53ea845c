/* SPDX-License-Identifier: MIT */
#ifndef _OPV_QUICK_H
#define _OPV_QUICK_H

/*
 * The common case of the local engine: words, in the data of the domain or in the
 * caller's frame, none of them seen again once it is stored.  Such a vector is a
 * program (log.h) as it lies, and a section executes it.  Whatever is not like that
 * answers OPV_PASS before anything was done, and the general road checks and does it
 * all over.
 */

#include "arch/program.h"
#include "core.h"
#include "count.h"
#include "domain.h"
#include "log.h"
#include "thread.h"

#if OPV_HAVE_SECTIONS

#define OPV_FRAME_BYTES 2048

/* Where operands may be. */
struct quick {
	uint64_t stripes;	/* address of CPU 0's stripe */
	uint64_t bytes;		/* of all CPUs' stripes */
	uint64_t last;		/* of the data in a stripe: where its last 8 bytes begin */
	uint64_t frame;		/* the caller's */
};

static inline bool quick_stores(const struct cpu_op *op)
{
	return op->op > CPU_COMPARE_NE_OP;
}

static inline bool quick_overlap(const struct cpu_op *store, uint64_t addr, const struct cpu_op *op)
{
	return addr < store->u.memcpy_op.dst + store->len && store->u.memcpy_op.dst < addr + op->len;
}

/* Does an operation see what one before it has stored? */
static inline __attribute__((__always_inline__))
bool quick_sees_own(const struct cpu_op *op, const struct cpu_op *end)
{
	const struct cpu_op *later;

	for (; op < end; op++) {
		if (!quick_stores(op))
			continue;
		for (later = op + 1; later < end; later++)
			if (quick_overlap(op, later->u.memcpy_op.dst, later) ||
			    quick_overlap(op, later->u.memcpy_op.src, later))
				return true;
	}
	return false;
}

/* A macro for the registers' sake: a function's bool would be computed as one. */
#define QUICK_IS_THERE(addr)						\
	do {								\
		const uint64_t from = (addr) - q.stripes;		\
		if (from < q.bytes) {					\
			if ((from & (OPV_STRIPE - 1)) - sizeof(struct opv_slot) > q.last) \
				return -1;				\
		} else if ((addr) - q.frame >= OPV_FRAME_BYTES) {	\
			return -1;					\
		}							\
	} while (0)

/*
 * Is a vector quick?  How many of its operations store, or -1.  All of it is checked,
 * also behind a compare that stops it.
 */
static inline __attribute__((__always_inline__))
int quick_check(const struct opv_domain *d, const struct cpu_op *vec, int count, uint64_t frame)
{
	const struct cpu_op *op, *const end = vec + count;
	const struct quick q = {
		.stripes = (uintptr_t)d + OPV_STRIPE,
		.bytes = (uint64_t)d->nr_cpus << OPV_STRIPE_SHIFT,
		.last = d->heap->end - sizeof(struct opv_slot) - 8,
		.frame = frame,
	};
	uint32_t nr = 0;
	uint16_t faults;

	for (op = vec; op < end; op++) {
		memcpy(&faults, &op->u.memcpy_op.expect_fault_dst, sizeof(faults));
		if (!opv_step_is((uint32_t)op->op, op->len))
			return -1;
		if (faults)
			return -1;
		QUICK_IS_THERE(op->u.memcpy_op.dst);
		if (op->op < CPU_ADD_OP || op->op == CPU_MEMCPY_RELEASE_OP)
			QUICK_IS_THERE(op->u.memcpy_op.src);
		nr += quick_stores(op);
	}
	return nr > 0 && quick_sees_own(vec, end) ? -1 : (int)nr;
}

/* The width of the only store, or of any word. */
static inline uint32_t quick_width(const struct cpu_op *op, const struct cpu_op *end)
{
	while (op < end && !quick_stores(op))
		op++;
	return op < end ? op->len : 8;
}

#endif /* OPV_HAVE_SECTIONS */

#endif /* _OPV_QUICK_H */
