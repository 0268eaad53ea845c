// SPDX-License-Identifier: MIT
/*
 * cpu_opv() as the tests of 2018 knew it: the same cases in the same order, then
 * what is its own and not opv_vector()'s: flags, and the caller's affinity mask.
 */
#define _GNU_SOURCE
#include "ops.h"

#include <limits.h>
#include <sys/mman.h>
#include <unistd.h>

#define BUFFER		4096
#define HUGE_PAGE	(2 << 20)
#define NR_PAGES	256

static char buf_a[BUFFER], buf_b[BUFFER];
static char untouched_a[NR_PAGES][4096] __attribute__((__aligned__(4096)));
static char untouched_b[NR_PAGES][4096] __attribute__((__aligned__(4096)));

/* As a program of that time would: on the current CPU, again when it is told to. */
static int run(struct cpu_op *vec, int count)
{
	int ret;

	do {
		ret = cpu_opv(vec, count, sched_getcpu(), 0);
	} while (ret == -EAGAIN);
	return ret;
}

#define RUN(...)								\
	({									\
		struct cpu_op vec_[] = { __VA_ARGS__ };				\
		run(vec_, sizeof(vec_) / sizeof(vec_[0]));			\
	})

static void fill(bool same)
{
	memset(buf_a, 0x11, BUFFER);
	memset(buf_b, 0x11, BUFFER);
	buf_b[BUFFER - 1] ^= same ? 0 : 1;
}

static void test_compares(void)
{
	char *a = buf_a, *b = buf_b;

	fill(true);
	is(RUN(opv_op_compare_eq(a, b, BUFFER)), 0, "compare_eq of what is the same goes on");
	is(RUN(opv_op_compare_ne(a, b, BUFFER)), 1, "compare_ne of what is the same stops");
	fill(false);
	is(RUN(opv_op_compare_eq(a, b, BUFFER)), 1, "compare_eq of what differs stops");
	is(RUN(opv_op_compare_ne(a, b, BUFFER)), 0, "compare_ne of what differs goes on");
	is(RUN(opv_op_compare_eq(a, b, BUFFER), opv_op_compare_eq(a, a, 8)), 1,
	   "the first of two compare_eq stops");
	is(RUN(opv_op_compare_eq(a, b, 8), opv_op_compare_eq(a, a, 8)), 0, "two compare_eq go on");
	is(RUN(opv_op_compare_eq(a, a, 8), opv_op_compare_eq(a + BUFFER - 8, b + BUFFER - 8, 8)), 2,
	   "the second of two compare_eq stops");
	is(RUN(opv_op_compare_ne(a, b, 8), opv_op_compare_ne(a + BUFFER - 8, b + BUFFER - 8, 8)), 1,
	   "the first of two compare_ne stops");
	is(RUN(opv_op_compare_ne(a + BUFFER - 8, b + BUFFER - 8, 8),
	       opv_op_compare_ne(a + BUFFER - 1, b + BUFFER - 1, 1)), 0, "two compare_ne go on");
	is(RUN(opv_op_compare_ne(a + BUFFER - 8, b + BUFFER - 8, 8), opv_op_compare_ne(a, b, 8)), 2,
	   "the second of two compare_ne stops");
}

static void test_copies(void)
{
	uint64_t v1 = 42, v2 = 0, v3 = 0;
	uint32_t from = 42, to = 0;

	fill(false);
	ok(!RUN(opv_op_memcpy(buf_a, buf_b, BUFFER)) && !memcmp(buf_a, buf_b, BUFFER),
	   "memcpy of 4096 bytes");
	ok(!RUN(opv_op_memcpy(&to, &from, sizeof(to))) && to == 42, "memcpy of 4 bytes");
	ok(!RUN(opv_op_memcpy(&v2, &v1, 8), opv_op_mb(), opv_op_memcpy(&v3, &v2, 8)) && v3 == 42,
	   "memcpy, mb, memcpy of what the first one copied");
}

