// SPDX-License-Identifier: MIT
/* Watching the command from start to end: tables while it runs, the last one, its exit status. */
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "stat.h"

#define LIVE_NS UINT64_C(1000000000)

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
 * Redrawing moves the cursor, so it is done only where the command's output does
 * not go to a terminal; otherwise one table follows the other.
 */
static void choose_live(struct watch *w)
{
	w->in_place = isatty(2) && !isatty(1) && !w->o.json;
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

int stat_run_unwatched(const struct stat_options *o)
{
	struct watch w = { .o = *o };
	struct stat_signals old;

	w.o.interval_ns = 0;
	stat_signals_take(&old);
	w.pid = stat_start("stat", o, &old, NULL, NULL, NULL);
	wait_for_it(&w);
	return exit_status(w.status);
}

int stat_run(const struct stat_options *o, FILE *out)
{
	static struct watch w;
	struct stat_signals old;
	char library[4096];
	int ret;

	w.o = *o;
	stat_library(library, sizeof(library));
	ret = stat_memory_create(&w.memory);
	if (ret)
		die("stat", "no memory to count in: %s", strerror(-ret));
	stat_signals_take(&old);
	choose_live(&w);
	stat_clock_start(&w.clock);
	w.now = &w.snapshots[0];
	w.before = &w.snapshots[1];
	look(&w);	/* what the first table is compared with */
	w.began = stat_now();
	w.pid = stat_start("stat", &w.o, &old, &w.memory, &w.clock, library);
	wait_for_it(&w);
	report(&w, out);
	if (fflush(out) || ferror(out) || (out != stderr && fclose(out)))
		die("stat", "%s: %s", w.o.output ? w.o.output : "stderr", strerror(errno));
	return exit_status(w.status);
}
