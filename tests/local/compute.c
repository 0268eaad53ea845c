// SPDX-License-Identifier: MIT
/*
 * The same vectors by all roads: as this CPU, forced to the fence engine, prepared,
 * prepared for any CPU with parameters, in a domain and a shared one, and in the model:
 * the same memory, the same result.  Then what only prepared vectors have.
 * Arguments: seed, number of random vectors.
 */
#define _GNU_SOURCE
#include "places.h"

#include <sys/mman.h>

#define NEAR	48		/* where most operands meet */

static uint64_t state;
static int here;

static uint64_t below(uint64_t n)
{
	return rnd(&state) % n;
}

/* Whole words mostly, which is what the quick road takes; and everything else. */
static void make_op(struct vop *v, bool words)
{
	size_t room;

	do
		v->op = (int)below(NR_CPU_OPS);
	while (words && (v->op == CPU_MB_OP || v->op >= CPU_MIN_OP || v->op == CPU_LSHIFT_OP ||
			 v->op == CPU_RSHIFT_OP));
	v->len = (uint32_t)1 << (words && below(4) ? 3 : below(4));
	if (!words && vop_is_pair(v->op) && !below(3))
		v->len = (uint32_t)below(100);
	room = v->len > 8 ? DATA - v->len : NEAR;
	v->a = below(room);
	v->b = below(room);
	if (words || below(2)) {
		v->a &= ~(size_t)7;
		v->b &= ~(size_t)7;
	}
	if (v->len <= 8 && !below(4))
		v->b = DATA + below(OWN / 8) * 8;
	if (v->len <= 8 && !below(8))
		v->a = DATA + below(OWN / 8) * 8;
	v->n = vop_infos[v->op].shape == VSHAPE_SHIFT ? below(8 * v->len) : rnd_value(&state);
	if (v->op == CPU_COMPARE_EQ_OP && below(6))
		v->b = v->a;
	if (!below(500))
		v->op = (int)below(2) ? NR_CPU_OPS : -1;
}

static int make_vector(struct vop *v)
{
	int count = 1 + (int)below(below(3) ? 5 : 16), i;
	bool words = below(3);

	for (i = 0; i < count; i++)
		make_op(&v[i], words);
	return count;
}

enum road { THIS_CPU, BY_NUMBER, FENCE, PREPARED_CPU, PREPARED_THIS, PREPARED_FENCE,
	    PREPARED_MIXED, NR_ROADS };

static const char *const roads[] = {
	"as this CPU", "as its number", "forced to the fence engine", "prepared, addresses",
	"prepared, handles and parameters", "prepared, forced to the fence engine",
	"prepared, handles and addresses of the same",
};

static void raw_build(struct cpu_op *vec, const struct vop *v, int count, void *data, void *own)
{
	int i;

	for (i = 0; i < count; i++) {
		struct vop plain = v[i];

		if (v[i].op >= 0 && v[i].op < NR_CPU_OPS) {
			build(&vec[i], &v[i], 1, data, own);
			continue;
		}
		plain.op = CPU_ADD_OP;
		build(&vec[i], &plain, 1, data, own);
		vec[i].op = v[i].op;
	}
}

static int run(const struct target *t, const struct vop *v, int count, enum road road, void *own)
{
	bool prepared = road >= PREPARED_CPU;
	struct opv_prepared p;
	struct cpu_op vec[16];
	int i, ret;

	raw_build(vec, v, count, road == PREPARED_THIS || road == PREPARED_FENCE ? t->handle : t->data,
		  prepared ? OPV_PARAM(0) : own);
	for (i = 0; i < count && road == PREPARED_MIXED; i += 2)
		raw_build(&vec[i], &v[i], 1, t->handle, OPV_PARAM(0));
	if (!prepared)
		return opv_vector(t->d, vec, count, road == THIS_CPU ? OPV_THIS_CPU : t->cpu);
	ret = opv_prepare(&p, t->d, vec, count);
	return ret ? ret : opv_run_prepared(&p, own, road == PREPARED_CPU ? t->cpu : OPV_THIS_CPU);
}

static int ended[3];

