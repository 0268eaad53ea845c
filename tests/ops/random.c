// SPDX-License-Identifier: MIT
/*
 * Random vectors, valid and not: the library, on every road and as every kind of
 * CPU, against the model.  Arguments: seed, vectors a road (default 10000).
 */
#define _GNU_SOURCE
#include "ops.h"

#include "vmodel.h"

#define ARENA	(3 * 4096)
#define SMALL	96		/* where most operands meet */

static struct opv_domain *domain;
static int nr_cpus, here, other;
static char arena[ARENA] __attribute__((__aligned__(4096))), want[ARENA], before[ARENA];
static uint64_t state;

static uint64_t below(uint64_t n)
{
	return rnd(&state) % n;
}

static uint32_t make_length(const struct vop *v)
{
	static const uint32_t bad[] = { 3, 5, 6, 7, 9, 16, 4097, 0x80000000, 0xffffffff };

	if (!below(200))
		return bad[below(9)];
	if (!vop_is_pair(v->op))
		return (uint32_t)1 << below(4);
	return !below(30) ? (uint32_t)below(4097) : !below(4) ? (uint32_t)below(40) :
							       (uint32_t)1 << below(4);
}

/* Operands that meet often; compares that mostly go on. */
static void make_op(struct vop *v)
{
	size_t room;

	v->op = (int)below(NR_CPU_OPS);
	v->len = make_length(v);
	room = v->len > SMALL / 2 ? ARENA - 4096 : SMALL;
	v->a = below(room);
	v->b = below(room);
	if (vop_infos[v->op].shape == VSHAPE_SHIFT)
		v->n = below(200) ? below(8 * (v->len <= 8 ? v->len : 8)) : below(100);
	else
		v->n = rnd_value(&state);
	if (v->op == CPU_COMPARE_EQ_OP && below(8))
		v->b = v->a;
}

static int make_vector(struct vop *v)
{
	int count = below(100) ? (int)below(17) : 17, i;

	for (i = 0; i < count; i++)
		make_op(&v[i]);
	return count;
}

static void show(const struct vop *v, int count)
{
	int i;

	for (i = 0; i < count; i++)
		diag("  [%d] %s len %u at %zu and %zu, n 0x%llx", i, vop_infos[v[i].op].name, v[i].len,
		     v[i].a, v[i].b, (unsigned long long)v[i].n);
}

static bool try_one(const struct vop *v, int count, int want_ret, int cpu)
{
	struct cpu_op vec[17];
	int i, ret;

	memcpy(arena, before, ARENA);
	for (i = 0; i < count; i++)
		vec[i] = vop_build(&v[i], arena);
	ret = opv_vector(domain, vec, count, cpu);
	if (ret == want_ret && !memcmp(arena, want, ARENA))
		return true;
	diag("as CPU %d: result %d, wanted %d; memory %s", cpu, ret, want_ret,
	     memcmp(arena, want, ARENA) ? "differs" : "is right");
	show(v, count);
	return false;
}

/* How many vectors ended in which way: a generator that makes only errors tests nothing. */
static int ended[3];

static bool one_vector(void)
{
	const int as[] = { OPV_THIS_CPU, here, other < 0 ? here : other, nr_cpus - 1 };
	struct vop v[17];
	int count = make_vector(v), ret, k;
	bool good = true;

	rnd_fill(&state, before, below(20) ? SMALL * 2 : ARENA);
	memcpy(want, before, ARENA);
	ret = vmodel(v, count, want);
	ended[ret < 0 ? 0 : ret > 0 ? 1 : 2]++;
	for (k = 0; good && k < 4; k++)
		good &= try_one(v, count, ret, as[k]);
	return good;
}

int main(int argc, char **argv)
{
	int road, i, nr = argc > 2 ? atoi(argv[2]) : 10000;
	bool good;

	state = seed_from(argc, argv);
	here = allowed_cpu(1) >= 0 ? allowed_cpu(1) : allowed_cpu(0);
	other = allowed_cpu(1) >= 0 ? allowed_cpu(0) : -1;
	pin_to(here);
	domain = wide_domain(&nr_cpus);
	count_as_domain(&here, &other);
	if (!ok(domain != NULL, "a domain with CPUs that are never online"))
		return done();
	for (road = ROAD_USUAL; road < OPV_NR_ENGINES; road++) {
		if (!take_road(road))
			continue;
		for (i = 0, good = true; good && i < nr; i++)
			good = one_vector();
		ok(good, "%s: %d random vectors do what the model does, as four CPUs", road_name(road),
		   i);
		leave_road(road);
	}
	ok(ended[0] && ended[1] && ended[2], "%d were errors, %d stopped, %d were done", ended[0],
	   ended[1], ended[2]);
	return done();
}
