// SPDX-License-Identifier: MIT
/*
 * Memory that is short: a process whose group has less of it than it works on, so that what
 * vectors pin has to be swapped in, and out again; and beside it processes whose vectors ask for
 * more than there is, which are killed for it, and nobody else.  For a guest, as root.
 * Argument: seconds (default 0.5).
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "call.h"
#include "section.h"
#include "swap.h"

#define PAGE	4096
#define CGROUPS	"/sys/fs/cgroup/"
#define SHORT	CGROUPS "opv-short"
#define NONE	CGROUPS "opv-none"

#define LIMIT	"2M"		/* of the one that swaps */
#define PAGES	1024		/* it works on: 4 MiB */
#define ADDS	6		/* in a vector, beside a copy: 8 pages */
#define FRESH	512		/* pages that are asked for where there is no swap: 2 MiB of 1 */
#define SPIN	100
#define CALLERS	2
#define PATIENCE UINT64_C(60000000000)

/* A page is a count and numbers that are all the same: those of some page. */
struct page {
	uint64_t hits;
	uint64_t numbers[PAGE / 8 - 1];
};

static struct page *pages;
static atomic_bool stop;

/* What the process that swaps tells. */
static struct told {
	_Atomic uint64_t calls, sections, errors, lost, torn;
	_Atomic uint64_t brought;	/* pages that had to be read, by now */
	_Atomic int running, over;
} *told;

static struct page *any(uint64_t *seed)
{
	return &pages[rnd(seed) % PAGES];
}

/* As CPU 1: a page becomes another's copy, and pages here and there count. */
static int step(uint64_t *seed)
{
	struct cpu_op vec[1 + ADDS];
	int i;

	vec[0] = opv_op_memcpy(any(seed)->numbers, any(seed)->numbers, sizeof(pages->numbers));
	for (i = 1; i <= ADDS; i++)
		vec[i] = opv_op_add(&any(seed)->hits, 1, 8);
	return call(vec, 1 + ADDS, 1, 0);
}

static void *call_all(void *arg)
{
	uint64_t seed = (uintptr_t)arg + 1;

	if (arg)
		pin_to(1);
	while (!stop) {
		if (step(&seed))
			told->errors++;
		else
			told->calls++;
	}
	return NULL;
}

static void *be_in_sections(void *arg)
{
	uint64_t seed = 99;

	pin_to(1);
	while (!stop)
		told->sections += section_add(&any(&seed)->hits, 1, SPIN, 1);
	return arg;
}

static void check_pages(void)
{
	uint64_t sum = 0;
	int i, k;

	for (i = 0; i < PAGES; i++) {
		sum += pages[i].hits;
		for (k = 1; k < PAGE / 8 - 1 && pages[i].numbers[k] == pages[i].numbers[0]; k++)
			;
		told->torn += k < PAGE / 8 - 1 || !pages[i].numbers[0] || pages[i].numbers[0] > PAGES;
	}
	told->lost = told->calls * ADDS + told->sections - sum;
}

/* The process that has less memory than it works on, until told. */
static void swap_away(void)
{
	pthread_t threads[CALLERS + 1];
	struct rusage usage;
	uintptr_t i;
	int k;

	if (!put(SHORT "/cgroup.procs", "0"))
		_exit(1);
	pages = mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	madvise(pages, PAGES * PAGE, MADV_NOHUGEPAGE);
	for (i = 0; i < PAGES; i++)
		for (k = 0; k < PAGE / 8 - 1; k++)
			pages[i].numbers[k] = i + 1;
	for (i = 0; i < CALLERS; i++)
		pthread_create(&threads[i], NULL, call_all, (void *)i);
	pthread_create(&threads[CALLERS], NULL, be_in_sections, NULL);
	told->running = 1;
	while (!told->over) {
		getrusage(RUSAGE_SELF, &usage);
		told->brought = (uint64_t)usage.ru_majflt;
		usleep(1000);
	}
	stop = true;
	for (i = 0; i <= CALLERS; i++)
		pthread_join(threads[i], NULL);
	check_pages();
	_exit(0);
}

