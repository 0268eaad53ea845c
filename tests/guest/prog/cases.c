// SPDX-License-Identifier: MIT
/*
 * What each operation does, and what a vector is refused for: the cases that the
 * proposals of 2017 and 2018 were tried with, in their order.
 */
#define _GNU_SOURCE
#include <sys/mman.h>

#include "call.h"

#define PAGE	4096
#define UNTOUCHED (4 << 20)
#define HUGE	(2 << 20)

static char a[PAGE], b[PAGE];

static void fill(char *p, unsigned int salt)
{
	unsigned int i;

	for (i = 0; i < PAGE; i++)
		p[i] = (char)(i * 7 + salt);
}

/* a and b the same, or not in their last byte. */
static void fill_both(bool same)
{
	fill(a, 0);
	fill(b, 0);
	b[PAGE - 1] += !same;
}

static int one(struct cpu_op op)
{
	return call_here(&op, 1);
}

static void test_queries(void)
{
	is(call(NULL, 0, -1, CPU_OP_NR_FLAG), NR_CPU_OPS, "it says how many operations there are");
}

static void test_compares(void)
{
	fill_both(true);
	is(one(opv_op_compare_eq(a, b, PAGE)), 0, "compare_eq goes on if 4096 bytes are the same");
	is(one(opv_op_compare_ne(a, b, PAGE)), 1, "compare_ne stops if they are");
	fill_both(false);
	is(one(opv_op_compare_eq(a, b, PAGE)), 1, "compare_eq stops if they differ");
	is(one(opv_op_compare_ne(a, b, PAGE)), 0, "compare_ne goes on if they do");
}

/* Pairs of words that are the same, or not, in two compares: which stops? */
static void test_two_compares(bool eq)
{
	static const struct {
		int x, y, eq, ne;
	} tries[] = { { 1, 0, 1, 2 }, { 0, 0, 0, 1 }, { 0, 1, 2, 1 }, { 1, 1, 1, 0 } };
	long v = 5, x, y;
	size_t i;

	for (i = 0; i < sizeof(tries) / sizeof(*tries); i++) {
		struct cpu_op vec[] = {
			eq ? opv_op_compare_eq(&v, &x, sizeof(v)) : opv_op_compare_ne(&v, &x, sizeof(v)),
			eq ? opv_op_compare_eq(&v, &y, sizeof(v)) : opv_op_compare_ne(&v, &y, sizeof(v)),
		};

		x = v + tries[i].x;
		y = v + tries[i].y;
		is(call_here(vec, 2), eq ? tries[i].eq : tries[i].ne,
		   "two compare_%s, of words that %s and %s", eq ? "eq" : "ne",
		   tries[i].x ? "differ" : "are the same", tries[i].y ? "differ" : "are the same");
	}
}

static void test_copies(void)
{
	uint32_t from = 42, to = 0;
	long v1 = 1, v2 = 2, v3 = 3;
	struct cpu_op chain[] = {
		opv_op_memcpy(&v2, &v1, sizeof(v1)),
		opv_op_mb(),
		opv_op_memcpy(&v3, &v2, sizeof(v1)),
	};

	fill(a, 1);
	memset(b, 0, PAGE);
	ok(!one(opv_op_memcpy(b, a, PAGE)) && !memcmp(a, b, PAGE), "4096 bytes are copied");
	ok(!one(opv_op_memcpy(&to, &from, sizeof(to))) && to == 42, "four bytes are copied");
	ok(!call_here(chain, 3) && v2 == 1 && v3 == 1, "a copy sees what the copy before it did");
}

static void test_words(void)
{
	long v = 42;
	struct cpu_op adds[] = { opv_op_add(&v, 99, sizeof(v)), opv_op_add(&v, 123, sizeof(v)) };

	ok(!one(opv_op_add(&v, 1, sizeof(v))) && v == 43, "add");
	v = 42;
	ok(!call_here(adds, 2) && v == 42 + 99 + 123, "two adds to one word");
	v = 0xff00000;
	ok(!one(opv_op_or(&v, 0xfff, sizeof(v))) && v == 0xff00fff, "or");
	v = 0xf00;
	ok(!one(opv_op_and(&v, 0xfff, sizeof(v))) && v == 0xf00, "and");
	v = 0xf00;
	ok(!one(opv_op_xor(&v, 0xfff, sizeof(v))) && v == (0xf00 ^ 0xfff), "xor");
	v = 0xf00;
	ok(!one(opv_op_lshift(&v, 5, sizeof(v))) && v == 0xf00 << 5, "shift to the left");
	v = 0xf00;
	ok(!one(opv_op_rshift(&v, 5, sizeof(v))) && v == 0xf00 >> 5, "shift to the right");
}

