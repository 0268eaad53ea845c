// SPDX-License-Identifier: MIT
/*
 * Free lists under a crowd: one to four threads a CPU, signal handlers, migration, drains
 * from afar, every engine and all mixed: no node is lost and none is had twice.
 */
#define _GNU_SOURCE
#include "crowd.h"

#include <stdatomic.h>
#include <sys/mman.h>

#define OWN 16			/* nodes that each member starts with */

struct node {
	void *next;
	_Atomic uint32_t owner;	/* member + 1, 0: in a list */
	uint32_t seen;
};

struct hoard {
	int nr;
	struct node *held[];
};

static struct opv_freelist f;
static struct node *nodes;
static int nr_nodes, nr_cpus;
static _Atomic int wrong;

static bool take(struct member *m, void *node)
{
	struct hoard *h = m->own;
	struct node *n = node;

	if (atomic_exchange(&n->owner, m->index + 1)) {
		wrong++;
		return false;
	}
	h->held[h->nr++] = n;
	return true;
}

static struct node *give(struct member *m)
{
	struct hoard *h = m->own;
	struct node *n = h->held[--h->nr];

	atomic_store(&n->owner, 0);
	return n;
}

/* Mostly this CPU; sometimes any, online or not. */
static int some_cpu(struct member *m)
{
	uint64_t r = rnd(&m->random);

	return r % 16 ? r & 256 ? OPV_THIS_CPU : opv_cpu() : (int)(r >> 33) % nr_cpus;
}

static void push(struct member *m, int cpu)
{
	struct hoard *h = m->own;
	int nr = (int)(rnd(&m->random) % 4) + 1;
	struct opv_freelist_chain c = { 0 };

	if (nr == 1 || h->nr < nr) {
		wrong += opv_freelist_push(&f, give(m), cpu) != 0;
		return;
	}
	while (nr--)
		opv_freelist_chain_add(&f, &c, give(m));
	wrong += opv_freelist_push_chain(&f, &c, cpu) != 0;
}

/* A list with a node in it twice may have no end. */
static void take_list(struct member *m, void *first)
{
	void *next;

	for (; first; first = next) {
		next = opv_freelist_next(&f, first);
		if (!take(m, first))
			break;
	}
}

static void take_chain(struct member *m, const struct opv_freelist_chain *c, int ret, size_t max)
{
	if (ret < 0 || ret > 1 || c->nr > max || !ret != (c->nr > 0))
		wrong++;
	else if (!ret)
		take_list(m, c->first);
}

static void drain(struct member *m)
{
	void *first[4096];
	int cpu;

	if (opv_freelist_drain(&f, first)) {
		wrong++;
		return;
	}
	for (cpu = 0; cpu < nr_cpus; cpu++)
		take_list(m, first[cpu]);
}

static void step(struct member *m)
{
	struct opv_freelist_chain c;
	struct hoard *h = m->own;
	uint64_t r = rnd(&m->random);
	int cpu = some_cpu(m), ret;
	void *n = NULL;

	switch (r % 128) {
	case 0:
		drain(m);
		break;
	case 1:
	case 2:
		ret = opv_freelist_pop_all(&f, &n, cpu);
		wrong += ret < 0 || ret > 1;
		take_list(m, n);
		break;
	case 3:
		ret = opv_freelist_steal(&f, 8, &c, OPV_ALL_CPUS);
		take_chain(m, &c, ret, 8);
		break;
	case 4:
		ret = opv_freelist_steal(&f, 8, &c, cpu < 0 ? opv_cpu() : cpu);
		take_chain(m, &c, ret, 8);
		break;
	case 5:
	case 6:
	case 7:
	case 8:
		ret = opv_freelist_pop_n(&f, 5, &c, cpu);
		take_chain(m, &c, ret, 5);
		break;
	case 9:
		ret = opv_freelist_count_exact(&f, r & 256 ? OPV_ALL_CPUS : cpu) > nr_nodes;
		wrong += ret;
		break;
	default:
		if (r & 1024 && h->nr) {
			push(m, cpu);
			break;
		}
		ret = opv_freelist_pop(&f, &n, cpu);
		if (ret < 0 || ret > 1)
			wrong++;
		else if (!ret)
			take(m, n);
	}
}

