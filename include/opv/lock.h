/* SPDX-License-Identifier: MIT */
#ifndef _OPV_LOCK_H
#define _OPV_LOCK_H

/*
 * Locks biased to a CPU: one for each CPU, taken there without an atomic operation, and from
 * anywhere else all the same.  For work on a CPU's data that is too long for a call or a vector.
 *
 *	struct opv_lock l;
 *	int cpu;
 *
 *	opv_lock_init(&l, NULL);
 *	cpu = opv_cpu();
 *	if (!opv_lock_take(&l, cpu)) {
 *		... work on what that CPU has ...
 *		opv_lock_release(&l, cpu);
 *	}
 *
 * What is like what: an array of mutexes, one a CPU; the kernel's local_lock.  The one
 * difference that bites: it excludes others who take the same CPU's lock, and no calls and
 * vectors on that CPU's data.
 *
 *	take	if (word[cpu]) wait; word[cpu] = me	a section, or an engine
 *	release	word[cpu] = 0				a store, from any CPU
 *		if (waiters[cpu]) wake one
 *
 * The thread may move while it has the lock, and so may be preempted: others of that CPU then
 * wait for it.  A thread on another CPU takes the lock by the same call, at the price of a
 * fence; that is how one looks after the data of an idle or offline CPU.  The release
 * has no barrier between its store and its look at the waiters; a waiter's fence is the other
 * half (docs/structures.md, (B1) to (B4)).
 *
 * Who comes first gets it: there is no queue, and no priority is inherited.  No wait is
 * without a bound.
 *
 * may A run while B does?	take, release		trytake		fini
 *  take, trytake		yes (one has it)	yes		no
 *  release			by whoever has it	yes		no
 *  fork			yes, the child has a copy of a private domain's locks
 *
 * Shared domains: another process uses opv_lock_attach().  When a process is killed that has a
 * lock, the next one who waits for it notices, takes it and answers 1: what it guards
 * may be half done.  A thread that ends with a lock leaves it taken.
 *
 * Results: 0; 1 taken, from a process that died with it; -EBUSY, -ETIMEDOUT, -EDEADLK, -EPERM,
 * -EINVAL as below, nothing was done.
 */

#include <stdint.h>

#include <opv/call.h>

OPV_BEGIN_DECLS

/* What each CPU has. */
struct opv_lock_cpu {
	intptr_t word;		/* 0, or who has it: process and thread */
	uint32_t waiters;
	uint32_t magic;		/* of CPU 0's instance */
};

/*
 * struct opv_lock - the locks of all CPUs, as one process sees them
 * @percpu: their handle
 * @domain: the domain of it
 * @process: where the number of this process stands
 * @nr_cpus: of the domain
 *
 * It may be copied.
 */
struct opv_lock {
	struct opv_lock_cpu *percpu;
	struct opv_domain *domain;
	const uint32_t *process;
	uint32_t nr_cpus;
};

/* How long opv_lock_take() waits. */
#define OPV_LOCK_TIMEOUT_MS	10000

/*
 * opv_lock_init - make a lock for each CPU, none of them taken
 * @l: filled; untouched on error
 * @d: the domain, NULL for the default one
 *
 * Errors: -ENOMEM, -ETIMEDOUT as opv_alloc().
 *
 * Thread-safe, async-signal-safe.
 */
int opv_lock_init(struct opv_lock *l, struct opv_domain *d);

/*
 * opv_lock_attach - use locks that another process made in a shared domain
 * @l: filled; untouched on error
 * @d: the domain, as this process attached it
 * @offset: opv_handle_offset() of l->percpu over there
 *
 * Errors: -EINVAL there are no such locks there.
 *
 * Thread-safe, async-signal-safe.
 */
int opv_lock_attach(struct opv_lock *l, struct opv_domain *d, size_t offset);

/*
 * opv_lock_fini - give their memory back
 * @l: made by opv_lock_init(); nobody uses it any more, in no process
 *
 * Errors: -EINVAL, -ETIMEDOUT as opv_free(), the locks are as they were.
 *
 * Thread-safe, async-signal-safe.
 */
int opv_lock_fini(struct opv_lock *l);

/* What is left when the fast way did not do: src/biased.c. */
int opv_lock_take_slow(struct opv_lock *l, int cpu, intptr_t me, uint32_t timeout_ms)
	__attribute__((__cold__));
void opv_lock_wake(struct opv_lock *l, int cpu) __attribute__((__cold__));

