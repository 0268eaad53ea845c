// SPDX-License-Identifier: MIT
/*
 * Vectors that are refused: with which error, in which order errors are looked
 * for, and that nothing is changed.  By opv_vector() and by cpu_opv().
 */
#define _GNU_SOURCE
#include "ops.h"

#include <limits.h>
#include <sys/mman.h>
#include <unistd.h>

#include "vmodel.h"

#define PAGE 4096

static char *good;		/* two pages to read and write */
static char snapshot[2 * PAGE];

/* Places that are not there, or not to be written. */
static char *unmapped, *no_access, *read_only, *beyond_file, *file_read_only;

static int by_opv(const struct cpu_op *vec, int count, int cpu)
{
	return opv_vector(NULL, vec, count, cpu);
}

static int by_cpu_opv(const struct cpu_op *vec, int count, int cpu)
{
	return cpu_opv((struct cpu_op *)(uintptr_t)vec, count,
		       cpu == OPV_THIS_CPU ? sched_getcpu() : cpu, 0);
}

static const struct entry {
	const char *name;
	int (*run)(const struct cpu_op *vec, int count, int cpu);
} entries[] = { { "opv_vector", by_opv }, { "cpu_opv", by_cpu_opv } };

static const struct entry *entry;

/* Run it; the result must be want, and if that is an error nothing may have changed. */
static bool gives(int want, const struct cpu_op *vec, int count, int cpu)
{
	int ret;

	memcpy(snapshot, good, sizeof(snapshot));
	ret = entry->run(vec, count, cpu);
	if (ret == want && (ret >= 0 || !memcmp(snapshot, good, sizeof(snapshot))))
		return true;
	diag("%d operations as CPU %d: result %d, wanted %d; memory %s", count, cpu, ret, want,
	     memcmp(snapshot, good, sizeof(snapshot)) ? "changed" : "unchanged");
	return false;
}

static bool gives1(int want, struct cpu_op op)
{
	return gives(want, &op, 1, OPV_THIS_CPU);
}

static struct cpu_op make(int op, uint32_t len, char *a, char *b)
{
	struct vop v = { op, len, (size_t)a, (size_t)b, 1 };

	return vop_build(&v, NULL);
}

static struct cpu_op of_number(int number, uint32_t len)
{
	struct cpu_op op = make(CPU_ADD_OP, len, good, good);

	op.op = number;
	return op;
}

static void test_operations(void)
{
	static const int bad[] = { -1, NR_CPU_OPS, NR_CPU_OPS + 1, 255, 256, INT_MAX, INT_MIN };
	bool all = true;
	int i, at;

	for (i = 0; i < 7; i++)
		all &= gives1(-EINVAL, of_number(bad[i], 8));
	for (at = 0; at < 16; at++) {
		struct cpu_op vec[16];

		for (i = 0; i < 16; i++)
			vec[i] = make(CPU_ADD_OP, 8, good + 8 * i, NULL);
		vec[at].op = -1;
		all &= gives(-EINVAL, vec, 16, OPV_THIS_CPU);
	}
	ok(all, "%s: unknown operations, wherever in the vector: EINVAL", entry->name);
}

static void test_lengths(void)
{
	static const uint32_t odd[] = { 0, 3, 5, 6, 7, 9, 16, 4096, 0x80000000, 0xffffffff };
	static const uint32_t long_[] = { 4097, 8192, 65537, 0x80000000, 0xfffffff8, 0xffffffff };
	bool all = true;
	int op, i;

	for (op = 0; op < NR_CPU_OPS; op++) {
		if (vop_is_pair(op)) {
			for (i = 0; i < 6; i++)
				all &= gives1(-EINVAL, make(op, long_[i], good, good + PAGE));
			all &= gives1(op == CPU_COMPARE_NE_OP, make(op, 0, NULL, NULL));
			continue;
		}
		for (i = 0; i < 10; i++)
			all &= gives1(vop_infos[op].shape == VSHAPE_NONE ? 0 : -EINVAL,
				      make(op, odd[i], good, NULL));
	}
	ok(all, "%s: lengths that an operation does not have: EINVAL", entry->name);
}

