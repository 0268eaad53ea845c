// SPDX-License-Identifier: MIT
/* dlopen LIBRARY: its symbols alone, from threads that are older and younger than it. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <pthread.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>

#define ROUNDS 20000

static void *lib;
static uint64_t *h;
static int (*add)(uint64_t *p, uint64_t n, int cpu);
static pthread_barrier_t loaded;

static void find(const char *name, void *fn)
{
	*(void **)fn = dlsym(lib, name);
	if (!*(void **)fn)
		fprintf(stderr, "%s\n", dlerror());
}

static void *old_thread(void *arg)
{
	int i;

	if (arg)
		pthread_barrier_wait(&loaded);
	for (i = 0; i < ROUNDS; i++)
		add(h, 1, i % 64 ? -1 : 0);
	return NULL;
}

int main(int argc, char **argv)
{
	int (*create)(void **dp, const void *options), (*cpus)(const void *d);
	int (*alloc)(void *d, size_t size, size_t align, void *handle), (*destroy)(void *d);
	pthread_t old[2], young[2];
	uint64_t sum = 0;
	void *d;
	int i, times;

	if (argc < 2)
		return 2;
	pthread_barrier_init(&loaded, NULL, 3);
	for (i = 0; i < 2; i++)
		pthread_create(&old[i], NULL, old_thread, &loaded);
	for (times = 0; times < 3; times++) {
		lib = dlopen(argv[1], RTLD_NOW | RTLD_LOCAL);
		if (!lib) {
			fprintf(stderr, "%s\n", dlerror());
			return 3;
		}
		find("opv_domain_create", &create);
		find("opv_domain_cpus", &cpus);
		find("opv_domain_destroy", &destroy);
		find("opv_alloc", &alloc);
		find("opv_add64", &add);
		if (create(&d, NULL) || alloc(d, 8, 8, &h))
			return 4;
		if (!times)
			pthread_barrier_wait(&loaded);
		for (i = 0; i < 2; i++)
			pthread_create(&young[i], NULL, old_thread, NULL);
		for (i = 0; i < 2; i++) {
			pthread_join(young[i], NULL);
			if (!times)
				pthread_join(old[i], NULL);
		}
		for (sum = 0, i = 0; i < cpus(d); i++)
			sum += *(uint64_t *)((char *)h + (3ul << 22) + ((size_t)i << 22));
		if (sum != (times ? 2 : 4) * ROUNDS) {
			fprintf(stderr, "the sum is %lu\n", (unsigned long)sum);
			return 5;
		}
		destroy(d);
		dlclose(lib);
		sched_yield();
	}
	return 0;
}
