// SPDX-License-Identifier: MIT
/*
 * A section may commit to the key itself, as an engine will that publishes its
 * work there.  If it saw the key open, and the fence engine closes the key while it
 * runs, its commit opens it again; the engine must notice, or others run
 * beside it.  Here one CPU does nothing but that and adds, and the engine looks twice
 * at what is added to.
 */
#define _GNU_SOURCE
#include <opv/opv.h>

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <string.h>
#include <time.h>

#include "../../src/slot.h"
#include "../tap.h"

#define SECONDS 2
#define DELAY 300	/* turns of a loop, between looking at the key and committing to it */

static struct opv_domain *domain;
static uint64_t *counter;
static _Atomic bool stop;
static uint64_t added, opened;

/* 0: key was open for this CPU, and is so again.  1: not, or aborted. */
static int commit_to_key(ptrdiff_t rseq, struct opv_slot *slot)
{
	__asm__ __volatile__ goto(
		".pushsection __rseq_cs, \"aw?\"\n\t"
		".balign 32\n\t"
		"3:\n\t"
		".long 0, 0\n\t"
		".quad 1f, 2f - 1f, 4f\n\t"
		".popsection\n\t"
		"leaq 3b(%%rip), %%rax\n\t"
		"movq %%rax, %%fs:8(%[rseq])\n\t"
		"1:\n\t"
		"movslq %%fs:4(%[rseq]), %%rax\n\t"
		"cmpl %%eax, (%[key])\n\t"
		"jne %l[not]\n\t"
		"movl %[delay], %%ecx\n\t"
		"6:\n\t"
		"decl %%ecx\n\t"
		"jnz 6b\n\t"
		"movq %%rax, (%[key])\n\t"
		"2:\n\t"
		".pushsection __rseq_failure, \"ax?\"\n\t"
		".byte 0x0f, 0xb9, 0x3d\n\t"
		".long 0x53053053\n\t"
		"4:\n\t"
		"jmp %l[not]\n\t"
		".popsection\n\t"
		:
		: [rseq] "r"(rseq), [key] "r"(slot), [delay] "i"(DELAY)
		: "rax", "rcx", "memory", "cc"
		: not);
	return 0;
not:
	return 1;
}

static void go_to(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	sched_setaffinity(0, sizeof(set), &set);
}

static void *sections(void *arg)
{
	struct opv_slot *slot = (struct opv_slot *)((char *)domain + OPV_STRIPE);
	int i;

	(void)arg;
	go_to(0);
	while (!atomic_load(&stop)) {
		opened += !commit_to_key(opv_rseq(), slot);
		for (i = 0; i < 20; i++, added++)
			opv_add64(counter, 1, 0);
	}
	return NULL;
}

int main(void)
{
	static char from[4000], to[4000];
	uint64_t first, vectors = 0, seen = 0;
	struct cpu_op vec[4];
	struct opv_status status;
	struct opv_counts counts;
	struct timespec start, now;
	pthread_t thread;
	int ret;

	opv_domain_create(&domain, NULL);
	opv_new(domain, &counter);
	opv_status(&status, sizeof(status));
	if (!status.fast || opv_domain_cpus(domain) < 2) {
		skip("a section may open the key again", status.fast ? "one CPU only" : status.why);
		return done();
	}
	vec[0] = opv_op_memcpy(&first, opv_ptr(counter, 0), 8);
	vec[1] = opv_op_memcpy(to, from, sizeof(from));
	vec[2] = opv_op_compare_eq(&first, opv_ptr(counter, 0), 8);
	vec[3] = opv_op_add(opv_ptr(counter, 0), 1, 8);
	pthread_create(&thread, NULL, sections, NULL);
	go_to(1);
	clock_gettime(CLOCK_MONOTONIC, &start);
	do {
		ret = opv_vector(domain, vec, 4, 0);
		vectors += !ret;
		seen += ret == 3;
		if (ret < 0)
			break;
		clock_gettime(CLOCK_MONOTONIC, &now);
	} while (now.tv_sec - start.tv_sec < SECONDS && seen < 100);
	atomic_store(&stop, true);
	pthread_join(thread, NULL);
	opv_counts(OPV_ALL_CPUS, &counts, sizeof(counts));
	diag("%llu vectors, %llu adds, key committed to %llu times, opened under the engine %llu times",
	     (unsigned long long)vectors, (unsigned long long)added, (unsigned long long)opened,
	     (unsigned long long)counts.closed_again);

	is(ret, 0, "vectors end while sections commit to the key");
	ok(opened > 1000, "sections did commit to the key");
	is(seen, 0, "nobody adds while the engine works as that CPU");
	is(*opv_ptr(counter, 0), added + vectors, "the sum is right");
	return done();
}
