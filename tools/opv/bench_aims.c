// SPDX-License-Identifier: MIT
/* What the project wants, and what is measured. */
#include "bench.h"

/*
 * THE list of aims: X(text, over, under, threads, sense, limit), of the ratio of two
 * rows in the same round.  under "" means nanoseconds of over; over "a - b" is the
 * difference of two rows.
 *
 * AT_MOST and AT_LEAST speak of the median.  NO_MORE, for "costs nothing
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
	  "memcpy_4096", 1, AT_MOST, 1.5)

enum sense { AT_MOST, AT_LEAST, NO_MORE };

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
	default:
		return q->median <= limit || q->q1 <= 1;
	}
}

struct difference {
	char over[32], less[32];
};

static struct difference split(const char *text)
{
	struct difference d = { "", "" };

	sscanf(text, "%31[a-z0-9_] - %31[a-z0-9_]", d.over, d.less);
	return d;
}

void bench_aim(const struct bench *b, int i, struct bench_aim *aim)
{
	struct difference d = split(aims[i].over);
	const struct bench_row *over = bench_find(b, d.over, aims[i].threads);
	const struct bench_row *less = bench_find(b, d.less, aims[i].threads);
	const struct bench_row *under = bench_find(b, aims[i].under, aims[i].threads);
	bool absolute = !*aims[i].under;

	*aim = (struct bench_aim){
		.text = aims[i].text,
		.sense = aims[i].sense == AT_LEAST ? "at least" : "at most",
		.limit = aims[i].limit,
		.unit = absolute ? "ns" : "x",
		.measured = over && (less || !*d.less) && (under || absolute),
	};
	if (!aim->measured)
		return;
	aim->q = over->time;
	aim->dirty = absolute ? over->dirty : bench_ratio(b, over, less, under, &aim->q);
	aim->met = is_met(aims[i].sense, aims[i].limit, &aim->q);
}
