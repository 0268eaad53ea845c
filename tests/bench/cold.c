// SPDX-License-Identifier: MIT
/*
 * How long the interpreter takes for the largest vector when no operand is in any cache: what
 * the kernel has its interrupts off for.  Caches are real here, which they are not in a guest
 * that is emulated; kernel, pins and interrupts are not part of it.  docs/kernel.md has the
 * figures.
 */
#define _GNU_SOURCE
#include <sys/mman.h>
#include <time.h>

#include <opv/vector.h>

#include "../../src/core.h"
#include "tap.h"

#define PAGE	4096
#define LINE	64
#define ROUNDS	1000

/* A guard, the longest copy, and 15 operations on 8 bytes. */
#define OPS	(1 + CPU_OP_VEC_LEN_MAX)
#define WORDS	15
#define PAGES	(1 + 2 + 2 + 2 * 2 * WORDS)

static char *area;

/* The first byte of the nth operand, which crosses from its first page to its second. */
static char *crossing(int n)
{
	return area + (size_t)(1 + 2 * n) * PAGE + PAGE - 4;
}

static void make(struct cpu_op vec[OPS])
{
	int i;

	vec[0] = opv_op_compare_eq(area, area + 8, 8);
	/* On both sides 65 lines. */
	vec[1] = opv_op_memcpy(crossing(0), crossing(1), CPU_OP_COPY_LEN_MAX);
	for (i = 0; i < WORDS; i++)
		vec[2 + i] = opv_op_memcpy(crossing(2 + 2 * i), crossing(3 + 2 * i), CPU_OP_ARITH_LEN_MAX);
}

/* The lines of all operands leave all caches; how many there are. */
static int flush(const struct cpu_op vec[OPS])
{
	struct opv_operand at[2] = { { 0 } };
	uintptr_t line;
	int i, k, lines = 0;

	for (i = 0; i < OPS; i++) {
		opv_operands(&vec[i], at);
		/* Both words of the guard are in one. */
		for (k = 0; k < (i ? 2 : 1); k++) {
			for (line = at[k].addr & -(uintptr_t)LINE; line < at[k].addr + at[k].len; line += LINE) {
				__builtin_ia32_clflush((void *)line);
				lines++;
			}
		}
	}
	__builtin_ia32_mfence();
	return lines;
}

/* In nanoseconds. */
static double run(const struct cpu_op vec[OPS], int *errors)
{
	struct timespec begun, ended;

	clock_gettime(CLOCK_MONOTONIC, &begun);
	*errors += opv_run(vec, OPS) != 0;
	__builtin_ia32_mfence();	/* what was stored is out of the way */
	clock_gettime(CLOCK_MONOTONIC, &ended);
	return (double)(ended.tv_sec - begun.tv_sec) * 1e9 + (double)(ended.tv_nsec - begun.tv_nsec);
}

/* One load, to see what a line that is in memory costs by itself. */
static double load(bool cold)
{
	struct timespec begun, ended;
	volatile char *line = area;

	(void)*line;
	if (cold)
		__builtin_ia32_clflush(area);
	__builtin_ia32_mfence();
	clock_gettime(CLOCK_MONOTONIC, &begun);
	(void)*line;
	__builtin_ia32_lfence();
	clock_gettime(CLOCK_MONOTONIC, &ended);
	return (double)(ended.tv_sec - begun.tv_sec) * 1e9 + (double)(ended.tv_nsec - begun.tv_nsec);
}

static int order(const void *a, const void *b)
{
	const double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* The median; the samples are sorted. */
static double tell(const char *what, double samples[ROUNDS])
{
	qsort(samples, ROUNDS, sizeof(*samples), order);
	diag("%s: median %.0f ns, half of all %.0f to %.0f, 1 of 20 above %.0f, least %.0f", what, samples[ROUNDS / 2],
	     samples[ROUNDS / 4], samples[ROUNDS * 3 / 4], samples[ROUNDS * 19 / 20], samples[0]);
	return samples[ROUNDS / 2];
}

/* What was to be copied was. */
static int differ(const struct cpu_op vec[OPS])
{
	struct opv_operand at[2] = { { 0 } };
	int i, different = 0;

	for (i = 1; i < OPS; i++) {
		opv_operands(&vec[i], at);
		different += memcmp((void *)(uintptr_t)at[0].addr, (void *)(uintptr_t)at[1].addr, at[0].len) != 0;
	}
	return different;
}

int main(void)
{
	static double warm[ROUNDS], cold[ROUNDS], near[ROUNDS], far[ROUNDS];
	struct cpu_op vec[OPS];
	double of_warm, of_cold;
	int i, errors = 0, lines = 0;

	area = mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (!ok(area != MAP_FAILED, "there is memory"))
		return done();
	make(vec);
	for (i = PAGE; i < PAGES * PAGE; i++)
		area[i] = (char)(i * 7 + i / PAGE);
	for (i = 0; i < ROUNDS; i++) {
		lines = flush(vec);
		cold[i] = run(vec, &errors);
		warm[i] = run(vec, &errors);
		far[i] = load(true);
		near[i] = load(false);
	}
	is(errors, 0, "the guard holds, no compare stops");
	is(differ(vec), 0, "all %d copies were done", OPS - 1);
	tell("one load, in the caches", near);
	tell("one load, in memory", far);
	of_warm = tell("the vector, in the caches", warm);
	of_cold = tell("the vector, in memory", cold);
	diag("%d lines: %.1f times, %.0f ns more a line", lines, of_cold / of_warm, (of_cold - of_warm) / lines);
	ok(of_cold > of_warm, "operands in memory take longer than operands in the caches");
	return done();
}
