/* SPDX-License-Identifier: MIT */
#ifndef _OPV_COUNTER_H
#define _OPV_COUNTER_H

/*
 * Counters of which each CPU has a part: added to in a nanosecond, no cache line shared.
 *
 *	struct opv_counter hits;
 *
 *	opv_counter_init(&hits, NULL);
 *	opv_counter_inc(&hits, OPV_THIS_CPU);
 *	printf("%lld\n", (long long)opv_counter_read(&hits));
 *	opv_counter_fini(&hits);
 *
 * struct opv_counter is one, struct opv_counters are several that are read at one
 * moment, struct opv_histogram counts values by their size.
 *
 * A part is a signed 64-bit number and wraps around; the counter is the sum of all
 * parts, whatever CPU an addition was made on.  Three ways to read it:
 *
 *	read	no fence, a few nanoseconds a CPU: each part as it is when it comes to be
 *		looked at.  What is added and taken away meanwhile on different CPUs
 *		may be seen in part.  Of a counter that only grows: not less than it was
 *		before the call, not more than after it.
 *	sum	exact: what all parts add up to at one instant within the call, while all
 *		CPUs are closed.  Microseconds, and an interrupt on CPUs that run
 *		threads of this process.
 *	reset	the same, and all parts are 0 at that instant: each addition is in this
 *		sum or in a later one, and in no two of them.
 *
 * Of CPUs that nothing was ever done as none of the three touches the memory, except in a
 * shared domain.
 *
 * may A run while B does?	init	add...		read	sum, reset	fini
 *  add, inc, dec, max, min	no	yes		yes	yes		no
 *  read, sum, range, reset	no	yes		yes	yes		no
 *  fork			yes	yes		yes	yes		yes
 *
 * Shared domains: the struct is the process's own.  Another one that attached the
 * domain makes one from the handle,
 *
 *	struct opv_counter hits = { opv_handle(d, offset) };
 *
 * where offset is opv_handle_offset(hits.percpu) over there, and does not call fini.  A
 * process that is killed within reset takes along what it had read.
 *
 * In the pseudo-code, part[c] is the instance that CPU c has.  cpu is a number, 0 <= cpu <
 * opv_domain_cpus(), or OPV_THIS_CPU.
 */

#include <stdint.h>

#include <opv/call.h>

OPV_BEGIN_DECLS

/*
 * struct opv_counter - one counter
 * @percpu: the handle of its parts, for calls and vectors of the program's own
 */
struct opv_counter {
	uint64_t *percpu;
};

/*
 * opv_counter_init - make a counter, 0
 * @c: filled; untouched on error
 * @d: the domain, NULL for the default one
 *
 * Errors: -ENOMEM, -ETIMEDOUT as opv_alloc().
 *
 * Thread-safe, async-signal-safe.
 */
int opv_counter_init(struct opv_counter *c, struct opv_domain *d);

/*
 * opv_counter_fini - give its memory back
 * @c: nobody uses it any more
 *
 * Errors: -EINVAL, -ETIMEDOUT as opv_free(), the counter is as it was.
 *
 * Thread-safe, async-signal-safe.
 */
int opv_counter_fini(struct opv_counter *c);

/*
 * opv_counter_add - part[cpu] += n
 * opv_counter_inc - part[cpu] += 1
 * opv_counter_dec - part[cpu] -= 1
 *
 * Result: 0, or an error as of opv_add64(), nothing was added.  Relaxed.
 *
 * Thread-safe, async-signal-safe.
 */
OPV_CALL int opv_counter_add(const struct opv_counter *c, int64_t n, int cpu)
{
	return opv_add64(c->percpu, (uint64_t)n, cpu);
}

OPV_CALL int opv_counter_inc(const struct opv_counter *c, int cpu)
{
	return opv_add64(c->percpu, 1, cpu);
}

OPV_CALL int opv_counter_dec(const struct opv_counter *c, int cpu)
{
	return opv_add64(c->percpu, (uint64_t)-1, cpu);
}