static void test_cmpxchg(void)
{
	long v = 1, expect = 1, old = 0, new = 3;
	struct cpu_op vec[] = {
		opv_op_memcpy(&old, &v, sizeof(v)),
		opv_op_compare_eq(&v, &expect, sizeof(v)),
		opv_op_memcpy(&v, &new, sizeof(v)),
	};

	is(call_here(vec, 3), 0, "a compare-and-exchange that succeeds");
	ok(v == 3 && old == 1, "has exchanged");
	v = 1;
	old = 0;
	expect = 123;
	is(call_here(vec, 3), 2, "one that fails is stopped by its compare");
	ok(v == 1 && old == 1, "what came before the compare is done, what comes after is not");
}

static void test_refused(void)
{
	struct cpu_op op = opv_op_memcpy(a, NULL, 8), vec[17];
	struct cpu_op two[] = { opv_op_memcpy(a, b, PAGE), opv_op_memcpy(a, b, PAGE) };
	long v = 0;
	int i;

	is(one(op), -EFAULT, "a copy from NULL faults");
	op.u.memcpy_op.expect_fault_src = 1;
	is(one(op), -EAGAIN, "or is to be tried again, if that was expected");
	is(one(raw_op(-1, 8, (uintptr_t)&v, 0)), -EINVAL, "operation -1 is none");
	for (i = 0; i < 17; i++)
		vec[i] = opv_op_add(&v, 1, sizeof(v));
	ok(!call_here(vec, 16) && v == 16, "16 operations");
	is(call_here(vec, 17), -EINVAL, "17 are too many");
	is(one(opv_op_memcpy(a, b, 65537)), -EINVAL, "65537 bytes are too many");
	is(call_here(two, 2), -EINVAL, "and so are twice 4096");
}

static void test_untouched(void)
{
	char *to = mmap(NULL, UNTOUCHED, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	char *from = mmap(NULL, UNTOUCHED, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int i, bad = 0;

	for (i = 0; i < UNTOUCHED; i += PAGE)
		bad += one(opv_op_memcpy(to + i, from + i, PAGE)) != 0;
	for (i = 0; i < UNTOUCHED; i++)
		bad += to[i] != 0;
	is(bad, 0, "pages that were never touched are copied to others");
	munmap(to, UNTOUCHED);
	munmap(from, UNTOUCHED);
}

static void test_hugetlb(void)
{
	char *p = mmap(NULL, HUGE, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB, -1, 0);

	if (p == MAP_FAILED) {
		skip("huge pages are read and written", "this kernel gives none");
		return;
	}
	fill(a, 3);
	memset(b, 0, PAGE);
	ok(!one(opv_op_memcpy(p + HUGE - PAGE, a, PAGE)) && !memcmp(p + HUGE - PAGE, a, PAGE) &&
	   !one(opv_op_memcpy(b, p + HUGE - PAGE, PAGE)) && !memcmp(a, b, PAGE),
	   "huge pages are read and written");
	munmap(p, HUGE);
}

static void test_cpus(void)
{
	long v = 0;
	struct cpu_op op = opv_op_add(&v, 1, sizeof(v));

	is(call(&op, 1, (int)0xffffffff, 0), -EINVAL, "CPU 0xffffffff is none");
	if (cpus() < 2) {
		skip("a CPU that the caller may not run on is refused", "there is one CPU only");
		return;
	}
	ok(pin_to(0) && call(&op, 1, 1, 0) == -EINVAL && v == 0 && !call(&op, 1, 0, 0),
	   "a CPU that the caller may not run on is refused");
	ok(unpin() && !call(&op, 1, 1, 0) && v == 2, "when it may it is not");
}

int main(void)
{
	if (!call_open())
		return done();
	test_queries();
	test_compares();
	test_two_compares(true);
	test_two_compares(false);
	test_copies();
	test_words();
	test_cmpxchg();
	test_refused();
	test_untouched();
	test_hugetlb();
	test_cpus();
	return done();
}
