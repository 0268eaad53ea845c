// SPDX-License-Identifier: MIT
/* The counters of opv malloc-stat: a per-CPU variable of a shared domain. */
#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <unistd.h>

#include "malloc_stat.h"

#define PAGE ((uintptr_t)4096)

int malloc_memory_create(struct malloc_memory *m)
{
	struct opv_domain_options options = {
		.size = sizeof(options),
		.percpu_size = sizeof(struct malloc_cpu) + PAGE,
		.flags = OPV_DOMAIN_SHARED,
		.name = "opv-malloc-stat",
	};
	int ret;

	ret = opv_domain_create(&m->domain, &options);
	if (!ret)
		ret = opv_alloc(m->domain, sizeof(*m->cpu), 64, &m->cpu);
	if (ret)
		return ret;
	if (getrandom(&m->cookie, sizeof(m->cookie), GRND_NONBLOCK) != sizeof(m->cookie))
		m->cookie = stat_now() ^ (uint64_t)getpid() << 40;
	opv_ptr(m->cpu, 0)->cookie = m->cookie;
	return 0;
}

/* Looking at the pages of a CPU that nobody used would make them. */
static bool is_there(const struct malloc_cpu *cpu)
{
	unsigned char present[sizeof(*cpu) / PAGE + 2] = { 0 };
	uintptr_t first = (uintptr_t)cpu & ~(PAGE - 1);
	size_t i;

	if (mincore((void *)first, (uintptr_t)(cpu + 1) - first, present))
		return true;
	for (i = 0; i < sizeof(present); i++)
		if (present[i] & 1)
			return true;
	return false;
}

void malloc_add(struct malloc_class_counts *to, const struct malloc_class_counts *from)
{
#define X(name, what) to->name += __atomic_load_n(&from->name, __ATOMIC_RELAXED);
	MALLOC_COUNTS(X)
#undef X
}

bool malloc_is_used(const struct malloc_class_counts *c)
{
	uint64_t any = 0;

#define X(name, what) any |= c->name;
	MALLOC_COUNTS(X)
#undef X
	return any;
}

/* Counters are read one after the other while a program runs: they may be a few apart. */
uint64_t malloc_cached(const struct malloc_class_counts *c)
{
	uint64_t in = c->kept + c->refilled + c->shelved;
	uint64_t out = c->hits + c->flushed + c->trimmed + c->unshelved;

	return in > out ? in - out : 0;
}

void malloc_memory_read(const struct malloc_memory *m, struct malloc_snapshot *s)
{
	int cpu, c;

	s->nr_cpus = opv_domain_cpus(m->domain);
	if (!s->cpu)
		s->cpu = calloc((size_t)s->nr_cpus, sizeof(*s->cpu));
	if (!s->cpu)
		die("malloc-stat", "no memory");
	s->programs = 0;
	memset(s->sum, 0, sizeof(s->sum));
	memset(s->cpu, 0, (size_t)s->nr_cpus * sizeof(*s->cpu));
	for (cpu = 0; cpu < s->nr_cpus; cpu++) {
		const struct malloc_cpu *from = opv_ptr(m->cpu, cpu);

		if (!is_there(from))
			continue;
		s->programs += __atomic_load_n(&from->programs, __ATOMIC_RELAXED);
		for (c = 0; c <= NR_CLASSES; c++) {
			malloc_add(&s->cpu[cpu][c], &from->of[c]);
			malloc_add(&s->sum[c], &s->cpu[cpu][c]);
		}
	}
}
