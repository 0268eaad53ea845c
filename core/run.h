/* SPDX-License-Identifier: GPL-2.0 OR MIT */
#ifndef _OPV_CORE_RUN_H
#define _OPV_CORE_RUN_H

/*
 * The interpreter: runs a vector that opv_check() passed, in place, with nobody
 * else acting as that CPU.  Answers 0, or i + 1 when compare i stopped it.
 *
 * Whoever includes this has included core/port/<where>.h before.
 */

#include "check.h"

/* In the order of signed numbers of len bytes; what is above those is dropped. */
static inline int64_t opv_signed(uint64_t v, uint32_t len)
{
	return (int64_t)(v << (64 - 8 * len));
}

/* What v becomes: both are numbers of len bytes, and so is what counts of the answer. */
static inline uint64_t opv_run_effect(int op, uint64_t v, uint64_t n, uint32_t len)
{
	const int equal = 0;

	(void)equal;
	switch (op) {
#define X(name, number, shape, text, effect)				\
	case number:							\
		return effect;
	OPV_OPS(X)
#undef X
	}
	return v;
}

static inline void opv_run_rmw(const struct cpu_op *op, uint64_t addr, uint64_t n)
{
	void *p = (void *)(uintptr_t)addr;
	uint64_t v;

	switch (op->len) {
	case 1:
		v = opv_run_effect(op->op, OPV_PORT_LOAD(uint8_t, p), (uint8_t)n, 1);
		OPV_PORT_STORE(uint8_t, p, (uint8_t)v);
		break;
	case 2:
		v = opv_run_effect(op->op, OPV_PORT_LOAD(uint16_t, p), (uint16_t)n, 2);
		OPV_PORT_STORE(uint16_t, p, (uint16_t)v);
		break;
	case 4:
		v = opv_run_effect(op->op, OPV_PORT_LOAD(uint32_t, p), (uint32_t)n, 4);
		OPV_PORT_STORE(uint32_t, p, (uint32_t)v);
		break;
	case 8:
		v = opv_run_effect(op->op, OPV_PORT_LOAD(uint64_t, p), n, 8);
		OPV_PORT_STORE(uint64_t, p, v);
		break;
	}
}

/* Both addresses aligned to a width: then each side is one access. */
static inline int opv_run_is_word(const void *a, const void *b, uint32_t len)
{
	return opv_is_width(len) && !(((uintptr_t)a | (uintptr_t)b) & (len - 1));
}

static inline int opv_is_release(int op)
{
	return op == CPU_ADD_RELEASE_OP || op == CPU_MEMCPY_RELEASE_OP;
}

static inline int opv_run_equal(uint64_t addr_a, uint64_t addr_b, uint32_t len)
{
	const void *a = (const void *)(uintptr_t)addr_a;
	const void *b = (const void *)(uintptr_t)addr_b;

	if (!opv_run_is_word(a, b, len))	/* of length 0 either may be NULL */
		return !len || !opv_port_memcmp(a, b, len);
	switch (len) {
	case 1:
		return OPV_PORT_LOAD(uint8_t, a) == OPV_PORT_LOAD(uint8_t, b);
	case 2:
		return OPV_PORT_LOAD(uint16_t, a) == OPV_PORT_LOAD(uint16_t, b);
	case 4:
		return OPV_PORT_LOAD(uint32_t, a) == OPV_PORT_LOAD(uint32_t, b);
	default:
		return OPV_PORT_LOAD(uint64_t, a) == OPV_PORT_LOAD(uint64_t, b);
	}
}

static inline void opv_run_copy(uint64_t addr_dst, uint64_t addr_src, uint32_t len)
{
	void *dst = (void *)(uintptr_t)addr_dst;
	const void *src = (const void *)(uintptr_t)addr_src;

	if (!opv_run_is_word(dst, src, len)) {
		if (len)
			opv_port_memmove(dst, src, len);
		return;
	}
	switch (len) {
	case 1:
		OPV_PORT_STORE(uint8_t, dst, OPV_PORT_LOAD(uint8_t, src));
		break;
	case 2:
		OPV_PORT_STORE(uint16_t, dst, OPV_PORT_LOAD(uint16_t, src));
		break;
	case 4:
		OPV_PORT_STORE(uint32_t, dst, OPV_PORT_LOAD(uint32_t, src));
		break;
	default:
		OPV_PORT_STORE(uint64_t, dst, OPV_PORT_LOAD(uint64_t, src));
	}
}

/*
 * One operation, its operands at x and y in the order of opv_operands(), wherever
 * that may be.  0: on to the next; 1: the compare stops the vector.
 */
static inline int opv_run_one(const struct cpu_op *op, void *x, const void *y)
{
	const uint64_t at = (uintptr_t)x;

	if (opv_is_release(op->op))
		opv_port_release();
	switch (opv_shape(op->op)) {
	case OPV_SHAPE_COMPARE:
		return opv_run_equal(at, (uintptr_t)y, op->len) != (op->op == CPU_COMPARE_EQ_OP);
	case OPV_SHAPE_COPY:
		opv_run_copy(at, (uintptr_t)y, op->len);
		break;
	case OPV_SHAPE_ARITH:
		opv_run_rmw(op, at, (uint64_t)op->u.arithmetic_op.count);
		break;
	case OPV_SHAPE_BITWISE:
		opv_run_rmw(op, at, op->u.bitwise_op.mask);
		break;
	case OPV_SHAPE_SHIFT:
		opv_run_rmw(op, at, op->u.shift_op.bits);
		break;
	case OPV_SHAPE_NONE:
		opv_port_mb();
		break;
	}
	return 0;
}

static inline int opv_run(const struct cpu_op *vec, int count)
{
	int i;

	for (i = 0; i < count; i++) {
		struct opv_operand at[2] = { { 0 } };

		opv_operands(&vec[i], at);
		if (opv_run_one(&vec[i], (void *)(uintptr_t)at[0].addr,
				(const void *)(uintptr_t)at[1].addr))
			return i + 1;
	}
	return 0;
}

#endif /* _OPV_CORE_RUN_H */
