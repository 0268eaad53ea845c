// SPDX-License-Identifier: MIT
/*
 * As in 2018: the 29 basic cases of the system call, its fields set as programs
 * of that time set them.  A line for each: PASS, FAIL or SKIP.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <linux/cpu_opv.h>
#include <rseq/cpu-op.h>

#define SIZE 4096
#define PAGES 16384
#define HUGE_SIZE (2 << 20)

#define ARRAY_SIZE(a) ((int)(sizeof(a) / sizeof((a)[0])))

static char one[SIZE], two[SIZE];
static char untouched_dst[PAGES * SIZE], untouched_src[PAGES * SIZE];
static int failures;

/* Each operation as its initialiser. */
#define COMPARE(kind, x, y, bytes)					\
	{								\
		.op = kind, .len = bytes,				\
		LINUX_FIELD_u32_u64_INIT_ONSTACK(.u.compare_op.a, x),	\
		LINUX_FIELD_u32_u64_INIT_ONSTACK(.u.compare_op.b, y),	\
		.u.compare_op.expect_fault_a = 0,			\
		.u.compare_op.expect_fault_b = 0,			\
	}
#define COPY(to, from, bytes, faults)					\
	{								\
		.op = CPU_MEMCPY_OP, .len = bytes,			\
		LINUX_FIELD_u32_u64_INIT_ONSTACK(.u.memcpy_op.dst, to),	\
		LINUX_FIELD_u32_u64_INIT_ONSTACK(.u.memcpy_op.src, from), \
		.u.memcpy_op.expect_fault_dst = 0,			\
		.u.memcpy_op.expect_fault_src = faults,			\
	}
#define ADD(at, n)							\
	{								\
		.op = CPU_ADD_OP, .len = sizeof(*(at)),			\
		LINUX_FIELD_u32_u64_INIT_ONSTACK(.u.arithmetic_op.p, at), \
		.u.arithmetic_op.count = n,				\
		.u.arithmetic_op.expect_fault_p = 0,			\
	}
#define BITS(kind, at, n)						\
	{								\
		.op = kind, .len = sizeof(*(at)),			\
		LINUX_FIELD_u32_u64_INIT_ONSTACK(.u.bitwise_op.p, at),	\
		.u.bitwise_op.mask = n,					\
		.u.bitwise_op.expect_fault_p = 0,			\
	}
#define SHIFT(kind, at, n)						\
	{								\
		.op = kind, .len = sizeof(*(at)),			\
		LINUX_FIELD_u32_u64_INIT_ONSTACK(.u.shift_op.p, at),	\
		.u.shift_op.bits = n,					\
		.u.shift_op.expect_fault_p = 0,				\
	}

static int run(struct cpu_op *vec, int count)
{
	int ret;

	do {
		ret = cpu_opv(vec, count, cpu_op_get_current_cpu(), 0);
	} while (ret == -1 && errno == EAGAIN);
	return ret;
}

#define RUN(...)							\
	({								\
		struct cpu_op vec_[] = { __VA_ARGS__ };			\
		run(vec_, ARRAY_SIZE(vec_));				\
	})

static int fails(int ret, int error)
{
	return ret == -1 && errno == error;
}

static void result(const char *name, int good)
{
	printf("%s %s\n", good ? "PASS" : "FAIL", name);
	failures += !good;
}

static void same(void)
{
	memset(one, 1, SIZE);
	memset(two, 1, SIZE);
}

static void different(void)
{
	memset(one, 1, SIZE);
	memset(two, 2, SIZE);
}

static void compares(void)
{
	int a = 1, b = 2, c = 1;

	same();
	result("compare_eq same", RUN(COMPARE(CPU_COMPARE_EQ_OP, one, two, SIZE)) == 0);
	result("compare_ne same", RUN(COMPARE(CPU_COMPARE_NE_OP, one, two, SIZE)) > 0);
	different();
	result("compare_eq different", RUN(COMPARE(CPU_COMPARE_EQ_OP, one, two, SIZE)) > 0);
	result("compare_ne different", RUN(COMPARE(CPU_COMPARE_NE_OP, one, two, SIZE)) == 0);

#define TWO(kind, x, y) \
	RUN(COMPARE(kind, &a, &x, sizeof(a)), COMPARE(kind, &a, &y, sizeof(a)))
	result("two compare_eq", TWO(CPU_COMPARE_EQ_OP, b, c) == 1 &&
	       TWO(CPU_COMPARE_EQ_OP, c, c) == 0 && TWO(CPU_COMPARE_EQ_OP, c, b) == 2);
	result("two compare_ne", TWO(CPU_COMPARE_NE_OP, c, b) == 1 &&
	       TWO(CPU_COMPARE_NE_OP, b, b) == 0 && TWO(CPU_COMPARE_NE_OP, b, c) == 2);
}

static void copies(void)
{
	uint32_t v1 = 42, v2 = 0, v3 = 0;
	struct cpu_op mb = { .op = CPU_MB_OP };

	different();
	result("memcpy", RUN(COPY(one, two, SIZE, 0)) == 0 && !memcmp(one, two, SIZE));
	result("memcpy u32", RUN(COPY(&v2, &v1, 4, 0)) == 0 && v2 == 42);
	v2 = 0;
	result("memcpy mb memcpy", RUN(COPY(&v2, &v1, 4, 0), mb, COPY(&v3, &v2, 4, 0)) == 0 && v3 == 42);
}

