// SPDX-License-Identifier: MIT
/*
 * A kernel engine beside everybody else who acts as the same CPU: nothing is lost.  Each
 * scenario makes likely what would go wrong without one part of the protocol,
 * docs/fence.md (G1) to (G3).  Arguments: scenarios (default: all), then milliseconds of each.
 * For a guest with three CPUs.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <opv/opv.h>

#include "tap.h"

#define CPU 1			/* that all act as */

struct words {
	uint64_t first;
	unsigned char from[4000], to[4000];
	uint64_t second, copy;
};

static struct words *words;	/* of CPU */
static struct words *handle;
static struct opv_domain *domain;
static enum opv_engine engine;
static atomic_bool stop;
static _Atomic uint64_t all, errors;

static void stay_on(int cpu, int or)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	CPU_SET(or, &set);
	sched_setaffinity(0, sizeof(set), &set);
}

/* Where one works as CPU from afar: it must be allowed to go there. */
static void stay_away(int cpu)
{
	while (opv_cpu() == CPU) {
		stay_on(cpu, cpu);
		stay_on(cpu, CPU);
	}
}

static int slow(void)
{
	/* A copy in the middle, so that it takes its time between the load and the store. */
	struct cpu_op vec[] = {
		opv_op_memcpy(&words->copy, &words->first, 8),
		opv_op_memcpy(words->to, words->from, sizeof(words->to)),
		opv_op_add(&words->copy, 1, 8),
		opv_op_memcpy(&words->first, &words->copy, 8),
		opv_op_add(&words->second, 1, 8),
	};

	return opv_vector(domain, vec, 5, CPU);
}

static int quick(void)
{
	struct cpu_op vec[] = { opv_op_add(&words->first, 1, 8), opv_op_add(&words->second, 1, 8) };

	return opv_vector(domain, vec, 2, CPU);
}

static int calls(void)
{
	return opv_add(&handle->first, 1, CPU) || opv_fetch_add(&handle->second, 1, &(uint64_t){ 0 }, CPU);
}

struct work {
	int (*step)(void);
	int cpu;		/* where the thread is */
};

static void *work(void *arg)
{
	const struct work *w = arg;
	uint64_t done = 0;

	stay_on(w->cpu, CPU);
	for (; !stop; done++) {
		if (w->cpu != CPU)
			stay_away(w->cpu);
		errors += w->step() != 0;
	}
	all += done;
	return NULL;
}

static struct opv_counts counts(void)
{
	struct opv_counts c;

	opv_counts(OPV_ALL_CPUS, &c, sizeof(c));
	return c;
}

static uint64_t by_engine(const struct opv_counts *c)
{
	return engine == OPV_ENGINE_MODULE ? c->engine_module : c->engine_syscall;
}

static void both_for(const struct work *w, int nr, int ms, const char *name)
{
	const struct timespec time = { ms / 1000, ms % 1000 * 1000000L };
	struct opv_counts from = counts(), to;
	pthread_t threads[4];
	int i;

	memset(words, 0, sizeof(*words));
	all = errors = stop = 0;
	for (i = 0; i < nr; i++)
		pthread_create(&threads[i], NULL, work, (void *)(uintptr_t)&w[i]);
	nanosleep(&time, NULL);
	stop = true;
	for (i = 0; i < nr; i++)
		pthread_join(threads[i], NULL);
	to = counts();
	diag("%llu steps; vectors: %llu by the kernel, %llu it refused, %llu by the fence engine",
	     (unsigned long long)all, (unsigned long long)(by_engine(&to) - by_engine(&from)),
	     (unsigned long long)(to.kernel_refused - from.kernel_refused),
	     (unsigned long long)(to.engine_fence - from.engine_fence));
	ok(!errors && words->first == all && words->second == all, "%s: nothing is lost", name);
	if (words->first != all || words->second != all)
		diag("lost: %lld and %lld", (long long)(all - words->first), (long long)(all - words->second));
	ok(by_engine(&to) - by_engine(&from) > 20, "%s: the kernel was asked", name);
}

/* (G2): nobody of ours runs there, so that no fence comes to where the kernel works. */
static void nobody(int ms)
{
	static const struct work away[] = { { slow, 0 }, { slow, 2 } };

	opv_force(OPV_ENGINE_FENCE, 50);
	opv_force(engine, 50);
	both_for(away, 2, ms, "both kinds of engines where nobody runs");
	opv_force(OPV_ENGINE_FENCE, 0);
	opv_force(engine, 0);
}

/* (G3): somebody there publishes log after log. */
static void logs(int ms)
{
	static const struct work mixed[] = { { quick, CPU }, { quick, CPU }, { quick, 0 } };

	both_for(mixed, 3, ms, "logs that are pending when the kernel comes");
}

/* (G1): sections there. */
static void sections(int ms)
{
	static const struct work mixed[] = { { calls, CPU }, { calls, CPU }, { calls, 0 } };

	both_for(mixed, 3, ms, "sections that the kernel interrupts");
}

static const struct {
	const char *name;
	void (*run)(int ms);
} scenarios[] = { { "nobody", nobody }, { "logs", logs }, { "sections", sections } };

int main(int argc, char **argv)
{
	struct opv_engine_info info = { .size = sizeof(info) };
	const char *only = argc > 1 ? argv[1] : "";
	int ms = argc > 2 ? atoi(argv[2]) : 2000, i;

	for (engine = OPV_ENGINE_SYSCALL; engine <= OPV_ENGINE_MODULE; engine++) {
		opv_engine_info(engine, &info);
		if (info.available)
			break;
	}
	if (!info.available) {
		skip("a kernel engine beside others", info.why);
		return done();
	}
	if (opv_domain_create(&domain, NULL) || opv_new(domain, &handle)) {
		ok(false, "a domain");
		return done();
	}
	words = opv_ptr(handle, CPU);
	opv_add(&handle->first, 1, CPU);
	for (i = 0; i < 3; i++)
		if (strstr(only, scenarios[i].name) || !*only)
			scenarios[i].run(ms);
	return done();
}
