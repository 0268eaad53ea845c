// SPDX-License-Identifier: MIT
/*
 * Fences.  The proof, with the scenarios (F1) to (F5) that are cited here, stands
 * in docs/fence.md.
 */
#define _GNU_SOURCE
#include "fence.h"

#include <linux/membarrier.h>
#include <sched.h>
#include <stdatomic.h>
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
/* Milliseconds for which a CPU must be online and refused, before that is believed. */
#define REFUSED_MS 200

/* Of which it was, and that nobody has been on since: nobody waits for them again. */
static _Atomic uint64_t refused_cpus[65536 / 64];

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
 * in between is lost.  0; -EINVAL not now, or never; -EPERM never.
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
	size = opv_affinity(mask, words);
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
	return !ret || ret == -EINVAL ? -EINVAL : -EPERM;
}

static bool was_refused(int cpu)
{
	return atomic_load_explicit(&refused_cpus[cpu / 64], memory_order_relaxed) >> cpu % 64 & 1;
}

static void note_refused(int cpu, bool refused)
{
	const uint64_t bit = UINT64_C(1) << cpu % 64;

	if (was_refused(cpu) == refused)
		return;
	if (refused)
		atomic_fetch_or_explicit(&refused_cpus[cpu / 64], bit, memory_order_relaxed);
	else
		atomic_fetch_and_explicit(&refused_cpus[cpu / 64], ~bit, memory_order_relaxed);
}

/*
 * (F4): a CPU that is coming or going refuses those who want there, and one that has come
 * does until the kernel's cpusets know of it.  There is no telling that from a cpuset
 * without that CPU, but by waiting.
 */
static int move_or_wait(struct opv_domain *d, int cpu)
{
	static const struct timespec a_moment = { .tv_nsec = 1000000 };
	int ret, refused = 0, waited = 0;

	while (waited++ < (int)d->timeout_ms) {
		ret = move_fence(cpu);
		if (!ret) {
			note_refused(cpu, false);
			opv_count(cpu, fence_move);
			return 0;
		}
		if (!opv_cpu_online(cpu)) {
			/* Nothing runs there; what will, sees the closed key. */
			opv_count(cpu, fence_none);
			return 0;
		}
		if (ret == -EPERM)
			break;
		if (!opv_cpu_changes(cpu) && (++refused > REFUSED_MS || was_refused(cpu))) {
			note_refused(cpu, true);
			break;
		}
		OPV_SYS(SYS_nanosleep, &a_moment, NULL);
	}
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
	return move_or_wait(d, cpu);
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
