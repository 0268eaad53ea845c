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

#endif /* _OPV_COUNT_H */
