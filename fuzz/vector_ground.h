/* SPDX-License-Identifier: MIT */
#ifndef _FUZZ_VECTOR_GROUND_H
#define _FUZZ_VECTOR_GROUND_H

/*
 * The memory that vectors are let loose on, of the process and of CPUs, each with a
 * shadow: what it should be.
 */

#include <sched.h>
#include <sys/mman.h>

#include <opv/opv.h>

#include "fuzz.h"

#define PAGE 4096u
#define NR(a) (sizeof(a) / sizeof((a)[0]))

/*
 * The playground.  Its ends are no-go areas wider than the longest operand, so that
 * nothing that begins in it ends in memory of somebody else.
 */
enum { NONE, R = PROT_READ, RW = PROT_READ | PROT_WRITE };
static const int pages[] = { NONE, NONE, RW, RW, NONE, R, RW, RW, R, R, NONE, NONE };

#define DATA 4096u		/* of each CPU in a domain */
#define SLOT 128u
#define MAX_CPUS 64
#define OPS 17			/* one more than a vector may have */

static uint8_t *ground, shadow[NR(pages) * PAGE];
static struct opv_domain *domain[3];	/* one's own, another one, the default one (NULL) */
static uint8_t cpu_shadow[2][MAX_CPUS][DATA];
static uint8_t *vec_pages[2];		/* one page, and a no-go area, a vector */
static int nr_cpus;
static cpu_set_t allowed;

static void fill(uint8_t *p, size_t len)
{
	size_t i;

	/* Few values, so that compares are often equal. */
	for (i = 0; i < len; i++)
		p[i] = i / 64 & 1;
}

static uint8_t *cpu_data(int d, int cpu)
{
	return (uint8_t *)domain[d] - OPV_WINDOW_TO_DOMAIN + OPV_WINDOW_TO_CPU0 +
	       (size_t)cpu * OPV_STRIPE + SLOT;
}

static void must(bool good, const char *what)
{
	if (good)
		return;
	printf("Bail out! %s\n", what);
	exit(1);
}

static void set_up(void)
{
	struct opv_domain_options options = { .size = sizeof(options), .percpu_size = DATA };
	void *handle;
	size_t i;
	int d, cpu;

	ground = mmap(NULL, sizeof(shadow), RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	must(ground != MAP_FAILED, "no memory");
	for (i = 0; i < 2; i++) {
		vec_pages[i] = mmap(NULL, 2 * PAGE, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		must(vec_pages[i] != MAP_FAILED && !mprotect(vec_pages[i] + PAGE, PAGE, NONE),
		     "no memory");
	}
	fill(ground, sizeof(shadow));
	memcpy(shadow, ground, sizeof(shadow));
	for (i = 0; i < NR(pages); i++)
		must(!mprotect(ground + i * PAGE, PAGE, pages[i]), "no mprotect");
	for (d = 0; d < 2; d++) {
		must(!opv_domain_create(&domain[d], &options), "no domain");
		must(!opv_alloc(domain[d], DATA, 0, &handle), "no per-CPU memory");
	}
	nr_cpus = opv_domain_cpus(domain[0]);
	must(nr_cpus <= MAX_CPUS, "too many CPUs for this program");
	for (d = 0; d < 2; d++)
		for (cpu = 0; cpu < nr_cpus; cpu++) {
			fill(cpu_data(d, cpu), DATA);
			memcpy(cpu_shadow[d][cpu], cpu_data(d, cpu), DATA);
		}
	must(!sched_getaffinity(0, sizeof(allowed), &allowed), "no affinity");
}

static const char *judge_memory(void)
{
	size_t i;
	int d, cpu;

	for (i = 0; i < NR(pages); i++)
		if (pages[i] && memcmp(ground + i * PAGE, shadow + i * PAGE, PAGE))
			return "the memory of the process is not what it should be";
	for (d = 0; d < 2; d++)
		for (cpu = 0; cpu < nr_cpus; cpu++)
			if (memcmp(cpu_data(d, cpu), cpu_shadow[d][cpu], DATA))
				return "the memory of a CPU is not what it should be";
	return NULL;
}

#endif /* _FUZZ_VECTOR_GROUND_H */
