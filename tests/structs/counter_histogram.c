// SPDX-License-Identifier: MIT
/* Histograms: where values go, and what percentiles say, against sorted arrays. */
#define _GNU_SOURCE
#include "many.h"

static bool bounds_hold(const struct opv_histogram *h)
{
	uint64_t one = UINT64_C(1) << h->bits, low, high, next = 0;
	uint32_t i;

	for (i = 0; i < h->counts.nr; i++) {
		low = opv_histogram_low(h, i);
		high = opv_histogram_high(h, i);
		if (low != next || high < low || opv_histogram_bucket(h, low) != i ||
		    opv_histogram_bucket(h, high) != i || opv_histogram_bucket(h, low + (high - low) / 2) != i)
			return false;
		if (i + 1 < h->counts.nr && high - low >= (low / one ? low / one : 1))
			return false;
		next = high + 1;
	}
	return !next;	/* the last one ends where values end */
}

static void test_buckets(void)
{
	static const uint64_t max[] = { 0, 1, 7, 8, 9, 1000, 4095, 4096, 1000000, UINT64_MAX / 3, UINT64_MAX };
	struct opv_histogram h;
	bool good = true;
	uint32_t bits, last;
	size_t i;

	for (bits = 0; bits <= OPV_HISTOGRAM_BITS_MAX; bits++)
		for (i = 0; i < sizeof(max) / sizeof(max[0]); i++) {
			good &= !opv_histogram_init(&h, NULL, bits, max[i]);
			good &= bounds_hold(&h) && opv_histogram_bucket(&h, UINT64_MAX) == h.counts.nr - 1;
			last = opv_histogram_bucket(&h, max[i]);
			good &= opv_histogram_high(&h, last) == UINT64_MAX ||
				(last == h.counts.nr - 2 && opv_histogram_high(&h, last) >= max[i]);
			good &= !opv_histogram_fini(&h);
		}
	ok(good, "buckets lie end to end, are as narrow as promised, and hold their own values; larger ones have one more");
	opv_histogram_init(&h, NULL, 3, UINT64_MAX);
	is(h.counts.nr, 496, "3 bits: 496 buckets");
	opv_histogram_fini(&h);
	opv_histogram_init(&h, NULL, 5, UINT64_MAX);
	is(h.counts.nr, 1920, "5 bits: 1920 buckets");
	opv_histogram_fini(&h);
	is(opv_histogram_init(&h, NULL, OPV_HISTOGRAM_BITS_MAX + 1, 1), -EINVAL, "more bits: EINVAL");
}

static int by_size(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

#define VALUES 5000

static bool percentile_is(const struct opv_histogram *h, const int64_t *snapshot, const uint64_t *sorted,
			  double percent)
{
	double at = percent / 100 * VALUES;
	size_t n = (size_t)at;
	uint64_t exact, got = opv_histogram_percentile(h, snapshot, percent);

	n += (double)n < at;
	exact = sorted[n ? n - 1 : 0];
	if (got == opv_histogram_high(h, opv_histogram_bucket(h, exact)))
		return true;
	diag("%g percent: %llu, exactly %llu", percent, (unsigned long long)got,
	     (unsigned long long)exact);
	return false;
}

static void test_percentiles(uint64_t *random)
{
	static const double percents[] = { 0, 0.01, 1, 33.3, 50, 90, 99, 99.9, 99.99, 100 };
	static uint64_t values[VALUES];
	struct opv_histogram h;
	int64_t *snapshot;
	bool good = true;
	size_t i;

	opv_histogram_init(&h, NULL, 4, UINT64_MAX);
	snapshot = calloc(h.counts.nr, sizeof(*snapshot));
	is(opv_histogram_percentile(&h, snapshot, 50), 0, "of nothing every percentile is 0");
	for (i = 0; i < VALUES; i++) {
		values[i] = rnd(random) >> rnd(random) % 64;
		good &= !opv_histogram_add(&h, values[i], 1, (int)(i % (size_t)opv_domain_cpus(NULL)));
	}
	good &= !opv_counters_sum(&h.counts, snapshot);
	is(opv_histogram_total(&h, snapshot), VALUES, "all values are in it");
	qsort(values, VALUES, sizeof(values[0]), by_size);
	for (i = 0; i < sizeof(percents) / sizeof(percents[0]); i++)
		good &= percentile_is(&h, snapshot, values, percents[i]);
	ok(good, "percentiles are those of the sorted values, to the bucket");
	ok(opv_histogram_percentile(&h, snapshot, -5) == opv_histogram_percentile(&h, snapshot, 0) &&
	   opv_histogram_percentile(&h, snapshot, 200) == opv_histogram_percentile(&h, snapshot, 100) &&
	   opv_histogram_percentile(&h, snapshot, 0.0 / 0.0) == opv_histogram_percentile(&h, snapshot, 0),
	   "percentages that are none are the nearest one");
	free(snapshot);
	opv_histogram_fini(&h);
}

int main(int argc, char **argv)
{
	uint64_t random = seed_from(argc, argv);

	test_buckets();
	test_percentiles(&random);
	return done();
}
