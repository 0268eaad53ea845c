// SPDX-License-Identifier: MIT
/*
 * Every operation of a vector at every width and every way of lying in memory,
 * on every road, as this, another and an offline CPU, against the model.
 */
#define _GNU_SOURCE
#include "ops.h"

#include <sys/mman.h>

#include "vmodel.h"

#define PAGE	4096
#define ARENA	(8 * PAGE)
#define A_AT	PAGE		/* operands lie around these */
#define B_AT	(5 * PAGE)

static struct opv_domain *domain;
static int nr_cpus, here, other;
static char *arena, *want;
static uint64_t state;

static const int shifts[] = { 0, 1, 2, 3, 4, 5, 6, 7, 8, -1, -2, -3, -4, -5, -6, -7, -8, 63 };
static const uint32_t lengths[] = {
	0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 15, 16, 17, 31, 32, 33, 63, 64, 65, 255, 4095, 4096,
};
#define NR(a) ((int)(sizeof(a) / sizeof((a)[0])))

/* want already has what the arena is to hold before. */
static bool same_as_model(const struct vop *v, int count, int cpu)
{
	struct cpu_op vec[16];
	int i, ret, want_ret;

	memcpy(arena, want, ARENA);
	for (i = 0; i < count; i++)
		vec[i] = vop_build(&v[i], arena);
	want_ret = vmodel(v, count, want);
	ret = opv_vector(domain, vec, count, cpu);
	if (ret == want_ret && !memcmp(arena, want, ARENA))
		return true;
	diag("%s len %u at %zu and %zu, n 0x%llx, as CPU %d: result %d, wanted %d; memory %s",
	     vop_infos[v->op].name, v->len, v->a, v->b, (unsigned long long)v->n, cpu, ret,
	     want_ret, memcmp(arena, want, ARENA) ? "differs" : "is right");
	return false;
}

/* Values around the operand differ each time; the rest of the arena does not matter. */
static void refresh(void)
{
	rnd_fill(&state, want + A_AT - 64, 192);
	rnd_fill(&state, want + B_AT - 64, 192);
}

static bool test_arith(int op, uint32_t len, int cpu)
{
	bool shift = vop_infos[op].shape == VSHAPE_SHIFT;
	struct vop v = { .op = op, .len = len };
	uint64_t value;
	int i, k;

	for (i = 0; i < NR(shifts); i++)
		for (k = 0; k < 24; k++) {
			refresh();
			v.a = (size_t)(A_AT + shifts[i]);
			value = rnd_value(&state);
			memcpy(want + v.a, &value, len);
			v.n = shift ? (k == 0 ? 0 : k == 1 ? 8 * len - 1 : rnd(&state) % (8 * len)) :
				      rnd_value(&state);
			if (!same_as_model(&v, 1, cpu))
				return false;
		}
	return true;
}

/* k 0: the operands are equal; 1: they differ in one bit, anywhere; 2: in the last byte. */
static void make_pair(const struct vop *v, int k)
{
	size_t at = k == 1 ? rnd(&state) % v->len : v->len - 1;

	memcpy(want + v->b, want + v->a, v->len);
	if (v->len && k)
		want[v->b + at] ^= (char)(1 << rnd(&state) % 8);
}

static bool test_pair(int op, uint32_t len, int cpu)
{
	struct vop v = { .op = op, .len = len };
	int i, j, k;

	for (i = 0; i < NR(shifts); i += 1 + (len > 64) * 3)
		for (j = (int)(rnd(&state) % 3); j < NR(shifts); j += 3)
			for (k = 0; k < (len ? 3 : 1); k++) {
				rnd_fill(&state, want, len > 64 ? ARENA : 0);
				refresh();
				v.a = (size_t)(A_AT + shifts[i]);
				v.b = (size_t)(B_AT + shifts[j]);
				make_pair(&v, k);
				if (!same_as_model(&v, 1, cpu))
					return false;
			}
	return true;
}

/* A copy between ranges that overlap copies what was there before it began. */
static bool test_overlap(int op, uint32_t len, int cpu)
{
	static const int distances[] = { -9, -8, -7, -4, -2, -1, 0, 1, 2, 4, 7, 8, 9 };
	struct vop v = { .op = op, .len = len, .a = A_AT };
	int i;

	for (i = 0; i < NR(distances); i++) {
		rnd_fill(&state, want, ARENA);
		v.b = (size_t)(A_AT + distances[i]);
		if (!same_as_model(&v, 1, cpu))
			return false;
	}
	return true;
}

