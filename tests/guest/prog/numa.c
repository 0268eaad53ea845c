// SPDX-License-Identifier: MIT
/*
 * On a machine with nodes: what is a CPU's lies in memory of its node, whoever made the domain and
 * touched it first, and pools keep a depot for each node.  For a guest, as root.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <opv/opv.h>

#include "online.h"
#include "tap.h"

#define MAX_CPUS	64
#define LARGE		(5 * 4096)
#define MPOL_BIND	2

static int nr_cpus, node_of[MAX_CPUS], first_of[2] = { -1, -1 };

static bool stay_on(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	return !sched_setaffinity(0, sizeof(set), &set) && sched_getcpu() == cpu;
}

/* As the kernel knows it, not as files say. */
static bool look(void)
{
	unsigned int cpu, node;

	nr_cpus = (int)sysconf(_SC_NPROCESSORS_ONLN);
	for (cpu = 0; (int)cpu < nr_cpus && cpu < MAX_CPUS; cpu++) {
		if (!stay_on((int)cpu) || syscall(SYS_getcpu, NULL, &node, NULL) || node > 1)
			return false;
		node_of[cpu] = (int)node;
		if (first_of[node] < 0)
			first_of[node] = (int)cpu;
	}
	return nr_cpus <= MAX_CPUS && first_of[0] >= 0 && first_of[1] >= 0;
}

/* The node of the page there; -errno, -ENOENT when nobody has touched it. */
static int node_at(void *p)
{
	int status = -EINVAL;

	return syscall(SYS_move_pages, 0, 1UL, &p, NULL, &status, 0) ? -errno : status;
}

struct row {
	uint64_t hits;
	char more[LARGE - 8];
};

/* All of it is touched by this thread, where it is. */
static bool each_at_home(struct opv_domain *d, const char *whose)
{
	int cpu, away = 0, offset;
	struct row *h;

	if (opv_new(d, &h))
		return false;
	for (cpu = 0; cpu < nr_cpus; cpu++) {
		char *row = (char *)opv_ptr(h, cpu);

		if (opv_add(&h->hits, 1, cpu) || opv_ptr(h, cpu)->hits != 1)
			return false;
		for (offset = 0; offset < LARGE; offset += 4096) {
			((volatile char *)row)[offset + 8] = 1;
			away += node_at(row + offset) != node_of[cpu];
		}
	}
	if (away)
		diag("%s: %d of %d pages are elsewhere", whose, away, nr_cpus * LARGE / 4096);
	opv_free(d, h);
	return !away;
}

static void test_domains(void)
{
	struct opv_domain_options shared = { .size = sizeof(shared), .flags = OPV_DOMAIN_SHARED };
	struct opv_domain *d;
	int node;

	for (node = 0; node < 2; node++) {
		stay_on(first_of[node]);
		ok(!opv_domain_create(&d, NULL) && each_at_home(d, "private"),
		   "made and touched on node %d, the memory of each CPU is of its node", node);
		opv_domain_destroy(d);
		ok(!opv_domain_create(&d, &shared) && each_at_home(d, "shared"),
		   "so is that of a shared domain");
		opv_domain_destroy(d);
	}
	/* Made there, touched here. */
	opv_domain_create(&d, NULL);
	stay_on(first_of[0]);
	ok(each_at_home(d, "touched elsewhere"), "made on node 1 and touched on node 0, too");
	opv_domain_destroy(d);
	ok(each_at_home(NULL, "the default domain"), "in the default domain, too");
}

/* An allocator whose objects are pages of the node that is asked for. */
#define PAGES 512
static char *arena[2];
static int given[2], wrong, out;
static bool dry;

static int home(void *arg, void *object)
{
	(void)arg;
	return (char *)object >= arena[1] && (char *)object < arena[1] + PAGES * 4096;
}

static int get(void *arg, void **objects, int n, int depot)
{
	unsigned int cpu, node = 2;
	int i;

	(void)arg;
	syscall(SYS_getcpu, &cpu, &node, NULL);
	wrong += depot != (int)node;
	for (i = 0; i < n && !dry && given[depot] < PAGES; i++)
		objects[i] = arena[depot] + 4096 * given[depot]++;
	out += i;
	return i;
}

static void put(void *arg, void **objects, int n)
{
	(void)arg, (void)objects;
	out -= n;
}

