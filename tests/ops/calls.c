// SPDX-License-Identifier: MIT
/*
 * Every call of the list, in both forms, as every kind of CPU, on every road,
 * against the model: result, *old, the instance and all bytes around it, and the
 * instances of all other CPUs.
 */
#define _GNU_SOURCE
#include "ops.h"

#include <limits.h>

#include "model.h"

/* tests/ops/symbols.c takes the library's symbols instead of the inline functions. */
#ifndef CALL
# define CALL(name) name
#endif
/* tests/ops/calls_cid.c and its like take those by mm_cid, in either kind of domain. */
#ifdef CALLS_BY_CID
# define BY(name) CALL(name##_cid)
# define BY_AT(name) CALL(name##_cid_at)
#else
# define BY(name) CALL(name)
# define BY_AT(name) CALL(name##_at)
#endif
/* Else no section is what the caller's text has. */
#ifndef FAST
# define FAST 1
#endif
/* tests/ops/aborted.c aborts sections on purpose: at this point of the next one. */
#ifndef ABORT_AT
# define ABORT_AT(point)
# define ABORTS 0
#endif

typedef int run_fn(struct opv_domain *d, void *p, void *p2, const struct model_in *in,
		   void *old, int cpu);

#define OPV_RMW(name, name_at, bits, op, order)				\
static int run_##name(struct opv_domain *d, void *p, void *p2, const struct model_in *in, \
		      void *old, int cpu)				\
{									\
	(void)p2, (void)old;						\
	return d ? BY_AT(name)(d, p, (uint##bits##_t)in->n, cpu) :	\
		   BY(name)(p, (uint##bits##_t)in->n, cpu);		\
}
#define OPV_FETCH(name, name_at, bits, op, order)			\
static int run_##name(struct opv_domain *d, void *p, void *p2, const struct model_in *in, \
		      void *old, int cpu)				\
{									\
	(void)p2;							\
	return d ? BY_AT(name)(d, p, (uint##bits##_t)in->n, old, cpu) : \
		   BY(name)(p, (uint##bits##_t)in->n, old, cpu);	\
}
#define OPV_CMPXCHG(name, name_at, bits, op, order)			\
static int run_##name(struct opv_domain *d, void *p, void *p2, const struct model_in *in, \
		      void *old, int cpu)				\
{									\
	uint##bits##_t n = (uint##bits##_t)in->n, expect = (uint##bits##_t)in->expect; \
									\
	(void)p2;							\
	return d ? BY_AT(name)(d, p, expect, n, old, cpu) :		\
		   BY(name)(p, expect, n, old, cpu);			\
}
#define W(x) (intptr_t)in->x
#define ARGS_push		(ptrdiff_t)in->off, in->node
#define ARGS_cmpne_load_off	W(expect), (ptrdiff_t)in->off, old
#define ARGS_cmpeq_store	W(expect), W(n)
#define ARGS_cmpeq_cmpeq_store	W(expect), p2, W(expect2), W(n)
#define ARGS_cmpeq_store_store	W(expect), p2, W(n2), W(n)
#define ARGS_cmpeq_copy_store	W(expect), p2, in->src, in->len, W(n)
#define OPV_WORD(name, name_at, op, order)				\
static int run_##name(struct opv_domain *d, void *p, void *p2, const struct model_in *in, \
		      void *old, int cpu)				\
{									\
	(void)p2, (void)old;						\
	return d ? BY_AT(name)(d, p, ARGS_##op, cpu) : BY(name)(p, ARGS_##op, cpu); \
}
#include <opv/calls.def>
#undef OPV_RMW
#undef OPV_FETCH
#undef OPV_CMPXCHG
#undef OPV_WORD

static const struct call {
	const char *name;
	run_fn *run;
	enum model_op op;
	unsigned int bytes;
} calls[] = {
#define OPV_RMW(name, name_at, bits, op, order) { #name, run_##name, MODEL_##op, bits / 8 },
#define OPV_FETCH OPV_RMW
#define OPV_CMPXCHG OPV_RMW
#define OPV_WORD(name, name_at, op, order) { #name, run_##name, MODEL_##op, sizeof(intptr_t) },
#include <opv/calls.def>
#undef OPV_RMW
#undef OPV_FETCH
#undef OPV_CMPXCHG
#undef OPV_WORD
};

#define NR_CALLS ((int)(sizeof(calls) / sizeof(calls[0])))

/* An instance: p in the first half, p2 in the second, everything else must stay. */
#define INSTANCE	320
#define P_AT		64
#define P2_AT		192
#define LEN_MAX		96
#define OLD_AT		8	/* *old lies in 24 bytes of its own */
#define RANDOM		200	/* sets of operands after all pairs of boundaries */

enum form { HANDLE, ADDRESS, MEMORY, NR_FORMS };
static const char *const form_names[] = { "a handle", "an instance's address", "plain memory" };

static struct opv_domain *domain;
static int nr_cpus, here, other;
static char *handle;
static unsigned char *want;		/* as instances ought to be, one a CPU, then memory */
static unsigned char memory[INSTANCE];	/* of the program's own */
static unsigned char source[LEN_MAX];
static intptr_t nodes[64];
static uint64_t state;

static bool has_second(enum model_op op)
{
	return op == MODEL_cmpeq_cmpeq_store || op == MODEL_cmpeq_store_store ||
	       op == MODEL_cmpeq_copy_store;
}

/* Give p a value and make up operands, the i-th set of them. */
static void make_operands(const struct call *c, int i, unsigned char *p, const unsigned char *p2,
			  struct model_in *in)
{
	uint64_t v = i < NR_BOUNDARY * NR_BOUNDARY ? boundary[i / NR_BOUNDARY] : rnd(&state);

	in->n = i < NR_BOUNDARY * NR_BOUNDARY ? boundary[i % NR_BOUNDARY] : rnd_value(&state);
	in->off = (int64_t)(rnd(&state) % 400) - 200;
	in->node = (char *)&nodes[32];
	if (c->op == MODEL_cmpne_load_off)
		v = (uintptr_t)in->node;
	memcpy(p, &v, c->bytes);
	in->expect = i & 1 ? v : rnd_value(&state);
	in->n2 = rnd_value(&state);
	in->expect2 = i & 2 ? model_load(p2, 8) : rnd_value(&state);
	in->src = source;
	in->len = rnd(&state) % (LEN_MAX + 1);
}

/* Make up one call and compare all that it may have touched; false after a diag. */
static bool try_one(const struct call *c, enum form form, int cpu, int i)
{
	int as = cpu == OPV_THIS_CPU ? here : cpu, k, ret, want_ret;
	int region = form == MEMORY ? nr_cpus : as;
	size_t shift = rnd(&state) % 4 ? 0 : rnd(&state) % 8;
	size_t p_at = P_AT + shift, p2_at = P2_AT + shift;
	unsigned char old[24], want_old[24], *p, *p2;
	intptr_t nodes_before[64], want_nodes[64];
	struct model_in in;

	rnd_fill(&state, want, (size_t)(nr_cpus + 1) * INSTANCE);
	rnd_fill(&state, nodes, sizeof(nodes));
	rnd_fill(&state, source, sizeof(source));
	rnd_fill(&state, old, sizeof(old));
	memcpy(want_old, old, sizeof(old));
	p = want + region * INSTANCE + p_at;
	p2 = want + region * INSTANCE + p2_at;
	make_operands(c, i, p, p2, &in);
	for (k = 0; k < nr_cpus; k++)
		memcpy(opv_ptr(handle, k), want + k * INSTANCE, INSTANCE);
	memcpy(memory, want + nr_cpus * INSTANCE, INSTANCE);

	memcpy(nodes_before, nodes, sizeof(nodes));
	want_ret = model_call(c->op, c->bytes, p, p2, want_old + OLD_AT, &in);
	memcpy(want_nodes, nodes, sizeof(nodes));
	memcpy(nodes, nodes_before, sizeof(nodes));
	ABORT_AT(i % 4);
	if (form == HANDLE)
		ret = c->run(NULL, handle + p_at, handle + p2_at, &in, old + OLD_AT, cpu);
	else if (form == ADDRESS)
		ret = c->run(domain, opv_ptr(handle, as) + p_at, opv_ptr(handle, as) + p2_at, &in,
			     old + OLD_AT, cpu);
	else
		ret = c->run(domain, memory + p_at, memory + p2_at, &in, old + OLD_AT, cpu);

	ABORT_AT(0);
	for (k = 0; k < nr_cpus; k++)
		if (memcmp(opv_ptr(handle, k), want + k * INSTANCE, INSTANCE))
			break;
	if (ret == want_ret && k == nr_cpus && !memcmp(nodes, want_nodes, sizeof(nodes)) &&
	    !memcmp(old, want_old, sizeof(old)) &&
	    !memcmp(memory, want + nr_cpus * INSTANCE, INSTANCE))
		return true;
	diag("%s of %s as CPU %d, operands %d: result %d, wanted %d%s%s%s; n 0x%llx expect 0x%llx",
	     c->name, form_names[form], cpu, i, ret, want_ret,
	     memcmp(old, want_old, sizeof(old)) ? "; *old differs" : "",
	     k < nr_cpus ? "; an instance differs" : "",
	     memcmp(memory, want + nr_cpus * INSTANCE, INSTANCE) ? "; memory differs" : "",
	     (unsigned long long)in.n, (unsigned long long)in.expect);
	return false;
}

/* All operands on short ways; a sample of them where each call is a fence. */
static bool try_all(const struct call *c, enum form form, int cpu, bool slow)
{
	int all = NR_BOUNDARY * NR_BOUNDARY + RANDOM, step = slow ? 5 : 1, i;

	for (i = (int)(rnd(&state) % (uint64_t)step); i < all; i += step)
		if (!try_one(c, form, cpu, i))
			return false;
	return true;
}

static void test_against_model(int road)
{
	/* The first number that is not possible and the last: slots that never ran. */
	int as[] = { OPV_THIS_CPU, here, other, nr_cpus - NEVER_ONLINE, nr_cpus - 1 };
	bool forced = road != ROAD_USUAL, good;
	int i, form, k;

	for (i = 0; i < NR_CALLS; i++) {
		good = true;
		for (form = 0; form < NR_FORMS; form++)
			for (k = 0; k < 5; k++)
				if (as[k] != other || other >= 0)
					good &= try_all(&calls[i], (enum form)form, as[k], forced || k > 1);
		ok(good, "%s, %s: as the model says, in all forms, as this, another and offline CPUs",
		   calls[i].name, road_name(road));
	}
}

/*
 * Sections did it, or the comparison above was one of the slow path with itself;
 * and where sections are aborted, they were, and then done by others.
 */
static void test_was_fast(const struct opv_status *st)
{
	const int all = NR_CALLS * (NR_BOUNDARY * NR_BOUNDARY + RANDOM);
	struct opv_counts c0, c1;
	bool good = true;
	int i;

	if (!st->fast || !FAST) {
		skip(ABORTS ? "aborted sections are made again" : "calls on this CPU are sections",
		     FAST ? st->why : "calls of one kind, in a domain of the other");
		return;
	}
	opv_counts(OPV_ALL_CPUS, &c0, sizeof(c0));
	for (i = 0; i < NR_CALLS; i++)
		good &= try_all(&calls[i], HANDLE, i & 1 ? here : OPV_THIS_CPU, false);
	opv_counts(OPV_ALL_CPUS, &c1, sizeof(c1));
	diag("of %d calls %llu were slow, %llu aborted, %llu made again by a section", all,
	     (unsigned long long)(c1.slow - c0.slow), (unsigned long long)(c1.aborted - c0.aborted),
	     (unsigned long long)(c1.retried - c0.retried));
	if (ABORTS)
		ok(good && c1.aborted - c0.aborted > (uint64_t)all / 2 &&
		   c1.retried - c0.retried >= (c1.aborted - c0.aborted) / 100 * 99,
		   "aborted sections are made again");
	else
		ok(good && c1.slow - c0.slow < (uint64_t)all / 100, "calls on this CPU are sections");
}

static void snapshot(unsigned char *to)
{
	int k;

	for (k = 0; k < nr_cpus; k++)
		memcpy(to + k * INSTANCE, opv_ptr(handle, k), INSTANCE);
	memcpy(to + nr_cpus * INSTANCE, memory, INSTANCE);
}

static bool unchanged(const unsigned char *from)
{
	int k;

	for (k = 0; k < nr_cpus; k++)
		if (memcmp(opv_ptr(handle, k), from + k * INSTANCE, INSTANCE))
			return false;
	return !memcmp(memory, from + nr_cpus * INSTANCE, INSTANCE);
}

/* An instance holds what the call would not stop at, so that only the error can. */
static bool refused(const struct call *c, enum form form, void *p2, size_t len, int cpu)
{
	struct model_in in = { .n = 3, .len = len, .src = source, .node = (char *)nodes };
	unsigned char old[24], want_old[24];
	int k, ret;

	for (k = 0; k < nr_cpus; k++)
		memset(opv_ptr(handle, k), 0, INSTANCE);
	memset(memory, 0, INSTANCE);
	if (c->op == MODEL_cmpne_load_off)
		in.expect = 1;
	snapshot(want);
	memset(old, 0x55, sizeof(old));
	memcpy(want_old, old, sizeof(old));
	ret = form == HANDLE ? c->run(NULL, handle + P_AT, p2, &in, old + OLD_AT, cpu) :
			       c->run(domain, memory + P_AT, p2, &in, old + OLD_AT, cpu);
	if (ret == -EINVAL && unchanged(want) && !memcmp(old, want_old, sizeof(old)))
		return true;
	diag("%s of %s as CPU %d: result %d, wanted %d, %s", c->name, form_names[form], cpu, ret,
	     -EINVAL, unchanged(want) ? "nothing changed" : "memory changed");
	return false;
}

static void test_bad_cpus(int road)
{
	const int bad[] = { nr_cpus, nr_cpus + 1, OPV_ALL_CPUS, -3, INT_MIN, INT_MAX };
	bool good = true;
	int i, k;

	for (i = 0; i < NR_CALLS; i++)
		for (k = 0; k < 6; k++) {
			good &= refused(&calls[i], HANDLE, handle + P2_AT, 8, bad[k]);
			good &= refused(&calls[i], MEMORY, memory + P2_AT, 8, bad[k]);
		}
	ok(good, "%s: every call refuses CPUs that the domain has not, and changes nothing",
	   road_name(road));
}

static void test_two_domains(int road)
{
	struct opv_domain *d2;
	bool good = true;
	char *foreign;
	int i;

	opv_domain_create(&d2, NULL);
	opv_alloc(d2, INSTANCE, 64, &foreign);
	for (i = 0; i < NR_CALLS; i++) {
		if (!has_second(calls[i].op))
			continue;
		good &= refused(&calls[i], HANDLE, foreign + P2_AT, 8, OPV_THIS_CPU);
		good &= refused(&calls[i], HANDLE, foreign + P2_AT, 8, here);
		good &= refused(&calls[i], HANDLE, foreign + P2_AT, 8, nr_cpus - 1);
		good &= refused(&calls[i], HANDLE, foreign + P2_AT, 0, nr_cpus - 1);
	}
	ok(good, "%s: handles of two domains in one call are refused", road_name(road));
	opv_domain_destroy(d2);
}

static void test_copy_length(int road)
{
	const size_t bad[] = { CPU_OP_COPY_LEN_MAX + 1, UINT32_MAX, (size_t)UINT32_MAX + 1, SIZE_MAX };
	bool good = true;
	int i, k;

	for (i = 0; i < NR_CALLS; i++)
		for (k = 0; calls[i].op == MODEL_cmpeq_copy_store && k < 4; k++) {
			good &= refused(&calls[i], HANDLE, handle + P2_AT, bad[k], OPV_THIS_CPU);
			good &= refused(&calls[i], HANDLE, handle + P2_AT, bad[k], nr_cpus - 1);
			good &= refused(&calls[i], MEMORY, memory + P2_AT, bad[k], OPV_THIS_CPU);
		}
	ok(good, "%s: more than %d bytes are not copied", road_name(road), CPU_OP_COPY_LEN_MAX);
}

/* The longest copy, into the last bytes that a domain has. */
static void test_long_copy(int road)
{
	static char from[CPU_OP_COPY_LEN_MAX];
	const int as[] = { OPV_THIS_CPU, here, nr_cpus - 1 };
	bool good = true;
	intptr_t *head;
	char *dst;
	int k;

	good &= !opv_alloc(domain, sizeof(*head), 0, &head);
	good &= !opv_alloc(domain, sizeof(from), 1, &dst);
	for (k = 0; good && k < 3; k++) {
		int cpu = as[k] == OPV_THIS_CPU ? here : as[k];

		rnd_fill(&state, from, sizeof(from));
		good &= !opv_cmpeq_copy_store(head, *opv_ptr(head, cpu), dst, from, sizeof(from), k + 1,
					      as[k]);
		good &= !memcmp(opv_ptr(dst, cpu), from, sizeof(from)) && *opv_ptr(head, cpu) == k + 1;
	}
	ok(good, "%s: %d bytes are copied", road_name(road), CPU_OP_COPY_LEN_MAX);
	opv_free(domain, head);
	opv_free(domain, dst);
}

int main(int argc, char **argv)
{
	struct opv_status st;
	int road;

	state = seed_from(argc, argv);
	here = allowed_cpu(1) >= 0 ? allowed_cpu(1) : allowed_cpu(0);
	other = allowed_cpu(1) >= 0 ? allowed_cpu(0) : -1;
	if (other < 0)
		skip("calls as another online CPU", "there is one CPU only");
	pin_to(here);
	domain = wide_domain(&nr_cpus);
	count_as_domain(&here, &other);
	if (!ok(domain && !opv_alloc(domain, INSTANCE, 64, &handle),
		"a domain with CPUs that are never online"))
		return done();
	want = malloc((size_t)(nr_cpus + 1) * INSTANCE);
	opv_status(&st, sizeof(st));
	errno = 4242;
	for (road = ROAD_USUAL; road < OPV_NR_ENGINES; road++) {
		if (!take_road(road))
			continue;
		test_against_model(road);
		test_bad_cpus(road);
		test_two_domains(road);
		test_copy_length(road);
		test_long_copy(road);
		leave_road(road);
	}
	test_was_fast(&st);
	is(errno, 4242, "errno was left alone by all of it");
	return done();
}
