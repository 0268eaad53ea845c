// SPDX-License-Identifier: MIT
/*
 * The owner of a vector is stopped at every instruction of the library that it goes
 * through, by a breakpoint, one at a time; a signal there aborts the section that it is
 * in, if any.  While it is stopped there another vector, or a call, runs: in its
 * signal handler; by another thread of that CPU; by a thread of another CPU, in the
 * fence engine; or it is moved to another CPU first.  Each time the results and
 * the memory are those of one after the other.
 *
 * The roads behind a section that was aborted are walked by two breakpoints a vector:
 * one in a section, then one wherever it goes from there.
 *
 * --first ends it with the first failure.
 */
#define _GNU_SOURCE
#include "places.h"

#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <ucontext.h>

#include "code.h"

enum stop { STOP_NOTHING, STOP_HANDLER, STOP_SAME_CPU, STOP_OTHER_CPU, STOP_MOVED, NR_STOPS };

static const char *const stops[] = {
	"is interrupted", "a signal handler", "a thread of that CPU", "the fence engine elsewhere",
	"a thread of that CPU, the owner being moved to another one",
};

enum road { AD_HOC, PREPARED, PREPARED_HERE, NR_ROADS };

static const char *const roads[] = { "ad hoc", "prepared", "prepared for any CPU" };

static int here, other;
static struct target target;
static struct state before, after_owner;
static int owner_ret, rival_ret;
static const struct rival *rival;
static enum stop stop;
static volatile sig_atomic_t hits, aborted;
static uint8_t *second;		/* the breakpoint that counts, once the first was met */

/* A thread that runs the rival when told. */
struct runner {
	pthread_t thread;
	int cpu;
	sem_t go, done;
} runners[2];

static void wait_for(sem_t *s)
{
	while (sem_wait(s))
		;
}

static void *runner(void *arg)
{
	struct runner *r = arg;

	pin_to(r->cpu);
	for (;;) {
		wait_for(&r->go);
		rival_ret = run_rival(&target, rival);
		sem_post(&r->done);
	}
	return NULL;
}

static void run_by(struct runner *r)
{
	sem_post(&r->go);
	wait_for(&r->done);
}

static void on_trap(int sig, siginfo_t *info, void *context)
{
	greg_t *ip = &((ucontext_t *)context)->uc_mcontext.gregs[REG_RIP];

	(void)sig, (void)info;
	if (*ip == (greg_t)(uintptr_t)planted + 1)
		*ip = (greg_t)(uintptr_t)planted;
	else
		aborted++;	/* the kernel took it out of its section */
	unplant();
	if (second) {
		plant(second);
		second = NULL;
		return;
	}
	hits++;
	switch (stop) {
	case STOP_HANDLER:
		rival_ret = run_rival(&target, rival);
		break;
	case STOP_SAME_CPU:
		run_by(&runners[0]);
		break;
	case STOP_OTHER_CPU:
		run_by(&runners[1]);
		break;
	case STOP_MOVED:
		pin_to(other);
		run_by(&runners[0]);
		break;
	default:
		break;
	}
}

static void run_owner(const struct text *t, enum road road, struct opv_prepared *p)
{
	char own[OWN] __attribute__((__aligned__(8)));
	struct cpu_op vec[16];

	memcpy(target.data, before.data, DATA);
	memcpy(own, before.own, OWN);
	if (road == AD_HOC) {
		build(vec, t->v, t->count, target.data, own);
		owner_ret = opv_vector(target.d, vec, t->count, target.cpu);
	} else {
		owner_ret = opv_run_prepared(p, (uint64_t *)own,
					     road == PREPARED ? target.cpu : OPV_THIS_CPU);
	}
	memcpy(after_owner.data, target.data, DATA);
	memcpy(after_owner.own, own, OWN);
	if (stop == STOP_MOVED && hits)
		pin_to(here);
}

