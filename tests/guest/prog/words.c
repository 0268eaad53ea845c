// SPDX-License-Identifier: MIT
/*
 * Vectors that the kernel makes short work of, and those that are nearly such: as the CPU
 * that one is on, a few aligned words, one of them written, last.  With the argument
 * "count", in a guest whose time is instructions, which are short is told by what they cost.
 */
#define _GNU_SOURCE
#include <linux/userfaultfd.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "call.h"

#define PAGE	4096
#define TURNS	60

static uint64_t *area, *shared;

static uint64_t *map(int flags)
{
	void *p = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_ANONYMOUS | flags, -1, 0);

	return p == MAP_FAILED ? NULL : p;
}

static double cost(const struct cpu_op *vec, int count, int flags, int wanted)
{
	uint64_t best = UINT64_MAX, begun;
	int i;

	for (i = 0; i < TURNS; i++) {
		begun = now_ns();
		if (call(vec, count, 0, flags) != wanted)
			return 0;
		begun = now_ns() - begun;
		best = begun < best ? begun : best;
	}
	return (double)best;
}

/* Beside the same with a compare of three bytes, which is not short. */
static void takes(bool is_short, const struct cpu_op *vec, int count, int flags, int wanted, const char *what)
{
	const int guard = flags == CPU_OP_GUARD_FLAG;
	struct cpu_op twin[8];
	double one, other;

	memcpy(twin, vec, (size_t)guard * sizeof(*vec));
	twin[guard] = opv_op_compare_eq(area + 9, area + 9, 3);
	memcpy(twin + guard + 1, vec + guard, (size_t)(count - guard) * sizeof(*vec));
	one = cost(vec, count, flags, wanted);
	other = cost(twin, count + 1, flags, wanted > 0 ? wanted + 1 : wanted);
	diag("%.0f, the twin %.0f: %s", one, other, what);
	ok(one > 0 && other > 0 && (one < 0.7 * other) == is_short, "%s road: %s", is_short ? "short" : "long", what);
}

