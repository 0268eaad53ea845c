// SPDX-License-Identifier: MIT
/*
 * Prepared vectors: random ones of handles and parameters, run as every kind of
 * CPU on every road, against the model.  Arguments: seed, vectors a road.
 */
#define _GNU_SOURCE
#include "ops.h"

#include <opv/prepared.h>

#include "vmodel.h"

#define SMALL	96			/* bytes of the instance that operands are in */
#define ARENA	(SMALL + 8 * OPV_NR_PARAMS)	/* the model has the parameters behind it */
#define FREE	8			/* parameters below are operands, those above counts */

static struct opv_domain *domain;
static int nr_cpus, here, other;
static char *handle;
static uint64_t state;

static uint64_t below(uint64_t n)
{
	return rnd(&state) % n;
}

/* In the instance, or where a parameter begins. */
static size_t make_place(uint32_t len)
{
	if (len <= 8 && !below(4))
		return SMALL + 8 * below(FREE);
	return below(SMALL - len + 1);
}

static void make_op(struct vop *v)
{
	v->op = (int)below(NR_CPU_OPS);
	v->len = vop_is_pair(v->op) && !below(3) ? (uint32_t)below(40) : (uint32_t)1 << below(4);
	v->a = make_place(v->len);
	v->b = v->op == CPU_COMPARE_EQ_OP && below(8) ? v->a : make_place(v->len);
	v->n = vop_infos[v->op].shape == VSHAPE_SHIFT ? below(8 * v->len) : rnd_value(&state);
}

static bool has_count(const struct vop *v)
{
	return !vop_is_pair(v->op) && vop_infos[v->op].shape != VSHAPE_NONE;
}

static uint64_t address(size_t place)
{
	return place < SMALL ? (uintptr_t)handle + place : (uintptr_t)OPV_PARAM((place - SMALL) / 8);
}

/* The builders take pointers; here a place is a handle or a parameter. */
static struct cpu_op build(const struct vop *v)
{
	struct cpu_op op = vop_build(v, handle);

	if (vop_infos[v->op].shape == VSHAPE_NONE)
		return op;
	op.u.memcpy_op.dst = address(v->a);
	if (vop_is_pair(v->op))
		op.u.memcpy_op.src = address(v->b);
	return op;
}

/* Some of the counts are parameters; the model gets what they hold. */
static bool add_counts(struct opv_prepared *p, struct vop *v, int count, const char *arena)
{
	uint64_t value;
	bool good = true;
	int i, param;

	for (i = 0; i < count; i++) {
		if (!has_count(&v[i]) || below(2))
			continue;
		param = FREE + (int)below(OPV_NR_PARAMS - FREE);
		good &= !opv_prepare_operand(p, i, param);
		memcpy(&value, arena + SMALL + 8 * param, 8);
		v[i].n = vop_infos[v[i].op].shape == VSHAPE_SHIFT ? value % (8 * v[i].len) : value;
	}
	return good;
}

static bool try_one(const struct opv_prepared *p, const char *before, const char *want, int want_ret,
		    int cpu)
{
	int as = cpu == OPV_THIS_CPU ? here : cpu, k, ret;
	uint64_t params[OPV_NR_PARAMS];
	bool good = true;

	for (k = 0; k < nr_cpus; k++)
		memcpy(opv_ptr(handle, k), before, SMALL);
	memcpy(params, before + SMALL, sizeof(params));
	ret = opv_run_prepared(p, params, cpu);
	for (k = 0; k < nr_cpus; k++)
		good &= !memcmp(opv_ptr(handle, k), k == as ? want : before, SMALL);
	good &= !memcmp(params, want + SMALL, sizeof(params));
	if (good && ret == want_ret)
		return true;
	diag("as CPU %d: result %d, wanted %d; memory %s", cpu, ret, want_ret,
	     good ? "is right" : "differs");
	return false;
}

static void show(const struct vop *v, int count)
{
	int i;

	for (i = 0; i < count; i++)
		diag("  [%d] %s len %u at %zu and %zu, n 0x%llx", i, vop_infos[v[i].op].name, v[i].len,
		     v[i].a, v[i].b, (unsigned long long)v[i].n);
}

static int stopped, ended;

