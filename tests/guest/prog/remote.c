// SPDX-License-Identifier: MIT
/*
 * Short vectors of another CPU: done in place where it runs a thread of this process, by
 * pins where it does not.  Which it was is told by what the kernel counts, pages that were
 * pinned and interrupts.  For a guest, as root.  Argument: seconds of each race (default 0.5).
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "call.h"
#include "section.h"

#define PAGE	4096
#define CALLS	5000
#define SPIN	100

/* Of the memory, by words. */
#define OURS	0			/* what calls add to */
#define THEIRS	1			/* what sections add to */
#define MORE	8

static uint64_t *area, *shared;		/* shared with children */
static bool stop;
static uint64_t in_sections;

static bool stopped(void)
{
	return __atomic_load_n(&stop, __ATOMIC_RELAXED);
}

static uint64_t count_of(const char *file, const char *name, int column)
{
	FILE *f = fopen(file, "r");
	char line[1024], *at;
	uint64_t n = 0;

	while (f && fgets(line, sizeof(line), f)) {
		at = line + strspn(line, " ");
		if (strncmp(at, name, strlen(name)))
			continue;
		at += strlen(name);
		for (; column >= 0; column--)
			n = strtoull(at, &at, 10);
		break;
	}
	if (f)
		fclose(f);
	return n;
}

static uint64_t pins(void)
{
	FILE *f = fopen("/proc/sys/vm/stat_refresh", "w");

	if (f)
		fclose(f);	/* each CPU's part is counted in */
	return count_of("/proc/vmstat", "nr_foll_pin_acquired ", 0);
}

static uint64_t interrupts(void)
{
	return count_of("/proc/interrupts", "CAL:", 1);
}

/* From CPU 1, without being fixed to another: who calls it must be allowed to run there. */
static void stay_away(void)
{
	if (sched_getcpu() == 1) {
		pin_to(0);
		unpin();
	}
}

struct seen {
	unsigned int errors;
	double pins, interrupts;	/* for each call */
};

static struct seen call_often(void)
{
	struct cpu_op op = opv_op_add(&area[OURS], 1, 8);
	struct seen s = { .pins = (double)pins(), .interrupts = (double)interrupts() };
	int i;

	for (i = 0; i < CALLS; i++) {
		stay_away();
		s.errors += call(&op, 1, 1, 0) != 0;
	}
	s.interrupts = ((double)interrupts() - s.interrupts) / CALLS;
	s.pins = ((double)pins() - s.pins) / CALLS;
	diag("%.3f pages pinned, %.3f interrupts for each call", s.pins, s.interrupts);
	return s;
}

/* What threads of CPU 1 do. */
static void *spin(void *arg)
{
	pin_to(1);
	while (!stopped())
		;
	return arg;
}

static void *take_turns(void *arg)
{
	pin_to(1);
	while (!stopped())
		sched_yield();
	return arg;
}

static void *be_in_sections(void *arg)
{
	uint64_t added = 0;

	pin_to(1);
	while (!stopped())
		added += section_add(&area[THEIRS], 1, SPIN, 1);
	in_sections = added;
	return arg;
}

static pthread_t begin(void *(*what)(void *))
{
	pthread_t thread;

	memset(area, 0, PAGE);
	stop = false;
	pthread_create(&thread, NULL, what, NULL);
	usleep(20000);
	return thread;
}

static void end(pthread_t thread)
{
	__atomic_store_n(&stop, true, __ATOMIC_RELAXED);
	pthread_join(thread, NULL);
}

/* A child that has pages of its own there; *shared ends it. */
static pid_t begin_child(bool turns)
{
	pid_t pid;

	__atomic_store_n(shared, 0, __ATOMIC_RELAXED);
	pid = fork();
	if (pid)
		return pid;
	pin_to(1);
	area[OURS] = 7;
	while (!__atomic_load_n(shared, __ATOMIC_RELAXED))
		if (turns)
			sched_yield();
	_exit(area[OURS] != 7);
}

/* True: nobody wrote to its memory. */
static bool end_child(pid_t pid)
{
	int status = -1;

	__atomic_store_n(shared, 1, __ATOMIC_RELAXED);
	waitpid(pid, &status, 0);
	return !status;
}

static void test_thread(void)
{
	pthread_t thread = begin(spin);
	struct seen s = call_often();

	end(thread);
	ok(!s.errors && area[OURS] == CALLS, "a CPU that runs a thread of this process: all is done");
	ok(s.pins < 0.1, "in place: nothing is pinned");
	ok(s.interrupts > 0.9 && s.interrupts < 1.2, "by one interrupt each");
}

static void test_idle(void)
{
	struct seen s;

	area[OURS] = 0;
	usleep(20000);
	s = call_often();
	ok(!s.errors && area[OURS] == CALLS, "a CPU that sleeps: all is done");
	ok(s.pins > 0.9, "by pins");
}

