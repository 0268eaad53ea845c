// SPDX-License-Identifier: MIT
/*
 * Words that belong together stay together: accounts whose sum is constant, nodes
 * that are on one of two lists, a count with its sum and its maximum.  Changed by
 * vectors of all kinds, on all engines, in threads that move and are interrupted by
 * handlers which do the same; and in shared memory by processes that are killed.
 * Arguments: seed, milliseconds of each part.
 */
#define _GNU_SOURCE
#include "../ops/ops.h"

#include <pthread.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#define ACCOUNTS	8
#define NODES		15
#define THREADS		4
#define CHILDREN	3

/* What each CPU has.  Nodes have the numbers 1 to NODES, 0 ends a list. */
struct world {
	uint64_t account[ACCOUNTS];
	uint64_t head[2], len[2];
	uint64_t next[NODES + 1];
	uint64_t count, sum, max;
};

static struct opv_domain *domain;
static struct world *world;
static int cpus[2], nr_cpus;

/* Of each thread.  A handler's operations are the thread's. */
struct worker {
	uint64_t state, in_handler;
	uint64_t counted, errors, torn, done;
	pthread_t thread;
};

static __thread struct worker *me;
static volatile bool stop;

/* By any of the ways that lead to a vector. */
static int run(struct worker *w, uint64_t *state, struct cpu_op *vec, int count, int cpu)
{
	struct opv_request request = { vec, count, cpu, 0 };
	struct opv_prepared p;
	int ret;

	switch (rnd(state) % 8) {
	case 0:
		ret = opv_vectors(domain, &request, 1);
		ret = ret ? ret : request.result;
		break;
	case 1:
	case 2:
		ret = opv_prepare(&p, domain, vec, count);
		ret = ret ? ret : opv_run_prepared(&p, NULL, cpu);
		break;
	default:
		ret = opv_vector(domain, vec, count, cpu);
	}
	w->errors += ret < 0;
	w->done++;
	return ret;
}

static void transfer(struct worker *w, uint64_t *state, struct world *at, int cpu)
{
	int64_t n = (int64_t)(rnd(state) % 1000);
	struct cpu_op vec[] = {
		opv_op_add(&at->account[rnd(state) % ACCOUNTS], -n, 8),
		opv_op_add(&at->account[rnd(state) % ACCOUNTS], 2 * n, 8),
		opv_op_add(&at->account[rnd(state) % ACCOUNTS], -n, 8),
	};

	run(w, state, vec, 3, cpu);
}

/* The first node of one list becomes the first of the other. */
static void move(struct worker *w, uint64_t *state, struct world *at, int cpu)
{
	int to = (int)(rnd(state) % 2), from = !to;
	uint64_t node = __atomic_load_n(&at->head[from], __ATOMIC_RELAXED);
	struct cpu_op vec[] = {
		opv_op_compare_eq(&at->head[from], &node, 8),
		opv_op_memcpy(&at->head[from], &at->next[node], 8),
		opv_op_memcpy(&at->next[node], &at->head[to], 8),
		opv_op_memcpy_release(&at->head[to], &node, 8),
		opv_op_add(&at->len[from], -1, 8),
		opv_op_add(&at->len[to], 1, 8),
	};

	if (node)
		run(w, state, vec, 6, cpu);
}

static void count(struct worker *w, uint64_t *state, struct world *at, int cpu)
{
	uint64_t before = __atomic_load_n(&at->count, __ATOMIC_RELAXED);
	struct cpu_op vec[] = {
		opv_op_compare_eq(&at->count, &before, 8),
		opv_op_add(&at->count, 1, 8),
		opv_op_add(&at->sum, (int64_t)before + 1, 8),
		opv_op_max(&at->max, (int64_t)before + 1, 8),
	};

	w->counted += !run(w, state, vec, 4, cpu);
}

static const char *wrong(const struct world *s)
{
	uint64_t sum = 0, seen = 0, node, len;
	int i;

	for (i = 0; i < ACCOUNTS; i++)
		sum += s->account[i];
	if (sum)
		return "accounts";
	if (s->sum != s->count * (s->count + 1) / 2 || s->max != s->count)
		return "count, sum and maximum";
	for (i = 0; i < 2; i++) {
		for (len = 0, node = s->head[i]; node; node = s->next[node], len++) {
			if (node > NODES || (seen >> node & 1))
				return "lists";
			seen |= UINT64_C(1) << node;
		}
		if (len != s->len[i])
			return "lengths of lists";
	}
	return s->len[0] + s->len[1] == NODES ? NULL : "nodes";
}

