/* SPDX-License-Identifier: MIT */
#ifndef _TESTS_LOCAL_PLACES_H
#define _TESTS_LOCAL_PLACES_H

/*
 * Vectors over places, so that one text runs in a domain, through a handle, in any
 * memory, and in the model.  Places below DATA are in the variable that CPUs share,
 * those from DATA on in what is the caller's own: his frame, or parameters.
 */

#include "../ops/ops.h"
#include "../ops/vmodel.h"

#define DATA	512
#define OWN	64

struct state {
	_Alignas(64) char data[DATA];
	char own[OWN];
};

/* The words and ranges of DATA. */
#define X	0
#define COUNT	8
#define B	16
#define C	24
#define BULK	64
#define SRC	192
#define SNAP	320
#define OWN0	(DATA + 0)	/* what X has */
#define OWN1	(DATA + 8)	/* what it will have */
#define OWN2	(DATA + 16)	/* what was fetched */

#define SPECULATIVE	(1 << 20)	/* with len: expect_fault of all operands */

static void place(uint64_t *addr, void *data, void *own)
{
	*addr += *addr < DATA ? (uintptr_t)data : (uintptr_t)own - DATA;
}

static void build(struct cpu_op *vec, const struct vop *v, int count, void *data, void *own)
{
	int i;

	for (i = 0; i < count; i++) {
		struct vop plain = v[i];

		plain.len &= ~(uint32_t)SPECULATIVE;
		vec[i] = vop_build(&plain, NULL);
		if (vop_infos[v[i].op].shape == VSHAPE_NONE)
			continue;
		place(&vec[i].u.compare_op.a, data, own);
		if (vop_is_pair(v[i].op))
			place(&vec[i].u.compare_op.b, data, own);
		if (v[i].len & SPECULATIVE)
			vec[i] = opv_op_expect_fault(vec[i]);
	}
}

static int model(const struct vop *v, int count, struct state *s)
{
	struct vop plain[17];
	int i;

	for (i = 0; i < count; i++) {
		plain[i] = v[i];
		plain[i].len &= ~(uint32_t)SPECULATIVE;
	}
	return vmodel(plain, count, s->data);
}

/* A state in which X is what OWN0 says, and everything else differs. */
__attribute__((__unused__))
static void first_state(struct state *s)
{
	uint64_t seed = 1;

	rnd_fill(&seed, s, sizeof(*s));
	memcpy(s->own, s->data + X, 8);
}

/* Vectors of an owner. */
struct text {
	const char *name;
	struct vop v[16];
	int count;
	bool own_written;	/* no log of it means the same in another process */
	bool overlaps;		/* only the fence engine does it */
};

