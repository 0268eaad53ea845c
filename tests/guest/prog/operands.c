// SPDX-License-Identifier: MIT
/*
 * All kinds of memory as operands: what may be worked on is, what may not is refused and
 * nothing was done; memory that is mapped twice, or by several processes.
 */
#define _GNU_SOURCE
#include <glob.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/shm.h>
#include <sys/wait.h>

#include "call.h"

#define PAGE	4096

static uint64_t word = 1;

static int one(struct cpu_op op)
{
	return call_here(&op, 1);
}

static char *map(size_t pages, int prot, int flags, int fd)
{
	char *p = mmap(NULL, pages * PAGE, prot, fd < 0 ? flags | MAP_ANONYMOUS : flags, fd, 0);

	return p == MAP_FAILED ? NULL : p;
}

static int file(size_t pages)
{
	int fd = memfd_create("operands", MFD_CLOEXEC);

	return ftruncate(fd, (off_t)(pages * PAGE)) ? -1 : fd;
}

/*
 * What a vector that reads at, or writes to, p is answered, after an operation that is good:
 * an addition, or compares that let it go on or stop it.  Of the last two the kernel may
 * make short work, if p is aligned; all must be answered the same.
 */
static int try(void *p, bool write, bool expected)
{
	uint64_t sink = 0, before = word;
	struct cpu_op vec[] = {
		opv_op_add(&word, 1, 8),
		write ? opv_op_memcpy(p, &word, 8) : opv_op_memcpy(&sink, p, 8),
	};
	int ret, goes_on, stops;

	vec[1].u.memcpy_op.expect_fault_dst = expected && write;
	vec[1].u.memcpy_op.expect_fault_src = expected && !write;
	ret = call_here(vec, 2);
	if (ret < 0 && word != before)
		return 1000;	/* was done by half */
	vec[0] = opv_op_compare_eq(&word, &word, 8);
	goes_on = call_here(vec, 2);
	vec[0] = opv_op_compare_ne(&word, &word, 8);
	stops = call_here(vec, 2);
	if (goes_on != ret || stops != (ret ? ret : 1))
		return 2000;	/* an answer that depends on how it is done */
	return ret;
}

static void refused(void *p, const char *what)
{
	ok(try(p, true, false) == -EFAULT && try(p, true, true) == -EAGAIN &&
	   try(p, false, false) == -EFAULT && try(p, false, true) == -EAGAIN, "refused: %s", what);
}

static void read_only(void *p, const char *what)
{
	ok(try(p, true, false) == -EFAULT && try(p, true, true) == -EAGAIN && !try(p, false, false),
	   "read, not written: %s", what);
}

static void works(void *p, const char *what)
{
	uint64_t v = 0;

	memcpy(p, &v, 8);
	ok(!try(p, true, false) && (memcpy(&v, p, 8), v == word) && !one(opv_op_add(p, 1, 8)) &&
	   (memcpy(&v, p, 8), v == word + 1) && !try(p, false, false), "read and written: %s", what);
}

static void test_addresses(void)
{
	char *p = map(2, PROT_READ | PROT_WRITE, MAP_PRIVATE, -1);

	works(p + PAGE - 4, "a word in two pages");
	munmap(p + PAGE, PAGE);
	refused(p + PAGE, "where nothing is mapped");
	refused(p + PAGE - 4, "a word of which half is mapped");
	refused(NULL, "NULL");
	refused((void *)-1L, "the last byte");
	refused((void *)-4L, "around the end of all addresses");
	if (sizeof(void *) == 8) {
		refused((void *)0xffffffffff600000, "the vsyscall page");
		refused((void *)0xffff888000000000, "an address of the kernel");
		refused((void *)0x8000000000000000, "an address that none can be");
		refused((void *)0x7ffffffff000, "the first that is not the process's");
		refused((void *)0x7fffffffeffc, "a word across that");
	} else {
		struct cpu_op op = raw_op(CPU_ADD_OP, 8, (UINT64_C(1) << 32) + (uintptr_t)&word, 1);

		is(call_here(&op, 1), -EFAULT, "refused: an address that is not of 32 bits");
	}
	mprotect(p, PAGE, PROT_READ);
	read_only(p, "memory that is protected");
	mprotect(p, PAGE, PROT_NONE);
	refused(p, "memory that is protected from being read");
	munmap(p, PAGE);
}