/* NULL, or what is torn. */
static const char *look(struct opv_domain *d, struct world *at, int cpu, int *ret)
{
	struct world copy;
	struct cpu_op vec = opv_op_memcpy(&copy, at, sizeof(copy));

	*ret = opv_vector(d, &vec, 1, cpu);
	return *ret ? NULL : wrong(&copy);
}

static void check(struct worker *w, struct world *at, int cpu)
{
	const char *what;
	int ret;

	what = look(domain, at, cpu, &ret);
	w->errors += ret != 0;
	w->torn += what != NULL;
}

static void one(struct worker *w, uint64_t *state)
{
	/* This CPU mostly. */
	int cpu = rnd(state) % 8 ? opv_cpu() : cpus[rnd(state) % (uint64_t)nr_cpus];
	struct world *at = opv_ptr(world, cpu);

	switch (rnd(state) % 8) {
	case 0:
	case 1:
		move(w, state, at, cpu);
		break;
	case 2:
	case 3:
		count(w, state, at, cpu);
		break;
	case 4:
		check(w, at, cpu);
		break;
	default:
		transfer(w, state, at, cpu);
	}
}

/* An interrupted thread's numbers stay its own: a lost increment would look like a lost vector. */
static void on_signal(int sig)
{
	struct worker mine = { 0 };
	int saved = errno;

	(void)sig;
	if (!me)
		return;
	mine.state = me->in_handler;
	one(&mine, &mine.state);
	me->in_handler = mine.state;
	__atomic_fetch_add(&me->counted, mine.counted, __ATOMIC_RELAXED);
	__atomic_fetch_add(&me->errors, mine.errors, __ATOMIC_RELAXED);
	__atomic_fetch_add(&me->torn, mine.torn, __ATOMIC_RELAXED);
	__atomic_fetch_add(&me->done, mine.done, __ATOMIC_RELAXED);
	errno = saved;
}

static void *work(void *arg)
{
	struct worker *w = arg, mine = { .state = w->state };
	int i;

	me = w;
	for (i = 0; !stop; i++) {
		one(&mine, &mine.state);
		if (i % 256 == 0)
			pin_to(cpus[rnd(&mine.state) % (uint64_t)nr_cpus]);
	}
	__atomic_fetch_add(&w->counted, mine.counted, __ATOMIC_RELAXED);
	__atomic_fetch_add(&w->errors, mine.errors, __ATOMIC_RELAXED);
	__atomic_fetch_add(&w->torn, mine.torn, __ATOMIC_RELAXED);
	__atomic_fetch_add(&w->done, mine.done, __ATOMIC_RELAXED);
	return NULL;
}

static uint64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static void begin_worlds(struct opv_domain *d, struct world *h)
{
	int cpu, i;

	for (cpu = 0; cpu < opv_domain_cpus(d); cpu++) {
		struct world *at = opv_ptr(h, cpu);

		for (i = 1; i <= NODES; i++)
			at->next[i] = (uint64_t)(i < NODES ? i + 1 : 0);
		at->head[0] = 1;
		at->len[0] = NODES;
		for (i = 0; i < ACCOUNTS; i++)
			at->account[i] = (uint64_t)(i % 2 ? 1000000 : -1000000);
	}
}

static bool make(uint32_t flags)
{
	struct opv_domain_options options = { .size = sizeof(options), .flags = flags };

	if (opv_domain_create(&domain, &options) || opv_new(domain, &world))
		return false;
	begin_worlds(domain, world);
	return true;
}

static void interrupt_all(struct worker *w)
{
	int i;

	for (i = 0; i < THREADS; i++)
		pthread_kill(w[i].thread, SIGUSR1);
}

static void run_threads(struct worker *w, uint64_t seed, uint64_t ms)
{
	static const int shares[] = { 0, 0, 30, 100 };
	uint64_t end = now_ms() + ms;
	int i;

	stop = false;
	for (i = 0; i < THREADS; i++) {
		w[i].state = seed + (uint64_t)i;
		w[i].in_handler = ~w[i].state;
		pthread_create(&w[i].thread, NULL, work, &w[i]);
	}
	for (i = 0; now_ms() < end; i++) {
		usleep(500);
		interrupt_all(w);
		if (i % 32 == 0)
			opv_force(OPV_ENGINE_FENCE, shares[i / 32 % 4]);
	}
	stop = true;
	for (i = 0; i < THREADS; i++)
		pthread_join(w[i].thread, NULL);
	opv_force(OPV_ENGINE_FENCE, 0);
}

