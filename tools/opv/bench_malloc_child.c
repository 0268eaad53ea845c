// SPDX-License-Identifier: MIT
/* A process that measures the allocator it was started on, as often as it is told to. */
#define _GNU_SOURCE
#include "bench_malloc.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <semaphore.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "bench_list.h"

#define AT_ONCE 32		/* of a batch */
#define BLOCKS 256		/* of mixed sizes */
#define BOX 256			/* blocks handed over at a time */
#define OWN_BLOCKS 64		/* of each of many threads */
#define REPLACED 5000
#define STACK 65536

static int cpus[2];

/* Whoever says that the work was not done says it to the parent by ending. */
static void require(bool right)
{
	if (!right)
		_exit(1);
}

/* As the compiler sees it, p is used for something, and may have become another. */
static inline char *used(char *p)
{
	__asm__ __volatile__("" : "+r"(p) : : "memory");
	return p;
}

static void do_pair(size_t size, uint64_t n)
{
	BENCH_REPEAT(n, free(used(malloc(size))));
}

static inline void one_batch(size_t size)
{
	char *p[AT_ONCE];
	int i;

	for (i = 0; i < AT_ONCE; i++)
		p[i] = used(malloc(size));
	for (i = 0; i < AT_ONCE; i++)
		free(used(p[i]));
}

static void do_batch(size_t size, uint64_t n)
{
	BENCH_REPEAT(n / AT_ONCE, one_batch(size));
}

static unsigned int draw(unsigned int *r)
{
	return (*r = *r * 1664525 + 1013904223) >> 8;
}

/* 16 to 1039; small ones are more frequent. */
static size_t some_size(unsigned int r)
{
	return 16 + (r % 1024) * (r >> 12) / 4096 % 1024;
}

static void do_mixed(size_t size, uint64_t n)
{
	static unsigned int r = 1;
	static char *p[BLOCKS];
	uint64_t i;

	(void)size;
	for (i = 0; i < n; i++) {
		unsigned int which = draw(&r) % BLOCKS;

		require(!p[which] || *p[which] == (char)which);
		free(p[which]);
		p[which] = used(malloc(some_size(draw(&r))));
		*p[which] = (char)which;
	}
}

static void pin(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	require(cpu < 0 || !sched_setaffinity(0, sizeof(set), &set));
}

static void wait_for(sem_t *s)
{
	while (sem_wait(s) && errno == EINTR)
		;
}

/* On their way from one thread to the other: one box is filled while the other is emptied. */
static struct {
	sem_t full, empty;
	char *p[BOX];
} boxes[2];

static void *consume(void *unused)
{
	int i, turn;

	(void)unused;
	pin(cpus[1]);
	for (turn = 0;; turn = !turn) {
		wait_for(&boxes[turn].full);
		for (i = 0; i < BOX; i++) {
			require(*boxes[turn].p[i] == (char)i);
			free(boxes[turn].p[i]);
		}
		sem_post(&boxes[turn].empty);
	}
	return NULL;
}

static void start_consumer(void)
{
	static bool started;
	pthread_t t;
	int i;

	for (i = 0; i < 2 && !started; i++)
		require(!sem_init(&boxes[i].full, 0, 0) && !sem_init(&boxes[i].empty, 0, 1));
	require(started || !pthread_create(&t, NULL, consume, NULL));
	started = true;
}

static void do_handoff(size_t size, uint64_t n)
{
	static int turn;
	int i;

	start_consumer();
	for (; n >= BOX; n -= BOX, turn = !turn) {
		wait_for(&boxes[turn].empty);
		for (i = 0; i < BOX; i++)
			*(boxes[turn].p[i] = used(malloc(size))) = (char)i;
		sem_post(&boxes[turn].full);
	}
	/* Until all are freed. */
	for (i = 0; i < 2; i++)
		wait_for(&boxes[i].empty);
	for (i = 0; i < 2; i++)
		sem_post(&boxes[i].empty);
}

static pthread_barrier_t barrier;

static void *own_blocks(void *arg)
{
	unsigned int r = (unsigned int)(uintptr_t)arg * 2654435761u + 1;
	char *p[OWN_BLOCKS] = { NULL };
	int i;

	for (i = 0; i < REPLACED; i++) {
		char **at = &p[draw(&r) % OWN_BLOCKS];
		size_t size = some_size(draw(&r));

		free(*at);
		*at = used(malloc(size));
		memset(*at, 1, size);
	}
	pthread_barrier_wait(&barrier);
	pthread_barrier_wait(&barrier);
	for (i = 0; i < OWN_BLOCKS; i++)
		free(p[i]);
	pthread_barrier_wait(&barrier);
	for (;;)
		pause();
	return NULL;
}

