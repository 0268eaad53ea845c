/* SPDX-License-Identifier: MIT */
#ifndef _FUZZ_VECTOR_INPUT_H
#define _FUZZ_VECTOR_INPUT_H

/* Bytes into a call: mostly one that can be, and each way in which it cannot. */

#include <limits.h>

#include "vector_model.h"

struct bytes {
	const uint8_t *p, *end;
};

static uint8_t take(struct bytes *b)
{
	return b->p < b->end ? *b->p++ : 0;
}

static uint64_t take_word(struct bytes *b)
{
	uint64_t v = 0;
	int i, n = take(b) & 15;	/* few bytes more often than many */

	for (i = 0; i < n && i < 8; i++)
		v = v << 8 | take(b);
	return n & 1 ? -v : v;
}

/* Mostly one that the operation has. */
static uint32_t take_length(struct bytes *b, enum shape shape)
{
	static const uint32_t odd[] = {
		0, 3, 5, 7, 9, 16, 31, 64, 100, 120, 121, 4095, 4096, 4097, 16384, 1u << 31,
		UINT32_MAX, UINT32_MAX - 7,
	};
	uint8_t which = take(b);

	if (which < 192)
		return 1u << which % 4;
	if (which < 250 && (shape == S_COMPARE || shape == S_COPY))
		return odd[which % 13];
	return which < 250 ? 8 : odd[which % NR(odd)];
}

static uint64_t take_address(struct bytes *b, uint32_t len)
{
	const uint64_t bases[] = {
		(uintptr_t)ground + 2 * PAGE + 64,
		(uintptr_t)ground + 3 * PAGE,
		(uintptr_t)ground + 3 * PAGE + 64,
		(uintptr_t)ground + 3 * PAGE + 8,
		(uintptr_t)ground + 6 * PAGE + 64,
		(uintptr_t)ground + 7 * PAGE,
		(uintptr_t)ground + 7 * PAGE + 128,
		(uintptr_t)ground + 7 * PAGE + 1,
		(uintptr_t)ground + 2 * PAGE,
		(uintptr_t)ground + 6 * PAGE,
		(uintptr_t)cpu_data(0, 0),
		(uintptr_t)cpu_data(0, nr_cpus - 1),
		(uintptr_t)cpu_data(0, 0) + 256,
		(uintptr_t)cpu_data(0, nr_cpus - 1) + 256,
		(uintptr_t)ground + 4 * PAGE,
		(uintptr_t)ground + 5 * PAGE,
		(uintptr_t)ground + 8 * PAGE,
		(uintptr_t)ground + 9 * PAGE,
		(uintptr_t)ground + 10 * PAGE,
		(uintptr_t)cpu_data(0, 0) + DATA,
		(uintptr_t)cpu_data(0, 0) - SLOT,
		(uintptr_t)cpu_data(0, 0) - SLOT + 64,
		(uintptr_t)domain[0],
		(uintptr_t)domain[0] - OPV_STRIPE,
		(uintptr_t)domain[0] - OPV_WINDOW_TO_DOMAIN,
		(uintptr_t)cpu_data(1, 0),
		(uintptr_t)cpu_data(1, nr_cpus - 1) + DATA,
		0,
		UINT64_C(0x800000000000),
		UINT64_C(0xffff888000000000),
		UINT64_C(0x0123456789abcdef),
		-UINT64_C(8),
		-UINT64_C(4096),
		1,
		UINT32_MAX + UINT64_C(1),
	};
	uint8_t which = take(b), how = take(b);
	/* Those in front are there, mostly. */
	uint64_t base = bases[which < 192 ? which % 14 : which % NR(bases)];

	switch (how & 3) {
	case 0:
		return base;
	case 1:
		return base - (len < 8192 ? len : 8);	/* ends there */
	case 2:
		return base + (how >> 2);
	default:
		return base - (how >> 2);
	}
}

static struct cpu_op take_op(struct bytes *b)
{
	static const int odd[] = { -1, NR_CPU_OPS, INT_MAX, INT_MIN, 255 };
	uint8_t which = take(b), faults = take(b);
	struct cpu_op op = { .op = which < 251 ? which % NR_CPU_OPS : odd[which - 251] };

	op.len = take_length(b, shape_of(op.op));
	op.u.compare_op.a = take_address(b, op.len);
	op.u.compare_op.expect_fault_a = faults & 1;
	switch (shape_of(op.op)) {
	case S_COMPARE:
	case S_COPY:
		op.u.compare_op.b = faults & 4 ? op.u.compare_op.a : take_address(b, op.len);
		op.u.compare_op.expect_fault_b = faults & 2;
		break;
	case S_SHIFT:
		op.u.shift_op.bits = faults >= 250 ? (uint32_t)take_word(b) : take(b) % 8;
		op.u.shift_op.expect_fault_p = faults & 1;
		break;
	default:
		op.u.bitwise_op.mask = take_word(b);
	}
	return op;
}

static int take_count(struct bytes *b)
{
	static const int odd[] = { -1, 0, 15, 16, 17, INT_MAX, INT_MIN };
	uint8_t which = take(b);

	return which < 240 ? 1 + which % 5 : odd[which % NR(odd)];
}

static int take_cpu(struct bytes *b)
{
	const int odd[] = { -1, -2, -3, nr_cpus, nr_cpus + 1, 65535, 65536, INT_MAX, INT_MIN };
	uint8_t which = take(b);

	return which < 128 ? OPV_THIS_CPU : which < 232 ? which % nr_cpus : odd[which % NR(odd)];
}

/* A vector somewhere; where it is not there, the model knows. */
static void take_vector(struct bytes *b, struct call *c, int i)
{
	uint8_t *page = vec_pages[i], where = take(b);
	struct cpu_op *vec = (struct cpu_op *)page;
	int n, j;

	c->cpu[i] = take_cpu(b);
	c->count[i] = take_count(b);
	n = c->count[i] < 0 ? 0 : c->count[i] > OPS ? OPS : c->count[i];
	if (where >= 224)
		vec = (struct cpu_op *)(page + PAGE) - n;
	for (j = 0; j < n; j++)
		vec[j] = take_op(b);
	if (where >= 254)
		vec = (struct cpu_op *)(page + PAGE);
	else if (where >= 252)		/* one operation is there, a second one is not */
		vec = (struct cpu_op *)(page + PAGE) - 1;
	else if (where >= 250)
		vec = (struct cpu_op *)(uintptr_t)UINT64_C(0xffff888000000000);
	else if (where >= 248)
		vec = NULL;
	c->vec[i] = vec;
	c->vec_there[i] = where < 248 || ((where == 252 || where == 253) && n == 1);
}

#endif /* _FUZZ_VECTOR_INPUT_H */
