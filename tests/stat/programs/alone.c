// SPDX-License-Identifier: MIT
/*
 * alone WHAT: system calls of a process of one thread, and of one with more.
 *
 * calls	each symbol that functions.def knows as a system call, once: its number and
 *		arguments, and what it was made from.  None gets as far as the kernel.
 * threads	the same beside a second thread
 * cancelled	the same when the only thread has cancelled itself, but may not be cancelled
 * forked	the same in a child of a process with two threads
 * self		cancels itself and reads
 * late		the same, and reads once before it may be cancelled
 * other	reads before, beside and after a second thread that is cancelled in a read
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

#define NO_FD	0x5e1f	/* a call on this one is not made */

#ifdef COPY	/* of the C library's variable, in the program */
extern char __libc_single_threaded;
#else
static char __libc_single_threaded;
#endif

static struct {
	long number, args[6];
	void *from;
} seen;

static void note(int sig, siginfo_t *info, void *context)
{
	const greg_t *r = ((ucontext_t *)context)->uc_mcontext.gregs;
	const long args[] = { r[REG_RDI], r[REG_RSI], r[REG_RDX], r[REG_R10], r[REG_R8], r[REG_R9] };

	(void)sig;
	seen.number = info->si_syscall;
	memcpy(seen.args, args, sizeof(args));
	seen.from = info->si_call_addr;
	((ucontext_t *)context)->uc_mcontext.gregs[REG_RAX] = -EXDEV;
}

static int trap(void)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[0])),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, NO_FD, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRAP),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog filter = { sizeof(code) / sizeof(code[0]), code };
	struct sigaction action = { .sa_sigaction = note, .sa_flags = SA_SIGINFO };

	return sigaction(SIGSYS, &action, NULL) || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
	       prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter);
}

#define NR_ARGS_(number, a, b, c, d, e, f, n, ...) n
#define NR_ARGS(...) NR_ARGS_(__VA_ARGS__, 6, 5, 4, 3, 2, 1)

static const struct {
	const char *symbol;
	int args;
} table[] = {
#define STAT_SYSCALL(name, symbol, params, args, when, call) { #symbol, NR_ARGS call },
#include "../../../preload/functions.def"
};

/* Pointers and numbers of all kinds fit in a long; __recvfrom_chk() has seven. */
typedef long any(long fd, long a, long b, long c, long d, long e, long f);

static void show(const char *symbol, int args)
{
	any *call = (any *)dlsym(RTLD_DEFAULT, symbol);
	Dl_info in;
	long r;
	int i;

	memset(&seen, 0, sizeof(seen));
	errno = 0;
	r = call ? call(NO_FD, 0x1001, 0x102, 0x1003, 0x1004, 0x1005, 0x1006) : 0;
	if (!dladdr(seen.from, &in))
		in.dli_fname = "nowhere";
	printf("%s: %ld errno %d from %s: %ld (", symbol, r, errno, basename(in.dli_fname), seen.number);
	for (i = 0; i < args; i++)
		printf(" %lx", seen.args[i]);
	printf(" )\n");
}

static int calls(void)
{
	size_t i;

	if (trap())
		return 77;
	for (i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		show(table[i].symbol, table[i].args);
	return 0;
}

static void *sleeper(void *unused)
{
	for (;;)
		pause();
	return unused;
}

static int threads(void)
{
	pthread_t t;

	return pthread_create(&t, NULL, sleeper, NULL) ? 3 : calls();
}

static int cancelled(void)
{
	if (pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL) || pthread_cancel(pthread_self()))
		return 3;
	return calls();
}

static int forked(void)
{
	int status;
	pthread_t t;

	if (pthread_create(&t, NULL, sleeper, NULL))
		return 3;
	if (!fork())
		exit(calls());
	return wait(&status) < 0 || !WIFEXITED(status) ? 4 : WEXITSTATUS(status);
}

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
	printf("copy %d\n", __libc_single_threaded);
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

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";

	alarm(20);	/* a thread that is not cancelled would read for ever */
	zero = open("/dev/zero", O_RDONLY);
	if (!strcmp(what, "calls"))
		return calls();
	if (!strcmp(what, "threads"))
		return threads();
	if (!strcmp(what, "cancelled"))
		return cancelled();
	if (!strcmp(what, "forked"))
		return forked();
	if (!strcmp(what, "self"))
		return self(false);
	if (!strcmp(what, "late"))
		return self(true);
	if (!strcmp(what, "other"))
		return other();
	return 2;
}
