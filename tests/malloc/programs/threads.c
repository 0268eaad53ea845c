// SPDX-License-Identifier: MIT
/*
 * threads N MILLISECONDS [move] [fork] [short]: N threads allocate, hand blocks to each
 * other, and free what they got.  Each block is filled with a number of its own, and looked at
 * before it is freed: a block that two have at once is noticed.
 *
 * move: they change CPUs all the time.  fork: so does the process fork, and the child and
 * a thread of its own do the same for a while.  short: threads end and are started again.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define SLOTS 512
#define OWN 32

struct block {
	uint64_t number;
	size_t words;		/* that follow, each the number */
	uint64_t word[];
};

static _Atomic(struct block *) slots[SLOTS];
static _Atomic uint64_t numbers;
static _Atomic bool over;
static bool moves;
static int nr_cpus;

static struct block *make(unsigned int r)
{
	/* Most are small. */
	size_t words = r % 64 ? r >> 8 & 31 : r >> 8 & 2047, i;
	size_t bytes = sizeof(struct block) + words * sizeof(uint64_t);
	struct block *b = r & 1 << 7 ? malloc(bytes) : calloc(1, bytes);

	if (!b)
		abort();
	b->number = atomic_fetch_add_explicit(&numbers, 1, memory_order_relaxed);
	b->words = words;
	for (i = 0; i < words; i++)
		b->word[i] = b->number;
	return b;
}

static void destroy(struct block *b)
{
	size_t i;

	if (!b)
		return;
	for (i = 0; i < b->words; i++) {
		if (b->word[i] != b->number) {
			static const char text[] = "a block was somebody else's as well\n";

			if (write(1, text, sizeof(text) - 1) < 0)
				abort();
			_exit(3);
		}
	}
	free(b);
}

static void move(unsigned int r)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET((int)(r >> 8) % nr_cpus, &set);
	sched_setaffinity(0, sizeof(set), &set);
}

static unsigned int work(unsigned int seed, int rounds)
{
	struct block *own[OWN] = { NULL };
	unsigned int r = seed, i;

	while (rounds-- && !atomic_load_explicit(&over, memory_order_relaxed)) {
		r = r * 1664525 + 1013904223;
		i = r >> 20;
		destroy(own[i % OWN]);
		own[i % OWN] = make(r >> 3);
		/* To whoever comes by, and theirs to us. */
		own[i % OWN] = atomic_exchange(&slots[i % SLOTS], own[i % OWN]);
		if (moves && i % 64 == 0)
			move(r);
	}
	for (i = 0; i < OWN; i++)
		destroy(own[i]);
	return r;
}

static void *thread(void *arg)
{
	unsigned int r = (unsigned int)(uintptr_t)arg;

	while (!atomic_load(&over))
		r = work(r, 100000);
	return NULL;
}

static void *short_thread(void *arg)
{
	work((unsigned int)(uintptr_t)arg, 200);
	return NULL;
}

static void *starter(void *arg)
{
	uintptr_t n = (uintptr_t)arg;
	pthread_t t;

	while (!atomic_load(&over)) {
		if (!pthread_create(&t, NULL, short_thread, (void *)n++))
			pthread_join(t, NULL);
	}
	return NULL;
}

static void drop_slots(void)
{
	int i;

	for (i = 0; i < SLOTS; i++)
		destroy(atomic_exchange(&slots[i], NULL));
}

/* What others had in their hands when we were copied is not ours to look at. */
static int child(unsigned int seed)
{
	pthread_t t;
	int i;

	for (i = 0; i < SLOTS; i++)
		atomic_store(&slots[i], NULL);
	if (pthread_create(&t, NULL, short_thread, (void *)1))
		return 4;
	for (i = 0; i < 10; i++)
		seed = work(seed, 1000);
	pthread_join(t, NULL);
	drop_slots();
	return 0;
}

static uint64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static int forks(uint64_t end)
{
	int status, n;

	for (n = 0; now_ms() < end; n++) {
		pid_t pid = fork();

		if (!pid) {
			alarm(60);
			_exit(child((unsigned int)n));
		}
		if (pid < 0 || waitpid(pid, &status, 0) != pid || status) {
			printf("child %d ended with %x\n", n, status);
			return 1;
		}
	}
	return n ? 0 : 1;
}

int main(int argc, char **argv)
{
	int n = atoi(argv[1]), i, ret = 0;
	uint64_t end = now_ms() + (uint64_t)atoi(argv[2]);
	bool fork_too = false, brief = false;
	pthread_t threads[256];

	nr_cpus = (int)sysconf(_SC_NPROCESSORS_ONLN);
	for (i = 3; i < argc; i++) {
		moves |= !strcmp(argv[i], "move");
		fork_too |= !strcmp(argv[i], "fork");
		brief |= !strcmp(argv[i], "short");
	}
	for (i = 0; i < n; i++)
		if (pthread_create(&threads[i], NULL, brief ? starter : thread,
				   (void *)(uintptr_t)(i * 12345)))
			return 5;
	if (fork_too)
		ret = forks(end);
	while (now_ms() < end)
		usleep(1000);
	atomic_store(&over, true);
	for (i = 0; i < n; i++)
		pthread_join(threads[i], NULL);
	drop_slots();
	if (!ret)
		puts("all blocks were whole");
	return ret;
}
