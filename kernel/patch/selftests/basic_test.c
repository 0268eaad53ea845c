// SPDX-License-Identifier: GPL-2.0
/* What cpu_opv() answers, and what it does to memory. */
#define _GNU_SOURCE
#include <linux/mman.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "cpu_opv.h"
#include "kselftest_harness.h"

#define BIG	CPU_OP_COPY_LEN_MAX

static char one[2 * BIG], other[2 * BIG];

static void fill(size_t len)
{
	size_t i;

	for (i = 0; i < len; i++)
		one[i] = (char)(i * 7);
	memcpy(other, one, len);
}

TEST(query_operations)
{
	EXPECT_GE(cpu_opv(NULL, 0, -1, CPU_OP_NR_FLAG), NR_CPU_OPS);
}

TEST(query_vector_length)
{
	EXPECT_GE(cpu_opv(NULL, 0, -1, CPU_OP_VEC_LEN_MAX_FLAG), CPU_OP_VEC_LEN_MAX);
}

TEST(unknown_flag)
{
	EXPECT_EQ(-EINVAL, cpu_opv(NULL, 0, 0, 1 << 30));
}

TEST(compare_eq_same)
{
	struct cpu_op vec[] = { op_compare(CPU_COMPARE_EQ_OP, one, other, BIG) };

	fill(BIG);
	EXPECT_EQ(0, cpu_opv_here(vec, 1));
}

TEST(compare_eq_different)
{
	struct cpu_op vec[] = { op_compare(CPU_COMPARE_EQ_OP, one, other, BIG) };

	fill(BIG);
	other[BIG - 1]++;
	EXPECT_EQ(1, cpu_opv_here(vec, 1));
}

TEST(compare_ne_same)
{
	struct cpu_op vec[] = { op_compare(CPU_COMPARE_NE_OP, one, other, BIG) };

	fill(BIG);
	EXPECT_EQ(1, cpu_opv_here(vec, 1));
}

TEST(compare_ne_different)
{
	struct cpu_op vec[] = { op_compare(CPU_COMPARE_NE_OP, one, other, BIG) };

	fill(BIG);
	other[0]++;
	EXPECT_EQ(0, cpu_opv_here(vec, 1));
}

/* Which of two compares stops the vector, if the first and the second are so. */
static int two_compares(int op, bool first, bool second)
{
	static const int seven = 7, eight = 8;
	struct cpu_op vec[] = {
		op_compare(op, &seven, first ? &seven : &eight, sizeof(int)),
		op_compare(op, &seven, second ? &seven : &eight, sizeof(int)),
	};

	return cpu_opv_here(vec, 2);
}

TEST(two_compare_eq)
{
	EXPECT_EQ(1, two_compares(CPU_COMPARE_EQ_OP, false, true));
	EXPECT_EQ(0, two_compares(CPU_COMPARE_EQ_OP, true, true));
	EXPECT_EQ(2, two_compares(CPU_COMPARE_EQ_OP, true, false));
}

TEST(two_compare_ne)
{
	EXPECT_EQ(1, two_compares(CPU_COMPARE_NE_OP, true, false));
	EXPECT_EQ(0, two_compares(CPU_COMPARE_NE_OP, false, false));
	EXPECT_EQ(2, two_compares(CPU_COMPARE_NE_OP, false, true));
}

TEST(copy_page)
{
	struct cpu_op vec[] = { op_copy(one, other, BIG) };

	fill(BIG);
	memset(one, 0, BIG);
	EXPECT_EQ(0, cpu_opv_here(vec, 1));
	EXPECT_EQ(0, memcmp(one, other, BIG));
}

TEST(copy_word)
{
	uint32_t from = 42, to = 0;
	struct cpu_op vec[] = { op_copy(&to, &from, sizeof(to)) };

	EXPECT_EQ(0, cpu_opv_here(vec, 1));
	EXPECT_EQ(42, to);
}

TEST(copy_barrier_copy)
{
	int a = 42, b = 1, c = 2;
	struct cpu_op vec[] = {
		op_copy(&b, &a, sizeof(a)),
		{ .op = CPU_MB_OP },
		op_copy(&c, &b, sizeof(b)),
	};

	EXPECT_EQ(0, cpu_opv_here(vec, 3));
	EXPECT_EQ(42, b);
	EXPECT_EQ(42, c);
}

