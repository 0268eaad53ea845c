// SPDX-License-Identifier: MIT
/*
 * Calls that wait for a page, and processes that end meanwhile: signals, SIGKILL, exit and
 * exec with calls in flight.
 */
#define _GNU_SOURCE
#include <linux/userfaultfd.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/utsname.h>
#include <sys/wait.h>

#include "call.h"

#define PAGE	4096
#define LATER	100000	/* microseconds until the page comes */

static char *page;
static int faults = -1;
static volatile uint64_t *shared;

/* The page at page is brought in by nobody but bring(). */
static bool watch(void)
{
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register reg = { .mode = UFFDIO_REGISTER_MODE_MISSING };

	faults = (int)syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK);
	page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	reg.range.start = (uintptr_t)page;
	reg.range.len = PAGE;
	return faults >= 0 && !ioctl(faults, UFFDIO_API, &api) && !ioctl(faults, UFFDIO_REGISTER, &reg);
}

static void unwatch(void)
{
	close(faults);
	munmap(page, PAGE);
}

static void *bring(void *arg)
{
	static char contents[PAGE] __attribute__((__aligned__(PAGE)));
	struct uffdio_copy copy = {
		.dst = (uintptr_t)page, .src = (uintptr_t)contents, .len = PAGE,
	};

	contents[0] = 41;
	usleep(LATER);
	return ioctl(faults, UFFDIO_COPY, &copy) ? NULL : arg;
}

static void handler(int signal)
{
	(void)signal;
}

static void test_delayed(void)
{
	uint64_t begun = now_ns(), other = 0;
	struct cpu_op vec[] = { opv_op_add(&other, 1, 8), opv_op_add(page, 1, 1) };
	pthread_t thread;
	void *brought;

	pthread_create(&thread, NULL, bring, page);
	ok(!call_here(vec, 2) && page[0] == 42 && other == 1, "a page that comes late is waited for");
	pthread_join(thread, &brought);
	ok(brought && now_ns() - begun >= LATER * UINT64_C(1000), "it did come late");
}

/* With a signal meanwhile. */
static void test_signal(bool restart)
{
	struct sigaction act = { .sa_handler = handler, .sa_flags = restart ? SA_RESTART : 0 };
	struct itimerspec soon = { { 0, 0 }, { 0, LATER * 200 } };
	struct sigevent event = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1 };
	uint64_t other = 0;
	struct cpu_op vec[] = { opv_op_add(&other, 1, 8), opv_op_add(page, 1, 1) };
	struct utsname name;
	int major = 0, minor = 0, ret;
	pthread_t thread;
	timer_t timer;
	bool can;

	uname(&name);
	sscanf(name.release, "%d.%d", &major, &minor);
	can = major > 6 || (major == 6 && minor >= 2);
	sigaction(SIGUSR1, &act, NULL);
	if (timer_create(CLOCK_MONOTONIC, &event, &timer) || timer_settime(timer, 0, &soon, NULL))
		ok(false, "a timer");
	pthread_create(&thread, NULL, bring, page);
	ret = call_here(vec, 2);
	pthread_join(thread, NULL);
	timer_delete(timer);
	if (restart || !can)
		ok(!ret && other == 1 && page[0] == 42, "a signal meanwhile: it goes on%s",
		   restart ? ", SA_RESTART" : " with kernels before 6.2");
	else
		ok(ret == -EINTR && other == 0 && page[0] == 41, "a signal meanwhile: EINTR, and nothing was done");
}

/* Whether the child ends, by that signal or status, within seconds. */
static bool ends(pid_t pid, int how)
{
	const uint64_t end = now_ns() + UINT64_C(20000000000);
	int status;

	while (now_ns() < end) {
		if (waitpid(pid, &status, WNOHANG) == pid)
			return WIFSIGNALED(status) ? WTERMSIG(status) == how : !how;
		usleep(1000);
	}
	return false;
}

static void test_killed(void)
{
	pid_t pid = fork();

	if (!pid) {
		if (!watch())
			_exit(1);
		*shared = 1;
		call_here((struct cpu_op[]){ opv_op_add(page, 1, 1) }, 1);
		_exit(2);
	}
	while (*shared != 1)
		usleep(1000);
	usleep(LATER);
	kill(pid, SIGKILL);
	ok(ends(pid, SIGKILL), "SIGKILL ends a call that waits for a page for ever");
}

static void test_pages(void)
{
	if (!watch()) {
		skip("pages that are delayed", "there is no userfaultfd()");
		return;
	}
	test_delayed();
	unwatch();
	watch();
	test_signal(true);
	unwatch();
	watch();
	test_signal(false);
	unwatch();
	*shared = 0;
	test_killed();
}

static void *call_on(void *arg)
{
	const int cpu = (int)(uintptr_t)arg;
	struct cpu_op op = opv_op_add((void *)shared, 1, 8);

	while (!call(&op, 1, cpu, 0))
		;
	return NULL;
}

/* It ends in the middle of its threads' calls: how is 0 exit, 1 exec, or a signal. */
static void call_and_end(int how, unsigned int after)
{
	char *const argv[] = { "true", NULL };
	pthread_t thread;
	uintptr_t i;

	for (i = 0; i < 4; i++)
		pthread_create(&thread, NULL, call_on, (void *)(i % (uintptr_t)cpus()));
	usleep(after);
	if (how == 1)
		execv("/bin/true", argv);
	if (how > 1)
		kill(getpid(), how);
	_exit(0);
}

static void test_ends(void)
{
	static const int hows[] = { 0, 1, SIGKILL };
	uint64_t seed = 1;
	int i, good = 0, rounds = 18;

	*shared = 0;
	for (i = 0; i < rounds; i++) {
		pid_t pid = fork();

		if (!pid)
			call_and_end(hows[i % 3], (unsigned int)(rnd(&seed) % 20000));
		good += ends(pid, i % 3 == 2 ? SIGKILL : 0);
	}
	is(good, rounds, "processes exit, exec and are killed with calls in flight (%llu were done)",
	   (unsigned long long)*shared);
	for (i = 0, good = 0; i < cpus(); i++)
		good += !call(NULL, 0, i, 0);
	is(good, cpus(), "all CPUs serve others after that");
}

int main(void)
{
	if (!call_open())
		return done();
	shared = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	test_pages();
	test_ends();
	return done();
}
