// SPDX-License-Identifier: MIT
/*
 * returns WHAT: ways out of a wrapper.
 *
 * steps	the last instruction of read, write and malloc before the program's own: "ret",
 *		"jump", or its bytes
 * self		cancels itself and reads
 * late		the same, and reads once before it may be cancelled
 * other	reads before, beside and after a second thread that is cancelled in a read
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>
#include <unistd.h>

static int zero;	/* endless */
static char byte;

static void clean(void *name)
{
	printf("%s cleans up\n", (char *)name);
}

static void reads(void)
{
	int i, good = 0;

	for (i = 0; i < 10; i++)
		good += read(zero, &byte, 1) == 1;
	printf("read %d\n", good);
}

static int self(bool late)
{
	pthread_cleanup_push(clean, (void *)"main");
	reads();
	if (late)
		pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL);
	pthread_cancel(pthread_self());
	if (late) {
		reads();
		pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, NULL);
	}
	reads();
	pthread_cleanup_pop(0);
	return 0;
}

static int fds[2];

static void *in_read(void *arg)
{
	ssize_t n;

	pthread_cleanup_push(clean, (void *)"thread");
	n = read(fds[0], &byte, 1);
	printf("thread read %d\n", (int)n);
	pthread_cleanup_pop(0);
	return arg;
}

static int other(void)
{
	pthread_t t;
	void *how;

	if (pipe(fds))
		return 3;
	reads();
	if (pthread_create(&t, NULL, in_read, NULL))
		return 4;
	usleep(20000);
	reads();
	if (pthread_cancel(t) || pthread_join(t, &how) || how != PTHREAD_CANCELED)
		return 5;
	reads();
	return 0;
}

static volatile uintptr_t low, high;	/* the program's text that calls */
static volatile bool away;
static uintptr_t last;
static unsigned char ending[2];

/* After each instruction. */
static void on_step(int sig, siginfo_t *info, void *context)
{
	const uintptr_t ip = (uintptr_t)((ucontext_t *)context)->uc_mcontext.gregs[REG_RIP];
	const bool here = ip >= low && ip < high;

	(void)sig;
	(void)info;
	if (here && away)
		memcpy(ending, (void *)last, sizeof(ending));
	away = !here;
	last = ip;
}

static __attribute__((__noinline__, __section__("calling"))) void call(int what)
{
	char *volatile p;

	__asm__ volatile("pushfq\n\torq $0x100, (%%rsp)\n\tpopfq" ::: "memory", "cc");
	if (what == 0 && read(zero, &byte, 1) != 1)
		abort();
	if (what == 1 && write(1, "", 0) != 0)
		abort();
	if (what == 2)
		p = malloc(40);
	__asm__ volatile("pushfq\n\tandq $~0x100, (%%rsp)\n\tpopfq" ::: "memory", "cc");
	(void)p;
}

extern char __start_calling[], __stop_calling[];

static int steps(void)
{
	static const char *const names[] = { "read", "write", "malloc" };
	struct sigaction action = { .sa_sigaction = on_step, .sa_flags = SA_SIGINFO };
	int i;

	low = (uintptr_t)__start_calling;
	high = (uintptr_t)__stop_calling;
	sigaction(SIGTRAP, &action, NULL);
	for (i = 0; i < 3; i++) {
		call(i);
		printf("%s ", names[i]);
		if (ending[0] == 0xc3)
			printf("ret\n");
		else if (ending[0] == 0xff && ending[1] == 0xe1)
			printf("jump\n");
		else
			printf("%02x %02x\n", ending[0], ending[1]);
	}
	return 0;
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";

	alarm(20);	/* a thread that is not cancelled would read for ever */
	zero = open("/dev/zero", O_RDONLY);
	if (!strcmp(what, "steps"))
		return steps();
	if (!strcmp(what, "self"))
		return self(false);
	if (!strcmp(what, "late"))
		return self(true);
	if (!strcmp(what, "other"))
		return other();
	return 2;
}
