// SPDX-License-Identifier: MIT
/*
 * Counts: each event makes the right ones go up, and no others.  The thread is
 * pinned, so that nothing happens by chance; sections that abort are those of
 * tests/ops/aborted.c.
 */
#define _GNU_SOURCE
#include "counting.h"

#include <limits.h>
#include <pthread.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../../src/domain.h"

static struct opv_domain *d, *shared;
static uint64_t *h, *hs;
static int here, other, offline;
static struct opv_status st;

static void test_closed_and_fast(void)
{
	struct opv_domain *fresh;
	uint64_t *f;

	if (!st.fast) {
		skip("a key that is closed is counted", st.why);
		return;
	}
	opv_domain_create(&fresh, NULL);
	opv_new(fresh, &f);
	if (here)
		COUNTED("the first call as a CPU finds its key closed", opv_add(f, 1, here), .slow = 1,
			.closed = 1, .engine_fence = 1, .fence_self = 1);
	else
		skip("the first call as a CPU finds its key closed", "CPU 0 has its key open from the start");
	COUNTED("a call that a section does is not counted", opv_add(f, 1, here), .slow = 0);
	COUNTED("nor as this CPU", opv_add(f, 1, OPV_THIS_CPU), .slow = 0);
	opv_domain_destroy(fresh);
}

static void test_other_cpu(void)
{
	uint64_t mb = st.fence == OPV_FENCE_MEMBARRIER, none = st.fence == OPV_FENCE_NONE;

	COUNTED("a call as a CPU that is not online", opv_add(h, 1, offline), .slow = 1,
		.other_cpu = !none, .unregistered = none, .engine_fence = 1, .fence_membarrier = mb,
		.fence_none = !mb);
	if (other < 0) {
		skip("a call as another CPU", "there is one CPU only");
		return;
	}
	COUNTED("a call as another CPU", opv_add(h, 1, other), .slow = 1, .other_cpu = !none,
		.unregistered = none, .engine_fence = 1, .fence_membarrier = mb, .fence_none = none,
		.fence_move = st.fence == OPV_FENCE_MOVE);
	COUNTED("a pop as another CPU", opv_cmpne_load_off((intptr_t *)h, (intptr_t)*opv_ptr(h, other), 0,
							   &(intptr_t){ 0 }, other),
		.slow = 1, .other_cpu = !none, .unregistered = none, .engine_fence = 1,
		.fence_membarrier = mb, .fence_none = none, .fence_move = st.fence == OPV_FENCE_MOVE);
}

static void test_whose_cpu(void)
{
	if (other < 0) {
		skip("the CPU that the work was done as has the count", "there is one CPU only");
		return;
	}
	counts_start(here);
	opv_add(h, 1, other);
	counts_went_up_by(here, &(struct opv_counts){ .slow = 0 }, "the CPU that asks has no count of it");
	counts_start(other);
	opv_add(h, 1, other);
	counts_went_up_by(other, &(struct opv_counts){ .slow = 1, .other_cpu = 1, .engine_fence = 1,
						       .fence_membarrier = 1 },
			  "the CPU that the work was done as has");
}

/* Memory of several processes cannot be fenced by a membarrier of this one. */
static void test_shared(void)
{
	if (!shared) {
		skip("fences of shared domains are counted", "no memfd here");
		return;
	}
	if (other >= 0)
		COUNTED("another CPU of a shared domain is visited", opv_add(hs, 1, other), .slow = 1,
			.other_cpu = 1, .engine_fence = 1, .fence_move = 1);
	else
		skip("another CPU of a shared domain is visited", "there is one CPU only");
	is(sched_getcpu(), here, "and left again");
	COUNTED("one that is not online needs no fence", opv_add(hs, 1, offline), .slow = 1,
		.other_cpu = 1, .engine_fence = 1, .fence_none = 1);
}