TEST(copy_overlap)
{
	struct cpu_op up[] = { op_copy(one + 1, one, BIG) };
	struct cpu_op down[] = { op_copy(one, one + 1, BIG) };

	fill(BIG);
	one[BIG] = 'x';
	EXPECT_EQ(0, cpu_opv_here(up, 1));
	EXPECT_EQ(0, memcmp(one + 1, other, BIG));
	EXPECT_EQ(0, cpu_opv_here(down, 1));
	EXPECT_EQ(0, memcmp(one, other, BIG));
}

TEST(add)
{
	uint64_t v = 42;
	struct cpu_op vec[] = { op_add(&v, 1, sizeof(v)) };

	EXPECT_EQ(0, cpu_opv_here(vec, 1));
	EXPECT_EQ(43, v);
}

TEST(add_twice)
{
	uint64_t v = 42;
	struct cpu_op vec[] = { op_add(&v, 99, sizeof(v)), op_add(&v, 123, sizeof(v)) };

	EXPECT_EQ(0, cpu_opv_here(vec, 2));
	EXPECT_EQ(42 + 99 + 123, v);
}

TEST(add_wraps_in_its_width)
{
	uint8_t v[2] = { 0xff, 0x55 };
	struct cpu_op vec[] = { op_add(v, 0x102, 1), op_add(v, -3, 1) };

	EXPECT_EQ(0, cpu_opv_here(vec, 2));
	EXPECT_EQ(0xfe, v[0]);
	EXPECT_EQ(0x55, v[1]);
}

static uint64_t bits(int op, uint64_t v, uint64_t mask)
{
	struct cpu_op vec[] = { op_bits(op, &v, mask, sizeof(v)) };

	return cpu_opv_here(vec, 1) ? ~0ULL : v;
}

TEST(or)
{
	EXPECT_EQ(0xff00fff, bits(CPU_OR_OP, 0xff00000, 0xfff));
}

TEST(and)
{
	EXPECT_EQ(0xf00, bits(CPU_AND_OP, 0xf00, 0xfff));
}

TEST(xor)
{
	EXPECT_EQ(0xf00 ^ 0xfff, bits(CPU_XOR_OP, 0xf00, 0xfff));
}

static uint32_t shift(int op, uint32_t v, uint32_t n)
{
	struct cpu_op vec[] = { op_shift(op, &v, n, sizeof(v)) };

	return cpu_opv_here(vec, 1) ? ~0U : v;
}

TEST(lshift)
{
	EXPECT_EQ(0xf00 << 5, shift(CPU_LSHIFT_OP, 0xf00, 5));
}

TEST(rshift)
{
	EXPECT_EQ(0xf00 >> 5, shift(CPU_RSHIFT_OP, 0xf00, 5));
}

TEST(shift_by_the_width)
{
	uint32_t v = 1;
	struct cpu_op vec[] = { op_shift(CPU_LSHIFT_OP, &v, 32, sizeof(v)) };

	EXPECT_EQ(-EINVAL, cpu_opv_here(vec, 1));
	EXPECT_EQ(1, v);
}

static int cmpxchg(uint64_t *v, uint64_t expect, uint64_t *old, uint64_t new)
{
	struct cpu_op vec[] = {
		op_copy(old, v, sizeof(*v)),
		op_compare(CPU_COMPARE_EQ_OP, v, &expect, sizeof(*v)),
		op_copy(v, &new, sizeof(*v)),
	};

	return cpu_opv_here(vec, 3);
}

TEST(cmpxchg_success)
{
	uint64_t v = 1, old = 0;

	EXPECT_EQ(0, cmpxchg(&v, 1, &old, 3));
	EXPECT_EQ(3, v);
	EXPECT_EQ(1, old);
}

TEST(cmpxchg_failure)
{
	uint64_t v = 1, old = 0;

	EXPECT_EQ(2, cmpxchg(&v, 123, &old, 3));
	EXPECT_EQ(1, v);
	EXPECT_EQ(1, old);
}

