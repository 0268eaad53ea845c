// SPDX-License-Identifier: MIT
/* From the variable in the environment to the counters of the watching process. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <opv/opv.h>

#include "../src/sys.h"
#include "preload.h"

struct watched stat_watched;

struct variable {
	uint64_t version, pid, fd, handle, cookie, size, mask, flags;
	const char *library;
};

static bool hex(const char **s, uint64_t *v)
{
	int digits;

	for (*v = 0, digits = 0; digits < 16; digits++, (*s)++) {
		char c = **s;

		if (c >= '0' && c <= '9')
			*v = *v << 4 | (uint64_t)(c - '0');
		else if (c >= 'a' && c <= 'f')
			*v = *v << 4 | (uint64_t)(c - 'a' + 10);
		else
			break;
	}
	if (!digits || **s != ':')
		return false;
	(*s)++;
	return true;
}

static bool parse(const char *s, struct variable *v)
{
	if (!hex(&s, &v->version) || v->version != STAT_VERSION || !hex(&s, &v->pid) ||
	    !hex(&s, &v->fd) || !hex(&s, &v->handle) || !hex(&s, &v->cookie) ||
	    !hex(&s, &v->size) || !hex(&s, &v->mask) || !hex(&s, &v->flags))
		return false;
	v->library = s;
	return v->size == sizeof(struct stat_cpu);
}

static char *put_number(char *p, uint64_t n)
{
	uint64_t unit = 1;

	while (n / unit >= 10)
		unit *= 10;
	for (; unit; unit /= 10)
		*p++ = (char)('0' + n / unit % 10);
	return p;
}

static long open_counters(const struct variable *v)
{
	char path[64], *p;

	p = put_number(stpcpy(path, "/proc/"), v->pid);
	p = put_number(stpcpy(p, "/fd/"), v->fd);
	*p = '\0';
	return OPV_SYS(SYS_openat, AT_FDCWD, path, O_RDWR | O_CLOEXEC, 0);
}

/*
 * Neither of the two descriptors stays open: the program's own must get the
 * numbers that they always get.  What needs the domain's descriptor,
 * opv_alloc() and opv_domain_destroy(), is never called here.
 */
static struct opv_domain *map_counters(const struct variable *v)
{
	struct opv_domain *d = NULL;
	long fd = open_counters(v);

	if (fd < 0)
		return NULL;
	if (opv_domain_attach(&d, (int)fd, NULL))
		d = NULL;
	OPV_SYS(SYS_close, fd);
	if (d)
		OPV_SYS(SYS_close, opv_domain_fd(d));
	return d;
}

void stat_attach(void)
{
	const char *s = getenv(STAT_VARIABLE);
	struct opv_domain *d;
	struct stat_cpu *cpu;
	struct variable v;

	if (!s || !parse(s, &v) || v.handle >= OPV_DOMAIN_SIZE_MAX)
		return;
	d = map_counters(&v);
	if (!d)
		return;
	cpu = opv_handle(d, v.handle);
	/* Another process may have got the number that our watcher had. */
	if (opv_ptr(cpu, 0)->cookie != v.cookie)
		return;
	stat_exec_init(s, v.library);
	opv_add(&cpu->programs, 1, OPV_THIS_CPU);
	stat_watched.tsc = v.flags & STAT_TSC;
	stat_returns_by_jump = v.flags & STAT_JUMP;
	stat_watched.cpu = cpu;
	if (v.flags & STAT_LATENCY)
		__atomic_store_n(&stat_watched.timed, v.mask, __ATOMIC_RELEASE);
	else
		__atomic_store_n(&stat_watched.counted, v.mask, __ATOMIC_RELEASE);
}
