// SPDX-License-Identifier: MIT
/*
 * Reader-writer locks: the writer, and readers that met one.  Why a reader needs no barrier:
 * docs/structures.md, (W1) to (W5).
 */
#include <opv/rwlock.h>

#include <limits.h>

#include <opv/vector.h>

#include "break.h"
#include "domain.h"
#include "sys.h"
#include "wait.h"

#define MAGIC	UINT32_C(0x6f707277)
#define OPEN	0u
#define CLOSED	1u
#define DEAD	2u
#define SLICE_MS 100	/* of a wait, so that nothing depends on one wake-up */

/* The readers' line is apart from the writer's, and both from what lies beside them. */
_Static_assert(sizeof(struct opv_rwlock_cpu) == 128, "two cache lines");
_Static_assert(offsetof(struct opv_rwlock_cpu, closed) == 64, "the second one");

static struct opv_rwlock_cpu *once(const struct opv_rwlock *rw)
{
	return opv_ptr(rw->percpu, 0);
}

static _Atomic uint32_t *word(uint32_t *p)
{
	return (_Atomic uint32_t *)p;
}

int opv_rwlock_init(struct opv_rwlock *rw, struct opv_domain *d)
{
	struct opv_rwlock_cpu *h;
	int ret;

	if (!d)
		d = opv_domain_default();
	if (!d)
		return -ENOMEM;
	ret = opv_alloc(d, sizeof(*h), 64, &h);
	if (ret)
		return ret;
	__atomic_store_n(&opv_ptr(h, 0)->magic, MAGIC, __ATOMIC_RELEASE);
	rw->percpu = h;
	rw->domain = d;
	return 0;
}

int opv_rwlock_attach(struct opv_rwlock *rw, struct opv_domain *d, size_t offset)
{
	struct opv_rwlock_cpu *h = opv_handle(d, offset);

	if (offset % 64 || !opv_domain_check(h) || !opv_domain_check((char *)(h + 1) - 1) ||
	    __atomic_load_n(&opv_ptr(h, 0)->magic, __ATOMIC_ACQUIRE) != MAGIC)
		return -EINVAL;
	rw->percpu = h;
	rw->domain = d;
	return 0;
}

int opv_rwlock_fini(struct opv_rwlock *rw)
{
	struct opv_rwlock_cpu *first = once(rw);
	int ret;

	__atomic_store_n(&first->magic, 0, __ATOMIC_RELAXED);
	ret = opv_free(rw->domain, rw->percpu);
	if (ret)
		__atomic_store_n(&first->magic, MAGIC, __ATOMIC_RELAXED);
	return ret;
}

static uint64_t sum_of(const struct opv_rwlock *rw, const uint64_t *handle, const uint64_t *elsewhere)
{
	int cpu, nr = opv_domain_cpus(rw->domain);
	uint64_t sum = __atomic_load_n(elsewhere, __ATOMIC_SEQ_CST);

	for (cpu = 0; cpu < nr; cpu++)
		sum += __atomic_load_n(opv_ptr(handle, cpu), __ATOMIC_ACQUIRE);
	return sum;
}

/* (W3): unlocks first, so that who is seen to have unlocked is seen to have locked. */
static uint64_t readers(const struct opv_rwlock *rw)
{
	struct opv_rwlock_cpu *h = rw->percpu, *o = once(rw);
	uint64_t locked = 0, unlocked;

	if (OPV_BROKEN(SUM))
		locked = sum_of(rw, &h->locked, &o->locked_elsewhere);
	unlocked = sum_of(rw, &h->unlocked, &o->unlocked_elsewhere);
	if (!OPV_BROKEN(SUM))
		locked = sum_of(rw, &h->locked, &o->locked_elsewhere);
	return locked - unlocked;
}

int64_t opv_rwlock_readers(const struct opv_rwlock *rw)
{
	return (int64_t)readers(rw);
}

/* An atomic serves where a section cannot be had, and never fails. */
static void count(uint64_t *handle, uint64_t *elsewhere)
{
	if (opv_add64_release(handle, 1, OPV_THIS_CPU))
		__atomic_fetch_add(elsewhere, 1, __ATOMIC_SEQ_CST);
}

/* (W4): the count first, then this; the writer looks at them the other way round. */
static void wake_writer(struct opv_rwlock *rw)
{
	struct opv_rwlock_cpu *o = once(rw);

	atomic_fetch_add(word(&o->left), 1);
	opv_futex_wake(word(&o->left), INT_MAX, rw->domain->shared);
}