TEST(fault)
{
	struct cpu_op vec[] = { op_add(one, 1, 1), op_copy(one + 8, NULL, 8) };

	one[0] = 5;
	EXPECT_EQ(-EFAULT, cpu_opv_here(vec, 2));
	vec[1].u.memcpy_op.expect_fault_src = 1;
	EXPECT_EQ(-EAGAIN, cpu_opv_here(vec, 2));
	EXPECT_EQ(5, one[0]);	/* nothing was done, not even the first */
}

TEST(fault_of_the_vector)
{
	EXPECT_EQ(-EFAULT, cpu_opv_here((struct cpu_op *)8, 1));
}

TEST(unknown_operation)
{
	struct cpu_op vec[] = { op_add(one, 1, 1), { .op = -1 } };

	one[0] = 5;
	EXPECT_EQ(-EINVAL, cpu_opv_here(vec, 2));
	EXPECT_EQ(5, one[0]);
}

TEST(most_operations)
{
	struct cpu_op vec[CPU_OP_VEC_LEN_MAX + 1];
	uint64_t v = 0;
	int i;

	for (i = 0; i <= CPU_OP_VEC_LEN_MAX; i++)
		vec[i] = op_add(&v, 1, sizeof(v));
	EXPECT_EQ(0, cpu_opv_here(vec, CPU_OP_VEC_LEN_MAX));
	EXPECT_EQ(CPU_OP_VEC_LEN_MAX, v);
}

TEST(too_many_operations)
{
	struct cpu_op vec[CPU_OP_VEC_LEN_MAX + 1];
	uint64_t v = 0;
	int i;

	for (i = 0; i <= CPU_OP_VEC_LEN_MAX; i++)
		vec[i] = op_add(&v, 1, sizeof(v));
	EXPECT_EQ(-EINVAL, cpu_opv_here(vec, CPU_OP_VEC_LEN_MAX + 1));
	EXPECT_EQ(-EINVAL, cpu_opv_here(vec, -1));
	EXPECT_EQ(0, v);
}

TEST(copy_too_large)
{
	struct cpu_op vec[] = { op_copy(one, other, 65537) };

	EXPECT_EQ(-EINVAL, cpu_opv_here(vec, 1));
	vec[0].len = BIG + 1;
	EXPECT_EQ(-EINVAL, cpu_opv_here(vec, 1));
}

TEST(sum_too_large)
{
	struct cpu_op vec[] = { op_copy(one, other, BIG), op_copy(one, other, BIG) };

	EXPECT_EQ(-EINVAL, cpu_opv_here(vec, 2));
}