static void test_shifts(void)
{
	uint32_t len, bits;
	bool all = true;
	struct cpu_op op;
	int number;

	for (number = CPU_LSHIFT_OP; number <= CPU_RSHIFT_OP; number++)
		for (len = 1; len <= 8; len *= 2)
			for (bits = 0; bits < 70; bits++) {
				op = make(number, len, good, NULL);
				op.u.shift_op.bits = bits;
				all &= gives1(bits < 8 * len ? 0 : -EINVAL, op);
				op.u.shift_op.bits = bits | 0x80000000;
				all &= gives1(-EINVAL, op);
			}
	ok(all, "%s: shifts by the width or more: EINVAL", entry->name);
}

static void test_counts(void)
{
	static const int bad[] = { -1, 17, 18, 1000, INT_MAX, INT_MIN };
	struct cpu_op vec[18];
	bool all = true;
	int i;

	for (i = 0; i < 18; i++)
		vec[i] = make(CPU_ADD_OP, 8, good + 8 * i, NULL);
	for (i = 0; i <= 16; i++)
		all &= gives(0, vec, i, OPV_THIS_CPU);
	for (i = 0; i < 6; i++)
		all &= gives(-EINVAL, vec, bad[i], OPV_THIS_CPU);
	all &= gives(0, NULL, 0, OPV_THIS_CPU);
	all &= gives(0, (struct cpu_op *)unmapped, 0, OPV_THIS_CPU);
	ok(all, "%s: 0 to 16 operations, no more and not fewer; none are not looked at", entry->name);
}

static void test_sums(void)
{
	struct cpu_op vec[16];
	bool all = true;
	int i;

	vec[0] = make(CPU_MEMCPY_OP, 4096, good, good + PAGE);
	for (i = 1; i < 16; i++)
		vec[i] = make(CPU_ADD_OP, 8, good + 8 * i, NULL);
	all &= gives(0, vec, 16, OPV_THIS_CPU);
	vec[15] = make(CPU_MEMCPY_OP, 9, good, good + PAGE);
	all &= gives(-EINVAL, vec, 16, OPV_THIS_CPU);
	vec[15] = make(CPU_MB_OP, 0xffffffff, NULL, NULL);
	all &= gives(0, vec, 16, OPV_THIS_CPU);
	for (i = 0; i < 16; i++)
		vec[i] = make(CPU_MEMCPY_OP, 4096, good, good + PAGE);
	for (i = 2; i <= 16; i++)
		all &= gives(-EINVAL, vec, i, OPV_THIS_CPU);
	for (i = 0; i < 16; i++)
		vec[i] = make(CPU_COMPARE_EQ_OP, 263 + (i < 8), good, good);
	all &= gives(0, vec, 16, OPV_THIS_CPU);
	vec[8].len++;
	all &= gives(-EINVAL, vec, 16, OPV_THIS_CPU);
	ok(all, "%s: 4216 bytes in all and no more; a barrier has no length", entry->name);
}

static void test_cpus(void)
{
	struct cpu_op op = make(CPU_ADD_OP, 8, good, NULL);
	const int bad[] = { opv_domain_cpus(NULL), opv_domain_cpus(NULL) + 1, 65536, INT_MAX,
			    -2, -3, INT_MIN };
	bool all = true;
	int i;

	for (i = 0; i < 7; i++) {
		all &= gives(-EINVAL, &op, 1, bad[i]);
		all &= gives(-EINVAL, NULL, 0, bad[i]);
	}
	ok(all, "%s: CPUs that cannot be: EINVAL", entry->name);
}

/* Each operand of each shape, with and without its expect_fault byte. */
static void set_expect_fault(struct cpu_op *op, bool second)
{
	if (vop_infos[op->op].shape == VSHAPE_SHIFT)
		op->u.shift_op.expect_fault_p = 0x80;
	else if (second)
		op->u.memcpy_op.expect_fault_src = 1;
	else
		op->u.memcpy_op.expect_fault_dst = 0xff;
}

