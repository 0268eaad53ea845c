// SPDX-License-Identifier: MIT
/*
 * Preloaded: what it costs to be called in the place of a function and to call it,
 * and nothing else.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

static struct {
	void *(*malloc)(size_t size);
	void (*free)(void *p);
	int (*lock)(pthread_mutex_t *m);
	int (*unlock)(pthread_mutex_t *m);
	ssize_t (*read)(int fd, void *buf, size_t n);
	ssize_t (*write)(int fd, const void *buf, size_t n);
} real;

static char early[65536];	/* what dlsym() itself allocates */
static size_t used;

static __attribute__((__constructor__)) void start(void)
{
	real.free = dlsym(RTLD_NEXT, "free");
	real.lock = dlsym(RTLD_NEXT, "pthread_mutex_lock");
	real.unlock = dlsym(RTLD_NEXT, "pthread_mutex_unlock");
	real.read = dlsym(RTLD_NEXT, "read");
	real.write = dlsym(RTLD_NEXT, "write");
	real.malloc = dlsym(RTLD_NEXT, "malloc");
}

/* Not a jump: a wrapper that does something afterwards is returned to. */
#define AFTER() __asm__ __volatile__("" : : : "memory")

void *malloc(size_t size)
{
	void *p;

	if (!real.malloc)
		return early + ((used += (size + 15) & ~(size_t)15) - ((size + 15) & ~(size_t)15));
	p = real.malloc(size);
	AFTER();
	return p;
}

void free(void *p)
{
	if (!real.free || ((char *)p >= early && (char *)p < early + sizeof(early)))
		return;
	real.free(p);
	AFTER();
}

int pthread_mutex_lock(pthread_mutex_t *m)
{
	int ret = real.lock ? real.lock(m) : 0;

	AFTER();
	return ret;
}

int pthread_mutex_unlock(pthread_mutex_t *m)
{
	int ret = real.unlock ? real.unlock(m) : 0;

	AFTER();
	return ret;
}

ssize_t read(int fd, void *buf, size_t n)
{
	ssize_t ret = real.read(fd, buf, n);

	AFTER();
	return ret;
}

ssize_t write(int fd, const void *buf, size_t n)
{
	ssize_t ret = real.write(fd, buf, n);

	AFTER();
	return ret;
}
