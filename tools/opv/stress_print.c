// SPDX-License-Identifier: MIT
/* opv stress: what was done and what was lost, as tables or as JSON. */
#define _GNU_SOURCE
#include "stress.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>

const char *const stress_names[STRESS_NR_SCENARIOS] = {
#define X(name, what) #name,
	STRESS_SCENARIOS(X)
#undef X
};

static const char *const count_names[STRESS_NR_COUNTS] = {
#define OPV_RMW(name, name_at, bits, op, order) #name,
#define OPV_FETCH OPV_RMW
#define OPV_CMPXCHG OPV_RMW
#define OPV_WORD(name, name_at, op, order) #name,
#include <opv/calls.def>
#undef OPV_RMW
#undef OPV_FETCH
#undef OPV_CMPXCHG
#undef OPV_WORD
#define X(name) #name,
	STRESS_OTHERS(X)
#undef X
};

void stress_lost(struct stress *s, enum stress_scenario scenario, const char *format, ...)
{
	unsigned int i = atomic_fetch_add(&s->report->lines, 1);
	va_list args;

	if (i >= sizeof(s->report->line) / sizeof(s->report->line[0]))
		return;
	va_start(args, format);
	vsnprintf(s->report->line[i].text, sizeof(s->report->line[i].text), format, args);
	va_end(args);
	s->report->line[i].scenario = (int)scenario;
	atomic_store(&s->report->line[i].written, true);
}

bool stress_expect(struct stress_worker *w, enum stress_scenario scenario, const char *call,
		   int ret, int max)
{
	if (ret >= 0 && ret <= max)
		return true;
	stress_lost(w->s, scenario, "%s answered %d%s%s%s", call, ret, ret < 0 ? " (" : "",
		    ret < 0 ? strerrorname_np(-ret) ? strerrorname_np(-ret) : "?" : "",
		    ret < 0 ? ")" : "");
	return false;
}

static unsigned int lines(const struct stress *s)
{
	unsigned int n = atomic_load(&s->report->lines);
	unsigned int room = sizeof(s->report->line) / sizeof(s->report->line[0]);

	return n < room ? n : room;
}

static unsigned int problems_of(const struct stress *s, int scenario)
{
	unsigned int i, n = 0;

	for (i = 0; i < lines(s); i++)
		n += s->report->line[i].scenario == scenario;
	return n;
}

static uint64_t done(const struct stress *s, int scenario)
{
	uint64_t sum = 0;
	unsigned int i;

	for (i = 0; i < s->nr_workers; i++)
		sum += s->workers[i].done[scenario];
	return sum;
}

static uint64_t counted(const struct stress *s, int count)
{
	uint64_t sum = 0;
	unsigned int i;

	for (i = 0; i < s->nr_workers; i++)
		sum += s->workers[i].counts[count];
	return sum;
}

static uint64_t all_done(const struct stress *s)
{
	uint64_t sum = 0;
	int i;

	for (i = 0; i < STRESS_NR_SCENARIOS; i++)
		sum += done(s, i);
	return sum;
}

static const char *scenario_name(int scenario)
{
	return scenario < STRESS_NR_SCENARIOS ? stress_names[scenario] : "driver";
}

static void print_problems(struct stress *s)
{
	unsigned int all = atomic_load(&s->report->lines), i;
	bool hints[STRESS_NR_SCENARIOS + 1] = { false };

	for (i = 0; i < lines(s); i++) {
		if (!atomic_load(&s->report->line[i].written))
			continue;
		hints[s->report->line[i].scenario] = true;
		fprintf(stderr, "opv stress: %s: %s\n", scenario_name(s->report->line[i].scenario),
			s->report->line[i].text);
	}
	if (all > lines(s))
		fprintf(stderr, "opv stress: and %u more\n", all - lines(s));
	if (!all)
		return;
	fprintf(stderr, "opv stress: again: opv stress -t %u --seed %llu --only ", s->threads,
		(unsigned long long)s->seed);
	for (i = 0, all = 0; i < STRESS_NR_SCENARIOS; i++)
		if (hints[i])
			fprintf(stderr, "%s%s", all++ ? "," : "", stress_names[i]);
	fputs(all ? "\n" : "all\n", stderr);
}

