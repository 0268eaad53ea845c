// SPDX-License-Identifier: MIT
/*
 * Vectors: several operations on the data of one CPU, all of them or none, from
 * any thread.  Here a budget is moved between two CPUs' accounts, and what a
 * vector answers when it is stopped, is wrong, or meets memory that is not there.
 */
#include <opv/opv.h>
#include <stdio.h>
#include <string.h>

struct account {
	uint64_t budget;
	uint64_t moves;
};

static struct account *accounts;	/* a handle */

/* 0; 1 when the budget is not what the caller saw; or -errno. */
static int change(int cpu, uint64_t seen, int64_t by)
{
	struct account *a = opv_ptr(accounts, cpu);
	struct cpu_op vec[] = {
		opv_op_compare_eq(&a->budget, &seen, sizeof(seen)),
		opv_op_add(&a->budget, by, sizeof(a->budget)),
		opv_op_add(&a->moves, 1, sizeof(a->moves)),
	};

	return opv_vector(opv_domain_of(accounts), vec, 3, cpu);
}

static void show(const char *what, int ret)
{
	if (ret < 0)
		printf("%s: %s\n", what, strerror(-ret));
	else if (ret)
		printf("%s: stopped by operation %d\n", what, ret);
	else
		printf("%s: done\n", what);
}

int main(void)
{
	int other = opv_domain_cpus(NULL) - 1, value = 1;
	struct cpu_op stale = opv_op_memcpy(&value, (void *)8, sizeof(value));
	struct cpu_op wrong = opv_op_add(&value, 1, 3);

	if (opv_new(NULL, &accounts))
		return 1;
	show("give CPU 0 a budget", change(0, 0, 100));
	show("take from it", change(0, 100, -30));
	show("give it to the last CPU", change(other, opv_ptr(accounts, other)->budget, 30));
	show("take what was there before", change(0, 100, -30));

	show("a length that addition does not have", opv_vector(NULL, &wrong, 1, 0));
	show("memory that is not there", opv_vector(NULL, &stale, 1, 0));
	stale = opv_op_expect_fault(stale);
	show("memory that may have gone", opv_vector(NULL, &stale, 1, 0));
	show("a CPU that cannot be", opv_vector(NULL, NULL, 0, 1 << 20));

	printf("CPU 0 has %llu, value is %d\n",
	       (unsigned long long)opv_ptr(accounts, 0)->budget, value);
	return 0;
}
