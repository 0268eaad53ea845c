// SPDX-License-Identifier: MIT
/* The figures for machines. */
#include "bench.h"
#include "bench_malloc.h"

void bench_json_quartiles(struct json *j, const char *key, const char *to,
			  const struct bench_quartiles *q)
{
	json_object(j, key);
	if (to)
		json_string(j, "to", to);
	json_double(j, "median", q->median);
	json_double(j, "q1", q->q1);
	json_double(j, "q3", q->q3);
	json_double(j, "min", q->min);
	json_double(j, "max", q->max);
	json_end_object(j);
}

static void put_row(struct json *j, const struct bench_row *row)
{
	json_object(j, NULL);
	json_string(j, "case", row->c->name);
	json_string(j, "group", bench_group_title(row->c->group));
	json_string(j, "what", row->c->what);
	json_int(j, "threads", row->threads);
	json_int(j, "samples", row->samples);
	json_bool(j, "disturbed", row->dirty);
	json_uint(j, "iterations", row->n);
	bench_json_quartiles(j, bench_group_unit(row->c->group), NULL, &row->figure);
	bench_json_quartiles(j, "ratio", row->base->c->name, &row->ratio);
	if (row->c->work)
		json_string(j, "malloc_of", bench_malloc_object(row->c->by));
	json_end_object(j);
}

void bench_json_machine(struct json *j, const struct bench *b)
{
	json_string(j, "version", opv_version());
	json_string(j, "date", b->date);
	json_string(j, "cpu", b->cpu_model);
	json_int(j, "cpus", b->nr_cpus);
	json_string(j, "kernel", b->kernel);
	json_string(j, "compiler", __VERSION__);
	json_bool(j, "sections", b->status.fast);
	json_string(j, "sections_why", b->status.why);
	json_bool(j, "pinned", b->pin);
}

static void put_method(struct json *j, const struct bench *b)
{
	json_int(j, "rounds", b->rounds);
	json_uint(j, "sample_ns", b->sample);
	json_uint(j, "samples_retaken", b->retaken);
	json_uint(j, "samples_preempted", b->disturbed);
}

void bench_json_aim(struct json *j, const struct bench_aim *aim)
{
	json_object(j, NULL);
	json_string(j, "aim", aim->text);
	json_string(j, "sense", aim->sense);
	json_double(j, "limit", aim->limit);
	json_string(j, "unit", aim->unit);
	json_bool(j, "measured", aim->measured);
	if (aim->best)
		json_string(j, "best", aim->best);
	if (aim->measured) {
		json_bool(j, "disturbed", aim->dirty);
		json_bool(j, "met", aim->met && !aim->dirty);
		bench_json_quartiles(j, "value", NULL, &aim->q);
	}
	json_end_object(j);
}

static void put_aims(struct json *j, const struct bench *b)
{
	struct bench_aim aim;
	int i;

	json_array(j, "aims");
	for (i = 0; i < bench_nr_aims(); i++) {
		bench_aim(b, i, &aim);
		bench_json_aim(j, &aim);
	}
	json_end_array(j);
}

void bench_json(const struct bench *b)
{
	struct json j;
	int i;

	json_begin(&j, stdout);
	json_object(&j, NULL);
	bench_json_machine(&j, b);
	put_method(&j, b);
	json_array(&j, "rows");
	for (i = 0; i < b->nr_rows; i++)
		put_row(&j, &b->rows[i]);
	json_end_array(&j);
	json_array(&j, "skipped");
	for (i = 0; i < b->nr_skips; i++) {
		json_object(&j, NULL);
		json_string(&j, "case", b->skips[i].c->name);
		json_string(&j, "why", b->skips[i].why);
		json_end_object(&j);
	}
	json_end_array(&j);
	if (b->aims)
		put_aims(&j, b);
	json_end_object(&j);
	json_finish(&j);
}
