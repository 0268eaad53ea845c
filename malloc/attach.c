// SPDX-License-Identifier: MIT
/* From the variable in the environment to the counters of opv malloc-stat. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "cache.h"

struct malloc_cpu *counts;

struct variable {
	uint64_t pid, fd, handle, cookie, size;
};

static bool parse(const char *s, struct variable *v)
{
	uint64_t *field[] = { &v->pid, &v->fd, &v->handle, &v->cookie, &v->size };
	size_t i;
	char *end;

	for (i = 0; i < sizeof(field) / sizeof(field[0]); i++, s = end + 1) {
		*field[i] = strtoull(s, &end, 16);
		if (end == s || (*end && *end != ':') || (!*end && i < 4))
			return false;
	}
	return !*end && v->size == sizeof(struct malloc_cpu) && v->handle < OPV_DOMAIN_SIZE_MAX;
}

/* Neither descriptor stays open: the program's own must get the numbers they always get. */
static struct opv_domain *map_counters(const struct variable *v)
{
	struct opv_domain *d = NULL;
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/proc/%" PRIu64 "/fd/%" PRIu64, v->pid, v->fd);
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return NULL;
	if (opv_domain_attach(&d, fd, NULL))
		d = NULL;
	close(fd);
	if (d)
		close(opv_domain_fd(d));
	return d;
}

void counts_attach(void)
{
	const char *s = getenv(MALLOC_VARIABLE);
	struct malloc_cpu *cpu;
	struct opv_domain *d;
	struct variable v;

	if (!s || !parse(s, &v))
		return;
	d = map_counters(&v);
	if (!d)
		return;
	cpu = opv_handle(d, v.handle);
	/* Another process may have got the number that our watcher had. */
	if (opv_ptr(cpu, 0)->cookie != v.cookie)
		return;
	opv_add(&cpu->programs, 1, OPV_THIS_CPU);
	counts = cpu;
}
