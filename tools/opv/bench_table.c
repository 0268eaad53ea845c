// SPDX-License-Identifier: MIT
/* The figures for people. */
#include "bench.h"

#include <inttypes.h>
#include <string.h>

/* Three or four figures, whatever the size. */
static void put(double v)
{
	printf(" %8.*f", v < 10 ? 2 : v < 1000 ? 1 : 0, v);
}

static void put_quartiles(const struct bench_quartiles *q)
{
	put(q->median);
	put(q->q1);
	put(q->q3);
}

void bench_heading(const struct bench *b)
{
	const char *bold = style(stdout, "1"), *plain = style(stdout, "0");

	printf("%sopv bench %s%s, %s\n", bold, opv_version(), plain, b->date);
	printf("%s, %d CPU%s; %s; compiler %s\n", b->cpu_model, b->nr_cpus,
	       b->nr_cpus == 1 ? "" : "s", b->kernel, __VERSION__);
	printf("sections: %s (%s); threads %s\n", b->status.fast ? "yes" : "no", b->status.why,
	       b->pin ? "stay on their CPUs" : "go where they like");
}

static void method(const struct bench *b)
{
	printf("%d round%s, samples of %.2g ms; %" PRIu64 " taken again after a preemption,\n%"
	       PRIu64 " left out for one where a row has five others\n", b->rounds, b->rounds == 1 ? "" : "s", (double)b->sample / 1e6,
	       b->retaken, b->disturbed);
	puts("Nanoseconds on a shared machine lie; ratios, taken within a round, lie less.\n"
	     "\"x plain\" is times tls_add_round, \"x libc\" times libc's malloc; opv bench --list\n"
	     "tells what is what.");
}

static void titles(enum bench_group group)
{
	char ratio[16];

	snprintf(ratio, sizeof(ratio), "x %s", bench_group_base(group));
	printf("\n%s%-*s%s %4s %8s %8s %8s %8s %8s %8s %8s %8s\n", style(stdout, "1"),
	       BENCH_NAME_WIDTH + 2, "case", style(stdout, "0"), "thr", bench_group_unit(group), "q1", "q3",
	       "min", "max", ratio, "q1", "q3");
	printf("%s%s%s\n", style(stdout, "2"), bench_group_title(group), style(stdout, "0"));
}

static void put_row(const struct bench_row *row)
{
	printf("  %-*s %4d", BENCH_NAME_WIDTH, row->c->name, row->threads);
	put_quartiles(&row->figure);
	put(row->figure.min);
	put(row->figure.max);
	put_quartiles(&row->ratio);
	puts(row->dirty ? " *" : "");
}

void bench_put_aim(const struct bench_aim *aim)
{
	bool told = aim->measured && !aim->dirty;
	const char *verdict = !aim->measured ? "not measured" : aim->dirty ? "too disturbed to tell" :
			      aim->met ? "met" : "missed";
	const char *colour = !told ? "2" : aim->met ? "32" : "31";

	printf("  %-42s %8s %5g %-2s", aim->text, aim->sense, aim->limit, aim->unit);
	if (aim->measured)
		put_quartiles(&aim->q);
	else
		printf(" %8s %8s %8s", "-", "-", "-");
	printf("  %s%s%s", style(stdout, colour), verdict, style(stdout, "0"));
	printf(aim->best ? ", of %s\n" : "\n", aim->best);
}

void bench_aim_heading(void)
{
	printf("\n%s%-44s %17s %8s %8s %8s%s\n", style(stdout, "1"), "aim", "", "measured", "q1", "q3",
	       style(stdout, "0"));
}

static void put_aims(const struct bench *b)
{
	struct bench_aim aim;
	int i;

	bench_aim_heading();
	for (i = 0; i < bench_nr_aims(); i++) {
		bench_aim(b, i, &aim);
		bench_put_aim(&aim);
	}
}

static bool any_dirty(const struct bench *b)
{
	int i;

	for (i = 0; i < b->nr_rows; i++)
		if (b->rows[i].dirty)
			return true;
	return false;
}

/* Those with the reason of this one, if it is the first. */
static void put_skip(const struct bench *b, int first)
{
	int column = 0, i;

	for (i = 0; i < first; i++)
		if (!strcmp(b->skips[i].why, b->skips[first].why))
			return;
	printf("not measured: %s:", b->skips[first].why);
	for (i = first; i < b->nr_skips; i++) {
		if (strcmp(b->skips[i].why, b->skips[first].why))
			continue;
		printf("%s %s", column % 3 ? "" : "\n   ", b->skips[i].c->name);
		column++;
	}
	putchar('\n');
}

static void put_skips(const struct bench *b)
{
	int i;

	if (b->nr_skips)
		putchar('\n');
	for (i = 0; i < b->nr_skips; i++)
		put_skip(b, i);
}

void bench_table(const struct bench *b)
{
	int group = -1, i;

	bench_heading(b);
	method(b);
	for (i = 0; i < b->nr_rows; i++) {
		if ((int)b->rows[i].c->group != group)
			titles(b->rows[i].c->group);
		group = (int)b->rows[i].c->group;
		put_row(&b->rows[i]);
	}
	if (any_dirty(b))
		puts("\n* fewer than five samples in which nobody was preempted: all are in these figures");
	put_skips(b);
	if (b->aims)
		put_aims(b);
}

static void list_json(void)
{
	struct json j;
	size_t i;

	json_begin(&j, stdout);
	json_array(&j, NULL);
	for (i = 0; i < bench_nr_cases; i++) {
		json_object(&j, NULL);
		json_string(&j, "case", bench_cases[i].name);
		json_string(&j, "group", bench_group_title(bench_cases[i].group));
		json_string(&j, "what", bench_cases[i].what);
		json_end_object(&j);
	}
	json_end_array(&j);
	json_finish(&j);
}

void bench_list(const struct bench *b)
{
	int group = -1;
	size_t i;

	if (b->json) {
		list_json();
		return;
	}
	for (i = 0; i < bench_nr_cases; i++) {
		const struct bench_case *c = &bench_cases[i];

		if ((int)c->group != group)
			printf("%s%s%s%s\n", group < 0 ? "" : "\n", style(stdout, "1"),
			       bench_group_title(c->group), style(stdout, "0"));
		group = (int)c->group;
		printf("  %-*s %s\n", BENCH_NAME_WIDTH, c->name, c->what);
	}
}
