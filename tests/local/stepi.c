// SPDX-License-Identifier: MIT
/*
 * A debugger's single steps abort every section.  Vectors make progress nevertheless;
 * and a process that is killed after some number of steps leaves all of its vector
 * in shared memory, or nothing.
 */
#define _GNU_SOURCE
#include "places.h"

#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#define STEPS	16000	/* a vector takes some thousand: tries, checks, the fence engine */
#define STRIDE	37

static volatile uint64_t *finished;	/* vectors of the process that is stepped */
static int here;
static struct target theirs, ours;
static struct state before;

static int run_text(const struct target *t, const struct text *text)
{
	char own[OWN] __attribute__((__aligned__(8)));
	struct cpu_op vec[16];

	memcpy(own, before.own, OWN);
	build(vec, text->v, text->count, t->data, own);
	return opv_vector(t->d, vec, text->count, t->cpu);
}

/* Vectors without end, or prepared ones. */
static void stepped(const struct target *t, const struct text *text, bool prepared)
{
	struct opv_prepared p;
	struct cpu_op vec[16];

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	pin_to(here);
	build(vec, text->v, text->count, t->handle, OPV_PARAM(0));
	if (prepared && opv_prepare(&p, t->d, vec, text->count))
		_exit(1);
	run_text(t, text);	/* what is found out once */
	memcpy(t->data, before.data, DATA);
	*finished = 0;
	if (ptrace(PTRACE_TRACEME, 0, NULL, NULL))
		_exit(1);
	raise(SIGSTOP);
	for (;; (*finished)++)
		if (prepared)
			opv_run_prepared(&p, (uint64_t *)before.own, OPV_THIS_CPU);
		else
			run_text(t, text);
}

static pid_t begin(const struct target *t, const struct text *text, bool prepared)
{
	pid_t pid = fork();
	int status;

	if (!pid)
		stepped(t, text, prepared);
	return pid > 0 && waitpid(pid, &status, 0) == pid && WIFSTOPPED(status) ? pid : -1;
}

static bool step(pid_t pid, int steps)
{
	int status;

	while (steps--)
		if (ptrace(PTRACE_SINGLESTEP, pid, NULL, NULL) || waitpid(pid, &status, 0) != pid ||
		    !WIFSTOPPED(status) || WSTOPSIG(status) != SIGTRAP)
			return false;
	return true;
}

static void end(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

/* Three vectors; one, where it is sixteen operations long. */
static void test_progress(const struct target *t, const struct text *text, bool prepared)
{
	pid_t pid = begin(t, text, prepared);
	bool good = pid > 0 && step(pid, STEPS);
	unsigned long long done_by_then = *finished;

	if (pid > 0)
		end(pid);
	ok(good && done_by_then >= (text->count > 5 ? 1 : 3),
	   "%d single steps make %llu vectors (%s, %s, %s)", STEPS, done_by_then, text->name,
	   prepared ? "prepared" : "ad hoc", t->d == ours.d ? "shared domain" : "domain");
}

static bool killed_after(const struct text *text, int steps, bool *was_first)
{
	const struct rival *r = &rivals[steps % NR_RIVALS];
	pid_t pid = begin(&theirs, text, false);
	bool good = pid > 0 && step(pid, steps);
	struct state s;
	int ret, with;

	*was_first = *finished;
	if (pid > 0)
		end(pid);
	ret = good ? run_rival(&ours, r) : 0;
	for (with = 0; good && with < 2; with++) {
		s = before;
		if (with)
			model(text->v, text->count, &s);
		if (model(r->v, r->count, &s) == ret && !memcmp(s.data, ours.data, DATA))
			return true;
	}
	diag("killed after %d steps: result %d", steps, ret);
	return false;
}

static void test_kill(const struct text *text)
{
	bool good = true, over = false;
	int steps;

	for (steps = 0; good && !over; steps += STRIDE)
		good = killed_after(text, steps, &over);
	ok(good && steps > 500,
	   "killed after each %dth of %d single steps, all of it or nothing (%s)", STRIDE,
	   steps - STRIDE, text->name);
}

static struct opv_domain *domain_of(uint32_t flags, struct target *t)
{
	struct opv_domain_options options = { .size = sizeof(options), .flags = flags };
	void *handle;

	if (opv_domain_create(&t->d, &options) || opv_alloc(t->d, DATA, 64, &handle))
		return NULL;
	t->handle = handle;
	t->cpu = here;
	t->data = opv_ptr_(handle, here);
	return t->d;
}

int main(void)
{
	struct target private;
	int i;

	here = allowed_cpu(0);
	pin_to(here);
	first_state(&before);
	finished = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (!ok(finished != MAP_FAILED && domain_of(0, &private) &&
		domain_of(OPV_DOMAIN_SHARED, &theirs) &&
		!opv_domain_attach(&ours.d, opv_domain_fd(theirs.d), NULL), "domains"))
		return done();
	ours.handle = opv_handle(ours.d, opv_handle_offset(theirs.handle));
	ours.data = opv_ptr_(ours.handle, here);
	ours.cpu = here;
	for (i = 0; i < NR_TEXTS; i++) {
		test_progress(&private, &texts[i], false);
		test_progress(&private, &texts[i], true);
	}
	test_progress(&ours, &texts[1], false);
	test_progress(&ours, &texts[2], true);
	test_kill(&texts[1]);
	return done();
}
