// SPDX-License-Identifier: MIT
/* The histogram: every latency has one bucket, and the bucket says nearly what it was. */
#include "../../preload/layout.h"
#include "tap.h"

static bool fits(uint64_t v)
{
	unsigned int i = stat_bucket(v);
	uint64_t low = stat_bucket_low(i), width = stat_bucket_width(i), middle = low + (width - 1) / 2;
	uint64_t error = middle > v ? middle - v : v - middle;

	return i < STAT_BUCKETS && v >= low && v - low < width && error * 32 <= v;
}

int main(void)
{
	uint64_t top = UINT64_C(1) << STAT_TOP_BIT, v;
	unsigned int i, holes = 0, wrong = 0;

	for (v = 0; v < 100000; v++)
		wrong += !fits(v);
	for (v = 100000; v < top; v += v / 1000 + 1)
		wrong += !fits(v);
	is(wrong, 0, "the middle of a bucket is within 1/32 of all that is in it");

	for (i = 0; i + 1 < STAT_BUCKETS; i++)
		holes += stat_bucket_low(i) + stat_bucket_width(i) != stat_bucket_low(i + 1);
	is(holes, 0, "buckets lie end to end");
	for (i = wrong = 0; i < STAT_BUCKETS; i++)
		wrong += stat_bucket(stat_bucket_low(i)) != i ||
			 stat_bucket(stat_bucket_low(i) + stat_bucket_width(i) - 1) != i;
	is(wrong, 0, "the first and the last latency of a bucket are in it");
	is(stat_bucket_low(0), 0, "the first bucket begins at 0");
	is(stat_bucket(top - 1), STAT_BUCKETS - 1, "the last bucket ends at 2^50 - 1");
	is(stat_bucket(top), STAT_BUCKETS - 1, "and has what is longer");
	is(stat_bucket(UINT64_MAX), STAT_BUCKETS - 1, "the longest, too");
	return done();
}
