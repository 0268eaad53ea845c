// SPDX-License-Identifier: MIT
/*
 * The logs of a domain never run out: not by more threads than there are of them, by
 * threads and processes that end, by domains in turn, by handlers in handlers,
 * nor by handlers that do not go back to the vector they interrupted.
 */
#define _GNU_SOURCE
#include "places.h"

#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

#include "code.h"

#define MORE_THREADS	450	/* than OPV_NR_LOGS in src/domain.h */
#define IN_TURN		2000
#define GENERATIONS	20
#define DOMAINS		10
#define DEEP		6	/* handlers, each of which interrupts a vector */

struct pair {
	uint64_t a, b;
};

static int here;
static struct opv_domain *domain;
static struct pair *pairs;
static bool has_sections;

static struct opv_counts counts(void)
{
	struct opv_counts c;

	opv_counts(OPV_ALL_CPUS, &c, sizeof(c));
	return c;
}

/* Two stores, so that it needs a log. */
static int add_both(struct opv_domain *d, struct pair *p, int cpu)
{
	struct pair *at = opv_ptr(p, cpu);
	struct cpu_op vec[] = {
		opv_op_compare_eq(&at->a, &at->b, 8),
		opv_op_add(&at->a, 1, 8),
		opv_op_add(&at->b, 1, 8),
	};

	return opv_vector(d, vec, 3, cpu);
}

/* The sum over all CPUs, or -1 when a pair is torn. */
static int64_t sum_of(struct opv_domain *d, struct pair *p)
{
	int64_t sum = 0;
	int cpu;

	for (cpu = 0; cpu < opv_domain_cpus(d); cpu++) {
		struct pair *at = opv_ptr(p, cpu);

		if (at->a != at->b)
			return -1;
		sum += (int64_t)at->a;
	}
	return sum;
}

static pthread_barrier_t barrier;

static void *many_adds(void *arg)
{
	int i;

	pthread_barrier_wait(&barrier);
	for (i = 0; i < 100; i++)
		*(int *)arg += add_both(domain, pairs, opv_cpu()) != 0;
	pthread_barrier_wait(&barrier);
	return NULL;
}

static void test_more_threads(void)
{
	static int failed[MORE_THREADS];
	int64_t before = sum_of(domain, pairs);
	pthread_t threads[MORE_THREADS];
	int i, failures = 0;
	pthread_attr_t attr;

	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, 128 << 10);
	pthread_barrier_init(&barrier, NULL, MORE_THREADS);
	for (i = 0; i < MORE_THREADS; i++)
		if (pthread_create(&threads[i], &attr, many_adds, &failed[i])) {
			skip("more threads at once than there are logs", "threads cannot be made");
			exit(done());
		}
	for (i = 0; i < MORE_THREADS; i++) {
		pthread_join(threads[i], NULL);
		failures += failed[i];
	}
	is(failures, 0, "vectors of %d threads at once all succeed", MORE_THREADS);
	is(sum_of(domain, pairs) - before, 100 * MORE_THREADS, "and are all there");
}

static void *one_add(void *arg)
{
	pin_to(here);
	*(int *)arg += add_both(domain, pairs, here) != 0;
	return NULL;
}

static void test_threads_in_turn(void)
{
	struct opv_counts before = counts(), after;
	int64_t sum = sum_of(domain, pairs);
	pthread_t thread;
	int i, failed = 0;

	for (i = 0; i < IN_TURN; i++) {
		pthread_create(&thread, NULL, one_add, &failed);
		pthread_join(thread, NULL);
	}
	after = counts();
	is(failed, 0, "a vector of each of %d threads in turn succeeds", IN_TURN);
	is(sum_of(domain, pairs) - sum, IN_TURN, "and is there");
	if (!has_sections)
		return;
	ok(after.engine_local - before.engine_local >= IN_TURN - 5,
	   "by the local engine (%llu), for logs of threads that ended serve again",
	   (unsigned long long)(after.engine_local - before.engine_local));
}

/* A child of a child and so on; answers how many generations had all as it should be. */
static int generation(int n, int64_t sum)
{
	struct opv_counts before = counts();
	int status = 0;
	pid_t pid;

	if (add_both(domain, pairs, here) || sum_of(domain, pairs) != sum + 1 ||
	    (has_sections && counts().engine_local == before.engine_local))
		return 0;
	if (n == GENERATIONS)
		return 1;
	pid = fork();
	if (!pid)
		_exit(generation(n + 1, sum + 1));
	waitpid(pid, &status, 0);
	return 1 + (WIFEXITED(status) ? WEXITSTATUS(status) : 0);
}

static void test_generations(void)
{
	is(generation(1, sum_of(domain, pairs)), GENERATIONS,
	   "children of children make local vectors, %d generations long", GENERATIONS);
}

static void test_domains(void)
{
	struct opv_domain *d[DOMAINS];
	struct opv_counts before, after;
	struct pair *p[DOMAINS];
	int i, failed = 0;
	bool good = true;

	for (i = 0; i < DOMAINS; i++)
		failed += opv_domain_create(&d[i], NULL) || opv_new(d[i], &p[i]);
	before = counts();
	for (i = 0; i < 100 * DOMAINS; i++)
		failed += add_both(d[i % DOMAINS], p[i % DOMAINS], here) != 0;
	after = counts();
	for (i = 0; i < DOMAINS; i++) {
		good &= sum_of(d[i], p[i]) == 100;
		failed += opv_domain_destroy(d[i]) != 0;
	}
	ok(good && !failed, "%d domains in turn by one thread", DOMAINS);
	if (has_sections)
		ok(after.engine_local - before.engine_local >= 100 * DOMAINS - 5,
		   "by the local engine (%llu)",
		   (unsigned long long)(after.engine_local - before.engine_local));
	is(add_both(domain, pairs, here), 0, "and the first domain after those are gone");
}