static void print_tables(struct stress *s)
{
	static const char *const whats[] = {
#define X(name, what) what,
		STRESS_SCENARIOS(X)
#undef X
	};
	struct opv_counts counts;
	unsigned int used = 0;
	int i;

	printf("%s%-12s%14s  %-6s %s%s\n", style(stdout, "1"), "scenario", "operations", "", "",
	       style(stdout, "0"));
	for (i = 0; i < STRESS_NR_SCENARIOS; i++) {
		bool bad = problems_of(s, i);

		if (s->enabled[i])
			printf("%-12s%14llu  %s%-6s%s %s\n", stress_names[i],
			       (unsigned long long)done(s, i), style(stdout, bad ? "31" : "32"),
			       bad ? "LOST" : "ok", style(stdout, "0"), whats[i]);
	}
	for (i = 0; i < STRESS_NR_COUNTS; i++)
		used += counted(s, i) != 0;
	printf("\n%llu operations in %.1f s, %u of %d functions, %u threads, %llu forks, %llu kills, seed %llu\n\n",
	       (unsigned long long)all_done(s), s->seconds, used, STRESS_NR_COUNTS, s->threads,
	       (unsigned long long)s->forks, (unsigned long long)s->kills,
	       (unsigned long long)s->seed);
	opv_counts(OPV_ALL_CPUS, &counts, sizeof(counts));
#define X(name, what) printf("%-16s%14llu  %s\n", #name, (unsigned long long)counts.name, what);
	OPV_COUNTS(X)
#undef X
}

static void json_counts(struct json *j)
{
	struct opv_counts counts;

	opv_counts(OPV_ALL_CPUS, &counts, sizeof(counts));
	json_object(j, "counts");
#define X(name, what) json_uint(j, #name, counts.name);
	OPV_COUNTS(X)
#undef X
	json_end_object(j);
}

static void json_problems(struct json *j, struct stress *s, int scenario)
{
	unsigned int i;

	json_array(j, "problems");
	for (i = 0; i < lines(s); i++)
		if (s->report->line[i].scenario == scenario && atomic_load(&s->report->line[i].written))
			json_string(j, NULL, s->report->line[i].text);
	json_end_array(j);
}

static void print_json(struct stress *s)
{
	struct json j;
	int i;

	json_begin(&j, stdout);
	json_object(&j, NULL);
	json_bool(&j, "ok", !atomic_load(&s->report->lines));
	json_uint(&j, "threads", s->threads);
	json_uint(&j, "seed", s->seed);
	json_double(&j, "seconds", s->seconds);
	json_uint(&j, "operations", all_done(s));
	json_uint(&j, "forks", s->forks);
	json_uint(&j, "kills", s->kills);
	json_uint(&j, "problem_count", atomic_load(&s->report->lines));
	json_array(&j, "scenarios");
	for (i = 0; i < STRESS_NR_SCENARIOS; i++) {
		if (!s->enabled[i])
			continue;
		json_object(&j, NULL);
		json_string(&j, "name", stress_names[i]);
		json_uint(&j, "operations", done(s, i));
		json_problems(&j, s, i);
		json_end_object(&j);
	}
	json_end_array(&j);
	json_problems(&j, s, STRESS_NR_SCENARIOS);
	json_object(&j, "calls");
	for (i = 0; i < STRESS_NR_COUNTS; i++)
		json_uint(&j, count_names[i], counted(s, i));
	json_end_object(&j);
	json_counts(&j);
	json_end_object(&j);
	json_finish(&j);
}

int stress_print(struct stress *s, bool json)
{
	if (json)
		print_json(s);
	else
		print_tables(s);
	if (!json)
		print_problems(s);
	if (fflush(stdout) || ferror(stdout))
		die("stress", "cannot write the result: %s", strerror(errno));
	return atomic_load(&s->report->lines) ? 1 : 0;
}
