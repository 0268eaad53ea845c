// SPDX-License-Identifier: MIT
/*
 * The lock of a slot: a priority-inheriting futex, so that a low-priority owner
 * is boosted by whoever waits for it, and robust where other processes share
 * it, so that a killed owner does not keep it.
 *
 * Robust lists belong to the C library; their "pending" entry, meant for the
 * lock that is being taken at this moment, is enough for us: one lock at a time
 * and all signals blocked.  opv_vectors() holds several; those of a killed owner
 * but the last taken are found by their owner's tid (ESRCH) instead.
 */
#define _GNU_SOURCE
#include <linux/futex.h>
#include <signal.h>
#include <stddef.h>
#include <time.h>

#include "count.h"
#include "domain.h"
#include "slot.h"
#include "sys.h"
#include "tsan.h"

#ifndef FUTEX_LOCK_PI2
# define FUTEX_LOCK_PI2 13	/* Linux 5.14: FUTEX_LOCK_PI on CLOCK_MONOTONIC */
#endif

void opv_guard_enter(struct opv_guard *g, int cpu)
{
	uint64_t all = ~UINT64_C(0);

	OPV_SYS(SYS_rt_sigprocmask, SIG_BLOCK, &all, &g->sigmask, sizeof(all));
	g->tid = (uint32_t)OPV_SYS(SYS_gettid);
	g->cpu = cpu;
	g->robust_pending = NULL;
}

void opv_guard_leave(const struct opv_guard *g)
{
	OPV_SYS(SYS_rt_sigprocmask, SIG_SETMASK, &g->sigmask, NULL, sizeof(g->sigmask));
}

/*
 * Announce the lock to the kernel, (futex address - offset) | 1 for "PI", and
 * keep what the C library announced.  The kernel looks at it when the thread dies.
 */
static void robust_announce(_Atomic uint32_t *lock, struct opv_guard *g)
{
	struct robust_list_head *head = NULL;
	size_t len = 0;

	if (OPV_SYS(SYS_get_robust_list, 0, &head, &len) || !head || len != sizeof(*head))
		return;
	if (!g->robust_pending)
		g->robust_pending = head->list_op_pending ? (void *)head->list_op_pending : (void *)head;
	__atomic_store_n(&head->list_op_pending,
			 (struct robust_list *)(((uintptr_t)lock - (uintptr_t)head->futex_offset) | 1),
			 __ATOMIC_SEQ_CST);
}

static void robust_retract(struct opv_guard *g)
{
	struct robust_list_head *head = NULL;
	size_t len = 0;

	if (!g->robust_pending)
		return;
	if (OPV_SYS(SYS_get_robust_list, 0, &head, &len) || !head || len != sizeof(*head))
		return;
	/* head itself stands for "there was none", so that one field serves. */
	__atomic_store_n(&head->list_op_pending,
			 g->robust_pending == (void *)head ? NULL : (struct robust_list *)g->robust_pending,
			 __ATOMIC_SEQ_CST);
	g->robust_pending = NULL;
}

static long lock_wait(_Atomic uint32_t *lock, bool shared, const struct timespec *monotonic)
{
	int private = shared ? 0 : FUTEX_PRIVATE_FLAG;
	struct timespec real, now;
	long ret;

	ret = OPV_SYS(SYS_futex, lock, FUTEX_LOCK_PI2 | private, 0, monotonic, NULL, 0);
	if (ret != -ENOSYS)
		return ret;
	/* Before 5.14 the clock of this call is CLOCK_REALTIME. */
	clock_gettime(CLOCK_MONOTONIC, &now);
	clock_gettime(CLOCK_REALTIME, &real);
	real.tv_sec += monotonic->tv_sec - now.tv_sec;
	real.tv_nsec += monotonic->tv_nsec - now.tv_nsec;
	if (real.tv_nsec < 0) {
		real.tv_sec--;
		real.tv_nsec += 1000000000;
	} else if (real.tv_nsec >= 1000000000) {
		real.tv_sec++;
		real.tv_nsec -= 1000000000;
	}
	return OPV_SYS(SYS_futex, lock, FUTEX_LOCK_PI | private, 0, &real, NULL, 0);
}

static void deadline_in(struct timespec *t, uint32_t ms)
{
	clock_gettime(CLOCK_MONOTONIC, t);
	t->tv_sec += ms / 1000;
	t->tv_nsec += (long)(ms % 1000) * 1000000;
	if (t->tv_nsec >= 1000000000) {
		t->tv_sec++;
		t->tv_nsec -= 1000000000;
	}
}

/*
 * The kernel says that the owner is dead, and nobody has told the word.  If it was
 * another one than we saw before we asked, we do not know whom it meant.
 */
static bool inherit(_Atomic uint32_t *lock, uint32_t dead, uint32_t tid)
{
	uint32_t word = atomic_load(lock);

	return (word & FUTEX_TID_MASK) == (dead & FUTEX_TID_MASK) &&
	       atomic_compare_exchange_strong(lock, &word, tid);
}

int opv_lock(_Atomic uint32_t *lock, struct opv_guard *g, bool shared, uint32_t timeout_ms)
{
	struct timespec deadline;
	uint32_t owner = 0;
	bool timed = false;

	if (shared)
		robust_announce(lock, g);
	while (!atomic_compare_exchange_strong_explicit(lock, &owner, g->tid,
							memory_order_acquire,
							memory_order_relaxed)) {
		long ret;

		if ((owner & FUTEX_TID_MASK) == g->tid) {
			if (!shared)
				return opv_registry_forking(g) ? 1 : -EDEADLK;
			/* Not we, who are in here for the first time: a dead one had our number. */
			opv_count(g->cpu, lock_dead);
			return 0;
		}
		if (!timed) {
			deadline_in(&deadline, timeout_ms);
			timed = true;
			opv_count(g->cpu, lock_waits);
		}
		ret = lock_wait(lock, shared, &deadline);
		if (!ret) {
			owner = atomic_load_explicit(lock, memory_order_acquire);
			HANDED_OVER(lock);
			if (owner & FUTEX_OWNER_DIED) {
				atomic_fetch_and(lock, ~(uint32_t)FUTEX_OWNER_DIED);
				opv_count(g->cpu, lock_dead);
			}
			return 0;
		}
		if (ret == -ESRCH) {
			if (inherit(lock, owner, g->tid)) {
				opv_count(g->cpu, lock_dead);
				return 0;
			}
		} else if (ret != -EAGAIN && ret != -EINTR) {
			if (shared)
				robust_retract(g);
			return ret == -ETIMEDOUT ? -ETIMEDOUT : -EDEADLK;
		}
		owner = 0;
	}
	return 0;
}

void opv_unlock(_Atomic uint32_t *lock, struct opv_guard *g, bool shared)
{
	uint32_t owner = g->tid;

	HAND_OVER(lock);
	if (!atomic_compare_exchange_strong_explicit(lock, &owner, 0, memory_order_release,
						     memory_order_relaxed))
		OPV_SYS(SYS_futex, lock, FUTEX_UNLOCK_PI | (shared ? 0 : FUTEX_PRIVATE_FLAG),
			0, NULL, NULL, 0);
	if (shared)
		robust_retract(g);
}
