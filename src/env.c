// SPDX-License-Identifier: MIT
#define _GNU_SOURCE
#include "env.h"

#include <fcntl.h>
#include <linux/membarrier.h>
#include <sched.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "break.h"
#include "engine.h"
#include "sys.h"
#include "thread.h"

#ifndef MEMBARRIER_CMD_FLAG_CPU
# define MEMBARRIER_CMD_PRIVATE_EXPEDITED_RSEQ (1 << 7)
# define MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_RSEQ (1 << 8)
# define MEMBARRIER_CMD_FLAG_CPU (1 << 0)
#endif

/* Bytes of struct rseq that the kernel writes if it writes mm_cid. */
#define MM_CID_END 28

_Atomic(struct opv_env *) opv_the_env;

/* A small file into buf as a string; false if there is none. */
static bool read_file(const char *path, char *buf, size_t size)
{
	long fd, n;

	fd = OPV_SYS(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC, 0);
	if (fd < 0)
		return false;
	n = OPV_SYS(SYS_read, fd, buf, size - 1);
	OPV_SYS(SYS_close, fd);
	if (n <= 0)
		return false;
	buf[n] = '\0';
	return true;
}

static const char *parse_uint(const char *s, unsigned int *v)
{
	for (*v = 0; *s >= '0' && *s <= '9'; s++)
		*v = *v * 10 + (unsigned int)(*s - '0');
	return s;
}

/*
 * A list of the kernel's, "0,2-3,8": is cpu in it?  *end becomes one more than
 * the last number in it.
 */
static bool in_list(const char *s, int cpu, unsigned int *end)
{
	bool found = false;

	while (*s >= '0' && *s <= '9') {
		unsigned int first, last;

		s = parse_uint(s, &first);
		last = first;
		if (*s == '-')
			s = parse_uint(s + 1, &last);
		if (cpu >= 0 && (unsigned int)cpu >= first && (unsigned int)cpu <= last)
			found = true;
		*end = last + 1;
		if (*s == ',')
			s++;
	}
	return found;
}

static bool cpu_in_file(const char *path, int cpu, bool otherwise)
{
	unsigned int end;
	char list[4096];

	return read_file(path, list, sizeof(list)) ? in_list(list, cpu, &end) : otherwise;
}

bool opv_cpu_possible(int cpu)
{
	return cpu >= 0 && (unsigned int)cpu < opv_env()->nr_cpus &&
	       cpu_in_file("/sys/devices/system/cpu/possible", cpu, true);
}

bool opv_cpu_online(int cpu)
{
	return cpu_in_file("/sys/devices/system/cpu/online", cpu, true);
}