/*
 * opv_counter_max - if (n > part[cpu]) part[cpu] = n
 * opv_counter_min - if (n < part[cpu]) part[cpu] = n
 *
 * For a counter that is no sum but the largest (smallest) of what was seen, 0 included:
 * opv_counter_range() reads it.
 *
 * Result: as opv_counter_add().
 *
 * Thread-safe, async-signal-safe.
 */
OPV_CALL int opv_counter_max(const struct opv_counter *c, int64_t n, int cpu)
{
	return opv_smax64(c->percpu, (uint64_t)n, cpu);
}

OPV_CALL int opv_counter_min(const struct opv_counter *c, int64_t n, int cpu)
{
	return opv_smin64(c->percpu, (uint64_t)n, cpu);
}

/*
 * opv_counter_read - about what it is
 *
 * Thread-safe, async-signal-safe.
 */
int64_t opv_counter_read(const struct opv_counter *c);

/*
 * opv_counter_sum - what it is
 * opv_counter_reset - the same, and it is 0 from that instant on
 * @sum: untouched on error; may not lie in per-CPU memory
 *
 * What precedes the call is done before the instant, what follows it afterwards.
 *
 * Errors: -EPERM, -ETIMEDOUT, -EDEADLK as for calls, nothing was done.
 *
 * Thread-safe, async-signal-safe.
 */
int opv_counter_sum(const struct opv_counter *c, int64_t *sum);
int opv_counter_reset(const struct opv_counter *c, int64_t *sum);

/*
 * struct opv_counter_range - what the parts of a counter are at one instant
 * @min_cpu, @max_cpu: the first CPU that has it
 */
struct opv_counter_range {
	int64_t sum, min, max;
	int32_t min_cpu, max_cpu;
};

/*
 * opv_counter_range - sum, smallest and largest part, of all CPUs of the domain
 * @range: untouched on error
 *
 * Errors: as opv_counter_sum().
 *
 * Thread-safe, async-signal-safe.
 */
int opv_counter_range(const struct opv_counter *c, struct opv_counter_range *range);

/*
 * struct opv_counters - several counters, read at one moment under one fence
 * @percpu: the handle of counter 0's parts; those of the same CPU lie side by side
 * @nr: how many
 *
 * Two counters that are added to by two calls may be seen in between; opv_vector() adds
 * to both at once.
 */
struct opv_counters {
	uint64_t *percpu;
	uint32_t nr;
};

/*
 * opv_counters_init - make @nr counters, all 0
 * opv_counters_fini - give their memory back
 *
 * Errors: as opv_counter_init() and opv_counter_fini(); -EINVAL @nr is 0; -ENOMEM it is more
 * than fits, OPV_DOMAIN_SIZE_MAX / 8 of all.
 *
 * Thread-safe, async-signal-safe.
 */
int opv_counters_init(struct opv_counters *c, struct opv_domain *d, uint32_t nr);
int opv_counters_fini(struct opv_counters *c);

/*
 * opv_counters_add - part[cpu][i] += n
 * @i: 0 <= i < c->nr, not checked
 *
 * Result: as opv_counter_add().
 *
 * Thread-safe, async-signal-safe.
 */
OPV_CALL int opv_counters_add(const struct opv_counters *c, uint32_t i, int64_t n, int cpu)
{
	return opv_add64(c->percpu + i, (uint64_t)n, cpu);
}

/*
 * opv_counters_read, opv_counters_sum, opv_counters_reset - as of one, for all of them
 * @sums: c->nr elements; untouched on error; all of them at the same instant, but for read;
 *	may not lie in per-CPU memory
 *
 * All CPUs are closed for as long as it takes to look at nr words of each.
 *
 * Errors: as opv_counter_sum(); opv_counters_read() has none.
 *
 * Thread-safe, async-signal-safe.
 */
void opv_counters_read(const struct opv_counters *c, int64_t *sums);
int opv_counters_sum(const struct opv_counters *c, int64_t *sums);
int opv_counters_reset(const struct opv_counters *c, int64_t *sums);

