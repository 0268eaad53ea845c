// SPDX-License-Identifier: MIT
/*
 * The module goes when nobody has its device open, and not before; calls do not notice that
 * somebody tried.  For a guest, as root, where the module lies in the folder that it is
 * run in.  Argument: seconds of each race (default 0.3).
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/wait.h>

#include "call.h"

static atomic_bool stop;
static _Atomic uint64_t calls, errors, word;

static int unload(void)
{
	return syscall(SYS_delete_module, "cpu_opv", O_NONBLOCK) ? -errno : 0;
}

static bool load(void)
{
	int fd = open("cpu_opv.ko", O_RDONLY | O_CLOEXEC);
	bool good = fd >= 0 && !syscall(SYS_finit_module, fd, "", 0);

	close(fd);
	return good;
}

static int add(int cpu)
{
	struct cpu_op op = opv_op_add((void *)&word, 1, 8);

	return call(&op, 1, cpu, 0);
}

static void *call_on(void *arg)
{
	while (!stop) {
		errors += add(calls % 2) != 0;
		calls++;
	}
	return arg;
}

static void test_open(void)
{
	pid_t pid;

	ok(unload() == -EWOULDBLOCK && !add(0), "with the device open it stays, and works");
	pid = fork();
	if (!pid) {
		pause();
		_exit(0);
	}
	close(call_fd);
	is(unload(), -EWOULDBLOCK, "also if another process has it open");
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	call_fd = open(CPU_OPV_DEVICE, O_RDWR | O_CLOEXEC);
	ok(call_fd >= 0 && !add(0), "it is there for others");
}

static void test_calls(double seconds)
{
	const uint64_t end = now_ns() + (uint64_t)(seconds * 1e9);
	pthread_t threads[2];
	unsigned int i, gone = 0, tries = 0;

	word = calls = errors = 0;
	for (i = 0; i < 2; i++)
		pthread_create(&threads[i], NULL, call_on, NULL);
	while (now_ns() < end || !calls) {
		gone += unload() != -EWOULDBLOCK;
		tries++;
		usleep(100);
	}
	stop = true;
	for (i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	diag("%u times; %llu calls", tries, (unsigned long long)calls);
	ok(!gone && !errors && calls && word == calls, "it is not unloaded under calls, and they are done");
}

/* Processes that open, call and close: at times none of them has it open. */
static void open_again_and_again(void)
{
	for (;;) {
		call_fd = open(CPU_OPV_DEVICE, O_RDWR | O_CLOEXEC);
		if (call_fd < 0)
			_exit(0);	/* it is gone */
		if (add(0) || add(1))
			_exit(1);
		close(call_fd);
		usleep(2000);
	}
}

static void test_gone(double seconds)
{
	const uint64_t end = now_ns() + (uint64_t)((seconds + 20) * 1e9);
	int i, status, ret, bad = 0;
	pid_t pids[3];

	close(call_fd);
	for (i = 0; i < 3; i++) {
		pids[i] = fork();
		if (!pids[i])
			open_again_and_again();
	}
	usleep((useconds_t)(seconds * 1e6));
	while ((ret = unload()) == -EWOULDBLOCK && now_ns() < end)
		usleep(100);
	for (i = 0; i < 3; i++) {
		if (ret)
			kill(pids[i], SIGKILL);
		waitpid(pids[i], &status, 0);
		bad += status != 0;
	}
	ok(!ret && !bad, "between two users it goes, and no call fails for it");
	ok(open(CPU_OPV_DEVICE, O_RDWR | O_CLOEXEC) < 0, "then there is no device");
}

int main(int argc, char **argv)
{
	const double seconds = argc > 1 ? atof(argv[1]) : 0.3;
	int i, back = 0;

	if (!call_open())
		return done();
	test_open();
	test_calls(seconds);
	for (i = 0; i < 5; i++) {
		test_gone(seconds);
		back += load();
		call_fd = open(CPU_OPV_DEVICE, O_RDWR | O_CLOEXEC);
		back += call_fd >= 0 && !add(0) && !add(1);
	}
	is(back, 10, "loaded again it works");
	return done();
}