/* The line of a file in /proc/self, in kB; 0 when there is none. */
static double memory_line(const char *file, const char *line)
{
	static char text[8192];
	int fd = open(file, O_RDONLY | O_CLOEXEC);
	ssize_t len = fd < 0 ? 0 : read(fd, text, sizeof(text) - 1);
	char *at;

	if (fd >= 0)
		close(fd);
	text[len > 0 ? len : 0] = '\0';
	at = strstr(text, line);
	return at ? strtod(at + strlen(line), NULL) : 0;
}

/* Exactly where the kernel will count it; what it has at hand may be some pages old. */
static double resident(void)
{
	double kb = memory_line("/proc/self/smaps_rollup", "\nRss:");

	return kb > 0 ? kb : memory_line("/proc/self/status", "\nVmRSS:");
}

/* All threads of it are there until this process ends. */
static void measure_memory(unsigned int threads, struct bench_malloc_answer *a)
{
	pthread_attr_t attr;
	unsigned int i;
	pthread_t t;

	pthread_attr_init(&attr);
	require(!pthread_attr_setstacksize(&attr, STACK) &&
		!pthread_barrier_init(&barrier, NULL, threads + 1));
	for (i = 0; i < threads; i++)
		require(!pthread_create(&t, &attr, own_blocks, (void *)(uintptr_t)i));
	pthread_barrier_wait(&barrier);
	a->value = resident();
	pthread_barrier_wait(&barrier);
	pthread_barrier_wait(&barrier);
	a->freed = resident();
	require(a->value > 0 && a->freed > 0);
}

/* Of all threads of this process: what else runs here matters less then. */
static double processor_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static long preemptions(void)
{
	struct rusage u;

	getrusage(RUSAGE_SELF, &u);
	return u.ru_nivcsw;
}

/* A batch and a box are whole. */
static uint64_t rounded(void (*work)(size_t, uint64_t), uint64_t n)
{
	uint64_t to = work == do_batch ? 4 * AT_ONCE : work == do_handoff ? 2 * BOX : 1;

	return (n + to - 1) / to * to;
}

static void measure_time(void (*work)(size_t, uint64_t), size_t size, uint64_t n,
			 struct bench_malloc_answer *a)
{
	long before;
	double t;

	/* Other processes had the CPU, and its caches. */
	work(size, rounded(work, n / 2));
	n = rounded(work, n);
	before = preemptions();
	t = processor_ns();
	work(size, n);
	a->value = (processor_ns() - t) / (double)n;
	a->disturbed = preemptions() != before;
}

#define do_memory NULL

static const struct {
	const char *name;
	void (*work)(size_t size, uint64_t n);	/* NULL: memory */
	size_t size;
	unsigned int threads;
} works[] = {
	[BENCH_NO_WORK] = { "", NULL, 0, 0 },
#define X(name, group, kind, n, threads, flags, what) { #name, do_##kind, n, threads },
	BENCH_MALLOC_WORKS(X)
#undef X
};

#ifdef OPV_STATIC /* has no process of these */
# define dlsym(handle, symbol) ((void)(symbol), (void *)NULL)
# define dladdr(p, info) 0
#endif

static const char *object_of(const char *symbol, void **base)
{
	void *p = dlsym(RTLD_DEFAULT, symbol);
	Dl_info info;

	if (!p || !dladdr(p, &info))
		return "";
	*base = info.dli_fbase;
	return info.dli_fname;
}

static void say_hello(void)
{
	struct bench_malloc_hello hello = { .is_libc = false };
	void *m = NULL, *f = NULL, *libc = NULL;

	snprintf(hello.malloc, sizeof(hello.malloc), "%s", object_of("malloc", &m));
	snprintf(hello.free, sizeof(hello.free), "%s", object_of("free", &f));
	object_of("getpid", &libc);
	hello.is_libc = m && m == libc && f == libc;
	require(write(STDIN_FILENO, &hello, sizeof(hello)) == sizeof(hello));
}

int bench_malloc_child(char **argv)
{
	struct bench_malloc_answer a = { .value = 0 };
	uint64_t n;
	int work;

	work = (int)parse_number("bench", BENCH_MALLOC_CHILD, argv[0], 0, BENCH_NR_WORKS - 1);
	cpus[0] = atoi(argv[1]);
	cpus[1] = atoi(argv[2]);
	pin(cpus[0]);
	say_hello();
	while (read(STDIN_FILENO, &n, sizeof(n)) == sizeof(n)) {
		if (works[work].work)
			measure_time(works[work].work, works[work].size, n, &a);
		else
			measure_memory(works[work].threads, &a);
		require(write(STDIN_FILENO, &a, sizeof(a)) == sizeof(a));
	}
	return 0;
}
