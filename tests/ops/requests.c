// SPDX-License-Identifier: MIT
/* opv_vectors() and opv_fence(): many CPUs at once. */
#define _GNU_SOURCE
#include "ops.h"

#include <limits.h>
#include <sys/mman.h>

static struct opv_domain *d;
static int nr_cpus;
static uint64_t *h;

#define NR_MANY 65536

static void zero(void)
{
	int cpu;

	for (cpu = 0; cpu < nr_cpus; cpu++)
		*opv_ptr(h, cpu) = 0;
}

static uint64_t sum(void)
{
	uint64_t s = 0;
	int cpu;

	for (cpu = 0; cpu < nr_cpus; cpu++)
		s += *opv_ptr(h, cpu);
	return s;
}

/* One for each CPU, online or not. */
static void test_each_cpu(void)
{
	struct opv_request r[nr_cpus];
	struct cpu_op vec[nr_cpus];
	bool good = true;
	int cpu;

	zero();
	for (cpu = 0; cpu < nr_cpus; cpu++) {
		vec[cpu] = opv_op_add(opv_ptr(h, cpu), cpu + 1, 8);
		r[cpu] = (struct opv_request){ &vec[cpu], 1, cpu, -1 };
	}
	is(opv_vectors(d, r, nr_cpus), 0, "a vector for each CPU, online or not");
	for (cpu = 0; cpu < nr_cpus; cpu++)
		good &= !r[cpu].result && *opv_ptr(h, cpu) == (uint64_t)cpu + 1;
	ok(good, "each was executed once, and says so");
	for (cpu = 0; cpu < nr_cpus; cpu++)
		good &= !opv_add64(h, 1, cpu) && *opv_ptr(h, cpu) == (uint64_t)cpu + 2;
	ok(good, "every CPU is open again");
}

/* In order, also of one CPU; a stop of one is nothing to the others. */
static void test_order_and_stops(void)
{
	uint64_t three = 3;
	struct cpu_op add = opv_op_add(opv_ptr(h, 0), 3, 8), shift = opv_op_lshift(opv_ptr(h, 0), 1, 8);
	struct cpu_op stops[] = { opv_op_add(opv_ptr(h, 1), 1, 8),
				  opv_op_compare_ne(opv_ptr(h, 0), &three, 8),
				  opv_op_add(opv_ptr(h, 1), 100, 8) };
	struct opv_request r[] = {
		{ &add, 1, 0, -1 }, { stops, 3, 1, -1 }, { &shift, 1, 0, -1 }, { NULL, 0, 0, -1 },
		{ &add, 1, 0, -1 }, { stops, 3, nr_cpus - 1, -1 },
	};

	zero();
	is(opv_vectors(d, r, 6), 0, "several for the same CPU, one that is stopped, one that is empty");
	ok(*opv_ptr(h, 0) == 9, "they were executed in order: (0 + 3) * 2 + 3");
	ok(*opv_ptr(h, 1) == 102, "what came before the stop was done, what came after it not");
	ok(!r[0].result && r[1].result == 2 && !r[2].result && !r[3].result && !r[4].result &&
	   !r[5].result, "each has a result of its own");
}

/* A bad one at any place: nothing was begun. */
static void refused(const char *what, struct opv_request bad, int want)
{
	struct cpu_op add = opv_op_add(opv_ptr(h, 0), 1, 8);
	struct opv_request r[8];
	bool good = true;
	int at, i, ret;

	for (at = 0; at < 8; at++) {
		zero();
		for (i = 0; i < 8; i++)
			r[i] = (struct opv_request){ &add, 1, 0, 0x5a };
		r[at] = bad;
		ret = opv_vectors(d, r, 8);
		good &= ret == want && r[at].result == want && !sum();
		if (!good)
			diag("at %d: returned %d, its result %d, sum %llu", at, ret, r[at].result,
			     (unsigned long long)sum());
	}
	ok(good, "%s: error %d, wherever it stands, and none was begun", what, -want);
}

