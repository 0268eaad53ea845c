// SPDX-License-Identifier: MIT
/*
 * A process is killed at every instruction of the library that a vector of a shared
 * domain goes through, in the local and in the fence engine.  Another process, which
 * has the domain mapped elsewhere, then runs a vector as that CPU: either all of
 * the dead one's vector happened before it, or nothing of it ever does.
 *
 * Stopped there and not killed, by a tracer, the owner does not hold the others up.
 * --first ends it with the first failure; a word behind that: only texts with it in their names.
 */
#define _GNU_SOURCE
#include "places.h"

#include <pthread.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "../../src/slot.h"
#include "code.h"

enum how {
	LOCAL,			/* killed */
	LOCAL_STOPPED,		/* a rival while it is stopped, and one after it was killed */
	FENCE_HERE,		/* killed in the fence engine, by being that CPU */
	FENCE_ELSEWHERE,	/* and by a thread of another one */
	REOPENED,		/* killed there, and who inherits the lock cannot fence */
	NR_HOWS
};

static const char *const hows[] = {
	"local engine", "local engine, stopped first", "fence engine", "fence engine of another CPU",
	"fence engine, then reopened",
};

/* What the process that dies tells. */
static struct told {
	volatile int at;	/* where its breakpoint is */
	volatile int ret;
} *told;

/* Of each kind one: also such as only the fence engine does, with memory of its own. */
static const int chosen[] = { 0, 1, 2, 4, 9, 10, 11, 12, 13 };
#define NR_CHOSEN ((int)(sizeof(chosen) / sizeof(chosen[0])))

static int here, other;
static struct target theirs, ours;
static struct state before;

static int run_text(const struct text *t)
{
	char own[OWN] __attribute__((__aligned__(8)));
	struct cpu_op vec[16];

	memcpy(own, before.own, OWN);
	build(vec, t->v, t->count, theirs.data, own);
	return opv_vector(theirs.d, vec, t->count, theirs.cpu);
}

/* From told->at on, until there is a breakpoint that is met. */
static void victim(const struct text *t, enum how how)
{
	struct rlimit none = { 0, 0 };

	setrlimit(RLIMIT_CORE, &none);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	pin_to(how == FENCE_ELSEWHERE ? other : here);
	if (how == FENCE_HERE || how == REOPENED)
		opv_force(OPV_ENGINE_FENCE, 100);
	if (ptrace(PTRACE_TRACEME, 0, NULL, NULL))
		_exit(1);
	for (; told->at < nr_code; told->at++) {
		memcpy(theirs.data, before.data, DATA);
		plant(code[told->at]);
		told->ret = run_text(t);
		unplant();
	}
	_exit(0);
}

struct sums {
	int killed, happened, not;
};

/* Is it as if the dead one's vector had run before, or never? */
static bool check(const struct text *t, const struct rival *r, int nr_rivals, int ret,
		  struct sums *sums)
{
	int with, i, o, rr = 0;
	struct state s;

	for (with = 0; with < 2; with++) {
		s = before;
		o = with ? model(t->v, t->count, &s) : 0;
		for (i = 0; i < nr_rivals; i++)
			rr = model(r->v, r->count, &s);
		if (o >= 0 && rr == ret && !memcmp(s.data, ours.data, DATA)) {
			sums->happened += with;
			sums->not += !with;
			return true;
		}
	}
	return false;
}

/* As reopen_key() in the fence engine leaves it. */
static void reopen(void)
{
	struct opv_slot *slot = (struct opv_slot *)(opv_ptr_(opv_handle(ours.d, 0), here));

	atomic_fetch_and(&slot->key, ~OPV_KEY_CLOSED);
}

/* The vector of whoever comes next: as that CPU from there, or from elsewhere. */
static int next_one(const struct rival *r, int i)
{
	pin_to(i & 1 && other >= 0 ? other : here);
	return run_rival(&ours, r);
}

