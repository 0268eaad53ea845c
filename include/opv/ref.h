/* SPDX-License-Identifier: MIT */
#ifndef _OPV_REF_H
#define _OPV_REF_H

/*
 * Reference counts that cost a nanosecond and share no cache line, until the object is to
 * go; in the manner of the kernel's percpu_ref.
 *
 *	struct object {
 *		struct opv_ref ref;
 *		...
 *	};
 *
 *	static void release(struct opv_ref *ref)
 *	{
 *		struct object *o = container_of(ref, struct object, ref);
 *
 *		opv_ref_fini(ref);
 *		free(o);
 *	}
 *
 *	opv_ref_init(&o->ref, NULL, release);	one reference, its maker's
 *	opv_ref_get(&o->ref, OPV_THIS_CPU);	for somebody who is given o
 *	opv_ref_put(&o->ref, OPV_THIS_CPU);	when he is through with it
 *	opv_ref_kill(&o->ref);			once: the maker's own goes, counting is exact
 *
 * What is like it: while it lives, get and put add to the part of a CPU, nobody knows the sum
 * and nobody asks; kill adds up the parts and takes back the first reference, and from
 * then on the put that reaches 0 calls release.  The one difference that bites: when
 * kill returns, the switch is over.  There is no mode to be waited for, and nothing
 * like RCU: who has no reference must not touch the object when it may be released.
 *
 * In pseudo-code; a part is live from the first use of its CPU on:
 *
 *	get	if (part[cpu] is live) part[cpu]++; else count++
 *	put	if (part[cpu] is live) part[cpu]--; else if (!--count) release(ref)
 *	tryget	if (part[cpu] is live) part[cpu]++; else if (count) count++; else return 1
 *	kill	at one moment: count = sum of all parts; no part is live; dead
 *		if (!--count) release(ref)
 *
 * It does not matter which CPU a reference was taken on and which one it is given back on.
 * Why no reference is lost in the switch, letter by letter: docs/structures.md.
 *
 * may A run while B does?	init	get	put	tryget	kill	reinit	fini
 *  get, put			no	yes	yes	yes	yes	no	no
 *  tryget, tryget_live		no	yes	yes	yes	yes	yes	no
 *  kill			no	yes	yes	yes	yes	no	no
 *  is_zero			no	yes	yes	yes	yes	yes	no
 *  fork			yes	yes	yes	yes	yes	yes	yes
 *
 * release runs in the thread that made the last put, or kill; in its signal handler, if it
 * was one that did.  It may do anything, fini and reinit included.
 *
 * After fork() the child has a count of its own, in which the references of all threads
 * stand that the parent has.  Not for shared domains: a process that is killed would
 * never give its references back.
 */

#include <stdbool.h>
#include <stdint.h>

#include <opv/call.h>

OPV_BEGIN_DECLS

struct opv_ref;

/* Called when the last reference was given back. */
typedef void (*opv_ref_release)(struct opv_ref *ref);

/*
 * struct opv_ref - a reference count; its fields are the library's
 *
 * part[cpu] is twice the references that were taken less those that were given back, and 1
 * if it is live.  What is added to one that is not is nothing.
 */
struct opv_ref {
	uint64_t *percpu;
	opv_ref_release release;
	int64_t count;
	uint32_t state;
};

/*
 * opv_ref_init - make a count with one reference
 * @ref: filled; untouched on error
 * @d: the domain, not a shared one; NULL for the default one
 * @release: called once, when the last reference is given back after kill; NULL for nothing
 *
 * Errors: -EINVAL @d is shared; -ENOMEM, -ETIMEDOUT as opv_alloc().
 *
 * Thread-safe, async-signal-safe.
 */
int opv_ref_init(struct opv_ref *ref, struct opv_domain *d, opv_ref_release release);

