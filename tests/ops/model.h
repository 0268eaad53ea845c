/* SPDX-License-Identifier: MIT */
#ifndef _TESTS_OPS_MODEL_H
#define _TESTS_OPS_MODEL_H

/*
 * What a call does, once more and from <opv/call.h>'s text alone: bytes in, bytes
 * out, no macro in common with the library.  An operation that the list of calls
 * has and this file has not does not compile.
 */

#include <stdint.h>
#include <string.h>

enum model_op {
	MODEL_add, MODEL_or, MODEL_and, MODEL_xor,
	MODEL_min, MODEL_max, MODEL_smin, MODEL_smax,
	MODEL_fetch_add, MODEL_xchg, MODEL_cmpxchg,
	MODEL_push, MODEL_cmpne_load_off, MODEL_cmpeq_store, MODEL_cmpeq_cmpeq_store,
	MODEL_cmpeq_store_store, MODEL_cmpeq_copy_store,
};

/* Operands of any call; a call looks at its own. */
struct model_in {
	uint64_t n, expect;	/* expect is expectnot too */
	uint64_t n2, expect2;
	int64_t off;
	const void *src;
	size_t len;
	char *node;		/* pushed */
};

static uint64_t model_load(const void *p, unsigned int bytes)
{
	uint64_t v = 0;

	memcpy(&v, p, bytes);	/* little-endian, as all machines with sections are */
	return v;
}

static int64_t model_signed(uint64_t v, unsigned int bytes)
{
	uint64_t sign = UINT64_C(1) << (8 * bytes - 1);

	v &= sign | (sign - 1);
	return (int64_t)((v ^ sign) - sign);
}

static uint64_t model_rmw(enum model_op op, uint64_t v, uint64_t n, unsigned int bytes)
{
	switch (op) {
	case MODEL_add:
	case MODEL_fetch_add:
		return v + n;
	case MODEL_or:
		return v | n;
	case MODEL_and:
		return v & n;
	case MODEL_xor:
		return v ^ n;
	case MODEL_min:
		return n < v ? n : v;
	case MODEL_max:
		return n > v ? n : v;
	case MODEL_smin:
		return model_signed(n, bytes) < model_signed(v, bytes) ? n : v;
	case MODEL_smax:
		return model_signed(n, bytes) > model_signed(v, bytes) ? n : v;
	default:
		return n;	/* exchange */
	}
}

/* p, p2 (or dst) and old are changed as the call would; the answer is its result. */
static int model_call(enum model_op op, unsigned int bytes, void *p, void *p2, void *old,
		      const struct model_in *in)
{
	uint64_t mask = bytes == 8 ? UINT64_MAX : (UINT64_C(1) << 8 * bytes) - 1;
	uint64_t v = model_load(p, bytes), n = in->n & mask, expect = in->expect & mask;

	switch (op) {
	case MODEL_cmpxchg:
		memcpy(old, &v, bytes);
		if (v != expect)
			return 1;
		break;
	case MODEL_fetch_add:
	case MODEL_xchg:
		memcpy(old, &v, bytes);
		n = model_rmw(op, v, n, bytes);
		break;
	case MODEL_push:
		n = (uintptr_t)in->node;
		memcpy(in->node + in->off, &v, bytes);
		break;
	case MODEL_cmpne_load_off:
		if (v == expect)
			return 1;
		memcpy(old, &v, bytes);
		n = model_load((const char *)(uintptr_t)v + in->off, bytes);
		break;
	case MODEL_cmpeq_store:
	case MODEL_cmpeq_cmpeq_store:
	case MODEL_cmpeq_store_store:
	case MODEL_cmpeq_copy_store:
		if (v != expect)
			return 1;
		if (op == MODEL_cmpeq_cmpeq_store && model_load(p2, bytes) != in->expect2)
			return 2;
		if (op == MODEL_cmpeq_store_store)
			memcpy(p2, &in->n2, bytes);
		if (op == MODEL_cmpeq_copy_store)
			memcpy(p2, in->src, in->len);
		break;
	default:
		n = model_rmw(op, v, n, bytes);
	}
	memcpy(p, &n, bytes);
	return 0;
}

#endif /* _TESTS_OPS_MODEL_H */
