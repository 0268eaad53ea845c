// SPDX-License-Identifier: MIT
/*
 * As in 2018: a program that only knows sections and repeats them, next to the
 * system's own rseq headers; and one that falls back to cpu_op_ by hand.
 */
#ifndef _GNU_SOURCE
# define _GNU_SOURCE
#endif
#include <pthread.h>
#include <sched.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#if defined(__has_include)
# if __has_include(<sys/rseq.h>)
#  include <sys/rseq.h>
# elif __has_include(<linux/rseq.h>)
#  include <linux/rseq.h>
# endif
#endif
#include <rseq/rseq.h>
#include <rseq/cpu-op.h>

#define THREADS 3
#define LOOPS 200000
#define CPUS 4096

static struct {
	intptr_t count;
	intptr_t by_hand;
} __attribute__((aligned(128))) data[CPUS];

static int failures;

#define CHECK(cond)							\
	do {								\
		if (!(cond)) {						\
			fprintf(stderr, "line %d: %s\n", __LINE__, #cond); \
			failures++;					\
		}							\
	} while (0)

static void *adds(void *arg)
{
	int i, cpu;

	for (i = 0; i < LOOPS; i++) {
		/* Ends, whoever registered rseq or did not. */
		do {
			cpu = (int)rseq_cpu_start();
		} while (rseq_addv(&data[cpu].count, 1, cpu));

		cpu = (int)rseq_cpu_start();
		if (rseq_addv(&data[cpu].by_hand, 1, cpu) && cpu_op_addv(&data[cpu].by_hand, 1, cpu))
			return &failures;
	}
	return arg;
}

static void alone(int cpu, int other)
{
	intptr_t v = 1, v2 = 2, load = 0, node[2] = { 0, 77 };
	char dst[8] = "", src[8] = "seven..";

	CHECK(rseq_cmpeqv_storev(&v, 1, 3, cpu) == 0 && v == 3);
	CHECK(rseq_cmpeqv_storev(&v, 1, 4, cpu) == 1 && v == 3);
	CHECK(rseq_addv(&v, -3, cpu) == 0 && v == 0);
	CHECK(rseq_cmpeqv_trystorev_storev(&v, 0, &v2, 5, 6, cpu) == 0 && v == 6 && v2 == 5);
	CHECK(rseq_cmpeqv_trystorev_storev_release(&v, 0, &v2, 8, 9, cpu) == 1 && v == 6 && v2 == 5);
	CHECK(rseq_cmpeqv_cmpeqv_storev(&v, 6, &v2, 5, 7, cpu) == 0 && v == 7);
	CHECK(rseq_cmpeqv_cmpeqv_storev(&v, 7, &v2, 6, 8, cpu) == 1 && v == 7);
	CHECK(rseq_cmpeqv_trymemcpy_storev(&v, 7, dst, src, 8, 1, cpu) == 0 && v == 1 &&
	      !memcmp(dst, src, 8));
	CHECK(rseq_cmpeqv_trymemcpy_storev_release(&v, 7, dst, src, 8, 2, cpu) == 1 && v == 1);
	v = (intptr_t)node;
	CHECK(rseq_cmpnev_storeoffp_load(&v, 0, sizeof(node[0]), &load, cpu) == 0 && v == 77 &&
	      load == (intptr_t)node);
	v = 0;
	CHECK(rseq_cmpnev_storeoffp_load(&v, 0, sizeof(node[0]), &load, cpu) == 1);

	CHECK(rseq_cmpeqv_storev(&v, 0, 1, -1) == -1 && v == 0);
	CHECK(rseq_addv(&v, 1, 100000) == -1 && v == 0);
	if (other >= 0)
		CHECK(rseq_addv(&v, 1, other) == -1 && v == 0);
}

int main(void)
{
	pthread_t threads[THREADS];
	intptr_t count = 0, by_hand = 0;
	int i, cpu, other;
	cpu_set_t set;

	for (i = 0; i < THREADS; i++)
		if (pthread_create(&threads[i], NULL, adds, NULL))
			return 2;
	for (i = 0; i < THREADS; i++) {
		void *ret;

		pthread_join(threads[i], &ret);
		CHECK(!ret);
	}
	for (i = 0; i < CPUS; i++) {
		count += data[i].count;
		by_hand += data[i].by_hand;
	}
	CHECK(count == THREADS * LOOPS);
	CHECK(by_hand == THREADS * LOOPS);

	cpu = cpu_op_get_current_cpu();
	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	CHECK(!sched_setaffinity(0, sizeof(set), &set));
	CHECK(rseq_current_cpu() == (uint32_t)cpu);
	CHECK(rseq_current_cpu_raw() == cpu || rseq_current_cpu_raw() < 0);
	other = sysconf(_SC_NPROCESSORS_CONF) > 1 ? !cpu : -1;
	alone(cpu, other);
	return failures != 0;
}
