// SPDX-License-Identifier: MIT
/* What opv bench --preempted found, for people and for machines. */
#include "bench_preempted.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define VERB "bench"
#define ENOUGH 10000		/* latencies; the worst ten decide about the last thousandth then */

void bench_note(struct bench_histogram *h, uint64_t ns)
{
	int shift = ns < 16 ? 0 : 59 - __builtin_clzll(ns);

	h->count[16 * shift + (int)(ns >> shift)]++;
	h->total++;
	if (ns > h->max)
		h->max = ns;
}

void bench_merge(struct bench_histogram *to, const struct bench_histogram *from)
{
	int i;

	for (i = 0; i < BENCH_BUCKETS; i++)
		to->count[i] += from->count[i];
	to->total += from->total;
	if (from->max > to->max)
		to->max = from->max;
}

/* The middle of a bucket. */
static double value_of(int bucket)
{
	int shift = bucket < 32 ? 0 : bucket / 16 - 1;

	return (double)((uint64_t)(bucket - 16 * shift) << shift) + ((1ull << shift) - 1) / 2.0;
}

double bench_percentile(const struct bench_histogram *h, double share)
{
	double before = 0;
	int i;

	for (i = 0; i < BENCH_BUCKETS; i++) {
		before += (double)h->count[i];
		if (h->count[i] && before >= share * (double)h->total)
			return value_of(i) < (double)h->max ? value_of(i) : (double)h->max;
	}
	return 0;
}

static const char *const means[] = {
#define X(NAME, title) title,
	BENCH_MEANS(X)
#undef X
};

enum { THROUGHPUT, TAIL, NR_AIMS };

/*
 * Of visitors: an operation of a worker that was preempted in one is one of many
 * thousands, by either means, and its 99.9th percentile is the bare price.
 */
static struct bench_aim tail(const struct bench_histogram *of)
{
	double mutex = bench_percentile(&of[BENCH_BY_MUTEX], 0.999);
	double vector = bench_percentile(&of[BENCH_BY_VECTOR], 0.999);
	double q = vector > 0 ? mutex / vector : 0;
	bool measured = vector > 0 && mutex > 0;

	return (struct bench_aim){
		.text = "p99.9 of visitors, mutex / vector", .sense = "at least", .limit = 10, .unit = "x", .measured = measured,
		.dirty = of[BENCH_BY_MUTEX].total < ENOUGH || of[BENCH_BY_VECTOR].total < ENOUGH,
		.met = measured && q >= 10, .q = { q, q, q, q, q },
	};
}

static struct bench_aim throughput(const struct bench *b, const struct bench_preempted *p)
{
	double *ratios = calloc((size_t)b->rounds, sizeof(*ratios));
	struct bench_aim aim = {
		.text = "operations a second, vector / mutex", .sense = "at least", .limit = 1,
		.unit = "x", .measured = true,
	};
	int i;

	if (!ratios)
		die(VERB, "no memory");
	for (i = 0; i < b->rounds; i++) {
		ratios[i] = p->rate[BENCH_BY_VECTOR][i] / p->rate[BENCH_BY_MUTEX][i];
		aim.measured = aim.measured && p->rate[BENCH_BY_MUTEX][i] > 0;
	}
	if (aim.measured)
		aim.q = bench_quartiles(ratios, b->rounds);
	aim.met = aim.measured && aim.q.median >= aim.limit;
	free(ratios);
	return aim;
}

static struct bench_aim aim_of(const struct bench *b, const struct bench_preempted *p, int i)
{
	return i == THROUGHPUT ? throughput(b, p) : tail(p->visitors);
}

/* Of a copy: the order of the rounds is still needed. */
static struct bench_quartiles rate(const struct bench *b, const struct bench_preempted *p, int by)
{
	size_t size = (size_t)b->rounds * sizeof(double);
	struct bench_quartiles q;
	double *copy = malloc(size);

