// SPDX-License-Identifier: MIT
/*
 * A table that is replaced while threads look into it.  They count themselves in and
 * out in a nanosecond each; an old table goes when the last is out.
 */
#include <opv/opv.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

enum { THREADS = 3, TABLES = 200 };

struct table {
	struct opv_ref ref;	/* the first member */
	int version, copy;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct table *current;	/* under the lock: whose first reference is there */
static int gone, wrong, stop;

static void free_table(struct opv_ref *ref)
{
	opv_ref_fini(ref);
	free(ref);
	__atomic_fetch_add(&gone, 1, __ATOMIC_RELAXED);
}

static struct table *make_table(int version)
{
	struct table *t = malloc(sizeof(*t));

	t->version = t->copy = version;
	if (opv_ref_init(&t->ref, NULL, free_table))
		abort();
	return t;
}

static void replace_table(struct table *new)
{
	struct table *old = current;

	pthread_mutex_lock(&lock);
	current = new;
	pthread_mutex_unlock(&lock);
	opv_ref_kill(&old->ref);	/* free_table(), as soon as nobody has it */
}

static void *look_up(void *arg)
{
	while (!__atomic_load_n(&stop, __ATOMIC_RELAXED)) {
		struct table *t;

		pthread_mutex_lock(&lock);
		t = current;
		opv_ref_get(&t->ref, OPV_THIS_CPU);
		pthread_mutex_unlock(&lock);
		if (t->version != t->copy)
			__atomic_store_n(&wrong, 1, __ATOMIC_RELAXED);
		opv_ref_put(&t->ref, OPV_THIS_CPU);
	}
	return arg;
}

int main(void)
{
	pthread_t threads[THREADS];
	int i;

	current = make_table(0);
	for (i = 0; i < THREADS; i++)
		pthread_create(&threads[i], NULL, look_up, NULL);
	for (i = 1; i < TABLES; i++)
		replace_table(make_table(i));
	__atomic_store_n(&stop, 1, __ATOMIC_RELAXED);
	for (i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	replace_table(NULL);
	return printf("%d of %d tables are gone, %s too early\n", gone, TABLES, wrong ? "some" : "none") < 0;
}
