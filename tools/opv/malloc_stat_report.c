// SPDX-License-Identifier: MIT
/* What opv malloc-stat says: a table for people, JSON for others. */
#include <inttypes.h>
#include <sys/wait.h>

#include "malloc_stat.h"

/* Blocks of a CPU's cache may have come from another one: then only the sum means something. */
struct cached {
	uint64_t blocks, bytes;
};

static struct cached all_cached(const struct malloc_snapshot *s)
{
	struct cached sum = { 0, 0 };
	unsigned int c;

	for (c = 0; c < NR_CLASSES; c++) {
		sum.blocks += malloc_cached(&s->sum[c]);
		sum.bytes += malloc_cached(&s->sum[c]) * class_bytes(c);
	}
	return sum;
}

static void put_line(FILE *f, const char *name, const struct malloc_class_counts *c)
{
	uint64_t all = c->hits + c->misses;

	fprintf(f, "%-8s %11" PRIu64 " %9" PRIu64 " %5.1f%% %11" PRIu64 " %9" PRIu64 " %9" PRIu64
		" %9" PRIu64 " %8" PRIu64 " %9" PRIu64 " %9" PRIu64, name, c->hits, c->misses,
		all ? 100.0 * (double)c->hits / (double)all : 0, c->kept, c->passed, c->refilled,
		c->flushed, c->trimmed, c->shelved, c->unshelved);
}

static struct malloc_class_counts sum_of(const struct malloc_class_counts *of)
{
	struct malloc_class_counts sum = { 0 };
	unsigned int c;

	for (c = 0; c <= NR_CLASSES; c++)
		malloc_add(&sum, &of[c]);
	return sum;
}

static void put_status(FILE *f, int status)
{
	if (status < 0)
		fputs("running", f);
	else if (WIFSIGNALED(status))
		fprintf(f, "killed by signal %d", WTERMSIG(status));
	else
		fprintf(f, "exit status %d", WEXITSTATUS(status));
}

static void put_cpus(FILE *f, const struct malloc_snapshot *s)
{
	char name[16];
	int cpu;

	for (cpu = 0; cpu < s->nr_cpus; cpu++) {
		const struct malloc_class_counts sum = sum_of(s->cpu[cpu]);

		if (!malloc_is_used(&sum))
			continue;
		snprintf(name, sizeof(name), "CPU %d", cpu);
		put_line(f, name, &sum);
		fputc('\n', f);
	}
}

void malloc_table(FILE *f, const struct malloc_options *o, const struct malloc_snapshot *s,
		  int status)
{
	const struct malloc_class_counts sum = sum_of(s->sum);
	struct cached cached = all_cached(s);
	char name[16];
	unsigned int c;
	char **arg;

	fputs("opv malloc-stat:", f);
	for (arg = o->command; *arg; arg++)
		fprintf(f, " %s", *arg);
	fprintf(f, ": %.3f s, %" PRIu64 " program%s, ", (double)s->elapsed_ns / 1e9, s->programs,
		s->programs == 1 ? "" : "s");
	put_status(f, status);
	fprintf(f, "\n%s%-8s %11s %9s %6s %11s %9s %9s %9s %8s %9s %9s %8s %10s%s\n", style(f, "1"),
		"bytes", "hits", "misses", "hit", "kept", "passed", "refilled", "flushed", "trimmed",
		"shelved", "unshelved", "cached", "bytes", style(f, "0"));
	put_line(f, "all", &sum);
	fprintf(f, " %8" PRIu64 " %10" PRIu64 "\n", cached.blocks, cached.bytes);
	if (o->per_cpu)
		put_cpus(f, s);
	for (c = 0; c <= NR_CLASSES; c++) {
		uint64_t blocks = c < NR_CLASSES ? malloc_cached(&s->sum[c]) : 0;

		if (!malloc_is_used(&s->sum[c]))
			continue;
		snprintf(name, sizeof(name), c < NR_CLASSES ? "%zu" : "larger",
			 class_bytes(c < NR_CLASSES ? c : 0));
		put_line(f, name, &s->sum[c]);
		fprintf(f, " %8" PRIu64 " %10" PRIu64 "\n", blocks,
			c < NR_CLASSES ? blocks * class_bytes(c) : 0);
	}
	if (!s->programs)
		fputs("No program was counted: none could be preloaded into.\n", f);
}

static void json_counts(struct json *j, const struct malloc_class_counts *c)
{
#define X(name, what) json_uint(j, #name, c->name);
	MALLOC_COUNTS(X)
#undef X
}

static void json_cpus(struct json *j, const struct malloc_snapshot *s, unsigned int c)
{
	int cpu;

	json_array(j, "per_cpu");
	for (cpu = 0; cpu < s->nr_cpus; cpu++) {
		if (!malloc_is_used(&s->cpu[cpu][c]))
			continue;
		json_object(j, NULL);
		json_int(j, "cpu", cpu);
		json_counts(j, &s->cpu[cpu][c]);
		json_end_object(j);
	}
	json_end_array(j);
}

static void json_class(struct json *j, const struct malloc_snapshot *s, unsigned int c)
{
	uint64_t blocks = malloc_cached(&s->sum[c]);

	json_object(j, NULL);
	if (c < NR_CLASSES) {
		json_uint(j, "bytes", class_bytes(c));
		json_counts(j, &s->sum[c]);
		json_uint(j, "cached_blocks", blocks);
		json_uint(j, "cached_bytes", blocks * class_bytes(c));
	} else {
		json_string(j, "bytes", NULL);
		json_counts(j, &s->sum[c]);
		json_uint(j, "cached_blocks", 0);
		json_uint(j, "cached_bytes", 0);
	}
	json_cpus(j, s, c);
	json_end_object(j);
}

static void json_end_of(struct json *j, int status)
{
	json_bool(j, "final", status >= 0);
	if (status >= 0 && WIFEXITED(status))
		json_int(j, "exit_status", WEXITSTATUS(status));
	else
		json_string(j, "exit_status", NULL);
	if (status >= 0 && WIFSIGNALED(status))
		json_int(j, "signal", WTERMSIG(status));
	else
		json_string(j, "signal", NULL);
}

void malloc_json(FILE *f, const struct malloc_options *o, const struct malloc_snapshot *s,
		 int status)
{
	const struct malloc_class_counts sum = sum_of(s->sum);
	struct cached cached = all_cached(s);
	struct json j;
	unsigned int c;
	char **arg;

	json_begin(&j, f);
	json_object(&j, NULL);
	json_array(&j, "command");
	for (arg = o->command; *arg; arg++)
		json_string(&j, NULL, *arg);
	json_end_array(&j);
	json_end_of(&j, status);
	json_uint(&j, "elapsed_ns", s->elapsed_ns);
	json_uint(&j, "programs", s->programs);
	json_counts(&j, &sum);
	json_uint(&j, "cached_blocks", cached.blocks);
	json_uint(&j, "cached_bytes", cached.bytes);
	json_array(&j, "classes");
	for (c = 0; c <= NR_CLASSES; c++)
		if (malloc_is_used(&s->sum[c]))
			json_class(&j, s, c);
	json_end_array(&j);
	json_end_object(&j);
	json_finish(&j);
}
