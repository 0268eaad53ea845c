// SPDX-License-Identifier: MIT
/* Static per-CPU variables: every call takes them, first use from many threads, no memory. */
#define _GNU_SOURCE
#include "many.h"

#include <sys/wait.h>

struct stats {
	uint64_t calls;
	uint32_t bytes;
	uint8_t flags;
};

typedef uint16_t row_t[100];

OPV_DECLARE_PER_CPU(uint64_t, hits);
OPV_DEFINE_PER_CPU(uint64_t, hits);
static OPV_DEFINE_PER_CPU(struct stats, stats);
static OPV_DEFINE_PER_CPU(row_t, row);
static OPV_DEFINE_PER_CPU(struct { char c[64]; } __attribute__((__aligned__(512))), aligned);
static OPV_DEFINE_PER_CPU(intptr_t, head);
static OPV_DEFINE_PER_CPU(uint64_t, early);
static OPV_DEFINE_PER_CPU(uint64_t, contended);
static OPV_DEFINE_PER_CPU(uint64_t, stormed);
static OPV_DEFINE_PER_CPU(uint64_t, unlucky);

static uint64_t *early_handle;

__attribute__((__constructor__(101)))
static void before_main(void)
{
	early_handle = opv_per_cpu(early);
	opv_add(opv_per_cpu(early), 1, OPV_THIS_CPU);
}

static uint64_t sum(uint64_t *h)
{
	uint64_t n = 0;
	int cpu;

	for (cpu = 0; cpu < opv_domain_cpus(NULL); cpu++)
		n += *opv_ptr(h, cpu);
	return n;
}

static uint64_t calls_inside(void)
{
	static OPV_DEFINE_PER_CPU(uint64_t, calls);

	opv_add(opv_per_cpu(calls), 1, OPV_THIS_CPU);
	return sum(opv_per_cpu(calls));
}

static void test_calls(void)
{
	intptr_t node[2] = { 0, 0 }, got = 0;
	uint64_t old = 1;
	struct opv_counter c;

	is(sum(opv_per_cpu(hits)), 0, "it begins as 0");
	ok(!opv_add(opv_per_cpu(hits), 2, OPV_THIS_CPU) && !opv_add(opv_per_cpu(hits), 3, 0) &&
	   sum(opv_per_cpu(hits)) == 5, "opv_add() on this CPU and on another one");
	ok(opv_per_cpu(hits) == opv_per_cpu(hits) && opv_domain_of(opv_per_cpu(hits)) == opv_domain_default(),
	   "it is always the same handle, of the default domain");
	ok(!opv_fetch_add(opv_per_cpu(hits), 1, &old, 0) && !opv_xchg(opv_per_cpu(hits), 7, &old, 0) &&
	   opv_cmpxchg(opv_per_cpu(hits), 9, 1, &old, 0) == 1 && old == 7, "opv_fetch_add, opv_xchg, opv_cmpxchg");
	ok(!opv_add(&opv_per_cpu(stats)->bytes, 512, 0) && !opv_or(&opv_per_cpu(stats)->flags, 4, 0) &&
	   !opv_max(&opv_per_cpu(stats)->calls, 9, 0) && opv_ptr(opv_per_cpu(stats), 0)->bytes == 512 &&
	   opv_ptr(opv_per_cpu(stats), 0)->flags == 4 && opv_ptr(opv_per_cpu(stats), 0)->calls == 9,
	   "members of a struct");
	ok(!opv_add(&(*opv_per_cpu(row))[99], 1, 0) && (*opv_ptr(opv_per_cpu(row), 0))[99] == 1, "elements of an array");
	ok(!((uintptr_t)opv_ptr(opv_per_cpu(aligned), 0) % 512), "alignment is kept");
	ok(!opv_push(opv_per_cpu(head), 0, node, 0) && !opv_cmpne_load_off(opv_per_cpu(head), 0, 0, &got, 0) &&
	   got == (intptr_t)node, "a list");
	c.percpu = opv_per_cpu(hits);
	is(opv_counter_read(&c), (int64_t)sum(opv_per_cpu(hits)), "a counter of one");
	ok(calls_inside() == 1 && calls_inside() == 2, "one inside of a function");
	ok(early_handle == opv_per_cpu(early) && sum(opv_per_cpu(early)) == 1,
	   "one that a constructor of the program used first");
}

