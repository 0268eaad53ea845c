// SPDX-License-Identifier: MIT
/*
 * A table of routes that is looked up all the time and changed now and then: looking up costs two
 * additions to a word of this CPU, and threads on different CPUs share nothing.
 */
#include <opv/opv.h>
#include <pthread.h>
#include <stdio.h>

enum { THREADS = 3, LOOKUPS = 300000, CHANGES = 200, ROUTES = 16 };

static struct opv_rwlock lock;
static int route[ROUTES], version;	/* all routes are of one version */
static int mixed, errors;

static void *look_up(void *arg)
{
	int i, first;

	for (i = 0; i < LOOKUPS; i++) {
		if (opv_rwlock_read_lock(&lock)) {
			__atomic_fetch_add(&errors, 1, __ATOMIC_RELAXED);
			break;
		}
		first = route[0];
		if (route[i % ROUTES] != first || first != version)
			__atomic_fetch_add(&mixed, 1, __ATOMIC_RELAXED);
		opv_rwlock_read_unlock(&lock);
	}
	return arg;
}

static int change(void)
{
	int i, ret = opv_rwlock_write_lock(&lock);

	/* 1 would say that a process died while it was writing. */
	if (ret)
		return ret;
	version++;
	for (i = 0; i < ROUTES; i++)
		route[i] = version;
	return opv_rwlock_write_unlock(&lock);
}

int main(void)
{
	pthread_t threads[THREADS];
	int i;

	if (opv_rwlock_init(&lock, NULL))
		return 1;
	for (i = 0; i < THREADS; i++)
		pthread_create(&threads[i], NULL, look_up, NULL);
	for (i = 0; i < CHANGES && !errors; i++)
		errors += change() != 0;
	for (i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	printf("%d changes, %d mixed lookups\n", version, mixed);
	return errors || mixed || version != CHANGES || opv_rwlock_fini(&lock);
}
