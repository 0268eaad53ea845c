// SPDX-License-Identifier: MIT
/* Free lists: each function, random sequences against a model, and fork; on every engine. */
#define _GNU_SOURCE
#include "../ops/ops.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define NODES 64

struct node {
	char data[16];
	void *next;
};

static struct node nodes[NODES];

static void basics(void)
{
	struct opv_freelist_chain c = { 0 };
	struct opv_freelist f;
	void *n = &n;
	int cpu = allowed_cpu(0);

	pin_to(cpu);
	is(opv_freelist_init(&f, NULL, offsetof(struct node, next), 0), 0, "a list is made");
	is(opv_freelist_pop(&f, &n, OPV_THIS_CPU), 1, "an empty list says so");
	ok(n == &n, "and gives nothing");
	is(opv_freelist_pop_all(&f, &n, cpu), 1, "so does a pop of all");
	is(opv_freelist_pop_n(&f, 3, &c, cpu), 1, "and of some");
	ok(!c.nr && !c.first && !c.last, "which answers an empty chain");
	is(opv_freelist_steal(&f, 3, &c, cpu), 1, "and a theft");
	is(opv_freelist_steal(&f, 3, &c, OPV_ALL_CPUS), 1, "from whomever");
	is(opv_freelist_push_chain(&f, &c, OPV_THIS_CPU), 0, "an empty chain can be pushed");
	ok(opv_freelist_empty(&f, cpu), "and leaves the list empty");

	opv_freelist_push(&f, &nodes[0], OPV_THIS_CPU);
	opv_freelist_push(&f, &nodes[1], cpu);
	ok(!opv_freelist_empty(&f, cpu), "with nodes it is not");
	is(opv_freelist_count_exact(&f, OPV_THIS_CPU), 2, "two pushed, two there");
	is(opv_freelist_pop(&f, &n, OPV_THIS_CPU), 0, "one is taken");
	ok(n == &nodes[1], "the last one first");
	opv_freelist_chain_add(&f, &c, &nodes[2]);
	opv_freelist_chain_add(&f, &c, &nodes[1]);
	is(opv_freelist_push_chain(&f, &c, cpu), 0, "a chain of two is pushed");
	is(opv_freelist_count_exact(&f, OPV_ALL_CPUS), 3, "and makes three");
	is(opv_freelist_pop_all(&f, &n, cpu), 0, "all are taken");
	ok(n == &nodes[1] && opv_freelist_next(&f, n) == &nodes[2] &&
	   opv_freelist_next(&f, &nodes[2]) == &nodes[0] && !opv_freelist_next(&f, &nodes[0]),
	   "in the order of pops, with an end");

	is(opv_freelist_push(&f, &nodes[0], opv_domain_cpus(NULL)), -EINVAL, "no such CPU: push");
	is(opv_freelist_pop(&f, &n, -7), -EINVAL, "pop");
	is(opv_freelist_pop_n(&f, 1, &c, opv_domain_cpus(NULL)), -EINVAL, "pop of some");
	is(opv_freelist_steal(&f, 1, &c, opv_domain_cpus(NULL)), -EINVAL, "theft");
	is(opv_freelist_steal(&f, 1, &c, OPV_THIS_CPU), -EINVAL, "theft from whichever this is");
	is(opv_freelist_steal(&f, 0, &c, cpu), -EINVAL, "theft of nothing");
	is(opv_freelist_count_exact(&f, opv_domain_cpus(NULL)), -EINVAL, "count");
	is(opv_freelist_count(&f, cpu), -EINVAL, "the plain list has no count of its own");
	is(opv_freelist_fini(&f), 0, "and it is gone");
	is(opv_freelist_init(&f, NULL, 3, 0), -EINVAL, "next pointers are aligned");
	is(opv_freelist_init(&f, NULL, 8, 2), -EINVAL, "unknown flags are refused");
}

/* A model of the lists: arrays, the last element in front. */
static int model[4096][NODES], model_nr[4096], nr_cpus;
static int held[NODES], nr_held;

static int number(void *n)
{
	return (int)((struct node *)n - nodes);
}

static bool same_list(const struct opv_freelist *f, void *n, int cpu, int nr)
{
	while (nr-- > 0) {
		if (!n || number(n) != model[cpu][--model_nr[cpu]])
			return false;
		held[nr_held++] = number(n);
		n = opv_freelist_next(f, n);
	}
	return !n;
}