static void test_process(void)
{
	struct seen s;
	pid_t pid;

	area[OURS] = 0;
	pid = begin_child(false);
	usleep(20000);
	s = call_often();
	ok(end_child(pid), "a CPU that runs another process: its memory stays what it is");
	ok(!s.errors && area[OURS] == CALLS, "all is done in ours");
	ok(s.pins > 0.9 && s.interrupts < 1.2, "by pins, and by one interrupt each");
}

/* How they take turns is the scheduler's business: until both were met. */
static void test_turns(void)
{
	pthread_t thread = begin(take_turns);
	pid_t pid = begin_child(true);
	unsigned int rounds, errors = 0;
	bool both = false, few = true;
	struct seen s;

	usleep(20000);
	for (rounds = 0; rounds < 20 && !both; rounds++) {
		s = call_often();
		errors += s.errors;
		both = s.pins > 0.01 && s.pins < 0.99;
		few &= s.interrupts < 2.1;
	}
	ok(end_child(pid), "a CPU that runs both by turns: the other's memory stays what it is");
	end(thread);
	ok(!errors && area[OURS] == (uint64_t)rounds * CALLS, "all is done in ours");
	ok(both, "some in place and some by pins");
	ok(few, "by at most two interrupts each");
}

/* The same on the caller's own CPU: answers and memory must be alike. */
static bool alike(const struct cpu_op *vec, int count, int flags)
{
	uint64_t before[MORE + 4], here[MORE + 4];
	int one, other;

	memcpy(before, area, sizeof(before));
	one = call(vec, count, 0, flags);
	memcpy(here, area, sizeof(here));
	memcpy(area, before, sizeof(before));
	other = call(vec, count, 1, flags);
	return one == other && !memcmp(here, area, sizeof(here));
}

static void test_operations(void)
{
	const struct cpu_op eq = opv_op_compare_eq(&area[MORE], &area[MORE + 1], 8),
		ne = opv_op_compare_ne(&area[MORE], &area[MORE + 1], 8), add = opv_op_add(&area[OURS], 1, 8);
	unsigned int bad = 0, k;
	uint64_t seed = 1;
	uint32_t len;
	int op;

	for (op = 0; op < NR_CPU_OPS; op++) {
		for (len = 1; len <= 8; len *= 2) {
			for (k = 0; k < 20; k++) {
				struct cpu_op v = raw_op(op, len, (uintptr_t)&area[MORE], op <= CPU_MEMCPY_OP ||
							 op == CPU_MEMCPY_RELEASE_OP ? (uintptr_t)&area[MORE + 1] : 1 + k % 7);

				area[MORE] = rnd(&seed);
				area[MORE + 1] = k % 2 ? area[MORE] : rnd(&seed);
				bad += !alike(&v, 1, 0);
			}
		}
	}
	is(bad, 0, "each operation of each width does what it does here");
	bad = 0;
	for (k = 0; k < 4; k++) {
		area[MORE + 1] = area[MORE] + k % 2;
		bad += !alike((struct cpu_op[]){ k < 2 ? eq : ne, add }, 2, 0);
		bad += !alike((struct cpu_op[]){ opv_op_mb(), k < 2 ? eq : ne, add, opv_op_mb() }, 4, 0);
		bad += !alike((struct cpu_op[]){ eq, k < 2 ? eq : ne, add }, 3, CPU_OP_GUARD_FLAG);
	}
	is(bad, 0, "compares and guards stop what they stop here");
}

static void test_refused(void)
{
	uint64_t *p = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct cpu_op vec[] = { opv_op_compare_eq(area, area, 8), opv_op_add(p, 1, 8) };
	static const uint64_t bad[] = {
		0xffff888000000000, 0xffffffff81000000, 0xffffffffff600000, 0x7ffffffff000,
		0x8000000000000000, 0xfffffffffffffff8, 0,
	};
	int aid = open("/dev/opv_aid", O_RDWR | O_CLOEXEC);
	size_t i, wrong = 0;
	uint64_t *device;

	*p = 1;
	mprotect(p, PAGE, PROT_READ);
	ok(call(vec, 2, 1, 0) == -EFAULT && *p == 1, "a page that must not be written is not");
	vec[1].u.arithmetic_op.expect_fault_p = 1;
	is(call(vec, 2, 1, 0), -EAGAIN, "if that was expected the answer is another one");
	vec[1].u.arithmetic_op.expect_fault_p = 0;
	mprotect(p, PAGE, PROT_READ | PROT_WRITE);
	ok(!call(vec, 2, 1, 0) && *p == 2, "when it may be, it is");
	munmap(p, PAGE);
	is(call(vec, 2, 1, 0), -EFAULT, "a page that is gone is not there");
	for (i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		vec[1] = opv_op_add((void *)(uintptr_t)bad[i], 1, 8);
		wrong += call(vec, 2, 1, 0) != -EFAULT;
	}
	is(wrong, 0, "nor are addresses that are not the process's");
	device = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, aid, 0);
	if (!ok(device != MAP_FAILED, "a page of a driver, uncached"))
		return;
	vec[1] = opv_op_add(device, 1, 8);
	is(call(vec, 2, 1, 0), -EFAULT, "is refused here, too");
	munmap(device, PAGE);
	close(aid);
}

