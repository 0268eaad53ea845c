// SPDX-License-Identifier: MIT
/*
 * probe WHAT: looks at what a program can see of itself.
 *
 * fds		its open descriptors
 * fd		the number that open() gives
 * errno	errno through calls that succeed, and after ones that fail
 * signals	what is ignored and blocked
 * block MS	reads from a pipe that is written to after MS milliseconds, 5 times
 * term		waits for SIGTERM and exits with 42
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int fds[2], delay_ms;

static void *writer(void *arg)
{
	int i;

	for (i = 0; i < 5; i++) {
		usleep((useconds_t)delay_ms * 1000);
		if (write(fds[1], "x", 1) != 1)
			abort();
	}
	return arg;
}

static void block(void)
{
	pthread_t t;
	char c;
	int i;

	if (pipe(fds))
		abort();
	pthread_create(&t, NULL, writer, NULL);
	for (i = 0; i < 5; i++)
		if (read(fds[0], &c, 1) != 1)
			abort();
	pthread_join(t, NULL);
}

static void show_errno(void)
{
	pthread_mutex_t m = PTHREAD_MUTEX_INITIALIZER;
	void *volatile p;
	char c;
	int start = errno, fd = open("/dev/zero", O_RDONLY);

	errno = 77;
	p = malloc(1000);
	p = realloc(p, 2000);
	free(p);
	pthread_mutex_lock(&m);
	pthread_mutex_unlock(&m);
	if (read(fd, &c, 1) != 1)
		abort();
	printf("start %d kept %d", start, errno);
	errno = 0;
	if (read(-1, &c, 1) == -1)
		printf(" read %d", errno);
	errno = 0;
	if (!(p = malloc((size_t)-1 / 2)))
		printf(" malloc %d", errno);
	errno = 0;
	printf(" trylock %d", pthread_mutex_lock(&m) ? -1 : pthread_mutex_trylock(&m));
	printf(" errno %d\n", errno);
}

static void show_signals(void)
{
	struct sigaction sa;
	sigset_t set;
	int sig;

	sigprocmask(SIG_SETMASK, NULL, &set);
	for (sig = 1; sig < 32; sig++) {
		sigaction(sig, NULL, &sa);
		printf("%d%s%s\n", sig, sa.sa_handler == SIG_IGN ? " ignored" : "",
		       sigismember(&set, sig) ? " blocked" : "");
	}
}

static void on_term(int sig)
{
	(void)sig;
	_exit(42);
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";
	int i;

	if (!strcmp(what, "fds")) {
		for (i = 0; i < 1024; i++)
			if (fcntl(i, F_GETFD) != -1)
				printf("%d\n", i);
	} else if (!strcmp(what, "fd")) {
		printf("%d\n", open("/dev/null", O_RDONLY));
	} else if (!strcmp(what, "errno")) {
		show_errno();
	} else if (!strcmp(what, "signals")) {
		show_signals();
	} else if (!strcmp(what, "block")) {
		delay_ms = atoi(argv[2]);
		block();
	} else if (!strcmp(what, "term")) {
		signal(SIGTERM, on_term);
		puts("ready");
		fflush(stdout);
		for (;;)
			pause();
	}
	return 0;
}
