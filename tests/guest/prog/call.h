/* SPDX-License-Identifier: MIT */
#ifndef _TESTS_GUEST_CALL_H
#define _TESTS_GUEST_CALL_H

/*
 * The kernel's own cpu_opv(): the system call of the number that OPV_SYSCALL_NR says, else
 * the module's device.  Nothing of the library but its header of operations.
 */

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <sys/syscall.h>

#include <opv/uapi/cpu_opv.h>
#include <opv/uapi/cpu_opv_ioctl.h>
#include <opv/vector.h>

#include "tap.h"

static long call_nr;
static int call_fd = -1;

/* Once, before anything else; false, and said so, if this kernel has neither. */
__attribute__((__unused__))
static bool call_open(void)
{
	const char *nr = getenv("OPV_SYSCALL_NR");

	call_nr = nr ? atol(nr) : 0;
	if (call_nr)
		return true;
	call_fd = open(CPU_OPV_DEVICE, O_RDWR | O_CLOEXEC);
	return call_fd >= 0 || ok(false, "%s opens", CPU_OPV_DEVICE);
}

/* 0, i + 1, or -errno. */
__attribute__((__unused__))
static int call(const struct cpu_op *vec, int count, int cpu, int flags)
{
	struct cpu_opv_args args = {
		.size = sizeof(args), .count = count, .cpu = cpu, .flags = flags,
		.vec = (uintptr_t)vec,
	};
	long ret;

	ret = call_nr ? syscall(call_nr, vec, count, cpu, flags) :
			ioctl(call_fd, CPU_OPV_IOC_RUN, &args);
	return ret < 0 ? -errno : (int)ret;
}

/* As the CPU that this runs on, or ran on a moment ago. */
__attribute__((__unused__))
static int call_here(const struct cpu_op *vec, int count)
{
	return call(vec, count, sched_getcpu(), 0);
}

/* CPUs that are online; 0 to cpus() - 1, as guests have them. */
__attribute__((__unused__))
static int cpus(void)
{
	return (int)sysconf(_SC_NPROCESSORS_ONLN);
}

__attribute__((__unused__))
static bool pin_to(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	return !sched_setaffinity(0, sizeof(set), &set) && sched_getcpu() == cpu;
}

__attribute__((__unused__))
static bool unpin(void)
{
	cpu_set_t set;
	int cpu;

	CPU_ZERO(&set);
	for (cpu = 0; cpu < CPU_SETSIZE; cpu++)
		CPU_SET(cpu, &set);
	return !sched_setaffinity(0, sizeof(set), &set);
}

__attribute__((__unused__))
static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

/* An operation that no builder makes. */
__attribute__((__unused__))
static struct cpu_op raw_op(int op, uint32_t len, uint64_t x, uint64_t y)
{
	struct cpu_op o = { .op = op, .len = len };

	o.u.memcpy_op.dst = x;
	o.u.memcpy_op.src = y;
	return o;
}

/* splitmix64 */
__attribute__((__unused__))
static uint64_t rnd(uint64_t *state)
{
	uint64_t z = (*state += UINT64_C(0x9e3779b97f4a7c15));

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

#endif /* _TESTS_GUEST_CALL_H */
