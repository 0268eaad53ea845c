// SPDX-License-Identifier: MIT
/*
 * Rounds.  In each one every row is sampled once, in an order of the round's
 * own, so that whatever the machine does meanwhile meets all rows alike.  (Of
 * memory in the first ones only: it depends less on the machine, and takes longer.)  The
 * main thread is worker 0; the others sleep while they have nothing to measure.
 */
#define _GNU_SOURCE
#include "bench.h"
#include "bench_malloc.h"
#include "bench_peers.h"

#include <errno.h>
#include <sched.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#define VERB "bench"
#define CALIBRATION_NS 50000
#define RETAKES 3
#define LATE 20			/* by more than a twentieth of the sample */

struct worker {
	_Alignas(128) pthread_t thread;
	sem_t go;
	cpu_set_t allowed;		/* of this thread at this moment */
	double ns;			/* an operation, of the last sample */
	uint64_t start, end;		/* of the last sample */
	bool preempted;			/* in it */
};

static struct worker *workers;
static struct bench_ctx *contexts;

/* The sample in progress. */
static const struct bench_case *job;
static uint64_t job_n;
static int job_threads;
static bool job_pinned;
static _Atomic int ready, finished;

/* When to stop taking samples again. */
static uint64_t deadline = UINT64_MAX;

/* The thread that makes another CPU busy. */
static pthread_t spinner;
static sem_t spinner_go;
static _Atomic bool spin, spins;
static bool spinner_preempted;

static uint64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

/* How often the kernel took the CPU away from this thread. */
static long preemptions(void)
{
	struct rusage u;

	getrusage(RUSAGE_THREAD, &u);
	return u.ru_nivcsw;
}

/* Spinning wakes up sooner than sleeping does, if there is a CPU to spin on. */
static void wait_until(_Atomic int *value, int wanted)
{
	int tries;

	for (tries = 0; atomic_load(value) < wanted; tries++)
		if (tries > 10000)
			sched_yield();
}

static void allow(struct worker *w, const cpu_set_t *set)
{
	if (CPU_EQUAL(&w->allowed, set))
		return;
	if (pthread_setaffinity_np(pthread_self(), sizeof(*set), set))
		die(VERB, "cannot bind a thread to a CPU");
	w->allowed = *set;
}

static void place(const struct bench *b, int index, bool pinned)
{
	struct bench_ctx *c = &contexts[index];
	cpu_set_t set;
	int i;

	CPU_ZERO(&set);
	for (i = 0; i < b->nr_cpus; i++)
		if (!pinned || i == index % b->nr_cpus)
			CPU_SET(b->cpus[i], &set);
	allow(&workers[index], &set);
	c->cpu = pinned ? b->cpus[index % b->nr_cpus] : -1;
	c->other = b->nr_cpus > 1 ? b->cpus[(index + 1) % b->nr_cpus] : -1;
}

static void sample_here(const struct bench *b, int index)
{
	struct worker *w = &workers[index];
	long before;

	place(b, index, job_pinned);
	before = preemptions();
	atomic_fetch_add(&ready, 1);
	wait_until(&ready, job_threads);
	w->start = now();
	job->run(&contexts[index], job_n);
	w->end = now();
	w->ns = (double)(w->end - w->start) / (double)job_n;
	w->preempted = preemptions() != before;
	atomic_fetch_add(&finished, 1);
}

static const struct bench *the_bench;

static void *work(void *arg)
{
	int index = (int)((struct worker *)arg - workers);

	for (;;) {
		while (sem_wait(&workers[index].go) && errno == EINTR)
			;
		sample_here(the_bench, index);
	}
	return NULL;
}

static void *make_busy(void *arg)
{
	long before;

	(void)arg;
	for (;;) {
		while (sem_wait(&spinner_go) && errno == EINTR)
			;
		before = preemptions();
		atomic_store(&spins, true);
		while (atomic_load_explicit(&spin, memory_order_relaxed))
			__asm__ __volatile__("" : : : "memory");
		spinner_preempted = preemptions() != before;
		atomic_store(&spins, false);
	}
	return NULL;
}