/* Is it as if they had run in this order? */
static bool is_order(const struct text *t, bool owner_first)
{
	struct state s = before;
	int o, r;

	if (stop == STOP_NOTHING)
		return model(t->v, t->count, &s) == owner_ret && !memcmp(&s, &after_owner, sizeof(s));
	o = owner_first ? model(t->v, t->count, &s) : 0;
	r = model(rival->v, rival->count, &s);
	o = owner_first ? o : model(t->v, t->count, &s);
	return o == owner_ret && r == rival_ret && !memcmp(&s, &after_owner, sizeof(s));
}

static int nr_runs, first, last;

/* false: the breakpoint was not met. */
static bool try_at(const struct text *t, enum road road, struct opv_prepared *p, uint8_t *at,
		   bool *good)
{
	hits = 0;
	plant(at);
	run_owner(t, road, p);
	unplant();
	if (!hits)
		return false;
	nr_runs++;
	first += is_order(t, true);
	last += is_order(t, false);
	*good = is_order(t, true) || is_order(t, false);
	if (!*good)
		diag("stopped at %p (opv_vector + %td), rival %td by %s: results %d and %d", at,
		     at - (uint8_t *)(uintptr_t)opv_vector, rival - rivals, stops[stop], owner_ret,
		     rival_ret);
	return true;
}

/* All rivals in the handler, which is quick; in threads they take turns. */
static bool try_stop(const struct text *t, enum road road, struct opv_prepared *p, int i,
		     enum stop s, bool *met)
{
	int r, from = s == STOP_HANDLER ? 0 : (i + (int)s) % NR_RIVALS;
	int end = s == STOP_HANDLER ? NR_RIVALS : from + 1;
	bool good = true;

	stop = s;
	for (r = from; good && r < end; r++) {
		rival = &rivals[r];
		*met = try_at(t, road, p, code[i], &good);
		if (!*met)
			return true;
	}
	return good;
}

static bool prepare(struct opv_prepared *p, const struct text *t, enum road road)
{
	struct cpu_op vec[16];

	build(vec, t->v, t->count, road == PREPARED_HERE ? target.handle : target.data, OPV_PARAM(0));
	return !opv_prepare(p, target.d, vec, t->count);
}

static bool first_only;	/* tests end when one has failed */

static void test_text(const struct text *t, enum road road, const char *where)
{
	int i, s, met_at = 0, aborts;
	struct opv_prepared p;
	bool good = true, met;

	if (first_only && tap_failed)
		return;
	nr_runs = first = last = 0;
	aborted = 0;
	if (road != AD_HOC && !prepare(&p, t, road)) {
		ok(false, "%s is prepared", t->name);
		return;
	}
	for (i = 0; i < nr_code && good; i++) {
		for (s = STOP_NOTHING, met = true; s < NR_STOPS && good && met; s++) {
			if (other < 0 && s >= STOP_OTHER_CPU)
				continue;
			/* Moved, it would be a vector of that CPU. */
			if (s == STOP_MOVED && road == PREPARED_HERE)
				continue;
			good = try_stop(t, road, &p, i, s, &met);
		}
		met_at += met;
	}
	aborts = aborted;
	ok(good && met_at > 50,
	   "%s, %s, %s: stopped at each of %d instructions (%d runs, %d in sections), one after "
	   "the other",
	   t->name, roads[road], where, met_at, nr_runs, aborts);
	if (first == nr_runs || last == nr_runs)
		diag("the owner was always %s", first == nr_runs ? "first" : "last");
}

/* Is this instruction in a section that the vector goes through? */
static bool in_section(const struct text *t, enum road road, struct opv_prepared *p, uint8_t *at)
{
	bool good;

	aborted = 0;
	stop = STOP_NOTHING;
	return try_at(t, road, p, at, &good) && aborted;
}

static bool try_pairs(const struct text *t, enum road road, struct opv_prepared *p, uint8_t *at,
		      int *met)
{
	bool good = true;
	int j;

	for (j = 0; j < nr_code && good; j++) {
		stop = (enum stop)((j + *met) % (other < 0 ? STOP_OTHER_CPU : NR_STOPS));
		if (stop == STOP_MOVED && road == PREPARED_HERE)
			stop = STOP_NOTHING;
		rival = &rivals[(j + *met) % NR_RIVALS];
		second = code[j];
		*met += try_at(t, road, p, at, &good);
		second = NULL;
	}
	return good;
}

