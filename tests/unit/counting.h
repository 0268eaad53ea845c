/* SPDX-License-Identifier: MIT */
#ifndef _TESTS_UNIT_COUNTING_H
#define _TESTS_UNIT_COUNTING_H

/* Which counts went up since a moment, and by how much; all of them, not only those asked for. */

#include <errno.h>
#include <sched.h>
#include <string.h>

#include <opv/opv.h>
#include "tap.h"

static struct opv_counts counts_before;

__attribute__((__unused__))
static void counts_start(int cpu)
{
	opv_counts(cpu, &counts_before, sizeof(counts_before));
}

__attribute__((__unused__))
static bool counts_went_up_by(int cpu, const struct opv_counts *want, const char *what)
{
	struct opv_counts now;
	bool good = true;

	opv_counts(cpu, &now, sizeof(now));
#define X(name, text)								\
	if (now.name - counts_before.name != want->name) {			\
		good = false;							\
		diag("%s went up by %llu, wanted %llu", #name,			\
		     (unsigned long long)(now.name - counts_before.name),	\
		     (unsigned long long)want->name);				\
	}
	OPV_COUNTS(X)
#undef X
	return ok(good, "%s", what);
}

/* COUNTED("what", statement, .slow = 1, ...): the statement makes just these go up. */
#define COUNTED(what, statement, ...)						\
	do {									\
		counts_start(OPV_ALL_CPUS);					\
		statement;							\
		counts_went_up_by(OPV_ALL_CPUS, &(struct opv_counts){ __VA_ARGS__ }, what); \
	} while (0)

__attribute__((__unused__))
static bool pin_to(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	return !sched_setaffinity(0, sizeof(set), &set) && sched_getcpu() == cpu;
}

/* The last CPU that we may run on, and one before it, or -1. */
__attribute__((__unused__))
static int last_cpu(int before)
{
	cpu_set_t set;
	int cpu;

	sched_getaffinity(0, sizeof(set), &set);
	for (cpu = before - 1; cpu >= 0; cpu--)
		if (CPU_ISSET(cpu, &set))
			return cpu;
	return -1;
}

#endif /* _TESTS_UNIT_COUNTING_H */