static bool model_push(struct opv_freelist *f, uint64_t r, int cpu)
{
	int nr = (int)(r % 4) + 1, i;
	struct opv_freelist_chain c = { 0 };

	if (nr > nr_held)
		nr = nr_held;
	if (nr == 1) {
		model[cpu][model_nr[cpu]++] = held[--nr_held];
		return !opv_freelist_push(f, &nodes[held[nr_held]], cpu);
	}
	for (i = 0; i < nr; i++) {
		opv_freelist_chain_add(f, &c, &nodes[held[nr_held - 1]]);
		model[cpu][model_nr[cpu]++] = held[--nr_held];
	}
	return !opv_freelist_push_chain(f, &c, cpu);
}

static bool model_pop(struct opv_freelist *f, int cpu)
{
	bool empty = !model_nr[cpu];
	void *n;
	int ret = opv_freelist_pop(f, &n, cpu);

	if (ret || empty)
		return ret == 1 && empty;
	held[nr_held++] = model[cpu][--model_nr[cpu]];
	return number(n) == held[nr_held - 1];
}

static bool model_some(struct opv_freelist *f, uint64_t r, int cpu, bool steal)
{
	int n = (int)(r % 5) + 1, nr = steal ? (model_nr[cpu] + 1) / 2 : model_nr[cpu], ret;
	struct opv_freelist_chain c;

	ret = steal ? opv_freelist_steal(f, (size_t)n, &c, cpu) :
		      opv_freelist_pop_n(f, (size_t)n, &c, cpu);
	if (nr > n)
		nr = n;
	if (ret || !nr)
		return ret == 1 && !nr && !c.nr;
	return (int)c.nr == nr && same_list(f, c.first, cpu, nr) && number(c.last) == held[nr_held - 1];
}

static bool model_all(struct opv_freelist *f, int cpu)
{
	int nr = model_nr[cpu], ret;
	void *n;

	ret = opv_freelist_pop_all(f, &n, cpu);
	if (ret || !nr)
		return ret == 1 && !nr;
	return same_list(f, n, cpu, nr);
}

static bool model_drain(struct opv_freelist *f)
{
	void *first[4096];
	int cpu;

	if (opv_freelist_drain(f, first))
		return false;
	for (cpu = 0; cpu < nr_cpus; cpu++)
		if (!same_list(f, first[cpu], cpu, model_nr[cpu]))
			return false;
	return true;
}

static bool model_counts(struct opv_freelist *f, int cpu)
{
	int64_t all = NODES - nr_held;

	if (opv_freelist_count_exact(f, cpu) != model_nr[cpu] ||
	    opv_freelist_count_exact(f, OPV_ALL_CPUS) != all)
		return false;
	return !f->flags || (opv_freelist_count(f, cpu) == model_nr[cpu] &&
			     opv_freelist_count(f, OPV_ALL_CPUS) == all);
}

static bool one_step(struct opv_freelist *f, uint64_t *random)
{
	uint64_t r = rnd(random);
	int cpu = r >> 32 & 3 ? allowed_cpu(0) : (int)(r >> 40) % nr_cpus;

	switch (r & 31) {
	case 0:
		return model_drain(f);
	case 1:
	case 2:
		return model_all(f, cpu);
	case 3:
	case 4:
	case 5:
		return model_some(f, r >> 8, cpu, false);
	case 6:
	case 7:
		return model_some(f, r >> 8, cpu, true);
	case 8:
		return model_counts(f, cpu);
	default:
		return r & 32 && nr_held ? model_push(f, r >> 8, cpu) : model_pop(f, cpu);
	}
}

static void sequences(struct opv_domain *d, unsigned int flags, int road, uint64_t *random)
{
	struct opv_freelist f;
	int i;

	is(opv_freelist_init(&f, d, offsetof(struct node, next), flags), 0, "a list is made");
	memset(model_nr, 0, sizeof(model_nr));
	for (nr_held = 0; nr_held < NODES; nr_held++)
		held[nr_held] = nr_held;
	for (i = 0; i < 6000 && one_step(&f, random); i++)
		;
	is(i, 6000, "random steps, %s, %s: as the model", flags ? "counted" : "plain", road_name(road));
	opv_freelist_fini(&f);
}

static void forked(void)
{
	struct opv_freelist f;
	int status, i;
	void *n;

	opv_freelist_init(&f, NULL, offsetof(struct node, next), OPV_FREELIST_COUNTED);
	for (i = 0; i < 5; i++)
		opv_freelist_push(&f, &nodes[i], 0);
	if (!fork()) {
		for (i = 0; !opv_freelist_pop(&f, &n, 0); i++)
			;
		_exit(i == 5 && !opv_freelist_count(&f, OPV_ALL_CPUS) ? 0 : 1);
	}
	wait(&status);
	is(status, 0, "a child of fork has lists of its own");
	is(opv_freelist_count_exact(&f, 0), 5, "and its parent's are as they were");
	opv_freelist_fini(&f);
}