static bool kill_one(const struct text *t, enum how how, pid_t pid, struct sums *sums)
{
	const struct rival *r = &rivals[(told->at + told->at / NR_RIVALS) % NR_RIVALS];
	int at = told->at, status, ret, nr = 1;

	if (how == LOCAL_STOPPED) {
		/* The second time a compare of theirs would stop: the same twice over. */
		ret = next_one(r, at);
		if (ret)
			diag("result %d while the owner is stopped", ret);
		nr = 2;
	}
	kill(pid, SIGKILL);
	if (waitpid(pid, &status, 0) != pid || !WIFSIGNALED(status))
		return false;
	if (how == REOPENED)
		reopen();
	ret = next_one(r, how == REOPENED ? 0 : at + (how == LOCAL_STOPPED));
	sums->killed++;
	if (check(t, r, nr, ret, sums))
		return true;
	diag("killed at opv_vector + %td, rival %td: result %d",
	     code[at] - (uint8_t *)(uintptr_t)opv_vector, r - rivals, ret);
	return false;
}

static bool first_only;	/* tests end when one has failed */
static const char *only = "";	/* in the names of the texts */

static void test(const struct text *t, enum how how)
{
	struct sums sums = { 0, 0, 0 };
	bool good = true;
	int status;
	pid_t pid;

	if (first_only && tap_failed)
		return;
	told->at = 0;
	while (good && told->at < nr_code) {
		pid = fork();
		if (!pid)
			victim(t, how);
		if (pid < 0 || waitpid(pid, &status, 0) != pid) {
			good = false;
		} else if (WIFSTOPPED(status) && WSTOPSIG(status) == SIGTRAP) {
			good = kill_one(t, how, pid, &sums);
		} else if (!WIFEXITED(status) || WEXITSTATUS(status)) {
			diag("it ended with status 0x%x", status);
			good = false;
			if (WIFSTOPPED(status)) {
				kill(pid, SIGKILL);
				waitpid(pid, &status, 0);
			}
		}
		told->at++;
	}
	/* Killed at the very last one it had no time to say so. */
	ok(good && told->at >= nr_code && sums.killed > 100,
	   "%s, %s: killed at each of %d instructions, all of it (%d) or nothing (%d)", t->name,
	   hows[how], sums.killed, sums.happened, sums.not);
}

static bool set_up(void)
{
	struct opv_domain_options options = { .size = sizeof(options), .flags = OPV_DOMAIN_SHARED };
	void *handle;

	here = allowed_cpu(0);
	other = allowed_cpu(1);
	told = mmap(NULL, sizeof(*told), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (told == MAP_FAILED || opv_domain_create(&theirs.d, &options) ||
	    opv_alloc(theirs.d, DATA, 64, &handle))
		return false;
	theirs = (struct target){ theirs.d, handle, opv_ptr_(handle, here), here };
	if (opv_domain_attach(&ours.d, opv_domain_fd(theirs.d), NULL))
		return false;
	handle = opv_handle(ours.d, opv_handle_offset(handle));
	ours = (struct target){ ours.d, handle, opv_ptr_(handle, here), here };
	first_state(&before);
	return true;
}

static bool is_for(const struct text *t, enum how how)
{
	switch (how) {
	case LOCAL_STOPPED:
		/* Stopped in the fence engine it holds the lock, as long as it takes. */
		return !t->own_written && !t->overlaps;
	case REOPENED:
		/* Sections copy out other logs, but must leave these alone. */
		return t->overlaps;
	default:
		return true;
	}
}

int main(int argc, char **argv)
{
	struct opv_status status;
	const char *why;
	int i, how;

	first_only = argc > 1 && !strcmp(argv[1], "--first");
	if (argc > 2)
		only = argv[2];
	opv_status(&status, sizeof(status));
	if (!status.fast) {
		skip("a process is killed at every instruction", status.why);
		return done();
	}
	why = find_instructions();
	if (!ok(!why, "%d instructions of the library are known", nr_code)) {
		diag("%s", why);
		return done();
	}
	if (!ok(set_up(), "a shared domain, mapped twice"))
		return done();
	for (how = 0; how < NR_HOWS; how++) {
		if (how == FENCE_ELSEWHERE && other < 0) {
			skip("killed while working as another CPU", "there is one CPU");
			continue;
		}
		for (i = 0; i < NR_CHOSEN; i++)
			if (is_for(&texts[chosen[i]], how) && strstr(texts[chosen[i]].name, only))
				test(&texts[chosen[i]], how);
	}
	return done();
}
