// SPDX-License-Identifier: MIT
/*
 * A reader and a writer on two CPUs, and nothing else: where the reader has no barrier.  Its
 * count lies in the store buffer for a long time, behind stores that miss the cache, while it looks
 * whether there is a writer; only the writer's fence gets it out.
 */
#define _GNU_SOURCE
#include "crowd.h"

#include <stdatomic.h>

#define MS 1200
#define LINES (1u << 19)	/* 32 MiB */

static struct opv_rwlock rw;
static volatile uint64_t one, two;
static struct { char c[64]; } *lines;
static _Atomic bool stop;
static uint64_t reads, writes, torn;

static void *reader(void *arg)
{
	uint64_t random = 1, a;
	bool same;
	int i;

	(void)arg;
	pin_to(allowed_cpu(0));
	while (!atomic_load_explicit(&stop, memory_order_relaxed)) {
		for (i = 0; i < 40; i++)
			*(volatile char *)lines[rnd(&random) % LINES].c = 1;
		if (opv_rwlock_read_trylock(&rw))
			continue;
		a = one;
		same = true;
		for (i = 0; i < 200; i++)
			same &= a == two && a == one;
		opv_rwlock_read_unlock(&rw);
		torn += !same;
		reads++;
	}
	return NULL;
}

static void *writer(void *arg)
{
	int i;

	(void)arg;
	pin_to(allowed_cpu(1));
	while (!atomic_load_explicit(&stop, memory_order_relaxed)) {
		if (opv_rwlock_write_trylock(&rw))
			continue;
		one++;
		for (i = 0; i < 100; i++)
			__asm__ __volatile__("");
		two++;
		opv_rwlock_write_unlock(&rw);
		writes++;
	}
	return NULL;
}

int main(void)
{
	pthread_t threads[2];

	if (allowed_cpu(1) < 0) {
		skip("a reader and a writer on two CPUs do not meet", "one CPU only");
		return done();
	}
	lines = calloc(LINES, sizeof(*lines));
	opv_rwlock_init(&rw, NULL);
	pthread_create(&threads[0], NULL, reader, NULL);
	pthread_create(&threads[1], NULL, writer, NULL);
	usleep(MS * 1000);
	atomic_store(&stop, true);
	pthread_join(threads[0], NULL);
	pthread_join(threads[1], NULL);
	diag("%llu reads, %llu writes, %llu torn", (unsigned long long)reads, (unsigned long long)writes,
	     (unsigned long long)torn);
	is(torn, 0, "a reader and a writer on two CPUs do not meet");
	ok(reads && writes, "both had their turns");
	return done();
}
