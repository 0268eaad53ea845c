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

/* In pairs: the two of a round have met the same machine. */
void bench_ratio(const struct bench *b, const struct bench_row *over,
		 const struct bench_row *under, struct bench_quartiles *q)
{
	double *values = calloc((size_t)b->rounds, sizeof(*values));
	int i;

	if (!values)
		die("bench", "no memory");
	for (i = 0; i < b->rounds; i++)
		values[i] = over->ns[i] / under->ns[i];
	*q = bench_quartiles(values, b->rounds);
	free(values);
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
	double *values = calloc((size_t)b->rounds, sizeof(*values));
	int i;

	if (!values)
		die("bench", "no memory");
	for (i = 0; i < b->nr_rows; i++) {
		struct bench_row *row = &b->rows[i];

		memcpy(values, row->ns, (size_t)b->rounds * sizeof(*values));
		row->time = bench_quartiles(values, b->rounds);
		bench_ratio(b, row, row->plain, &row->ratio);
	}
	free(values);
}
