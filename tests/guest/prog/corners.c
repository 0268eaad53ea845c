// SPDX-License-Identifier: MIT
/*
 * The edges of the arguments: lengths, counts, CPUs, flags, shifts, wrap-around; which of
 * several mistakes is answered; the guard; the device's structure.
 */
#define _GNU_SOURCE
#include <limits.h>
#include <sys/mman.h>

#include "call.h"

#define PAGE	4096

static char room[3 * PAGE] __attribute__((__aligned__(PAGE)));

static int one(struct cpu_op op)
{
	return call_here(&op, 1);
}

static void test_lengths(void)
{
	static const uint32_t bad[] = { 0, 3, 5, 6, 7, 9, 16, 4096, 0x80000000, 0xffffffff };
	static char before[sizeof(room)];
	long v = 7;
	int op, refused = 0, tried = 0;
	size_t i;

	is(one(opv_op_compare_eq(NULL, NULL, 0)), 0, "nothing is equal to nothing");
	is(one(opv_op_compare_ne(NULL, (void *)1, 0)), 1, "and does not differ from it");
	is(one(opv_op_memcpy((void *)-1L, NULL, 0)), 0, "of a copy of no bytes, addresses are not looked at");
	for (op = CPU_ADD_OP; op < NR_CPU_OPS; op++) {
		if (op == CPU_MB_OP || op == CPU_MEMCPY_RELEASE_OP)
			continue;
		for (i = 0; i < sizeof(bad) / sizeof(*bad); i++, tried++)
			refused += one(raw_op(op, bad[i], (uintptr_t)&v, 0)) == -EINVAL;
	}
	ok(refused == tried && v == 7, "operations on words refuse other lengths than 1, 2, 4, 8");
	memcpy(before, room, sizeof(room));
	for (op = 0, refused = 0, tried = 0; op <= CPU_MEMCPY_RELEASE_OP; op++) {
		if (op > CPU_MEMCPY_OP && op < CPU_MEMCPY_RELEASE_OP)
			continue;
		for (i = 0; i < 3; i++, tried++)
			refused += one(raw_op(op, (uint32_t[]){ 4097, INT_MAX, 0xffffffff }[i],
					      (uintptr_t)room, (uintptr_t)room)) == -EINVAL;
	}
	ok(refused == tried && !memcmp(before, room, sizeof(room)),
	   "compares and copies refuse more than 4096 bytes");
	is(one(raw_op(CPU_MB_OP, 0xffffffff, 1, 1)), 0, "a barrier has no length and no address");
}

static void test_sum(void)
{
	static char from[PAGE], to[PAGE];
	struct cpu_op vec[17];
	uint64_t v = 0;
	int i;

	vec[0] = opv_op_memcpy(to, from, PAGE);
	for (i = 1; i < 16; i++)
		vec[i] = opv_op_add(&v, 1, 8);
	ok(!call_here(vec, 16) && v == 15, "4096 bytes and 15 words are the most there can be");
	vec[15] = opv_op_compare_eq(to, from, 9);
	ok(call_here(vec, 16) == -EINVAL && v == 15, "one byte more is too much");
	vec[1] = opv_op_compare_eq(to, from, 121);
	is(call_here(vec, 2), -EINVAL, "4096 and 121 bytes are too many");
	vec[1] = opv_op_compare_eq(to, from, 120);
	vec[2] = raw_op(CPU_MB_OP, 4096, 0, 0);
	is(call_here(vec, 3), 0, "4096 and 120 are not, and a barrier's length does not count");
}

static void test_shifts(void)
{
	uint64_t v;
	uint32_t len;
	int good = 0;

	for (len = 1; len <= 8; len *= 2) {
		v = ~UINT64_C(0);
		good += one(opv_op_lshift(&v, 8 * len, len)) == -EINVAL && v == ~UINT64_C(0);
		good += one(opv_op_rshift(&v, UINT_MAX, len)) == -EINVAL && v == ~UINT64_C(0);
		good += !one(opv_op_rshift(&v, 8 * len - 1, len));
		good += !memcmp(&v, &(uint64_t){ 1 }, len) &&
			(len == 8 || (v >> 8 * len) == ~UINT64_C(0) >> 8 * len);
		good += !one(opv_op_lshift(&v, 8 * len - 1, len)) && !one(opv_op_rshift(&v, 0, len));
	}
	is(good, 4 * 5, "shifts by the width or more are refused, by less are done");
}