/* A process whose vectors bring in page after page, until there is none left for it. */
static void ask_for_more(void)
{
	char *fresh;
	uint64_t i;

	if (!put(NONE "/cgroup.procs", "0"))
		_exit(1);
	fresh = mmap(NULL, FRESH * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	madvise(fresh, FRESH * PAGE, MADV_NOHUGEPAGE);
	for (i = 0; i < FRESH; i++) {
		struct cpu_op op = opv_op_add(fresh + i * PAGE, 1, 8);

		if (call(&op, 1, 0, 0))
			_exit(2);
	}
	_exit(3);
}

/* The status, or -1: it hangs. */
static int wait_for(pid_t pid)
{
	const uint64_t end = now_ns() + PATIENCE;
	int status;

	while (now_ns() < end) {
		if (waitpid(pid, &status, WNOHANG) == pid)
			return status;
		usleep(1000);
	}
	kill(pid, SIGKILL);
	return -1;
}

/* The number behind this word in a file of the kernel's. */
static long long number(const char *path, const char *word)
{
	char name[32];
	long long n;
	FILE *file = fopen(path, "re");

	while (file && fscanf(file, "%31s %lld", name, &n) == 2) {
		if (!strcmp(name, word)) {
			fclose(file);
			return n;
		}
	}
	if (file)
		fclose(file);
	return -1;
}

static bool make_groups(void)
{
	return put(CGROUPS "cgroup.subtree_control", "+memory") && !mkdir(SHORT, 0755) && !mkdir(NONE, 0755) &&
	       put(SHORT "/memory.max", LIMIT) && put(NONE "/memory.max", "1M") && put(NONE "/memory.swap.max", "0");
}

static void remove_groups(void)
{
	rmdir(SHORT);
	rmdir(NONE);
}

/* Processes that are killed for what they ask for, one after the other. */
static void ask_and_be_killed(double seconds)
{
	const uint64_t end = now_ns() + (uint64_t)(seconds * 1e9);
	int rounds = 0, killed = 0, status = 0;
	pid_t pid;

	do {
		pid = fork();
		if (!pid)
			ask_for_more();
		status = wait_for(pid);
		killed += WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
		rounds++;
	} while (now_ns() < end);
	if (!is(killed, rounds, "who asks for more memory than there is, is killed in the middle of a vector"))
		diag("the last one's status: %#x", (unsigned int)status);
	is(number(NONE "/memory.events", "oom_kill"), rounds, "for that, and it alone: %d of %d", killed, rounds);
}

static unsigned long most_out;

static bool has_swapped(void)
{
	const unsigned long now = swap_used();

	if (now > most_out)
		most_out = now;
	return told->calls > 20 && told->sections > 20 && told->brought > 100 && most_out;
}

static void test(double seconds)
{
	const uint64_t end = now_ns() + PATIENCE;
	pid_t pid = fork();
	int i, good = 0;

	if (!pid)
		swap_away();
	while (!told->running && now_ns() < end)
		usleep(1000);
	ask_and_be_killed(seconds);
	while (!has_swapped() && now_ns() < end)
		usleep(10000);
	told->over = 1;
	is(wait_for(pid), 0, "a process that has less memory than it works on lives");
	diag("%llu vectors, %llu sections; %llu pages brought in, up to %lu bytes out; %lld times at the limit",
	     (unsigned long long)told->calls, (unsigned long long)told->sections, (unsigned long long)told->brought,
	     most_out, number(SHORT "/memory.events", "max"));
	ok(has_swapped(), "its vectors are done, with what they pin swapped in and out");
	is(told->errors, 0, "all of them");
	is(told->lost, 0, "nothing is lost: memory is short");
	is(told->torn, 0, "copies are whole: memory is short");
	is(number(SHORT "/memory.events", "oom_kill"), 0, "nobody is killed where there is swap");
	for (i = 0; i < cpus(); i++)
		good += !call(NULL, 0, i, 0);
	is(good, cpus(), "all CPUs serve others after that");
}

int main(int argc, char **argv)
{
	const double seconds = argc > 1 ? atof(argv[1]) : 0.5;

	if (!call_open())
		return done();
	told = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (!ok(told != MAP_FAILED && cpus() > 1 && __rseq_size, "memory, CPUs, rseq"))
		return done();
	if (!make_groups())
		skip("nothing is lost: memory is short", "there are no limits of memory for groups");
	else if (!swap_on())
		skip("nothing is lost: memory is short", "there is nothing to swap to");
	else
		test(seconds);
	remove_groups();
	return done();
}