static void test_init_and_free(void)
{
	uint64_t *h = opv_per_cpu(hits);
	int i;
	bool good = true;

	is(opv_per_cpu_init(hits), 0, "to allocate what is there is no error");
	ok(opv_per_cpu(hits) == h, "and changes nothing");
	is(opv_per_cpu_free(hits), 0, "it is given back");
	is(opv_per_cpu_free(hits), 0, "what is not there too");
	is(sum(opv_per_cpu(hits)), 0, "used again it is new, and 0");
	/* Far more than there is room for at once. */
	for (i = 0; i < 100; i++) {
		static OPV_DEFINE_PER_CPU(char[1 << 20], large);

		good &= !opv_per_cpu_init(large) && !opv_per_cpu_free(large);
	}
	ok(good, "what is given back is used again");
}

static pthread_barrier_t barrier;

static void *first(void *arg)
{
	(void)arg;
	pthread_barrier_wait(&barrier);
	return opv_per_cpu(contended);
}

static void test_first_use(void)
{
	pthread_t thread[8];
	void *h[8];
	bool same = true;
	int i, round;

	pthread_barrier_init(&barrier, NULL, 8);
	for (round = 0; round < part_of(200); round++) {
		for (i = 0; i < 8; i++)
			pthread_create(&thread[i], NULL, first, NULL);
		for (i = 0; i < 8; i++)
			pthread_join(thread[i], &h[i]);
		for (i = 0; i < 8; i++)
			same &= h[i] == h[0] && h[i] == opv_per_cpu(contended);
		opv_per_cpu_free(contended);
	}
	ok(same, "of threads that are the first at once all get the same");
}

static uint64_t stepped[16], failed;

static void step(unsigned int who, uint64_t *random)
{
	int cpu = rnd(random) % 16 ? OPV_THIS_CPU : (int)(rnd(random) % (unsigned int)opv_domain_cpus(NULL));

	failed += opv_add(opv_per_cpu(stormed), 1, cpu) != 0;
	stepped[who]++;
}

static void test_many(const char *name)
{
	uint64_t want = 0;
	int i;

	memset(stepped, 0, sizeof(stepped));
	opv_per_cpu_free(stormed);
	many_run(4, 200, step, NULL);
	for (i = 0; i < 16; i++)
		want += stepped[i];
	ok(!failed && sum(opv_per_cpu(stormed)) == want && want > 100,
	   "%s: nothing is lost by threads and handlers (%llu additions)", name, (unsigned long long)want);
}

/* Until not even a word is left; the last thing that there was room for. */
static void *fill_domain(void)
{
	void *last = NULL, *h;
	size_t size;

	for (size = 1 << 20; size >= 8; size /= 2)
		while (!opv_alloc(NULL, size, 8, &h))
			last = h;
	return last;
}

static void without_memory(void)
{
	void *last = fill_domain();

	if (opv_per_cpu_init(unlucky) != -ENOMEM)
		_exit(1);
	opv_free(NULL, last);
	_exit(opv_add(opv_per_cpu(unlucky), 1, 0) || sum(opv_per_cpu(unlucky)) != 1 ? 2 : 0);
}

static void add_without_memory(void)
{
	fill_domain();
	_exit(3 + opv_add(opv_per_cpu(unlucky), 1, OPV_THIS_CPU));
}

static void look_without_memory(void)
{
	fill_domain();
	_exit(3 + (int)*(volatile uint64_t *)opv_ptr(opv_per_cpu(unlucky), opv_domain_cpus(NULL) - 1));
}

static int in_child(void (*fn)(void))
{
	int status = -1;
	pid_t pid = fork();

	if (!pid) {
		signal(SIGSEGV, SIG_DFL);	/* a sanitizer would make a report of it */
		fn();
	}
	waitpid(pid, &status, 0);
	return status;
}

static bool faulted(int status)
{
	return WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV;
}

static void test_no_memory(void)
{
	is(in_child(without_memory), 0, "no memory: ENOMEM, and it works as soon as there is some");
	ok(faulted(in_child(add_without_memory)), "no memory and used all the same: a fault");
	ok(faulted(in_child(look_without_memory)), "and looked at: a fault");
	opv_force(OPV_ENGINE_FENCE, 100);
	ok(faulted(in_child(add_without_memory)), "on the slow path too");
	opv_force(OPV_ENGINE_FENCE, 0);
}

int main(void)
{
	const char *name;
	int road;

	test_calls();
	test_init_and_free();
	test_first_use();
	for (road = ROAD_HALF; road < OPV_NR_ENGINES; road++) {
		if (!many_road(road, &name))
			continue;
		test_many(name);
		many_leave(road);
	}
	test_no_memory();
	return done();
}
