// SPDX-License-Identifier: MIT
/*
 * The counters, from the side that made them.  They are a variable of a shared
 * domain.  Once it is made this process keeps the memfd and a mapping that it can
 * only read: nothing that goes wrong here can spoil what is counted, and that
 * nobody else maps it can be found out.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "stat.h"

#ifndef F_ADD_SEALS
# define F_ADD_SEALS 1033
# define F_SEAL_WRITE 8
#endif

static uint64_t make_cookie(void)
{
	uint64_t cookie;

	if (getrandom(&cookie, sizeof(cookie), GRND_NONBLOCK) != sizeof(cookie))
		cookie = stat_now() ^ (uint64_t)getpid() << 40;
	return cookie;
}

/*
 * The first call on a CPU takes the slow path, with system calls that a program
 * under seccomp may not make.  So make it here, on every CPU that the command
 * may run on.  Where that fails it is left to the program.
 */
static void open_cpus(struct stat_cpu *cpu, int nr_cpus)
{
	cpu_set_t *set = CPU_ALLOC((size_t)nr_cpus);
	size_t size = CPU_ALLOC_SIZE((size_t)nr_cpus);
	int i;

	if (set && !sched_getaffinity(0, size, set))
		for (i = 0; i < nr_cpus; i++)
			if (CPU_ISSET_S((size_t)i, size, set))
				opv_add(&cpu->programs, 0, i);
	CPU_FREE(set);
}

/* The memfd is laid out as the domain is, which attaching relies on too. */
static int make_view(struct stat_memory *m, const struct opv_domain *d)
{
	char path[64];
	struct stat st;
	void *view;
	int fd;

	m->fd = fcntl(opv_domain_fd(d), F_DUPFD_CLOEXEC, 3);
	if (m->fd < 0)
		return -errno;
	/* A descriptor that cannot write, so that the mapping does not count as a writer's. */
	snprintf(path, sizeof(path), "/proc/self/fd/%d", m->fd);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st))
		return -errno;
	view = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, fd, 0);
	close(fd);
	if (view == MAP_FAILED)
		return -errno;
	m->view = view;
	m->bytes = (size_t)st.st_size;
	return 0;
}

int stat_memory_create(struct stat_memory *m)
{
	struct opv_domain_options options = {
		.size = sizeof(options),
		.percpu_size = sizeof(struct stat_cpu) + 4096,
		.flags = OPV_DOMAIN_SHARED,
		.name = "opv-stat",
	};
	struct opv_domain *d;
	struct stat_cpu *cpu;
	int ret;

	ret = opv_domain_create(&d, &options);
	if (ret)
		return ret;
	ret = opv_alloc(d, sizeof(*cpu), 64, &cpu);
	if (!ret) {
		m->nr_cpus = opv_domain_cpus(d);
		m->handle = opv_handle_offset(cpu);
		m->cookie = make_cookie();
		opv_ptr(cpu, 0)->cookie = m->cookie;
		open_cpus(cpu, m->nr_cpus);
		ret = make_view(m, d);
	}
	opv_domain_destroy(d);
	return ret;
}

bool stat_memory_in_use(const struct stat_memory *m)
{
	/* The kernel refuses to seal what somebody has mapped to write to. */
	return fcntl(m->fd, F_ADD_SEALS, F_SEAL_WRITE) && errno == EBUSY;
}

static const struct stat_cpu *instance(const struct stat_memory *m, int cpu)
{
	return (const void *)(m->view + ((size_t)(cpu + 1) << OPV_STRIPE_SHIFT) + m->handle);
}

/*
 * Which pages of a CPU's counters exist.  One that nobody has touched must not
 * come into being because we look at it: there are as many CPUs as there can be.
 */
#define PAGE 4096
#define MAX_PAGES (sizeof(struct stat_cpu) / PAGE + 2)

struct pages {
	uintptr_t first;
	unsigned char present[MAX_PAGES];
};

static void find_pages(struct pages *p, const struct stat_cpu *cpu)
{
	uintptr_t end = (uintptr_t)(cpu + 1);

	p->first = (uintptr_t)cpu & ~(uintptr_t)(PAGE - 1);
	/* Not known: as if all were there. */
	if (mincore((void *)p->first, end - p->first, p->present))
		memset(p->present, 1, sizeof(p->present));
}

