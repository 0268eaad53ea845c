// SPDX-License-Identifier: MIT
/*
 * Locks biased to a CPU, <opv/lock.h>: waiting for one.  (The lock of a slot is lock.c.)
 * docs/structures.md, (B1) to (B4).
 */
#include <opv/lock.h>

#include <opv/vector.h>

#include "domain.h"
#include "sys.h"
#include "wait.h"

#define MAGIC	UINT32_C(0x6f70766c)

/*
 * A wait is cut into slices: after each we look whether the owner is alive.  Short ones where
 * there is no fence and a wake-up may be missed.
 */
#define SLICE_MS	100
#define SLICE_UNFENCED_MS 5

_Static_assert(sizeof(struct opv_lock_cpu) == 16, "bytes that each CPU has");

int opv_lock_init(struct opv_lock *l, struct opv_domain *d)
{
	struct opv_lock_cpu *h;
	int ret;

	if (!d)
		d = opv_domain_default();
	if (!d)
		return -ENOMEM;
	ret = opv_new(d, &h);
	if (ret)
		return ret;
	__atomic_store_n(&opv_ptr(h, 0)->magic, MAGIC, __ATOMIC_RELEASE);
	*l = (struct opv_lock){ h, d, opv_process(), (uint32_t)opv_domain_cpus(d) };
	return 0;
}

int opv_lock_attach(struct opv_lock *l, struct opv_domain *d, size_t offset)
{
	struct opv_lock_cpu *h = opv_handle(d, offset);

	if (offset % __alignof__(*h) || !opv_domain_check(h) ||
	    !opv_domain_check((char *)(h + 1) - 1) ||
	    __atomic_load_n(&opv_ptr(h, 0)->magic, __ATOMIC_ACQUIRE) != MAGIC)
		return -EINVAL;
	*l = (struct opv_lock){ h, d, opv_process(), (uint32_t)opv_domain_cpus(d) };
	return 0;
}

int opv_lock_fini(struct opv_lock *l)
{
	uint32_t *magic = &opv_ptr(l->percpu, 0)->magic;
	int ret;

	__atomic_store_n(magic, 0, __ATOMIC_RELAXED);
	ret = opv_free(l->domain, l->percpu);
	if (ret)
		__atomic_store_n(magic, MAGIC, __ATOMIC_RELAXED);
	return ret;
}

int opv_lock_owner(const struct opv_lock *l, int cpu)
{
	intptr_t word;

	if (cpu < 0 || (uint32_t)cpu >= l->nr_cpus)
		return -EINVAL;
	word = __atomic_load_n(&opv_ptr(l->percpu, cpu)->word, __ATOMIC_RELAXED);
	return (int)((uint64_t)word >> 32);
}

/* The half of the word that differs between threads. */
static _Atomic uint32_t *thread_half(struct opv_lock_cpu *c)
{
	return (_Atomic uint32_t *)&c->word + (__BYTE_ORDER__ == __ORDER_BIG_ENDIAN__);
}

void opv_lock_wake(struct opv_lock *l, int cpu)
{
	opv_futex_wake(thread_half(opv_ptr(l->percpu, cpu)), 1, l->domain->shared);
}

/* Somebody has it whose process is gone: (B4).  0 is ours, 1 somebody else has it. */
static int inherit(struct opv_lock *l, int cpu, intptr_t word, intptr_t me)
{
	if (!l->domain->shared || !opv_process_gone((uint32_t)((uint64_t)word >> 32)))
		return 1;
	return opv_cmpeq_store(&l->percpu->word, word, me, cpu);
}

/* (B3): from here on whoever releases it sees that we wait. */
static uint32_t announce(struct opv_lock *l, struct opv_lock_cpu *c)
{
	__atomic_fetch_add(&c->waiters, 1, __ATOMIC_SEQ_CST);
	return opv_fence(l->domain, OPV_ALL_CPUS) ? SLICE_UNFENCED_MS : SLICE_MS;
}

static int wait_for(struct opv_lock *l, int cpu, intptr_t me, uint32_t timeout_ms)
{
	struct opv_lock_cpu *c = opv_ptr(l->percpu, cpu);
	struct timespec deadline, until;
	uint32_t slice = announce(l, c);
	intptr_t word;
	int ret;

	opv_deadline_in(&deadline, timeout_ms);
	for (;;) {
		ret = opv_cmpeq_store(&l->percpu->word, 0, me, cpu);
		if (ret <= 0)
			break;
		ret = -ETIMEDOUT;
		if (opv_deadline_passed(&deadline))
			break;
		word = __atomic_load_n(&c->word, __ATOMIC_RELAXED);
		if (!word)
			continue;
		ret = inherit(l, cpu, word, me);
		if (ret <= 0) {
			ret = ret ? ret : 1;
			break;
		}
		until = opv_deadline_slice(&deadline, slice);
		opv_futex_wait(thread_half(c), (uint32_t)word, l->domain->shared, &until);
	}
	__atomic_fetch_sub(&c->waiters, 1, __ATOMIC_SEQ_CST);
	/* A wake-up that was for us when we gave up is somebody else's. */
	if (ret < 0)
		opv_lock_wake(l, cpu);
	return ret;
}

int opv_lock_take_slow(struct opv_lock *l, int cpu, intptr_t me, uint32_t timeout_ms)
{
	struct opv_lock_cpu *c;
	int ret;

	if (cpu < 0 || (uint32_t)cpu >= l->nr_cpus)
		return -EINVAL;
	c = opv_ptr(l->percpu, cpu);
	/* The fast way may have met an error, or somebody who is gone by now. */
	ret = opv_cmpeq_store(&l->percpu->word, 0, me, cpu);
	if (ret > 0) {
		if (__atomic_load_n(&c->word, __ATOMIC_RELAXED) == me)
			ret = timeout_ms ? -EDEADLK : -EBUSY;
		else
			ret = timeout_ms ? wait_for(l, cpu, me, timeout_ms) : -EBUSY;
	}
	OPV_LOCK_TAKEN(c);
	return ret;
}