static void set_busy(bool on)
{
	atomic_store(&spin, on);
	if (on)
		sem_post(&spinner_go);
	while (atomic_load(&spins) != on)
		sched_yield();
}

/* Forced engines are a matter of the whole process. */
static void set_forces(unsigned int flags, bool on)
{
	if (flags & BENCH_FORCE_ALL)
		opv_force(OPV_ENGINE_FENCE, on ? 100 : 0);
	if (flags & BENCH_FORCE_SOME)
		opv_force(OPV_ENGINE_FENCE, on ? 1 : 0);
	if (flags & BENCH_COUNT)
		opv_count_fast(on);
}

/* Of the process that has the allocator; this one sleeps. */
static bool process_preempted;

static double sample_process(const struct bench *b, const struct bench_case *c, uint64_t n)
{
	bool pinned = b->pin || (c->flags & BENCH_OTHER);

	place(b, 0, false);
	return bench_malloc_sample(c, n, pinned ? b->cpus[0] : -1, pinned ? b->cpus[b->nr_cpus > 1] : -1,
				   &process_preempted);
}

/* One sample: nanoseconds of an operation, the mean of the threads. */
static double sample_once(const struct bench *b, const struct bench_row *row, uint64_t n)
{
	unsigned int flags = row->c->flags;
	double sum = 0;
	int i;

	if (row->c->work)
		return sample_process(b, row->c, n);
	job = row->c;
	job_n = n;
	job_threads = row->threads;
	job_pinned = b->pin || (flags & BENCH_OTHER);
	atomic_store(&ready, 0);
	atomic_store(&finished, 0);
	place(b, 0, job_pinned);
	set_forces(flags, true);
	if (flags & BENCH_BUSY)
		set_busy(true);
	for (i = 1; i < row->threads; i++)
		sem_post(&workers[i].go);
	sample_here(b, 0);
	wait_until(&finished, row->threads);
	if (flags & BENCH_BUSY)
		set_busy(false);
	set_forces(flags, false);
	if (flags & BENCH_ADDS)
		bench_world.added += n * (uint64_t)row->threads;
	for (i = 0; i < row->threads; i++)
		sum += workers[i].ns;
	return sum / row->threads;
}

/* A thread that began late let the others work alone for a while. */
static bool began_late(const struct worker *w)
{
	const struct worker *first = &workers[0];

	return w->start > first->start + (first->end - first->start) / LATE ||
	       first->start > w->start + (w->end - w->start) / LATE;
}

static bool was_disturbed(const struct bench_row *row)
{
	bool any = (row->c->flags & BENCH_BUSY) && spinner_preempted;
	int i;

	if (row->c->work)
		return process_preempted;
	for (i = 0; i < row->threads; i++)
		any = any || workers[i].preempted || began_late(&workers[i]);
	return any;
}

/*
 * Once more when somebody else had one of the CPUs meanwhile: that is not what the
 * row costs.  Not for ever, and not where the threads themselves are too many.
 * Everything together shall take twice as long as was asked for, not ten times.
 */
static double sample(struct bench *b, const struct bench_row *row, uint64_t n, bool *disturbed)
{
	double ns = sample_once(b, row, n);
	int again;

	*disturbed = false;
	if (row->threads > b->nr_cpus)
		return ns;
	for (again = 0; again < RETAKES && was_disturbed(row) && now() < deadline; again++) {
		b->retaken++;
		ns = sample_once(b, row, n);
	}
	*disturbed = was_disturbed(row);
	b->disturbed += *disturbed;
	return ns;
}

/* How many iterations make a sample?  Each row is warm afterwards. */
static void calibrate(struct bench *b, struct bench_row *row)
{
	double ns, again;
	uint64_t n = 1;
	bool disturbed;

	row->n = 1;
	if (row->c->group == BENCH_MEMORY)
		return;
	for (;;) {
		ns = sample(b, row, n, &disturbed);
		if (ns * (double)n >= CALIBRATION_NS || n > UINT64_C(1) << 40)
			break;
		n *= 4;
	}
	again = sample(b, row, n, &disturbed);
	if (again < ns)
		ns = again;
	row->n = ns > 0 ? (uint64_t)((double)b->sample / ns) : n;
	if (!row->n)
		row->n = 1;
}

