// SPDX-License-Identifier: MIT
/*
 * One thread works as whatever slot it has by mm_cid, another one as the same slot from
 * another CPU: the fence has to reach the first one wherever it is.  Sections here dawdle
 * in front of their commit (inject.h), so that a fence that does not is seen.
 */
#define _GNU_SOURCE
#include <opv/opv.h>

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <time.h>

#include "../tap.h"

#define SECONDS 1.5

static struct opv_domain *domain;
static uint64_t *counter;
static _Atomic bool stop;
static _Atomic int slot;		/* of the first one, a moment ago */
static uint64_t done_here, done_there;
static int failed;

static bool go_to(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	return !sched_setaffinity(0, sizeof(set), &set);
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void *from_afar(void *arg)
{
	int ret;

	go_to(*(int *)arg);
	while (!atomic_load(&stop)) {
		ret = opv_add64_cid(counter, 1, atomic_load(&slot));
		failed |= ret;
		done_there += !ret;
	}
	return NULL;
}

static void as_ourselves(double end)
{
	uint64_t seen;
	int id;

	while (now() < end) {
		id = opv_cid();
		atomic_store(&slot, id);
		seen = *(volatile uint64_t *)opv_ptr(counter, id);
		done_here += !opv_cmpxchg64_cid(counter, seen, seen + 1, &seen, OPV_THIS_CID);
	}
}

static uint64_t total(void)
{
	uint64_t sum = 0;
	int i;

	for (i = 0; i < opv_domain_cpus(domain); i++)
		sum += *opv_ptr(counter, i);
	return sum;
}

/* The first two CPUs that there are for us. */
static bool two_cpus(int *first, int *second)
{
	*first = 0;
	while (*first < CPU_SETSIZE && !go_to(*first))
		++*first;
	*second = *first + 1;
	while (*second < CPU_SETSIZE && !go_to(*second))
		++*second;
	return *second < CPU_SETSIZE;
}

int main(void)
{
	struct opv_domain_options options = { .size = sizeof(options), .flags = OPV_DOMAIN_MM_CID };
	struct opv_counts counts;
	struct opv_status st;
	int first, second;
	pthread_t thread;

	opv_status(&st, sizeof(st));
	if (opv_domain_create(&domain, &options) || opv_new(domain, &counter)) {
		skip("nothing is lost across CPUs", st.mm_cid_why);
		return done();
	}
	if (!two_cpus(&first, &second)) {
		skip("nothing is lost across CPUs", "one CPU only");
		return done();
	}
	pthread_create(&thread, NULL, from_afar, &first);
	as_ourselves(now() + SECONDS);
	atomic_store(&stop, true);
	pthread_join(thread, NULL);
	opv_counts(OPV_ALL_CPUS, &counts, sizeof(counts));
	diag("%llu as ourselves, %llu from afar, %llu fences", (unsigned long long)done_here,
	     (unsigned long long)done_there, (unsigned long long)counts.fence_membarrier);
	is(failed, 0, "calls from afar succeed");
	ok(done_here > 100 && done_there > 100 && counts.fence_membarrier > 100, "both got their turns");
	is(total(), done_here + done_there, "nothing is lost across CPUs");
	return done();
}
