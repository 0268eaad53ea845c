// SPDX-License-Identifier: MIT
/* Medians and ratios. */
#include "bench.h"

#include <stdlib.h>
#include <string.h>

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* Of n sorted values, the one at a share of the way, between neighbours if need be. */
static double quantile(const double *sorted, int n, double share)
{
	double at = share * (n - 1);
	int below = (int)at;

	if (below + 1 >= n)
		return sorted[n - 1];
	return sorted[below] + (at - below) * (sorted[below + 1] - sorted[below]);
}

struct bench_quartiles bench_quartiles(double *values, int n)
{
	qsort(values, (size_t)n, sizeof(*values), compare);
	return (struct bench_quartiles){
		.median = quantile(values, n, 0.5),
		.q1 = quantile(values, n, 0.25),
		.q3 = quantile(values, n, 0.75),
		.min = values[0],
		.max = values[n - 1],
	};
}

/* Fewer than this are no picture; then the disturbed ones are better than none. */
#define ENOUGH 5

static bool is_clean(const struct bench_row *row, int round)
{
	return !row || !row->disturbed[round];
}

static bool all_clean(const struct bench_row *over, const struct bench_row *less,
		      const struct bench_row *under, int round)
{
	return is_clean(over, round) && is_clean(less, round) && is_clean(under, round);
}

/*
 * The quotients of two rows that are sampled in the same rounds, or under being NULL the times of one, in either case
 * less those of a third row if there is one: of the rounds in which nobody was
 * preempted, if they are enough.  Round by round, because those of a round have met the
 * same machine.  Answers how many, *dirty whether there
 * are disturbed ones among them.
 */
static int summarise(const struct bench_row *over, const struct bench_row *less,
		     const struct bench_row *under, struct bench_quartiles *q, bool *dirty)
{
	double *values = calloc((size_t)over->rounds, sizeof(*values));
	int clean = 0, n = 0, i;

	if (!values)
		die("bench", "no memory");
	for (i = 0; i < over->rounds; i++)
		clean += all_clean(over, less, under, i);
	*dirty = clean < ENOUGH && clean < over->rounds;
	for (i = 0; i < over->rounds; i++)
		if (*dirty || all_clean(over, less, under, i))
			values[n++] = (over->value[i] - (less ? less->value[i] : 0)) /
				      (under ? under->value[i] : 1);
	*q = bench_quartiles(values, n);
	free(values);
	return n;
}

bool bench_ratio(const struct bench_row *over, const struct bench_row *less,
		 const struct bench_row *under, struct bench_quartiles *q)
{
	bool dirty;

	summarise(over, less, under, q, &dirty);
	return dirty;
}

const struct bench_row *bench_find(const struct bench *b, const char *name, int threads)
{
	int i;

	for (i = 0; i < b->nr_rows; i++)
		if (!strcmp(b->rows[i].c->name, name) && b->rows[i].threads == threads)
			return &b->rows[i];
	return NULL;
}

void bench_evaluate(struct bench *b)
{
	int i;

	for (i = 0; i < b->nr_rows; i++) {
		struct bench_row *row = &b->rows[i];

		row->samples = summarise(row, NULL, NULL, &row->figure, &row->dirty);
		bench_ratio(row, NULL, row->base, &row->ratio);
	}
}
