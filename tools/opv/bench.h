/* SPDX-License-Identifier: MIT */
#ifndef _TOOLS_BENCH_H
#define _TOOLS_BENCH_H

/*
 * opv bench: a list of cases, each a loop around one thing; rows, which are cases
 * with a number of threads; rounds, in each of which every row is sampled once.
 */

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "opv.h"

/*
 * Groups, in the order of the output: X(NAME, title, unit, what ratios are to).  Those of a
 * unit other than ns come last.
 */
#define BENCH_GROUPS(X)								\
	X(REFERENCE, "without this library", "ns", "plain")			\
	X(SYSTEM, "system calls alone", "ns", "plain")				\
	X(CALL, "this library, this CPU, per-CPU variable (a handle)", "ns", "plain") \
	X(AT, "this library, this CPU, memory of the program's own (_at)", "ns", "plain") \
	X(LOCAL, "several words at once, this CPU", "ns", "plain")		\
	X(VARIANT, "the section of add64 with another compare", "ns", "plain")	\
	X(ENGINE, "this library, out of line", "ns", "plain")			\
	X(COUNTER, "counters, and what others have for them", "ns", "plain")	\
	X(FREELIST, "free lists and stacks: a push and a pop", "ns", "plain")	\
	X(RING, "records of 16 bytes, the oldest ones overwritten", "ns", "plain") \
	X(RWLOCK, "locks for reading: lock and unlock", "ns", "plain")		\
	X(STRUCT, "other structures", "ns", "plain")				\
	X(MALLOC, "malloc and free, one of both: processor time of all threads", "ns", "libc") \
	X(MEMORY, "resident memory of a process with blocks of 16 to 1039 bytes", "kB", "libc")

enum bench_group {
#define X(NAME, title, unit, base) BENCH_##NAME,
	BENCH_GROUPS(X)
#undef X
	BENCH_NR_GROUPS
};

/* What a case is like, and what it cannot do without. */
enum bench_flags {
	BENCH_SCALES = 1 << 0,		/* with 1 to N threads; otherwise with one */
	BENCH_OTHER = 1 << 1,		/* works on another CPU, which is idle */
	BENCH_BUSY = 1 << 2,		/* a thread of ours spins on that CPU */
	BENCH_SECTIONS = 1 << 3,	/* needs rseq */
	BENCH_MEMBARRIER = 1 << 4,	/* needs the fence of one CPU by membarrier */
	BENCH_FORCE_ALL = 1 << 5,	/* 100 % forced to the fence engine */
	BENCH_FORCE_SOME = 1 << 6,	/* 1 % */
	BENCH_COUNT = 1 << 7,		/* while fast calls are counted */
	BENCH_ADDS = 1 << 8,		/* adds 1 to added64 each time, which is checked */
	BENCH_URCU = 1 << 9,		/* of another library, bench_peers.h: */
	BENCH_CK = 1 << 10,
	BENCH_LTTNG = 1 << 11,
	BENCH_MM_CID = 1 << 12,	/* a domain that goes by mm_cid */
};

#define BENCH_FORCES (BENCH_FORCE_ALL | BENCH_FORCE_SOME | BENCH_COUNT)

/* One thread that measures. */
struct bench_ctx {
	_Alignas(128) _Atomic uint64_t own;	/* a counter that only this thread has */
	int index;				/* 0 to N - 1 */
	int cpu;				/* that it is pinned to, or -1 */
	int other;				/* another CPU, or -1 */
	struct bench_node *node;		/* in the hand, not on a list */
	uint64_t counted, recorded;		/* by the cases of counters, of rings */
	uint64_t guarded;
	pthread_mutex_t mutex;
};

typedef void bench_run_fn(struct bench_ctx *c, uint64_t n);

struct bench_case {
	const char *name;
	enum bench_group group;
	unsigned int flags;
	bench_run_fn *run;	/* NULL: of another library, which is not loaded, or process */
	const char *what;
	int work, by;		/* of an allocator in a process of its own, bench_malloc.h */
};

/* bench_cases.c: the list of bench_list.h, and what the cases work on. */
extern struct bench_case bench_cases[];
extern const size_t bench_nr_cases;

/* What "x plain" counts in. */
#define BENCH_PLAIN "tls_add_round"

#define BENCH_NAME_WIDTH 28	/* of the longest case in a table */

struct bench_per_cpu {
	_Alignas(128) _Atomic uint64_t atomic;
	uint64_t words[6];		/* of the mutex and the _at calls */
	pthread_mutex_t mutex;
};

#define BENCH_COPY_MAX 4096
#define BENCH_NODES 8		/* on each CPU's list at first */

struct bench_node {
	intptr_t next;
};

