// SPDX-License-Identifier: MIT
/* The counts as JSON. */
#include <signal.h>
#include <sys/wait.h>

#include "stat.h"

/* Times are null where nothing was timed. */
static void put_line(struct json *j, const struct stat_line *line)
{
	static const struct {
		enum stat_column column;
		const char *key;
		bool is_time;
	} keys[] = {
		{ STAT_COLUMN_calls, "calls", false },	{ STAT_COLUMN_bytes, "bytes", false },
		{ STAT_COLUMN_failed, "failed", false }, { STAT_COLUMN_p50, "p50_ns", true },
		{ STAT_COLUMN_p99, "p99_ns", true },	{ STAT_COLUMN_max, "max_ns", true },
		{ STAT_COLUMN_total, "total_ns", true },
	};
	size_t i;

	for (i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		if (keys[i].is_time && !line->timed)
			json_string(j, keys[i].key, NULL);
		else
			json_uint(j, keys[i].key, line->value[keys[i].column]);
	}
}

static void put_function(struct json *j, const struct stat_snapshot *s, int function)
{
	int cpu;

	json_object(j, NULL);
	json_string(j, "name", stat_functions[function].name);
	json_string(j, "group", stat_functions[function].group);
	put_line(j, &s->sum[function]);
	json_array(j, "per_cpu");
	for (cpu = 0; cpu < s->nr_cpus; cpu++) {
		if (!s->cpu_counted[cpu])
			continue;
		json_object(j, NULL);
		json_int(j, "cpu", cpu);
		put_line(j, &s->cpu[(size_t)cpu * STAT_NR_FUNCTIONS + (size_t)function]);
		json_end_object(j);
	}
	json_end_array(j);
	json_end_object(j);
}

static void put_end(struct json *j, const struct stat_report *r)
{
	if (r->final && WIFEXITED(r->status))
		json_int(j, "exit_status", WEXITSTATUS(r->status));
	else
		json_string(j, "exit_status", NULL);
	if (r->final && WIFSIGNALED(r->status))
		json_int(j, "signal", WTERMSIG(r->status));
	else
		json_string(j, "signal", NULL);
	json_bool(j, "still_running", !r->final || r->still_running);
}

void stat_json(FILE *f, const struct stat_report *r)
{
	const struct stat_snapshot *s = r->now;
	struct json j;
	char **arg;
	int i;

	json_begin(&j, f);
	json_object(&j, NULL);
	json_array(&j, "command");
	for (arg = r->options->command; *arg; arg++)
		json_string(&j, NULL, *arg);
	json_end_array(&j);
	json_bool(&j, "final", r->final);
	put_end(&j, r);
	json_uint(&j, "elapsed_ns", r->elapsed_ns);
	json_uint(&j, "programs", s->programs);
	json_bool(&j, "latency", r->options->latency);
	json_string(&j, "clock", r->clock->tsc ? "tsc" : "monotonic");
	json_uint(&j, "clock_hz", r->clock->hz);
	json_array(&j, "functions");
	for (i = 0; i < STAT_NR_FUNCTIONS; i++)
		if (r->options->mask >> i & 1)
			put_function(&j, s, i);
	json_end_array(&j);
	json_end_object(&j);
	json_finish(&j);
}
