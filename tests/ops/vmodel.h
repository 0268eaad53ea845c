/* SPDX-License-Identifier: MIT */
#ifndef _TESTS_OPS_VMODEL_H
#define _TESTS_OPS_VMODEL_H

/*
 * What a vector does, once more and from the text of <opv/uapi/cpu_opv.h> alone.
 * Operands are places in an arena, so that the same vector can be run in the real
 * one by the library and in a copy by the model.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <opv/vector.h>

struct vop {
	int op;
	uint32_t len;
	size_t a, b;		/* places: a or dst or p, b or src */
	uint64_t n;		/* count, mask or bits */
};

enum vshape { VSHAPE_COMPARE, VSHAPE_COPY, VSHAPE_ARITH, VSHAPE_BITWISE, VSHAPE_SHIFT, VSHAPE_NONE };

static const struct vop_info {
	const char *name;
	enum vshape shape;
} vop_infos[] = {
#define X(NAME, number, shape, text, effect) [number] = { #text, VSHAPE_##shape },
	OPV_OPS(X)
#undef X
};

static inline bool vop_is_pair(int op)
{
	return vop_infos[op].shape == VSHAPE_COMPARE || vop_infos[op].shape == VSHAPE_COPY;
}

/* Through the builder of its name, so that those are tried too. */
static struct cpu_op vop_build(const struct vop *v, char *arena)
{
	switch (v->op) {
#define BUILD_COMPARE(text)	opv_op_##text(arena + v->a, arena + v->b, v->len)
#define BUILD_COPY(text)	opv_op_##text(arena + v->a, arena + v->b, v->len)
#define BUILD_ARITH(text)	opv_op_##text(arena + v->a, (int64_t)v->n, v->len)
#define BUILD_BITWISE(text)	opv_op_##text(arena + v->a, v->n, v->len)
#define BUILD_SHIFT(text)	opv_op_##text(arena + v->a, (uint32_t)v->n, v->len)
#define BUILD_NONE(text)	opv_op_##text()
#define X(NAME, number, shape, text, effect) case number: return BUILD_##shape(text);
	OPV_OPS(X)
#undef X
	default:
		abort();
	}
}

static bool vop_is_valid(const struct vop *v)
{
	bool word = v->len == 1 || v->len == 2 || v->len == 4 || v->len == 8;

	if (v->op < 0 || v->op >= NR_CPU_OPS)
		return false;
	switch (vop_infos[v->op].shape) {
	case VSHAPE_NONE:
		return true;
	case VSHAPE_COMPARE:
	case VSHAPE_COPY:
		return v->len <= 4096;
	case VSHAPE_SHIFT:
		return word && v->n < 8 * v->len;
	default:
		return word;
	}
}

static uint64_t vop_value(int op, uint64_t v, uint64_t n, int bits)
{
	uint64_t sign = UINT64_C(1) << (bits - 1), mask = sign | (sign - 1);

	n &= mask;
	switch (op) {
	case CPU_ADD_OP:
	case CPU_ADD_RELEASE_OP:
		return v + n;
	case CPU_OR_OP:
		return v | n;
	case CPU_AND_OP:
		return v & n;
	case CPU_XOR_OP:
		return v ^ n;
	case CPU_LSHIFT_OP:
		return v << n;
	case CPU_RSHIFT_OP:
		return v >> n;
	case CPU_MIN_OP:
		return v <= n ? v : n;
	case CPU_MAX_OP:
		return v >= n ? v : n;
	/* With the sign turned round, signed order is unsigned order. */
	case CPU_SMIN_OP:
		return (v ^ sign) <= (n ^ sign) ? v : n;
	case CPU_SMAX_OP:
		return (v ^ sign) >= (n ^ sign) ? v : n;
	default:
		abort();	/* an operation that this model does not know */
	}
}

static bool vop_stops(const struct vop *v, const char *arena)
{
	bool equal = !memcmp(arena + v->a, arena + v->b, v->len);

	return v->op == CPU_COMPARE_EQ_OP ? !equal : equal;
}

static void vop_rmw(const struct vop *v, char *arena)
{
	uint64_t value = 0;

	memcpy(&value, arena + v->a, v->len);
	value = vop_value(v->op, value, v->n, 8 * (int)v->len);
	memcpy(arena + v->a, &value, v->len);
}

/* The result, the arena being changed as the vector would. */
__attribute__((__unused__))
static int vmodel(const struct vop *v, int count, char *arena)
{
	uint32_t sum = 0;
	int i;

	if (count < 0 || count > 16)
		return -EINVAL;
	for (i = 0; i < count; i++) {
		if (!vop_is_valid(&v[i]))
			return -EINVAL;
		if (vop_infos[v[i].op].shape != VSHAPE_NONE)
			sum += v[i].len;
	}
	if (sum > 4096 + 15 * 8)
		return -EINVAL;
	for (i = 0; i < count; i++) {
		switch (vop_infos[v[i].op].shape) {
		case VSHAPE_COMPARE:
			if (vop_stops(&v[i], arena))
				return i + 1;
			break;
		case VSHAPE_COPY:
			memmove(arena + v[i].a, arena + v[i].b, v[i].len);
			break;
		case VSHAPE_NONE:
			break;
		default:
			vop_rmw(&v[i], arena);
		}
	}
	return 0;
}

#endif /* _TESTS_OPS_VMODEL_H */
