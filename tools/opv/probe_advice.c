// SPDX-License-Identifier: MIT
/* opv probe: what could be better, and how. */
#include "probe.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>

struct advice {
	char (*line)[PROBE_TEXT];
	int nr;
};

__attribute__((__format__(__printf__, 2, 3)))
static void say(struct advice *a, const char *format, ...)
{
	va_list args;

	if (a->nr == PROBE_ADVICE_MAX)
		return;
	va_start(args, format);
	vsnprintf(a->line[a->nr++], PROBE_TEXT, format, args);
	va_end(args);
}

static void about_libc(struct advice *a, const struct probe_look *l)
{
	if (l->status.rseq_owner == OPV_RSEQ_LIBC)
		return;
	if (l->tunable_off)
		say(a, "take glibc.pthread.rseq=0 out of GLIBC_TUNABLES: with it glibc registers no rseq%s",
		    l->status.rseq_owner == OPV_RSEQ_OPV ? ", and each thread does so at its first slow call" : "");
	else if (l->libc_major == 2 && l->libc_minor < 35)
		say(a, "%s does not register rseq; version 2.35 and later do", l->libc);
}

static void about_rseq(struct advice *a, const struct probe_look *l)
{
	const struct opv_status *st = &l->status;

	if (st->rseq_owner != OPV_RSEQ_NONE || !st->rseq_error)
		return;
	if (l->valgrind)
		say(a, "valgrind has no rseq: every call takes the slow path and works");
	else if (l->seccomp > 0)
		say(a, "a seccomp filter refuses rseq (%s): allow the system calls rseq and membarrier",
		    probe_errno(st->rseq_error));
	else if (st->rseq_error == ENOSYS)
		say(a, "this kernel or emulator has no rseq (CONFIG_RSEQ, Linux 4.18)");
	else
		say(a, "rseq is refused (%s): somebody else in the program may have registered it",
		    probe_errno(st->rseq_error));
}

static void about_fence(struct advice *a, const struct probe_look *l)
{
	const struct opv_status *st = &l->status;
	int refused = st->membarrier_error ? st->membarrier_error : l->membarrier_error;

	if (st->fence == OPV_FENCE_MEMBARRIER || l->valgrind)
		return;
	if (refused && l->seccomp > 0)
		say(a, "a seccomp filter refuses membarrier (%s): allow it, other CPUs are reached %s without",
		    probe_errno(refused), st->fence == OPV_FENCE_MOVE ? "by visiting them" : "by locks only");
	else if (refused)
		say(a, "membarrier is refused (%s): it takes Linux 5.10 with CONFIG_MEMBARRIER to name a CPU",
		    probe_errno(refused));
	if (l->affinity_error)
		say(a, "sched_setaffinity is refused too (%s), so that no other CPU can be fenced",
		    probe_errno(l->affinity_error));
}

static void about_environment(struct advice *a, const struct probe_look *l)
{
	if (!l->status.fast && getenv("OPV_FORCE"))
		say(a, "unset OPV_FORCE: it sends calls to an engine");
	if (!l->status.fast && getenv("OPV_COUNT_FAST"))
		say(a, "unset OPV_COUNT_FAST: it makes calls out of line");
	if (l->tracer > 0)
		say(a, "process %ld traces this one: single steps abort sections, times mean little", l->tracer);
}

static void about_tries(struct advice *a, const struct probe_tries *t)
{
	if (t->error)
		say(a, "%s (%s)", t->error, probe_errno(-t->this_cpu.ret));
	else if (!t->good)
		say(a, "something that should work does not: see above, and please report it with this output");
}

int probe_advise(const struct probe_look *look, const struct probe_tries *tries,
		 char advice[PROBE_ADVICE_MAX][PROBE_TEXT])
{
	struct advice a = { .line = advice };

	about_libc(&a, look);
	about_rseq(&a, look);
	about_fence(&a, look);
	about_environment(&a, look);
	about_tries(&a, tries);
	return a.nr;
}