static void test_roads(void)
{
	const struct cpu_op eq = opv_op_compare_eq(area, area + 1, 8), add = opv_op_add(area + 2, 1, 8);
	uint64_t *huge = mmap(NULL, 4 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct cpu_op v[6];
	uint32_t len;
	int op;

	for (op = 0; op < NR_CPU_OPS; op++) {
		for (len = 1; len <= 8; len *= 2) {
			char what[64];

			v[0] = raw_op(op, len, (uintptr_t)(area + 4), op <= CPU_MEMCPY_OP ||
				      op == CPU_MEMCPY_RELEASE_OP ? (uintptr_t)(area + 5) : 1);
			snprintf(what, sizeof(what), "operation %d, %u bytes", op, len);
			takes(true, v, 1, 0, op == CPU_COMPARE_NE_OP, what);
		}
	}
	v[0] = eq, v[1] = opv_op_mb(), v[2] = add, v[3] = opv_op_mb();
	takes(true, v, 4, 0, 0, "a compare, a store, barriers");
	takes(true, v, 3, CPU_OP_GUARD_FLAG, 0, "a guard");
	v[0] = opv_op_compare_ne(area, area + 1, 8);
	takes(true, v, 3, 0, 1, "a compare that stops");
	takes(true, (struct cpu_op[]){ opv_op_compare_eq(area, area + 7, 8), add }, 2, CPU_OP_GUARD_FLAG, -EBUSY,
	      "a guard that does not hold");
	takes(true, (struct cpu_op[]){ opv_op_add(shared, 1, 8) }, 1, 0, 0, "shared memory");
	madvise(huge, 4 << 20, MADV_HUGEPAGE);
	memset(huge, 0, 4 << 20);
	takes(true, (struct cpu_op[]){ opv_op_add(huge + (2 << 17), 1, 8) }, 1, 0, 0, "huge pages");
	munmap(huge, 4 << 20);

	takes(false, (struct cpu_op[]){ add, eq }, 2, 0, 0, "a compare behind the store");
	takes(false, (struct cpu_op[]){ add, opv_op_add(area + 3, 1, 8) }, 2, 0, 0, "two stores");
	takes(false, (struct cpu_op[]){ add, opv_op_mb(), opv_op_add(area + 3, 1, 8) }, 3, 0, 0,
	      "two stores and a barrier");
	takes(false, (struct cpu_op[]){ opv_op_add((char *)area + 4, 1, 8) }, 1, 0, 0, "a word off its alignment");
	takes(false, (struct cpu_op[]){ opv_op_memcpy(area, area + 8, 16) }, 1, 0, 0, "more than a word");
	takes(false, (struct cpu_op[]){ eq, eq, eq, eq, add }, 5, 0, 0, "five operations");
}

/* What is not there, or not to be written, is noticed before anything is done. */
static void test_refused(void)
{
	uint64_t *p = map(MAP_PRIVATE), before;
	struct cpu_op vec[] = { opv_op_compare_eq(area, area + 1, 8), opv_op_memcpy(p, area + 6, 8) };

	area[6] = 77;
	*p = 1;
	mprotect(p, PAGE, PROT_READ);
	ok(call_here(vec, 2) == -EFAULT && *p == 1, "a page that must not be written is not");
	vec[1].u.memcpy_op.expect_fault_dst = 1;
	is(call_here(vec, 2), -EAGAIN, "if that was expected the answer is another one");
	mprotect(p, PAGE, PROT_READ | PROT_WRITE);
	ok(!call_here(vec, 2) && *p == 77, "when it may be, it is");
	madvise(p, PAGE, MADV_DONTNEED);
	ok(!call_here(vec, 2) && *p == 77, "a page that was thrown away comes back");
	munmap(p, PAGE);
	vec[1].u.memcpy_op.expect_fault_dst = 0;
	is(call_here(vec, 2), -EFAULT, "a page that is gone is not there");
	vec[1] = opv_op_memcpy(area + 3, p, 8);
	before = area[3];
	ok(call_here(vec, 2) == -EFAULT && area[3] == before, "nor can it be read, and nothing was written");
	if (sizeof(void *) == 8) {
		static const uint64_t bad[] = {
			0xffff888000000000, 0xffffffff81000000, 0xffffffffff600000, 0x7ffffffff000,
			0x8000000000000000, 0x4000000000000000, 0xfffffffffffffff8, 0xfffffffffffff000, 0,
		};
		size_t i, wrong = 0;

		for (i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
			vec[1] = opv_op_memcpy(area + 3, (void *)(uintptr_t)bad[i], 8);
			wrong += call_here(vec, 2) != -EFAULT;
			vec[1] = opv_op_memcpy((void *)(uintptr_t)bad[i], area + 6, 8);
			wrong += call_here(vec, 2) != -EFAULT;
			vec[1] = opv_op_add((void *)(uintptr_t)bad[i], 1, 8);
			wrong += call_here(vec, 2) != -EFAULT;
		}
		ok(!wrong && area[3] == before, "addresses that are not the process's: refused, nothing was done");
	}
}

static void test_fork(void)
{
	uint64_t *p = map(MAP_PRIVATE);
	struct cpu_op op = opv_op_add(p, 1, 8);
	int status = -1;
	pid_t pid;

	*p = 5;
	pid = fork();
	if (!pid)
		_exit(call_here(&op, 1) || call_here(&op, 1) || *p != 7);
	waitpid(pid, &status, 0);
	ok(!status && *p == 5, "after a fork the child writes to a page of its own");
	ok(!call_here(&op, 1) && *p == 6, "and so does the parent");
	munmap(p, 2 * PAGE);
}

/* Gives each page that is missing, filled with nines. */
static void *give_pages(void *arg)
{
	static uint64_t page[PAGE / 8] __attribute__((__aligned__(PAGE)));
	const int fd = *(int *)arg;
	struct pollfd ready = { .fd = fd, .events = POLLIN };
	struct uffd_msg msg;
	int i;

	for (i = 0; i < PAGE / 8; i++)
		page[i] = 9;
	while (poll(&ready, 1, -1) == 1 && ready.revents == POLLIN && read(fd, &msg, sizeof(msg)) == sizeof(msg)) {
		struct uffdio_copy copy = {
			.dst = msg.arg.pagefault.address & -(uint64_t)PAGE, .src = (uintptr_t)page, .len = PAGE,
		};

		usleep(1000);
		ioctl(fd, UFFDIO_COPY, &copy);
	}
	return NULL;
}

static void test_userfaultfd(void)
{
	int fd = (int)syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK), errors = 0, i;
	uint64_t *p = map(MAP_PRIVATE);
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register reg = {
		.range = { (uintptr_t)p, 2 * PAGE }, .mode = UFFDIO_REGISTER_MODE_MISSING,
	};
	struct cpu_op vec[] = { opv_op_compare_eq(p, p + PAGE / 8, 8), opv_op_add(p, 1, 8) };
	pthread_t thread;

	if (fd < 0 || ioctl(fd, UFFDIO_API, &api) || ioctl(fd, UFFDIO_REGISTER, &reg)) {
		skip("pages that another thread gives are waited for", "there is no userfaultfd()");
		return;
	}
	pthread_create(&thread, NULL, give_pages, &fd);
	for (i = 0; i < 20; i++) {
		errors += call_here(vec, 2) != 0 || *p != 10;
		errors += call_here(vec, 2) != 1 || *p != 10;
		madvise(p, 2 * PAGE, MADV_DONTNEED);
	}
	pthread_cancel(thread);
	pthread_join(thread, NULL);
	close(fd);
	is(errors, 0, "pages that another thread gives are waited for, and the vector sees what is in them");
	munmap(p, 2 * PAGE);
}

int main(int argc, char **argv)
{
	area = map(MAP_PRIVATE);
	shared = map(MAP_SHARED);
	if (!call_open() || !ok(area && shared, "memory"))
		return done();
	memset(area, 0, PAGE);
	area[7] = 1;
	*shared = 0;
	if (argc > 1 && !strcmp(argv[1], "count")) {
		test_roads();
		return done();
	}
	test_refused();
	test_fork();
	test_userfaultfd();
	return done();
}
