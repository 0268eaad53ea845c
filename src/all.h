/* SPDX-License-Identifier: MIT */
#ifndef _OPV_ALL_H
#define _OPV_ALL_H

/* Work as all CPUs of a domain at one moment, for what is made of all their instances. */

#include <stdatomic.h>
#include <stdbool.h>

#include "break.h"
#include "domain.h"

/*
 * Those of CPUs 64 * word ... 64 * word + 63 that anything was ever done as.  The data of
 * the others is zero, and their memory better left alone: the first thing that is
 * done as a CPU goes through the fence engine, which sets the bit before it begins;
 * only CPU 0 needs no such opening.  Other processes set no bit here.
 */
static inline uint64_t opv_used_cpus(const struct opv_domain *d, uint32_t word)
{
	if (d->shared)
		return ~UINT64_C(0);
	return atomic_load(&d->locked[word]) | !word;
}

static inline bool opv_cpu_used(const struct opv_domain *d, int cpu)
{
	return opv_used_cpus(d, (uint32_t)cpu / 64) >> cpu % 64 & 1;
}

/* The first CPU of the set from that number on; at least end when there is none. */
static inline int opv_next_cpu(const uint64_t *cpus, int cpu, int end)
{
	while (cpu < end && !(cpus[cpu / 64] >> cpu % 64 & 1))
		cpu++;
	return cpu;
}

#define opv_for_each_in(cpus, cpu, end) \
	for ((cpu) = opv_next_cpu(cpus, 0, end); (cpu) < (end); (cpu) = opv_next_cpu(cpus, (cpu) + 1, end))

/* Was a CPU used for the first time since the set was made? */
static inline bool opv_set_changed(const struct opv_domain *d, const uint64_t *cpus)
{
	uint32_t i;

	for (i = 0; !OPV_BROKEN(SET) && i < (d->nr_cpus + 63) / 64; i++)
		if (opv_used_cpus(d, i) != cpus[i])
			return true;
	return false;
}

/* What fn may answer then, having done nothing: it is called again with the new set. */
#define OPV_SET_CHANGED 1

/*
 * Run fn(cpus, arg) while nothing is done as any CPU of the set, which is of those that
 * were ever used.  The others have done nothing yet at some instant of that
 * time, so fn leaves them out: zero is what they had then.
 *
 * Answers what fn answers (0 or -errno), or -errno, fn not having run.
 */
int opv_as_all(struct opv_domain *d, int (*fn)(const uint64_t *cpus, void *arg), void *arg);

#endif /* _OPV_ALL_H */
