// SPDX-License-Identifier: MIT
/*
 * A program that starts another one with an environment of its own making
 * would lose the variables that lead to the counters.  These wrappers put them
 * back.  They allocate nothing but stack and take no lock, so they work in a
 * child of vfork().  With the environment as it is, nothing is changed.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <spawn.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

#include "preload.h"

#define EXPORT		__attribute__((__visibility__("default")))
#define PRELOAD		"LD_PRELOAD="
#define MAX_STRING	4096
#define MAX_ENTRIES	32768	/* 256 KiB of stack */

static char variable[MAX_STRING];	/* "OPV_STAT=..."; empty while nothing is watched */
static char preload[MAX_STRING];	/* "LD_PRELOAD=libopv-stat.so" */
static size_t library_len;

void stat_exec_init(const char *value, const char *library)
{
	size_t len = strlen(library);

	if (strlen(STAT_VARIABLE "=") + strlen(value) >= sizeof(variable) ||
	    strlen(PRELOAD) + len >= sizeof(preload))
		return;
	library_len = len;
	strcpy(stpcpy(preload, PRELOAD), library);
	strcpy(stpcpy(variable, STAT_VARIABLE "="), value);
}

static bool is_ours(const char *entry)
{
	return !strncmp(entry, STAT_VARIABLE "=", strlen(STAT_VARIABLE "="));
}

static bool is_preload(const char *entry)
{
	return !strncmp(entry, PRELOAD, strlen(PRELOAD));
}

/* Does this LD_PRELOAD=... begin with our library? */
static bool has_library(const char *entry)
{
	const char *value = entry + strlen(PRELOAD);

	return !strncmp(value, preload + strlen(PRELOAD), library_len) &&
	       (!value[library_len] || strchr(": ", value[library_len]));
}

struct plan {
	size_t entries;		/* of the environment */
	size_t bytes;		/* of a new LD_PRELOAD */
	bool needed;
};

static struct plan make_plan(char *const envp[])
{
	struct plan plan = { .bytes = strlen(preload) + 1 };
	bool ours = false, library = false;

	if (!variable[0])
		return plan;
	for (; envp && envp[plan.entries]; plan.entries++) {
		const char *entry = envp[plan.entries];

		if (is_ours(entry))
			ours = true;
		if (is_preload(entry)) {
			library = has_library(entry);
			plan.bytes += strlen(entry);
		}
	}
	plan.needed = (!ours || !library) && plan.entries < MAX_ENTRIES && plan.bytes < 65536;
	return plan;
}

/* envp with our variables, in out, which has room for two more and the end. */
static void make_environment(char **out, char *new_preload, char *const envp[])
{
	char *p = stpcpy(new_preload, preload);

	for (; envp && *envp; envp++) {
		if (is_preload(*envp)) {
			const char *theirs = *envp + strlen(PRELOAD);

			if (has_library(*envp))
				strcpy(new_preload, *envp);
			else if (*theirs)
				strcpy(stpcpy(p, ":"), theirs);
		} else if (!is_ours(*envp)) {
			*out++ = *envp;
		}
	}
	*out++ = new_preload;
	*out++ = variable;
	*out = NULL;
}

/* In the frame of a wrapper: env is envp, or a copy with our variables. */
#define WITH_VARIABLES(env, envp)					\
	struct plan plan_ = make_plan(envp);				\
	char *entries_[plan_.needed ? plan_.entries + 3 : 1];		\
	char preload_[plan_.needed ? plan_.bytes + 1 : 1];		\
	char *const *env = envp;					\
									\
	if (plan_.needed) {						\
		make_environment(entries_, preload_, envp);		\
		env = entries_;						\
	}

#define ARGV	char *const argv[]
#define ENVP	char *const envp[]
#define SPAWN	const posix_spawn_file_actions_t *actions, const posix_spawnattr_t *attr

/* X(symbol, params, environment, args): args name the environment env. */
#define EXEC_SYMBOLS(X)							\
	X(execve, (const char *path, ARGV, ENVP), envp, (path, argv, env)) \
	X(execvpe, (const char *file, ARGV, ENVP), envp, (file, argv, env)) \
	X(fexecve, (int fd, ARGV, ENVP), envp, (fd, argv, env))		\
	X(execveat, (int dir, const char *path, ARGV, ENVP, int flags), envp, \
	  (dir, path, argv, env, flags))				\
	X(posix_spawn, (pid_t *pid, const char *path, SPAWN, ARGV, ENVP), envp, \
	  (pid, path, actions, attr, argv, env))			\
	X(posix_spawnp, (pid_t *pid, const char *file, SPAWN, ARGV, ENVP), envp, \
	  (pid, file, actions, attr, argv, env))

static struct {
#define X(symbol, params, environment, args) int (*symbol) params;
	EXEC_SYMBOLS(X)
#undef X
} real;

static __attribute__((__constructor__(101))) void look_up(void)
{
	/* What is not found here cannot be called by the program either. */
#define X(symbol, params, environment, args) \
	real.symbol = (__typeof__(real.symbol))dlsym(RTLD_NEXT, #symbol);
	EXEC_SYMBOLS(X)
#undef X
}

#define X(symbol, params, environment, args)				\
EXPORT int symbol params						\
{									\
	WITH_VARIABLES(env, environment)				\
	if (!real.symbol)						\
		look_up();						\
	return real.symbol args;					\
}
EXEC_SYMBOLS(X)
#undef X

/* These take the environment of the process, which may have been emptied. */
EXPORT int execv(const char *path, ARGV)
{
	return execve(path, argv, environ);
}

EXPORT int execvp(const char *file, ARGV)
{
	return execvpe(file, argv, environ);
}
