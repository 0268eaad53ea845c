/* SPDX-License-Identifier: MIT */
#ifndef _TOOLS_MALLOC_STAT_H
#define _TOOLS_MALLOC_STAT_H

/* opv malloc-stat: what its parts share. */

#include "../../malloc/layout.h"
#include "stat.h"

struct malloc_options {
	uint64_t interval_ns;		/* of tables while it runs; 0 for none */
	const char *output;		/* of the last table, or NULL */
	bool json, per_cpu;
	char **command;
};

struct malloc_memory {
	struct opv_domain *domain;
	struct malloc_cpu *cpu;		/* handle */
	uint64_t cookie;
};

/* What was counted until now: of each CPU, and of all. */
struct malloc_snapshot {
	uint64_t programs, elapsed_ns;
	int nr_cpus;
	struct malloc_class_counts (*cpu)[NR_CLASSES + 1];	/* nr_cpus of them */
	struct malloc_class_counts sum[NR_CLASSES + 1];
};

/* malloc_stat_memory.c */
int malloc_memory_create(struct malloc_memory *m);	/* 0 or -errno */
void malloc_memory_read(const struct malloc_memory *m, struct malloc_snapshot *s);

/* Blocks that lie in the caches now, or did when their program ended. */
uint64_t malloc_cached(const struct malloc_class_counts *c);
void malloc_add(struct malloc_class_counts *to, const struct malloc_class_counts *from);
bool malloc_is_used(const struct malloc_class_counts *c);

/* malloc_stat_report.c: status is that of wait(), or -1 while it runs. */
void malloc_table(FILE *f, const struct malloc_options *o, const struct malloc_snapshot *s,
		  int status);
void malloc_json(FILE *f, const struct malloc_options *o, const struct malloc_snapshot *s,
		 int status);

#endif /* _TOOLS_MALLOC_STAT_H */
