// SPDX-License-Identifier: MIT
/*
 * Fences.  The proof, with the scenarios (F1) to (F5) that are cited here, stands
 * in docs/fence.md.
 */
#define _GNU_SOURCE
#include "fence.h"

#include <linux/membarrier.h>
#include <sched.h>
#include <string.h>
#include <time.h>

#include "break.h"
#include "count.h"
#include "env.h"
#include "sys.h"
#include "thread.h"

#ifndef MEMBARRIER_CMD_FLAG_CPU
# define MEMBARRIER_CMD_PRIVATE_EXPEDITED_RSEQ (1 << 7)
# define MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_RSEQ (1 << 8)
# define MEMBARRIER_CMD_FLAG_CPU (1 << 0)
#endif

#define MOVE_TRIES 100
/* A CPU that comes and goes again and again may look each time as if it had been there. */
#define REFUSALS 16

/* Every CPU of the process (-1), or one of them.  A CPU that is offline is fenced. */
static bool membarrier_fence(int cpu)
{
	unsigned int flags = cpu >= 0 ? MEMBARRIER_CMD_FLAG_CPU : 0;
	long ret;

	if (opv_env()->status.fence != OPV_FENCE_MEMBARRIER)
		return false;
	ret = OPV_SYS(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED_RSEQ, flags, cpu >= 0 ? cpu : 0);
	if (ret == -EPERM) {
		/* Some kernels forget the registration in a child of fork. */
		OPV_SYS(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_RSEQ, 0, 0);
		ret = OPV_SYS(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED_RSEQ, flags,
			      cpu >= 0 ? cpu : 0);
	}
	return !ret;
}

/*
 * Go there and come back: whoever ran there was preempted (F2).  The affinity mask
 * of the thread is another one for that while; a change from outside that comes
 * in between is lost.
 */
static int move_fence(int cpu)
{
	const uint32_t words = opv_cpu_words(opv_env()->nr_cpus);
	uint64_t mask[words], there[words];
	long size, ret;
	int tries;

	if ((uint32_t)cpu >= words * 64)
		return -EPERM;
	memset(there, 0, sizeof(there));
	size = OPV_SYS(SYS_sched_getaffinity, 0, sizeof(mask), mask);
	if (size <= 0)
		return -EPERM;
	there[cpu / 64] = UINT64_C(1) << cpu % 64;
	for (tries = 0; tries < MOVE_TRIES; tries++) {
		ret = OPV_SYS(SYS_sched_setaffinity, 0, sizeof(there), there);
		if (ret)
			break;
		/* A cpuset may have taken us away again at once. */
		if (opv_cpu_now() == cpu) {
			OPV_SYS(SYS_sched_setaffinity, 0, size, mask);
			return 0;
		}
	}
	if (tries)
		OPV_SYS(SYS_sched_setaffinity, 0, size, mask);
	return -EPERM;
}

static bool fence_is_needed(const struct opv_domain *d)
{
	/* Other processes may have rseq where this one has not. */
	return opv_env()->status.rseq_owner != OPV_RSEQ_NONE || d->shared;
}

/* (C4): which CPU runs a number is known to nobody. */
static int cid_target(void)
{
	return OPV_BROKEN(CID) ? opv_cpu_now() : -1;
}

int opv_fence_cpu(struct opv_domain *d, int cpu)
{
	static const struct timespec a_moment = { .tv_nsec = 1000000 };
	int refused = 0, waited = 0;

	if (OPV_BROKEN(FENCE))
		return 0;
	if (!fence_is_needed(d)) {
		opv_count(cpu, fence_none);
		return 0;
	}
	if (opv_index_is_mine(d, cpu)) {
		/* We run there now, so nobody else does: (F2) without the journey, (C3). */
		opv_count(cpu, fence_self);
		return 0;
	}
	if (!d->shared && membarrier_fence(d->by_cid ? cid_target() : cpu)) {
		opv_count(cpu, fence_membarrier);
		return 0;
	}
	if (d->by_cid)
		return -EPERM;		/* (C4) there is nowhere to go */
	while (refused < REFUSALS && waited < (int)d->timeout_ms) {
		if (!move_fence(cpu)) {
			opv_count(cpu, fence_move);
			return 0;
		}
		if (!opv_cpu_online(cpu)) {
			/* (F4) nothing runs there; what will, sees the closed key. */
			opv_count(cpu, fence_none);
			return 0;
		}
		if (opv_cpu_changes(cpu)) {
			/* What runs there is still to be pushed off it, or on to it. */
			OPV_SYS(SYS_nanosleep, &a_moment, NULL);
			waited++;
		} else {
			refused++;
		}
	}
	return -EPERM;
}

/* Are there several that a fence must go to?  For one its own is cheaper. */
static bool are_several(const struct opv_domain *d, const uint64_t *cpus)
{
	const int here = opv_cpu_now();
	uint32_t cpu, others = 0;

	for (cpu = 0; cpu < d->nr_cpus && others < 2; cpu++)
		others += (cpus[cpu / 64] >> cpu % 64 & 1) && (int)cpu != here;
	return others > 1;
}

int opv_fence_cpus(struct opv_domain *d, const uint64_t *cpus, int *failed)
{
	uint32_t cpu;
	int ret;

	if (OPV_BROKEN(FENCE))
		return 0;
	if (are_several(d, cpus) && fence_is_needed(d) && !d->shared && membarrier_fence(-1)) {
		opv_count(0, fence_membarrier);
		return 0;
	}
	for (cpu = 0; cpu < d->nr_cpus; cpu++) {
		if (!(cpus[cpu / 64] >> cpu % 64 & 1))
			continue;
		*failed = (int)cpu;
		ret = opv_fence_cpu(d, (int)cpu);
		if (ret)
			return ret;
	}
	return 0;
}
