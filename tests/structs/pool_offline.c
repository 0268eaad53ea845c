// SPDX-License-Identifier: MIT
/*
 * A trim takes all that a CPU has which is offline, however busy it was.  No CPU is
 * disturbed for this: the test has a view of its own of which CPUs are online.
 */
#define _GNU_SOURCE
#include "../ops/ops.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <unistd.h>

static const char online[] = "/sys/devices/system/cpu/online";
static int nr_out;

static int get(void *arg, void **objects, int n, int depot)
{
	static intptr_t next;
	int i;

	(void)arg, (void)depot;
	for (i = 0; i < n; i++)
		objects[i] = (void *)++next;
	nr_out += n;
	return n;
}

static void put(void *arg, void **objects, int n)
{
	(void)arg, (void)objects;
	nr_out -= n;
}

/* From here on only that CPU is online, as far as this process can see. */
static bool only_online(int cpu)
{
	char path[] = "/tmp/opv-online-XXXXXX", text[16];
	int fd = mkstemp(path), len = snprintf(text, sizeof(text), "%d\n", cpu);
	bool done;

	done = fd >= 0 && write(fd, text, (size_t)len) == len && !unshare(CLONE_NEWNS) &&
	       !mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) &&
	       !mount(path, online, NULL, MS_BIND, NULL);
	if (fd >= 0) {
		close(fd);
		unlink(path);
	}
	return done;
}

static uint64_t cached(const struct opv_pool *p, int cpu)
{
	struct opv_pool_stats s;

	opv_pool_stats(p, cpu, &s, sizeof(s));
	return s.cached;
}

static void use(const struct opv_pool *p, int cpu)
{
	void *x;

	pin_to(cpu);
	opv_pool_alloc(p, &x);
	opv_pool_free(p, x);
}

int main(void)
{
	struct opv_pool_options o = { .size = sizeof(o), .alloc = get, .free = put, .batch = 4 };
	int here = allowed_cpu(0), there = allowed_cpu(1);
	struct opv_pool p;

	if (there < 0) {
		skip("offline CPUs are trimmed", "there is one CPU only");
		return done();
	}
	if (!take_road(the_road()))
		return done();
	is(opv_pool_init(&p, NULL, &o), 0, "a pool is made");
	use(&p, there);
	use(&p, here);
	is(opv_pool_trim(&p), 0, "a trim while all are online");
	is(cached(&p, there), 4, "leaves a CPU that was busy alone");
	use(&p, there);
	use(&p, here);
	if (!only_online(here)) {
		skip("offline CPUs are trimmed", "no mount namespace for this user");
		opv_pool_fini(&p);
		return done();
	}
	is(opv_pool_trim(&p), 0, "a trim while one is offline");
	is(cached(&p, there), 0, "takes all that it has, though it was busy until just now");
	is(cached(&p, here), 4, "and leaves the others alone");
	is(nr_out, 4, "what was taken is freed");
	opv_pool_fini(&p);
	is(nr_out, 0, "and the rest at the end");
	leave_road(the_road());
	return done();
}