static bool one_vector(void)
{
	const int as[] = { OPV_THIS_CPU, here, other < 0 ? here : other, nr_cpus - 1 };
	char before[ARENA], want[ARENA];
	struct opv_prepared p;
	struct cpu_op vec[16];
	struct vop v[16];
	int count = (int)below(16) + 1, i, ret;
	bool good;

	rnd_fill(&state, before, ARENA);
	memcpy(want, before, ARENA);
	for (i = 0; i < count; i++) {
		make_op(&v[i]);
		vec[i] = build(&v[i]);
	}
	good = !opv_prepare(&p, domain, vec, count) && add_counts(&p, v, count, before);
	ret = vmodel(v, count, want);
	stopped += ret > 0;
	ended += !ret;
	for (i = 0; good && i < 4; i++)
		good &= try_one(&p, before, want, ret, as[i]);
	if (!good)
		show(v, count);
	return good;
}

static void test_refusals(void)
{
	struct cpu_op add = opv_op_add(handle, 1, 8), copy = opv_op_memcpy(handle, OPV_PARAM(0), 8);
	struct cpu_op bad = add;
	struct opv_prepared p;
	struct opv_domain *d2;
	char *foreign;

	ok(!opv_prepare(&p, domain, &add, 1) && opv_run_prepared(&p, NULL, nr_cpus) == -EINVAL &&
	   opv_run_prepared(&p, NULL, -2) == -EINVAL, "CPUs that cannot be: EINVAL");
	ok(opv_prepare_operand(&p, 1, 0) == -EINVAL && opv_prepare_operand(&p, -1, 0) == -EINVAL &&
	   opv_prepare_operand(&p, 0, OPV_NR_PARAMS) == -EINVAL && opv_prepare_operand(&p, 0, -1) == -EINVAL,
	   "operations and parameters that are none: EINVAL");
	ok(!opv_prepare(&p, domain, &copy, 1) && opv_prepare_operand(&p, 0, 0) == -EINVAL,
	   "a copy has no count");
	bad.op = NR_CPU_OPS;
	is(opv_prepare(&p, domain, &bad, 1), -EINVAL, "an unknown operation: EINVAL");
	is(opv_prepare(&p, domain, &add, 17), -EINVAL, "17 operations: EINVAL");
	is(opv_prepare(&p, domain, NULL, 1), -EFAULT, "a vector that is not there: EFAULT");
	bad = opv_op_add(NULL, 1, 8);
	is(opv_prepare(&p, domain, &bad, 1), -EFAULT, "an operand that is not there: EFAULT");
	bad = opv_op_expect_fault(bad);
	is(opv_prepare(&p, domain, &bad, 1), -EAGAIN, "expected: EAGAIN");
	opv_domain_create(&d2, NULL);
	opv_alloc(d2, 8, 8, &foreign);
	bad = opv_op_add(foreign, 1, 8);
	is(opv_prepare(&p, domain, &bad, 1), -EFAULT, "a handle of another domain: EFAULT");
	bad = opv_op_add(opv_ptr(foreign, 0), 1, 8);
	is(opv_prepare(&p, domain, &bad, 1), -EFAULT, "data of another domain, written: EFAULT");
	bad = opv_op_memcpy(handle, (char *)OPV_PARAM(OPV_NR_PARAMS - 1) + 1, 8);
	is(opv_prepare(&p, domain, &bad, 1), -EFAULT, "more than the last parameter has: EFAULT");
	bad = opv_op_add(OPV_PARAM(OPV_NR_PARAMS), 1, 1);
	is(opv_prepare(&p, domain, &bad, 1), -EFAULT, "a parameter that is none: EFAULT");
	opv_domain_destroy(d2);
}

int main(int argc, char **argv)
{
	int road, i, nr = argc > 2 ? atoi(argv[2]) : 5000;
	bool good;

	state = seed_from(argc, argv);
	here = allowed_cpu(1) >= 0 ? allowed_cpu(1) : allowed_cpu(0);
	other = allowed_cpu(1) >= 0 ? allowed_cpu(0) : -1;
	pin_to(here);
	domain = wide_domain(&nr_cpus);
	count_as_domain(&here, &other);
	if (!ok(domain && !opv_alloc(domain, SMALL, 8, &handle),
		"a domain with CPUs that are never online"))
		return done();
	errno = 4242;
	for (road = ROAD_USUAL; road < OPV_NR_ENGINES; road++) {
		if (!take_road(road))
			continue;
		for (i = 0, good = true; good && i < nr; i++)
			good = one_vector();
		ok(good, "%s: %d random prepared vectors do what the model does, as four CPUs",
		   road_name(road), i);
		leave_road(road);
	}
	ok(stopped && ended, "%d stopped, %d were done", stopped, ended);
	test_refusals();
	is(errno, 4242, "errno was left alone by all of it");
	return done();
}