static bool faults(int number, uint32_t len, char *bad, bool second)
{
	struct cpu_op op = make(number, len, second ? good : bad, second ? bad : good);
	struct cpu_op vec[2];
	bool all = true;

	all &= gives1(-EFAULT, op);
	set_expect_fault(&op, !second);
	if (vop_is_pair(number))
		all &= gives1(-EFAULT, op);	/* the other one's byte does not count */
	set_expect_fault(&op, second);
	all &= gives1(-EAGAIN, op);
	/* What would have been done before is not done. */
	vec[0] = make(CPU_ADD_OP, 8, good + 64, NULL);
	vec[1] = op;
	all &= gives(-EAGAIN, vec, 2, OPV_THIS_CPU);
	/* Nor does a compare that would have stopped it first. */
	vec[0] = make(CPU_COMPARE_NE_OP, 8, good, good);
	all &= gives(-EAGAIN, vec, 2, OPV_THIS_CPU);
	if (!all)
		diag("%s of %u bytes, operand %d at %p", vop_infos[number].name, len, second + 1, bad);
	return all;
}

static bool faults_in_all(char *bad, bool readable)
{
	bool all = true, writes;
	uint32_t len;
	int op;

	for (op = 0; op < NR_CPU_OPS; op++)
		for (len = 1; len <= 8; len *= 2) {
			if (vop_infos[op].shape == VSHAPE_NONE)
				continue;
			writes = vop_infos[op].shape != VSHAPE_COMPARE;
			if (writes || !readable)
				all &= faults(op, len, bad, false);
			if (vop_is_pair(op) && !readable)
				all &= faults(op, len, bad, true);
		}
	return all;
}

static void test_faults(void)
{
	static const uint64_t impossible[] = {
		8, 0x7ffffffff000, 0x7ffffffffff8, 0x800000000000, 0x8000000000000000,
		0xffff800000000000, 0xffffffff81000000, 0xffffffffff5ffff8, 0xfffffffffffff000,
		0xfffffffffffffff8, 0xffffffffffffffff,
	};
	bool all = true;
	int i;

	ok(faults_in_all(NULL, false), "%s: NULL: EFAULT or EAGAIN", entry->name);
	ok(faults_in_all(unmapped, false), "%s: nothing mapped: EFAULT or EAGAIN", entry->name);
	ok(faults_in_all(no_access, false), "%s: PROT_NONE: EFAULT or EAGAIN", entry->name);
	ok(faults_in_all(beyond_file, false), "%s: beyond the end of a file: EFAULT or EAGAIN",
	   entry->name);
	ok(faults_in_all(read_only, true), "%s: written where it is read-only: EFAULT or EAGAIN",
	   entry->name);
	ok(faults_in_all(file_read_only, true), "%s: a file that is read only: EFAULT or EAGAIN",
	   entry->name);
	for (i = 0; i < 11; i++)
		all &= faults_in_all((char *)(uintptr_t)impossible[i], false);
	ok(all, "%s: addresses of the kernel, and those that wrap round: EFAULT or EAGAIN",
	   entry->name);
}

/* The last byte is one too far. */
static void test_edges(void)
{
	char *end = good + 2 * PAGE;	/* unmapped from here */
	bool all = true, equal;
	uint32_t len;
	int op;

	for (op = 0; op < NR_CPU_OPS; op++)
		for (len = 2; len <= 8; len *= 2) {
			if (vop_infos[op].shape == VSHAPE_NONE)
				continue;
			all &= gives1(-EFAULT, make(op, len, end - len + 1, good));
			equal = !memcmp(end - len, good, len);
			all &= gives1(op == CPU_COMPARE_EQ_OP ? !equal : op == CPU_COMPARE_NE_OP && equal,
				      make(op, len, end - len, good));
		}
	all &= gives1(-EFAULT, make(CPU_MEMCPY_OP, 4096, good, good + PAGE + 1));
	all &= gives1(-EFAULT, make(CPU_MEMCPY_OP, 4096, good + PAGE + 1, good));
	ok(all, "%s: operands that begin in what is there and end behind it: EFAULT", entry->name);
}

