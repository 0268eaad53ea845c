// SPDX-License-Identifier: MIT
/* opv probe: what can be seen of kernel, libc, policy and CPUs. */
#define _GNU_SOURCE
#include "probe.h"

#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static void first_line(char *out, const char *path)
{
	FILE *f = fopen(path, "re");

	*out = '\0';
	if (!f)
		return;
	if (fgets(out, PROBE_TEXT, f))
		out[strcspn(out, "\n")] = '\0';
	fclose(f);
}

/* "Name:\tvalue" of /proc/self/status; "" when the kernel does not have it. */
static void status_field(char *out, const char *name)
{
	FILE *f = fopen("/proc/self/status", "re");
	size_t len = strlen(name);
	char line[4096];

	*out = '\0';
	while (f && fgets(line, sizeof(line), f)) {
		if (strncmp(line, name, len) || line[len] != ':')
			continue;
		snprintf(out, PROBE_TEXT, "%s", line + len + 1 + strspn(line + len + 1, " \t"));
		out[strcspn(out, "\n")] = '\0';
		break;
	}
	if (f)
		fclose(f);
}

static long status_number(const char *name)
{
	char text[PROBE_TEXT];

	status_field(text, name);
	return *text ? strtol(text, NULL, 10) : -1;
}

static bool mapped(const char *part)
{
	FILE *f = fopen("/proc/self/maps", "re");
	bool found = false;
	char line[4096];

	while (f && !found && fgets(line, sizeof(line), f))
		found = strstr(line, part) != NULL;
	if (f)
		fclose(f);
	return found;
}

static void look_at_libc(struct probe_look *look)
{
	const char *tunables = getenv("GLIBC_TUNABLES");

#ifdef _CS_GNU_LIBC_VERSION
	if (!confstr(_CS_GNU_LIBC_VERSION, look->libc, sizeof(look->libc)))
		*look->libc = '\0';
	if (sscanf(look->libc, "glibc %d.%d", &look->libc_major, &look->libc_minor) != 2)
		look->libc_major = look->libc_minor = 0;
#endif
	if (!*look->libc)
		snprintf(look->libc, sizeof(look->libc), "not glibc");
	snprintf(look->tunables, sizeof(look->tunables), "%s", tunables ? tunables : "");
	look->tunable_off = tunables && strstr(tunables, "glibc.pthread.rseq=0");
}

/* What the library would only ask when it has something to fence. */
static void look_at_fences(struct probe_look *look)
{
	unsigned long mask[1024];
	long ret = syscall(SYS_membarrier, 0, 0, 0);

	if (ret >= 0)
		look->membarrier = (uint32_t)ret;
	else
		look->membarrier_error = errno;
	ret = syscall(SYS_sched_getaffinity, 0, sizeof(mask), mask);
	if (ret > 0)
		ret = syscall(SYS_sched_setaffinity, 0, ret, mask);
	if (ret < 0)
		look->affinity_error = errno;
}

/* A CPU that we may run on but do not; else any that may exist; else -1. */
static int another_cpu(int this_cpu, int nr_cpus)
{
	unsigned long mask[1024] = { 0 };
	const int bits = 8 * sizeof(long);
	int cpu;

	syscall(SYS_sched_getaffinity, 0, sizeof(mask), mask);
	for (cpu = 0; cpu < nr_cpus; cpu++)
		if (cpu != this_cpu && mask[cpu / bits] >> cpu % bits & 1)
			return cpu;
	return nr_cpus < 2 ? -1 : this_cpu ? 0 : 1;
}

static void look_at_cpus(struct probe_look *look)
{
	first_line(look->possible, "/sys/devices/system/cpu/possible");
	first_line(look->online, "/sys/devices/system/cpu/online");
	first_line(look->nodes, "/sys/devices/system/node/online");
	first_line(look->cpuset, "/proc/self/cpuset");
	status_field(look->allowed, "Cpus_allowed_list");
	look->this_cpu = opv_cpu();
	look->other_cpu = another_cpu(look->this_cpu, (int)look->status.nr_cpus);
	look->this_engine = opv_engine_for(look->this_cpu);
	look->other_engine = opv_engine_for(look->other_cpu < 0 ? look->this_cpu : look->other_cpu);
	look->this_fast = look->status.fast;
}

void probe_look(struct probe_look *look)
{
	memset(look, 0, sizeof(*look));
	uname(&look->uts);
	/* Whatever the library leaves for its first use is done now. */
	opv_fence(NULL, OPV_THIS_CPU);
	opv_status(&look->status, sizeof(look->status));
	look_at_libc(look);
	look_at_fences(look);
	look->valgrind = mapped("/vgpreload_");
	look->tracer = status_number("TracerPid");
	look->seccomp = status_number("Seccomp");
	look->seccomp_filters = status_number("Seccomp_filters");
	look->no_new_privs = status_number("NoNewPrivs");
	look_at_cpus(look);
}

const char *probe_errno(int error)
{
	switch (error) {
#define X(name) case name: return #name;
	X(EPERM) X(ENOSYS) X(EINVAL) X(EBUSY) X(EACCES) X(ENOMEM) X(EFAULT) X(ETIMEDOUT) X(EDEADLK)
#undef X
	default:
		return strerror(error);
	}
}
