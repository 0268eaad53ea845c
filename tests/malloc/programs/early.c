// SPDX-License-Identifier: MIT
/* Allocations at odd times, and what becomes of them: early MODE. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

static char *before_main;

static __attribute__((__constructor__)) void construct(void)
{
	before_main = strdup("from a constructor");
}

static __attribute__((__destructor__)) void destruct(void)
{
	free(before_main);
	free(malloc(100));
}

/* A block that plugin.so allocated in its constructor, freed by us, and the other way round. */
static int load(const char *path)
{
	char *(*take)(void);
	void (*give)(char *);
	char *text;
	void *d;
	int i;

	for (i = 0; i < 50; i++) {
		d = dlopen(path, RTLD_NOW | RTLD_LOCAL);
		if (!d)
			return 1;
		take = (char *(*)(void))dlsym(d, "take");
		give = (void (*)(char *))dlsym(d, "give");
		if (!take || !give)
			return 2;
		text = take();
		if (strcmp(text, "plugin"))
			return 3;
		free(text);
		give(strdup("program"));
		if (dlclose(d) || dlsym(RTLD_DEFAULT, "no such symbol") || !dlerror())
			return 4;
	}
	return 0;
}

static int start(char **argv, int how)
{
	pid_t pid;
	int status;

	if (how == 'f')
		pid = fork();
	else if (how == 'v')
		pid = vfork();
	else if (posix_spawn(&pid, argv[0], NULL, NULL, argv, environ))
		return 1;
	if (!pid) {
		execv(argv[0], argv);
		_exit(9);
	}
	return waitpid(pid, &status, 0) != pid || status;
}

int main(int argc, char **argv)
{
	char *leaf[] = { argv[0], (char *)"main", NULL };
	int ret = 0;

	free(before_main);
	before_main = strdup("again");
	if (argc > 1 && !strcmp(argv[1], "load"))
		ret = load(argv[2]);
	else if (argc > 1 && !strcmp(argv[1], "start"))
		ret = start(leaf, 'f') || start(leaf, 'v') || start(leaf, 's');
	else if (argc > 1 && !strcmp(argv[1], "exec"))
		execv(argv[0], leaf);
	if (!ret)
		puts("well");
	return ret;
}
