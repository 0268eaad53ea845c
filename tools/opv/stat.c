// SPDX-License-Identifier: MIT
/* opv stat: count what a program does in the C library, per CPU, while it runs. */
#define _GNU_SOURCE
#include "stat.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define LIVE_NS UINT64_C(1000000000)

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

struct watch {
	struct stat_options o;
	struct stat_memory memory;
	struct stat_clock clock;
	struct stat_snapshot snapshots[2], *now, *before;
	uint64_t began, ended;
	pid_t pid;
	int status;
	bool in_place;
	int drawn;	/* lines of the table on the terminal */
};

/*
 * Redrawing moves the cursor, so it is done only where the command does not
 * write to the same terminal; otherwise one table follows the other.
 */
static void choose_live(struct watch *w)
{
	struct stat err, out;
	bool terminal = isatty(2) && !fstat(2, &err);
	bool alone = terminal && (fstat(1, &out) || out.st_rdev != err.st_rdev || !isatty(1));

	w->in_place = alone && !w->o.json;
	if (!w->o.interval_given && w->in_place)
		w->o.interval_ns = LIVE_NS;
}

static void erase(struct watch *w)
{
	if (w->drawn)
		fprintf(stderr, "\033[%dA\r\033[J", w->drawn);
	w->drawn = 0;
}

static struct stat_report look(struct watch *w)
{
	struct stat_snapshot *last = w->now;

	w->now = w->before;
	w->before = last;
	stat_memory_read(&w->memory, &w->clock, w->now);
	return (struct stat_report){
		.options = &w->o,
		.now = w->now,
		.before = w->before,
		.clock = &w->clock,
		.elapsed_ns = w->now->when - w->began,
	};
}

static void draw(struct watch *w)
{
	struct winsize size = { 0 };
	struct stat_report r;

	stat_clock_settle(&w->clock);
	r = look(w);
	if (w->o.json) {
		stat_json(stderr, &r);
		return;
	}
	if (w->in_place) {
		erase(w);
		ioctl(2, TIOCGWINSZ, &size);
		w->drawn = stat_table(stderr, &r, size.ws_col, size.ws_row > 1 ? size.ws_row - 1 : 0);
	} else {
		stat_table(stderr, &r, 0, 0);
	}
}

/* Until the command has ended; who wants us to end wants it to. */
static void wait_for_it(struct watch *w)
{
	uint64_t next = w->began + w->o.interval_ns;
	struct timespec t, *timeout = w->o.interval_ns ? &t : NULL;
	siginfo_t info;
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	while (waitpid(w->pid, &w->status, WNOHANG) == 0) {
		uint64_t now = stat_now();
		int sig;

		if (timeout) {
			uint64_t left = next > now ? next - now : 0;

			t.tv_sec = (time_t)(left / 1000000000);
			t.tv_nsec = (long)(left % 1000000000);
		}
		sig = sigtimedwait(&set, &info, timeout);
		/* A hangup of the terminal reaches the command by itself. */
		if ((sig == SIGTERM || sig == SIGHUP) && info.si_code <= 0)
			kill(w->pid, sig);
		if (sig < 0 && errno == EAGAIN) {
			draw(w);
			now = stat_now();
			next += w->o.interval_ns;
			if (next < now)
				next = now + w->o.interval_ns;
		}
	}
	w->ended = stat_now();
}

/*
 * When nobody else has the counters mapped they are final, and are read once
 * more to be sure to have all.
 */
static void report(struct watch *w, FILE *out)
{
	struct stat_report r;
	bool in_use;

	erase(w);
	in_use = stat_memory_in_use(&w->memory);
	stat_clock_settle(&w->clock);
	r = look(w);
	r.before = NULL;
	r.final = true;
	r.elapsed_ns = w->ended - w->began;
	r.status = w->status;
	r.still_running = in_use;
	if (w->o.json)
		stat_json(out, &r);
	else
		stat_table(out, &r, 0, 0);
}

static int exit_status(int status)
{
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

static int run_unwatched(const struct stat_options *o, const struct stat_signals *old,
			 const char *why)
{
	struct watch w = { .o = *o };

	fprintf(stderr, "opv stat: %s; running it unwatched\n", why);
	w.o.interval_ns = 0;
	w.pid = stat_start(o, old, NULL, NULL, NULL);
	wait_for_it(&w);
	return exit_status(w.status);
}

static int run(struct watch *w, const struct stat_signals *old, FILE *out)
{
	char library[4096];
	int ret;

	stat_library(library, sizeof(library));
	ret = stat_memory_create(&w->memory);
	if (ret)
		die("stat", "no memory to count in: %s", strerror(-ret));
	choose_live(w);
	stat_clock_start(&w->clock);
	w->now = &w->snapshots[0];
	w->before = &w->snapshots[1];
	look(w);	/* what the first table is compared with */
	w->began = stat_now();
	w->pid = stat_start(&w->o, old, &w->memory, &w->clock, library);
	wait_for_it(w);
	report(w, out);
	if (fflush(out) || ferror(out) || (out != stderr && fclose(out)))
		die("stat", "%s: %s", w->o.output ? w->o.output : "stderr", strerror(errno));
	return exit_status(w->status);
}

int opv_stat_main(int argc, char **argv)
{
	static struct watch w;
	static struct stat_command command;
	struct stat_signals old;
	FILE *out;

	guard_descriptors();
	parse(&w.o, argc, argv);
	stat_command_find(&command, w.o.command[0]);
	if (command.status && !(command.status == 2 && w.o.anyway)) {
		fprintf(stderr, "opv stat: %s%s\n", command.why,
			command.status == 2 ? "; --anyway runs it unwatched" : "");
		return command.status;
	}
	out = open_output(&w.o);
	stat_signals_take(&old);
	if (command.status == 2)
		return run_unwatched(&w.o, &old, command.why);
	return run(&w, &old, out);
}
