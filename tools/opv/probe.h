/* SPDX-License-Identifier: MIT */
#ifndef _TOOLS_PROBE_H
#define _TOOLS_PROBE_H

/* opv probe, between its files: look, try, report. */

#include "opv.h"

#include <sys/utsname.h>

#define PROBE_TEXT 256

/* What there is to be seen without doing anything. */
struct probe_look {
	struct utsname uts;
	char libc[PROBE_TEXT];
	int libc_major, libc_minor;	/* of glibc, 0 0 any other */
	char tunables[PROBE_TEXT];	/* GLIBC_TUNABLES, "" */
	bool tunable_off;		/* glibc.pthread.rseq=0 is in it */
	bool valgrind;
	long tracer;			/* pid that traces us, 0 nobody */
	struct opv_status status;
	int membarrier_error;		/* of a query of our own */
	uint32_t membarrier;		/* what that answered */
	int affinity_error;		/* of setting our affinity to what it is */
	long seccomp, seccomp_filters;	/* -1 the kernel does not say */
	long no_new_privs;
	char possible[PROBE_TEXT], online[PROBE_TEXT], allowed[PROBE_TEXT];
	char nodes[PROBE_TEXT], cpuset[PROBE_TEXT];
	int this_cpu, other_cpu;	/* other: -1 there is none */
	enum opv_engine this_engine, other_engine;
	bool this_fast;			/* what a call does */
};

void probe_look(struct probe_look *look);

/* One thing that was done, to see. */
struct probe_try {
	int ret;		/* the first that was not 0 */
	bool good;		/* ret is 0 and the data is right */
	uint64_t calls, slow;	/* slow: of them, how many left the fast path */
	double ratio;		/* cost, as a multiple of another one's; 0 not measured */
};

struct probe_tries {
	struct probe_try this_cpu, other_cpu;
	bool has_other;
	struct probe_try engine[OPV_NR_ENGINES][2];	/* as this CPU, as the other */
	bool engine_tried[OPV_NR_ENGINES];
	bool good;		/* all that was tried */
	const char *error;	/* why nothing could be tried; NULL */
};

void probe_tries(struct probe_tries *tries, const struct probe_look *look);

/* What could be better and how; up to PROBE_ADVICE_MAX lines. */
#define PROBE_ADVICE_MAX 12
int probe_advise(const struct probe_look *look, const struct probe_tries *tries,
		 char advice[PROBE_ADVICE_MAX][PROBE_TEXT]);

const char *probe_errno(int error);	/* "EPERM" */

/* Both forms of the output. */
void probe_report(bool json, const struct probe_look *look, const struct probe_tries *tries,
		  char advice[][PROBE_TEXT], int nr_advice);

#endif /* _TOOLS_PROBE_H */