static bool same(const struct target *t, const struct vop *v, int count, const struct state *before,
		 const struct state *want, int want_ret, enum road road)
{
	char own[OWN] __attribute__((__aligned__(8)));
	bool fence = road == FENCE || road == PREPARED_FENCE;
	int ret, i;

	memcpy(t->data, before->data, DATA);
	memcpy(own, before->own, OWN);
	if (fence)
		opv_force(OPV_ENGINE_FENCE, 100);
	ret = run(t, v, count, road, own);
	if (fence)
		opv_force(OPV_ENGINE_FENCE, 0);
	if (ret == want_ret && !memcmp(t->data, want->data, DATA) && !memcmp(own, want->own, OWN))
		return true;
	diag("%s: result %d, wanted %d; memory %s, own %s", roads[road], ret, want_ret,
	     memcmp(t->data, want->data, DATA) ? "differs" : "is right",
	     memcmp(own, want->own, OWN) ? "differs" : "is right");
	for (i = 0; i < count; i++)
		diag("  [%d] op %d len %u at %zu and %zu, n 0x%llx", i, v[i].op, v[i].len, v[i].a,
		     v[i].b, (unsigned long long)v[i].n);
	return false;
}

static void test_random(const struct target *t, int nr, const char *what)
{
	struct opv_counts from, to;
	bool good = true;
	int i, road, ret;

	opv_counts(OPV_ALL_CPUS, &from, sizeof(from));
	for (i = 0; i < nr && good; i++) {
		struct state before, want;
		struct vop v[16];
		int count = make_vector(v);

		rnd_fill(&state, &before, sizeof(before));
		want = before;
		ret = model(v, count, &want);
		ended[ret < 0 ? 0 : ret > 0 ? 1 : 2]++;
		for (road = 0; road < NR_ROADS && good; road++)
			good = same(t, v, count, &before, &want, ret, road);
	}
	opv_counts(OPV_ALL_CPUS, &to, sizeof(to));
	ok(good, "%s: %d random vectors by %d roads do what the model does", what, i, NR_ROADS);
	diag("%llu by the local engine, %llu by the fence engine",
	     (unsigned long long)(to.engine_local - from.engine_local),
	     (unsigned long long)(to.engine_fence - from.engine_fence));
}

static bool aim(struct target *t, uint32_t flags)
{
	struct opv_domain_options options = { .size = sizeof(options), .flags = flags };
	void *handle;

	if (opv_domain_create(&t->d, &options) || opv_alloc(t->d, DATA, 64, &handle))
		return false;
	t->handle = handle;
	t->cpu = here;
	t->data = opv_ptr_(handle, here);
	return true;
}

/* For each engine: name is for what is said. */
static void by_each(void (*fn)(const struct target *t, const char *name), const struct target *t)
{
	fn(t, "usual");
	opv_force(OPV_ENGINE_FENCE, 100);
	fn(t, "forced to the fence engine");
	opv_force(OPV_ENGINE_FENCE, 0);
}

/* The count, mask or bits of an operation as a parameter; a run gives another one each time. */
static void test_operand(const struct target *t, const char *name)
{
	uint64_t params[OPV_NR_PARAMS] = { 0 }, *data = (uint64_t *)t->data;
	int op, i, bad = 0;

	for (op = 0; op < NR_CPU_OPS; op++) {
		struct vop v = { op, 8, 0, 0, 0 };
		struct opv_prepared p;
		struct cpu_op vec;
		int want = vop_is_pair(op) || op == CPU_MB_OP ? -EINVAL : 0;

		build(&vec, &v, 1, t->handle, NULL);
		if (opv_prepare(&p, t->d, &vec, 1) || opv_prepare_operand(&p, 0, 15) != want)
			bad++;
		for (i = 0; i < 100 && !want; i++) {
			uint64_t value = rnd_value(&state), n = rnd_value(&state);
			bool shift = vop_infos[op].shape == VSHAPE_SHIFT;

			data[0] = value;
			params[15] = n;
			bad += opv_run_prepared(&p, params, OPV_THIS_CPU) != 0;
			bad += data[0] != vop_value(op, value, shift ? n % 64 : n, 64);
			bad += params[15] != n;
		}
	}
	is(bad, 0, "operands are parameters for those operations that have one (%s)", name);
}