static void test_threads(uint32_t flags, const char *what, uint64_t seed, uint64_t ms)
{
	struct worker w[THREADS], all = { 0 };
	struct opv_counts from, to;
	uint64_t count = 0;
	const char *bad = NULL;
	int i;

	memset(w, 0, sizeof(w));
	if (!ok(make(flags), "a %s", what))
		return;
	opv_counts(OPV_ALL_CPUS, &from, sizeof(from));
	run_threads(w, seed, ms);
	opv_counts(OPV_ALL_CPUS, &to, sizeof(to));
	for (i = 0; i < THREADS; i++) {
		all.counted += w[i].counted;
		all.errors += w[i].errors;
		all.torn += w[i].torn;
		all.done += w[i].done;
	}
	for (i = 0; i < opv_domain_cpus(domain); i++) {
		struct world *at = opv_ptr(world, i);

		count += at->count;
		bad = bad ? bad : wrong(at);
	}
	diag("%llu vectors; by the local engine %llu, by the fence engine %llu",
	     (unsigned long long)all.done, (unsigned long long)(to.engine_local - from.engine_local),
	     (unsigned long long)(to.engine_fence - from.engine_fence));
	is(all.errors, 0, "%s: no vector fails", what);
	is(all.torn, 0, "%s: no reader sees words that do not belong together", what);
	ok(!bad, "%s: nor are they in the end (%s)", what, bad ? bad : "all right");
	is(count, all.counted, "%s: what succeeded is there, once", what);
	opv_domain_destroy(domain);
}

/* A process that works until it is killed. */
static void victim(uint64_t seed)
{
	struct worker w = { .state = seed, .in_handler = ~seed };
	struct itimerval t = { { 0, 700 }, { 0, 700 } };

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	signal(SIGALRM, on_signal);
	setitimer(ITIMER_REAL, &t, NULL);
	opv_force(OPV_ENGINE_FENCE, seed % 3 == 0 ? 0 : seed % 3 == 1 ? 30 : 100);
	stop = false;
	work(&w);
	_exit(1);
}

static pid_t begin_victim(uint64_t *state)
{
	uint64_t seed = rnd(state);
	pid_t pid = fork();

	if (!pid)
		victim(seed);
	return pid;
}

static void test_killed(uint64_t seed, uint64_t ms)
{
	uint64_t state = seed, end, longest = 0;
	int i, ret, kills = 0, errors = 0, torn = 0;
	pid_t pids[CHILDREN];
	struct opv_domain *d;
	struct world *h;

	if (!ok(make(OPV_DOMAIN_SHARED) && !opv_domain_attach(&d, opv_domain_fd(domain), NULL),
		"a shared domain, mapped twice"))
		return;
	h = opv_handle(d, opv_handle_offset(world));
	for (i = 0; i < CHILDREN; i++)
		pids[i] = begin_victim(&state);
	for (end = now_ms() + ms; now_ms() < end; kills++) {
		uint64_t began;
		const char *what;

		i = (int)(rnd(&state) % CHILDREN);
		usleep((useconds_t)(rnd(&state) % 4000));
		kill(pids[i], SIGKILL);
		waitpid(pids[i], NULL, 0);
		pids[i] = begin_victim(&state);
		began = now_ms();
		i = cpus[kills % nr_cpus];
		what = look(d, opv_ptr(h, i), i, &ret);
		if (what)
			diag("%s are torn after %d kills", what, kills);
		torn += what != NULL;
		errors += ret != 0;
		if (now_ms() - began > longest)
			longest = now_ms() - began;
	}
	for (i = 0; i < CHILDREN; i++) {
		kill(pids[i], SIGKILL);
		waitpid(pids[i], NULL, 0);
	}
	for (i = 0; i < nr_cpus; i++) {
		torn += look(d, opv_ptr(h, cpus[i]), cpus[i], &ret) != NULL;
		errors += ret != 0;
		ok(((struct world *)opv_ptr(h, cpus[i]))->count > 100, "CPU %d: %llu counted", cpus[i],
		   (unsigned long long)((struct world *)opv_ptr(h, cpus[i]))->count);
	}
	diag("the survivor waited %llu ms at most", (unsigned long long)longest);
	ok(kills > 20, "%d processes were killed at random", kills);
	is(errors, 0, "no vector of the survivor fails");
	is(torn, 0, "and it sees no words that do not belong together");
}

int main(int argc, char **argv)
{
	uint64_t seed = seed_from(argc, argv), ms = argc > 2 ? strtoull(argv[2], NULL, 0) : 3000;

	for (nr_cpus = 0; nr_cpus < 2 && allowed_cpu(nr_cpus) >= 0; nr_cpus++)
		cpus[nr_cpus] = allowed_cpu(nr_cpus);
	signal(SIGUSR1, on_signal);
	test_threads(0, "domain", seed, ms);
	test_threads(OPV_DOMAIN_SHARED, "shared domain", seed, ms);
	test_killed(seed, ms);
	return done();
}