static void test_widths(void)
{
	uint64_t v;
	uint32_t len;
	int good = 0;

	for (len = 1; len <= 8; len *= 2) {
		const uint64_t mask = ~UINT64_C(0) >> (64 - 8 * len), rest = UINT64_C(0x1122334455667788) & ~mask;

		v = rest | mask;
		good += !one(opv_op_add(&v, 1, len)) && v == rest;
		good += !one(opv_op_add(&v, -1, len)) && v == (rest | mask);
		good += !one(opv_op_add(&v, INT64_MIN, len)) && v == (rest | (len == 8 ? mask >> 1 : mask));
		v = rest | mask;
		good += !one(opv_op_add_release(&v, -5, len)) && v == (rest | (mask - 5));
		good += !one(opv_op_and(&v, 0, len)) && v == rest;
		good += !one(opv_op_or(&v, ~UINT64_C(0), len)) && v == (rest | mask);
		good += !one(opv_op_min(&v, 1, len)) && v == (rest | 1);
		good += !one(opv_op_smin(&v, -1, len)) && v == (rest | mask);
		good += !one(opv_op_smax(&v, 3, len)) && v == (rest | 3);
		good += !one(opv_op_max(&v, -1, len)) && v == (rest | mask);
	}
	is(good, 4 * 10, "words of all widths wrap, have signs, and leave alone what lies beside them");
}

/* At each place around the edge of a page. */
static void test_crossing(void)
{
	char *edge = room + PAGE;
	uint32_t len, bad = 0;
	int at;

	for (len = 2; len <= 8; len *= 2) {
		for (at = -8; at <= 8; at++) {
			uint64_t v = UINT64_C(0x8877665544332211), got = 0;

			bad += one(opv_op_memcpy(edge + at, &v, len)) != 0;
			bad += one(opv_op_add(edge + at, 1, len)) != 0;
			bad += one(opv_op_xor(edge + at, 0xff00, len)) != 0;
			bad += one(opv_op_memcpy(&got, edge + at, len)) != 0;
			v = (v + 1) ^ 0xff00;
			bad += memcmp(&v, &got, len) != 0 || memcmp(&v, edge + at, len);
			bad += one(opv_op_compare_eq(edge + at, &v, len)) != 0;
			bad += one(opv_op_compare_ne(edge + at, &v, len)) != 1;
		}
	}
	is(bad, 0, "words that are not aligned, or cross into another page, are as good");
	memset(room, 5, PAGE + 1);
	memset(room + PAGE + 1, 6, PAGE);
	ok(!one(opv_op_memcpy(room + 1, room + PAGE + 1, PAGE)) && room[0] == 5 && room[1] == 6 &&
	   room[PAGE] == 6 && !one(opv_op_compare_eq(room + 1, room + PAGE + 1, PAGE)),
	   "and so is a page that does");
}

static void test_counts(void)
{
	struct cpu_op op = raw_op(CPU_MB_OP, 0, 0, 0);
	int cpu, bad = 0;

	for (cpu = 0; cpu < cpus(); cpu++)
		bad += call(NULL, 0, cpu, 0) != 0 || call((void *)1, 0, cpu, 0) != 0;
	is(bad, 0, "count 0 is a fence of each CPU, and needs no vector");
	is(call(&op, -1, 0, 0), -EINVAL, "a count below 0 is refused");
	ok(call(&op, INT_MIN, 0, 0) == -EINVAL && call(&op, INT_MAX, 0, 0) == -EINVAL &&
	   call(NULL, 17, 0, 0) == -EINVAL, "and one that is far out, before the vector is looked at");
}

