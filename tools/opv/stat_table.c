// SPDX-License-Identifier: MIT
/* The counts as a table for people. */
#define _GNU_SOURCE
#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "stat.h"

struct page {
	FILE *f;
	int width, height;	/* 0: no limit */
	int lines;
};

/* One line, cut where the terminal ends. */
__attribute__((__format__(__printf__, 3, 4)))
static void put(struct page *p, const char *code, const char *format, ...)
{
	const char *on = code ? style(p->f, code) : "", *off = code ? style(p->f, "0") : "";
	char line[1024];
	va_list args;

	if (p->height && p->lines >= p->height)
		return;
	va_start(args, format);
	vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	if (p->width && strlen(line) > (size_t)p->width)
		line[p->width] = '\0';
	fprintf(p->f, "%s%s%s\n", on, line, off);
	p->lines++;
}

/* Four digits and a unit: 1234, 12.34 k, ... in steps of 1000. */
static void scaled(char *s, size_t size, uint64_t n, const char *const *units)
{
	double v = (double)n;

	while (v >= 9999.5 && units[1]) {
		v /= 1000;
		units++;
	}
	if ((uint64_t)v == n)
		snprintf(s, size, "%" PRIu64 " %s", n, *units);
	else
		snprintf(s, size, "%.*f %s", v < 10 ? 3 : v < 100 ? 2 : v < 1000 ? 1 : 0, v, *units);
}

static void bytes_text(char *s, size_t size, uint64_t n)
{
	static const char *const units[] = { "B ", "kB", "MB", "GB", "TB", "PB", "EB", NULL };

	scaled(s, size, n, units);
}

static void time_text(char *s, size_t size, uint64_t ns)
{
	static const char *const units[] = { "ns", "us", "ms", "s ", NULL };

	scaled(s, size, ns, units);
}

static void count_text(char *s, size_t size, uint64_t n)
{
	snprintf(s, size, "%" PRIu64, n);
}

static bool is_time(enum stat_column c)
{
	return c >= STAT_COLUMN_total;
}

static void cell(char *s, size_t size, const struct stat_line *line, enum stat_column c,
		 const struct stat_function_info *info)
{
	uint64_t v = line->value[c];

	if ((is_time(c) && !line->timed) || (c == STAT_COLUMN_bytes && !info->bytes))
		snprintf(s, size, "-");
	else if (is_time(c))
		time_text(s, size, v);
	else if (c == STAT_COLUMN_bytes)
		bytes_text(s, size, v);
	else
		count_text(s, size, v);
}

static const char *const titles[] = {
#define X(name, title, what) title,
	STAT_COLUMNS(X)
#undef X
};

static const int widths[STAT_NR_COLUMNS] = { 11, 10, 7, 9, 9, 9, 9 };

static bool shown(const struct stat_report *r, int column)
{
	return r->options->latency || !is_time((enum stat_column)column);
}

static void head(struct page *p, const struct stat_report *r)
{
	char line[512];
	int i, n;

	n = snprintf(line, sizeof(line), "%-24s", "function");
	for (i = 0; i < STAT_NR_COLUMNS; i++) {
		if (shown(r, i))
			n += snprintf(line + n, sizeof(line) - (size_t)n, " %*s", widths[i], titles[i]);
		if (i == STAT_COLUMN_calls && r->before)
			n += snprintf(line + n, sizeof(line) - (size_t)n, " %10s", "calls/s");
	}
	put(p, "1", "%s", line);
}

static uint64_t per_second(const struct stat_report *r, const struct stat_line *now,
			   const struct stat_line *before)
{
	uint64_t ns = r->now->when - r->before->when;
	uint64_t calls = now->value[STAT_COLUMN_calls] - before->value[STAT_COLUMN_calls];

	return ns ? (uint64_t)((double)calls * 1e9 / (double)ns) : 0;
}

