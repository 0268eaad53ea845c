// SPDX-License-Identifier: MIT
/*
 * The call with random and with boundary arguments, from several threads, for a while:
 * each answer is one that there is, and the kernel lives.  Arguments: seconds (default 2),
 * seed.
 */
#define _GNU_SOURCE
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/mman.h>

#include "call.h"

#define PAGE	4096
#define PAGES	16
#define THREADS	3
#define PATIENCE UINT64_C(60000000000)	/* until there was enough of it, be the kernel as slow as it is */

static char *area;
static atomic_bool stop;
static _Atomic uint64_t calls, good, strange;
static _Atomic int which;
static _Atomic uint64_t answers[40];

static const uint64_t numbers[] = {
	0, 1, 2, 3, 4, 7, 8, 9, 15, 16, 17, 24, 32, 63, 64, 255, 256, 4088, 4095, 4096, 4097, 4216, 4217, 8192,
	0x7fffffff, 0x80000000, 0xffffffff, 0x100000000, 0x7ffffffff000, 0x7fffffffffff, 0x800000000000,
	0xffff800000000000, 0xffff888000000000, 0xffffffff81000000, 0xffffffffff600000, 0xfffffffffffff000,
	0x7fffffffffffffff, 0x8000000000000000, 0xfffffffffffffff8, 0xffffffffffffffff,
};

static uint64_t below(uint64_t *seed, uint64_t n)
{
	return rnd(seed) % n;
}

static uint64_t number(uint64_t *seed)
{
	const uint64_t n = numbers[below(seed, sizeof(numbers) / sizeof(*numbers))];

	switch (below(seed, 6)) {
	case 0:
		return rnd(seed);
	case 1:
		return n + below(seed, 16) - 8;
	default:
		return n;
	}
}

/* Mostly in the area, of which parts are not there. */
static uint64_t address(uint64_t *seed)
{
	const uintptr_t start = (uintptr_t)area;

	switch (below(seed, 8)) {
	case 0:
		return number(seed);
	case 1:
		return start + PAGE * below(seed, PAGES) + below(seed, 16) - 8;
	default:
		return start + below(seed, PAGES * PAGE);
	}
}

static void make_op(uint64_t *seed, struct cpu_op *op)
{
	uint64_t *u = (uint64_t *)op;
	size_t i;

	if (!below(seed, 10)) {
		for (i = 0; i < sizeof(*op) / sizeof(*u); i++)
			u[i] = number(seed);
		return;
	}
	*op = raw_op((int)below(seed, NR_CPU_OPS), 1u << below(seed, 4), address(seed), address(seed));
	if (op->op != CPU_COMPARE_EQ_OP && op->op != CPU_COMPARE_NE_OP && op->op != CPU_MEMCPY_OP)
		op->u.arithmetic_op.count = (int64_t)(below(seed, 2) ? below(seed, 64) : number(seed));
	else if (below(seed, 2))
		op->len = (uint32_t)below(seed, below(seed, 8) ? 64 : 4200);
	if (!below(seed, 3))
		op->u.memcpy_op.expect_fault_dst = op->u.memcpy_op.expect_fault_src = (uint8_t)rnd(seed);
	if (!below(seed, 20))
		op->len = (uint32_t)number(seed);
}

/* What a call may answer. */
static bool is_answer(int ret, int count, int flags)
{
	static const int errors[] = { EINVAL, EFAULT, EAGAIN, ENOMEM, EBUSY, EINTR };
	size_t i;

	if (flags & (CPU_OP_NR_FLAG | CPU_OP_VEC_LEN_MAX_FLAG))
		return ret == NR_CPU_OPS || ret == CPU_OP_VEC_LEN_MAX || ret == -EINVAL;
	if (ret >= 0)
		return ret <= count;
	for (i = 0; i < sizeof(errors) / sizeof(*errors); i++)
		if (ret == -errors[i])
			return true;
	return false;
}