static void test_pairs(const struct text *t, enum road road, const char *where)
{
	int i, met = 0, sections = 0;
	struct opv_prepared p;
	bool good = true;

	if (first_only && tap_failed)
		return;
	if (road != AD_HOC && !prepare(&p, t, road)) {
		ok(false, "%s is prepared", t->name);
		return;
	}
	for (i = 0; i < nr_code && good; i++)
		/* Every second one: a section has many ways to be in the same state. */
		if (in_section(t, road, &p, code[i]) && sections++ % 2 == 0)
			good = try_pairs(t, road, &p, code[i], &met);
	ok(good && met > 1000, "%s, %s, %s: aborted in a section first (%d), then stopped, %d runs",
	   t->name, roads[road], where, (sections + 1) / 2, met);
}

static bool set_up(void)
{
	struct sigaction sa = { .sa_sigaction = on_trap, .sa_flags = SA_SIGINFO };
	int i;

	here = allowed_cpu(0);
	other = allowed_cpu(1);
	if (!pin_to(here) || sigaction(SIGTRAP, &sa, NULL))
		return false;
	for (i = 0; i < 2; i++) {
		runners[i].cpu = i ? other : here;
		sem_init(&runners[i].go, 0, 0);
		sem_init(&runners[i].done, 0, 0);
		if (runners[i].cpu >= 0 &&
		    pthread_create(&runners[i].thread, NULL, runner, &runners[i]))
			return false;
	}
	if (other < 0)
		skip("rivals of another CPU", "there is one CPU");
	first_state(&before);
	return true;
}

static bool aim(struct opv_domain *d)
{
	void *handle;

	if (opv_alloc(d, DATA, 64, &handle))
		return false;
	target = (struct target){ d, handle, opv_ptr_(handle, here), here };
	return true;
}

static void test_private(void)
{
	struct opv_domain *d;
	int i, road;

	if (!ok(!opv_domain_create(&d, NULL) && aim(d), "a domain"))
		return;
	for (i = 0; i < NR_TEXTS; i++)
		for (road = 0; road < NR_ROADS && !texts[i].overlaps; road++)
			test_text(&texts[i], road, "domain");
	test_pairs(&texts[0], AD_HOC, "domain");
	test_pairs(&texts[1], PREPARED_HERE, "domain");
	test_pairs(&texts[2], AD_HOC, "domain");
	test_pairs(&texts[7], AD_HOC, "domain");
}

static void test_shared(void)
{
	struct opv_domain_options options = { .size = sizeof(options), .flags = OPV_DOMAIN_SHARED };
	struct opv_domain *d;
	int i;

	if (!ok(!opv_domain_create(&d, &options) && aim(d), "a shared domain"))
		return;
	for (i = 0; i < NR_TEXTS; i++)
		if (!texts[i].own_written && !texts[i].overlaps)
			test_text(&texts[i], i & 1 ? PREPARED_HERE : AD_HOC, "shared domain");
	test_pairs(&texts[2], PREPARED_HERE, "shared domain");
}

static void test_any_memory(void)
{
	static char memory[DATA] __attribute__((__aligned__(64)));

	target = (struct target){ opv_domain_default(), NULL, memory, here };
	test_text(&texts[0], AD_HOC, "any memory");
	test_text(&texts[2], AD_HOC, "any memory");
}

int main(int argc, char **argv)
{
	struct opv_status status;
	const char *why;

	first_only = argc > 1 && !strcmp(argv[1], "--first");
	opv_status(&status, sizeof(status));
	if (!status.fast) {
		skip("the owner is stopped at every instruction", status.why);
		return done();
	}
	why = find_instructions();
	if (!ok(!why, "%d instructions of the library are known", nr_code)) {
		diag("%s", why);
		return done();
	}
	if (!ok(set_up(), "pinned, with threads to conflict with"))
		return done();
	test_private();
	test_shared();
	test_any_memory();
	return done();
}
