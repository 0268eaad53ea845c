/* SPDX-License-Identifier: MIT */
#ifndef _OPV_QUICK_H
#define _OPV_QUICK_H

/*
 * The common case of the local engine, all in one piece: words, in the data of the
 * domain or in the caller's frame, for this CPU, with the key open.  Whatever is
 * not that answers OPV_PASS before it has done anything, and the general road checks
 * and does all over.
 */

#include "arch/arch.h"
#include "core.h"
#include "count.h"
#include "domain.h"
#include "log.h"
#include "thread.h"

#if OPV_HAVE_SECTIONS

/*
 * The arrays are apart, for what lies beside an array that a section reads is kept
 * in memory too.
 */
struct quick {
	uint64_t stripes;	/* address of CPU 0's stripe */
	uint64_t bytes;		/* of all CPUs' stripes */
	uint64_t end;		/* of the data in a stripe */
	uint64_t frame;		/* the caller's, if operands may be there */

	/* of a prepared vector: where handles and parameters lead to */
	uint64_t window, instance, params;

	uint64_t nr_writes, nr_reads;
	struct opv_write *writes;
	struct opv_read *reads;
};

#define OPV_FRAME_BYTES 2048

static inline bool quick_is_there(const struct quick *q, uint64_t addr, uint32_t len)
{
	uint64_t from = addr - q->stripes, offset = from & (OPV_STRIPE - 1);

	if (from < q->bytes)
		return offset >= sizeof(struct opv_slot) && offset + len <= q->end;
	return addr - q->frame < OPV_FRAME_BYTES;
}

static inline uint64_t quick_load(uint64_t addr, uint32_t len)
{
	const void *p = (const void *)(uintptr_t)addr;

	switch (len) {
	case 1:
		return OPV_PORT_LOAD(uint8_t, p);
	case 2:
		return OPV_PORT_LOAD(uint16_t, p);
	case 4:
		return OPV_PORT_LOAD(uint32_t, p);
	default:
		return OPV_PORT_LOAD(uint64_t, p);
	}
}

/* false: an overlap that is not the same word. */
static inline bool quick_read(struct quick *q, uint64_t addr, uint32_t len, uint64_t *value)
{
	uint64_t i;

	for (i = 0; i < q->nr_writes; i++) {
		const struct opv_write *w = &q->writes[i];

		if (w->dst == addr && w->len == len) {
			*value = w->value;
			return true;
		}
		if (addr < w->dst + w->len && w->dst < addr + len)
			return false;
	}
	*value = quick_load(addr, len);
	q->reads[q->nr_reads++] = (struct opv_read){ addr, *value, len };
	return true;
}

static inline bool quick_write(struct quick *q, uint64_t addr, uint32_t len, uint64_t value)
{
	uint64_t i;

	value &= ~UINT64_C(0) >> (64 - 8 * len);
	for (i = 0; i < q->nr_writes; i++) {
		struct opv_write *w = &q->writes[i];

		if (w->dst == addr && w->len == len) {
			w->value = value;
			return true;
		}
		if (addr < w->dst + w->len && w->dst < addr + len)
			return false;
	}
	q->writes[q->nr_writes++] = (struct opv_write){ addr, value, len };
	return true;
}

/* An operand of a prepared vector. */
static inline uint64_t quick_resolve(const struct quick *q, uint64_t addr)
{
	if (addr - q->window < OPV_STRIPE)
		return addr - q->window + q->instance;
	if (addr >= (uintptr_t)OPV_PARAM(0))
		return addr - (uintptr_t)OPV_PARAM(0) + q->params;
	return addr;
}

/*
 * Compute: 0, i + 1, or OPV_PASS.  prepared: the vector was checked, its operands
 * are to be resolved; otherwise all of it is checked here, also behind a compare
 * that stops it.
 */
static inline __attribute__((__always_inline__))
int quick_compute(struct quick *q, const struct cpu_op *vec, int count, bool prepared,
		  int operand_params)
{
	int i, stop = 0;

	for (i = 0; i < count; i++) {
		const struct cpu_op *op = &vec[i];
		uint64_t a = op->u.memcpy_op.dst, b = op->u.memcpy_op.src, x, y;
		const uint32_t len = op->len;
		const int type = op->op;

		if (!opv_is_width(len))
			return OPV_PASS;
		if (prepared)
			a = quick_resolve(q, a);
		else if (!quick_is_there(q, a, len))
			return OPV_PASS;
		switch (type) {
		case CPU_COMPARE_EQ_OP:
		case CPU_COMPARE_NE_OP:
		case CPU_MEMCPY_OP:
		case CPU_MEMCPY_RELEASE_OP:
			if (prepared)
				b = quick_resolve(q, b);
			else if (!quick_is_there(q, b, len))
				return OPV_PASS;
			if (op->u.memcpy_op.expect_fault_dst || op->u.memcpy_op.expect_fault_src)
				return OPV_PASS;
			if (stop)
				break;
			if (!quick_read(q, b, len, &y))
				return OPV_PASS;
			if (type == CPU_MEMCPY_OP || type == CPU_MEMCPY_RELEASE_OP) {
				if (!quick_write(q, a, len, y))
					return OPV_PASS;
				break;
			}
			if (!quick_read(q, a, len, &x))
				return OPV_PASS;
			if ((x == y) != (type == CPU_COMPARE_EQ_OP))
				stop = i + 1;
			break;
		case CPU_ADD_OP:
		case CPU_ADD_RELEASE_OP:
		case CPU_OR_OP:
		case CPU_AND_OP:
		case CPU_XOR_OP:
			if (op->u.arithmetic_op.expect_fault_p)
				return OPV_PASS;
			if (stop)
				break;
			if (prepared && (operand_params >> i & 1))
				b = *(const uint64_t *)(uintptr_t)(q->params + 8 * b);
			if (!quick_read(q, a, len, &x))
				return OPV_PASS;
			x = type == CPU_OR_OP ? x | b : type == CPU_AND_OP ? x & b :
			    type == CPU_XOR_OP ? x ^ b : x + b;
			if (!quick_write(q, a, len, x))
				return OPV_PASS;
			break;
		default:
			return OPV_PASS;
		}
		if (prepared && stop)
			break;
	}
	return stop;
}

#endif /* OPV_HAVE_SECTIONS */

#endif /* _OPV_QUICK_H */