__attribute__((__unused__))
static const struct text texts[] = {
	{ "words", {
		{ CPU_COMPARE_EQ_OP, 8, X, OWN0, 0 },
		{ CPU_MEMCPY_OP, 8, X, OWN1, 0 },
		{ CPU_ADD_OP, 8, COUNT, 0, 1 },
		{ CPU_MEMCPY_OP, 8, OWN2, COUNT, 0 } }, 4, true, false },
	{ "words of the domain", {
		{ CPU_COMPARE_EQ_OP, 8, X, OWN0, 0 },
		{ CPU_MEMCPY_OP, 8, X, OWN1, 0 },
		{ CPU_ADD_OP, 4, COUNT, 0, 1 },
		{ CPU_XOR_OP, 2, B, 0, 0x5a5a },
		{ CPU_OR_OP, 1, C + 7, 0, 0x81 } }, 5, false, false },
	{ "100 bytes and an add", {
		{ CPU_MEMCPY_OP, 100, BULK, SRC, 0 },
		{ CPU_ADD_OP, 8, COUNT, 0, 3 } }, 2, false, false },
	{ "a compare of 100 bytes, then two stores", {
		{ CPU_COMPARE_NE_OP, 100, BULK, SRC, 0 },
		{ CPU_COMPARE_EQ_OP, 24, X, X, 0 },
		{ CPU_ADD_OP, 8, COUNT, 0, 3 },
		{ CPU_MEMCPY_OP, 8, BULK + 92, OWN1, 0 } }, 4, false, false },
	{ "one store", {
		{ CPU_COMPARE_EQ_OP, 8, X, OWN0, 0 },
		{ CPU_ADD_OP, 8, COUNT, 0, 1 } }, 2, false, false },
	{ "one store, of the rarer operations", {
		{ CPU_COMPARE_EQ_OP, 8, X, OWN0, 0 },
		{ CPU_LSHIFT_OP, 8, COUNT, 0, 3 } }, 2, false, false },
	{ "rarer operations", {
		{ CPU_MAX_OP, 8, X, 0, UINT64_MAX },
		{ CPU_RSHIFT_OP, 4, COUNT, 0, 3 },
		{ CPU_SMIN_OP, 8, B, 0, UINT64_MAX } }, 3, false, false },
	{ "a pointer that may be stale", {
		{ CPU_COMPARE_EQ_OP, 8, X, OWN0, 0 },
		{ CPU_MEMCPY_OP, 8 | SPECULATIVE, X, B, 0 },
		{ CPU_ADD_OP, 8, COUNT, 0, 1 } }, 3, false, false },
	{ "a compare that stops", {
		{ CPU_COMPARE_NE_OP, 8, X, COUNT, 0 },
		{ CPU_COMPARE_NE_OP, 8, X, OWN0, 0 },
		{ CPU_ADD_OP, 8, COUNT, 0, 1 } }, 3, false, false },
	{ "stores before the compare that stops", {
		{ CPU_ADD_OP, 8, COUNT, 0, 1 },
		{ CPU_ADD_OP, 8, C, 0, 1 },
		{ CPU_COMPARE_EQ_OP, 8, X, OWN1, 0 },
		{ CPU_ADD_OP, 8, B, 0, 1 } }, 4, false, false },
	{ "sixteen operations", {
		{ CPU_COMPARE_EQ_OP, 8, X, OWN0, 0 },
		{ CPU_MEMCPY_OP, 8, BULK, SRC, 0 }, { CPU_MEMCPY_OP, 8, BULK + 8, SRC + 8, 0 },
		{ CPU_MEMCPY_OP, 8, BULK + 16, SRC, 0 }, { CPU_ADD_OP, 8, BULK + 16, 0, 7 },
		{ CPU_ADD_OP, 8, BULK + 16, 0, 8 }, { CPU_MEMCPY_OP, 4, BULK + 24, SRC, 0 },
		{ CPU_MEMCPY_OP, 2, BULK + 28, SRC, 0 }, { CPU_MEMCPY_OP, 1, BULK + 30, SRC, 0 },
		{ CPU_ADD_OP, 8, COUNT, 0, 1 }, { CPU_AND_OP, 8, B, 0, 0xff00ff00 },
		{ CPU_MEMCPY_OP, 8, X, B, 0 }, { CPU_XOR_OP, 8, X, 0, 1 },
		{ CPU_ADD_RELEASE_OP, 8, COUNT, 0, 1 }, { CPU_MEMCPY_RELEASE_OP, 8, C, X, 0 },
		{ CPU_COMPARE_NE_OP, 8, C, OWN0, 0 } }, 16, false, false },
	{ "operands that overlap", {
		{ CPU_ADD_OP, 4, BULK + 10, 0, 3 },
		{ CPU_MEMCPY_OP, 100, BULK, SRC, 0 },
		{ CPU_ADD_OP, 8, BULK + 20, 0, 3 },
		{ CPU_MEMCPY_OP, 70, BULK + 40, BULK + 5, 0 },
		{ CPU_MEMCPY_OP, 8, OWN2, BULK + 108, 0 },
		{ CPU_ADD_OP, 8, COUNT, 0, 1 } }, 6, true, true },
	{ "barriers, with memory of its own between them", {
		{ CPU_ADD_OP, 8, COUNT, 0, 1 },
		{ CPU_MEMCPY_OP, 8, OWN2, COUNT, 0 },
		{ CPU_MB_OP, 0, 0, 0, 0 },
		{ CPU_MEMCPY_OP, 100, BULK, SRC, 0 },
		{ CPU_ADD_OP, 8, OWN2, 0, 7 },
		{ CPU_MEMCPY_OP, 8, X, OWN1, 0 },
		{ CPU_MB_OP, 0, 0, 0, 0 },
		{ CPU_MEMCPY_OP, 8, B, OWN2, 0 },
		{ CPU_MEMCPY_OP, 8 | SPECULATIVE, C, COUNT, 0 },
		{ CPU_MB_OP, 0, 0, 0, 0 },
		{ CPU_ADD_OP, 4, B, 0, 1 } }, 11, true, true },
	{ "a barrier before the compare that stops", {
		{ CPU_ADD_OP, 8, COUNT, 0, 1 },
		{ CPU_MB_OP, 0, 0, 0, 0 },
		{ CPU_ADD_OP, 8, C, 0, 1 },
		{ CPU_COMPARE_EQ_OP, 8, X, OWN1, 0 },
		{ CPU_ADD_OP, 8, B, 0, 1 } }, 5, false, true },
};
#define NR_TEXTS ((int)(sizeof(texts) / sizeof(texts[0])))

