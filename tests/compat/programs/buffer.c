// SPDX-License-Identifier: MIT
/*
 * As in 2018: buffers of pointers and of structs for each CPU, filled and emptied
 * by two-store and copy operations; and each percpu_ and cpu_op_ operation, here
 * and as another CPU, compared with what it says.
 */
#ifndef _GNU_SOURCE
# define _GNU_SOURCE
#endif
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <rseq/percpu-op.h>

#define THREADS 3
#define LOOPS 100000
#define ROOM 64
#define CPUS 4096

struct item {
	uint64_t data;
	uint64_t copy;
};

static struct buffer {
	intptr_t used;
	intptr_t slots[ROOM];
	intptr_t items_used;
	struct item items[ROOM];
} __attribute__((aligned(128))) buffers[CPUS];

static int failures;

#define CHECK(cond)							\
	do {								\
		if (!(cond)) {						\
			fprintf(stderr, "line %d: %s\n", __LINE__, #cond); \
			__sync_fetch_and_add(&failures, 1);		\
		}							\
	} while (0)

static int push(intptr_t value, int cpu)
{
	struct buffer *b = &buffers[cpu];
	intptr_t used;
	int ret;

	do {
		used = *(volatile intptr_t *)&b->used;
		if (used == ROOM)
			return 0;
		ret = percpu_cmpeqv_storev_storev_release(&b->used, used, &b->slots[used], value,
							  used + 1, cpu);
	} while (ret > 0);
	CHECK(!ret);
	return 1;
}

static intptr_t pop(int cpu)
{
	struct buffer *b = &buffers[cpu];
	intptr_t used, value;
	int ret;

	do {
		used = *(volatile intptr_t *)&b->used;
		if (!used)
			return 0;
		value = *(volatile intptr_t *)&b->slots[used - 1];
		ret = percpu_cmpeqv_cmpeqv_storev(&b->used, used, &b->slots[used - 1], value,
						  used - 1, cpu);
	} while (ret > 0);
	CHECK(!ret);
	return value;
}

static int push_item(struct item item, int cpu)
{
	struct buffer *b = &buffers[cpu];
	intptr_t used;
	int ret;

	do {
		used = *(volatile intptr_t *)&b->items_used;
		if (used == ROOM)
			return 0;
		ret = percpu_cmpeqv_memcpy_storev_release(&b->items_used, used, &b->items[used],
							  &item, sizeof(item), used + 1, cpu);
	} while (ret > 0);
	CHECK(!ret);
	return 1;
}

static int pop_item(struct item *item, int cpu)
{
	struct buffer *b = &buffers[cpu];
	intptr_t used;
	int ret;

	do {
		used = *(volatile intptr_t *)&b->items_used;
		if (!used)
			return 0;
		ret = percpu_cmpeqv_memcpy_storev(&b->items_used, used, item, &b->items[used - 1],
						  sizeof(*item), used - 1, cpu);
	} while (ret > 0);
	CHECK(!ret);
	return 1;
}

static void *mixes(void *arg)
{
	int nr_cpus = (int)sysconf(_SC_NPROCESSORS_CONF), i;

	for (i = 0; i < LOOPS; i++) {
		int cpu = i % 20 ? (int)percpu_current_cpu() : i / 20 % nr_cpus;
		intptr_t value = pop(cpu);
		struct item item;

		if (value)
			while (!push(value, (int)percpu_current_cpu()))
				;
		if (pop_item(&item, cpu)) {
			CHECK(item.data == item.copy);
			while (!push_item(item, (int)percpu_current_cpu()))
				;
		}
	}
	return arg;
}

static void each(int cpu)
{
	intptr_t v = 1, v2 = 2, load = 0, node[2] = { 0, 77 };
	char dst[8] = "", src[8] = "seven..";
	uint16_t half = 1, expect = 1, old = 0, new_ = 5;

	CHECK(percpu_cmpeqv_storev(&v, 1, 3, cpu) == 0 && v == 3);
	CHECK(percpu_cmpeqv_storev(&v, 1, 4, cpu) == 1 && v == 3);
	CHECK(percpu_addv(&v, -3, cpu) == 0 && v == 0);
	CHECK(percpu_cmpeqv_storev_storev(&v, 0, &v2, 5, 6, cpu) == 0 && v == 6 && v2 == 5);
	CHECK(percpu_cmpeqv_cmpeqv_storev(&v, 6, &v2, 4, 7, cpu) > 0 && v == 6);
	v = (intptr_t)node;
	CHECK(percpu_cmpnev_storeoffp_load(&v, 0, sizeof(node[0]), &load, cpu) == 0 && v == 77 &&
	      load == (intptr_t)node);

	v = 1;
	CHECK(cpu_op_cmpeqv_storev(&v, 1, 3, cpu) == 0 && v == 3);
	CHECK(cpu_op_cmpeqv_storev(&v, 1, 4, cpu) == 1 && v == 3);
	CHECK(cpu_op_addv(&v, -3, cpu) == 0 && v == 0);
	CHECK(cpu_op_cmpeqv_storev_storev(&v, 0, &v2, 5, 6, cpu) == 0 && v == 6 && v2 == 5);
	CHECK(cpu_op_cmpeqv_storev_storev_release(&v, 6, &v2, 4, 5, cpu) == 0 && v == 5 && v2 == 4);
	CHECK(cpu_op_cmpeqv_cmpeqv_storev(&v, 5, &v2, 5, 7, cpu) == 2 && v == 5);
	CHECK(cpu_op_cmpeqv_cmpeqv_storev(&v, 5, &v2, 4, 7, cpu) == 0 && v == 7);
	CHECK(cpu_op_cmpeqv_memcpy_storev(&v, 7, dst, src, 8, 8, cpu) == 0 && v == 8 &&
	      !memcmp(dst, src, 8));
	CHECK(cpu_op_cmpeqv_memcpy_storev_release(&v, 7, dst, src, 8, 9, cpu) == 1 && v == 8);
	v = (intptr_t)node;
	CHECK(cpu_op_cmpnev_storeoffp_load(&v, 0, sizeof(node[0]), &load, cpu) == 0 && v == 77);
	v = 0;
	CHECK(cpu_op_cmpnev_storeoffp_load(&v, 0, sizeof(node[0]), &load, cpu) == 1);
	CHECK(cpu_op_cmpxchg(&half, &expect, &old, &new_, 2, cpu) == 0 && half == 5 && old == 1);
	CHECK(cpu_op_cmpxchg(&half, &expect, &old, &new_, 2, cpu) == 2 && half == 5 && old == 5);
	CHECK(cpu_op_add(&half, 65535, 2, cpu) == 0 && half == 4);
	CHECK(cpu_op_add_release(&half, 1, 2, cpu) == 0 && half == 5);

	errno = 0;
	CHECK(cpu_op_add(&half, 1, 3, cpu) == -1 && errno == EINVAL && half == 5);
	errno = 0;
	CHECK(cpu_op_add(&half, 1, (size_t)1 << 33 | 2, cpu) == -1 && errno == EINVAL && half == 5);
	errno = 0;
	CHECK(cpu_op_add(NULL, 1, 2, cpu) == -1 && errno == EFAULT);
}

static void refused(void)
{
	intptr_t v = 1;

	errno = 0;
	CHECK(percpu_addv(&v, 1, -1) == -1 && errno == EINVAL && v == 1);
	errno = 0;
	CHECK(percpu_cmpeqv_storev(&v, 1, 2, 1 << 20) == -1 && errno == EINVAL && v == 1);
	errno = 0;
	CHECK(cpu_op_cmpnev_storeoffp_load(&v, 0, 0, &v, -1) == -1 && errno == EINVAL && v == 1);
	errno = 0;
	CHECK(cpu_op_addv(&v, 1, -1) == -1 && errno == EINVAL && v == 1);
}

int main(void)
{
	int nr_cpus = (int)sysconf(_SC_NPROCESSORS_CONF), i, found = 0;
	intptr_t value, sum = 0;
	pthread_t threads[THREADS];
	struct item item;

	each(cpu_op_get_current_cpu());
	for (i = 0; i < nr_cpus; i++)
		each(i);
	refused();
	for (i = 1; i <= 40; i++) {
		item.data = item.copy = (uint64_t)i;
		CHECK(push(i, i % nr_cpus) && push_item(item, i % nr_cpus));
	}
	for (i = 0; i < THREADS; i++)
		if (pthread_create(&threads[i], NULL, mixes, NULL))
			return 2;
	for (i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	for (i = 0; i < nr_cpus; i++) {
		while ((value = pop(i)))
			sum += value;
		while (pop_item(&item, i)) {
			sum += (intptr_t)item.copy;
			found++;
		}
	}
	CHECK(found == 40 && sum == 2 * 40 * 41 / 2);
	return failures != 0;
}
