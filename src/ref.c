// SPDX-License-Identifier: MIT
/*
 * Reference counts: <opv/ref.h>.  (R1) to (R6) are the scenarios of
 * docs/structures.md.
 */
#include <opv/ref.h>

#include <errno.h>

#include "all.h"
#include "break.h"
#include "engine.h"
#include "thread.h"

/* KILLING only while all CPUs are closed. */
enum { LIVE, KILLING, DEAD };

#define PART_LIVE	UINT64_C(1)

/* In count until kill, so that it is not 0 before all parts are in it. */
#define BIAS		(INT64_C(1) << 62)

static uint32_t state_of(const struct opv_ref *ref)
{
	return __atomic_load_n(&ref->state, __ATOMIC_SEQ_CST);
}

static void set_state(struct opv_ref *ref, uint32_t state)
{
	__atomic_store_n(&ref->state, state, __ATOMIC_SEQ_CST);
}

int opv_ref_init(struct opv_ref *ref, struct opv_domain *d, opv_ref_release release)
{
	struct opv_ref r = { .release = release, .count = BIAS + 1, .state = LIVE };
	int ret;

	if (d && d->shared)
		return -EINVAL;
	ret = opv_new(d, &r.percpu);
	if (!ret)
		*ref = r;
	return ret;
}

int opv_ref_fini(struct opv_ref *ref)
{
	return ref->percpu ? opv_free(opv_domain_of(ref->percpu), ref->percpu) : -EINVAL;
}

struct part {
	const struct opv_ref *ref;
	int cpu;
};

/* (R3): the state is looked at behind the gate, which kill has to close too. */
static int revive(void *arg)
{
	const struct part *p = arg;
	uint64_t *part = opv_ptr(p->ref->percpu, p->cpu);

	/* What is in a dead part are additions that nobody counts. */
	if (state_of(p->ref) == LIVE && !(*part & PART_LIVE))
		__atomic_store_n(part, PART_LIVE, __ATOMIC_RELAXED);
	return 0;
}

/*
 * The first time that this CPU is used while the count lives.  If it fails we count in
 * common, this time as the next.
 */
static void use_part(const struct opv_ref *ref, int cpu)
{
	struct opv_domain *d = opv_domain_of(ref->percpu);
	struct part p = { ref, cpu == OPV_THIS_CPU ? opv_index_now(d) : cpu };

	if (state_of(ref) == LIVE && p.cpu < (int)d->nr_cpus)
		opv_fence_engine_call(d, p.cpu, revive, &p);
}

/* Is it the CPU that is wrong, or was nothing counted because its part is not live? */
static bool counts_in_common(const struct opv_ref *ref, int cpu, int ret)
{
	if (ret == -EINVAL)
		return false;
	if (!ret)
		use_part(ref, cpu);
	return true;
}

int opv_ref_get_slow(struct opv_ref *ref, int cpu, int ret)
{
	if (!counts_in_common(ref, cpu, ret))
		return ret;
	__atomic_fetch_add(&ref->count, 1, __ATOMIC_RELAXED);
	return 0;
}

/* (R5): who is not the last one must not touch it afterwards. */
static void put_in_common(struct opv_ref *ref)
{
	opv_ref_release release = ref->release;

	if (__atomic_sub_fetch(&ref->count, 1, __ATOMIC_ACQ_REL) == 0 && release)
		release(ref);
}

int opv_ref_put_slow(struct opv_ref *ref, int cpu, int ret)
{
	if (!counts_in_common(ref, cpu, ret))
		return ret;
	put_in_common(ref);
	return 0;
}

int opv_ref_tryget_slow(struct opv_ref *ref, int cpu, int ret, int live)
{
	int64_t n;

	if (!counts_in_common(ref, cpu, ret))
		return ret;
	if (live && state_of(ref) == DEAD)
		return 1;
	n = __atomic_load_n(&ref->count, __ATOMIC_RELAXED);
	while (n)
		if (__atomic_compare_exchange_n(&ref->count, &n, n + 1, 1, __ATOMIC_ACQUIRE,
						__ATOMIC_RELAXED))
			return 0;
	return 1;
}

/* All parts, of which none is live any more; (R1), (R2). */
static int64_t collect(struct opv_ref *ref, const uint64_t *cpus, int end)
{
	int64_t sum = 0;
	int cpu;

	opv_for_each_in(cpus, cpu, end) {
		uint64_t *part = opv_ptr(ref->percpu, cpu);
		uint64_t n = __atomic_load_n(part, __ATOMIC_RELAXED);

		if (!(n & PART_LIVE))
			continue;
		sum += (int64_t)(n - PART_LIVE) / 2;
		__atomic_store_n(part, 0, __ATOMIC_RELAXED);
	}
	return sum;
}

struct kill {
	struct opv_ref *ref;
	int64_t left;
};

/* The count is the true one from here on, and the first reference is not in it any more. */
static int switch_over(const uint64_t *cpus, void *arg)
{
	struct kill *k = arg;
	struct opv_domain *d = opv_domain_of(k->ref->percpu);
	int64_t sum;

	if (state_of(k->ref) == DEAD)
		return -EALREADY;
	set_state(k->ref, KILLING);
	/* (R4): who sets his bit from here on finds that it does not live. */
	if (opv_set_changed(d, cpus)) {
		set_state(k->ref, LIVE);
		return OPV_SET_CHANGED;
	}
	sum = collect(k->ref, cpus, (int)d->nr_cpus);
	set_state(k->ref, DEAD);
	/* (R5): somebody else may be the last one as soon as this is done. */
	k->left = __atomic_add_fetch(&k->ref->count, sum - BIAS - 1, __ATOMIC_ACQ_REL);
	return 0;
}

/* The tests': with the gates open. */
static int switch_broken(struct kill *k)
{
	struct opv_domain *d = opv_domain_of(k->ref->percpu);
	uint64_t cpus = opv_used_cpus(d, 0);

	return switch_over(&cpus, k);
}

int opv_ref_kill(struct opv_ref *ref)
{
	struct kill k = { .ref = ref };
	int ret;

	if (state_of(ref) == DEAD)
		return -EALREADY;
	ret = OPV_BROKEN(REF) ? switch_broken(&k) :
				opv_as_all(opv_domain_of(ref->percpu), switch_over, &k);
	if (!ret && !k.left && ref->release)
		ref->release(ref);
	return ret;
}

bool opv_ref_is_zero(const struct opv_ref *ref)
{
	return state_of(ref) == DEAD && !__atomic_load_n(&ref->count, __ATOMIC_ACQUIRE);
}

int opv_ref_reinit(struct opv_ref *ref)
{
	if (!opv_ref_is_zero(ref))
		return -EBUSY;
	__atomic_store_n(&ref->count, BIAS + 1, __ATOMIC_RELAXED);
	set_state(ref, LIVE);
	return 0;
}