static bool is_there(const struct pages *p, const void *start, size_t len)
{
	size_t i = ((uintptr_t)start - p->first) / PAGE;
	size_t last = ((uintptr_t)start + len - 1 - p->first) / PAGE;

	for (; i <= last; i++)
		if (p->present[i] & 1)
			return true;
	return false;
}

static uint64_t load(const uint64_t *p)
{
	return __atomic_load_n(p, __ATOMIC_RELAXED);
}

/* What is made of the counters of one CPU, or of all. */
static void add(struct stat_counts *to, const struct stat_counts *from)
{
	uint64_t max = load(&from->max);
	int i;

	to->calls += load(&from->calls);
	to->bytes += load(&from->bytes);
	to->failed += load(&from->failed);
	if (max > to->max)
		to->max = max;
	for (i = 0; i < STAT_BUCKETS; i++)
		to->buckets[i] += load(&from->buckets[i]);
}

static double middle(unsigned int bucket)
{
	return (double)stat_bucket_low(bucket) + (double)(stat_bucket_width(bucket) - 1) / 2;
}

/* In ticks: a value such that this share of the calls took no longer. */
static double percentile(const struct stat_counts *c, uint64_t timed, unsigned int percent)
{
	uint64_t rank = timed / 100 * percent + (timed % 100 * percent + 99) / 100, seen = 0;
	unsigned int i;

	for (i = 0; i < STAT_BUCKETS; i++) {
		seen += c->buckets[i];
		if (seen >= rank)
			break;
	}
	return middle(i) < (double)c->max ? middle(i) : (double)c->max;
}

static void summarise(struct stat_line *line, const struct stat_counts *c, double ns_per_tick)
{
	double total = 0;
	unsigned int i;

	*line = (struct stat_line){ 0 };
	for (i = 0; i < STAT_BUCKETS; i++) {
		line->timed += c->buckets[i];
		total += (double)c->buckets[i] * middle(i);
	}
	line->value[STAT_COLUMN_calls] = c->calls + line->timed;
	line->value[STAT_COLUMN_bytes] = c->bytes;
	line->value[STAT_COLUMN_failed] = c->failed;
	if (!line->timed)
		return;
	line->value[STAT_COLUMN_total] = (uint64_t)(total * ns_per_tick);
	line->value[STAT_COLUMN_p50] = (uint64_t)(percentile(c, line->timed, 50) * ns_per_tick);
	line->value[STAT_COLUMN_p99] = (uint64_t)(percentile(c, line->timed, 99) * ns_per_tick);
	line->value[STAT_COLUMN_max] = (uint64_t)((double)c->max * ns_per_tick);
}

static void prepare(struct stat_snapshot *s, int nr_cpus)
{
	if (!s->cpu) {
		s->nr_cpus = nr_cpus;
		s->cpu = calloc((size_t)nr_cpus * STAT_NR_FUNCTIONS, sizeof(*s->cpu));
		s->cpu_counted = calloc((size_t)nr_cpus, sizeof(*s->cpu_counted));
		if (!s->cpu || !s->cpu_counted)
			die("stat", "no memory");
	}
	s->programs = 0;
	s->when = stat_now();
}

void stat_memory_read(const struct stat_memory *m, const struct stat_clock *clock,
		      struct stat_snapshot *s)
{
	static struct stat_counts sums[STAT_NR_FUNCTIONS], one;
	int cpu, i;

	prepare(s, m->nr_cpus);
	memset(sums, 0, sizeof(sums));
	for (cpu = 0; cpu < m->nr_cpus; cpu++) {
		const struct stat_cpu *from = instance(m, cpu);
		struct pages pages;
		struct stat_line *lines = s->cpu + (size_t)cpu * STAT_NR_FUNCTIONS;

		s->cpu_counted[cpu] = false;
		find_pages(&pages, from);
		if (is_there(&pages, &from->programs, sizeof(from->programs)))
			s->programs += load(&from->programs);
		for (i = 0; i < STAT_NR_FUNCTIONS; i++) {
			lines[i] = (struct stat_line){ 0 };
			if (!is_there(&pages, &from->function[i], sizeof(from->function[i])))
				continue;
			memset(&one, 0, sizeof(one));
			add(&one, &from->function[i]);
			add(&sums[i], &one);
			summarise(&lines[i], &one, clock->ns_per_tick);
			if (lines[i].value[STAT_COLUMN_calls])
				s->cpu_counted[cpu] = true;
		}
	}
	for (i = 0; i < STAT_NR_FUNCTIONS; i++)
		summarise(&s->sum[i], &sums[i], clock->ns_per_tick);
}
