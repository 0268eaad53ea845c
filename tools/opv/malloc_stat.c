// SPDX-License-Identifier: MIT
/* opv malloc-stat: run a command on libopv-malloc.so, and tell what its caches did. */
#define _GNU_SOURCE
#include "malloc_library.h"
#include "malloc_stat.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define VERB "malloc-stat"

static void help(FILE *f)
{
	fputs("usage: opv malloc-stat [OPTION...] [--] COMMAND [ARGUMENT...]\n"
	      "Run COMMAND with " MALLOC_LIBRARY " in place of the C library's malloc, and tell what\n"
	      "its per-CPU caches did, by size: how often they had a block, how many they hold.\n\n"
	      "  -i, --interval SECONDS  a table every so often, on stderr\n"
	      "  -o, --output FILE       the last table goes to FILE, not to stderr\n"
	      "  -j, --json              JSON in place of tables\n"
	      "  -c, --per-cpu           a line for each CPU, too\n"
	      "  -h, --help              this\n\n"
	      "The columns:\n", f);
#define X(name, what) fprintf(f, "  %-9s %s\n", #name, what);
	MALLOC_COUNTS(X)
#undef X
	fputs("  cached    blocks, and bytes, in the caches at the end\n\n"
	      "The exit status is that of COMMAND, 128+N if signal N killed it; 127 if it is not\n"
	      "found, 126 if it cannot be run, 2 for misuse or a command that cannot be preloaded\n"
	      "into, 1 if opv malloc-stat itself failed.\n", f);
}

static void parse(struct malloc_options *o, int argc, char **argv)
{
	static const struct option longs[] = {
		{ "interval", required_argument, NULL, 'i' },
		{ "output", required_argument, NULL, 'o' },
		{ "json", no_argument, NULL, 'j' },
		{ "per-cpu", no_argument, NULL, 'c' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	int c;

	opterr = 0;
	while ((c = getopt_long(argc, argv, "+:i:o:jch", longs, NULL)) != -1) {
		switch (c) {
		case 'i':
			o->interval_ns = parse_seconds(VERB, "--interval", optarg);
			if (!o->interval_ns)
				usage_error(VERB, "--interval is too short");
			break;
		case 'o':
			o->output = optarg;
			break;
		case 'j':
			o->json = true;
			break;
		case 'c':
			o->per_cpu = true;
			break;
		case 'h':
			help(stdout);
			exit(0);
		case ':':
			usage_error(VERB, "%s wants an argument", argv[optind - 1]);
		default:
			usage_error(VERB, "there is no option %s", argv[optind - 1]);
		}
	}
	if (optind == argc)
		usage_error(VERB, "there is no COMMAND");
	o->command = argv + optind;
}

/* For the command; this process executes nothing else. */
static void set_environment(const struct malloc_memory *m)
{
	const char *theirs = getenv("LD_PRELOAD");
	char library[4096], *preload = NULL, *variable = NULL;
	const char *why = malloc_library_find(library);

	if (why)
		die(VERB, "%s", why);
	if (asprintf(&preload, "%s%s%s", library, theirs && *theirs ? ":" : "",
		     theirs ? theirs : "") < 0 ||
	    asprintf(&variable, "%x:%x:%zx:%" PRIx64 ":%zx", (unsigned int)getpid(),
		     (unsigned int)opv_domain_fd(m->domain), opv_handle_offset(m->cpu), m->cookie,
		     sizeof(struct malloc_cpu)) < 0 ||
	    setenv("LD_PRELOAD", preload, 1) || setenv(MALLOC_VARIABLE, variable, 1))
		die(VERB, "no memory");
	free(preload);
	free(variable);
}

struct run {
	struct malloc_options o;
	struct malloc_memory memory;
	struct malloc_snapshot snapshot;
	uint64_t began;
	pid_t pid;
};

static void report(struct run *r, FILE *f, int status)
{
	malloc_memory_read(&r->memory, &r->snapshot);
	r->snapshot.elapsed_ns = stat_now() - r->began;
	if (r->o.json)
		malloc_json(f, &r->o, &r->snapshot, status);
	else
		malloc_table(f, &r->o, &r->snapshot, status);
}

/* Until the command has ended; who wants us to end wants it to. */
static int wait_for_it(struct run *r)
{
	struct timespec t = {
		.tv_sec = (time_t)(r->o.interval_ns / 1000000000),
		.tv_nsec = (long)(r->o.interval_ns % 1000000000),
	};
	siginfo_t info;
	sigset_t set;
	int status, sig;

	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	while (waitpid(r->pid, &status, WNOHANG) == 0) {
		sig = sigtimedwait(&set, &info, r->o.interval_ns ? &t : NULL);
		/* A hangup of the terminal reaches the command by itself. */
		if ((sig == SIGTERM || sig == SIGHUP) && info.si_code <= 0)
			kill(r->pid, sig);
		if (sig < 0 && errno == EAGAIN)
			report(r, stderr, -1);
	}
	return status;
}

static FILE *open_output(const char *path)
{
	FILE *f = path ? fopen(path, "we") : stderr;

	if (!f)
		die(VERB, "%s: %s", path, strerror(errno));
	return f;
}

int opv_malloc_stat_main(int argc, char **argv)
{
	static struct stat_command command;
	static struct run r;
	struct stat_options start = { 0 };
	struct stat_signals old;
	int ret, status;
	FILE *out;

	parse(&r.o, argc, argv);
	stat_command_find(&command, r.o.command[0]);
	if (command.status) {
		fprintf(stderr, "opv malloc-stat: %s\n", command.why);
		return command.status;
	}
	out = open_output(r.o.output);
	ret = malloc_memory_create(&r.memory);
	if (ret)
		die(VERB, "no memory to count in: %s", strerror(-ret));
	set_environment(&r.memory);
	stat_signals_take(&old);
	start.command = r.o.command;
	r.began = stat_now();
	r.pid = stat_start(VERB, &start, &old, NULL, NULL, NULL);
	status = wait_for_it(&r);
	report(&r, out, status);
	if (fflush(out) || ferror(out) || (out != stderr && fclose(out)))
		die(VERB, "%s: %s", r.o.output ? r.o.output : "stderr", strerror(errno));
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}