static void test_stale_node(void)
{
	struct node {
		struct node *next;
	} *node = (struct node *)map(1, PROT_READ | PROT_WRITE, MAP_PRIVATE, -1), *head = node, *old = node;
	struct cpu_op vec[] = {
		opv_op_compare_eq(&head, &old, sizeof(head)),
		opv_op_memcpy(&head, &node->next, sizeof(head)),
	};

	vec[1].u.memcpy_op.expect_fault_src = 1;
	munmap(node, PAGE);
	ok(call_here(vec, 2) == -EAGAIN && head == node, "to pop a node that is unmapped: read the head again");
}

static void test_files(void)
{
	int fd = file(2);
	char *shared = map(2, PROT_READ | PROT_WRITE, MAP_SHARED, fd);
	char *private = map(2, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd);
	char *readable = map(2, PROT_READ, MAP_SHARED, fd);
	uint64_t got = 0, was;

	works(shared, "a file that is shared");
	ok(pread(fd, &was, 8, 0) == 8 && was == word, "what was written is in the file");
	read_only(readable, "a file that is mapped to be read");
	ok(!one(opv_op_add(private, 100, 8)) && (memcpy(&got, private, 8), got == was + 100) &&
	   pread(fd, &got, 8, 0) == 8 && got == was, "what is written to a private mapping is not in the file");
	is(one(opv_op_compare_eq(private + PAGE, shared + PAGE, PAGE)), 0, "a page of it that was not touched is read");
	private[PAGE] = 3;
	ok(!one(opv_op_add(private + PAGE, 1, 1)) && private[PAGE] == 4 && shared[PAGE] == 0,
	   "then written by the process, then by a vector");
	if (ftruncate(fd, PAGE))
		ok(false, "the file is cut");
	refused(shared + PAGE, "a file behind its end");
	close(fd);
	munmap(shared, 2 * PAGE);
	munmap(private, 2 * PAGE);
	munmap(readable, 2 * PAGE);
}

static void test_other_memory(void)
{
	int id = shmget(IPC_PRIVATE, PAGE, 0600), secret = -1;
	char *p = id < 0 ? NULL : shmat(id, NULL, 0);

	if (p && p != (char *)-1)
		works(p, "System V shared memory");
	else
		skip("read and written: System V shared memory", "this kernel has none");
	shmctl(id, IPC_RMID, NULL);
#ifdef SYS_memfd_secret
	secret = (int)syscall(SYS_memfd_secret, 0);
#endif
	p = secret < 0 || ftruncate(secret, PAGE) ? NULL : map(1, PROT_READ | PROT_WRITE, MAP_SHARED, secret);
	if (p)
		refused(p, "secret memory, which the kernel has no mapping of");
	else
		skip("refused: secret memory, which the kernel has no mapping of",
		     "there is no memfd_secret(): secretmem.enable=1 asks for it");
	p = mmap(NULL, 4 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	madvise(p, 4 << 20, MADV_HUGEPAGE);
	memset(p, 1, 4 << 20);
	works((char *)(((uintptr_t)p + (2 << 20)) & -(uintptr_t)(2 << 20)) + PAGE - 4,
	      "transparent huge pages, where small ones would end");
	munmap(p, 4 << 20);
}

/* The start of the mapping of that name in this process. */
static char *find_map(const char *name)
{
	char line[256];
	unsigned long start = 0;
	FILE *f = fopen("/proc/self/maps", "r");

	while (f && fgets(line, sizeof(line), f)) {
		if (strstr(line, name) && sscanf(line, "%lx", &start) == 1)
			break;
		start = 0;
	}
	if (f)
		fclose(f);
	return (char *)start;
}

/* The registers of the first device that has no driver that keeps them. */
static char *map_bar(void)
{
	glob_t g;
	char *p = NULL;
	size_t i;
	int fd;

	if (glob("/sys/bus/pci/devices/*/resource0", 0, NULL, &g))
		return NULL;
	for (i = 0; !p && i < g.gl_pathc; i++) {
		fd = open(g.gl_pathv[i], O_RDWR | O_SYNC);
		if (fd < 0)
			continue;
		p = map(1, PROT_READ | PROT_WRITE, MAP_SHARED, fd);
		close(fd);
	}
	globfree(&g);
	return p;
}

static void test_devices(void)
{
	static const char *const kinds[] = {
		"memory that a driver mapped uncached", "memory that a driver mapped write-combined",
	};
	int fd = open("/dev/opv_aid", O_RDWR | O_CLOEXEC), i;
	char *p = find_map("[vvar");

	if (p)
		refused(p, "the kernel's clock pages, which are no memory of the process");
	else
		skip("refused: the kernel's clock pages", "this process has none");
	p = map_bar();
	if (p)
		refused(p, "registers of a device");
	else
		skip("refused: registers of a device", "none can be mapped here");
	for (i = 0; i < 2; i++) {
		p = fd < 0 ? MAP_FAILED : mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, i * PAGE);
		if (p != MAP_FAILED)
			refused(p, kinds[i]);
		else
			skip(kinds[i], "there is no driver that does");
	}
	p = fd < 0 ? MAP_FAILED : mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 2 * PAGE);
	if (p != MAP_FAILED)
		works(p, "memory that a driver mapped cached");
	else
		skip("read and written: memory that a driver mapped cached", "there is no driver that does");
}