static void row(struct page *p, const struct stat_report *r, const char *name, int function,
		const struct stat_line *now, const struct stat_line *before)
{
	char line[512], text[64];
	int i, n;

	n = snprintf(line, sizeof(line), "%-24s", name);
	for (i = 0; i < STAT_NR_COLUMNS; i++) {
		if (shown(r, i)) {
			cell(text, sizeof(text), now, (enum stat_column)i, &stat_functions[function]);
			n += snprintf(line + n, sizeof(line) - (size_t)n, " %*s", widths[i], text);
		}
		if (i == STAT_COLUMN_calls && r->before)
			n += snprintf(line + n, sizeof(line) - (size_t)n, " %10" PRIu64,
				      per_second(r, now, before));
	}
	put(p, NULL, "%s", line);
}

static const struct stat_report *sorting;

static int compare(const void *a, const void *b)
{
	int i = *(const int *)a, j = *(const int *)b;
	enum stat_column c = sorting->options->sort;

	if (c != STAT_COLUMN_name) {
		uint64_t x = sorting->now->sum[i].value[c], y = sorting->now->sum[j].value[c];

		if (x != y)
			return x < y ? 1 : -1;
		return i - j;
	}
	return strcmp(stat_functions[i].name, stat_functions[j].name);
}

static void rows_of_cpus(struct page *p, const struct stat_report *r, int function)
{
	int cpu;

	for (cpu = 0; cpu < r->now->nr_cpus; cpu++) {
		size_t at = (size_t)cpu * STAT_NR_FUNCTIONS + (size_t)function;
		char name[32];

		if (!r->now->cpu[at].value[STAT_COLUMN_calls])
			continue;
		snprintf(name, sizeof(name), "  CPU %d", cpu);
		row(p, r, name, function, &r->now->cpu[at], r->before ? &r->before->cpu[at] : NULL);
	}
}

static void rows(struct page *p, const struct stat_report *r)
{
	int order[STAT_NR_FUNCTIONS], n = 0, i;

	for (i = 0; i < STAT_NR_FUNCTIONS; i++)
		if ((r->options->mask >> i & 1) &&
		    (r->options->all || r->now->sum[i].value[STAT_COLUMN_calls]))
			order[n++] = i;
	sorting = r;
	qsort(order, (size_t)n, sizeof(order[0]), compare);
	if (n)
		head(p, r);
	else if (r->now->programs)
		put(p, NULL, "no calls of watched functions");
	for (i = 0; i < n; i++) {
		row(p, r, stat_functions[order[i]].name, order[i], &r->now->sum[order[i]],
		    r->before ? &r->before->sum[order[i]] : NULL);
		if (r->options->per_cpu)
			rows_of_cpus(p, r, order[i]);
	}
}

/* The command on one line: what is not printable becomes a question mark. */
static void command_text(char *s, size_t size, char **command)
{
	size_t n = 0;
	const char *c;

	for (; *command && n + 1 < size; command++) {
		if (n)
			s[n++] = ' ';
		for (c = *command; *c && n + 1 < size; c++)
			s[n++] = (unsigned char)*c < ' ' || *c == 127 ? '?' : *c;
	}
	s[n < size ? n : size - 1] = '\0';
}

static void title(struct page *p, const struct stat_report *r)
{
	char command[256], end[64] = "", programs[64] = "";

	command_text(command, sizeof(command), r->options->command);
	if (r->final && WIFSIGNALED(r->status))
		snprintf(end, sizeof(end), ", killed by signal %d (%s)", WTERMSIG(r->status),
			 strsignal(WTERMSIG(r->status)));
	else if (r->final)
		snprintf(end, sizeof(end), ", exit status %d", WEXITSTATUS(r->status));
	if (r->now->programs != 1)
		snprintf(programs, sizeof(programs), ", %" PRIu64 " programs", r->now->programs);
	put(p, NULL, "opv stat: %s: %.*f s%s%s", command, r->final ? 3 : 1,
	    (double)r->elapsed_ns / 1e9, programs, end);
	if (r->final && !r->now->programs)
		put(p, NULL, "opv stat: nothing was counted: no program of it could reach the counters "
		    "(docs/stat.md says why)");
	if (r->final && r->still_running)
		put(p, NULL, "opv stat: processes of it are still running; what they do now is not in here");
}

int stat_table(FILE *f, const struct stat_report *r, int width, int height)
{
	struct page p = { .f = f, .width = width, .height = height };

	title(&p, r);
	rows(&p, r);
	fflush(f);
	return p.lines;
}