/* Nodes in shared memory at one address. */
static void shared(void)
{
	struct opv_domain_options o = { .size = sizeof(o), .flags = OPV_DOMAIN_SHARED };
	struct node *there = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct opv_domain *d;
	struct opv_freelist f;
	int status, i, ret;
	void *n;

	ret = opv_domain_create(&d, &o);
	if (ret) {
		skip("lists in a shared domain", "no shared domain");
		return;
	}
	opv_freelist_init(&f, d, offsetof(struct node, next), 0);
	for (i = 0; i < 4; i++)
		opv_freelist_push(&f, &there[i], 0);
	if (!fork())
		_exit(opv_freelist_pop(&f, &n, 0) || n != &there[3] ||
		      opv_freelist_push(&f, &there[7], OPV_THIS_CPU));
	wait(&status);
	is(status, 0, "a child pops from a list in a shared domain and pushes to it");
	is(opv_freelist_count_exact(&f, OPV_ALL_CPUS), 4, "its parent sees both");
	opv_freelist_fini(&f);
	opv_domain_destroy(d);
}

/* All that lists can do, until killed; what is popped is in nobody's list meanwhile. */
static void toil(const struct opv_freelist *f, uint64_t random)
{
	struct opv_freelist_chain c;
	void *n;

	for (;;) {
		uint64_t r = rnd(&random);
		int cpu = r & 1 ? OPV_THIS_CPU : (int)(r >> 33) % opv_domain_cpus(f->domain);

		if (r & 2 && !opv_freelist_pop(f, &n, cpu))
			opv_freelist_push(f, n, OPV_THIS_CPU);
		else if (!(r & 12) && !opv_freelist_steal(f, 4, &c, OPV_ALL_CPUS))
			opv_freelist_push_chain(f, &c, OPV_THIS_CPU);
		else if (!(r & 16) && !opv_freelist_pop_n(f, 3, &c, cpu))
			opv_freelist_push_chain(f, &c, cpu);
	}
}

static int count_once(const struct opv_freelist *f, struct node *there, int nr)
{
	bool seen[1024] = { false };
	int all = 0, cpu;
	void *n;

	for (cpu = 0; cpu < opv_domain_cpus(f->domain); cpu++)
		while (!opv_freelist_pop(f, &n, cpu)) {
			struct node *node = n;

			if (node < there || node >= there + nr || seen[node - there])
				return -1;
			seen[node - there] = true;
			all++;
		}
	return all;
}

/* Whoever is killed keeps what he had in hand: at most four nodes; the lists stay whole. */
static void killed(uint64_t *random)
{
	struct opv_domain_options o = { .size = sizeof(o), .flags = OPV_DOMAIN_SHARED };
	enum { HERE = 1000 };
	struct node *there = mmap(NULL, HERE * sizeof(*there), PROT_READ | PROT_WRITE,
				  MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct opv_domain *d;
	struct opv_freelist f;
	int i, left, kills = part_of(40);
	pid_t pids[2];

	if (opv_domain_create(&d, &o)) {
		skip("lists whose users are killed", "no shared domain");
		return;
	}
	opv_freelist_init(&f, d, offsetof(struct node, next), 0);
	for (i = 0; i < HERE; i++)
		opv_freelist_push(&f, &there[i], i % opv_domain_cpus(d));
	for (i = 0; i < kills + 2; i++) {
		if (i >= 2 && pids[i & 1] > 0) {
			usleep(1000 + (useconds_t)(rnd(random) % 3000));
			kill(pids[i & 1], SIGKILL);
			waitpid(pids[i & 1], NULL, 0);
		}
		pids[i & 1] = i < kills ? fork() : -1;
		if (!pids[i & 1]) {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			toil(&f, rnd(random));
		}
	}
	left = count_once(&f, there, HERE);
	ok(left >= HERE - 4 * kills && left <= HERE,
	   "%d processes are killed while they work on lists, which stay whole: %d of %d nodes", kills,
	   left, HERE);
	opv_freelist_fini(&f);
	opv_domain_destroy(d);
}

int main(int argc, char **argv)
{
	uint64_t random = seed_from(argc, argv);
	struct opv_domain *d;
	int road;

	basics();
	d = wide_domain(&nr_cpus);
	for (road = ROAD_USUAL; d && nr_cpus <= 4096 && road < OPV_NR_ENGINES; road++) {
		if (!take_road(road))
			continue;
		sequences(d, 0, road, &random);
		sequences(d, OPV_FREELIST_COUNTED, road, &random);
		leave_road(road);
	}
	forked();
	shared();
	killed(&random);
	return done();
}
