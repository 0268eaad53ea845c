/* SPDX-License-Identifier: GPL-2.0 OR MIT */
#ifndef _OPV_CORE_CHECK_H
#define _OPV_CORE_CHECK_H

/*
 * Is this a vector?  Everything that can be told without touching an operand,
 * so that nothing is begun that would be refused half-way.
 *
 * Whoever includes this has included core/port/<where>.h before.
 */

#include <opv/uapi/cpu_opv.h>
#include <opv/uapi/ops.h>

#define X(name, number, shape, text, effect) \
	_Static_assert(CPU_##name##_OP == (number), #name);
OPV_OPS(X)
#undef X
#define X(...) +1
_Static_assert(NR_CPU_OPS == 0 OPV_OPS(X), "an operation is missing in a list");
#undef X
_Static_assert(sizeof(struct cpu_op) == 32, "ABI");
_Static_assert(offsetof(struct cpu_op, u.compare_op.b) == 16, "ABI");
_Static_assert(offsetof(struct cpu_op, u.shift_op.expect_fault_p) == 20, "ABI");
_Static_assert(offsetof(struct cpu_op, u.arithmetic_op.expect_fault_p) == 24, "ABI");
_Static_assert(offsetof(struct cpu_op, u.compare_op.expect_fault_b) == 25, "ABI");

enum opv_shape {
	OPV_SHAPE_NONE,
	OPV_SHAPE_COMPARE,
	OPV_SHAPE_COPY,
	OPV_SHAPE_ARITH,
	OPV_SHAPE_BITWISE,
	OPV_SHAPE_SHIFT,
};

/* The shape of an operation, or -EINVAL. */
static inline int opv_shape(int op)
{
	switch (op) {
#define X(name, number, shape, text, effect) \
	case number:						\
		return OPV_SHAPE_##shape;
	OPV_OPS(X)
#undef X
	}
	return -EINVAL;
}

/* One address that an operation names; see opv_operands(). */
struct opv_operand {
	uint64_t addr;
	uint32_t len;
	int write;
	int expect_fault;
};

/* The operands of a valid operation, in the order in which faults count. */
static inline int opv_operands(const struct cpu_op *op, struct opv_operand out[2])
{
	switch (opv_shape(op->op)) {
	case OPV_SHAPE_COMPARE:
		out[0] = (struct opv_operand){ op->u.compare_op.a, op->len, 0,
					       op->u.compare_op.expect_fault_a };
		out[1] = (struct opv_operand){ op->u.compare_op.b, op->len, 0,
					       op->u.compare_op.expect_fault_b };
		return 2;
	case OPV_SHAPE_COPY:
		out[0] = (struct opv_operand){ op->u.memcpy_op.dst, op->len, 1,
					       op->u.memcpy_op.expect_fault_dst };
		out[1] = (struct opv_operand){ op->u.memcpy_op.src, op->len, 0,
					       op->u.memcpy_op.expect_fault_src };
		return 2;
	case OPV_SHAPE_ARITH:
		out[0] = (struct opv_operand){ op->u.arithmetic_op.p, op->len, 1,
					       op->u.arithmetic_op.expect_fault_p };
		return 1;
	case OPV_SHAPE_BITWISE:
		out[0] = (struct opv_operand){ op->u.bitwise_op.p, op->len, 1,
					       op->u.bitwise_op.expect_fault_p };
		return 1;
	case OPV_SHAPE_SHIFT:
		out[0] = (struct opv_operand){ op->u.shift_op.p, op->len, 1,
					       op->u.shift_op.expect_fault_p };
		return 1;
	}
	return 0;
}

static inline int opv_is_width(uint32_t len)
{
	return len == 1 || len == 2 || len == 4 || len == 8;
}

/* 0, or -EINVAL for the first operation, or the sum, that is not valid. */
static inline int opv_check(const struct cpu_op *vec, int count)
{
	uint32_t sum = 0;
	int i;

	if (count < 0 || count > CPU_OP_VEC_LEN_MAX)
		return -EINVAL;
	for (i = 0; i < count; i++) {
		const struct cpu_op *op = &vec[i];

		switch (opv_shape(op->op)) {
		case OPV_SHAPE_NONE:
			continue;
		case OPV_SHAPE_COMPARE:
		case OPV_SHAPE_COPY:
			if (op->len > CPU_OP_COPY_LEN_MAX)
				return -EINVAL;
			break;
		case OPV_SHAPE_ARITH:
		case OPV_SHAPE_BITWISE:
			if (!opv_is_width(op->len))
				return -EINVAL;
			break;
		case OPV_SHAPE_SHIFT:
			if (!opv_is_width(op->len) || op->u.shift_op.bits >= 8 * op->len)
				return -EINVAL;
			break;
		default:
			return -EINVAL;
		}
		sum += op->len;	/* at most 16 * 4096 */
	}
	return sum > CPU_OP_DATA_LEN_MAX ? -EINVAL : 0;
}

#endif /* _OPV_CORE_CHECK_H */