static void test_vectors(void)
{
	struct cpu_op op = opv_op_add(opv_ptr(h, here), 1, 8);
	struct opv_request r[3] = { { &op, 1, here, 0 }, { &op, 1, offline, 0 },
				    { &op, 1, offline - 1, 0 } };
	uint64_t mb = st.fence == OPV_FENCE_MEMBARRIER;

	COUNTED("a quick vector is not counted", opv_vector(d, &op, 1, here), .vectors = 0);
	opv_count_fast(1);
	COUNTED("but while fast calls are", opv_vector(d, &op, 1, here), .vectors = 1, .engine_local = 1);
	opv_count_fast(0);
	COUNTED("a vector as an offline CPU", opv_vector(d, &op, 1, offline), .vectors = 1,
		.engine_fence = 1, .fence_membarrier = mb, .fence_none = !mb);
	if (mb) {
		COUNTED("three vectors under one fence", opv_vectors(d, r, 3), .vectors = 3,
			.engine_fence = 3, .fence_membarrier = 1);
		COUNTED("two, of which one is of this CPU", opv_vectors(d, r, 2), .vectors = 2,
			.engine_fence = 2, .fence_self = 1, .fence_membarrier = 1);
	} else {
		skip("three vectors under one fence", "membarrier is not to be had");
	}
	COUNTED("a fence of this CPU", opv_fence(d, here), .vectors = 1, .engine_fence = 1,
		.fence_self = 1);
}

static void test_forced(void)
{
	struct cpu_op op = opv_op_add(opv_ptr(h, here), 1, 8);

	opv_force(OPV_ENGINE_FENCE, 100);
	COUNTED("a call that is forced", opv_add(h, 1, here), .slow = 1, .forced = 1, .engine_fence = 1,
		.fence_self = 1);
	COUNTED("a forced call as this CPU", opv_add(h, 1, OPV_THIS_CPU), .slow = 1, .forced = 1,
		.engine_fence = 1, .fence_self = 1);
	COUNTED("a forced vector is none of the slow calls", opv_vector(d, &op, 1, here), .vectors = 1,
		.engine_fence = 1, .fence_self = 1);
	opv_force(OPV_ENGINE_FENCE, 0);
	if (st.fast)
		COUNTED("and no longer", opv_add(h, 1, here), .slow = 0);
}

static void test_errors(void)
{
	struct cpu_op op = opv_op_add(NULL, 1, 8);

	COUNTED("a call as a CPU that cannot be", opv_add(h, 1, 100000), .errors = 1);
	COUNTED("a vector of an operand that is not there", opv_vector(d, &op, 1, here), .errors = 1);
	COUNTED("a vector as a CPU that cannot be", opv_vector(d, NULL, 0, 100000), .errors = 1);
}

static void test_count_fast(void)
{
	int i;

	is(opv_count_fast(1), 0, "fast calls are counted from now on");
	is(opv_count_fast(1), 1, "they were already");
	if (st.fast) {
		COUNTED("a fast call", opv_add(h, 1, here), .fast = 1);
		COUNTED("1000 fast calls", for (i = 0; i < 1000; i++) opv_add(h, 1, OPV_THIS_CPU),
			.fast = 1000);
		COUNTED("a compare that stops is one too",
			opv_cmpeq_store((intptr_t *)h, -1, 0, here), .fast = 1);
	} else {
		skip("fast calls are counted", st.why);
	}
	is(opv_count_fast(0), 1, "no longer");
	COUNTED("and no longer", opv_add(h, 1, here), .slow = !st.fast, .unregistered = !st.fast,
		.engine_fence = !st.fast, .fence_none = !st.fast);
}

/* A thread that gives its registration back, as one that libc never knew. */
static void *without_rseq(void *arg)
{
	char *area = (char *)__builtin_thread_pointer() + st.rseq_offset;

	(void)arg;
	pin_to(here);
	if (syscall(SYS_rseq, area, st.rseq_size, 1, OPV_RSEQ_SIG)) {
		skip("a thread without rseq", "it could not be unregistered");
		return NULL;
	}
	COUNTED("a call of a thread without rseq", opv_add(h, 1, here), .slow = 1, .unregistered = 1,
		.engine_fence = 1, .fence_self = 1);
	COUNTED("as this CPU", opv_add(h, 1, OPV_THIS_CPU), .slow = 1, .unregistered = 1,
		.engine_fence = 1, .fence_self = 1);
	is(opv_cpu(), here, "it knows its CPU all the same");
	opv_status(&st, sizeof(st));
	ok(!st.fast, "its status says that it is not fast: %s", st.why);
	return NULL;
}

