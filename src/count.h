/* SPDX-License-Identifier: MIT */
#ifndef _OPV_COUNT_H
#define _OPV_COUNT_H

/* Counts of what the slow path did, by CPU; read through opv_counts(). */

#include <opv/call.h>
#include <opv/engine.h>

#include "env.h"

/* opv_count(cpu, name): one more; name is of OPV_COUNTS.  Any CPU number will do. */
#define opv_count(cpu, name)							\
	__atomic_fetch_add(&opv_env_counts(opv_env(), (cpu))->name, 1, __ATOMIC_RELAXED)

/*
 * The same from a thread that runs on that CPU and has rseq: by a section, which
 * is cheaper than an atomic.  Any domain's gate will do, nobody else writes there.
 */
#define opv_count_here(d, rseq, cpu, name)					\
	do {									\
		int cpu_ = (cpu);						\
		uint64_t *count_ = opv_count_word(cpu_, name);			\
										\
		if (!count_ || opv_sec_add64((rseq), opv_window_of(d), cpu_, 1, count_, 1)) \
			opv_count(cpu_, name);					\
	} while (0)

#define opv_count_word(cpu, name)						\
	((unsigned int)(cpu) < opv_env()->nr_cpus ?				\
	 (uint64_t *)&opv_env()->counts[cpu].here.name : NULL)

#endif /* _OPV_COUNT_H */
