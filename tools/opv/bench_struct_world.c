// SPDX-License-Identifier: MIT
/* What the cases of structures work on, and whether it was done. */
#include "bench_struct.h"

#include <stdlib.h>

struct bench_structs bench_structs;

static int get_objects(void *arg, void **objects, int n, int depot)
{
	int i;

	(void)arg, (void)depot;
	for (i = 0; i < n; i++) {
		objects[i] = malloc(64);
		if (!objects[i])
			break;
	}
	return i;
}

static void put_objects(void *arg, void **objects, int n)
{
	int i;

	(void)arg;
	for (i = 0; i < n; i++)
		free(objects[i]);
}

static bool fill_lists(const int *cpus, int nr_cpus)
{
	struct bench_node *node;
	int i;

	for (i = 0; i < nr_cpus * BENCH_NODES; i++) {
		node = calloc(1, 64);
		if (!node || opv_freelist_push(&bench_structs.freelist, node, cpus[i % nr_cpus]))
			return false;
		bench_world.nodes++;
	}
	return true;
}

const char *bench_structs_make(struct opv_domain *d, const int *cpus, int nr_cpus)
{
	struct opv_pool_options pool = {
		.size = sizeof(pool), .alloc = get_objects, .free = put_objects,
	};
	struct bench_structs *s = &bench_structs;

	if (opv_counter_init(&s->counter, d) ||
	    opv_freelist_init(&s->freelist, d, offsetof(struct bench_node, next), 0) ||
	    opv_ring_init(&s->ring, d, BENCH_RING_BYTES, OPV_RING_OVERWRITE) ||
	    opv_rwlock_init(&s->rwlock, d) || opv_ref_init(&s->ref, d, NULL) ||
	    opv_lock_init(&s->lock, d) || opv_pool_init(&s->pool, d, &pool) ||
	    pthread_rwlock_init(&s->plain_rwlock, NULL))
		return "no memory for the structures";
	return fill_lists(cpus, nr_cpus) ? NULL : "cannot fill the free lists";
}

static const char *check_counter(uint64_t counted)
{
	int64_t sum = -1;

	if (opv_counter_sum(&bench_structs.counter, &sum) || (uint64_t)sum != counted)
		return "what a counter counted was lost or doubled";
	return NULL;
}

/* Those that are there are read; answers how many, or -errno. */
static int64_t read_records(struct opv_ring *r)
{
	int cpus = (int)r->nr_cpus, cpu, ret;
	struct bench_record record;
	int64_t nr = 0;
	size_t len;

	for (cpu = 0; cpu < cpus; cpu++) {
		while (!(ret = opv_ring_read(r, cpu, &record, sizeof(record), &len)))
			nr += len == sizeof(record);
		if (ret != 1)
			return ret < 0 ? ret : -1;
	}
	return nr;
}

static const char *check_ring(uint64_t recorded)
{
	struct opv_ring *r = &bench_structs.ring;
	struct opv_ring_counts counts;
	int64_t nr = read_records(r);

	if (nr < 0 || opv_ring_counts(r, OPV_ALL_CPUS, &counts, sizeof(counts)) ||
	    (uint64_t)nr != counts.read_records ||
	    counts.read_records + counts.overwritten_records + counts.dropped_records != recorded)
		return "records of a ring were lost or doubled";
	/* A ring that drops what it should record is quick, and of no use. */
	if (counts.dropped_records > recorded / 1000)
		return "more than one record in a thousand was dropped";
	return NULL;
}

const char *bench_structs_check(const struct bench_ctx *ctx, int threads)
{
	struct bench_structs *s = &bench_structs;
	uint64_t counted = 0, recorded = 0;
	const char *wrong;
	int i;

	for (i = 0; i < threads; i++) {
		counted += ctx[i].counted;
		recorded += ctx[i].recorded;
	}
	wrong = check_counter(counted);
	if (!wrong)
		wrong = check_ring(recorded);
	if (!wrong && opv_rwlock_readers(&s->rwlock))
		wrong = "a reader did not leave its lock";
	if (!wrong && (opv_ref_kill(&s->ref) || !opv_ref_is_zero(&s->ref)))
		wrong = "references were lost or doubled";
	return wrong;
}
