// SPDX-License-Identifier: MIT
/* What the project wants, and what is measured. */
#include "bench.h"

#include <string.h>

/*
 * THE list of aims: X(text, over, under, threads, sense, limit), of the ratio of two
 * rows in the same round.  under "" means nanoseconds of over; over "a - b" is the
 * difference of two rows, "a | b | c" is the fastest of those that were measured.
 *
 * AT_MOST, AT_LEAST and BELOW speak of the median.  NO_MORE, for "costs nothing
 * measurable": the median is within 2 %, or a quarter of the rounds shows no cost.
 */
#define BENCH_AIMS(X)								\
	X("add / plain increment, same variable", "add64", "tls_add", 1, AT_MOST, 1.5) \
	X("add / plain increment, eight in turn", "add64_round", "tls_add_round", 1, AT_MOST, 1.5) \
	X("add / plain increment, amid other work", "add64_amid", "tls_add_amid", 1, AT_MOST, 1.5) \
	X("uncontended atomic / add", "atomic_own", "add64", 1, AT_LEAST, 7)	\
	X("uncontended atomic / add, eight in turn", "atomic_own_round", "add64_round", 1, AT_LEAST, 7) \
	X("contended atomic / add, two threads", "atomic_shared", "add64", 2, AT_LEAST, 20) \
	X("key compare / register compare", "add64_key", "add64_register", 1, NO_MORE, 1.02) \
	X("key / register compare, eight in turn", "add64_key_round", "add64_register_round", 1, \
	  NO_MORE, 1.02)							\
	X("push and pop / add", "push_pop", "add64", 1, AT_MOST, 4)		\
	X("remote add / bare membarrier, busy CPU", "remote_add_busy", "membarrier_busy", 1, \
	  AT_MOST, 1.25)							\
	X("remote add, idle CPU", "remote_add_idle", "", 1, AT_MOST, 1500)	\
	X("three-op vector, prepared / mutex pair", "vector3_prepared", "mutex_pair", 1, AT_MOST, 1) \
	X("three-op vector, ad hoc / mutex pair", "vector3_adhoc", "mutex_pair", 1, AT_MOST, 1.5) \
	X("one-store vector, prepared / mutex pair", "vector1_prepared", "mutex_pair", 1, \
	  AT_MOST, 0.6)								\
	X("vector copying 4096 less 16 / memcpy", "vector_copy_4096 - vector_copy_16", \
	  "memcpy_4096", 1, AT_MOST, 1.5)					\
	X("best atomic counter / counter", COUNTERS, "counter_add", 1, AT_LEAST, 5) \
	X("best atomic counter / counter, two", COUNTERS, "counter_add", 2, AT_LEAST, 5) \
	X("counter of a thread / counter", "urcu_thread", "counter_add", 1, AT_LEAST, 5) \
	X("exact read of a counter, idle machine", "counter_sum", "", 1, AT_MOST, 2000) \
	X("best other stack / free list", STACKS, "freelist_pair", 1, AT_LEAST, 5) \
	X("best shared stack / free list, two", SHARED_STACKS, "freelist_pair", 2, AT_LEAST, 5) \
	X("best own stack / free list, two", OWN_STACKS, "freelist_pair", 2, AT_LEAST, 5) \
	X("LTTng-UST event / ring record", "lttng_event", "ring_write", 1, AT_LEAST, 3) \
	X("LTTng-UST / ring record with the time", "lttng_event", "ring_write_clock", 1, AT_LEAST, 3) \
	X("LTTng-UST / ring record with the TSC", "lttng_event", "ring_write_ticks", 1, AT_LEAST, 3) \
	X("LTTng-UST event / ring record, two", "lttng_event", "ring_write", 2, AT_LEAST, 3) \
	X("read lock and unlock / add", "rwlock_read", "add64", 1, AT_MOST, 3) \
	X("malloc and free / libc's, 16 bytes", "malloc_pair_16_opv", "malloc_pair_16_libc", 1, \
	  AT_MOST, 1)								\
	X("malloc and free / libc's, 64 bytes", "malloc_pair_64_opv", "malloc_pair_64_libc", 1, \
	  AT_MOST, 1)								\
	X("malloc and free / libc's, 512 bytes", "malloc_pair_512_opv", "malloc_pair_512_libc", 1, \
	  AT_MOST, 1)								\
	X("malloc and free / libc's, 2000 bytes", "malloc_pair_2000_opv", "malloc_pair_2000_libc", \
	  1, AT_MOST, 1)								\
	X("memory / libc's, 512 threads, busy", "malloc_busy_512_opv", "malloc_busy_512_libc", 512, \
	  BELOW, 1)								\
	X("memory / libc's, 512 threads, all freed", "malloc_freed_512_opv", "malloc_freed_512_libc", \
	  512, BELOW, 1)

#define COUNTERS "atomic_shared | urcu_uatomic | urcu_split"
#define SHARED_STACKS "urcu_lfstack | urcu_wfstack | ck_stack"
#define OWN_STACKS "urcu_lfstack_own | ck_stack_own"
#define STACKS SHARED_STACKS " | " OWN_STACKS

enum sense { AT_MOST, AT_LEAST, BELOW, NO_MORE };

static const char *const senses[] = { "at most", "at least", "below", "at most" };

static const struct {
	const char *text, *over, *under;
	int threads;
	enum sense sense;
	double limit;
} aims[] = {
#define X(text, over, under, threads, sense, limit) \
	{ text, over, under, threads, sense, limit },
	BENCH_AIMS(X)
#undef X
};

int bench_nr_aims(void)
{
	return (int)(sizeof(aims) / sizeof(aims[0]));
}

static bool is_met(enum sense sense, double limit, const struct bench_quartiles *q)
{
	switch (sense) {
	case AT_MOST:
		return q->median <= limit;
	case AT_LEAST:
		return q->median >= limit;
	case BELOW:
		return q->median < limit;
	default:
		return q->median <= limit || q->q1 <= 1;
	}
}

/* The fastest of "a | b | c", of those that were measured. */
static const struct bench_row *fastest(const struct bench *b, const char *names, int threads)
{
	const struct bench_row *best = NULL, *row;
	char name[32];
	int len;

	for (; sscanf(names, "%31[a-z0-9_]%n", name, &len) == 1; names += strspn(names, " |")) {
		names += len;
		row = bench_find(b, name, threads);
		if (row && (!best || row->figure.median < best->figure.median))
			best = row;
	}
	return best;
}

/* What stands behind the minus, if there is one. */
static const char *subtrahend(const char *over)
{
	const char *minus = strchr(over, '-');

	return minus ? minus + 2 : "";
}

void bench_aim(const struct bench *b, int i, struct bench_aim *aim)
{
	const char *minus = subtrahend(aims[i].over);
	const struct bench_row *over = fastest(b, aims[i].over, aims[i].threads);
	const struct bench_row *less = bench_find(b, minus, aims[i].threads);
	const struct bench_row *under = bench_find(b, aims[i].under, aims[i].threads);
	bool absolute = !*aims[i].under;

	*aim = (struct bench_aim){
		.text = aims[i].text,
		.sense = senses[aims[i].sense],
		.limit = aims[i].limit,
		.unit = absolute ? "ns" : "x",
		.measured = over && (less || !*minus) && (under || absolute),
	};
	if (!aim->measured)
		return;
	aim->best = strchr(aims[i].over, '|') ? over->c->name : NULL;
	aim->q = over->figure;
	aim->dirty = absolute ? over->dirty : bench_ratio(over, less, under, &aim->q);
	aim->met = is_met(aims[i].sense, aims[i].limit, &aim->q);
}
