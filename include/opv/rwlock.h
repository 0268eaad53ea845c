/* SPDX-License-Identifier: MIT */
#ifndef _OPV_RWLOCK_H
#define _OPV_RWLOCK_H

/*
 * Reader-writer locks whose readers share no cache line: for what is read all the time and
 * written seldom.
 *
 *	struct opv_rwlock rw;
 *
 *	opv_rwlock_init(&rw, NULL);
 *	if (!opv_rwlock_read_lock(&rw)) {
 *		...
 *		opv_rwlock_read_unlock(&rw);
 *	}
 *
 * What is like what: pthread_rwlock_t that prefers writers.  The one difference that bites:
 * reading costs two opv_add(), writing an interrupt on each CPU that runs a thread of this
 * process, and some microseconds.
 *
 *	read_lock	locked[this CPU] += 1
 *			if (closed) unlock; wait until the writer is gone; again
 *	read_unlock	unlocked[this CPU] += 1
 *			if (closed) wake the writer
 *	write_lock	take the mutex; closed = 1; fence all CPUs
 *			wait until the sums of unlocked[] and locked[], in this order, are the same
 *	write_unlock	closed = 0; give the mutex back
 *
 * Lock and unlock of a reader may be on different CPUs: only the sums mean something.
 * Neither has a barrier between its store and its look at "closed"; the writer's fence
 * is the other half of both (docs/structures.md, (W1) to (W5)).
 *
 * A thread that has a lock must not wait for it again, neither way: a writer that came in
 * between waits for the first read lock, and the second one for the writer, until one of them
 * times out.  The try forms never wait; they are what a signal handler uses.  A read lock may be
 * unlocked by another thread than it was locked by, a write lock may not.
 *
 * may A run while B does?	read side	write side	readers		fini
 *  read_lock, read_unlock	yes		yes (waits)	yes		no
 *  write_lock, write_unlock	yes (waits)	yes (waits)	yes		no
 *  fork			yes, see below	yes		yes		yes
 *
 * fork: of a lock in a private domain the child has a copy, with locks in it of threads that it
 * has not; then its writers time out, as they do with pthread_rwlock_t, or where it was a writer's
 * everybody is answered -EBUSY or -EDEADLK.
 *
 * Shared domains: another process uses opv_rwlock_attach().  A writer that is killed is
 * noticed: readers answer -EOWNERDEAD until a writer has come, whose lock answers 1, and has
 * unlocked.  A reader that is killed is not, for nobody knows who they are:
 * writers time out for ever, and opv_rwlock_readers() is what never comes down to 0.  Make
 * a new lock then.
 *
 * Results: 0 locked or unlocked; 1 locked for writing, but the writer before died with it;
 * -EBUSY, -ETIMEDOUT, -EDEADLK, -EOWNERDEAD, -EPERM as below, nothing was locked.
 */

#include <stdint.h>

#include <opv/call.h>

OPV_BEGIN_DECLS

/* What each CPU has; behind its first line the instance of CPU 0 has what there is once. */
struct opv_rwlock_cpu {
	uint64_t locked, unlocked;	/* for reading, here; how often */
	uint64_t apart[6];
	uint32_t closed;	/* 1: to readers, there is a writer; 2: one died */
	uint32_t writer;	/* a mutex: the writer, or a reader that came while there was one */
	uint32_t left;		/* changes when a reader goes while it is closed */
	uint32_t magic;
	uint64_t locked_elsewhere, unlocked_elsewhere;	/* where no section could be had */
	uint64_t room[4];
};

/*
 * struct opv_rwlock - one lock, as one process sees it
 * @percpu: its handle
 * @domain: the domain of it
 *
 * It may be copied.
 */
struct opv_rwlock {
	struct opv_rwlock_cpu *percpu;
	struct opv_domain *domain;
};

/* How long what has no timeout waits. */
#define OPV_RWLOCK_TIMEOUT_MS	10000

/*
 * opv_rwlock_init - make a lock, unlocked
 * @rw: filled; untouched on error
 * @d: the domain, NULL for the default one
 *
 * Errors: -ENOMEM, -ETIMEDOUT as opv_alloc().
 *
 * Thread-safe, async-signal-safe.
 */
int opv_rwlock_init(struct opv_rwlock *rw, struct opv_domain *d);

/*
 * opv_rwlock_attach - use a lock that another process made in a shared domain
 * @rw: filled; untouched on error
 * @d: the domain, as this process attached it
 * @offset: opv_handle_offset() of rw->percpu over there
 *
 * Errors: -EINVAL there is no such lock there.
 *
 * Thread-safe, async-signal-safe.
 */
int opv_rwlock_attach(struct opv_rwlock *rw, struct opv_domain *d, size_t offset);

/*
 * opv_rwlock_fini - give its memory back
 * @rw: made by opv_rwlock_init(); nobody uses it any more, in no process
 *
 * Errors: -EINVAL, -ETIMEDOUT as opv_free(), the lock is as it was.
 *
 * Thread-safe, async-signal-safe.
 */
int opv_rwlock_fini(struct opv_rwlock *rw);

