// SPDX-License-Identifier: MIT
/*
 * A pool of connections: opening one is dear, so closed ones are kept.  Each CPU has its
 * own; what no CPU needed for a while is trimmed.
 */
#include <opv/opv.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

enum { THREADS = 3, LOOPS = 300000 };

struct connection {
	int used;
	char buffer[200];
};

static struct opv_pool pool;

static int open_some(void *arg, void **objects, int n, int depot)
{
	int i;

	(void)arg, (void)depot;
	for (i = 0; i < n && (objects[i] = calloc(1, sizeof(struct connection))); i++)
		;
	return i;
}

static void close_some(void *arg, void **objects, int n)
{
	(void)arg;
	while (n--)
		free(objects[n]);
}

static void *work(void *arg)
{
	void *a, *b;
	int i;

	for (i = 0; i < LOOPS; i++) {
		if (opv_pool_alloc(&pool, &a) || opv_pool_alloc(&pool, &b))
			abort();
		((struct connection *)a)->used++;
		((struct connection *)b)->used++;
		opv_pool_free(&pool, a);
		opv_pool_free(&pool, b);
	}
	return arg;
}

int main(void)
{
	struct opv_pool_options options = {
		.size = sizeof(options), .alloc = open_some, .free = close_some, .batch = 8,
	};
	struct opv_pool_stats s;
	pthread_t threads[THREADS];
	int i;

	if (opv_pool_init(&pool, NULL, &options))
		return 1;
	for (i = 0; i < THREADS; i++)
		pthread_create(&threads[i], NULL, work, NULL);
	for (i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	opv_pool_stats(&pool, OPV_ALL_CPUS, &s, sizeof(s));
	printf("opened far fewer than were used: %s\n",
	       s.allocated < THREADS * LOOPS / 100 ? "yes" : "no");
	/* The first one remembers what each CPU did, the second finds them idle since. */
	opv_pool_trim(&pool);
	opv_pool_trim(&pool);
	opv_pool_stats(&pool, OPV_ALL_CPUS, &s, sizeof(s));
	printf("kept when idle: %d\n", (int)(s.cached + s.stored));
	return opv_pool_fini(&pool);
}
