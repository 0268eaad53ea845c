// SPDX-License-Identifier: MIT
/*
 * Sections abort at every numbered point, in the program and, when inject.sh has
 * built it so, in the library too: whatever aborts, the result and the memory are
 * those of the model.
 */
#define _GNU_SOURCE
#include "inject.h"

#include <opv/opv.h>

#include <sched.h>
#include <string.h>

#include "../tap.h"

#ifdef LIBRARY_TOO
# define WHERE "in the program and the library"
#else
# define WHERE "in the program"
#endif

/* Looked at by the sections; volatile to the compiler, which does not see that. */
volatile unsigned char inject_mask;

static struct opv_domain *domain;
static uint64_t *handle;	/* three words */
static uint64_t plain[3];
static int cpu;
static int wrong;

/* A word far from 0, so that all widths have something to carry. */
#define START	UINT64_C(0x0123456789abcdef)
#define OPERAND	UINT64_C(0xf0e1d2c3b4a59687)

static void expect(const char *name, const char *what, uint64_t got, uint64_t want)
{
	if (got == want)
		return;
	diag("%s, points %#x: %s is %#llx, should be %#llx", name, inject_mask, what,
	     (unsigned long long)got, (unsigned long long)want);
	wrong++;
}

static uint64_t *reset(bool at)
{
	uint64_t *words = at ? plain : opv_ptr(handle, cpu);

	memset(words, 0, 3 * sizeof(*words));
	words[0] = START;
	return words;
}

/* The model: what an operation does to a value of its width. */
#define MODEL_add(v, n)		((v) + (n))
#define MODEL_or(v, n)		((v) | (n))
#define MODEL_and(v, n)		((v) & (n))
#define MODEL_xor(v, n)		((v) ^ (n))
#define MODEL_min(v, n)		((v) < (n) ? (v) : (n))
#define MODEL_max(v, n)		((v) > (n) ? (v) : (n))
#define MODEL_smin(v, n)	((__typeof__(s))(v) < (__typeof__(s))(n) ? (v) : (n))
#define MODEL_smax(v, n)	((__typeof__(s))(v) > (__typeof__(s))(n) ? (v) : (n))
#define MODEL_fetch_add(v, n)	((v) + (n))
#define MODEL_xchg(v, n)	(n)