static void see(void *node, int *lost)
{
	struct node *n = node;

	*lost += n < nodes || n >= nodes + nr_nodes || n->seen++;
}

static int check(struct crowd *c)
{
	int lost = 0, i, j, cpu, nr;
	void *n;

	for (cpu = 0; cpu < nr_cpus; cpu++) {
		int64_t counted = f.flags ? opv_freelist_count(&f, cpu) : 0, there = 0;

		for (nr = 0; nr <= nr_nodes && !opv_freelist_pop(&f, &n, cpu); nr++, there++)
			see(n, &lost);
		lost += f.flags && counted != there;
	}
	for (i = 0; i < 2 * c->threads; i++) {
		struct hoard *h = c->members[i].own;

		for (j = 0; j < h->nr; j++)
			see(h->held[j], &lost);
	}
	for (i = 0; i < nr_nodes; i++)
		lost += nodes[i].seen != 1;
	return lost;
}

static void conserve(int threads, unsigned int flags, int road, uint64_t seed)
{
	struct crowd c = { threads, step, NULL, 150, crowd_members(threads, seed) };
	int i, j;

	nr_nodes = 2 * threads * OWN;
	nodes = calloc((size_t)nr_nodes, sizeof(*nodes));
	wrong = 0;
	opv_freelist_init(&f, NULL, offsetof(struct node, next), flags);
	for (i = 0; i < 2 * threads; i++) {
		struct hoard *h = malloc(sizeof(*h) + (size_t)nr_nodes * sizeof(h->held[0]));

		c.members[i].own = h;
		for (j = 0; j < OWN; j++) {
			h->held[j] = &nodes[i * OWN + j];
			h->held[j]->owner = (uint32_t)i + 1;
		}
		h->nr = OWN;
	}
	crowd_run(&c);
	i = check(&c);
	if (!ok(!i && !wrong, "%d threads, %s, %s: all nodes are there once", threads,
		flags ? "counted" : "plain", crowd_road_name(road)))
		diag("%d nodes wrong at the end, %d operations", i, wrong);
	opv_freelist_fini(&f);
	for (i = 0; i < 2 * threads; i++)
		free(c.members[i].own);
	free(c.members);
	free(nodes);
}

/*
 * Nodes are unmapped as soon as they are popped: who reads the next pointer of one then
 * dies here.
 */
static void unmapping(struct member *m)
{
	int cpu = some_cpu(m);
	void *n = &n;

	if (rnd(&m->random) & 1) {
		n = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		wrong += n != MAP_FAILED && opv_freelist_push(&f, n, cpu);
	} else if (!opv_freelist_pop(&f, &n, cpu)) {
		munmap(n, 4096);
	}
}

static void unmapped(int threads, int road, uint64_t seed)
{
	struct crowd c = { threads, unmapping, NULL, 300, crowd_members(threads, seed) };
	void *n;
	int cpu;

	wrong = 0;
	opv_freelist_init(&f, NULL, 0, 0);
	crowd_run(&c);
	for (cpu = 0; cpu < nr_cpus; cpu++)
		while (!opv_freelist_pop(&f, &n, cpu))
			munmap(n, 4096);
	is(wrong, 0, "%d threads, %s: nodes may be unmapped as soon as they are popped", threads,
	   road_name(road));
	opv_freelist_fini(&f);
	free(c.members);
}

int main(int argc, char **argv)
{
	uint64_t seed = seed_from(argc, argv);
	int cpus = (int)sysconf(_SC_NPROCESSORS_ONLN), road, threads;

	nr_cpus = opv_domain_cpus(NULL);
	if (cpus > 4)
		cpus = 4;
	if (nr_cpus > 4096) {
		skip("free lists under a crowd", "more CPUs than this test has room for");
		return done();
	}
	for (road = ROAD_USUAL; road <= ROAD_MIXED; road++) {
		if (!crowd_road(road))
			continue;
		for (threads = 1; threads <= 4 * cpus; threads *= 2)
			conserve(threads, threads & 10 ? OPV_FREELIST_COUNTED : 0, road, seed++);
		if (road == ROAD_USUAL)
			unmapped(2 * cpus, road, seed++);
		crowd_leave(road);
	}
	is(crowd_errno, 0, "handlers leave errno alone");
	return done();
}
