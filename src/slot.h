/* SPDX-License-Identifier: MIT */
#ifndef _OPV_SLOT_H
#define _OPV_SLOT_H

/*
 * Slots: the gate of one CPU in one domain, and the lock of whoever works as
 * that CPU from outside a section.
 *
 * The key is what every section compares with its cpu_id, low 32 bits against
 * all 32 (the local engine's sections compare all 64).  It is
 *
 *	the CPU's number	open
 *	CID | the slot's number	open, where slots go by mm_cid
 *	PENDING | log << 32	a vector has happened, its log is not copied out yet
 *	CLOSED | either		an engine's thread works as this CPU
 *
 * Numbers of CPUs are below all flags, and no combination looks like -1 or -2,
 * which an unregistered thread has for a cpu_id.  A slot that was never used
 * is zero: open for CPU 0, not open for every other CPU until the fence engine
 * opens it for the first time.  (By mm_cid none is open that way, so the first slot
 * gets its key when the domain is made.)
 */

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include <opv/domain.h>

#define OPV_KEY_CLOSED		UINT64_C(0x80000000)
#define OPV_KEY_PENDING		UINT64_C(0x40000000)
#define OPV_KEY_OPEN(cpu)	((uint64_t)(uint32_t)(cpu))
#define OPV_KEY_OPEN_CID(i)	(OPV_KEY_CID | (uint64_t)(uint32_t)(i))

struct opv_slot {
	/* Read by every section, written by the engines. */
	_Alignas(64) _Atomic uint64_t key;

	/* Touched by the engines only. */
	_Alignas(64) _Atomic uint32_t lock;	/* priority-inheriting futex: owner's tid */
	_Atomic uint64_t open;			/* the open key, for kernel.c's guard; once used */
};

_Static_assert(sizeof(struct opv_slot) == 128, "what domain.h says a slot costs");
_Static_assert(offsetof(struct opv_slot, key) == 0, "where sections look for it");

/*
 * A thread inside an engine: all its signals are blocked, so that a handler
 * never waits for what it interrupted.
 */
struct opv_guard {
	uint64_t sigmask;	/* as it was */
	uint32_t tid;
	int cpu;		/* that the work is done as, for the counts */
	void *robust_pending;	/* of the C library, while ours takes its place */
};

void opv_guard_enter(struct opv_guard *g, int cpu);
void opv_guard_leave(const struct opv_guard *g);

/*
 * Take a lock, inside a guard.  shared: other processes may hold it, and die with
 * it.  Answers 0; 1 when this thread holds it already, being within fork
 * (registry.c): do not unlock; -ETIMEDOUT after timeout_ms; -EDEADLK when this
 * thread holds it otherwise, or waiting for it could not end.
 */
int opv_lock(_Atomic uint32_t *lock, struct opv_guard *g, bool shared, uint32_t timeout_ms);
void opv_unlock(_Atomic uint32_t *lock, struct opv_guard *g, bool shared);

#endif /* _OPV_SLOT_H */