static void test_read_only_source(void)
{
	bool all = true;

	all &= gives1(0, make(CPU_COMPARE_EQ_OP, 64, read_only, read_only + 64));
	all &= gives1(0, make(CPU_MEMCPY_OP, 64, good, read_only));
	all &= gives1(0, make(CPU_MEMCPY_OP, 64, good, file_read_only));
	ok(all && !good[0], "%s: memory that is read-only is read", entry->name);
}

/* Errors with different answers, two in one vector. */
static void test_order(void)
{
	struct cpu_op add = make(CPU_ADD_OP, 8, good, NULL), vec[16];
	struct cpu_op fault = make(CPU_ADD_OP, 8, unmapped, NULL);
	struct cpu_op again = opv_op_expect_fault(fault);
	const struct cpu_op *nowhere = (struct cpu_op *)unmapped;
	bool all = true;
	int i;

	all &= gives(-EINVAL, nowhere, -1, OPV_THIS_CPU) && gives(-EINVAL, nowhere, 17, OPV_THIS_CPU);
	all &= gives(-EINVAL, nowhere, 1, -2);
	all &= gives(-EFAULT, nowhere, 1, OPV_THIS_CPU) && gives(-EFAULT, nowhere, 1, INT_MAX);
	all &= gives(-EFAULT, (struct cpu_op *)(good + 2 * PAGE - 32), 2, OPV_THIS_CPU);
	for (i = 0; i < 16; i++)
		vec[i] = fault;
	vec[15].op = -1;
	all &= gives(-EINVAL, vec, 16, OPV_THIS_CPU);
	vec[15].op = CPU_ADD_OP;
	vec[15].len = 3;
	all &= gives(-EINVAL, vec, 16, OPV_THIS_CPU);
	vec[0] = fault;
	vec[1] = vec[2] = make(CPU_MEMCPY_OP, 4096, good, good + PAGE);
	all &= gives(-EINVAL, vec, 3, OPV_THIS_CPU);
	vec[0] = fault;
	vec[1] = again;
	all &= gives(-EFAULT, vec, 2, OPV_THIS_CPU);
	vec[0] = again;
	vec[1] = fault;
	all &= gives(-EAGAIN, vec, 2, OPV_THIS_CPU);
	all &= gives(-EAGAIN, vec, 2, INT_MAX);
	vec[0] = make(CPU_MEMCPY_OP, 8, unmapped, unmapped);
	set_expect_fault(&vec[0], true);
	all &= gives(-EFAULT, vec, 1, OPV_THIS_CPU);
	vec[0] = make(CPU_COMPARE_EQ_OP, 8, unmapped, unmapped);
	set_expect_fault(&vec[0], false);
	all &= gives(-EAGAIN, vec, 1, OPV_THIS_CPU);
	all &= gives(-EINVAL, &add, 1, INT_MAX);
	ok(all, "%s: count, vector, operations, sum, operands, CPU: in this order", entry->name);
}

static void map_places(void)
{
	int fd = memfd_create("refuse", MFD_CLOEXEC);
	char *p;

	p = mmap(NULL, 6 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	good = p + PAGE;
	unmapped = p + 3 * PAGE;
	no_access = p + 4 * PAGE;
	mprotect(no_access, PAGE, PROT_NONE);
	read_only = p + 5 * PAGE;
	mprotect(read_only, PAGE, PROT_READ);
	if (ftruncate(fd, PAGE))
		abort();
	beyond_file = (char *)mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) + PAGE;
	file_read_only = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, 0);
	close(fd);
	/* Last, so that nobody else maps something into the hole. */
	opv_fence(NULL, OPV_ALL_CPUS);
	munmap(unmapped, PAGE);
}

int main(void)
{
	map_places();
	pin_to(allowed_cpu(0));
	errno = 4242;
	for (entry = entries; entry < entries + 2; entry++) {
		memset(good, 0, 2 * PAGE);
		test_operations();
		test_lengths();
		test_shifts();
		test_counts();
		test_sums();
		test_cpus();
		test_faults();
		test_edges();
		memset(good, 0, 2 * PAGE);
		test_read_only_source();
		test_order();
	}
	is(errno, 4242, "errno was left alone by all of it");
	return done();
}
