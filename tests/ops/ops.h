/* SPDX-License-Identifier: MIT */
#ifndef _TESTS_OPS_H
#define _TESTS_OPS_H

/* What the tests of operations share: numbers, CPUs, engines. */

#include <errno.h>
#include <sched.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <opv/opv.h>

#include "tap.h"

/* splitmix64: every seed is good, the same everywhere. */
__attribute__((__unused__))
static uint64_t rnd(uint64_t *state)
{
	uint64_t z = (*state += UINT64_C(0x9e3779b97f4a7c15));

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

__attribute__((__unused__))
static void rnd_fill(uint64_t *state, void *p, size_t len)
{
	unsigned char *c = p;
	uint64_t r;

	for (; len >= sizeof(r); len -= sizeof(r), c += sizeof(r)) {
		r = rnd(state);
		memcpy(c, &r, sizeof(r));
	}
	r = rnd(state);
	memcpy(c, &r, len);
}

/* The seed: argv[1], or the clock; printed either way. */
__attribute__((__unused__))
static uint64_t seed_from(int argc, char **argv)
{
	struct timespec t;
	uint64_t seed;

	clock_gettime(CLOCK_REALTIME, &t);
	seed = argc > 1 ? strtoull(argv[1], NULL, 0) :
			  (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
	diag("seed 0x%llx: give it as the first argument to see the same again",
	     (unsigned long long)seed);
	return seed;
}

/* Where widths, signs and carries change. */
__attribute__((__unused__))
static const uint64_t boundary[] = {
	0, 1, 2, 0x7e, 0x7f, 0x80, 0x81, 0xfe, 0xff, 0x100,
	0x7fff, 0x8000, 0xffff, 0x10000, 0x7fffffff, 0x80000000, 0xffffffff, 0x100000000,
	INT64_MAX, UINT64_C(1) << 63, UINT64_MAX - 1, UINT64_MAX,
};
#define NR_BOUNDARY ((int)(sizeof(boundary) / sizeof(boundary[0])))

/* Mostly a boundary, else anything. */
__attribute__((__unused__))
static uint64_t rnd_value(uint64_t *state)
{
	uint64_t r = rnd(state);

	return r & 3 ? boundary[(r >> 2) % (uint64_t)NR_BOUNDARY] : rnd(state);
}

/* Of so many times, one of OPV_TEST_PART: for guests, whose CPUs are emulated. */
__attribute__((__unused__))
static int part_of(int times)
{
	const char *part = getenv("OPV_TEST_PART");

	return part && atoi(part) > 0 ? (times - 1) / atoi(part) + 1 : times;
}

/* The first and the second CPU that this process may run on; -1 for none. */
__attribute__((__unused__))
static int allowed_cpu(int nth)
{
	cpu_set_t set;
	int cpu;

	sched_getaffinity(0, sizeof(set), &set);
	for (cpu = 0; cpu < CPU_SETSIZE; cpu++)
		if (CPU_ISSET(cpu, &set) && !nth--)
			return cpu;
	return -1;
}

__attribute__((__unused__))
static bool pin_to(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	return !sched_setaffinity(0, sizeof(set), &set) && sched_getcpu() == cpu;
}

/*
 * The roads of a test: the usual one, and forced to each engine.  OPV_TEST_ENGINE=NAME leaves
 * only that engine's road, and those where engines are mixed; then it has to be there.
 */
#define ROAD_USUAL	(-1)

__attribute__((__unused__))
static const char *road_name(int road)
{
	struct opv_engine_info info = { .size = sizeof(info) };

	if (road == ROAD_USUAL)
		return "the usual road";
	opv_engine_info((enum opv_engine)road, &info);
	return info.name;
}

__attribute__((__unused__))
static bool road_left_out(int road)
{
	const char *only = getenv("OPV_TEST_ENGINE");

	return only && (road < 0 || strcmp(only, road_name(road)));
}

/* Vectors that an engine executed so far. */
__attribute__((__unused__))
static uint64_t vectors_by(int engine)
{
	struct opv_counts c;

	opv_counts(OPV_ALL_CPUS, &c, sizeof(c));
	switch (engine) {
	case OPV_ENGINE_LOCAL: return c.engine_local;
	case OPV_ENGINE_SYSCALL: return c.engine_syscall;
	case OPV_ENGINE_MODULE: return c.engine_module;
	case OPV_ENGINE_FENCE: return c.engine_fence;
	}
	return 0;
}

static uint64_t road_vectors;	/* of its engine, when it was taken */

/* Everything to one engine; false, with a skip, when it is not to be had. */
__attribute__((__unused__))
static bool force_road(int road)
{
	struct opv_engine_info info = { .size = sizeof(info) };
	char name[64];

	opv_engine_info((enum opv_engine)road, &info);
	if (!info.available && !getenv("OPV_TEST_ENGINE")) {
		snprintf(name, sizeof(name), "everything on the engine %s", info.name);
		skip(name, info.why);
		return false;
	}
	road_vectors = vectors_by(road);
	return is(opv_force((enum opv_engine)road, 100), 0, "everything is forced to %s", info.name);
}

/* Take it; false, with a skip, when the engine is not to be had. */
__attribute__((__unused__))
static bool take_road(int road)
{
	if (road_left_out(road))
		return false;
	return road == ROAD_USUAL || force_road(road);
}

__attribute__((__unused__))
static void leave_road(int road)
{
	uint64_t vectors;

	if (road == ROAD_USUAL)
		return;
	vectors = vectors_by(road) - road_vectors;
	ok(vectors > 0, "%s executed %llu vectors", road_name(road), (unsigned long long)vectors);
	opv_force((enum opv_engine)road, 0);
}

/* For a test that has one road only: that of OPV_TEST_ENGINE, if it is named. */
__attribute__((__unused__))
static int the_road(void)
{
	int road = getenv("OPV_TEST_ENGINE") ? 0 : ROAD_USUAL;

	while (road_left_out(road) && road < OPV_NR_ENGINES - 1)
		road++;
	return road;
}

/* A domain with slots that no CPU of this machine can ever have. */
#define NEVER_ONLINE 3

/* A NAME_cid.c is NAME.c with a domain that goes by mm_cid. */
#ifndef DOMAIN_FLAGS
# define DOMAIN_FLAGS 0
#endif

__attribute__((__unused__))
static struct opv_domain *wide_domain(int *nr_cpus)
{
	struct opv_domain_options options = { .size = sizeof(options), .flags = DOMAIN_FLAGS };
	struct opv_domain *d;
	struct opv_status st;
	int ret;

	options.nr_cpus = (uint32_t)opv_domain_cpus(NULL) + NEVER_ONLINE;
	ret = opv_domain_create(&d, &options);
	if (ret == -ENOSYS && DOMAIN_FLAGS == OPV_DOMAIN_MM_CID) {
		opv_status(&st, sizeof(st));
		skip("a domain that goes by mm_cid", st.mm_cid_why);
		exit(done());
	}
	if (ret)
		return NULL;
	*nr_cpus = opv_domain_cpus(d);
	return d;
}

/* The CPUs of a test as the domain counts: a thread that is alone and stays where it is keeps its id. */
__attribute__((__unused__))
static void count_as_domain(int *here, int *other)
{
	if (DOMAIN_FLAGS != OPV_DOMAIN_MM_CID)
		return;
	*here = opv_cid();
	*other = *here + 1;
}

#endif /* _TESTS_OPS_H */