static bool test_op(int op, int cpu)
{
	static const uint32_t widths[] = { 1, 2, 4, 8 };
	struct vop none = { .op = op, .len = 12345 };
	bool good = true;
	int i;

	if (vop_infos[op].shape == VSHAPE_NONE)
		return same_as_model(&none, 1, cpu);
	if (!vop_is_pair(op)) {
		for (i = 0; i < NR(widths); i++)
			good &= test_arith(op, widths[i], cpu);
		return good;
	}
	for (i = 0; i < NR(lengths); i++) {
		good &= test_pair(op, lengths[i], cpu);
		good &= vop_infos[op].shape != VSHAPE_COPY || test_overlap(op, lengths[i], cpu);
	}
	return good;
}

/* Each operation sees what those before it did. */
static void test_order(int road)
{
	struct vop v[16];
	bool good = true;
	int i;

	memset(want, 0, ARENA);
	for (i = 0; i < 16; i++)
		v[i] = (struct vop){ CPU_MEMCPY_OP, 8, (size_t)(8 * (i + 1)), (size_t)(8 * i), 0 };
	memcpy(want, "through!", 8);
	good &= same_as_model(v, 16, here) && !memcmp(arena + 128, "through!", 8);
	memset(want, 0, ARENA);
	want[0] = 1;
	for (i = 0; i < 16; i++)
		v[i] = (struct vop){ CPU_LSHIFT_OP, 8, 0, 0, 3 };
	good &= same_as_model(v, 16, here) && arena[6] == 1;
	ok(good, "%s: operations are done in order", road_name(road));
}

/* The compare that stops it, wherever it stands: what comes before is done, what follows not. */
static void test_stop(int road)
{
	struct vop v[16];
	bool good = true;
	int at, i;

	for (at = 0; at < 16; at++) {
		memset(want, 0, ARENA);
		for (i = 0; i < 16; i++)
			v[i] = (struct vop){ CPU_ADD_OP, 8, (size_t)(16 + 8 * i), 0, 1 };
		v[at] = (struct vop){ at & 1 ? CPU_COMPARE_EQ_OP : CPU_COMPARE_NE_OP, 8, 0,
				      at & 1 ? 16 : 8, 0 };
		good &= same_as_model(v, 16, here) && arena[16 + 8 * 15] == 0;
		good &= at < 2 || arena[16] == 1;
	}
	ok(good, "%s: a compare stops the vector where it stands", road_name(road));
}

/* Data of a domain, as the CPU that it is of and as another. */
static void test_domain_data(int road)
{
	struct cpu_op vec[2];
	uint64_t *h;
	int as[] = { here, other < 0 ? here : other, nr_cpus - 1 }, i;
	bool good = !opv_new(domain, &h);

	for (i = 0; good && i < 3; i++) {
		*opv_ptr(h, as[i]) = 40;
		vec[0] = opv_op_add(opv_ptr(h, as[i]), 2, 8);
		vec[1] = opv_op_compare_eq(opv_ptr(h, as[i]), opv_ptr(h, as[i]), 8);
		good &= !opv_vector(domain, vec, 2, as[i]) && *opv_ptr(h, as[i]) == 42;
		good &= !opv_vector(domain, vec, 2, here) && *opv_ptr(h, as[i]) == 44;
	}
	ok(good, "%s: instances of a handle are operands", road_name(road));
	opv_free(domain, h);
}

static void test_road(int road)
{
	int as[] = { OPV_THIS_CPU, here, other, nr_cpus - NEVER_ONLINE, nr_cpus - 1 };
	int op, k;
	bool good;

	for (op = 0; op < NR_CPU_OPS; op++) {
		good = true;
		for (k = 0; k < 5; k++)
			if (as[k] != other || other >= 0)
				good &= test_op(op, as[k]);
		ok(good, "%s, %s: every length and alignment, as this, another and offline CPUs",
		   vop_infos[op].name, road_name(road));
	}
	test_order(road);
	test_stop(road);
	test_domain_data(road);
}

int main(int argc, char **argv)
{
	int road;

	state = seed_from(argc, argv);
	here = allowed_cpu(1) >= 0 ? allowed_cpu(1) : allowed_cpu(0);
	other = allowed_cpu(1) >= 0 ? allowed_cpu(0) : -1;
	if (other < 0)
		skip("vectors as another online CPU", "there is one CPU only");
	pin_to(here);
	domain = wide_domain(&nr_cpus);
	count_as_domain(&here, &other);
	arena = mmap(NULL, ARENA, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	want = malloc(ARENA);
	if (!ok(domain && arena != MAP_FAILED && want, "a domain with CPUs that are never online"))
		return done();
	memset(want, 0, ARENA);
	errno = 4242;
	for (road = ROAD_USUAL; road < OPV_NR_ENGINES; road++) {
		if (!take_road(road))
			continue;
		test_road(road);
		leave_road(road);
	}
	is(errno, 4242, "errno was left alone by all of it");
	return done();
}