static void start_threads(struct bench *b)
{
	const char *wrong = bench_world_make(b->cpus, b->nr_cpus);
	pthread_attr_t attr;
	cpu_set_t set;
	int i;

	the_bench = b;
	workers = aligned_alloc(128, (size_t)b->threads * sizeof(*workers));
	contexts = aligned_alloc(128, (size_t)b->threads * sizeof(*contexts));
	if (!wrong && (!workers || !contexts))
		wrong = "no memory";
	if (wrong)
		die(VERB, "%s", wrong);
	memset(workers, 0, (size_t)b->threads * sizeof(*workers));
	for (i = 0; i < b->threads && !wrong; i++) {
		wrong = bench_ctx_make(&contexts[i], i);
		if (sem_init(&workers[i].go, 0, 0) ||
		    (i && pthread_create(&workers[i].thread, NULL, work, &workers[i])))
			wrong = "cannot start a thread";
	}
	if (wrong)
		die(VERB, "%s", wrong);
	/* Also where it never spins: with a second thread glibc's mutexes take no shortcut. */
	CPU_ZERO(&set);
	CPU_SET(b->cpus[b->nr_cpus > 1], &set);
	pthread_attr_init(&attr);
	pthread_attr_setaffinity_np(&attr, sizeof(set), &set);
	if (sem_init(&spinner_go, 0, 0) || pthread_create(&spinner, &attr, make_busy, NULL))
		die(VERB, "cannot start a thread");
	pthread_attr_destroy(&attr);
}

static void progress(const char *what, int done, int of)
{
	if (isatty(STDERR_FILENO))
		fprintf(stderr, "\r%s %d of %d\033[K", what, done, of);
}

static void shuffle(int *order, int n)
{
	static uint64_t state = UINT64_C(88172645463325252);
	int i, j, swap;

	for (i = n - 1; i > 0; i--) {
		state ^= state << 13;
		state ^= state >> 7;
		state ^= state << 17;
		j = (int)(state % (uint64_t)(i + 1));
		swap = order[i];
		order[i] = order[j];
		order[j] = swap;
	}
}

static void allocate_samples(struct bench *b)
{
	int i;

	for (i = 0; i < b->nr_rows; i++) {
		b->rows[i].value = calloc((size_t)b->rounds, sizeof(double));
		b->rows[i].disturbed = calloc((size_t)b->rounds, sizeof(bool));
		if (!b->rows[i].value || !b->rows[i].disturbed)
			die(VERB, "no memory");
	}
}

void bench_run(struct bench *b)
{
	int *order = calloc((size_t)b->nr_rows, sizeof(int)), round, i;
	const char *wrong;

	if (!order)
		die(VERB, "no memory");
	start_threads(b);
	allocate_samples(b);
	for (i = 0; i < b->nr_rows; i++) {
		progress("warming up", i + 1, b->nr_rows);
		calibrate(b, &b->rows[i]);
		order[i] = i;
	}
	b->retaken = b->disturbed = 0;
	deadline = now() + 2 * b->sample * (uint64_t)b->rounds * (uint64_t)b->nr_rows;
	for (round = 0; round < b->rounds; round++) {
		progress("round", round + 1, b->rounds);
		shuffle(order, b->nr_rows);
		for (i = 0; i < b->nr_rows; i++) {
			struct bench_row *row = &b->rows[order[i]];

			if (round < row->rounds)
				row->value[round] = sample(b, row, row->n, &row->disturbed[round]);
		}
	}
	if (isatty(STDERR_FILENO))
		fputs("\r\033[K", stderr);
	wrong = bench_world_check(contexts, b->threads);
	if (!wrong)
		wrong = bench_peers_end();
	if (!wrong)
		wrong = bench_malloc_end();
	if (wrong)
		die(VERB, "the work was not done as it should: %s", wrong);
	free(order);
}
