// SPDX-License-Identifier: MIT
/* Which engine runs a vector; forcing one. */
#define _GNU_SOURCE
#include "engine.h"

#include <stdlib.h>
#include <string.h>

#include "count.h"
#include "slot.h"
#include "sys.h"
#include "thread.h"

static const struct opv_engine_ops *const engines[] = {
#define X(NAME, name, what) &opv_engine_##name,
	OPV_ENGINES(X)
#undef X
};

static const char *const names[] = {
#define X(NAME, name, what) #name,
	OPV_ENGINES(X)
#undef X
};

static const char *const whats[] = {
#define X(NAME, name, what) what,
	OPV_ENGINES(X)
#undef X
};

/* Shares of the engines in percent.  One word, so that it changes at once. */
static _Atomic uint64_t shares;	/* 8 bits an engine */
static _Atomic bool count_fast;

_Static_assert(OPV_NR_ENGINES <= 8, "shares has 8 bits an engine");

static unsigned int share_of(uint64_t all, int engine)
{
	return all >> 8 * engine & 0xff;
}

static bool exists(int engine)
{
	return engine >= 0 && engine < OPV_NR_ENGINES;
}

int opv_engine_info(enum opv_engine engine, struct opv_engine_info *info)
{
	struct opv_engine_info i = { .size = info->size };

	if (!exists((int)engine) || info->size < sizeof(info->size))
		return -EINVAL;
	i.available = engines[engine]->available(&i.why);
	i.name = names[engine];
	i.what = whats[engine];
	memset(info, 0, i.size);
	memcpy(info, &i, i.size < sizeof(i) ? i.size : sizeof(i));
	return 0;
}

static bool usable(int engine)
{
	const char *why;

	return engines[engine]->available(&why);
}

enum opv_engine opv_engine_for(int cpu)
{
	int e;

	if (cpu == OPV_THIS_CPU)
		cpu = opv_cpu_now();
	for (e = 0; e < OPV_NR_ENGINES; e++)
		if (engines[e]->suits(cpu) && usable(e))
			return (enum opv_engine)e;
	return OPV_ENGINE_FENCE;
}

/*
 * Those of the kernel work as a CPU.  Which slot the local engine is for it finds out
 * itself, where that is not the CPU.
 */
static bool suits(int e, const struct opv_domain *d, int cpu)
{
	return d->by_cid ? e == OPV_ENGINE_LOCAL || e == OPV_ENGINE_FENCE : engines[e]->suits(cpu);
}

int opv_engine_run(int engine, struct opv_domain *d, const struct cpu_op *vec, int count, int cpu)
{
	int e, ret;

	if (engine >= 0 && (!d->by_cid || suits(engine, d, cpu))) {
		ret = engines[engine]->run(d, vec, count, cpu);
		if (ret != OPV_PASS)
			return ret;
	}
	for (e = 0; e < OPV_NR_ENGINES; e++) {
		if (e == engine || !suits(e, d, cpu) || !usable(e))
			continue;
		ret = engines[e]->run(d, vec, count, cpu);
		if (ret != OPV_PASS)
			return ret;
	}
	return -ENOSYS;	/* not reached: the fence engine does not pass */
}

void opv_engine_environment(void)
{
	static _Atomic bool done;
	const char *s;

	if (atomic_load_explicit(&done, memory_order_relaxed) || atomic_exchange(&done, true))
		return;
	s = secure_getenv("OPV_COUNT_FAST");
	if (s && !strcmp(s, "1"))
		opv_count_fast(1);
	s = secure_getenv("OPV_SYSCALL_NR");
	if (s && *s)
		opv_syscall_number(s);
	s = secure_getenv("OPV_FORCE");
	while (s && *s) {
		int e, percent = 0;
		size_t len = strcspn(s, ":");

		for (e = 0; e < OPV_NR_ENGINES; e++)
			if (strlen(names[e]) == len && !strncmp(s, names[e], len))
				break;
		s += len;
		if (*s == ':')
			s++;
		while (*s >= '0' && *s <= '9' && percent <= 100)
			percent = percent * 10 + *s++ - '0';
		opv_force((enum opv_engine)e, percent);	/* what it refuses is not forced */
		s += strcspn(s, ",");
		s += *s == ',';
	}
}

bool opv_engine_diverts(void)
{
	return atomic_load_explicit(&shares, memory_order_relaxed) ||
	       atomic_load_explicit(&count_fast, memory_order_relaxed);
}

bool opv_engine_counts_fast(void)
{
	return atomic_load_explicit(&count_fast, memory_order_relaxed);
}

/*
 * 37 and 100 have no common divisor, so that a hundred calls of a thread take
 * every place of the hundred once, well mixed.
 */
int opv_engine_forced(void)
{
	static __thread unsigned int turn __attribute__((__tls_model__("initial-exec")));
	uint64_t all;
	unsigned int place, end = 0;
	int e;

	all = atomic_load_explicit(&shares, memory_order_relaxed);
	if (!all)
		return -1;
	place = turn = (turn + 37) % 100;
	for (e = 0; e < OPV_NR_ENGINES; e++) {
		end += share_of(all, e);
		if (place < end)
			return e;
	}
	return -1;
}

/* Two threads may change their minds at once: the last one to say so looks again. */
static void divert(void)
{
	bool on;

	do {
		on = opv_engine_diverts();
		opv_rseq_divert(on);
	} while (on != opv_engine_diverts());
}

int opv_force(enum opv_engine engine, int percent)
{
	uint64_t old, all;
	unsigned int sum, e;

	if (!exists((int)engine) || percent < 0 || percent > 100)
		return -EINVAL;
	opv_env();	/* what the environment says comes before */
	if (percent && !usable((int)engine))
		return -ENOSYS;
	old = atomic_load(&shares);
	do {
		all = (old & ~(UINT64_C(0xff) << 8 * engine)) | (uint64_t)percent << 8 * engine;
		for (sum = 0, e = 0; e < OPV_NR_ENGINES; e++)
			sum += share_of(all, (int)e);
		if (sum > 100)
			return -EINVAL;
	} while (!atomic_compare_exchange_weak(&shares, &old, all));
	divert();
	return 0;
}

int opv_count_fast(int on)
{
	int was;

	opv_env();
	was = atomic_exchange(&count_fast, on != 0);
	divert();
	return was;
}

const char *opv_version(void)
{
	return OPV_VERSION;
}