/* Reads of pages that nobody has written to yet, and writes to such. */
TEST(untouched_pages)
{
	const size_t pages = 1024, page = sysconf(_SC_PAGESIZE);
	char *dst, *src;
	unsigned int failed = 0;
	size_t i;

	dst = mmap(NULL, 2 * pages * page, PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_TRUE(dst != MAP_FAILED);
	src = dst + pages * page;
	for (i = 0; i < pages; i++) {
		struct cpu_op vec[] = { op_copy(dst + i * page + 8, src + i * page, 64) };

		dst[i * page + 8] = i & 1;	/* every other one is there */
		failed += cpu_opv_here(vec, 1) || dst[i * page + 8];
	}
	EXPECT_EQ(0, failed);
	munmap(dst, 2 * pages * page);
}

TEST(huge_page)
{
	const size_t len = 2 << 20;
	uint64_t *huge = mmap(NULL, len, PROT_READ | PROT_WRITE,
			      MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB | MAP_HUGE_2MB, -1, 0);
	struct cpu_op vec[2];

	if (huge == MAP_FAILED)
		SKIP(return, "no huge pages of 2 MiB");
	vec[0] = op_add(&huge[1000], 5, 8);
	vec[1] = op_copy(&huge[200000], &huge[1000], 8);
	EXPECT_EQ(0, cpu_opv_here(vec, 2));
	EXPECT_EQ(5, huge[1000]);
	EXPECT_EQ(5, huge[200000]);
	munmap(huge, len);
}

TEST(read_only)
{
	const size_t page = sysconf(_SC_PAGESIZE);
	char *p = mmap(NULL, page, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct cpu_op vec[] = { op_copy(one, p, 8), op_add(p, 1, 8) };

	ASSERT_TRUE(p != MAP_FAILED);
	EXPECT_EQ(0, cpu_opv_here(vec, 1));
	EXPECT_EQ(-EFAULT, cpu_opv_here(vec, 2));
	munmap(p, page);
}

TEST(across_pages)
{
	const size_t page = sysconf(_SC_PAGESIZE);
	char *p = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	uint64_t v = 0xffffffff;
	struct cpu_op vec[] = { op_copy(p + page - 3, &v, 8), op_add(p + page - 3, 1, 8),
				op_copy(&v, p + page - 3, 8) };

	ASSERT_TRUE(p != MAP_FAILED);
	EXPECT_EQ(0, cpu_opv_here(vec, 3));
	EXPECT_EQ(0x100000000ULL, v);
	munmap(p, 2 * page);
}

TEST(guard)
{
	int gate = 0, open = 0;
	uint64_t v = 1;
	struct cpu_op vec[] = {
		op_compare(CPU_COMPARE_EQ_OP, &gate, &open, sizeof(gate)),
		op_add(&v, 1, sizeof(v)),
		op_compare(CPU_COMPARE_NE_OP, &v, &v, sizeof(v)),
	};
	int cpu = sched_getcpu();

	EXPECT_EQ(2, cpu_opv(vec, 3, cpu, CPU_OP_GUARD_FLAG));
	EXPECT_EQ(2, v);
	gate = 1;
	EXPECT_EQ(-EBUSY, cpu_opv(vec, 3, cpu, CPU_OP_GUARD_FLAG));
	EXPECT_EQ(2, v);
	EXPECT_EQ(-EINVAL, cpu_opv(vec + 1, 1, cpu, CPU_OP_GUARD_FLAG));
	EXPECT_EQ(-EINVAL, cpu_opv(vec, 0, cpu, CPU_OP_GUARD_FLAG));
}

TEST(fence)
{
	EXPECT_EQ(0, cpu_opv((struct cpu_op *)8, 0, sched_getcpu(), 0));
}

TEST(impossible_cpu)
{
	EXPECT_EQ(-EINVAL, cpu_opv(NULL, 0, -1, 0));
	EXPECT_EQ(-EINVAL, cpu_opv(NULL, 0, 0x7fffffff, 0));
	EXPECT_EQ(-EINVAL, cpu_opv(NULL, 0, sysconf(_SC_NPROCESSORS_CONF) + 4096, 0));
}

/* The first two CPUs that this may run on. */
static bool two_cpus(int cpu[2])
{
	cpu_set_t set;
	int i, n = 0;

	if (sched_getaffinity(0, sizeof(set), &set))
		return false;
	for (i = 0; i < CPU_SETSIZE && n < 2; i++) {
		if (CPU_ISSET(i, &set))
			cpu[n++] = i;
	}
	return n == 2;
}

TEST(cpu_that_is_not_allowed)
{
	cpu_set_t only;
	uint64_t v = 1;
	struct cpu_op vec[] = { op_add(&v, 1, sizeof(v)) };
	int cpu[2];

	if (!two_cpus(cpu))
		SKIP(return, "one CPU");
	CPU_ZERO(&only);
	CPU_SET(cpu[0], &only);
	ASSERT_EQ(0, sched_setaffinity(0, sizeof(only), &only));
	EXPECT_EQ(-EINVAL, cpu_opv(vec, 1, cpu[1], 0));
	EXPECT_EQ(1, v);
	EXPECT_EQ(0, cpu_opv(vec, 1, cpu[0], 0));
	EXPECT_EQ(2, v);
}

TEST(all_cpus)
{
	cpu_set_t set;
	uint64_t v = 0;
	struct cpu_op vec[] = { op_add(&v, 1, sizeof(v)) };
	int i;

	ASSERT_EQ(0, sched_getaffinity(0, sizeof(set), &set));
	for (i = 0; i < CPU_SETSIZE; i++) {
		if (CPU_ISSET(i, &set))
			EXPECT_EQ(0, cpu_opv(vec, 1, i, 0));
	}
	EXPECT_EQ(CPU_COUNT(&set), v);
}

TEST_HARNESS_MAIN