#define OPV_RMW(name, name_at, bits, op, order)					\
static void test_##name(int given)						\
{										\
	uint##bits##_t v = (uint##bits##_t)START, n = (uint##bits##_t)OPERAND, want; \
	int##bits##_t s = 0;							\
	uint64_t *words = reset(false);						\
										\
	(void)s;								\
	want = (uint##bits##_t)MODEL_##op(v, n);				\
	expect(#name, "result", (uint64_t)name((uint##bits##_t *)handle, n, given), 0); \
	expect(#name, "word", words[0], (START ^ v) | want);			\
	words = reset(true);							\
	expect(#name_at, "result",						\
	       (uint64_t)name_at(domain, (uint##bits##_t *)plain, n, given), 0); \
	expect(#name_at, "word", words[0], (START ^ v) | want);		\
}
#define OPV_FETCH(name, name_at, bits, op, order)				\
static void test_##name(int given)						\
{										\
	uint##bits##_t v = (uint##bits##_t)START, n = (uint##bits##_t)OPERAND, want, old = 0; \
	uint64_t *words = reset(false);						\
										\
	want = (uint##bits##_t)MODEL_##op(v, n);				\
	expect(#name, "result", (uint64_t)name((uint##bits##_t *)handle, n, &old, given), 0); \
	expect(#name, "word", words[0], (START ^ v) | want);			\
	expect(#name, "old", old, v);						\
	words = reset(true);							\
	old = 0;								\
	expect(#name_at, "result",						\
	       (uint64_t)name_at(domain, (uint##bits##_t *)plain, n, &old, given), 0); \
	expect(#name_at, "word", words[0], (START ^ v) | want);		\
	expect(#name_at, "old", old, v);					\
}
#define OPV_CMPXCHG(name, name_at, bits, op, order)				\
static void test_##name(int given)						\
{										\
	uint##bits##_t v = (uint##bits##_t)START, n = (uint##bits##_t)OPERAND, old = 0, e = 1; \
	uint64_t *words = reset(false);						\
										\
	expect(#name, "result",							\
	       (uint64_t)name((uint##bits##_t *)handle, e, n, &old, given), 1);	\
	expect(#name, "word", words[0], START);					\
	expect(#name, "old", old, v);						\
	old = 0;								\
	expect(#name, "result",							\
	       (uint64_t)name((uint##bits##_t *)handle, v, n, &old, given), 0);	\
	expect(#name, "word", words[0], (START ^ v) | n);			\
	expect(#name, "old", old, v);						\
	words = reset(true);							\
	old = 0;								\
	expect(#name_at, "result",						\
	       (uint64_t)name_at(domain, (uint##bits##_t *)plain, v, n, &old, given), 0); \
	expect(#name_at, "word", words[0], (START ^ v) | n);			\
	expect(#name_at, "old", old, v);					\
}

/* The operations on words: w[0] is *p, w[1] and w[2] what else there is. */
#define WORDS(at)	intptr_t *w = (intptr_t *)reset(at)
#define CALL(name, name_at, at, ...)						\
	((at) ? name_at(domain, p, __VA_ARGS__, given) : name(p, __VA_ARGS__, given))

#define TEST_cmpne_load_off(name, name_at, at)					\
	do {									\
		intptr_t next[2] = { 0, 77 }, got = 0;				\
										\
		expect(#name, "result", (uint64_t)CALL(name, name_at, at, w[0], 8, &got), 1); \
		expect(#name, "what is loaded then", (uint64_t)got, 0);		\
		w[0] = (intptr_t)next;						\
		expect(#name, "result", (uint64_t)CALL(name, name_at, at, 0, 8, &got), 0); \
		expect(#name, "what is loaded", (uint64_t)got, (uintptr_t)next); \
		expect(#name, "head", (uint64_t)w[0], 77);			\
	} while (0)
#define TEST_push(name, name_at, at)						\
	do {									\
		intptr_t node[2] = { 0, 0 };					\
										\
		expect(#name, "result", (uint64_t)CALL(name, name_at, at, 8, node), 0);	\
		expect(#name, "head", (uint64_t)w[0], (uintptr_t)node);		\
		expect(#name, "next", (uint64_t)node[1], START);		\
	} while (0)
#define TEST_cmpeq_store(name, name_at, at)					\
	do {									\
		expect(#name, "result", (uint64_t)CALL(name, name_at, at, 1, 5), 1); \
		expect(#name, "word", (uint64_t)w[0], START);			\
		expect(#name, "result", (uint64_t)CALL(name, name_at, at, (intptr_t)START, 5), 0); \
		expect(#name, "word", (uint64_t)w[0], 5);			\
	} while (0)
#define TEST_cmpeq_cmpeq_store(name, name_at, at)				\
	do {									\
		expect(#name, "result",						\
		       (uint64_t)CALL(name, name_at, at, 1, p + 1, 0, 5), 1);	\
		expect(#name, "result",						\
		       (uint64_t)CALL(name, name_at, at, (intptr_t)START, p + 1, 1, 5), 2); \
		expect(#name, "word", (uint64_t)w[0], START);			\
		expect(#name, "result",						\
		       (uint64_t)CALL(name, name_at, at, (intptr_t)START, p + 1, 0, 5), 0); \
		expect(#name, "word", (uint64_t)w[0], 5);			\
		expect(#name, "second word", (uint64_t)w[1], 0);		\
	} while (0)
#define TEST_cmpeq_store_store(name, name_at, at)				\
	do {									\
		expect(#name, "result", (uint64_t)CALL(name, name_at, at, 1, p + 1, 6, 5), 1); \
		expect(#name, "second word", (uint64_t)w[1], 0);		\
		expect(#name, "result",						\
		       (uint64_t)CALL(name, name_at, at, (intptr_t)START, p + 1, 6, 5), 0); \
		expect(#name, "word", (uint64_t)w[0], 5);			\
		expect(#name, "second word", (uint64_t)w[1], 6);		\
	} while (0)
#define TEST_cmpeq_copy_store(name, name_at, at)				\
	do {									\
		uint64_t from[2] = { 8, 9 };					\
										\
		expect(#name, "result", (uint64_t)CALL(name, name_at, at, 1, p + 1, from, 16, 5), 1); \
		expect(#name, "what is copied then", (uint64_t)(w[1] | w[2]), 0); \
		expect(#name, "result",						\
		       (uint64_t)CALL(name, name_at, at, (intptr_t)START, p + 1, from, 16, 5), 0); \
		expect(#name, "word", (uint64_t)w[0], 5);			\
		expect(#name, "second word", (uint64_t)w[1], 8);		\
		expect(#name, "third word", (uint64_t)w[2], 9);		\
	} while (0)

#define OPV_WORD(name, name_at, op, order)					\
static void test_##name(int given)						\
{										\
	{									\
		intptr_t *p = (intptr_t *)handle;				\
		WORDS(false);							\
		TEST_##op(name, name_at, 0);					\
	}									\
	{									\
		intptr_t *p = (intptr_t *)plain;				\
		WORDS(true);							\
		TEST_##op(name, name_at, 1);					\
	}									\
}
#include <opv/calls.def>
#undef OPV_RMW
#undef OPV_FETCH
#undef OPV_CMPXCHG
#undef OPV_WORD

static void test_all(int given)
{
#define OPV_RMW(name, name_at, bits, op, order) test_##name(given);
#define OPV_FETCH OPV_RMW
#define OPV_CMPXCHG OPV_RMW
#define OPV_WORD(name, name_at, op, order) test_##name(given);
#include <opv/calls.def>
#undef OPV_RMW
#undef OPV_FETCH
#undef OPV_CMPXCHG
#undef OPV_WORD
}

static void stay_here(void)
{
	cpu_set_t set;

	cpu = sched_getcpu();
	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	sched_setaffinity(0, sizeof(set), &set);
}

int main(void)
{
	struct opv_counts before, after;
	struct opv_status status;
	uint64_t engine;
	unsigned int points;

	opv_status(&status, sizeof(status));
	if (!status.fast) {
		skip("sections abort at numbered points", status.why);
		return done();
	}
	stay_here();
	opv_domain_create(&domain, NULL);
	opv_alloc(domain, 3 * sizeof(*handle), 64, &handle);
	opv_add64(handle, 1, cpu);	/* opens the key */
	for (points = 0; points < 16; points += 2) {
		opv_counts(OPV_ALL_CPUS, &before, sizeof(before));
		inject_mask = (unsigned char)points;
		wrong = 0;
		test_all(OPV_THIS_CPU);
		test_all(cpu);
		inject_mask = 0;
		opv_counts(OPV_ALL_CPUS, &after, sizeof(after));
		ok(!wrong, "aborted%s%s%s" " " WHERE ": every call does what its model does",
		   points & 2 ? " when armed" : "", points & 4 ? " after the key" : "",
		   points & 8 ? " before the commit" : points ? "" : " nowhere");
		engine = after.engine_fence - before.engine_fence;
		if (!points)
			is(engine, 0, "without aborts no call needs an engine");
		else
#ifdef LIBRARY_TOO
			ok(engine >= 2 * OPV_NR_CALLS, "they went to the engine (%llu)",
			   (unsigned long long)engine);
#else
			ok(after.aborted - before.aborted >= 2 * OPV_NR_CALLS && !engine,
			   "they were aborted (%llu), tried again and done by sections",
			   (unsigned long long)(after.aborted - before.aborted));
#endif
	}
	return done();
}
