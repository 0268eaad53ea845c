// SPDX-License-Identifier: MIT
/*
 * All CPUs at one moment, at the price of those that were ever used.
 *
 * T is any instant at which the used ones are closed and fenced.  As a CPU whose bit is
 * found unset after T nothing was done before T, so its data at T is zero.  If a bit
 * was set meanwhile, that CPU belongs to the set and all is done over, at most as
 * often as there are CPUs.
 */
#include "all.h"

#include "count.h"
#include "engine.h"
#include "env.h"

struct all {
	struct opv_domain *d;
	int (*fn)(const uint64_t *cpus, void *arg);
	void *arg;
	uint64_t *cpus;
};

static int run(void *arg)
{
	struct all *a = arg;

	if (opv_set_changed(a->d, a->cpus))
		return OPV_SET_CHANGED;
	opv_count(0, engine_fence);
	return a->fn(a->cpus, a->arg);
}

int opv_as_all(struct opv_domain *d, int (*fn)(const uint64_t *cpus, void *arg), void *arg)
{
	const uint32_t words = opv_cpu_words(d->nr_cpus);
	uint64_t cpus[words];
	struct all a = { d, fn, arg, cpus };
	int ret, failed = 0;
	uint32_t i;

	do {
		for (i = 0; i < words; i++)
			cpus[i] = opv_used_cpus(d, i);
		ret = opv_fence_engine_call_many(d, cpus, run, &a, &failed);
	} while (ret == OPV_SET_CHANGED);
	if (ret < 0)
		opv_count(failed, errors);
	return ret;
}
