// SPDX-License-Identifier: MIT
/*
 * Memory that changes under the operands while they are pinned: unmapped, moved, protected,
 * forked, merged, made into huge pages, swapped out, truncated, never touched.  Where its
 * contents stay, nothing is lost; otherwise no more is wanted than an answer and a kernel
 * that lives.  For a guest, as root.  Argument: seconds of each (default 0.5).
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "call.h"
#include "section.h"
#include "swap.h"

#ifndef MADV_PAGEOUT
# define MADV_PAGEOUT 21
#endif
#ifndef MADV_COLLAPSE
# define MADV_COLLAPSE 25
#endif

#define PAGE	4096
#define HUGE	(2 << 20)
#define SIZE	(2 * HUGE)	/* of what is reserved */
#define PAGES	32		/* of what is worked on */
#define SPIN	100

static char *area;		/* aligned to huge pages */
static char *elsewhere;
static int file = -1;
static atomic_bool stop;
static _Atomic uint64_t calls, refused, errors, turns;
static uint64_t mirror[PAGES + 1];

static uint64_t *word(unsigned int i)
{
	return (uint64_t *)(area + (size_t)i * PAGE + PAGE - 8);
}

/* As CPU 1: reads at the end of a page, adds there, and counts it where nothing changes. */
static int step(uint64_t *seed)
{
	const unsigned int i = (unsigned int)(rnd(seed) % PAGES);
	char copy[24];
	struct cpu_op vec[] = {
		opv_op_memcpy(copy, word(i) - 2, sizeof(copy)),
		opv_op_add(word(i), 1, 8),
		opv_op_add(&mirror[i], 1, 8),
	};

	return call(vec, 3, 1, 0);
}

/* As CPU 1, and on it or not. */
static void *call_all(void *arg)
{
	uint64_t seed = (uintptr_t)arg + 1;
	int ret;

	if (arg)
		pin_to(1);
	while (!stop) {
		ret = step(&seed);
		calls += !ret;
		refused += ret == -EFAULT;
		errors += ret && ret != -EFAULT;
	}
	return NULL;
}

static void *be_in_sections(void *arg)
{
	uint64_t added = 0;

	pin_to(1);
	while (!stop)
		added += section_add(word(PAGES), 1, SPIN, 1);
	mirror[PAGES] = added;
	return arg;
}

/* A vector of CPU 1 meets the sections in their word. */
static void *meet_sections(void *arg)
{
	struct cpu_op op = opv_op_add(word(PAGES), 1, 8);
	uint64_t added = 0;

	while (!stop)
		added += !call(&op, 1, 1, 0);
	*(uint64_t *)arg = added;
	return NULL;
}

enum keeps {
	NOTHING,	/* contents are lost at times */
	CONTENTS,	/* they are somewhere else at times */
	ALL		/* they can be used at any time */
};

static void begin(int fd)
{
	mmap(area, SIZE, PROT_READ | PROT_WRITE,
	     MAP_FIXED | (fd < 0 ? MAP_PRIVATE | MAP_ANONYMOUS : MAP_SHARED), fd, 0);
	madvise(area, SIZE, MADV_NOHUGEPAGE);	/* what is pinned is not split */
	memset(area, 0, SIZE);
	memset(mirror, 0, sizeof(mirror));
	calls = refused = errors = turns = 0;
	stop = false;
}

static void check(const char *what, enum keeps keeps, uint64_t met)
{
	unsigned int i, lost = 0;

	for (i = 0; i < PAGES; i++)
		lost += *word(i) != mirror[i];
	lost += *word(PAGES) != mirror[PAGES] + met;
	diag("%s: %llu times; %llu calls, %llu refused", what, (unsigned long long)turns, (unsigned long long)calls,
	     (unsigned long long)refused);
	ok(calls && turns && !errors && (keeps != ALL || !refused), "operands are pinned or refused: %s", what);
	if (keeps != NOTHING)
		is(lost, 0, "nothing is lost: %s", what);
}