/* What is left when the fast way did not do: src/rwlock.c. */
int opv_rwlock_read_slow(struct opv_rwlock *rw, int counted, uint32_t timeout_ms)
	__attribute__((__cold__));
void opv_rwlock_leave_slow(struct opv_rwlock *rw, int counted) __attribute__((__cold__));

/* What sections do and what the kernel hands over, ThreadSanitizer does not see. */
#if defined(__SANITIZE_THREAD__)
# define OPV_RWLOCK_TSAN 1
#elif defined(__has_feature)
# if __has_feature(thread_sanitizer)
#  define OPV_RWLOCK_TSAN 1
# endif
#endif
#ifdef OPV_RWLOCK_TSAN
# define OPV_RWLOCK_SEEN(h) __atomic_fetch_add(&opv_ptr((h), 0)->locked_elsewhere, 0, __ATOMIC_ACQ_REL)
#else
# define OPV_RWLOCK_SEEN(h) ((void)0)
#endif

/* (W1), (W2): in the program after the reader's store; that it may be done before, the fence mends. */
#define OPV_RWLOCK_CLOSED(h) \
	__builtin_expect(__atomic_load_n(&opv_ptr((h), 0)->closed, __ATOMIC_ACQUIRE) != 0, 0)

/*
 * opv_rwlock_read_timedlock - lock for reading
 * opv_rwlock_read_lock - the same, waiting for OPV_RWLOCK_TIMEOUT_MS at most
 * opv_rwlock_read_trylock - the same, waiting for nobody
 * @timeout_ms: how long to wait for writers, in ms; 0 not at all
 *
 * Acquire: it sees what writers did before.
 *
 * Errors: -EBUSY (trylock, or 0 ms) a writer is there or waits; -ETIMEDOUT it was for that
 * long; -EDEADLK this thread is the writer; -EOWNERDEAD a writer died, what it wrote may be
 * half done: somebody has to lock for writing, mend it, and unlock.
 *
 * Thread-safe, async-signal-safe; a handler uses trylock.
 */
OPV_CALL int opv_rwlock_read_timedlock(struct opv_rwlock *rw, uint32_t timeout_ms)
{
	struct opv_rwlock_cpu *h = rw->percpu;
	int ret = opv_add64(&h->locked, 1, OPV_THIS_CPU);

	OPV_RWLOCK_SEEN(h);
	if (__builtin_expect(!ret, 1) && !OPV_RWLOCK_CLOSED(h))
		return 0;
	return opv_rwlock_read_slow(rw, !ret, timeout_ms);
}

OPV_CALL int opv_rwlock_read_lock(struct opv_rwlock *rw)
{
	return opv_rwlock_read_timedlock(rw, OPV_RWLOCK_TIMEOUT_MS);
}

OPV_CALL int opv_rwlock_read_trylock(struct opv_rwlock *rw)
{
	return opv_rwlock_read_timedlock(rw, 0);
}

/*
 * opv_rwlock_read_unlock - unlock what was locked for reading
 *
 * Release.  It never fails.
 *
 * Thread-safe, async-signal-safe.
 */
OPV_CALL void opv_rwlock_read_unlock(struct opv_rwlock *rw)
{
	struct opv_rwlock_cpu *h = rw->percpu;
	int ret;

	OPV_RWLOCK_SEEN(h);
	ret = opv_add64_release(&h->unlocked, 1, OPV_THIS_CPU);
	if (__builtin_expect(ret != 0, 0) || OPV_RWLOCK_CLOSED(h))
		opv_rwlock_leave_slow(rw, !ret);
}

/*
 * opv_rwlock_write_timedlock - lock for writing
 * opv_rwlock_write_lock - the same, waiting for OPV_RWLOCK_TIMEOUT_MS at most
 * opv_rwlock_write_trylock - the same, waiting for nobody
 * @timeout_ms: how long to wait for other writers, and then for readers; 0 not at all
 *
 * From the beginning of the wait for readers no new ones get in.
 *
 * Result: 0; 1, it is locked and the writer before died with it.
 * Errors: -EBUSY (trylock, or 0 ms) readers or a writer are there; -ETIMEDOUT they were for that
 * long; -EDEADLK this thread has it for writing; -EPERM, -EDEADLK as opv_fence().
 *
 * Thread-safe, async-signal-safe; a handler uses trylock.
 */
int opv_rwlock_write_timedlock(struct opv_rwlock *rw, uint32_t timeout_ms);
int opv_rwlock_write_lock(struct opv_rwlock *rw);
int opv_rwlock_write_trylock(struct opv_rwlock *rw);

/*
 * opv_rwlock_write_unlock - unlock what this thread locked for writing
 *
 * Errors: -EPERM it has not.
 *
 * Thread-safe, async-signal-safe.
 */
int opv_rwlock_write_unlock(struct opv_rwlock *rw);

/*
 * opv_rwlock_readers - how many read locks there are, about
 *
 * Exact while nobody locks and unlocks.
 *
 * Thread-safe, async-signal-safe.
 */
int64_t opv_rwlock_readers(const struct opv_rwlock *rw);

OPV_END_DECLS

#endif /* _OPV_RWLOCK_H */