static void test_cpus(void)
{
	static const int bad[] = { -1, -2, INT_MIN, 4096, 8192, 65536, 1 << 20, INT_MAX };
	struct cpu_op op = raw_op(CPU_MB_OP, 0, 0, 0);
	const int configured = (int)sysconf(_SC_NPROCESSORS_CONF);
	int refused = 0;
	size_t i;

	for (i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		refused += call(&op, 1, bad[i], 0) == -EINVAL && call(NULL, 0, bad[i], 0) == -EINVAL;
	is(refused, (int)(sizeof(bad) / sizeof(*bad)), "CPUs that cannot be are refused");
	ok(call(&op, 1, configured, 0) == -EINVAL && call(NULL, 0, configured, 0) == -EINVAL,
	   "the first that this machine does not have, too");
}

static void test_flags(void)
{
	struct cpu_op op = raw_op(CPU_MB_OP, 0, 0, 0);
	int bit, refused = 0;

	for (bit = 3; bit < 32; bit++)
		refused += call(&op, 1, 0, (int)(1u << bit)) == -EINVAL &&
			   call(NULL, 0, -1, (int)(1u << bit) | CPU_OP_NR_FLAG) == -EINVAL;
	is(refused, 29, "flags that are not known are refused, with one that is known too");
	is(call((void *)1, -7, -7, CPU_OP_NR_FLAG), NR_CPU_OPS, "the number of operations, whatever else is asked");
	is(call((void *)1, -7, -7, CPU_OP_VEC_LEN_MAX_FLAG), CPU_OP_VEC_LEN_MAX, "the longest vector");
}

/* Each vector has two mistakes; the one that is looked for first is answered. */
static void test_order(void)
{
	long v = 0;
	struct cpu_op good = opv_op_add(&v, 1, 4), fault = opv_op_add((void *)8, 1, 4);
	struct cpu_op bad = raw_op(NR_CPU_OPS, 4, (uintptr_t)&v, 0);
	struct cpu_op vec[16];
	int i;

	is(call((void *)8, 1, -1, 8), -EINVAL, "flags and CPU before the vector");
	is(call((void *)8, 1, 1 << 20, 0), -EFAULT, "the vector before a CPU that cannot be");
	is(call(&fault, 1, 1 << 20, 0), -EFAULT, "operands before a CPU that cannot be");
	is(call(&bad, 1, 1 << 20, 0), -EINVAL, "an operation that is none");
	for (i = 0; i < 15; i++)
		vec[i] = good;
	vec[15] = bad;
	ok(call_here(vec, 16) == -EINVAL && v == 0, "the last operation is looked at before the first is done");
	vec[15] = fault;
	ok(call_here(vec, 16) == -EFAULT && v == 0, "so are its operands");
	vec[0] = fault;
	vec[15] = bad;
	is(call_here(vec, 16), -EINVAL, "all operations before any operand");
	fault.u.arithmetic_op.expect_fault_p = 1;
	vec[0] = fault;
	fault.u.arithmetic_op.expect_fault_p = 0;
	vec[15] = fault;
	is(call_here(vec, 16), -EAGAIN, "operands in their order: the first was expected");
	vec[0] = fault;
	vec[15].u.arithmetic_op.expect_fault_p = 1;
	is(call_here(vec, 16), -EFAULT, "or the second was");
	vec[0] = opv_op_memcpy((void *)8, (void *)8, 4);
	vec[0].u.memcpy_op.expect_fault_src = 1;
	is(call_here(vec, 1), -EFAULT, "where both operands fault the destination is first");
	vec[0].u.memcpy_op.expect_fault_src = 0;
	vec[0].u.memcpy_op.expect_fault_dst = 1;
	is(call_here(vec, 1), -EAGAIN, "expected or not");
	vec[0] = opv_op_compare_eq((void *)8, (void *)8, 4);
	vec[0].u.compare_op.expect_fault_a = 255;
	is(call_here(vec, 1), -EAGAIN, "any value but 0 is yes");
}

static void test_guard(void)
{
	const int flag = CPU_OP_GUARD_FLAG, cpu = sched_getcpu();
	uint64_t gate = 1, open = 1, v = 0;
	struct cpu_op vec[18];
	uint32_t len;
	int i, good = 0;

	vec[0] = opv_op_compare_eq(&gate, &open, 8);
	for (i = 1; i < 18; i++)
		vec[i] = opv_op_add(&v, 1, 8);
	ok(!call(vec, 17, cpu, flag) && v == 16, "a guard that holds, and 16 operations");
	is(call(vec, 18, cpu, flag), -EINVAL, "17 are too many with it, too");
	is(call(vec, 0, cpu, flag), -EINVAL, "without operation 0 there is no guard");
	is(call(vec, 1, cpu, flag), 0, "it can be alone");
	gate = 2;
	v = 0;
	ok(call(vec, 17, cpu, flag) == -EBUSY && v == 0, "one that does not hold keeps out the vector");
	is(call(vec, 1, cpu, flag), -EBUSY, "alone, too");
	gate = 1;
	vec[2] = opv_op_compare_ne(&gate, &open, 8);
	ok(call(vec, 3, cpu, flag) == 2 && v == 1, "what stops is counted from behind the guard");
	for (len = 1; len <= 8; len *= 2) {
		vec[0] = opv_op_compare_eq(&gate, &open, len);
		good += !call(vec, 1, cpu, flag);
	}
	is(good, 4, "guards of 1, 2, 4 and 8 bytes");
	vec[0] = opv_op_compare_eq(&gate, &open, 3);
	is(call(vec, 1, cpu, flag), -EINVAL, "not of 3");
	vec[0] = opv_op_compare_ne(&gate, &v, 8);
	is(call(vec, 2, cpu, flag), -EINVAL, "a guard compares for equality");
	vec[0] = opv_op_compare_eq((void *)8, &open, 8);
	vec[0].u.compare_op.expect_fault_a = 1;
	is(call(vec, 2, cpu, flag), -EAGAIN, "its operands fault as others do");
}

static int run_sized(uint32_t size, char fill, size_t fill_at)
{
	struct {
		struct cpu_opv_args args;
		char more[2 * PAGE];
	} *s = mmap(NULL, sizeof(*s), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int ret;

	s->args = (struct cpu_opv_args){ .size = size, .flags = CPU_OP_NR_FLAG };
	s->more[fill_at] = fill;
	ret = ioctl(call_fd, CPU_OPV_IOC_RUN, s);
	ret = ret < 0 ? -errno : ret;
	munmap(s, sizeof(*s));
	return ret;
}

static void test_structure(void)
{
	const uint32_t size = sizeof(struct cpu_opv_args);
	char *end;

	if (call_nr) {
		skip("the device's structure", "this is the system call");
		return;
	}
	is(run_sized(size, 1, 0), NR_CPU_OPS, "what comes after the structure is not looked at");
	is(run_sized(size + 8, 0, 0), NR_CPU_OPS, "it may be larger, if nothing is asked for there");
	is(run_sized(size + 8, 1, 7), -E2BIG, "something is: it is not known here");
	is(run_sized(size + 1, 1, 0), -E2BIG, "in one byte, too");
	is(run_sized(PAGE, 0, 0), NR_CPU_OPS, "a page of it");
	is(run_sized(PAGE + 1, 0, 0), -E2BIG, "more than a page is too much");
	is(run_sized(UINT_MAX, 0, 0), -E2BIG, "very much more, too");
	ok(run_sized(size - 1, 0, 0) == -EINVAL && run_sized(0, 0, 0) == -EINVAL, "it must not be smaller");
	ok(ioctl(call_fd, CPU_OPV_IOC_RUN, NULL) < 0 && errno == EFAULT, "it must be there");
	ok(ioctl(call_fd, CPU_OPV_IOC_RUN + 1, &size) < 0 && errno == ENOTTY, "other requests are none");
	end = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	munmap(end + PAGE, PAGE);
	*(uint32_t *)(end + PAGE - 4) = size;
	ok(ioctl(call_fd, CPU_OPV_IOC_RUN, end + PAGE - 4) < 0 && errno == EFAULT, "all of it");
	munmap(end, PAGE);
}

int main(void)
{
	if (!call_open())
		return done();
	test_lengths();
	test_sum();
	test_shifts();
	test_widths();
	test_crossing();
	test_counts();
	test_cpus();
	test_flags();
	test_order();
	test_guard();
	test_structure();
	return done();
}