/* Where a vector gives its log back: it has happened then, and its log is still busy. */
extern void opv_log_give(struct opv_domain *d, uint32_t index);

static uint8_t *give_back;
static volatile int depth, deepest, handler_failed;
static volatile bool leave;
static __thread sigjmp_buf out;

static void on_trap(int sig, siginfo_t *info, void *context)
{
	greg_t *ip = &((ucontext_t *)context)->uc_mcontext.gregs[REG_RIP];

	(void)sig, (void)info;
	if (*ip == (greg_t)(uintptr_t)planted + 1)
		*ip = (greg_t)(uintptr_t)planted;
	unplant();
	if (leave)
		siglongjmp(out, 1);
	if (++depth > deepest)
		deepest = depth;
	if (depth < DEEP) {
		plant(give_back);
		handler_failed += add_both(domain, pairs, here) != 0;
		unplant();
	} else {
		handler_failed += add_both(domain, pairs, here) != 0;
	}
	depth--;
}

static void test_nested(void)
{
	int64_t sum = sum_of(domain, pairs);
	int failed;

	leave = false;
	deepest = 0;
	plant(give_back);
	failed = add_both(domain, pairs, here) != 0;
	unplant();
	ok(!failed && !handler_failed && deepest >= 3,
	   "handlers interrupt vectors of handlers, %d deep, and then the logs of a thread end",
	   deepest);
	is(sum_of(domain, pairs) - sum, deepest + 1, "each vector is there");
}

/* 1: the handler did not go back. */
static __attribute__((__noinline__)) int leave_one(volatile int *failed)
{
	if (sigsetjmp(out, 1))
		return 1;
	plant(give_back);
	*failed += add_both(domain, pairs, here) != 0;
	unplant();
	return 0;
}

static void *leaves(void *arg)
{
	int64_t sum = sum_of(domain, pairs);
	volatile int failed = 0;
	int i, left = 0;

	pin_to(here);
	leave = true;
	for (i = 0; i < 10; i++)
		left += leave_one(&failed);
	for (i = 0; i < 100; i++)
		failed += add_both(domain, pairs, here) != 0;
	*(bool *)arg = !failed && left > 2 && sum_of(domain, pairs) - sum == 110;
	diag("%d vectors were left", left);
	return NULL;
}

static void test_left(void)
{
	pthread_t thread;
	bool good = false;

	pthread_create(&thread, NULL, leaves, &good);
	pthread_join(thread, NULL);
	ok(good, "a thread whose handlers do not go back goes on, vector after vector");
}

/* An owner that goes away for good, from any instruction. */
static struct target target;
static struct state before;
static const struct text *text;
static bool met;

static void *goes_away(void *arg)
{
	char own[OWN] __attribute__((__aligned__(8)));
	struct cpu_op vec[16];

	pin_to(here);
	memcpy(own, before.own, OWN);
	build(vec, text->v, text->count, target.data, own);
	met = true;
	if (!sigsetjmp(out, 1)) {
		plant(arg);
		opv_vector(target.d, vec, text->count, here);
		unplant();
		met = false;
	}
	return NULL;
}

static bool happened_or_not(const struct rival *r, int ret, int *happened)
{
	struct state s;
	int with;

	for (with = 0; with < 2; with++) {
		s = before;
		if (with)
			model(text->v, text->count, &s);
		if (model(r->v, r->count, &s) == ret && !memcmp(s.data, target.data, DATA)) {
			*happened += with;
			return true;
		}
	}
	return false;
}

static void test_gone(int which)
{
	int i, nr = 0, happened = 0;
	pthread_t thread;
	bool good = true;

	leave = true;
	text = &texts[which];
	for (i = 0; i < nr_code && good; i++) {
		const struct rival *r = &rivals[i % NR_RIVALS];

		memcpy(target.data, before.data, DATA);
		pthread_create(&thread, NULL, goes_away, code[i]);
		pthread_join(thread, NULL);
		if (!met)
			continue;
		nr++;
		good = happened_or_not(r, run_rival(&target, r), &happened);
		if (!good)
			diag("gone at opv_vector + %td", code[i] - (uint8_t *)(uintptr_t)opv_vector);
	}
	ok(good && nr > 100 && happened && happened < nr,
	   "%s: its thread ends at each of %d instructions, all of it (%d) or nothing", text->name, nr,
	   happened);
}

static void test_handlers(void)
{
	struct sigaction sa = { .sa_sigaction = on_trap, .sa_flags = SA_SIGINFO | SA_NODEFER };
	const char *why = find_instructions();
	void *handle;

	if (!ok(!why && !sigaction(SIGTRAP, &sa, NULL), "breakpoints can be set")) {
		diag("%s", why);
		return;
	}
	give_back = (uint8_t *)(uintptr_t)opv_log_give;
	test_nested();
	test_left();
	opv_alloc(domain, DATA, 64, &handle);
	target = (struct target){ domain, handle, opv_ptr_(handle, here), here };
	first_state(&before);
	test_gone(1);
	test_gone(2);
}

int main(void)
{
	struct opv_status status;

	opv_status(&status, sizeof(status));
	has_sections = status.fast;
	here = allowed_cpu(0);
	if (!ok(!opv_domain_create(&domain, NULL) && !opv_new(domain, &pairs), "a domain"))
		return done();
	test_more_threads();
	pin_to(here);
	test_threads_in_turn();
	test_generations();
	test_domains();
	if (has_sections)
		test_handlers();
	else
		skip("handlers that interrupt vectors", status.why);
	return done();
}
