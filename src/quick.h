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

/* Compute: 0, i + 1, or OPV_PASS.  All of it is checked, also behind a compare that stops it. */
static inline __attribute__((__always_inline__))
int quick_compute(struct quick *q, const struct cpu_op *vec, int count)
{
	int i, stop = 0;

	for (i = 0; i < count; i++) {
		const struct cpu_op *op = &vec[i];
		uint64_t a = op->u.memcpy_op.dst, b = op->u.memcpy_op.src, x, y;
		const uint32_t len = op->len;
		const int type = op->op;

		if (!opv_is_width(len))
			return OPV_PASS;
		if (!quick_is_there(q, a, len))
			return OPV_PASS;
		switch (type) {
		case CPU_COMPARE_EQ_OP:
		case CPU_COMPARE_NE_OP:
		case CPU_MEMCPY_OP:
		case CPU_MEMCPY_RELEASE_OP:
			if (!quick_is_there(q, b, len))
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
	}
	return stop;
}

/*
 * The same for a prepared vector that is quick: fills reads and writes, says how
 * many, *end being behind the last read.
 */
static inline __attribute__((__always_inline__))
int quick_prepared(const struct opv_prepared *p, const struct opv_slot *slot, uint64_t *params,
		   struct opv_read *reads, struct opv_read **end, struct opv_write *writes,
		   uint32_t *nr_writes)
{
	/* By kind: what is added to an address, a handle, a parameter. */
	const uint64_t base[4] = {
		0,
		(uintptr_t)slot - opv_window_of(p->domain),
		(uintptr_t)params - (uintptr_t)OPV_PARAM(0),
		0,
	};
	uint32_t nr = 0;
	int i;

	for (i = 0; i < p->count; i++) {
		const struct opv_prepared_step *s = &p->steps[i];
		const uint32_t type = s->type, len = s->len;
		uint64_t a = s->a + base[s->a_kind];
		uint64_t b = s->b, x, y;

		if (s->b_kind != 3) {
			b += base[s->b_kind];
			if (s->b_from != 255) {
				b = writes[s->b_from].value;
			} else {
				y = quick_load(b, len);
				*reads = (struct opv_read){ b, y, len };
				reads += s->b_kind != 2;	/* parameters are the caller's own */
				b = y;
			}
		}
		if (type != CPU_MEMCPY_OP && type != CPU_MEMCPY_RELEASE_OP) {
			if (s->a_from != 255) {
				x = writes[s->a_from].value;
			} else {
				x = quick_load(a, len);
				*reads = (struct opv_read){ a, x, len };
				reads += s->a_kind != 2;
			}
			if (type <= CPU_COMPARE_NE_OP) {
				if ((x == b) == (type == CPU_COMPARE_EQ_OP))
					continue;
				*nr_writes = nr;
				*end = reads;
				return i + 1;
			}
			b = type == CPU_OR_OP ? x | b : type == CPU_AND_OP ? x & b :
			    type == CPU_XOR_OP ? x ^ b : x + b;
			b &= ~UINT64_C(0) >> (64 - 8 * len);
		}
		writes[s->store] = (struct opv_write){ a, b, len };
		nr += s->store == nr;
	}
	*nr_writes = nr;
	*end = reads;
	return 0;
}

#endif /* OPV_HAVE_SECTIONS */

#endif /* _OPV_QUICK_H */
