// SPDX-License-Identifier: MIT
/*
 * work HOW N: N times malloc(100) and free, in a way that makes them hard to count.
 *
 * kill		then SIGKILL to itself
 * exit		then _exit()
 * fork		in each of 4 children, which end by _exit()
 * exec		then exec of itself, twice more
 * closed	every descriptor closed, then exec
 * bare		exec with an empty environment
 * spawn	posix_spawn with an empty environment
 * threads	in each of 4 threads
 * handler	in a signal handler that interrupts malloc again and again
 * forever F	in 2 threads until killed; each call that returned is noted in file F
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

static void *volatile kept;
static long n;

static void *work(void *unused)
{
	long i;

	for (i = 0; i < n; i++) {
		void *volatile p = malloc(100);

		free(p);
	}
	return unused;
}

static void threads(void)
{
	pthread_t t[4];
	int i;

	for (i = 0; i < 4; i++)
		pthread_create(&t[i], NULL, work, NULL);
	for (i = 0; i < 4; i++)
		pthread_join(t[i], NULL);
}

static void children(void)
{
	int i;

	for (i = 0; i < 4; i++) {
		if (!fork()) {
			work(NULL);
			_exit(0);
		}
	}
	while (wait(NULL) > 0)
		;
}

static volatile sig_atomic_t interrupted;
static char scratch[16];

/* What a handler may do: read and write. */
static void handler(int sig)
{
	int fds[2];

	(void)sig;
	if (interrupted >= n || pipe(fds))
		return;
	if (write(fds[1], "x", 1) == 1 && read(fds[0], scratch, 1) == 1)
		interrupted++;
	close(fds[0]);
	close(fds[1]);
}

static void interrupt(void)
{
	struct itimerval every = { { 0, 200 }, { 0, 200 } };

	signal(SIGALRM, handler);
	setitimer(ITIMER_REAL, &every, NULL);
	while (interrupted < n) {
		void *volatile p = malloc(100);

		free(p);
	}
}

static uint64_t *notes;

static void *note(void *arg)
{
	uint64_t *mine = notes + (intptr_t)arg * 8;

	for (;;) {
		kept = malloc(100);
		__atomic_store_n(mine, *mine + 1, __ATOMIC_RELEASE);
		free(kept);
	}
	return NULL;
}

static void forever(const char *path)
{
	int fd = open(path, O_RDWR | O_CREAT, 0600);
	pthread_t t;

	if (ftruncate(fd, 4096))
		abort();
	notes = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	pthread_create(&t, NULL, note, (void *)1);
	note(NULL);
}

int main(int argc, char **argv)
{
	char *const none[] = { NULL };
	const char *how = argc > 2 ? argv[1] : "";
	char *self = argv[0];
	pid_t pid;
	int i;

	if (argc < 3)
		return 2;
	n = atol(argv[2]);
	if (!strcmp(how, "forever"))
		forever(argv[2]);
	if (!strcmp(how, "threads"))
		threads();
	else if (!strcmp(how, "fork"))
		children();
	else if (!strcmp(how, "handler"))
		interrupt();
	else
		work(NULL);
	if (!strcmp(how, "kill"))
		raise(SIGKILL);
	if (!strcmp(how, "exit"))
		_exit(5);
	if (!strcmp(how, "exec"))
		execl(self, self, argc > 3 ? "plain" : "exec", argv[2], "again", NULL);
	if (!strcmp(how, "closed")) {
		for (i = 0; i < 1024; i++)
			close(i);
		execl(self, self, "plain", argv[2], NULL);
	}
	if (!strcmp(how, "bare"))
		execve(self, (char *[]){ self, (char *)"plain", argv[2], NULL }, none);
	if (!strcmp(how, "spawn") &&
	    !posix_spawn(&pid, self, NULL, NULL, (char *[]){ self, (char *)"plain", argv[2], NULL }, none))
		waitpid(pid, NULL, 0);
	return 0;
}
