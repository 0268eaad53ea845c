// SPDX-License-Identifier: MIT
/*
 * odd WHAT: programs that are not like others.
 *
 * strict	goes on under strict seccomp, where all but read, write and exit kills
 * moved	on CPU 0 from the start goes under strict seccomp, tells its pid, waits for the
 *		end of its input and writes 1000 times; exits with 9 where it began elsewhere
 * cancel	cancels a thread that is blocked in read, in a wait and in a lock's clean-up
 * vfork	a child of vfork() that writes, then one that executes
 * jump		leaves read by siglongjmp()
 * early	allocates in a constructor, before main and before libraries
 * late		allocates in a destructor and in an atexit handler
 * thread	a thread made by clone(), which the C library does not know
 * dump		is not dumpable, so that /proc/PID is root's
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static int early_wanted, early_cpu;
static void *volatile kept;

__attribute__((__constructor__(101))) static void early(void)
{
	int i;

	early_cpu = sched_getcpu();
	for (i = 0; i < 1000; i++)
		kept = malloc(10);
	early_wanted = 1000;
}

static void late(void)
{
	int i;

	for (i = 0; i < 1000; i++)
		kept = malloc(10);
}

static int strict(void)
{
	int i, bad = 0;

	if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT))
		return 3;
	for (i = 0; i < 1000; i++)
		bad += write(1, "", 0) != 0;
	for (i = 0; i < 100000; i++)
		free(malloc(10));
	syscall(SYS_exit, bad);
	return 4;
}

static int moved(void)
{
	cpu_set_t set;
	char text[32];
	int i, bad = 0, n = snprintf(text, sizeof(text), "%d\n", (int)getpid());

	CPU_ZERO(&set);
	CPU_SET(0, &set);
	if (early_cpu || sched_getcpu() || sched_setaffinity(0, sizeof(set), &set))
		return 9;
	if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT))
		return 3;
	if (write(1, text, (size_t)n) != n || read(0, text, 1))
		bad = 4;
	for (i = 0; i < 1000; i++)
		bad += write(1, "", 0) != 0;
	syscall(SYS_exit, bad);
	return 4;
}

static int fds[2], cleaned;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t cond = PTHREAD_COND_INITIALIZER;

static void clean(void *arg)
{
	if (arg)
		pthread_mutex_unlock(arg);
	cleaned++;
}

static void *in_read(void *arg)
{
	char c;

	pthread_cleanup_push(clean, NULL);
	if (read(fds[0], &c, 1) < 0)
		return arg;
	pthread_cleanup_pop(0);
	return arg;
}

static void *in_wait(void *arg)
{
	pthread_mutex_lock(&mutex);
	pthread_cleanup_push(clean, &mutex);
	for (;;)
		pthread_cond_wait(&cond, &mutex);
	pthread_cleanup_pop(0);
	return arg;
}

static int cancel(void)
{
	void *(*const bodies[])(void *) = { in_read, in_wait };
	pthread_t t;
	void *how;
	int i;

	if (pipe(fds))
		return 3;
	for (i = 0; i < 2; i++) {
		pthread_create(&t, NULL, bodies[i], NULL);
		usleep(20000);
		pthread_cancel(t);
		pthread_join(t, &how);
		if (how != PTHREAD_CANCELED)
			return 4;
	}
	return cleaned == 2 && !pthread_mutex_trylock(&mutex) ? 0 : 5;
}

static int by_vfork(void)
{
	int status;
	pid_t pid = vfork();

	if (!pid) {
		if (write(1, "child\n", 6) != 6)
			_exit(1);
		_exit(7);
	}
	waitpid(pid, &status, 0);
	if (WEXITSTATUS(status) != 7)
		return 3;
	pid = vfork();
	if (!pid) {
		execl("/bin/sh", "sh", "-c", "echo executed", NULL);
		_exit(1);
	}
	waitpid(pid, &status, 0);
	return WEXITSTATUS(status);
}

static sigjmp_buf back;

static void leave(int sig)
{
	siglongjmp(back, sig);
}

static int jump(void)
{
	char c;
	int i;

	if (pipe(fds))
		return 3;
	signal(SIGALRM, leave);
	for (i = 0; i < 5; i++) {
		if (!sigsetjmp(back, 1)) {
			ualarm(2000, 0);
			if (read(fds[0], &c, 1))
				return 4;
		}
	}
	free(malloc(10));
	return 0;
}

static int unknown_done;

static int unknown(void *arg)
{
	/* Its thread pointer is the parent's: nothing but a plain system call is safe, and ours. */
	int i;

	for (i = 0; i < 1000; i++)
		if (write(*(int *)arg, "", 0))
			break;
	__atomic_store_n(&unknown_done, i, __ATOMIC_RELEASE);
	syscall(SYS_exit, 0);
	return 0;
}

static int thread(void)
{
	char *stack = mmap(NULL, 65536, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int fd = 1;

	if (clone(unknown, stack + 65536, CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND |
		  CLONE_THREAD | CLONE_SYSVSEM, &fd) < 0)
		return 3;
	while (!__atomic_load_n(&unknown_done, __ATOMIC_ACQUIRE))
		sched_yield();
	return unknown_done == 1000 ? 0 : 4;
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";

	if (!strcmp(what, "strict"))
		return strict();
	if (!strcmp(what, "moved"))
		return moved();
	if (!strcmp(what, "cancel"))
		return cancel();
	if (!strcmp(what, "vfork"))
		return by_vfork();
	if (!strcmp(what, "jump"))
		return jump();
	if (!strcmp(what, "early"))
		return early_wanted == 1000 ? 0 : 3;
	if (!strcmp(what, "late"))
		return atexit(late);
	if (!strcmp(what, "thread"))
		return thread();
	if (!strcmp(what, "dump")) {
		prctl(PR_SET_DUMPABLE, 0);
		execl("/bin/echo", "echo", "dumped", NULL);
	}
	return 2;
}