static void arithmetic(void)
{
	int v = 42;
	uint32_t u;

	result("add", RUN(ADD(&v, 1)) == 0 && v == 43);
	v = 42;
	result("two adds", RUN(ADD(&v, 99), ADD(&v, 123)) == 0 && v == 42 + 99 + 123);
	u = 0xFF00000;
	result("or", RUN(BITS(CPU_OR_OP, &u, 0xFFF)) == 0 && u == (0xFF00000 | 0xFFF));
	u = 0xF00;
	result("and", RUN(BITS(CPU_AND_OP, &u, 0xFFF)) == 0 && u == (0xF00 & 0xFFF));
	u = 0xF0F;
	result("xor", RUN(BITS(CPU_XOR_OP, &u, 0xFFF)) == 0 && u == (0xF0F ^ 0xFFF));
	u = 0xF00;
	result("lshift", RUN(SHIFT(CPU_LSHIFT_OP, &u, 5)) == 0 && u == 0xF00 << 5);
	u = 0xF00;
	result("rshift", RUN(SHIFT(CPU_RSHIFT_OP, &u, 5)) == 0 && u == 0xF00 >> 5);
}

static void exchanges(void)
{
	uint64_t v = 1, expect = 1, old = 0, new = 3;
	int ret;

	ret = cpu_op_cmpxchg(&v, &expect, &old, &new, sizeof(v), cpu_op_get_current_cpu());
	result("cmpxchg success", ret == 0 && v == 3 && old == 1);
	v = 1, expect = 123, old = 0;
	ret = cpu_op_cmpxchg(&v, &expect, &old, &new, sizeof(v), cpu_op_get_current_cpu());
	result("cmpxchg fail", ret == 2 && v == 1 && old == 1);
}

static void refusals(void)
{
	struct cpu_op faults = COPY(one, NULL, SIZE, 0), again = COPY(one, NULL, SIZE, 1);
	struct cpu_op unknown = { .op = -1 };
	struct cpu_op large = COPY(one, two, 65537, 0);
	struct cpu_op many[17];
	int i, v = 0;

	result("memcpy fault", fails(RUN(faults), EFAULT) &&
	       fails(cpu_opv(&again, 1, cpu_op_get_current_cpu(), 0), EAGAIN));
	result("unknown op", fails(RUN(unknown), EINVAL));
	for (i = 0; i < 17; i++)
		many[i] = (struct cpu_op)ADD(&v, 1);
	result("max ops", run(many, 16) == 0 && v == 16);
	result("too many ops", fails(run(many, 17), EINVAL) && v == 16);
	result("memcpy single too large", fails(RUN(large), EINVAL));
	result("memcpy single ok, sum too large",
	       fails(RUN(COPY(one, two, SIZE, 0), COPY(one, two, SIZE, 0)), EINVAL));
}

static void page_faults(void)
{
	int i, good = 1;

	for (i = 0; i < PAGES; i += 64)
		good &= RUN(COPY(untouched_dst + i * SIZE, untouched_src + i * SIZE, SIZE, 0)) == 0 &&
			!untouched_dst[i * SIZE];
	result("page fault", good);
}

static void huge_page(void)
{
	char *p = mmap(NULL, HUGE_SIZE, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB, -1, 0);

	if (p == MAP_FAILED) {
		printf("SKIP hugetlb: no huge page is free\n");
		return;
	}
	different();
	result("hugetlb", RUN(COPY(p + HUGE_SIZE / 2, one, SIZE, 0)) == 0 &&
	       RUN(COPY(two, p + HUGE_SIZE / 2, SIZE, 0)) == 0 && !memcmp(one, two, SIZE));
	munmap(p, HUGE_SIZE);
}

static void cpus(void)
{
	int here = cpu_op_get_current_cpu(), v = 0;
	struct cpu_op add = ADD(&v, 1);
	cpu_set_t was, only;

	result("over possible cpu", fails(cpu_opv(&add, 1, (int)0xFFFFFFFF, 0), EINVAL) && !v);
	sched_getaffinity(0, sizeof(was), &was);
	if (CPU_COUNT(&was) < 2) {
		printf("SKIP allowed affinity: there is one CPU only\n");
		return;
	}
	CPU_ZERO(&only);
	CPU_SET(here, &only);
	sched_setaffinity(0, sizeof(only), &only);
	CPU_CLR(here, &was);
	for (here = 0; !CPU_ISSET(here, &was); here++)
		;
	result("allowed affinity", fails(cpu_opv(&add, 1, here, 0), EINVAL) && !v);
}

int main(void)
{
	result("ops supported", cpu_opv(NULL, 0, -1, CPU_OP_NR_FLAG) >= NR_CPU_OPS);
	compares();
	copies();
	arithmetic();
	exchanges();
	refusals();
	page_faults();
	huge_page();
	cpus();
	return failures != 0;
}
