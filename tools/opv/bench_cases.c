// SPDX-License-Identifier: MIT
/* The list of cases as a table, and what they work on. */
#include "bench.h"
#include "bench_malloc.h"
#include "bench_struct.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "bench_list.h"

/* run of other libraries' cases is found by bench_peers.c. */
struct bench_case bench_cases[] = {
#define X(name, group, flags, what) { #name, BENCH_##group, flags, bench_case_##name, what, 0, 0 },
#define P(name, group, flags, what) { #name, BENCH_##group, flags, NULL, what, 0, 0 },
	BENCH_CASES(X, P)
	BENCH_MALLOC_CASES
#undef P
#undef X
};

const size_t bench_nr_cases = sizeof(bench_cases) / sizeof(bench_cases[0]);

struct bench_world bench_world;

static const struct {
	const char *title, *unit, *base;
} groups[] = {
#define X(NAME, title, unit, base) { title, unit, base },
	BENCH_GROUPS(X)
#undef X
};

const char *bench_group_title(enum bench_group group)
{
	return groups[group].title;
}

const char *bench_group_unit(enum bench_group group)
{
	return groups[group].unit;
}

const char *bench_group_base(enum bench_group group)
{
	return groups[group].base;
}

static int allocate_handles(struct bench_world *w)
{
	struct opv_domain *d = w->domain;

	/* A cache line each, that none shares with another's. */
	return opv_alloc(d, 64, 64, &w->added64) || opv_alloc(d, 64, 64, &w->round64) ||
	       opv_alloc(d, 64, 64, &w->count64) || opv_alloc(d, 64, 64, &w->count32) ||
	       opv_alloc(d, 64, 64, &w->count16) || opv_alloc(d, 64, 64, &w->count8) ||
	       opv_alloc(d, 64, 64, &w->head) || opv_alloc(d, 64, 64, &w->word) ||
	       opv_alloc(d, 64, 64, &w->words) || opv_alloc(d, BENCH_COPY_MAX, 64, &w->copy) ||
	       opv_alloc(d, BENCH_COPY_MAX, 64, &w->from);
}

static int allocate_by_cid(struct bench_world *w)
{
	struct opv_domain_options options = { .size = sizeof(options), .flags = OPV_DOMAIN_MM_CID };
	struct opv_domain *d;
	int ret = opv_domain_create(&d, &options);

	if (ret == -ENOSYS)
		return 0;
	return ret ? ret : opv_alloc(d, 64, 64, &w->cid64);
}

static struct bench_node *new_node(void)
{
	return calloc(1, 64);
}

/* Before any thread runs, so plainly. */
static bool fill_list(intptr_t *head)
{
	struct bench_node *node;
	int i;

	for (i = 0; i < BENCH_NODES; i++) {
		node = new_node();
		if (!node)
			return false;
		node->next = *head;
		*head = (intptr_t)node;
	}
	return true;
}

const char *bench_world_make(const int *cpus, int nr_cpus)
{
	struct bench_world *w = &bench_world;
	int i;

	w->dflt = opv_domain_default();
	if (!w->dflt || opv_domain_create(&w->domain, NULL) || allocate_handles(w) || allocate_by_cid(w))
		return "no memory for a domain";
	w->nr_cpus = opv_domain_cpus(w->domain);
	w->source = calloc(1, BENCH_COPY_MAX);
	w->per_cpu = aligned_alloc(128, (size_t)w->nr_cpus * sizeof(*w->per_cpu));
	if (!w->source || !w->per_cpu)
		return "no memory";
	memset(w->per_cpu, 0, (size_t)w->nr_cpus * sizeof(*w->per_cpu));
	for (i = 0; i < w->nr_cpus; i++)
		pthread_mutex_init(&w->per_cpu[i].mutex, NULL);
	for (i = 0; i < nr_cpus; i++)
		if (!fill_list(opv_ptr(w->head, cpus[i])))
			return "no memory";
	w->nodes = nr_cpus * BENCH_NODES;
	return bench_structs_make(w->domain, cpus, nr_cpus);
}

const char *bench_ctx_make(struct bench_ctx *c, int index)
{
	memset(c, 0, sizeof(*c));
	c->index = index;
	c->cpu = c->other = -1;
	pthread_mutex_init(&c->mutex, NULL);
	c->node = new_node();
	if (!c->node)
		return "no memory";
	bench_world.nodes++;
	return NULL;
}

/* The figures are worth nothing if the work was not done. */
const char *bench_world_check(const struct bench_ctx *ctx, int threads)
{
	const struct bench_world *w = &bench_world;
	const struct bench_node *node;
	uint64_t added = 0;
	int64_t nodes = opv_freelist_count_exact(&bench_structs.freelist, OPV_ALL_CPUS);
	int i;

	if (w->failed)
		return w->failed;
	for (i = 0; i < threads; i++)
		nodes += ctx[i].node != NULL;
	for (i = 0; i < w->nr_cpus; i++) {
		node = (const struct bench_node *)*opv_ptr(w->head, i);
		for (; node && nodes <= w->nodes; node = (const struct bench_node *)node->next)
			nodes++;
	}
	for (i = 0; i < w->nr_cpus; i++)
		added += *opv_ptr(w->added64, i);
	if (added != w->added)
		return "additions were lost or doubled";
	if (nodes != w->nodes)
		return "list nodes were lost or doubled";
	return bench_structs_check(ctx, threads);
}