	if (!copy)
		die(VERB, "no memory");
	memcpy(copy, p->rate[by], size);
	q = bench_quartiles(copy, b->rounds);
	free(copy);
	return q;
}

static void put_histogram(const char *by, const char *who, const struct bench_histogram *h)
{
	printf("  %-8s %-9s %10" PRIu64 " %9.0f %9.0f %9.0f %10" PRIu64 "\n", by, who, h->total,
	       bench_percentile(h, 0.5), bench_percentile(h, 0.99), bench_percentile(h, 0.999), h->max);
}

static void table(const struct bench *b, const struct bench_preempted *p)
{
	const char *bold = style(stdout, "1"), *plain = style(stdout, "0");
	int i;

	bench_heading(b);
	printf("%d round%s, slices of %.2g ms; on each of %d CPU%s two workers, a visitor, a hog\n\n"
	       "%soperations a second%s, every word checked afterwards\n", b->rounds,
	       b->rounds == 1 ? "" : "s", (double)p->slice / 1e6, b->nr_cpus,
	       b->nr_cpus == 1 ? "" : "s", bold, plain);
	for (i = 0; i < BENCH_NR_MEANS; i++)
		printf("  %-8s %12.0f\n", means[i], rate(b, p, i).median);
	printf("\n%s%-8s %-11s %10s %9s %9s %9s %10s%s\n", bold, "latency", "of", "number", "p50 ns",
	       "p99", "p99.9", "most", plain);
	for (i = 0; i < BENCH_NR_MEANS; i++)
		put_histogram(means[i], "workers", &p->workers[i]);
	for (i = 0; i < BENCH_NR_MEANS; i++)
		put_histogram(means[i], "visitors", &p->visitors[i]);
	if (!b->aims)
		return;
	bench_aim_heading();
	for (i = 0; i < NR_AIMS; i++) {
		struct bench_aim aim = aim_of(b, p, i);

		bench_put_aim(&aim);
	}
}

static void put_histogram_json(struct json *j, const char *key, const struct bench_histogram *h)
{
	json_object(j, key);
	json_uint(j, "number", h->total);
	json_uint(j, "p50", (uint64_t)bench_percentile(h, 0.5));
	json_uint(j, "p99", (uint64_t)bench_percentile(h, 0.99));
	json_uint(j, "p999", (uint64_t)bench_percentile(h, 0.999));
	json_uint(j, "max", h->max);
	json_end_object(j);
}

static void put_means_json(struct json *j, const struct bench *b, const struct bench_preempted *p,
			   int i)
{
	struct bench_quartiles q = rate(b, p, i);

	json_object(j, NULL);
	json_string(j, "by", means[i]);
	bench_json_quartiles(j, "per_second", NULL, &q);
	put_histogram_json(j, "workers_ns", &p->workers[i]);
	put_histogram_json(j, "visitors_ns", &p->visitors[i]);
	json_end_object(j);
}

static void for_machines(const struct bench *b, const struct bench_preempted *p)
{
	struct json j;
	int i;

	json_begin(&j, stdout);
	json_object(&j, NULL);
	bench_json_machine(&j, b);
	json_int(&j, "rounds", b->rounds);
	json_uint(&j, "slice_ns", p->slice);
	if (b->aims) {
		json_array(&j, "aims");
		for (i = 0; i < NR_AIMS; i++) {
			struct bench_aim aim = aim_of(b, p, i);

			bench_json_aim(&j, &aim);
		}
		json_end_array(&j);
	}
	json_array(&j, "preempted");
	for (i = 0; i < BENCH_NR_MEANS; i++)
		put_means_json(&j, b, p, i);
	json_end_array(&j);
	json_end_object(&j);
	json_finish(&j);
}

void bench_preempted_report(const struct bench *b, const struct bench_preempted *p)
{
	if (b->json)
		for_machines(b, p);
	else
		table(b, p);
}
