// SPDX-License-Identifier: MIT
/* Histograms, made and looked at: <opv/counter.h>. */
#include <opv/counter.h>

#include <errno.h>

int opv_histogram_init(struct opv_histogram *h, struct opv_domain *d, uint32_t bits, uint64_t max)
{
	struct opv_histogram all = { .counts.nr = UINT32_MAX, .bits = bits };
	uint32_t nr;
	int ret;

	if (bits > OPV_HISTOGRAM_BITS_MAX)
		return -EINVAL;
	/* One more for what is larger, if anything is. */
	nr = opv_histogram_bucket(&all, max) + 1;
	nr += nr <= opv_histogram_bucket(&all, UINT64_MAX);
	ret = opv_counters_init(&all.counts, d, nr);
	if (!ret)
		*h = all;
	return ret;
}

int opv_histogram_fini(struct opv_histogram *h)
{
	return opv_counters_fini(&h->counts);
}

uint64_t opv_histogram_low(const struct opv_histogram *h, uint32_t i)
{
	uint64_t one = UINT64_C(1) << h->bits;

	return i < 2 * one ? i : (one + (i & (one - 1))) << ((i >> h->bits) - 1);
}

uint64_t opv_histogram_high(const struct opv_histogram *h, uint32_t i)
{
	return i + 1 < h->counts.nr ? opv_histogram_low(h, i + 1) - 1 : UINT64_MAX;
}

uint64_t opv_histogram_total(const struct opv_histogram *h, const int64_t *snapshot)
{
	uint64_t sum = 0;
	uint32_t i;

	for (i = 0; i < h->counts.nr; i++)
		sum += (uint64_t)snapshot[i];
	return sum;
}

/* Of total values in order, which one: at least the first, at most the last. */
static uint64_t rank(uint64_t total, double percent)
{
	double at = percent / 100 * (double)total;
	uint64_t n;

	if (!(at > 1))
		return 1;
	if (at >= (double)total)
		return total;
	n = (uint64_t)at;
	return (double)n < at ? n + 1 : n;
}

uint64_t opv_histogram_percentile(const struct opv_histogram *h, const int64_t *snapshot,
				  double percent)
{
	uint64_t total = opv_histogram_total(h, snapshot), seen = 0;
	uint32_t i;

	if (!total)
		return 0;
	total = rank(total, percent);
	for (i = 0; i + 1 < h->counts.nr; i++) {
		seen += (uint64_t)snapshot[i];
		if (seen >= total)
			break;
	}
	return opv_histogram_high(h, i);
}