static void test_unregistered(void)
{
	pthread_t t;

	if (st.rseq_owner != OPV_RSEQ_LIBC) {
		skip("a thread without rseq", st.why);
		return;
	}
	pthread_create(&t, NULL, without_rseq, NULL);
	pthread_join(t, NULL);
}

/* Somebody opens the key again and again, as a section may that runs on. */
static _Atomic bool stop;

static void *reopen(void *arg)
{
	struct opv_slot *slot = arg;

	while (!stop)
		atomic_store(&slot->key, OPV_KEY_OPEN(offline));
	return NULL;
}

static void test_closed_again(void)
{
	struct opv_counts before, after;
	pthread_t t;
	int i;

	opv_add(h, 1, offline);
	pthread_create(&t, NULL, reopen, opv_slot(d, offline));
	opv_counts(OPV_ALL_CPUS, &before, sizeof(before));
	for (i = 0; i < 200000; i++) {
		opv_add(h, 1, offline);
		opv_counts(OPV_ALL_CPUS, &after, sizeof(after));
		if (after.closed_again != before.closed_again)
			break;
	}
	stop = true;
	pthread_join(t, NULL);
	ok(after.closed_again != before.closed_again, "a key that was opened again is closed again");
	is(opv_add(h, 1, offline), 0, "and all goes on");
}

/* Of every slow call there is one cause. */
static void test_causes(void)
{
	struct opv_counts c;

	opv_counts(OPV_ALL_CPUS, &c, sizeof(c));
	is(c.forced + c.unregistered + c.other_cpu + c.aborted + c.closed, c.slow,
	   "the causes add up to the slow calls");
}

static void test_sizes(void)
{
	struct opv_counts all;
	union {
		struct opv_counts c;
		unsigned char bytes[sizeof(struct opv_counts) + 64];
	} u;
	size_t size, i;
	bool good = true;

	opv_counts(OPV_ALL_CPUS, &all, sizeof(all));
	for (size = 0; size <= sizeof(u); size++) {
		memset(&u, 0xa5, sizeof(u));
		good &= !opv_counts(OPV_ALL_CPUS, &u.c, size);
		for (i = 0; i < sizeof(u); i++)
			good &= u.bytes[i] == (i >= size ? 0xa5 : i < sizeof(all) ?
							   ((unsigned char *)&all)[i] : 0);
	}
	ok(good, "an older program gets what it knows, a newer one 0 for the rest");
	ok(opv_counts(-1, &all, sizeof(all)) == -EINVAL && opv_counts(-3, &all, sizeof(all)) == -EINVAL &&
	   opv_counts(INT_MIN, &all, sizeof(all)) == -EINVAL &&
	   opv_counts(INT_MAX, &all, sizeof(all)) == -EINVAL &&
	   opv_counts((int)st.nr_cpus, &all, sizeof(all)) == -EINVAL, "CPUs that cannot be: EINVAL");
}

int main(void)
{
	struct opv_domain_options o = { .size = sizeof(o) };

	here = last_cpu(CPU_SETSIZE);
	other = last_cpu(here);
	pin_to(here);
	o.nr_cpus = (uint32_t)opv_domain_cpus(NULL) + 2;
	opv_domain_create(&d, &o);
	offline = opv_domain_cpus(d) - 1;
	opv_new(d, &h);
	opv_add(h, 1, here);
	o.flags = OPV_DOMAIN_SHARED;
	if (!opv_domain_create(&shared, &o) && !opv_new(shared, &hs))
		opv_add(hs, 1, here);
	opv_status(&st, sizeof(st));

	test_closed_and_fast();
	test_other_cpu();
	test_whose_cpu();
	test_shared();
	test_vectors();
	test_forced();
	test_errors();
	test_count_fast();
	test_unregistered();
	test_closed_again();
	test_causes();
	opv_status(&st, sizeof(st));
	test_sizes();
	return done();
}