/* Vectors that conflict with them, and keep what they saw. */
enum means { BY_VECTOR, BY_CALL, BY_VECTORS, BY_PREPARED, NR_MEANS };

struct rival {
	enum means means;
	struct vop v[16];
	int count;
};

__attribute__((__unused__))
static const struct rival rivals[] = {
	{ BY_VECTOR, {
		{ CPU_MEMCPY_OP, 8, SNAP, X, 0 }, { CPU_MEMCPY_OP, 8, SNAP + 8, COUNT, 0 },
		{ CPU_MEMCPY_OP, 8, SNAP + 16, B, 0 }, { CPU_MEMCPY_OP, 8, SNAP + 24, C, 0 },
		{ CPU_MEMCPY_OP, 8, SNAP + 32, BULK, 0 }, { CPU_MEMCPY_OP, 8, SNAP + 40, BULK + 92, 0 },
		{ CPU_ADD_OP, 8, X, 0, 5 }, { CPU_ADD_OP, 8, COUNT, 0, 16 } }, 8 },
	{ BY_CALL, { { CPU_ADD_OP, 8, COUNT, 0, 16 } }, 1 },
	{ BY_VECTOR, {
		{ CPU_MEMCPY_OP, 100, SNAP, BULK, 0 }, { CPU_ADD_OP, 8, COUNT, 0, 16 },
		{ CPU_MEMCPY_OP, 64, SRC, X, 0 } }, 3 },
	{ BY_VECTORS, {
		{ CPU_MEMCPY_OP, 8, SNAP, COUNT, 0 }, { CPU_ADD_OP, 8, X, 0, 5 },
		{ CPU_MEMCPY_OP, 100, SNAP + 8, BULK, 0 } }, 3 },
	{ BY_PREPARED, {
		{ CPU_MEMCPY_OP, 8, SNAP, X, 0 }, { CPU_MEMCPY_OP, 8, SNAP + 8, COUNT, 0 },
		{ CPU_ADD_OP, 8, B, 0, 5 }, { CPU_ADD_OP, 8, COUNT, 0, 16 } }, 4 },
	{ BY_VECTOR, { { CPU_ADD_OP, 8, X, 0, 5 } }, 1 },
};
#define NR_RIVALS ((int)(sizeof(rivals) / sizeof(rivals[0])))

/* What they work on: a handle, or addresses in memory of the program. */
struct target {
	struct opv_domain *d;
	char *handle;		/* or NULL */
	char *data;		/* that cpu has */
	int cpu;
};

__attribute__((__unused__))
static int run_rival(const struct target *t, const struct rival *r)
{
	struct cpu_op vec[16];
	struct opv_prepared p;
	struct opv_request request = { vec, r->count, t->cpu, 0 };
	int ret;

	build(vec, r->v, r->count, t->data, NULL);
	switch (r->means) {
	case BY_CALL:
		if (t->handle)
			return opv_add64((uint64_t *)(t->handle + r->v[0].a), r->v[0].n, t->cpu);
		return opv_add64_at(t->d, (uint64_t *)(t->data + r->v[0].a), r->v[0].n, t->cpu);
	case BY_VECTORS:
		ret = opv_vectors(t->d, &request, 1);
		return ret ? ret : request.result;
	case BY_PREPARED:
		if (t->handle)
			build(vec, r->v, r->count, t->handle, NULL);
		ret = opv_prepare(&p, t->d, vec, r->count);
		return ret ? ret : opv_run_prepared(&p, NULL, t->cpu);
	default:
		return opv_vector(t->d, vec, r->count, t->cpu);
	}
}

#endif /* _TESTS_LOCAL_PLACES_H */
