/* SPDX-License-Identifier: MIT */
#ifndef _TOOLS_RUN_H
#define _TOOLS_RUN_H

/* opv run, between its files: text (run_text.h) -> memory and vector -> result -> report. */

#include "opv.h"
#include "run_text.h"

/* The variables in memory, and the vector that works on them. */
struct run_memory {
	const struct run_text *text;
	uint8_t **at;		/* of each variable */
	struct cpu_op *vec;	/* one a operation */
	int count;
};

/*
 * Each variable ends where a page ends, and behind that nothing is mapped, so that an
 * operation which runs over the end of its variable is EFAULT and harms nobody.
 */
bool run_memory_make(struct run_memory *m, const struct run_text *text);
void run_memory_free(struct run_memory *m);

struct run_result {
	int asked_cpu;		/* OPV_THIS_CPU or a number */
	int cpu;		/* that the last vector was executed as; -1 none or several */
	const char *engine;	/* that executed it; NULL none */
	bool forced;
	uint64_t repeat, runs;
	int ret;		/* of the last run */
	struct opv_counts counts;	/* what happened during the runs */
	char meaning[200];
};

/* What a result means: for an error, which operation, operand or limit it is about. */
void run_explain(const struct run_memory *m, int cpu, int ret, char *out, size_t size);
const char *run_errno_name(int error);

void run_report_text(const struct run_memory *m, const struct run_result *r);
void run_report_json(const struct run_memory *m, const struct run_result *r);

#endif /* _TOOLS_RUN_H */
