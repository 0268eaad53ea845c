// SPDX-License-Identifier: MIT
/* opv: the command.  Finds the verb and gets out of its way. */
#include "opv.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct {
	const char *name;
	const char *summary;
	int (*main)(int argc, char **argv);
} verbs[] = {
#define X(name, summary) { #name, summary, opv_##name##_main },
	OPV_VERBS(X)
#undef X
};

static const size_t nr_verbs = sizeof(verbs) / sizeof(verbs[0]);

/* malloc_stat is typed as malloc-stat. */
static bool is_verb(const char *typed, const char *name)
{
	for (; *typed && *typed == (*name == '_' ? '-' : *name); typed++)
		name++;
	return *typed == *name;
}

static void print_verb(FILE *f, const char *name, const char *summary)
{
	int width = 11;

	fputs("  ", f);
	for (; *name; name++, width--)
		fputc(*name == '_' ? '-' : *name, f);
	fprintf(f, "%*s %s\n", width, "", summary);
}

static void help(FILE *f)
{
	size_t i;

	fputs("usage: opv VERB [OPTION...] [ARGUMENT...]\n"
	      "Per-CPU data for programs: look, try, measure, soak, watch.\n\n", f);
	for (i = 0; i < nr_verbs; i++)
		print_verb(f, verbs[i].name, verbs[i].summary);
	fputs("\nopv VERB --help tells the options of a verb, opv --version the version.\n", f);
}

static void complain(const char *verb, const char *format, va_list args)
{
	fflush(stdout);
	fprintf(stderr, "opv%s%s: ", verb ? " " : "", verb ? verb : "");
	vfprintf(stderr, format, args);
	fputc('\n', stderr);
}

void usage_error(const char *verb, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	complain(verb, format, args);
	va_end(args);
	fprintf(stderr, "Try: opv%s%s --help\n", verb ? " " : "", verb ? verb : "");
	exit(2);
}

void die(const char *verb, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	complain(verb, format, args);
	va_end(args);
	exit(1);
}

uint64_t parse_number(const char *verb, const char *option, const char *text,
		      uint64_t min, uint64_t max)
{
	unsigned long long v;
	char *end;

	errno = 0;
	v = strtoull(text, &end, 0);
	if (errno || end == text || *end || strchr(text, '-') || v < min || v > max)
		usage_error(verb, "%s wants a number from %llu to %llu, not \"%s\"", option,
			    (unsigned long long)min, (unsigned long long)max, text);
	return v;
}

uint64_t parse_seconds(const char *verb, const char *option, const char *text)
{
	char *end;
	double v;

	errno = 0;
	v = strtod(text, &end);
	if (errno || end == text || *end || !(v > 0) || v > 1e9)
		usage_error(verb, "%s wants a number of seconds above 0, not \"%s\"", option, text);
	return (uint64_t)(v * 1e9);
}

const char *style(FILE *f, const char *code)
{
	static char escapes[8][16];
	static unsigned int next;
	const char *term = getenv("TERM");
	char *e;

	if (!isatty(fileno(f)) || getenv("NO_COLOR") || !term || !strcmp(term, "dumb"))
		return "";
	e = escapes[next++ % 8];
	snprintf(e, sizeof(escapes[0]), "\033[%sm", code);
	return e;
}

int main(int argc, char **argv)
{
	size_t i;

	if (argc < 2) {
		help(stderr);
		return 2;
	}
	if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h") || !strcmp(argv[1], "help")) {
		help(stdout);
		return 0;
	}
	if (!strcmp(argv[1], "--version")) {
		printf("opv %s\n", opv_version());
		return 0;
	}
	for (i = 0; i < nr_verbs; i++)
		if (is_verb(argv[1], verbs[i].name))
			return verbs[i].main(argc - 1, argv + 1);
	usage_error(NULL, "there is no verb \"%s\"", argv[1]);
}