/*
 * struct opv_histogram - how often values of which size were seen
 * @counts: one for each bucket
 * @bits: each power of two is divided into 2^bits buckets
 *
 * Bucket i counts values v, low <= v <= high.  Below 2^(bits + 1) a bucket is one value, above
 * it is all values with the same first bits + 1 bits, so high - low is less than low / 2^bits:
 *
 *	bits 3, 12.5 percent, 496 buckets for 64-bit values; 5, 3.2 percent, 1920
 */
struct opv_histogram {
	struct opv_counters counts;
	uint32_t bits;
};

#define OPV_HISTOGRAM_BITS_MAX	12

/*
 * opv_histogram_init - make an empty histogram
 * @h: filled; untouched on error
 * @d: the domain, NULL for the default one
 * @bits: 0 to OPV_HISTOGRAM_BITS_MAX
 * @max: the largest value that is told from larger ones, which share the last bucket;
 *	UINT64_MAX for all there are
 *
 * Errors: -EINVAL @bits; -ENOMEM, -ETIMEDOUT as opv_alloc().
 *
 * Thread-safe, async-signal-safe.
 */
int opv_histogram_init(struct opv_histogram *h, struct opv_domain *d, uint32_t bits, uint64_t max);

/*
 * opv_histogram_fini - give its memory back
 *
 * Errors: as opv_counter_fini().
 *
 * Thread-safe, async-signal-safe.
 */
int opv_histogram_fini(struct opv_histogram *h);

/*
 * opv_histogram_bucket - the bucket that a value goes to, below h->counts.nr
 *
 *	shift = v < 2^bits ? 0 : position of v's highest bit - bits
 *	bucket = (shift << bits) + (v >> shift)
 *
 * Thread-safe, async-signal-safe.
 */
OPV_CALL uint32_t opv_histogram_bucket(const struct opv_histogram *h, uint64_t v)
{
	uint32_t shift = 63 - (uint32_t)__builtin_clzll(v | (uint64_t)1 << h->bits) - h->bits;
	uint32_t i = (shift << h->bits) + (uint32_t)(v >> shift);

	return i < h->counts.nr ? i : h->counts.nr - 1;
}

/*
 * opv_histogram_add - n more values v: part[cpu][bucket of v] += n
 *
 * Result: as opv_counter_add().
 *
 * Thread-safe, async-signal-safe.
 */
OPV_CALL int opv_histogram_add(const struct opv_histogram *h, uint64_t v, uint64_t n, int cpu)
{
	return opv_add64(h->counts.percpu + opv_histogram_bucket(h, v), n, cpu);
}

/*
 * A snapshot is what opv_counters_read(), _sum() or _reset() of h->counts leaves in an array
 * of h->counts.nr elements.  Those of histograms with the same bits and maximum may be
 * added up, or subtracted from a later one, element by element.
 */

/*
 * opv_histogram_total - how many values there are in a snapshot
 *
 * Thread-safe, async-signal-safe.
 */
uint64_t opv_histogram_total(const struct opv_histogram *h, const int64_t *snapshot);

/*
 * opv_histogram_percentile - the value that so many percent of all do not exceed
 * @percent: 0 to 100, else taken for the nearer of them; 0 is the smallest value
 *
 * It is the upper end of a bucket: not less than the exact one, and more by less than one
 * part in 2^bits.  UINT64_MAX: it is larger than the histogram's maximum.  0 when the snapshot
 * is empty.
 *
 * Thread-safe, async-signal-safe.
 */
uint64_t opv_histogram_percentile(const struct opv_histogram *h, const int64_t *snapshot,
				  double percent);

/*
 * opv_histogram_low, opv_histogram_high - the smallest, the largest value of bucket i
 * @i: below h->counts.nr, not checked; the last bucket's high is UINT64_MAX
 *
 * Thread-safe, async-signal-safe.
 */
uint64_t opv_histogram_low(const struct opv_histogram *h, uint32_t i);
uint64_t opv_histogram_high(const struct opv_histogram *h, uint32_t i);

OPV_END_DECLS

#endif /* _OPV_COUNTER_H */