static unsigned int hex_digit(char c)
{
	return (unsigned int)(c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
}

/* CPUs of a mask as the kernel writes it, "f,0000000f", whose last digit is end[-1]. */
static void add_mask(const char *end, uint64_t *mask, uint32_t words)
{
	uint32_t bit = 0;

	for (; end[-1] != '\t' && bit < words * 64; end--) {
		if (end[-1] == ',')
			continue;
		mask[bit / 64] |= (uint64_t)hex_digit(end[-1]) << bit % 64;
		bit += 4;
	}
}

long opv_affinity(uint64_t *mask, uint32_t words)
{
	static const char field[] = "\nCpus_allowed:\t";
	const char *begin, *end;
	char text[4096];
	long size;

	size = OPV_SYS(SYS_sched_getaffinity, 0, words * sizeof(*mask), mask);
	if (size <= 0 || !read_file("/sys/devices/system/cpu/offline", text, sizeof(text)) || *text == '\n')
		return size;
	if (!read_file("/proc/thread-self/status", text, sizeof(text)))
		return size;
	begin = strstr(text, field);
	end = begin ? strchr(begin + 1, '\n') : NULL;
	if (end)
		add_mask(end, mask, (uint32_t)size / sizeof(*mask));
	return size;
}

static char *put_uint(char *path, unsigned int n)
{
	unsigned int unit = 1;

	while (n / unit >= 10)
		unit *= 10;
	for (; unit; unit /= 10)
		*path++ = (char)('0' + n / unit % 10);
	*path = '\0';
	return path;
}

static unsigned int hotplug_file(int cpu, const char *name)
{
	unsigned int value = 0;
	char path[80], text[16];

	strcpy(put_uint(stpcpy(path, "/sys/devices/system/cpu/cpu"), (unsigned int)cpu), name);
	if (read_file(path, text, sizeof(text)))
		parse_uint(text, &value);
	return value;
}

bool opv_cpu_changes(int cpu)
{
	return hotplug_file(cpu, "/hotplug/state") != hotplug_file(cpu, "/hotplug/target");
}

static unsigned int list_end(const char *path, unsigned int otherwise)
{
	unsigned int end = 0;
	char list[4096];

	if (read_file(path, list, sizeof(list)))
		in_list(list, -1, &end);
	return end ? end : otherwise;
}

/* Without /sys: the kernel's masks have a bit for each CPU that it may ever have. */
static unsigned int cpus_of_mask(void)
{
	unsigned long mask[1024];	/* 65536 CPUs */
	long n = OPV_SYS(SYS_sched_getaffinity, 0, sizeof(mask), mask);

	return n > 0 ? (unsigned int)n * 8 : 1024;
}

/* A CPU that is off is in no list of a node's, but linked with it. */
static bool linked(unsigned int cpu, unsigned int node)
{
	char path[64];

	put_uint(stpcpy(put_uint(stpcpy(path, "/sys/devices/system/cpu/cpu"), cpu), "/node"), node);
	return OPV_SYS(SYS_faccessat, AT_FDCWD, path, F_OK) == 0;
}

static void for_each_offline(void (*fn)(void *arg, unsigned int node, unsigned int cpu), void *arg)
{
	const struct opv_env *env = opv_env();
	char present[4096], online[4096];
	unsigned int node, cpu, end;

	if (!read_file("/sys/devices/system/cpu/present", present, sizeof(present)) ||
	    !read_file("/sys/devices/system/cpu/online", online, sizeof(online)) ||
	    !strcmp(present, online))
		return;
	for (cpu = 0; cpu < env->nr_cpus; cpu++) {
		if (!in_list(present, (int)cpu, &end) || in_list(online, (int)cpu, &end))
			continue;
		for (node = 0; node < env->nr_nodes; node++)
			if (linked(cpu, node))
				fn(arg, node, cpu);
	}
}

void opv_for_each_node_cpu(void (*fn)(void *arg, unsigned int node, unsigned int cpu), void *arg)
{
	const struct opv_env *env = opv_env();
	unsigned int node, cpu, end;
	char path[64], list[4096];

	if (env->nr_nodes < 2 || OPV_BROKEN(NODES))
		return;
	for (node = 0; node < env->nr_nodes; node++) {
		strcpy(put_uint(stpcpy(path, "/sys/devices/system/node/node"), node), "/cpulist");
		if (!read_file(path, list, sizeof(list)))
			continue;
		for (cpu = 0; cpu < env->nr_cpus; cpu++)
			if (in_list(list, (int)cpu, &end))
				fn(arg, node, cpu);
	}
	for_each_offline(fn, arg);
}

/* Which fence reaches another CPU of this process? */
static void find_fence(struct opv_env *env)
{
	struct opv_status *st = &env->status;
	unsigned long mask[1024];
	long ret;

	ret = OPV_SYS(SYS_membarrier, 0, 0, 0);
	if (ret >= 0) {
		st->membarrier_commands = (uint32_t)ret;
		ret = OPV_SYS(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_RSEQ, 0, 0);
		/* A CPU that does not exist is fenced successfully, if CPUs can be named. */
		if (!ret)
			ret = OPV_SYS(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED_RSEQ,
				      MEMBARRIER_CMD_FLAG_CPU, 0);
	}
	if (!ret) {
		st->fence = OPV_FENCE_MEMBARRIER;
		return;
	}
	st->membarrier_error = (int)-ret;

	ret = OPV_SYS(SYS_sched_getaffinity, 0, sizeof(mask), mask);
	if (ret > 0)
		ret = OPV_SYS(SYS_sched_setaffinity, 0, ret, mask);
	if (!ret) {
		st->fence = OPV_FENCE_MOVE;
		return;
	}
	st->move_error = (int)-ret;
	st->fence = OPV_FENCE_NONE;
}

/* Can slots go by mm_cid? */
static void find_mm_cid(struct opv_status *st)
{
	if (st->rseq_owner == OPV_RSEQ_NONE)
		st->mm_cid_why = "no rseq, see why";
	else if (st->rseq_feature_size < MM_CID_END)
		st->mm_cid_why = "this kernel has none (Linux 6.3)";
	else if (st->fence != OPV_FENCE_MEMBARRIER)
		st->mm_cid_why = "no fence: which CPU has which number only membarrier need not know";
	else
		st->mm_cid_why = "the kernel lends one to each thread that runs";
	st->mm_cid = st->rseq_owner != OPV_RSEQ_NONE && st->rseq_feature_size >= MM_CID_END &&
		     st->fence == OPV_FENCE_MEMBARRIER;
}

static struct opv_env *look(void)
{
	unsigned int nr_cpus = list_end("/sys/devices/system/cpu/possible", 0);
	struct opv_env *env;
	size_t bytes;
	long addr;

	if (!nr_cpus)
		nr_cpus = cpus_of_mask();
	bytes = sizeof(*env) + nr_cpus * sizeof(env->counts[0]);
	addr = OPV_SYS(SYS_mmap, NULL, bytes, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (addr < 0 && addr > -4096)
		return NULL;
	env = (struct opv_env *)addr;
	env->bytes = bytes;
	env->nr_cpus = env->status.nr_cpus = nr_cpus;
	env->nr_nodes = env->status.nr_nodes = list_end("/sys/devices/system/node/possible", 1);

	opv_rseq_find(&env->status);
	if (env->status.rseq_owner != OPV_RSEQ_NONE) {
		find_fence(env);
		if (env->status.fence == OPV_FENCE_NONE) {
			env->status.rseq_owner = OPV_RSEQ_NONE;
			env->status.why = "no fence: neither membarrier nor sched_setaffinity is allowed";
		}
	}
	find_mm_cid(&env->status);
	return env;
}

const struct opv_env *opv_env_look(void)
{
	/* When there is not even a page: one CPU's counts, no sections, locks only. */
	static union {
		struct opv_env env;
		char room[sizeof(struct opv_env) + sizeof(((struct opv_env *)0)->counts[0])];
	} nothing = {
		.env = { .nr_cpus = 1, .nr_nodes = 1, .status.why = "no memory",
			 .status.mm_cid_why = "no memory" },
	};
	struct opv_env *env = atomic_load_explicit(&opv_the_env, memory_order_acquire);
	struct opv_env *mine;

	if (env)
		return env;
	mine = look();
	if (!mine)
		mine = &nothing.env;
	if (!atomic_compare_exchange_strong(&opv_the_env, &env, mine)) {
		if (mine->bytes)
			OPV_SYS(SYS_munmap, mine, mine->bytes);
		return env;
	}
	opv_rseq_adopt(&mine->status);
	opv_engine_environment();
	return mine;
}

int opv_counts(int cpu, struct opv_counts *counts, size_t size)
{
	const struct opv_env *env = opv_env();
	size_t n = size < sizeof(*counts) ? size : sizeof(*counts);
	struct opv_counts sum = { 0 };
	unsigned int i;

	if (cpu != OPV_ALL_CPUS && (cpu < 0 || (unsigned int)cpu >= env->nr_cpus))
		return -EINVAL;
	for (i = 0; i < env->nr_cpus; i++) {
		const struct opv_counts *c = &env->counts[i].c;

		if (cpu != OPV_ALL_CPUS && i != (unsigned int)cpu)
			continue;
#define X(name, what) sum.name += __atomic_load_n(&c->name, __ATOMIC_RELAXED);
		OPV_COUNTS(X)
#undef X
	}
	memset(counts, 0, size);
	memcpy(counts, &sum, n);
	return 0;
}
