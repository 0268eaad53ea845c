/* SPDX-License-Identifier: MIT */
#ifndef _TOOLS_OPV_STAT_H
#define _TOOLS_OPV_STAT_H

/* opv stat: what its parts share. */

#include <signal.h>
#include <sys/types.h>
#include <time.h>

#include "../../preload/layout.h"
#include "opv.h"

/* THE list of columns: X(name, title, what).  --sort takes the names. */
#define STAT_COLUMNS(X)						\
	X(calls, "calls", "calls that returned")		\
	X(bytes, "bytes", "asked for, read, written, ...")	\
	X(failed, "failed", "calls that answered an error")	\
	X(total, "total", "time in all calls")			\
	X(p50, "p50", "half of the calls took no longer")	\
	X(p99, "p99", "99 of 100 took no longer")		\
	X(max, "max", "the longest")

enum stat_column {
#define X(name, title, what) STAT_COLUMN_##name,
	STAT_COLUMNS(X)
#undef X
	STAT_NR_COLUMNS,
	STAT_COLUMN_name = STAT_NR_COLUMNS	/* sorted by, but no number */
};

/* What a function did: on one CPU, or on all of them. */
struct stat_line {
	uint64_t value[STAT_NR_COLUMNS];	/* times in nanoseconds */
	uint64_t timed;				/* calls that the times are of */
};

struct stat_function_info {
	const char *name;
	const char *group;
	const char *bytes;	/* what they are, or NULL */
};

extern const struct stat_function_info stat_functions[STAT_NR_FUNCTIONS];

struct stat_options {
	uint64_t interval_ns;		/* of tables while it runs; 0 for none */
	const char *output;		/* of the last table, or NULL */
	bool interval_given, json, per_cpu, latency, all, anyway;
	enum stat_column sort;
	uint64_t mask;
	char **command;
};

/* stat_filter.c: the functions that a --filter names, or a usage error. */
uint64_t stat_filter(const char *list);
void stat_list(FILE *f, bool json);

/*
 * stat_command.c: what execvp() would run, and whether that can be watched.
 * why says what is in the way, if something is; status is the exit status to end
 * with: 126, 127, or 2 where it could be run unwatched.
 */
struct stat_command {
	char path[4096];
	char why[8192];
	int status;
};

void stat_command_find(struct stat_command *c, const char *name);

/* stat_clock.c: ticks of the library, and what they are in nanoseconds. */
struct stat_clock {
	bool tsc;
	uint64_t start_ticks, start_ns;
	uint64_t hz;			/* once settled */
	double ns_per_tick;
};

void stat_clock_start(struct stat_clock *c);
void stat_clock_settle(struct stat_clock *c);	/* may sleep 10 ms, when that is the first one */
uint64_t stat_now(void);			/* CLOCK_MONOTONIC, nanoseconds */

/* stat_return.c: had wrappers of system calls best return by a jump, on this machine? */
bool stat_return_by_jump(void);

/* stat_memory.c: the counters. */
struct stat_memory {
	int fd;			/* of the domain, for those who map it */
	int nr_cpus;
	uint64_t handle;	/* opv_handle_offset() */
	uint64_t cookie;
	const char *view;	/* of all of it, read only */
	size_t bytes;
};

/* 0 or -errno. */
int stat_memory_create(struct stat_memory *m);

/* Does another process have it mapped?  From then on none can map it any more, if not. */
bool stat_memory_in_use(const struct stat_memory *m);

struct stat_snapshot {
	uint64_t when;			/* stat_now() */
	uint64_t programs;
	int nr_cpus;
	bool *cpu_counted;		/* nr_cpus: was anything counted there? */
	struct stat_line sum[STAT_NR_FUNCTIONS];
	struct stat_line *cpu;		/* nr_cpus * STAT_NR_FUNCTIONS */
};

/* Into memory that the snapshot keeps for the next one. */
void stat_memory_read(const struct stat_memory *m, const struct stat_clock *clock,
		      struct stat_snapshot *s);

/* stat_start.c: start the command.  environ of this process is not changed. */
struct stat_signals {
	sigset_t mask;			/* as they were before opv stat */
	void (*interrupt)(int);
	void (*quit)(int);
	void (*child)(int);
};

void stat_signals_take(struct stat_signals *old);

/* The library to preload, into path; usable by ld.so.  Exits with a message where there is none. */
void stat_library(char *path, size_t size);

/*
 * The pid.  m is NULL to run it unwatched.  Exits with 126 or 127 and a message in the
 * name of the verb where the kernel will not run it.
 */
pid_t stat_start(const char *verb, const struct stat_options *o, const struct stat_signals *old,
		 const struct stat_memory *m, const struct stat_clock *clock, const char *library);

/* stat_watch.c: run the command to its end.  The exit status. */
int stat_run(const struct stat_options *o, FILE *out);
int stat_run_unwatched(const struct stat_options *o);

/* What the tables tell beside the counts. */
struct stat_report {
	const struct stat_options *options;
	const struct stat_snapshot *now;
	const struct stat_snapshot *before;	/* NULL in the last one */
	const struct stat_clock *clock;
	uint64_t elapsed_ns;
	bool final;
	bool still_running;	/* descendants of the command */
	int status;		/* of wait(), when final */
};

/* stat_table.c: width and height 0 for no limit.  Answers the lines written. */
int stat_table(FILE *f, const struct stat_report *r, int width, int height);

/* stat_json.c */
void stat_json(FILE *f, const struct stat_report *r);

#endif /* _TOOLS_OPV_STAT_H */