static bool make_arenas(void)
{
	unsigned long mask;
	int node;

	for (node = 0; node < 2; node++) {
		mask = 1ul << node;
		arena[node] = mmap(NULL, PAGES * 4096, PROT_READ | PROT_WRITE,
				   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		if (arena[node] == MAP_FAILED ||
		    syscall(SYS_mbind, arena[node], PAGES * 4096, MPOL_BIND, &mask, 64, 0))
			return false;
	}
	return true;
}

static bool begin(struct opv_pool *p, bool with_home)
{
	struct opv_pool_options o = { .size = sizeof(o), .alloc = get, .free = put, .batch = 8,
				      .capacity = 8, .depot = 256 };

	o.home = with_home ? home : NULL;
	given[0] = given[1] = wrong = out = 0;
	dry = false;
	return !opv_pool_init(p, NULL, &o);
}

/* So many, as the CPU of that node; how many of them are memory of it. */
static int take(struct opv_pool *p, void **objects, int n, int node)
{
	int i, at_home = 0;

	stay_on(first_of[node]);
	for (i = 0; i < n; i++) {
		if (opv_pool_alloc(p, &objects[i]))
			return -1;
		*(volatile char *)objects[i] = 1;
		at_home += node_at(objects[i]) == node;
	}
	return at_home;
}

static void give(struct opv_pool *p, void **objects, int n, int node)
{
	stay_on(first_of[node]);
	while (n--)
		opv_pool_free(p, objects[n]);
}

static uint64_t stored(const struct opv_pool *p)
{
	struct opv_pool_stats s;

	opv_pool_stats(p, OPV_ALL_CPUS, &s, sizeof(s));
	return s.stored;
}

static void test_depots(void)
{
	void *objects[64], *more[64];
	struct opv_pool p;
	int cpu, away = 0;

	ok(begin(&p, false), "a pool");
	for (cpu = 0; cpu < nr_cpus; cpu++) {
		stay_on(cpu);
		opv_pool_alloc(&p, &objects[0]);
		opv_pool_free(&p, objects[0]);
		away += node_at(opv_ptr(p.magazines, cpu)) != node_of[cpu];
	}
	is(wrong, 0, "on each CPU its allocator is told the node that it is of");
	is(away, 0, "each magazine is memory of its node");
	opv_pool_fini(&p);
	is(out, 0, "all objects are freed");

	begin(&p, false);
	is(take(&p, objects, 64, 0), 64, "objects are memory of the node that asks");
	give(&p, objects, 64, 0);
	ok(stored(&p) >= 48, "given back, its depot has them (%d)", (int)stored(&p));
	is(take(&p, more, 16, 1), 16, "the other node has its allocator asked, not that depot");
	dry = true;
	is(take(&p, more + 16, 40, 1), 0, "only when that has nothing left it takes them");
	ok(stored(&p) < 48, "from there");
	give(&p, more, 56, 1);
	opv_pool_fini(&p);
	is(out, 0, "all objects are freed");
}

static void test_homes(void)
{
	void *objects[64], *more[64];
	struct opv_pool p;
	int before;

	begin(&p, true);
	take(&p, objects, 64, 0);
	give(&p, objects, 64, 1);
	ok(stored(&p) >= 48, "of 64 objects that go back on the other node, most leave it (%d)", (int)stored(&p));
	ok(take(&p, more, 48, 1) >= 48 - 8, "where only a magazine of them is used again");
	before = given[0];
	is(take(&p, objects, 48, 0), 48, "on their own node they come back");
	is(given[0], before, "out of its depot");
	is(wrong, 0, "and the allocator was always told the node that asked");
	give(&p, objects, 48, 0);
	give(&p, more, 48, 1);
	opv_pool_fini(&p);
	is(out, 0, "all objects are freed");
}

/* A CPU that is off when a domain and a pool are made has a node all the same. */
static void test_late(void)
{
	int cpu = nr_cpus - 1, node = node_of[cpu];
	struct opv_domain *d;
	struct opv_pool p;
	void *object;

	stay_on(first_of[!node]);
	ok(turn(cpu, false), "a CPU goes off");
	opv_domain_create(&d, NULL);
	begin(&p, false);
	ok(turn(cpu, true), "and, when there are a domain and a pool, comes back");
	ok(each_at_home(d, "late"), "the domain's memory for it is of its node, though touched elsewhere");
	stay_on(cpu);
	ok(!opv_pool_alloc(&p, &object) && !wrong, "the pool's allocator is told its node");
	opv_pool_free(&p, object);
	opv_pool_fini(&p);
	opv_domain_destroy(d);
}

int main(void)
{
	struct opv_status st;

	if (!ok(look(), "there are two nodes with CPUs"))
		return done();
	opv_status(&st, sizeof(st));
	is(st.nr_nodes, 2, "as the library knows");
	test_domains();
	if (ok(make_arenas(), "memory of each node"))
		test_depots(), test_homes();
	test_late();
	return done();
}
