// SPDX-License-Identifier: MIT
/* opv stat: count what a program does in the C library, per CPU, while it runs. */
#define _GNU_SOURCE
#include "stat.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void help(FILE *f)
{
	fputs("usage: opv stat [OPTION...] [--] COMMAND [ARGUMENT...]\n"
	      "Run COMMAND and count what it and its descendants do in the C library: calls,\n"
	      "bytes and latencies of allocation, input and output, mutexes and condition\n"
	      "variables.  Nothing is stopped or traced; a call costs some nanoseconds more.\n\n"
	      "  -i, --interval SECONDS  a table every so often, on stderr\n"
	      "  -o, --output FILE       the last table goes to FILE, not to stderr\n"
	      "  -f, --filter LIST       only these functions, globs or groups; !X leaves X out\n"
	      "  -j, --json              JSON in place of tables\n"
	      "  -c, --per-cpu           a line for each CPU, too\n"
	      "  -n, --no-latency        count only; a tenth of the cost\n"
	      "  -s, --sort COLUMN       name, ", f);
#define X(name, title, what) fputs(STAT_COLUMN_##name ? ", " #name : #name, f);
	STAT_COLUMNS(X)
#undef X
	fputs("\n"
	      "  -a, --all               functions that were not called, too\n"
	      "      --anyway            run a command that cannot be watched, unwatched\n"
	      "  -l, --list              what can be watched, and end\n"
	      "  -h, --help              this\n\n"
	      "The exit status is that of COMMAND, 128+N if signal N killed it; 127 if it is not\n"
	      "found, 126 if it cannot be run, 2 for misuse or a command that cannot be watched\n"
	      "(static, set-user-ID, of another architecture), 1 if opv stat itself failed.\n", f);
}

static enum stat_column parse_column(const char *text)
{
#define X(name, title, what)						\
	if (!strcmp(text, #name))					\
		return STAT_COLUMN_##name;
	STAT_COLUMNS(X)
#undef X
	if (strcmp(text, "name"))
		usage_error("stat", "--sort: there is no column \"%s\"", text);
	return STAT_COLUMN_name;
}

static void parse(struct stat_options *o, int argc, char **argv)
{
	static const struct option longs[] = {
		{ "interval", required_argument, NULL, 'i' },
		{ "output", required_argument, NULL, 'o' },
		{ "filter", required_argument, NULL, 'f' },
		{ "json", no_argument, NULL, 'j' },
		{ "per-cpu", no_argument, NULL, 'c' },
		{ "no-latency", no_argument, NULL, 'n' },
		{ "sort", required_argument, NULL, 's' },
		{ "all", no_argument, NULL, 'a' },
		{ "anyway", no_argument, NULL, 'A' },
		{ "list", no_argument, NULL, 'l' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	bool sort = false, list = false;
	int c;

	o->latency = true;
	o->mask = stat_filter("*");
	opterr = 0;
	while ((c = getopt_long(argc, argv, "+:i:o:f:jcns:alh", longs, NULL)) != -1) {
		switch (c) {
		case 'i':
			o->interval_ns = parse_seconds("stat", "--interval", optarg);
			o->interval_given = true;
			break;
		case 'o':
			o->output = optarg;
			break;
		case 'f':
			o->mask = stat_filter(optarg);
			break;
		case 'j':
			o->json = true;
			break;
		case 'c':
			o->per_cpu = true;
			break;
		case 'n':
			o->latency = false;
			break;
		case 's':
			o->sort = parse_column(optarg);
			sort = true;
			break;
		case 'a':
			o->all = true;
			break;
		case 'A':
			o->anyway = true;
			break;
		case 'l':
			list = true;
			break;
		case 'h':
			help(stdout);
			exit(0);
		case ':':
			usage_error("stat", "%s wants an argument", argv[optind - 1]);
		default:
			usage_error("stat", "there is no option %s", argv[optind - 1]);
		}
	}
	if (list) {
		stat_list(stdout, o->json);
		exit(0);
	}
	if (!sort)
		o->sort = o->latency ? STAT_COLUMN_total : STAT_COLUMN_calls;
	if (!o->latency && o->sort >= STAT_COLUMN_total && o->sort < STAT_NR_COLUMNS)
		usage_error("stat", "--sort by a time and --no-latency exclude each other");
	if (o->interval_given && !o->interval_ns)
		usage_error("stat", "--interval is too short");
	if (optind == argc)
		usage_error("stat", "there is no COMMAND");
	o->command = argv + optind;
}

/*
 * Started with one of the first three descriptors closed, ours must not take its
 * place: the command would find it open, or we would write tables into it.
 */
static void guard_descriptors(void)
{
	int fd;

	do {
		fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	} while (fd >= 0 && fd <= 2);
	if (fd >= 0)
		close(fd);
}

static FILE *open_output(const struct stat_options *o)
{
	FILE *f;

	if (!o->output)
		return stderr;
	f = fopen(o->output, "we");
	if (!f)
		die("stat", "%s: %s", o->output, strerror(errno));
	return f;
}

int opv_stat_main(int argc, char **argv)
{
	static struct stat_command command;
	struct stat_options o = { 0 };
	bool unwatched;

	guard_descriptors();
	parse(&o, argc, argv);
	stat_command_find(&command, o.command[0]);
	unwatched = command.status == 2 && o.anyway;
	if (command.status) {
		fprintf(stderr, "opv stat: %s%s\n", command.why,
			unwatched ? "; running it unwatched" :
			command.status == 2 ? "; --anyway runs it unwatched" : "");
		return unwatched ? stat_run_unwatched(&o) : command.status;
	}
	return stat_run(&o, open_output(&o));
}