static void test_arithmetic(void)
{
	int32_t v = 42;

	ok(!RUN(opv_op_add(&v, 1, 4)) && v == 43, "add");
	v = 42;
	ok(!RUN(opv_op_add(&v, 99, 4), opv_op_add(&v, 123, 4)) && v == 42 + 99 + 123, "two adds");
	v = 0xff00000;
	ok(!RUN(opv_op_or(&v, 0xfff, 4)) && v == 0xff00fff, "or");
	v = 0xf00;
	ok(!RUN(opv_op_and(&v, 0xfff, 4)) && v == 0xf00, "and");
	ok(!RUN(opv_op_xor(&v, 0xfff, 4)) && v == 0x0ff, "xor");
	v = 0xf00;
	ok(!RUN(opv_op_lshift(&v, 5, 4)) && v == 0xf00 << 5, "lshift");
	v = 0xf00;
	ok(!RUN(opv_op_rshift(&v, 5, 4)) && v == 0xf00 >> 5, "rshift");
}

static int cmpxchg(uint64_t *v, uint64_t *expect, uint64_t *old, uint64_t *n)
{
	return RUN(opv_op_memcpy(old, v, 8), opv_op_compare_eq(v, expect, 8), opv_op_memcpy(v, n, 8));
}

static void test_cmpxchg(void)
{
	uint64_t v = 1, expect = 1, old = 0, n = 3;

	ok(!cmpxchg(&v, &expect, &old, &n) && v == 3 && old == 1, "cmpxchg that succeeds");
	v = 1;
	old = 0;
	expect = 123;
	ok(cmpxchg(&v, &expect, &old, &n) == 2 && v == 1 && old == 1,
	   "cmpxchg that fails: the compare is the second operation");
}

static void test_errors(void)
{
	struct cpu_op fault = opv_op_memcpy(buf_a, NULL, 8), vec[17];
	int i, v = 0;

	is(cpu_opv(&fault, 1, sched_getcpu(), 0), -EFAULT, "a source that is not there: EFAULT");
	fault.u.memcpy_op.expect_fault_src = 1;
	is(cpu_opv(&fault, 1, sched_getcpu(), 0), -EAGAIN, "the same, expected: EAGAIN");
	fault.op = -1;
	is(run(&fault, 1), -EINVAL, "an unknown operation: EINVAL");
	for (i = 0; i < 17; i++)
		vec[i] = opv_op_add(&v, 1, sizeof(v));
	ok(!run(vec, 16) && v == 16, "16 operations");
	is(run(vec, 17), -EINVAL, "17 operations: EINVAL");
	is(RUN(opv_op_memcpy(buf_a, buf_b, 65537)), -EINVAL, "one operand that is too long: EINVAL");
	is(RUN(opv_op_memcpy(buf_a, buf_b, 4096), opv_op_memcpy(buf_a, buf_b, 4096)), -EINVAL,
	   "operands that are too long together: EINVAL");
}

static void test_first_touch(void)
{
	bool good = true;
	int i;

	for (i = 0; i < NR_PAGES; i++)
		good &= !RUN(opv_op_memcpy(untouched_b[i], untouched_a[i], 4096));
	for (i = 0; i < NR_PAGES - 1; i++)
		good &= !RUN(opv_op_compare_eq(untouched_a[i] + 4094, untouched_b[i] + 4094, 4)) &&
			!untouched_b[i][17];
	ok(good, "pages that were never touched, as source and as destination");
}

static void test_huge_page(void)
{
	char *p = mmap(NULL, HUGE_PAGE, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB, -1, 0);

	if (p == MAP_FAILED) {
		skip("operands in a huge page", "none is set aside (vm.nr_hugepages)");
		return;
	}
	fill(true);
	ok(!RUN(opv_op_memcpy(p + HUGE_PAGE / 2 + 1, buf_a, BUFFER)) &&
	   !RUN(opv_op_compare_eq(p + HUGE_PAGE / 2 + 1, buf_a, BUFFER)) &&
	   !memcmp(p + HUGE_PAGE / 2 + 1, buf_a, BUFFER) && !p[0], "operands in a huge page");
	munmap(p, HUGE_PAGE);
}

