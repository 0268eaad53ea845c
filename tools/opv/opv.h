/* SPDX-License-Identifier: MIT */
#ifndef _TOOLS_OPV_H
#define _TOOLS_OPV_H

/* What the verbs of the command share. */

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include <opv/opv.h>

/*
 * THE list of verbs, in the order of the help: X(name, summary); an underscore is
 * typed as a dash.  Each has a file of its name with opv_NAME_main(argc, argv), argv[0]
 * being the verb.  Its result is the exit status of the command: 0, 1 it did not work, 2
 * misuse (usage_error()).
 */
#define OPV_VERBS(X)								\
	X(probe, "what this machine offers, what is used, and why not more")	\
	X(run, "execute a vector written as text, on a CPU, on named variables") \
	X(bench, "what things cost here, side by side with the alternatives")	\
	X(stress, "everything at once, for as long as you like, and nothing lost") \
	X(stat, "count what a program does in libc, per CPU, while it runs")	\
	X(malloc_stat, "run a program on libopv-malloc.so and tell what its caches do")

#define X(name, summary) int opv_##name##_main(int argc, char **argv);
OPV_VERBS(X)
#undef X

/* "opv VERB: message" on stderr, then exit status 2. */
__attribute__((__format__(__printf__, 2, 3), __noreturn__))
void usage_error(const char *verb, const char *format, ...);

/* "opv VERB: message" on stderr, then exit status 1. */
__attribute__((__format__(__printf__, 2, 3), __noreturn__))
void die(const char *verb, const char *format, ...);

/* A number in [min, max] from the command line, or usage_error() that names the option. */
uint64_t parse_number(const char *verb, const char *option, const char *text,
		      uint64_t min, uint64_t max);

/* Seconds, "1", "0.5", from the command line, in nanoseconds; likewise. */
uint64_t parse_seconds(const char *verb, const char *option, const char *text);

/*
 * Colour, only where f is a terminal, NO_COLOR is not set and TERM is not dumb:
 * style(f, "1") is the escape that makes it bold, style(f, "0") ends it, else "".
 */
const char *style(FILE *f, const char *code);

/*
 * JSON, written as it comes.  In an object each value is preceded by its key;
 * elsewhere key is NULL.  Strings need be no UTF-8; what is not is replaced.
 * Numbers that JSON does not have (nan, inf) become null.
 */
struct json {
	FILE *f;
	int depth;
	bool first;
};

void json_begin(struct json *j, FILE *f);
void json_object(struct json *j, const char *key);
void json_array(struct json *j, const char *key);
void json_end_object(struct json *j);
void json_end_array(struct json *j);
void json_string(struct json *j, const char *key, const char *value);	/* NULL: null */
void json_uint(struct json *j, const char *key, uint64_t value);
void json_int(struct json *j, const char *key, int64_t value);
void json_double(struct json *j, const char *key, double value);
void json_bool(struct json *j, const char *key, bool value);
void json_finish(struct json *j);	/* the final newline; false values of ferror() are the caller's */

#endif /* _TOOLS_OPV_H */