/* A parameter that is written is written in the array, and nothing beside it. */
static void test_written(const struct target *t, const char *name)
{
	uint64_t params[OPV_NR_PARAMS], *data = (uint64_t *)t->data;
	uint64_t *h = (uint64_t *)t->handle;
	struct cpu_op vec[] = {
		opv_op_memcpy(OPV_PARAM(3), h, 8),
		opv_op_memcpy(h, OPV_PARAM(4), 8),
		opv_op_add(h + 1, 2, 8),
		opv_op_memcpy(OPV_PARAM(5), h + 1, 4),
		opv_op_add(OPV_PARAM(6), 5, 2),
	};
	struct opv_prepared p;
	int ret;

	memset(params, 0x77, sizeof(params));
	data[0] = 11;
	data[1] = UINT64_C(0x100000005);
	params[4] = 22;
	ret = opv_prepare(&p, t->d, vec, 5);
	ret = ret ? ret : opv_run_prepared(&p, params, here);
	ok(!ret && params[3] == 11 && data[0] == 22 && data[1] == UINT64_C(0x100000007) &&
	   params[5] == UINT64_C(0x7777777700000007) && params[6] == UINT64_C(0x777777777777777c) &&
	   params[2] == UINT64_C(0x7777777777777777) && params[7] == params[2],
	   "parameters that are written are in the array (%s)", name);
}

/* An instance of each CPU of the domain, also of those that never are online. */
static void test_instances(const struct target *t, const char *name)
{
	struct cpu_op vec[] = {
		opv_op_add(t->handle, 3, 8),
		opv_op_add(t->handle + 8, 4, 8),
	};
	int cpu, bad = 0, nr = opv_domain_cpus(t->d);
	struct opv_prepared p;

	bad += opv_prepare(&p, t->d, vec, 2) != 0;
	for (cpu = 0; cpu < nr; cpu++) {
		uint64_t *data = opv_ptr_(t->handle, cpu), was[2] = { data[0], data[1] };

		bad += opv_run_prepared(&p, NULL, cpu) != 0;
		bad += data[0] != was[0] + 3 || data[1] != was[1] + 4;
	}
	is(bad, 0, "a handle is the instance of the CPU that it is run as (%s)", name);
	is(opv_run_prepared(&p, NULL, nr), -EINVAL, "no such CPU (%s)", name);
	is(opv_run_prepared(&p, NULL, -3), -EINVAL, "a CPU that is no number (%s)", name);
}

/* A node that is unmapped by the time that the list no longer leads to it. */
static void test_unmapped(const struct target *t, const char *name)
{
	uint64_t *node = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	uint64_t expect = (uintptr_t)node, *head = (uint64_t *)t->data;
	struct cpu_op vec[] = {
		opv_op_compare_eq(t->handle, OPV_PARAM(0), 8),
		opv_op_expect_fault(opv_op_memcpy(t->handle, node, 8)),
		opv_op_add(t->handle + 8, -1, 8),
	};
	struct opv_prepared p;
	bool good;

	*node = 0;
	head[0] = expect;
	head[1] = 1;
	is(opv_prepare(&p, t->d, vec, 3), 0, "a list pop is prepared (%s)", name);
	good = !opv_run_prepared(&p, &expect, here) && head[0] == 0 && head[1] == 0;
	ok(good, "and done (%s)", name);
	munmap(node, 4096);
	is(opv_run_prepared(&p, &expect, here), 1,
	   "once the node is unmapped the compare stops it (%s)", name);

	vec[0] = opv_op_compare_eq(head, &expect, 8);
	vec[1] = opv_op_expect_fault(opv_op_memcpy(head, node, 8));
	vec[2] = opv_op_add(head + 1, -1, 8);
	is(opv_vector(t->d, vec, 3, here), -EAGAIN, "ad hoc it is EAGAIN (%s)", name);
	vec[1] = opv_op_memcpy(head, node, 8);
	is(opv_vector(t->d, vec, 3, here), -EFAULT, "and EFAULT without expect_fault (%s)", name);
	ok(head[0] == 0 && head[1] == 0, "nothing was done (%s)", name);
}

/* What is wrong behind a compare that stops is wrong all the same. */
static void test_invalid(const struct target *t, const char *name)
{
	uint64_t *data = (uint64_t *)t->data, one = 1, before[4];
	int i, bad = 0;

	memset(data, 0, 32);
	memcpy(before, data, 32);
	for (i = 0; i < 6; i++) {
		struct cpu_op vec[3] = {
			opv_op_add(data + 1, 1, 8),
			opv_op_compare_eq(data, &one, 8),
			opv_op_add(data, 1, 8),
		};
		int want = -EINVAL;

		if (i == 0)
			vec[2].op = NR_CPU_OPS;
		else if (i == 1)
			vec[2].op = -1;
		else if (i == 2)
			vec[2].len = 3;
		else if (i == 3)
			vec[2] = opv_op_lshift(data, 64, 8);
		else if (i == 4)
			vec[2].len = 0;
		else
			vec[2].u.arithmetic_op.p = 8, want = -EFAULT;
		bad += opv_vector(t->d, vec, 3, here) != want;
		bad += memcmp(before, data, 32) != 0;
	}
	is(bad, 0, "an operation behind a compare that stops is checked too (%s)", name);
}

