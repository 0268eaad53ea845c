// SPDX-License-Identifier: MIT
#define _GNU_SOURCE
#include "wait.h"

#include <linux/futex.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>

#include "sys.h"
#include "tsan.h"

#ifndef FUTEX_LOCK_PI2
# define FUTEX_LOCK_PI2 13	/* Linux 5.14: FUTEX_LOCK_PI on CLOCK_MONOTONIC */
#endif
#ifndef SYS_pidfd_open
# define SYS_pidfd_open 434
#endif

#define NS 1000000000L

static struct timespec from_now(uint32_t ms, clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	t.tv_sec += ms / 1000;
	t.tv_nsec += (long)(ms % 1000) * 1000000;
	if (t.tv_nsec >= NS) {
		t.tv_sec++;
		t.tv_nsec -= NS;
	}
	return t;
}

static bool before(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec != b->tv_sec ? a->tv_sec < b->tv_sec : a->tv_nsec < b->tv_nsec;
}

void opv_deadline_in(struct timespec *t, uint32_t ms)
{
	*t = from_now(ms, CLOCK_MONOTONIC);
}

bool opv_deadline_passed(const struct timespec *t)
{
	struct timespec now = from_now(0, CLOCK_MONOTONIC);

	return !before(&now, t);
}

struct timespec opv_deadline_slice(const struct timespec *deadline, uint32_t ms)
{
	struct timespec t = from_now(ms, CLOCK_MONOTONIC);

	return before(&t, deadline) ? t : *deadline;
}

void opv_futex_wait(_Atomic uint32_t *word, uint32_t v, bool shared, const struct timespec *until)
{
	OPV_SYS(SYS_futex, word, FUTEX_WAIT_BITSET | (shared ? 0 : FUTEX_PRIVATE_FLAG), v, until, NULL,
		FUTEX_BITSET_MATCH_ANY);
}

void opv_futex_wake(_Atomic uint32_t *word, int nr, bool shared)
{
	OPV_SYS(SYS_futex, word, FUTEX_WAKE | (shared ? 0 : FUTEX_PRIVATE_FLAG), nr);
}

static uint32_t my_tid(void)
{
	return (uint32_t)OPV_SYS(SYS_gettid);
}

bool opv_mutex_is_mine(const _Atomic uint32_t *word)
{
	return (atomic_load_explicit(word, memory_order_relaxed) & FUTEX_TID_MASK) == my_tid();
}

static long lock_in_kernel(_Atomic uint32_t *word, bool shared, const struct timespec *deadline)
{
	int private = shared ? 0 : FUTEX_PRIVATE_FLAG;
	long ret = OPV_SYS(SYS_futex, word, FUTEX_LOCK_PI2 | private, 0, deadline);
	struct timespec now, t;

	if (ret != -ENOSYS)
		return ret;
	/* Before 5.14 the clock of this call is CLOCK_REALTIME. */
	now = from_now(0, CLOCK_MONOTONIC);
	t = from_now(0, CLOCK_REALTIME);
	t.tv_sec += deadline->tv_sec - now.tv_sec + 1;	/* up to a second late */
	return OPV_SYS(SYS_futex, word, FUTEX_LOCK_PI | private, 0, &t);
}

/* The kernel woke us as the owner.  Was the one before us dead? */
static int handed_over(_Atomic uint32_t *word)
{
	HANDED_OVER(word);
	if (!(atomic_load_explicit(word, memory_order_acquire) & FUTEX_OWNER_DIED))
		return 0;
	atomic_fetch_and(word, ~(uint32_t)FUTEX_OWNER_DIED);
	return 1;
}

/* There is no such thread, and nobody has told the word. */
static bool inherit(_Atomic uint32_t *word, uint32_t dead, uint32_t tid)
{
	uint32_t was = dead;

	return atomic_compare_exchange_strong(word, &was, tid);
}

/* Of a copy that fork made, the owner is a thread of another process: it will not come back. */
static int refused(long ret, uint32_t timeout_ms)
{
	if (ret == -ETIMEDOUT)
		return -ETIMEDOUT;
	return timeout_ms ? -EDEADLK : -EBUSY;
}

int opv_mutex_lock(_Atomic uint32_t *word, bool shared, uint32_t timeout_ms)
{
	uint32_t tid = my_tid(), owner;
	struct timespec deadline;
	long ret;

	opv_deadline_in(&deadline, timeout_ms);
	for (;;) {
		owner = 0;
		if (atomic_compare_exchange_strong_explicit(word, &owner, tid, memory_order_acquire,
							    memory_order_relaxed))
			return 0;
		if ((owner & FUTEX_TID_MASK) == tid)
			return timeout_ms ? -EDEADLK : -EBUSY;
		if (timeout_ms) {
			ret = lock_in_kernel(word, shared, &deadline);
		} else {
			ret = OPV_SYS(SYS_futex, word,
				      FUTEX_TRYLOCK_PI | (shared ? 0 : FUTEX_PRIVATE_FLAG));
			if (ret == -EAGAIN)
				return -EBUSY;
		}
		if (!ret)
			return handed_over(word);
		if (ret == -ESRCH && inherit(word, owner, tid))
			return 1;
		if (ret != -ESRCH && ret != -EAGAIN && ret != -EINTR)
			return refused(ret, timeout_ms);
		if (timeout_ms && opv_deadline_passed(&deadline))
			return -ETIMEDOUT;
	}
}

void opv_mutex_unlock(_Atomic uint32_t *word, bool shared)
{
	uint32_t owner = my_tid();

	HAND_OVER(word);
	if (!atomic_compare_exchange_strong_explicit(word, &owner, 0, memory_order_release,
						     memory_order_relaxed))
		OPV_SYS(SYS_futex, word, FUTEX_UNLOCK_PI | (shared ? 0 : FUTEX_PRIVATE_FLAG));
}

static uint32_t process;

static void look_who_we_are(void)
{
	__atomic_store_n(&process, (uint32_t)OPV_SYS(SYS_getpid), __ATOMIC_RELAXED);
}

const uint32_t *opv_process(void)
{
	static _Atomic bool registered;

	if (!atomic_exchange(&registered, true))
		pthread_atfork(NULL, NULL, look_who_we_are);
	look_who_we_are();
	return &process;
}

bool opv_process_gone(uint32_t pid)
{
	struct pollfd p = { .events = POLLIN };
	struct timespec no_time = { 0, 0 };
	long ret;

	if (!pid || pid == __atomic_load_n(&process, __ATOMIC_RELAXED))
		return false;
	p.fd = (int)OPV_SYS(SYS_pidfd_open, pid, 0);
	if (p.fd == -ESRCH)
		return true;
	/* Too old a kernel, or no descriptor left: one that nobody has waited for counts as alive. */
	if (p.fd < 0)
		return OPV_SYS(SYS_kill, pid, 0) == -ESRCH;
	ret = OPV_SYS(SYS_ppoll, &p, 1, &no_time, NULL, 0);
	OPV_SYS(SYS_close, p.fd);
	return ret == 1;
}
