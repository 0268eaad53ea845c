// SPDX-License-Identifier: MIT
/*
 * works [fast|slow]: does it all work, in whatever surroundings this was built and
 * started?  Says what it found, and exits 0 if every result and sum is right and,
 * where asked for, calls were (were not) made by sections.
 */
#define _GNU_SOURCE
#include <opv/opv.h>

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define THREADS 3

struct node {
	intptr_t next;
};

static struct opv_domain *domain;
static uint64_t *sum;
static intptr_t *list;
static uint64_t plain[4096];	/* by CPU */
static long rounds = 2000;
static int wrong;

static void expect(long got, long want, const char *what)
{
	if (got == want)
		return;
	printf("wrong: %s is %ld, should be %ld\n", what, got, want);
	__atomic_fetch_add(&wrong, 1, __ATOMIC_RELAXED);
}

static void push_and_pop(struct node *n)
{
	intptr_t head, got = 0;
	int ret, cpu = opv_cpu();

	do {
		head = *opv_ptr(list, cpu);
		n->next = head;
		ret = opv_cmpeq_store_release(list, head, (intptr_t)n, cpu);
	} while (ret == 1);
	expect(ret, 0, "push");
	do {
		ret = opv_cmpne_load_off(list, 0, 0, &got, cpu);
	} while (ret == 1);
	expect(ret, 0, "pop");
	/* Not necessarily ours: leave the one that we got to the next round. */
	((struct node *)got)->next = 0;
}

static void *thread_main(void *arg)
{
	int last = opv_domain_cpus(domain) - 1;
	struct node *node = calloc(1, sizeof(*node));
	uint64_t old;
	long i;

	(void)arg;
	for (i = 0; i < rounds; i++) {
		int cpu = opv_cpu();

		expect(opv_add64(sum, 1, OPV_THIS_CPU), 0, "add");
		expect(opv_fetch_add64(sum, 1, &old, cpu), 0, "fetch_add");
		expect(opv_add64_at(opv_domain_default(), &plain[cpu], 1, cpu), 0, "add_at");
		if (i % 16 == 0)
			expect(opv_add64(sum, 1, last), 0, "add elsewhere");
	}
	push_and_pop(node);
	return NULL;
}

static void threads(void)
{
	static long times;
	pthread_t thread[THREADS];
	uint64_t got = 0, got_plain = 0;
	int i, cpu;

	for (i = 0; i < THREADS; i++)
		pthread_create(&thread[i], NULL, thread_main, NULL);
	for (i = 0; i < THREADS; i++)
		pthread_join(thread[i], NULL);
	for (cpu = 0; cpu < opv_domain_cpus(domain); cpu++) {
		got += *opv_ptr(sum, cpu);
		got_plain += plain[cpu];
	}
	times++;
	expect((long)got, times * THREADS * (2 * rounds + (rounds + 15) / 16), "the sum");
	expect((long)got_plain, times * THREADS * rounds, "the plain sum");
}

static void vectors(void)
{
	uint64_t a = 1, b = 2;
	struct cpu_op good[] = { opv_op_compare_ne(&a, &b, 8), opv_op_add(&a, 1, 8) };
	struct cpu_op stops[] = { opv_op_compare_eq(&a, &a, 8), opv_op_compare_ne(&a, &b, 8) };
	struct cpu_op bad[] = { opv_op_add(&a, 1, 8), opv_op_add((void *)8, 1, 8) };
	struct cpu_op constant[] = { opv_op_add((void *)(uintptr_t)"text", 1, 1) };

	errno = 77;
	expect(opv_vector(NULL, good, 2, 0), 0, "a vector");
	expect((long)a, 2, "what it added to");
	expect(opv_vector(NULL, stops, 2, 0), 2, "a vector that stops");
	expect(opv_vector(NULL, bad, 2, 0), -EFAULT, "a vector with a bad address");
	expect(opv_vector(NULL, constant, 1, 0), -EFAULT, "a vector that writes to a constant");
	expect((long)a, 2, "what it did not touch");
	expect(opv_fence(domain, OPV_ALL_CPUS), 0, "a fence");
	expect(errno, 77, "errno");
}

int main(int argc, char **argv)
{
	const char *want = argc > 1 ? argv[1] : "";
	struct opv_status status;
	struct opv_counts counts;

	if (argc > 2)
		rounds = atol(argv[2]);
	expect(opv_domain_create(&domain, NULL), 0, "a domain");
	expect(opv_new(domain, &sum), 0, "a variable");
	expect(opv_new(domain, &list), 0, "a list");
	if (wrong)
		return 1;
	opv_status(&status, sizeof(status));
	printf("fast=%d owner=%u fence=%u why=%s\n", status.fast, status.rseq_owner, status.fence,
	       status.why);
	opv_count_fast(1);
	threads();
	opv_count_fast(0);
	opv_counts(OPV_ALL_CPUS, &counts, sizeof(counts));
	printf("by sections: %llu, slow: %llu\n", (unsigned long long)counts.fast,
	       (unsigned long long)counts.slow);
	/* And inline, as they are when nobody counts. */
	threads();
	vectors();
	if (!strcmp(want, "fast")) {
		expect(status.fast, 1, "fast");
		expect(counts.fast > (uint64_t)(THREADS * rounds * 2), 1, "most calls by sections");
	} else if (!strcmp(want, "slow")) {
		expect(status.fast, 0, "fast");
		expect((long)counts.fast, 0, "calls by sections");
	}
	return wrong ? 1 : 0;
}