static void one_call(uint64_t *seed)
{
	struct cpu_op vec[18], *at = vec;
	int count = (int)below(seed, below(seed, 3) ? 5 : 19), cpu = (int)below(seed, (uint64_t)cpus()), flags = 0, ret;
	int i;

	for (i = 0; i < 18; i++)
		make_op(seed, &vec[i]);
	if (!below(seed, 4)) {
		flags = CPU_OP_GUARD_FLAG;
		vec[0].op = below(seed, 4) ? CPU_COMPARE_EQ_OP : vec[0].op;
		if (below(seed, 2))
			vec[0].u.compare_op.b = vec[0].u.compare_op.a;
	}
	if (!below(seed, 20))
		flags = (int)number(seed);
	if (!below(seed, 20))
		count = (int)number(seed);
	if (!below(seed, 20))
		cpu = (int)number(seed);
	if (!below(seed, 20))
		at = (struct cpu_op *)(uintptr_t)address(seed);
	ret = call(at, count, cpu, flags);
	calls++;
	good += ret >= 0;
	if (ret > -40 && ret < 0)
		answers[-ret]++;
	if (!is_answer(ret, count < 0 ? 0 : count, flags)) {
		strange++;
		which = ret;
	}
}

/* The device's structure, and requests that are none. */
static void one_structure(uint64_t *seed)
{
	union {
		struct cpu_opv_args args;
		uint64_t words[8];
	} room;
	size_t i;

	for (i = 0; i < sizeof(room) / sizeof(*room.words); i++)
		room.words[i] = below(seed, 3) ? 0 : number(seed);
	if (below(seed, 2))
		room.args.size = (uint32_t)(24 + 8 * below(seed, 6));
	if (below(seed, 2))
		ioctl(call_fd, CPU_OPV_IOC_RUN, (void *)(uintptr_t)address(seed));
	ioctl(call_fd, CPU_OPV_IOC_RUN, &room);
	ioctl(call_fd, (unsigned long)number(seed), &room);
}

static void *fuzz(void *arg)
{
	uint64_t seed = *(uint64_t *)arg;

	while (!stop) {
		one_call(&seed);
		if (!call_nr && !below(&seed, 16))
			one_structure(&seed);
	}
	return NULL;
}

/* A page of the area becomes another kind of memory.  What calls read is random, too. */
static void disturb(uint64_t *seed, int file)
{
	char *page = area + PAGE * below(seed, PAGES);
	const int prots[] = { PROT_NONE, PROT_READ };
	const int prot = below(seed, 6) ? PROT_READ | PROT_WRITE : prots[below(seed, 2)];

	switch (below(seed, 12)) {
	case 0:
		munmap(page, PAGE);
		break;
	case 1:
		mprotect(page, PAGE, prot);
		break;
	case 2:
		madvise(page, PAGE, MADV_DONTNEED);
		break;
	case 3:
		mmap(page, PAGE, prot, MAP_FIXED | MAP_PRIVATE, file, PAGE);
		break;
	default:
		mmap(page, PAGE, prot, MAP_FIXED | MAP_SHARED, file, (off_t)below(seed, PAGES + 1) * PAGE);
	}
}

static bool enough(void)
{
	return calls > 100 && good > 10;
}

int main(int argc, char **argv)
{
	const double seconds = argc > 1 ? atof(argv[1]) : 2;
	uint64_t seed = argc > 2 ? strtoull(argv[2], NULL, 0) : now_ns(), seeds[THREADS], end;
	int file = memfd_create("fuzz", MFD_CLOEXEC), i;
	pthread_t threads[THREADS];

	if (!call_open())
		return done();
	diag("seed %#llx", (unsigned long long)seed);
	/* Operands begin a little before the area and end up to two pages behind it. */
	area = mmap(NULL, (PAGES + 4) * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (area == MAP_FAILED)
		return 1;
	area += 2 * PAGE;
	if (mprotect(area, PAGES * PAGE, PROT_READ | PROT_WRITE) || ftruncate(file, PAGES * PAGE))
		return 1;
	for (i = 0; i < THREADS; i++) {
		seeds[i] = rnd(&seed);
		pthread_create(&threads[i], NULL, fuzz, &seeds[i]);
	}
	end = now_ns() + (uint64_t)(seconds * 1e9);
	for (; now_ns() < end || (!enough() && now_ns() < end + PATIENCE); usleep(300))
		disturb(&seed, file);
	stop = true;
	for (i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	for (i = 0; i < 40; i++)
		if (answers[i])
			diag("%s: %llu", strerror(i), (unsigned long long)answers[i]);
	ok(enough(), "%llu calls with random arguments, %llu did something",
	   (unsigned long long)calls, (unsigned long long)good);
	if (!is(strange, 0, "each answer is one that there is"))
		diag("one of the others: %d", which);
	is(call(NULL, 0, 0, 0), 0, "calls are served after that");
	return done();
}
