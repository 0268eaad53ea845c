// SPDX-License-Identifier: MIT
/*
 * Counts while fast calls are counted too: what is not fast has one cause still,
 * and what the caller did wrong is an error and nothing else.
 */
#define _GNU_SOURCE
#include "counting.h"

static struct opv_domain *d;
static uint64_t *h;
static int here, offline;

static void test_counted(void)
{
	struct opv_status st;

	opv_status(&st, sizeof(st));
	if (st.fence != OPV_FENCE_MEMBARRIER) {
		skip("a call as another CPU, while fast ones are counted", st.why);
		return;
	}
	opv_count_fast(1);
	COUNTED("a call as another CPU, while fast ones are counted", opv_add(h, 1, offline), .slow = 1,
		.other_cpu = 1, .engine_fence = 1, .fence_membarrier = 1);
	COUNTED("a pop as another CPU, while fast ones are counted",
		opv_cmpne_load_off((intptr_t *)h, (intptr_t)*opv_ptr(h, offline), 0, &(intptr_t){ 0 },
				   offline),
		.slow = 1, .other_cpu = 1, .engine_fence = 1, .fence_membarrier = 1);
	opv_force(OPV_ENGINE_FENCE, 100);
	COUNTED("a call that is forced, while fast ones are counted", opv_add(h, 1, here), .slow = 1,
		.forced = 1, .engine_fence = 1, .fence_self = 1);
	opv_force(OPV_ENGINE_FENCE, 0);
	opv_count_fast(0);
}

static void test_first_closed(void)
{
	struct opv_domain *fresh;
	uint64_t *f;

	if (!here) {
		skip("a closed key, while fast calls are counted", "CPU 0 has its key open from the start");
		return;
	}
	opv_domain_create(&fresh, NULL);
	opv_new(fresh, &f);
	opv_count_fast(1);
	COUNTED("a closed key, while fast calls are counted", opv_add(f, 1, here), .slow = 1,
		.closed = 1, .engine_fence = 1, .fence_self = 1);
	opv_count_fast(0);
	opv_domain_destroy(fresh);
}

int main(void)
{
	struct opv_domain_options o = { .size = sizeof(o) };

	here = last_cpu(CPU_SETSIZE);
	pin_to(here);
	o.nr_cpus = (uint32_t)opv_domain_cpus(NULL) + 2;
	opv_domain_create(&d, &o);
	offline = opv_domain_cpus(d) - 1;
	opv_new(d, &h);
	opv_add(h, 1, here);
	test_counted();
	test_first_closed();
	return done();
}