/*
 * opv_ref_fini - give its memory back
 * @ref: nobody uses it any more, nor gives back references to it
 *
 * Errors: -EINVAL, -ETIMEDOUT as opv_free().
 *
 * Thread-safe, async-signal-safe.
 */
int opv_ref_fini(struct opv_ref *ref);

/*
 * The same when the part is not live: ret is what the addition to it answered.  These are
 * not for callers; src/ref.c.
 */
int opv_ref_get_slow(struct opv_ref *ref, int cpu, int ret) __attribute__((__cold__));
int opv_ref_put_slow(struct opv_ref *ref, int cpu, int ret) __attribute__((__cold__));
int opv_ref_tryget_slow(struct opv_ref *ref, int cpu, int ret, int live) __attribute__((__cold__));

/*
 * opv_ref_get - take a reference, having one
 * opv_ref_put - give one back
 * @cpu: as of calls; which one does not matter but for speed
 *
 * What precedes a put is done before release is called.
 *
 * Result: 0; -EINVAL no such CPU, nothing was done.  Where a CPU's part cannot be worked
 * on for the moment (-ETIMEDOUT, -EPERM) the count common to all serves.
 *
 * Thread-safe, async-signal-safe.
 */
OPV_CALL int opv_ref_get(struct opv_ref *ref, int cpu)
{
	uint64_t old = 0;
	int ret = opv_fetch_add64(ref->percpu, 2, &old, cpu);

	return __builtin_expect(!ret && (old & 1), 1) ? 0 : opv_ref_get_slow(ref, cpu, ret);
}

OPV_CALL int opv_ref_put(struct opv_ref *ref, int cpu)
{
	uint64_t old = 0;
	int ret = opv_fetch_add64_release(ref->percpu, (uint64_t)-2, &old, cpu);

	return __builtin_expect(!ret && (old & 1), 1) ? 0 : opv_ref_put_slow(ref, cpu, ret);
}

/*
 * opv_ref_tryget - take a reference unless the last one was given back
 * opv_ref_tryget_live - take one unless kill was called
 *
 * The caller sees to it that the struct is there: by a lock under which release takes it
 * out of a table, or the like.
 *
 * Result: 0; 1 it is too late; -EINVAL as above.
 *
 * Thread-safe, async-signal-safe.
 */
OPV_CALL int opv_ref_tryget(struct opv_ref *ref, int cpu)
{
	uint64_t old = 0;
	int ret = opv_fetch_add64(ref->percpu, 2, &old, cpu);

	return __builtin_expect(!ret && (old & 1), 1) ? 0 : opv_ref_tryget_slow(ref, cpu, ret, 0);
}

OPV_CALL int opv_ref_tryget_live(struct opv_ref *ref, int cpu)
{
	uint64_t old = 0;
	int ret = opv_fetch_add64(ref->percpu, 2, &old, cpu);

	return __builtin_expect(!ret && (old & 1), 1) ? 0 : opv_ref_tryget_slow(ref, cpu, ret, 1);
}

/*
 * opv_ref_kill - give back the first reference and count exactly from now on
 *
 * All CPUs are closed for a moment, under one fence.  May call release.
 *
 * Errors: -EALREADY it was killed before; -EPERM, -ETIMEDOUT, -EDEADLK as for calls:
 * it lives on, and kill may be called again.
 *
 * Thread-safe, async-signal-safe.
 */
int opv_ref_kill(struct opv_ref *ref);

/*
 * opv_ref_is_zero - was it killed, and the last reference given back?
 *
 * Thread-safe, async-signal-safe.
 */
bool opv_ref_is_zero(const struct opv_ref *ref);

/*
 * opv_ref_reinit - as after init: one reference, release will be called again
 * @ref: opv_ref_is_zero(); one thread at a time
 *
 * Errors: -EBUSY it is not.
 *
 * Thread-safe, async-signal-safe.
 */
int opv_ref_reinit(struct opv_ref *ref);

OPV_END_DECLS

#endif /* _OPV_REF_H */