void opv_rwlock_leave_slow(struct opv_rwlock *rw, int counted)
{
	if (!counted)
		__atomic_fetch_add(&once(rw)->unlocked_elsewhere, 1, __ATOMIC_SEQ_CST);
	if (OPV_RWLOCK_CLOSED(rw->percpu))
		wake_writer(rw);
}

static void uncount(struct opv_rwlock *rw)
{
	count(&rw->percpu->unlocked, &once(rw)->unlocked_elsewhere);
	wake_writer(rw);
}

/*
 * (W5): who holds the mutex knows that there is no writer, and lends the one before it its
 * priority while it waits.
 */
static int read_under_mutex(struct opv_rwlock *rw, uint32_t timeout_ms)
{
	struct opv_rwlock_cpu *o = once(rw);
	int ret = opv_mutex_lock(word(&o->writer), rw->domain->shared, timeout_ms);

	if (ret < 0)
		return ret;
	ret = 0;
	/* Closed, and nobody there: it was closed by one who died. */
	if (OPV_RWLOCK_CLOSED(rw->percpu)) {
		__atomic_store_n(&o->closed, DEAD, __ATOMIC_RELAXED);
		ret = -EOWNERDEAD;
	} else {
		count(&rw->percpu->locked, &o->locked_elsewhere);
	}
	opv_mutex_unlock(word(&o->writer), rw->domain->shared);
	OPV_RWLOCK_SEEN(rw->percpu);
	return ret;
}

int opv_rwlock_read_slow(struct opv_rwlock *rw, int counted, uint32_t timeout_ms)
{
	if (!counted) {
		__atomic_fetch_add(&once(rw)->locked_elsewhere, 1, __ATOMIC_SEQ_CST);
		if (!OPV_RWLOCK_CLOSED(rw->percpu))
			return 0;
	}
	uncount(rw);
	return read_under_mutex(rw, timeout_ms);
}

/* New readers are kept out; those that are in have until then. */
static int wait_for_readers(struct opv_rwlock *rw, const struct timespec *deadline, bool wait)
{
	_Atomic uint32_t *left = word(&once(rw)->left);
	struct timespec until;
	uint32_t seen;

	for (;;) {
		seen = atomic_load(left);
		if (!readers(rw))
			return 0;
		if (!wait)
			return -EBUSY;
		if (opv_deadline_passed(deadline))
			return -ETIMEDOUT;
		until = opv_deadline_slice(deadline, SLICE_MS);
		opv_futex_wait(left, seen, rw->domain->shared, &until);
	}
}

static int close_to_readers(struct opv_rwlock *rw)
{
	/* (W1): a full barrier, then the fence, then the sum. */
	__atomic_store_n(&once(rw)->closed, CLOSED, __ATOMIC_SEQ_CST);
	return OPV_BROKEN(READERS) ? 0 : opv_fence(rw->domain, OPV_ALL_CPUS);
}

int opv_rwlock_write_timedlock(struct opv_rwlock *rw, uint32_t timeout_ms)
{
	struct opv_rwlock_cpu *o = once(rw);
	struct timespec deadline;
	uint32_t before;
	int ret;

	opv_deadline_in(&deadline, timeout_ms);
	ret = opv_mutex_lock(word(&o->writer), rw->domain->shared, timeout_ms);
	if (ret < 0)
		return ret;
	before = __atomic_load_n(&o->closed, __ATOMIC_RELAXED) ? DEAD : OPEN;
	ret = close_to_readers(rw);
	if (!ret)
		ret = wait_for_readers(rw, &deadline, timeout_ms);
	OPV_RWLOCK_SEEN(rw->percpu);
	if (!ret)
		return before == DEAD;
	__atomic_store_n(&o->closed, before, __ATOMIC_RELEASE);
	opv_mutex_unlock(word(&o->writer), rw->domain->shared);
	return ret;
}

int opv_rwlock_write_lock(struct opv_rwlock *rw)
{
	return opv_rwlock_write_timedlock(rw, OPV_RWLOCK_TIMEOUT_MS);
}

int opv_rwlock_write_trylock(struct opv_rwlock *rw)
{
	return opv_rwlock_write_timedlock(rw, 0);
}

int opv_rwlock_write_unlock(struct opv_rwlock *rw)
{
	struct opv_rwlock_cpu *o = once(rw);

	if (!opv_mutex_is_mine(word(&o->writer)) || __atomic_load_n(&o->closed, __ATOMIC_RELAXED) != CLOSED)
		return -EPERM;
	OPV_RWLOCK_SEEN(rw->percpu);
	__atomic_store_n(&o->closed, OPEN, __ATOMIC_RELEASE);
	opv_mutex_unlock(word(&o->writer), rw->domain->shared);
	return 0;
}