/* A ring: its pages are mapped twice in a row.  A copy has copied what was there before. */
static void test_ring(void)
{
	static char want[2 * PAGE], was[2 * PAGE];
	int fd = file(2), bad = 0, i;
	char *ring = map(4, PROT_NONE, MAP_PRIVATE, -1);
	uint64_t seed = 1;

	mmap(ring, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd, 0);
	mmap(ring + 2 * PAGE, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd, 0);
	for (i = 0; i < 3000; i++) {
		size_t to = rnd(&seed) % (3 * PAGE), from = rnd(&seed) % (3 * PAGE), k;
		uint32_t len = (uint32_t)(rnd(&seed) % (PAGE + 1));

		for (k = 0; k < 2 * PAGE; k += 8)
			*(uint64_t *)(ring + k) = rnd(&seed);
		memcpy(was, ring, sizeof(was));
		memcpy(want, ring, sizeof(want));
		for (k = 0; k < len; k++)
			want[(to + k) % (2 * PAGE)] = was[(from + k) % (2 * PAGE)];
		bad += one(opv_op_memcpy(ring + to, ring + from, len)) != 0;
		bad += memcmp(want, ring, sizeof(want)) != 0;
	}
	is(bad, 0, "copies between places that are the same memory copy what was there");
	munmap(ring, 4 * PAGE);
	close(fd);
}

/* The vector is read once: what it does to itself does not matter. */
static void test_own_vector(void)
{
	char *p = map(3, PROT_READ | PROT_WRITE, MAP_PRIVATE, -1);
	struct cpu_op *vec = (struct cpu_op *)(p + PAGE - 40);
	uint64_t v = 0;

	vec[0] = opv_op_memcpy(&vec[1], p, sizeof(*vec));
	vec[1] = opv_op_add(&v, 7, 8);
	ok(!call_here(vec, 2) && v == 7 && vec[1].op == CPU_COMPARE_EQ_OP, "a vector that writes over itself goes on");
	munmap(p + PAGE, 2 * PAGE);
	is(call_here(vec, 2), -EFAULT, "a vector of which half is mapped is not read");
	munmap(p, PAGE);
}

static int in_child(struct cpu_op op, int times)
{
	pid_t pid = fork();
	int status;

	if (!pid) {
		while (times-- && !one(op))
			;
		_exit(times >= 0);
	}
	return waitpid(pid, &status, 0) == pid && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void test_processes(void)
{
	uint64_t *shared = (uint64_t *)map(1, PROT_READ | PROT_WRITE, MAP_SHARED, -1);
	uint64_t *private = (uint64_t *)map(1, PROT_READ | PROT_WRITE, MAP_PRIVATE, -1);

	*private = 5;
	ok(!in_child(opv_op_add(shared, 1, 8), 100) && !one(opv_op_add(shared, 1, 8)) && *shared == 101,
	   "a child's vectors work on memory that is shared, through the device that it inherited");
	ok(!in_child(opv_op_add(private, 1, 8), 100) && *private == 5 && !one(opv_op_add(private, 1, 8)) &&
	   *private == 6, "on private memory they work on the child's");
	munmap(shared, PAGE);
	munmap(private, PAGE);
}

int main(void)
{
	if (!call_open())
		return done();
	test_addresses();
	test_stale_node();
	test_files();
	test_other_memory();
	test_devices();
	test_ring();
	test_own_vector();
	test_processes();
	return done();
}
