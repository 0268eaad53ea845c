// SPDX-License-Identifier: MIT
/* The same work by vectors and under mutexes, by threads that are preempted in it. */
#define _GNU_SOURCE
#include "bench_preempted.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define VERB "bench"
#define WORDS 3
#define SLEEP_NS 100000		/* of a visitor */

enum part { WORKER_A, WORKER_B, VISITOR, HOG, NR_PARTS };

struct hand {
	_Alignas(128) pthread_t thread;
	enum part part;
	enum bench_means by;
	bool clocked;			/* each operation of a worker */
	int cpu;
	uint64_t done;
	int failed;			/* what a vector answered */
	struct bench_histogram took;
};

struct guarded {
	_Alignas(128) pthread_mutex_t mutex;
	uint64_t words[WORDS];
};

static struct opv_domain *domain;
static struct opv_prepared prepared;
static uint64_t *words;			/* a handle */
static struct guarded *guarded;		/* by CPU number */
static uint64_t done[BENCH_NR_MEANS];
static _Atomic bool stop;
static pthread_barrier_t begin;

static uint64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static int by_mutex(void)
{
	struct guarded *g = &guarded[sched_getcpu()];
	int i;

	pthread_mutex_lock(&g->mutex);
	for (i = 0; i < WORDS; i++)
		__atomic_store_n(&g->words[i], g->words[i] + 1, __ATOMIC_RELAXED);
	pthread_mutex_unlock(&g->mutex);
	return 0;
}

static inline int operate(enum bench_means by)
{
	return by == BENCH_BY_VECTOR ? opv_run_prepared(&prepared, NULL, OPV_THIS_CPU) : by_mutex();
}

static inline void operate_once(struct hand *h)
{
	int ret = operate(h->by);

	if (ret)
		h->failed = ret;
	h->done++;
}

static inline void operate_clocked(struct hand *h)
{
	uint64_t start = now();

	operate_once(h);
	bench_note(&h->took, now() - start);
}

static inline bool stopped(void)
{
	return atomic_load_explicit(&stop, memory_order_relaxed);
}

static void visit(struct hand *h)
{
	struct timespec t = { 0, SLEEP_NS };

	while (!stopped()) {
		clock_nanosleep(CLOCK_MONOTONIC, 0, &t, NULL);
		operate_clocked(h);
	}
}

static void toil(struct hand *h)
{
	if (h->clocked)
		while (!stopped())
			operate_clocked(h);
	else
		while (!stopped())
			operate_once(h);
}

static void *work(void *arg)
{
	struct hand *h = arg;

	pthread_barrier_wait(&begin);
	if (h->part == VISITOR)
		visit(h);
	else if (h->part != HOG)
		toil(h);
	else
		while (!stopped())
			__asm__ __volatile__("" : : : "memory");
	return NULL;
}

static void start(struct hand *h)
{
	pthread_attr_t attr;
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(h->cpu, &set);
	pthread_attr_init(&attr);
	if (pthread_attr_setaffinity_np(&attr, sizeof(set), &set) ||
	    pthread_create(&h->thread, &attr, work, h))
		die(VERB, "cannot start a thread");
	pthread_attr_destroy(&attr);
}

static void finish(struct hand *h, struct bench_preempted *p)
{
	pthread_join(h->thread, NULL);
	if (h->failed)
		die(VERB, "a vector answered %d", h->failed);
	done[h->by] += h->done;
	bench_merge(h->part == VISITOR ? &p->visitors[h->by] : &p->workers[h->by], &h->took);
}

/* Everybody at it for a while; operations a second of all CPUs. */
static double slice(const struct bench *b, struct bench_preempted *p, enum bench_means by,
		    bool clocked)
{
	int n = b->nr_cpus * NR_PARTS, i;
	struct hand *hands = aligned_alloc(128, (size_t)n * sizeof(*hands));
	struct timespec t = { (time_t)(p->slice / 1000000000), (long)(p->slice % 1000000000) };
	uint64_t sum = 0, from, to;

	if (!hands || pthread_barrier_init(&begin, NULL, (unsigned int)n + 1))
		die(VERB, "no memory");
	memset(hands, 0, (size_t)n * sizeof(*hands));
	atomic_store(&stop, false);
	for (i = 0; i < n; i++) {
		hands[i].part = (enum part)(i % NR_PARTS);
		hands[i].cpu = b->cpus[i / NR_PARTS];
		hands[i].by = by;
		hands[i].clocked = clocked;
		start(&hands[i]);
	}
	pthread_barrier_wait(&begin);
	from = now();
	clock_nanosleep(CLOCK_MONOTONIC, 0, &t, NULL);
	atomic_store(&stop, true);
	to = now();
	for (i = 0; i < n; i++) {
		finish(&hands[i], p);
		sum += hands[i].done;
	}
	pthread_barrier_destroy(&begin);
	free(hands);
	return (double)sum * 1e9 / (double)(to - from);
}

static void make(void)
{
	struct cpu_op vec[WORDS];
	int nr, i;

	if (opv_domain_create(&domain, NULL) || opv_alloc(domain, 64, 64, &words))
		die(VERB, "no memory for a domain");
	for (i = 0; i < WORDS; i++)
		vec[i] = opv_op_add(words + i, 1, 8);
	if (opv_prepare(&prepared, domain, vec, WORDS))
		die(VERB, "cannot prepare a vector");
	nr = opv_domain_cpus(domain);
	guarded = aligned_alloc(128, (size_t)nr * sizeof(*guarded));
	if (!guarded)
		die(VERB, "no memory");
	memset(guarded, 0, (size_t)nr * sizeof(*guarded));
	for (i = 0; i < nr; i++)
		pthread_mutex_init(&guarded[i].mutex, NULL);
}

/* Each word of each CPU counted the same, and all together what was done. */
static void check(void)
{
	uint64_t sums[BENCH_NR_MEANS] = { 0 };
	const uint64_t *v, *m;
	int cpu, i;

	for (cpu = 0; cpu < opv_domain_cpus(domain); cpu++) {
		v = opv_ptr(words, cpu);
		m = guarded[cpu].words;
		for (i = 1; i < WORDS; i++)
			if (v[i] != v[0] || m[i] != m[0])
				die(VERB, "the work was not done as it should: words differ");
		sums[BENCH_BY_VECTOR] += v[0];
		sums[BENCH_BY_MUTEX] += m[0];
	}
	if (memcmp(sums, done, sizeof(sums)))
		die(VERB, "the work was not done as it should: additions were lost or doubled");
}

void bench_preempted_run(struct bench *b, struct bench_preempted *p)
{
	int round, turn;

	make();
	for (turn = 0; turn < BENCH_NR_MEANS; turn++) {
		p->rate[turn] = calloc((size_t)b->rounds, sizeof(double));
		if (!p->rate[turn])
			die(VERB, "no memory");
	}
	for (round = 0; round < b->rounds; round++)
		for (turn = 0; turn < BENCH_NR_MEANS; turn++) {
			enum bench_means by = (enum bench_means)((round + turn) % BENCH_NR_MEANS);

			p->rate[by][round] = slice(b, p, by, false);
			slice(b, p, by, true);
		}
	check();
}
