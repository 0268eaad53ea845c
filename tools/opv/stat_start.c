// SPDX-License-Identifier: MIT
/* Starting the command: with its signals, descriptors and environment as they were, plus two variables. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <sys/wait.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "stat.h"

#define LIBRARY "libopv-stat.so"

/* Like time and nohup: what the terminal sends is for the command, we report afterwards. */
void stat_signals_take(struct stat_signals *old)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	sigprocmask(SIG_BLOCK, &set, &old->mask);
	old->interrupt = signal(SIGINT, SIG_IGN);
	old->quit = signal(SIGQUIT, SIG_IGN);
	/* Ignored by whoever started us, it would take the exit status away. */
	old->child = signal(SIGCHLD, SIG_DFL);
}

static void give_signals_back(const struct stat_signals *old)
{
	signal(SIGINT, old->interrupt);
	signal(SIGQUIT, old->quit);
	signal(SIGCHLD, old->child);
	sigprocmask(SIG_SETMASK, &old->mask, NULL);
}

/* The folder that this program is in, with a slash at the end. */
static void own_folder(char *path, size_t size)
{
	ssize_t n = readlink("/proc/self/exe", path, size - 1);
	char *slash;

	path[n > 0 ? n : 0] = '\0';
	slash = strrchr(path, '/');
	if (slash)
		slash[1] = '\0';
	else
		path[0] = '\0';
}

static bool try_library(char *path, size_t size, const char *folder, const char *rest)
{
	char joined[4096];

	if (snprintf(joined, sizeof(joined), "%s%s", folder, rest) >= (int)sizeof(joined) ||
	    !realpath(joined, path) || strlen(path) >= size)
		return false;
	return !access(path, R_OK);
}

void stat_library(char *path, size_t size)
{
	const char *given = getenv("OPV_STAT_LIBRARY");
	char folder[4096], found[4096 + 1];

	own_folder(folder, sizeof(folder));
	if (given) {
		if (!try_library(found, sizeof(found), given, ""))
			die("stat", "OPV_STAT_LIBRARY: %s: %s", given, strerror(errno));
	} else if (!try_library(found, sizeof(found), folder, LIBRARY) &&
		   !try_library(found, sizeof(found), folder, "../lib/opv/" LIBRARY) &&
		   !try_library(found, sizeof(found), OPV_STAT_LIBDIR "/", LIBRARY)) {
		die("stat", LIBRARY " is neither beside opv (%s) nor in ../lib/opv nor in %s; "
		    "OPV_STAT_LIBRARY can say where it is", folder, OPV_STAT_LIBDIR);
	}
	if (strpbrk(found, ": "))
		die("stat", "%s: the dynamic loader cannot preload a file with a space or colon in its "
		    "path; OPV_STAT_LIBRARY can name a copy of it", found);
	snprintf(path, size, "%s", found);
}

static void set_preload(const char *library)
{
	const char *theirs = getenv("LD_PRELOAD");
	char *value = NULL;

	if (asprintf(&value, "%s%s%s", library, theirs && *theirs ? ":" : "", theirs ? theirs : "") < 0 ||
	    setenv("LD_PRELOAD", value, 1))
		_exit(126);
	free(value);
}

static void set_variable(const struct stat_options *o, const struct stat_memory *m,
			 const struct stat_clock *clock, const char *library, pid_t watcher)
{
	unsigned int flags = (o->latency ? STAT_LATENCY : 0) | (clock->tsc ? STAT_TSC : 0) |
			     (stat_return_by_jump() ? STAT_JUMP : 0);
	char *value = NULL;

	if (asprintf(&value, "%x:%x:%x:%" PRIx64 ":%" PRIx64 ":%zx:%" PRIx64 ":%x:%s", STAT_VERSION,
		     (unsigned int)watcher, (unsigned int)m->fd, m->handle, m->cookie,
		     sizeof(struct stat_cpu), o->mask, flags, library) < 0 ||
	    setenv(STAT_VARIABLE, value, 1))
		_exit(126);
	free(value);
}

/* What execvp() says comes back through a pipe that exec closes. */
static void report_failure(const char *verb, const int *pipefd, pid_t pid, const char *name)
{
	int error;

	close(pipefd[1]);
	while (read(pipefd[0], &error, sizeof(error)) == (ssize_t)sizeof(error)) {
		fprintf(stderr, "opv %s: %s: %s\n", verb, name, strerror(error));
		waitpid(pid, NULL, 0);
		exit(error == ENOENT ? 127 : 126);
	}
	close(pipefd[0]);
}

pid_t stat_start(const char *verb, const struct stat_options *o, const struct stat_signals *old,
		 const struct stat_memory *m, const struct stat_clock *clock, const char *library)
{
	pid_t watcher = getpid(), pid;
	int pipefd[2], error;

	if (pipe2(pipefd, O_CLOEXEC))
		die(verb, "pipe: %s", strerror(errno));
	pid = fork();
	if (pid < 0)
		die(verb, "fork: %s", strerror(errno));
	if (!pid) {
		if (m) {
			set_preload(library);
			set_variable(o, m, clock, library, watcher);
		}
		give_signals_back(old);
		execvp(o->command[0], o->command);
		error = errno;
		if (write(pipefd[1], &error, sizeof(error)) != (ssize_t)sizeof(error))
			_exit(125);
		_exit(126);
	}
	report_failure(verb, pipefd, pid, o->command[0]);
	return pid;
}
