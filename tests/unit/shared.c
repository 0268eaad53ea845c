// SPDX-License-Identifier: MIT
/* Domains in memory that several processes share. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <opv/opv.h>
#include "tap.h"

#define ROUNDS 20000

static struct opv_domain *make(void)
{
	struct opv_domain_options o = { .size = sizeof(o), .flags = OPV_DOMAIN_SHARED };
	struct opv_domain *d = NULL;

	o.nr_cpus = (uint32_t)opv_domain_cpus(NULL) + 2;
	opv_domain_create(&d, &o);
	return d;
}

/* Adds to a variable of a domain that it gets as a descriptor and an offset; exit status 0 is good. */
static int other_process(int fd, size_t offset)
{
	struct opv_domain *d;
	uint64_t *h;
	int i;

	if (opv_domain_attach(&d, fd, NULL))
		return 1;
	close(fd);
	h = opv_handle(d, offset);
	for (i = 0; i < ROUNDS; i++)
		if (opv_add(h, 1, OPV_THIS_CPU) || (!(i % 64) && opv_add(h, 1, opv_domain_cpus(d) - 1)) ||
		    (!(i % 64) && opv_add(h, 1, 0)))
			return 2;
	return opv_domain_destroy(d) ? 3 : 0;
}

static int exit_status(pid_t pid)
{
	int status = -1;

	waitpid(pid, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* A plain child has the domain twice; one that called exec has what it attached. */
static pid_t start(const char *self, struct opv_domain *d, const void *h, bool exec)
{
	char fd[16], offset[24];
	pid_t pid = fork();

	if (pid)
		return pid;
	if (!exec)
		_exit(other_process(dup(opv_domain_fd(d)), opv_handle_offset(h)));
	snprintf(fd, sizeof(fd), "%d", dup(opv_domain_fd(d)));
	snprintf(offset, sizeof(offset), "%zu", opv_handle_offset(h));
	execl(self, self, "attach", fd, offset, NULL);
	_exit(9);
}

static void test_two_processes(const char *self, bool exec)
{
	struct opv_domain *d = make();
	uint64_t *h, sum = 0;
	bool good;
	pid_t pid;
	int i;

	good = d && !opv_new(d, &h);
	pid = start(self, d, h, exec);
	for (i = 0; good && i < ROUNDS; i++) {
		good &= !opv_add(h, 1, OPV_THIS_CPU);
		good &= i % 64 || (!opv_add(h, 1, opv_domain_cpus(d) - 1) && !opv_add(h, 1, 0));
	}
	is(exit_status(pid), 0, "%s attaches and adds", exec ? "a program" : "a child of fork");
	for (i = 0; i < opv_domain_cpus(d); i++)
		sum += *opv_ptr(h, i);
	ok(good && sum == 2 * (ROUNDS + 2 * ((ROUNDS + 63) / 64)),
	   "nothing that either added is lost (%llu)", (unsigned long long)sum);
	opv_domain_destroy(d);
}

/* Twice in one process: other handles, the same memory, one gate. */
static void test_twice(void)
{
	struct opv_domain *d = make(), *twin;
	uint64_t *h, *t, *t2;
	bool good = true;
	int i;

	opv_new(d, &h);
	is(opv_domain_attach(&twin, opv_domain_fd(d), NULL), 0, "a process attaches its own domain");
	t = opv_handle(twin, opv_handle_offset(h));
	for (i = 0; i < opv_domain_cpus(d); i++)
		good &= !opv_add(h, 1, i) && !opv_add(t, 2, i) && *opv_ptr(h, i) == 3 &&
			*opv_ptr(t, i) == 3;
	ok(good && t != h && opv_domain_cpus(twin) == opv_domain_cpus(d), "both see the same memory");
	ok(!opv_new(twin, &t2) && opv_handle_offset(t2) != opv_handle_offset(h),
	   "what one has allocated is taken for the other");
	ok(!opv_free(d, opv_handle(d, opv_handle_offset(t2))) && opv_free(twin, t2) == -EINVAL,
	   "either frees it, once");
	ok(opv_free(twin, h) == -EINVAL && opv_free(d, t) == -EINVAL, "by a handle of its own");
	ok(!opv_domain_destroy(d) && !opv_add(t, 1, 0) && *opv_ptr(t, 0) == 4 &&
	   !opv_domain_destroy(twin), "the memory lives on with the other");
}

static void test_descriptor(void)
{
	struct opv_domain *d = make(), *twin;
	int fd = opv_domain_fd(d), extra;

	ok(fd >= 0 && fcntl(fd, F_GETFD) == FD_CLOEXEC, "the descriptor is close-on-exec");
	is(ftruncate(fd, 0), -1, "the memory cannot be made smaller");
	extra = dup(fd);
	ok(!opv_domain_attach(&twin, extra, NULL) && opv_domain_fd(twin) != extra &&
	   fcntl(opv_domain_fd(twin), F_GETFD) == FD_CLOEXEC, "attaching makes a descriptor of its own");
	ok(!close(extra) && opv_domain_fd(twin) >= 0, "the caller keeps his");
	opv_domain_destroy(d);
	opv_domain_destroy(twin);
	ok(fcntl(fd, F_GETFD) == -1, "destroying closes it");
}

static int attach(int fd)
{
	struct opv_domain *const none = (struct opv_domain *)0x5a5a, *d = none;
	int ret = opv_domain_attach(&d, fd, NULL);

	if (!ret)
		opv_domain_destroy(d);
	return ret && d != none ? 1 : ret;
}

/* A copy of a domain's memfd, sparse, with the word at `at` changed. */
static int forged(struct opv_domain *d, off_t size, off_t at, unsigned int seals)
{
	int from = opv_domain_fd(d), fd = memfd_create("forged", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	char head[4096];
	uint32_t bad = 0x7fffffff;

	if (ftruncate(fd, size) || pread(from, head, sizeof(head), 65536) != sizeof(head) ||
	    pwrite(fd, head, sizeof(head), 65536) != sizeof(head))
		return -1;
	if (at >= 0 && pwrite(fd, &bad, sizeof(bad), 65536 + at) != sizeof(bad))
		return -1;
	fcntl(fd, F_ADD_SEALS, seals);
	return fd;
}

static void refuses(const char *what, int fd, int want)
{
	is(attach(fd), want, "%s is not attached", what);
	close(fd);
}

static void test_bad_descriptors(void)
{
	int pipe_fds[2];

	refuses("-1", -1, -EBADF);
	refuses("a descriptor that is closed", 1000, -EBADF);
	refuses("/dev/null", open("/dev/null", O_RDWR | O_CLOEXEC), -EINVAL);
	refuses("/dev/zero", open("/dev/zero", O_RDWR | O_CLOEXEC), -EINVAL);
	refuses("a folder", open("/", O_RDONLY | O_CLOEXEC), -EINVAL);
	refuses("a small file", open("/proc/self/stat", O_RDONLY | O_CLOEXEC), -EINVAL);
	refuses("an empty memfd", memfd_create("empty", MFD_CLOEXEC), -EINVAL);
	if (!pipe2(pipe_fds, O_CLOEXEC | O_NONBLOCK)) {
		refuses("a pipe", pipe_fds[0], -EINVAL);
		close(pipe_fds[1]);
	}
}

static void test_forged(void)
{
	const unsigned int seals = F_SEAL_SHRINK | F_SEAL_GROW;
	struct opv_domain *d = make();
	off_t size = (off_t)(opv_domain_cpus(d) + 1) * (off_t)OPV_STRIPE;

	is(attach(forged(d, size, -1, seals)), 0, "a true copy is attached");
	refuses("a memfd that is not sealed", forged(d, size, -1, 0), -EINVAL);
	refuses("a memfd that is sealed against growing only", forged(d, size, -1, F_SEAL_GROW), -EINVAL);
	refuses("a memfd that is too short", forged(d, size - (off_t)OPV_STRIPE, -1, seals), -EINVAL);
	refuses("a memfd that is a byte too short", forged(d, size - 1, -1, seals), -EINVAL);
	refuses("a memfd that is too long", forged(d, size + 4096, -1, seals), -EINVAL);
	refuses("a memfd that ends in its header", forged(d, 65536 + 4096, -1, seals), -EINVAL);
	refuses("another magic", forged(d, size, 0, seals), -EINVAL);
	refuses("another version", forged(d, size, 8, seals), -EINVAL);
	refuses("a huge number of CPUs", forged(d, size, 12, seals), -EINVAL);
	refuses("another architecture's stripes", forged(d, size, 16, seals), -EINVAL);
	opv_domain_destroy(d);
}

static void test_options(void)
{
	struct opv_domain_options o = { .size = sizeof(o) };
	struct opv_domain *d = make(), *twin;

	o.reserved = 1;
	is(opv_domain_attach(&twin, opv_domain_fd(d), &o), -EINVAL, "reserved fields are 0");
	o.reserved = 0;
	o.flags = 1u << 7;
	is(opv_domain_attach(&twin, opv_domain_fd(d), &o), -EINVAL, "unknown flags are refused");
	o.flags = 0;
	o.timeout_ms = 5;
	o.size = 4;
	is(opv_domain_attach(&twin, opv_domain_fd(d), &o), -EINVAL, "as is a size that is none");
	o.size = sizeof(o);
	is(opv_domain_attach(&twin, opv_domain_fd(d), &o), 0, "a timeout of its own is taken");
	opv_domain_destroy(twin);
	opv_domain_destroy(d);
}

/* What the child destroys is its own mapping. */
static void test_fork(void)
{
	struct opv_domain *d = make();
	uint64_t *h;
	pid_t pid;

	opv_new(d, &h);
	opv_add(h, 1, 0);
	pid = fork();
	if (!pid)
		_exit(opv_add(h, 1, 0) || opv_domain_destroy(d));
	is(exit_status(pid), 0, "a child of fork uses and destroys the domain as it is");
	ok(*opv_ptr(h, 0) == 2 && !opv_add(h, 1, 0) && *opv_ptr(h, 0) == 3,
	   "the parent sees what it did, and goes on");
	opv_domain_destroy(d);
}

int main(int argc, char **argv)
{
	if (argc > 3 && !strcmp(argv[1], "attach"))
		return other_process(atoi(argv[2]), strtoul(argv[3], NULL, 10));
	test_twice();
	test_descriptor();
	test_bad_descriptors();
	test_forged();
	test_options();
	test_fork();
	test_two_processes(argv[0], false);
	test_two_processes(argv[0], true);
	return done();
}
