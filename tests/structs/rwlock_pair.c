// SPDX-License-Identifier: MIT
/*
 * Readers and a writer, and nothing else: what is rare elsewhere, made frequent.
 *
 * Where the reader has no barrier: its count lies in the store buffer for a long time, behind
 * stores that miss the cache, while it looks whether there is a writer; only the writer's fence
 * gets it out.
 *
 * Where the sums are not one moment: of a domain with many slots they take long, and readers
 * that come too late come and go meanwhile.
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

static void run(void *(*first)(void *), void *(*second)(void *), void *(*third)(void *))
{
	void *(*const all[])(void *) = { first, second, third };
	pthread_t threads[3];
	int i, nr = third ? 3 : 2;

	reads = writes = torn = 0;
	atomic_store(&stop, false);
	for (i = 0; i < nr; i++)
		pthread_create(&threads[i], NULL, all[i], NULL);
	usleep(MS * 1000);
	atomic_store(&stop, true);
	for (i = 0; i < nr; i++)
		pthread_join(threads[i], NULL);
	diag("%llu reads, %llu writes, %llu torn", (unsigned long long)reads, (unsigned long long)writes,
	     (unsigned long long)torn);
}

static _Atomic int inside;

static void *long_reader(void *arg)
{
	(void)arg;
	while (!atomic_load(&stop)) {
		if (opv_rwlock_read_lock(&rw))
			continue;
		atomic_store(&inside, 1);
		usleep(300);
		atomic_store(&inside, 0);
		opv_rwlock_read_unlock(&rw);
		reads++;
	}
	return NULL;
}

static void *late_reader(void *arg)
{
	(void)arg;
	while (!atomic_load(&stop))
		if (!opv_rwlock_read_trylock(&rw))
			opv_rwlock_read_unlock(&rw);
	return NULL;
}

static void *patient_writer(void *arg)
{
	(void)arg;
	while (!atomic_load(&stop)) {
		if (opv_rwlock_write_lock(&rw))
			continue;
		torn += atomic_load(&inside);
		writes++;
		opv_rwlock_write_unlock(&rw);
		usleep(100);
	}
	return NULL;
}

static void test_late(void)
{
	struct opv_domain_options options = { .size = sizeof(options), .nr_cpus = 300 };
	struct opv_domain *d;

	is(opv_domain_create(&d, &options), 0, "a domain with many slots");
	opv_rwlock_init(&rw, d);
	run(long_reader, late_reader, patient_writer);
	is(torn, 0, "readers that come too late do not hide one that is inside");
	ok(reads && writes, "both had their turns");
	opv_rwlock_fini(&rw);
	opv_domain_destroy(d);
}

int main(void)
{
	if (allowed_cpu(1) < 0) {
		skip("a reader and a writer on two CPUs do not meet", "one CPU only");
		return done();
	}
	if (!take_road(the_road()))
		return done();
	lines = calloc(LINES, sizeof(*lines));
	opv_rwlock_init(&rw, NULL);
	run(reader, writer, NULL);
	is(torn, 0, "a reader and a writer on two CPUs do not meet");
	ok(reads && writes, "both had their turns");
	test_late();
	leave_road(the_road());
	return done();
}