static void turn_page_out(void);
static unsigned long swapped;

/* There was some of what is to be shown. */
static bool enough(void (*turn)(void))
{
	return calls && (turn != turn_page_out || swapped);
}

/* turn() is called for so long, while threads call; if it may be, others are in sections there. */
static void race(double seconds, const char *what, void (*turn)(void), enum keeps keeps, int fd)
{
	pthread_t callers[2], sections, meet;
	uint64_t end, met = 0;
	uintptr_t i;

	begin(fd);
	for (i = 0; i < 2; i++)
		pthread_create(&callers[i], NULL, call_all, (void *)i);
	if (keeps == ALL) {
		pthread_create(&sections, NULL, be_in_sections, NULL);
		pthread_create(&meet, NULL, meet_sections, &met);
	}
	end = now_ns() + (uint64_t)(seconds * 1e9);
	while (now_ns() < end || (!enough(turn) && now_ns() < end + UINT64_C(20000000000))) {
		turn();
		turns++;
	}
	stop = true;
	for (i = 0; i < 2; i++)
		pthread_join(callers[i], NULL);
	if (keeps == ALL) {
		pthread_join(sections, NULL);
		pthread_join(meet, NULL);
	}
	check(what, keeps, met);
}

static void turn_unmap(void)
{
	munmap(area, SIZE);
	mmap(area, SIZE, PROT_READ | PROT_WRITE, MAP_FIXED | MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

static void turn_discard(void)
{
	madvise(area, SIZE, MADV_DONTNEED);
}

static void turn_truncate(void)
{
	if (ftruncate(file, PAGE) || ftruncate(file, SIZE))
		errors++;
}

static void turn_move(void)
{
	if (mremap(area, SIZE, SIZE, MREMAP_MAYMOVE | MREMAP_FIXED, elsewhere) == MAP_FAILED ||
	    mremap(elsewhere, SIZE, SIZE, MREMAP_MAYMOVE | MREMAP_FIXED, area) == MAP_FAILED)
		errors++;
}

static void turn_protect(void)
{
	mprotect(area, SIZE, PROT_READ);
	usleep(200);
	mprotect(area, SIZE, PROT_READ | PROT_WRITE);
	usleep(200);
}

/* The child has memory of its own: what it writes stays there. */
static void turn_fork(void)
{
	pid_t pid = fork();
	unsigned int i;

	if (!pid) {
		for (i = 0; i <= PAGES; i++)
			*word(i) = 1u << 30;
		_exit(0);
	}
	if (pid > 0)
		waitpid(pid, NULL, 0);
	usleep(500);
}

/* KSM runs meanwhile; all pages but for the words are the same. */
static void turn_merge(void)
{
	madvise(area, SIZE, MADV_MERGEABLE);
	usleep(20000);
	madvise(area, SIZE, MADV_UNMERGEABLE);
}

static void test_merge(double seconds)
{
	if (!put("/sys/kernel/mm/ksm/run", "1")) {
		skip("nothing is lost: merged by KSM", "this kernel has no KSM");
		return;
	}
	put("/sys/kernel/mm/ksm/pages_to_scan", "2000");
	put("/sys/kernel/mm/ksm/sleep_millisecs", "1");
	race(seconds, "merged by KSM", turn_merge, ALL, -1);
	put("/sys/kernel/mm/ksm/run", "2");
}

static void turn_huge(void)
{
	madvise(area, SIZE, MADV_HUGEPAGE);
	madvise(area, SIZE, MADV_COLLAPSE);
	/* To pieces again. */
	mprotect(area + HUGE / 2, PAGE, PROT_READ);
	madvise(area, SIZE, MADV_NOHUGEPAGE);
	madvise(area + HUGE - PAGE, PAGE, MADV_DONTNEED);
	mprotect(area + HUGE / 2, PAGE, PROT_READ | PROT_WRITE);
}

static void turn_page_out(void)
{
	unsigned long now;

	madvise(area, (PAGES + 1) * PAGE, MADV_PAGEOUT);
	now = swap_used();
	if (now > swapped)
		swapped = now;
	usleep(100);
}

static void test_page_out(double seconds)
{
	if (!swap_on()) {
		skip("nothing is lost: swapped out", "there is nothing to swap to");
		return;
	}
	race(2 * seconds, "swapped out", turn_page_out, ALL, -1);
	ok(swapped > 0, "up to %lu bytes were swapped out at one time", swapped);
}

/*
 * Pages that nobody has touched: a vector of CPU 1 that finds one 0 comes before the write
 * that a section of CPU 1 does to it, so what else the vector did is there after that.
 */
#define FRESH	512

static struct fresh {
	uint64_t sum, seen;
	int ret;
} fresh[FRESH];

static volatile uint64_t begun, written;

static void *write_fresh(void *arg)
{
	uint64_t i;

	pin_to(1);
	for (i = 0; i < FRESH; i++) {
		while (begun <= i)
			;
		while (!section_add(word((unsigned int)i), 1, (long)(i % 64) * 32, 1))
			;
		fresh[i].seen = *(volatile uint64_t *)&fresh[i].sum;
	}
	written = FRESH;
	return arg;
}

static void call_fresh(void)
{
	const uint64_t zero = 0;
	pthread_t thread;
	uint64_t i;

	memset(fresh, 0, sizeof(fresh));
	begun = written = 0;
	pthread_create(&thread, NULL, write_fresh, NULL);
	for (i = 0; i < FRESH; i++) {
		struct cpu_op vec[] = {
			opv_op_compare_eq(word((unsigned int)i), (void *)&zero, 8),
			opv_op_add(&fresh[i].sum, 1, 8),
		};

		begun = i + 1;
		fresh[i].ret = call(vec, 2, 1, 0);
	}
	pthread_join(thread, NULL);
}

static void test_fresh(double seconds)
{
	const uint64_t end = now_ns() + (uint64_t)(seconds * 1e9);
	uint64_t first = 0, late = 0, rounds = 0;
	int i;

	begin(-1);
	do {
		turn_unmap();
		madvise(area, SIZE, MADV_NOHUGEPAGE);
		call_fresh();
		for (i = 0; i < FRESH; i++) {
			first += !fresh[i].ret;
			late += !fresh[i].ret && fresh[i].seen != fresh[i].sum;
		}
		rounds++;
	} while (now_ns() < end);
	diag("%llu pages, in %llu the vector was first", (unsigned long long)rounds * FRESH, (unsigned long long)first);
	is(late, 0, "a vector is before or after the first write to a page, not both");
}

int main(int argc, char **argv)
{
	const double seconds = argc > 1 ? atof(argv[1]) : 0.5;
	char *room = mmap(NULL, 3 * SIZE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (!call_open())
		return done();
	area = (char *)(((uintptr_t)room + HUGE - 1) & -(uintptr_t)HUGE);
	elsewhere = area + SIZE;
	file = memfd_create("mappings", MFD_CLOEXEC);
	if (!ok(room != MAP_FAILED && cpus() > 1 && __rseq_size && !ftruncate(file, SIZE), "memory, CPUs, rseq"))
		return done();
	race(seconds, "unmapped and mapped anew", turn_unmap, NOTHING, -1);
	race(seconds, "discarded", turn_discard, NOTHING, -1);
	race(seconds, "a file that is truncated", turn_truncate, NOTHING, file);
	race(seconds, "moved to and fro", turn_move, CONTENTS, -1);
	race(seconds, "a file that is moved", turn_move, CONTENTS, file);
	race(seconds, "protected at times", turn_protect, CONTENTS, -1);
	race(seconds, "forked", turn_fork, ALL, -1);
	test_merge(seconds);
	race(seconds, "made into huge pages and back", turn_huge, ALL, -1);
	test_page_out(seconds);
	test_fresh(seconds);
	return done();
}