static void test_bad_requests(void)
{
	struct cpu_op add = opv_op_add(opv_ptr(h, 0), 1, 8), fault = opv_op_add(NULL, 1, 8);
	struct cpu_op again = opv_op_expect_fault(fault), unknown = add;

	unknown.op = NR_CPU_OPS;
	refused("a CPU that the domain has not", (struct opv_request){ &add, 1, nr_cpus, 0 }, -EINVAL);
	refused("\"this CPU\"", (struct opv_request){ &add, 1, OPV_THIS_CPU, 0 }, -EINVAL);
	refused("a negative CPU", (struct opv_request){ &add, 1, INT_MIN, 0 }, -EINVAL);
	refused("a huge CPU", (struct opv_request){ &add, 1, INT_MAX, 0 }, -EINVAL);
	refused("17 operations", (struct opv_request){ &add, 17, 0, 0 }, -EINVAL);
	refused("-1 operations", (struct opv_request){ &add, -1, 0, 0 }, -EINVAL);
	refused("an unknown operation", (struct opv_request){ &unknown, 1, 0, 0 }, -EINVAL);
	refused("a vector that is not there", (struct opv_request){ NULL, 1, 0, 0 }, -EFAULT);
	refused("an operand that is not there", (struct opv_request){ &fault, 1, 0, 0 }, -EFAULT);
	refused("an operand that is expected to fault", (struct opv_request){ &again, 1, 0, 0 }, -EAGAIN);
}

static void test_first_error_counts(void)
{
	struct cpu_op fault = opv_op_add(NULL, 1, 8), again = opv_op_expect_fault(fault);
	struct opv_request r[] = { { &again, 1, 0, 7 }, { &fault, 1, 0, 7 }, { &fault, 1, -1, 7 } };

	ok(opv_vectors(d, r, 3) == -EAGAIN && r[0].result == -EAGAIN, "of two errors the first is told");
	ok(opv_vectors(d, r + 1, 2) == -EFAULT && r[1].result == -EFAULT, "whichever it is");
}

static void test_numbers(void)
{
	struct cpu_op add = opv_op_add(opv_ptr(h, 1), 1, 8);
	struct opv_request *r = malloc(NR_MANY * sizeof(*r));
	bool good = true;
	int i;

	zero();
	for (i = 0; i < NR_MANY; i++)
		r[i] = (struct opv_request){ &add, 1, i % nr_cpus, -1 };
	is(opv_vectors(d, NULL, 0), 0, "no requests are done at once");
	is(opv_vectors(d, r, -1), -EINVAL, "fewer are not possible");
	is(opv_vectors(d, r, NR_MANY + 1), -EINVAL, "nor more than 65536");
	is(sum(), 0, "nothing was begun");
	is(opv_vectors(d, r, NR_MANY), 0, "65536 are");
	for (i = 0; i < NR_MANY; i++)
		good &= !r[i].result;
	ok(good && sum() == NR_MANY, "all were executed");
	is(opv_vectors(d, NULL, 1), -EFAULT, "requests that are not there: EFAULT");
	free(r);
}

static void test_default_domain(void)
{
	static uint64_t word;
	struct cpu_op add = opv_op_add(&word, 1, 8);
	struct opv_request r[] = { { &add, 1, 0, -1 }, { &add, 1, opv_domain_cpus(NULL) - 1, -1 } };
	struct opv_request wide = { &add, 1, opv_domain_cpus(NULL), -1 };

	ok(!opv_vectors(NULL, r, 2) && word == 2, "NULL is the default domain");
	ok(opv_vectors(NULL, &wide, 1) == -EINVAL && word == 2, "which has the possible CPUs only");
}

static void test_fences(void)
{
	const int bad[] = { nr_cpus, nr_cpus + 1, -3, INT_MIN, INT_MAX };
	bool good = true;
	int cpu, i;

	for (cpu = 0; cpu < nr_cpus; cpu++)
		good &= !opv_fence(d, cpu);
	ok(good, "a fence of every CPU, online or not");
	is(opv_fence(d, OPV_THIS_CPU), 0, "of this CPU");
	is(opv_fence(d, OPV_ALL_CPUS), 0, "of all CPUs");
	is(opv_fence(NULL, OPV_ALL_CPUS), 0, "of all CPUs, default domain");
	is(opv_fence(NULL, opv_domain_cpus(NULL) - 1), 0, "of the last CPU, default domain");
	for (i = 0, good = true; i < 5; i++)
		good &= opv_fence(d, bad[i]) == -EINVAL;
	ok(good, "CPUs that cannot be: EINVAL");
}

int main(void)
{
	d = wide_domain(&nr_cpus);
	if (!ok(d && !opv_new(d, &h), "a domain with CPUs that are never online"))
		return done();
	errno = 4242;
	test_each_cpu();
	test_order_and_stops();
	test_bad_requests();
	test_first_error_counts();
	test_numbers();
	test_default_domain();
	test_fences();
	is(errno, 4242, "errno was left alone by all of it");
	return done();
}