/* Transparent ones need no setting aside. */
static void test_transparent_huge_page(void)
{
	char *p = mmap(NULL, 2 * HUGE_PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	char *huge = (char *)(((uintptr_t)p + HUGE_PAGE - 1) & ~(uintptr_t)(HUGE_PAGE - 1));

	madvise(huge, HUGE_PAGE, MADV_HUGEPAGE);
	ok(!RUN(opv_op_memcpy(huge + 4095, buf_a, BUFFER)) && !memcmp(huge + 4095, buf_a, BUFFER),
	   "operands where the kernel may put a huge page");
	munmap(p, 2 * HUGE_PAGE);
}

static void test_flags(void)
{
	struct cpu_op op = opv_op_add(buf_a, 1, 8);
	int bit, both = CPU_OP_NR_FLAG | CPU_OP_VEC_LEN_MAX_FLAG;
	bool good = true;

	is(cpu_opv(NULL, 0, -1, CPU_OP_NR_FLAG), NR_CPU_OPS, "the number of operations");
	is(cpu_opv(NULL, -7, INT_MIN, CPU_OP_VEC_LEN_MAX_FLAG), CPU_OP_VEC_LEN_MAX,
	   "the length of a vector");
	is(cpu_opv(NULL, 99, -1, both), NR_CPU_OPS, "both questions: the first is answered");
	for (bit = 2; bit < 32; bit++) {
		good &= cpu_opv(&op, 1, sched_getcpu(), (int)(1u << bit)) == -EINVAL;
		good &= cpu_opv(&op, 1, sched_getcpu(), (int)(1u << bit) | both) == -EINVAL;
		good &= cpu_opv(NULL, -1, -1, (int)(1u << bit)) == -EINVAL;
	}
	ok(good, "every other flag: EINVAL, before anything else is looked at");
}

static void test_affinity(void)
{
	struct cpu_op op = opv_op_add(buf_a, 1, 8), fault = opv_op_add(NULL, 1, 8);
	int first = allowed_cpu(0), second = allowed_cpu(1);
	cpu_set_t all;

	is(cpu_opv(&op, 1, (int)0xffffffff, 0), -EINVAL, "CPU 0xffffffff: EINVAL");
	if (second < 0) {
		skip("a CPU outside of the caller's affinity mask", "there is one CPU only");
		return;
	}
	sched_getaffinity(0, sizeof(all), &all);
	pin_to(first);
	is(cpu_opv(&op, 1, second, 0), -EINVAL, "a CPU outside of the caller's affinity mask: EINVAL");
	is(cpu_opv(NULL, 0, second, 0), -EINVAL, "for a fence too");
	is(cpu_opv(&fault, 1, second, 0), -EFAULT, "operands are looked at before");
	is(opv_vector(NULL, &op, 1, second), 0, "opv_vector() does not care");
	is(cpu_opv(&op, 1, first, 0), 0, "a CPU in it");
	sched_setaffinity(0, sizeof(all), &all);
	is(cpu_opv(&op, 1, second, 0), 0, "the other one, once it is in the mask");
	is(cpu_opv(&op, 1, OPV_THIS_CPU, 0), -EINVAL, "it has no number for this CPU");
}

/* The default domain is that of any memory, but not of another domain's. */
static void test_domains(void)
{
	struct cpu_op op;
	struct opv_domain *d;
	uint64_t *h, *mine;

	opv_domain_create(&d, NULL);
	opv_new(d, &h);
	opv_new(NULL, &mine);
	op = opv_op_add(opv_ptr(h, 0), 1, 8);
	is(cpu_opv(&op, 1, allowed_cpu(0), 0), -EFAULT, "data of another domain is not written");
	op = opv_op_add(opv_ptr(mine, 0), 1, 8);
	is(cpu_opv(&op, 1, allowed_cpu(0), 0), 0, "data of the default domain is");
	opv_domain_destroy(d);
}

int main(void)
{
	ok(cpu_opv(NULL, 0, -1, CPU_OP_NR_FLAG) >= 10, "the ten operations of 2018 are there");
	test_compares();
	test_copies();
	test_arithmetic();
	test_cmpxchg();
	test_errors();
	test_first_touch();
	test_huge_page();
	test_transparent_huge_page();
	test_affinity();
	test_flags();
	test_domains();
	return done();
}