static void test_errors(const struct target *t)
{
	struct opv_prepared p, q;
	struct cpu_op add = opv_op_add(t->handle, 1, 8), vec[17];
	uint64_t *other;
	struct opv_domain *d;
	int i;

	for (i = 0; i < 17; i++)
		vec[i] = add;
	is(opv_prepare(&p, t->d, vec, 0), -EINVAL, "no operation");
	is(opv_prepare(&p, t->d, vec, -1), -EINVAL, "less than none");
	is(opv_prepare(&p, t->d, vec, 17), -EINVAL, "more than sixteen");
	is(opv_prepare(&p, t->d, (struct cpu_op *)8, 1), -EFAULT, "a vector that is not there");
	vec[0].op = NR_CPU_OPS;
	is(opv_prepare(&p, t->d, vec, 1), -EINVAL, "no such operation");
	vec[0] = opv_op_memcpy(t->data, t->data, 4097);
	is(opv_prepare(&p, t->d, vec, 1), -EINVAL, "a length that there is not");
	vec[0] = opv_op_add((void *)8, 1, 8);
	is(opv_prepare(&p, t->d, vec, 1), -EFAULT, "an operand that is not there");
	vec[0] = opv_op_expect_fault(vec[0]);
	is(opv_prepare(&p, t->d, vec, 1), -EAGAIN, "one that may be stale");
	vec[0] = opv_op_add(OPV_PARAM(OPV_NR_PARAMS), 1, 8);
	is(opv_prepare(&p, t->d, vec, 1), -EFAULT, "a parameter too many");
	vec[0] = opv_op_add((char *)OPV_PARAM(15) + 1, 1, 8);
	is(opv_prepare(&p, t->d, vec, 1), -EFAULT, "a parameter that ends too late");
	vec[0] = opv_op_add(opv_handle(t->d, 0), 1, 8);
	is(opv_prepare(&p, t->d, vec, 1), -EFAULT, "a handle of control words");
	if (!opv_domain_create(&d, NULL) && !opv_new(d, &other)) {
		vec[0] = opv_op_add(other, 1, 8);
		is(opv_prepare(&p, t->d, vec, 1), -EFAULT, "a handle of another domain");
	}
	is(opv_prepare(&q, t->d, &add, 1), 0, "one that is good");
	is(opv_prepare_operand(&q, 1, 0), -EINVAL, "an operand of no operation");
	is(opv_prepare_operand(&q, -1, 0), -EINVAL, "an operand of one before the first");
	is(opv_prepare_operand(&q, 0, OPV_NR_PARAMS), -EINVAL, "an operand that is no parameter");
	is(opv_prepare_operand(&q, 0, -1), -EINVAL, "nor this one");
	p = q;
	memset(t->data, 0, 8);
	memset(&q, 0xff, sizeof(q));
	ok(!opv_run_prepared(&p, NULL, here) && *(uint64_t *)t->data == 1, "a copy of it runs");
}

int main(int argc, char **argv)
{
	struct target private, shared;
	int nr = argc > 2 ? atoi(argv[2]) : 100000;

	state = seed_from(argc, argv);
	here = allowed_cpu(0);
	pin_to(here);
	if (!ok(aim(&private, 0) && aim(&shared, OPV_DOMAIN_SHARED), "domains"))
		return done();
	test_random(&private, nr, "domain");
	test_random(&shared, nr, "shared domain");
	ok(ended[0] && ended[1] && ended[2], "%d were errors, %d stopped, %d were done", ended[0],
	   ended[1], ended[2]);
	by_each(test_operand, &private);
	by_each(test_written, &private);
	by_each(test_instances, &private);
	by_each(test_unmapped, &private);
	by_each(test_unmapped, &shared);
	by_each(test_invalid, &private);
	test_errors(&private);
	return done();
}
