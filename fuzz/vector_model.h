/* SPDX-License-Identifier: MIT */
#ifndef _FUZZ_VECTOR_MODEL_H
#define _FUZZ_VECTOR_MODEL_H

/* A call, and what it should do, from the ABI alone. */

#include <errno.h>

#include "vector_ground.h"

struct call {
	int entry;		/* opv_vector(), its default domain, cpu_opv(), opv_vectors() */
	int cpu[2], count[2], flags;
	const struct cpu_op *vec[2];
	bool vec_there[2];
	int ret, result[2];
};
enum { VECTOR, VECTOR_DEFAULT, CPU_OPV, VECTORS, NR_ENTRIES };

/* Where the model keeps an operand; NULL where it faults.  owner: see domain[]. */
static uint8_t *model_at(uint64_t addr, uint32_t len, bool write, int owner)
{
	uint64_t from = addr - (uintptr_t)ground, page;
	int d;

	if (from < sizeof(shadow)) {
		if (from + len > sizeof(shadow))
			return NULL;
		for (page = from / PAGE; page <= (from + len - 1) / PAGE; page++)
			if (!(pages[page] & (write ? PROT_WRITE : PROT_READ)))
				return NULL;
		return shadow + from;
	}
	for (d = 0; d < 2; d++) {
		uint64_t cpu, offset;

		from = addr - (uintptr_t)cpu_data(d, 0) + SLOT;
		cpu = from / OPV_STRIPE;
		offset = from % OPV_STRIPE;
		if (cpu < (uint64_t)nr_cpus && offset >= SLOT && offset + len <= SLOT + DATA)
			return write && d != owner ? NULL : cpu_shadow[d][cpu] + (offset - SLOT);
	}
	return NULL;
}

enum shape { NO_SHAPE, S_NONE, S_COMPARE, S_COPY, S_ARITH, S_BITWISE, S_SHIFT };

static enum shape shape_of(int op)
{
	switch (op) {
#define X(name, number, shape, text, effect) case number: return S_##shape;
	OPV_OPS(X)
#undef X
	}
	return NO_SHAPE;
}

static bool is_width(uint32_t len)
{
	return len && len <= 8 && !(len & (len - 1));
}

static bool model_valid(const struct cpu_op *vec, int count)
{
	uint64_t sum = 0;
	int i;

	for (i = 0; i < count; i++) {
		enum shape shape = shape_of(vec[i].op);

		if (shape == NO_SHAPE)
			return false;
		if (shape == S_NONE)
			continue;
		if (shape == S_COMPARE || shape == S_COPY ? vec[i].len > 4096
							  : !is_width(vec[i].len))
			return false;
		if (shape == S_SHIFT && vec[i].u.shift_op.bits >= 8 * vec[i].len)
			return false;
		sum += vec[i].len;
	}
	return sum <= 4216;
}

/* 0, or what the first operand that faults answers. */
static int model_fault(const struct cpu_op *vec, int count, int owner)
{
	int i;

	for (i = 0; i < count; i++) {
		const struct cpu_op *op = &vec[i];
		enum shape shape = shape_of(op->op);
		bool second = shape == S_COMPARE || shape == S_COPY;
		bool expected = shape == S_SHIFT ? op->u.shift_op.expect_fault_p :
						   op->u.compare_op.expect_fault_a;

		if (shape == S_NONE || !op->len)
			continue;
		if (!model_at(op->u.compare_op.a, op->len, shape != S_COMPARE, owner))
			return expected ? -EAGAIN : -EFAULT;
		if (second && !model_at(op->u.compare_op.b, op->len, false, owner))
			return op->u.compare_op.expect_fault_b ? -EAGAIN : -EFAULT;
	}
	return 0;
}

static int64_t extend(uint64_t v, uint32_t len)
{
	return (int64_t)(v << (64 - 8 * len)) >> (64 - 8 * len);
}

static uint64_t model_word(const struct cpu_op *op, uint64_t v)
{
	uint64_t n = op->u.bitwise_op.mask, mask = ~UINT64_C(0) >> (64 - 8 * op->len);

	switch (op->op) {
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
		return v << op->u.shift_op.bits;
	case CPU_RSHIFT_OP:
		return v >> op->u.shift_op.bits;
	case CPU_MIN_OP:
		return (n & mask) < v ? n : v;
	case CPU_MAX_OP:
		return (n & mask) > v ? n : v;
	case CPU_SMIN_OP:
		return extend(n, op->len) < extend(v, op->len) ? n : v;
	default:
		return extend(n, op->len) > extend(v, op->len) ? n : v;
	}
}

static int model_run(const struct cpu_op *vec, int count, int owner)
{
	int i;

	for (i = 0; i < count; i++) {
		const struct cpu_op *op = &vec[i];
		enum shape shape = shape_of(op->op);
		uint8_t *a, *b;
		uint64_t v = 0;
		bool equal;

		if (shape == S_NONE)
			continue;
		a = op->len ? model_at(op->u.compare_op.a, op->len, shape != S_COMPARE, owner)
			    : NULL;
		b = op->len && (shape == S_COMPARE || shape == S_COPY) ?
			    model_at(op->u.compare_op.b, op->len, false, owner) : NULL;
		if (shape == S_COMPARE) {
			equal = !op->len || !memcmp(a, b, op->len);
			if (equal != (op->op == CPU_COMPARE_EQ_OP))
				return i + 1;
		} else if (shape == S_COPY) {
			if (op->len)
				memmove(a, b, op->len);
		} else {
			memcpy(&v, a, op->len);
			v = model_word(op, v);
			memcpy(a, &v, op->len);
		}
	}
	return 0;
}

static int model_check(const struct call *c, int i, int owner)
{
	int count = c->count[i];

	if (count < 0 || count > 16)
		return -EINVAL;
	if (count && !c->vec_there[i])
		return -EFAULT;
	if (!model_valid(c->vec[i], count))
		return -EINVAL;
	return model_fault(c->vec[i], count, owner);
}

static int model_one(const struct call *c)
{
	int owner = c->entry == VECTOR ? 0 : 2, cpu = c->cpu[0], ret;

	if (c->entry == CPU_OPV) {
		if (c->flags & ~3)
			return -EINVAL;
		if (c->flags)
			return c->flags & 1 ? NR_CPU_OPS : 16;
	}
	if (cpu < 0 && (c->entry == CPU_OPV || cpu != OPV_THIS_CPU))
		return -EINVAL;
	ret = model_check(c, 0, owner);
	if (ret)
		return ret;
	if (cpu >= nr_cpus || (c->entry == CPU_OPV && !CPU_ISSET((size_t)cpu, &allowed)))
		return -EINVAL;
	return model_run(c->vec[0], c->count[0], owner);
}

/* The results of the model, its memory being changed, where memory is to change. */
static void model(struct call *want)
{
	int i;

	if (want->entry != VECTORS) {
		want->ret = model_one(want);
		return;
	}
	for (i = 0; i < 2; i++) {
		want->ret = want->cpu[i] < 0 ? -EINVAL : model_check(want, i, 0);
		if (!want->ret && want->cpu[i] >= nr_cpus)
			want->ret = -EINVAL;
		if (want->ret) {
			want->result[i] = want->ret;
			return;
		}
	}
	for (i = 0; i < 2; i++)
		want->result[i] = model_run(want->vec[i], want->count[i], 0);
}

#endif /* _FUZZ_VECTOR_MODEL_H */
