// SPDX-License-Identifier: MIT
/*
 * Stacks, one a CPU, in memory of the program's own.  A push stores behind the end,
 * then commits by the length; a pop commits if neither length nor word changed.
 */
#include <opv/opv.h>
#include <pthread.h>
#include <stdio.h>

enum { THREADS = 3, LOOPS = 300000, ROOM = 64 };

struct stack {
	_Alignas(64) intptr_t length;
	intptr_t words[ROOM];
};

static struct stack stacks[4096];	/* by CPU */
static struct opv_domain *d;
static intptr_t balance;

/* 0, 1 when it is full or empty, or -errno. */
static int push(intptr_t word)
{
	int cpu = opv_cpu(), ret = 1;
	struct stack *s = &stacks[cpu];
	intptr_t length;

	while (ret > 0 && (length = *(volatile intptr_t *)&s->length) < ROOM)
		ret = opv_cmpeq_store_store_at(d, &s->length, length, &s->words[length], word,
					       length + 1, cpu);
	return ret;
}

static int pop(intptr_t *word, int cpu)
{
	struct stack *s = &stacks[cpu];
	intptr_t length;
	int ret = 1;

	while (ret > 0 && (length = *(volatile intptr_t *)&s->length) > 0) {
		*word = *(volatile intptr_t *)&s->words[length - 1];
		ret = opv_cmpeq_cmpeq_store_at(d, &s->length, length, &s->words[length - 1], *word,
					       length - 1, cpu);
	}
	return ret;
}

static void *work(void *arg)
{
	intptr_t word, sum = 0, i;

	for (i = 1; i <= LOOPS; i++) {
		if (!push(i))
			sum += i;
		if (!pop(&word, i % 100 ? opv_cpu() : 0))
			sum -= word;
	}
	__atomic_fetch_add(&balance, sum, __ATOMIC_RELAXED);
	return arg;
}

int main(void)
{
	pthread_t threads[THREADS];
	intptr_t word;
	int i;

	d = opv_domain_default();
	if (!d || opv_domain_cpus(d) > 4096)
		return 1;
	for (i = 0; i < THREADS; i++)
		pthread_create(&threads[i], NULL, work, NULL);
	for (i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	for (i = 0; i < opv_domain_cpus(d); i++)
		while (!pop(&word, i))
			balance -= word;
	printf("pushed and popped: %s\n", balance ? "not the same" : "the same");
	return balance != 0;
}