struct bench_world {
	int nr_cpus;
	struct opv_domain *domain;
	/* handles */
	uint64_t *added64;	/* what BENCH_ADDS add to */
	uint64_t *round64;	/* eight of them, a cache line */
	uint64_t *cid64;	/* the same by mm_cid; NULL: there is none here */
	uint64_t *count64;	/* eight of them, one for each kind of call */
	uint32_t *count32;
	uint16_t *count16;
	uint8_t *count8;
	intptr_t *head;		/* of a list */
	intptr_t *word;
	uint64_t *words;	/* of vectors: a cache line */
	char *copy, *from;	/* BENCH_COPY_MAX bytes each */
	/* addresses */
	struct opv_domain *dflt;
	struct bench_per_cpu *per_cpu;
	char *source;
	int nodes;		/* on all lists and in all hands */
	uint64_t added;		/* what added64 must be in all */
	const char *failed;	/* a case whose call did not answer what it should */
};

extern struct bench_world bench_world;

/* NULL, or what went wrong. */
const char *bench_world_make(const int *cpus, int nr_cpus);
const char *bench_ctx_make(struct bench_ctx *c, int index);

/* A loop's last call, or one more after it: answers ret. */
static inline void bench_expect(const char *name, int ret, int wanted)
{
	if (ret != wanted)
		__atomic_store_n(&bench_world.failed, name, __ATOMIC_RELAXED);
}

/* After everything: NULL, or what was found wrong. */
const char *bench_world_check(const struct bench_ctx *ctx, int threads);

/* A case with a number of threads, and what was measured. */
struct bench_quartiles {
	double median, q1, q3, min, max;
};

struct bench_row {
	const struct bench_case *c;
	int threads;
	const struct bench_row *base;	/* of ratios, with as many threads: BENCH_PLAIN, or libc's */
	int rounds;			/* in which it is sampled, the first ones */
	uint64_t n;			/* iterations of a sample */
	double *value;			/* of each round: ns of an operation, or the group's unit */
	bool *disturbed;		/* each round: a thread was preempted in it */
	int samples;			/* that the figures are of */
	bool dirty;			/* with disturbed ones among them */
	struct bench_quartiles figure, ratio;
};

/* bench_variant.c: are the BENCH_VARIANT cases written for this architecture? */
extern const bool bench_have_variants;

struct bench_skip {
	const struct bench_case *c;
	const char *why;
};

struct bench {
	/* asked for */
	int threads;
	uint64_t duration;		/* ns; 0 default */
	int rounds;			/* 0: as many as duration allows */
	bool pin, json, aims, preempted;
	const char *filter, *svg;
	/* the machine */
	int *cpus, nr_cpus;		/* that this process may use */
	char cpu_model[128], kernel[160], date[32];
	struct opv_status status;
	/* the work */
	struct bench_row *rows;
	int nr_rows;
	struct bench_skip *skips;
	int nr_skips;
	uint64_t sample;		/* ns */
	uint64_t retaken;		/* samples thrown away: somebody was preempted */
	uint64_t disturbed;		/* samples that were not taken again any more */
};

/* bench_run.c */
void bench_run(struct bench *b);

/* bench_numbers.c */
/* over, or over less another row, in units of under; answers dirty as above. */
bool bench_ratio(const struct bench_row *over, const struct bench_row *less,
		 const struct bench_row *under, struct bench_quartiles *q);
struct bench_quartiles bench_quartiles(double *values, int n);	/* sorts them */
const struct bench_row *bench_find(const struct bench *b, const char *name, int threads);
void bench_evaluate(struct bench *b);

/* bench_aims.c */
struct bench_aim {
	const char *text;
	const char *sense;		/* "at most", "at least", "below" */
	double limit;
	const char *best;		/* the one of several that the ratio is of, or NULL */
	bool measured, met;
	bool dirty;			/* of disturbed samples: met means nothing */
	struct bench_quartiles q;
	const char *unit;		/* "x", or "ns" for an absolute one */
};

int bench_nr_aims(void);
void bench_aim(const struct bench *b, int i, struct bench_aim *aim);

/* bench_table.c, bench_report.c, bench_svg.c */
void bench_table(const struct bench *b);
void bench_list(const struct bench *b);		/* b->json: for machines */
void bench_json(const struct bench *b);
void bench_svg(const struct bench *b, FILE *f);
const char *bench_group_title(enum bench_group group);
const char *bench_group_unit(enum bench_group group);
const char *bench_group_base(enum bench_group group);

/* Parts of them. */
void bench_heading(const struct bench *b);
void bench_aim_heading(void);
void bench_put_aim(const struct bench_aim *aim);
void bench_json_machine(struct json *j, const struct bench *b);
void bench_json_aim(struct json *j, const struct bench_aim *aim);
void bench_json_quartiles(struct json *j, const char *key, const char *to,
			  const struct bench_quartiles *q);

#endif /* _TOOLS_BENCH_H */
