// SPDX-License-Identifier: MIT
/*
 * The clock of the library is the time-stamp counter where that runs evenly and
 * alike on all CPUs: the processor says that it is invariant, and the kernel has
 * not found otherwise.  Its rate is measured over the run of the command, against
 * CLOCK_MONOTONIC.
 */
#include <string.h>
#ifdef __x86_64__
# include <cpuid.h>
#endif

#include "stat.h"

#define SETTLE_NS 10000000

uint64_t stat_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

#ifdef __x86_64__
static bool kernel_trusts_tsc(void)
{
	FILE *f = fopen("/sys/devices/system/clocksource/clocksource0/available_clocksource", "re");
	char word[64];
	bool found = !f;

	while (f && fscanf(f, "%63s", word) == 1)
		if (!strcmp(word, "tsc"))
			found = true;
	if (f)
		fclose(f);
	return found;
}

static bool tsc_is_invariant(void)
{
	unsigned int a, b, c, d;

	return __get_cpuid(0x80000007, &a, &b, &c, &d) && (d & 1u << 8) && kernel_trusts_tsc();
}

static uint64_t read_tsc(void)
{
	return __builtin_ia32_rdtsc();
}
#else
static bool tsc_is_invariant(void)
{
	return false;
}

static uint64_t read_tsc(void)
{
	return 0;
}
#endif

/* Both clocks at one instant: the closest of a few tries, in case one is interrupted. */
static void read_both(uint64_t *ticks, uint64_t *ns)
{
	uint64_t best = UINT64_MAX;
	int i;

	for (i = 0; i < 5; i++) {
		uint64_t before = read_tsc(), now = stat_now(), after = read_tsc();

		if (after - before >= best)
			continue;
		best = after - before;
		*ticks = before + best / 2;
		*ns = now;
	}
}

void stat_clock_start(struct stat_clock *c)
{
	*c = (struct stat_clock){ .tsc = tsc_is_invariant(), .ns_per_tick = 1, .hz = 1000000000 };
	if (c->tsc)
		read_both(&c->start_ticks, &c->start_ns);
}

void stat_clock_settle(struct stat_clock *c)
{
	uint64_t ticks, ns, passed;

	if (!c->tsc)
		return;
	passed = stat_now() - c->start_ns;
	if (passed < SETTLE_NS) {
		struct timespec t = { .tv_nsec = (long)(SETTLE_NS - passed) };

		nanosleep(&t, NULL);
	}
	read_both(&ticks, &ns);
	c->ns_per_tick = (double)(ns - c->start_ns) / (double)(ticks - c->start_ticks);
	c->hz = (uint64_t)(1e9 / c->ns_per_tick + 0.5);
}