/* What sections do ThreadSanitizer does not see. */
#if defined(__SANITIZE_THREAD__)
# define OPV_LOCK_TSAN 1
#elif defined(__has_feature)
# if __has_feature(thread_sanitizer)
#  define OPV_LOCK_TSAN 1
# endif
#endif
#ifdef OPV_LOCK_TSAN
# define OPV_LOCK_TAKEN(c)	__atomic_fetch_add(&(c)->waiters, 0, __ATOMIC_ACQ_REL)
# define OPV_LOCK_LEFT(c)	__atomic_fetch_add(&(c)->waiters, 0, __ATOMIC_ACQ_REL)
#else
# define OPV_LOCK_TAKEN(c)	__atomic_thread_fence(__ATOMIC_ACQUIRE)
# define OPV_LOCK_LEFT(c)	((void)0)
#endif

/*
 * opv_lock_me - what the word of a lock holds that this thread has; never 0
 *
 * Thread-safe, async-signal-safe.
 */
OPV_CALL intptr_t opv_lock_me(const struct opv_lock *l)
{
	uintptr_t thread = (uintptr_t)__builtin_thread_pointer();

	return (intptr_t)((uint64_t)*l->process << 32 | (uint32_t)(thread >> 4) | 1);
}

/*
 * opv_lock_timedtake - take the lock of a CPU
 * opv_lock_take - the same, waiting for OPV_LOCK_TIMEOUT_MS at most
 * opv_lock_trytake - the same, waiting for nobody
 * @cpu: 0 <= cpu < opv_domain_cpus(), opv_cpu() for the one that we run on; not OPV_THIS_CPU, for
 *	it must be known which lock there is to release
 * @timeout_ms: how long to wait, in ms; 0 not at all
 *
 * Acquire.
 *
 * Result: 0; 1, it is ours and its owner's process had died with it.
 * Errors: -EBUSY (trytake, or 0 ms) somebody has it; -ETIMEDOUT for that long; -EDEADLK this thread
 * has it, which trytake answers -EBUSY to; -EINVAL no such CPU; -EPERM as for calls.
 *
 * Thread-safe, async-signal-safe; a handler uses trytake.
 */
OPV_CALL int opv_lock_timedtake(struct opv_lock *l, int cpu, uint32_t timeout_ms)
{
	struct opv_lock_cpu *h = l->percpu;
	intptr_t me = opv_lock_me(l);

	if (__builtin_expect(cpu < 0, 0) ||
	    __builtin_expect(opv_cmpeq_store(&h->word, 0, me, cpu), 0))
		return opv_lock_take_slow(l, cpu, me, timeout_ms);
	/* (B2) */
	OPV_LOCK_TAKEN(opv_ptr(h, cpu));
	return 0;
}

OPV_CALL int opv_lock_take(struct opv_lock *l, int cpu)
{
	return opv_lock_timedtake(l, cpu, OPV_LOCK_TIMEOUT_MS);
}

OPV_CALL int opv_lock_trytake(struct opv_lock *l, int cpu)
{
	return opv_lock_timedtake(l, cpu, 0);
}

/*
 * opv_lock_release - release the lock of a CPU
 * @cpu: as it was taken, wherever the thread runs by now
 *
 * Release.  Any thread may do it for the one that took it.
 *
 * Errors: -EINVAL no such CPU; -EPERM nobody has it.
 *
 * Thread-safe, async-signal-safe.
 */
OPV_CALL int opv_lock_release(struct opv_lock *l, int cpu)
{
	struct opv_lock_cpu *c;

	if (__builtin_expect((uint32_t)cpu >= l->nr_cpus, 0))
		return -22;	/* EINVAL */
	c = opv_ptr(l->percpu, cpu);
	if (__builtin_expect(!__atomic_load_n(&c->word, __ATOMIC_RELAXED), 0))
		return -1;	/* EPERM */
	OPV_LOCK_LEFT(c);
	__atomic_store_n(&c->word, 0, __ATOMIC_RELEASE);
	/* (B3): in the program behind the store; that it may be done before, a waiter's fence mends. */
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	if (__builtin_expect(__atomic_load_n(&c->waiters, __ATOMIC_RELAXED), 0))
		opv_lock_wake(l, cpu);
	return 0;
}

/*
 * opv_lock_owner - the process that has the lock of a CPU, a moment ago; 0 nobody
 * @cpu: 0 <= cpu < opv_domain_cpus()
 *
 * Errors: -EINVAL no such CPU.
 *
 * Thread-safe, async-signal-safe.
 */
int opv_lock_owner(const struct opv_lock *l, int cpu);

OPV_END_DECLS

#endif /* _OPV_LOCK_H */