static int key;

static void *spin_denied(void *arg)
{
	pkey_set(key, PKEY_DISABLE_ACCESS);
	return spin(arg);
}

/* Keys are each thread's own: those of the interrupted one must not stand for the caller's. */
static void test_keys(void)
{
	uint64_t *p = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct cpu_op add = opv_op_add(p, 1, 8), eq = opv_op_compare_eq(p, p, 8);
	pthread_t thread;
	int i, wrong = 0;

	key = pkey_alloc(0, 0);
	if (key < 0) {
		skip("keys of the caller count", "there are no protection keys");
		return;
	}
	*p = 0;
	pkey_mprotect(p, PAGE, PROT_READ | PROT_WRITE, key);
	thread = begin(spin);
	for (i = 0; i < 100; i++) {
		pkey_set(key, PKEY_DISABLE_ACCESS);
		wrong += call(&add, 1, 1, 0) != -EFAULT || call(&eq, 1, 1, 0) != -EFAULT;
		pkey_set(key, PKEY_DISABLE_WRITE);
		wrong += call(&add, 1, 1, 0) != -EFAULT || call(&eq, 1, 1, 0) != 0;
		pkey_set(key, 0);
		wrong += call(&add, 1, 1, 0) != 0;
	}
	end(thread);
	ok(!wrong && *p == 100, "keys of the caller count");
	thread = begin(spin_denied);
	for (i = 0; i < 100; i++)
		wrong += call(&add, 1, 1, 0) != 0;
	end(thread);
	ok(!wrong && *p == 200, "those of the thread that is interrupted do not");
	pkey_free(key);
	munmap(p, PAGE);
}

/* The page of the words changes between the look at it and the interrupt. */
static void turn_protect(void)
{
	mprotect(area, PAGE, PROT_READ);
	mprotect(area, PAGE, PROT_READ | PROT_WRITE);
}

static void turn_fork(void)
{
	pid_t pid = fork();

	if (!pid) {
		area[OURS] = area[THEIRS] = UINT64_C(1) << 40;
		_exit(0);
	}
	if (pid > 0)
		waitpid(pid, NULL, 0);
}

static void turn_move(void)
{
	static void *elsewhere;

	if (!elsewhere)
		elsewhere = mmap(NULL, PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	mremap(area, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, elsewhere);
	mremap(elsewhere, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, area);
}

struct caller {
	unsigned int calls, refused, errors;
};

static void *call_on(void *arg)
{
	struct caller *c = arg;
	struct cpu_op op = opv_op_add(&area[OURS], 1, 8);
	int ret;

	while (!stopped()) {
		ret = call(&op, 1, 1, 0);
		c->calls += !ret;
		c->refused += ret == -EFAULT;
		c->errors += ret && ret != -EFAULT;
	}
	return NULL;
}

/* @always: the words can be used at any time, so sections use theirs. */
static void race(const char *what, void (*turn)(void), bool always, double seconds)
{
	pthread_t thread = begin(always ? be_in_sections : spin), caller;
	struct caller c = { 0 };
	uint64_t until = now_ns() + (uint64_t)(seconds * 1e9), turns = 0, pinned = pins();

	in_sections = 0;
	pthread_create(&caller, NULL, call_on, &c);
	for (; now_ns() < until || (!c.calls && now_ns() < until + UINT64_C(20000000000)); turns++)
		turn();
	end(thread);
	pthread_join(caller, NULL);
	pinned = pins() - pinned;
	diag("%s: %llu times; %u calls, %llu pages pinned; %u refused, %llu sections", what,
	     (unsigned long long)turns, c.calls, (unsigned long long)pinned, c.refused,
	     (unsigned long long)in_sections);
	ok(c.calls && !c.errors && !(always && c.refused), "done or refused: %s", what);
	ok(area[OURS] == c.calls && area[THEIRS] == in_sections, "nothing is lost: %s", what);
}

int main(int argc, char **argv)
{
	const double seconds = argc > 1 ? atof(argv[1]) : 0.5;
	pthread_t thread;

	area = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	shared = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (!call_open() || !ok(area != MAP_FAILED && shared != MAP_FAILED && cpus() > 2, "memory, and CPUs"))
		return done();
	test_thread();
	test_idle();
	test_process();
	test_turns();
	thread = begin(spin);
	test_operations();
	test_refused();
	end(thread);
	test_keys();
	race("protected", turn_protect, false, seconds);
	race("forked", turn_fork, true, seconds);
	race("moved", turn_move, false, seconds);
	return done();
}
