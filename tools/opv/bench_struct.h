/* SPDX-License-Identifier: MIT */
#ifndef _TOOLS_BENCH_STRUCT_H
#define _TOOLS_BENCH_STRUCT_H

/* What the cases of structures work on.  Everything else: bench.h. */

#include <opv/counter.h>
#include <opv/freelist.h>
#include <opv/lock.h>
#include <opv/pool.h>
#include <opv/ref.h>
#include <opv/ring.h>
#include <opv/rwlock.h>

#include "bench.h"

/* Bytes of a ring's buffer, of each CPU; peers/lttng.c asks for as many. */
#define BENCH_RING_BYTES 262144

/* A record: 16 bytes, as the event of peers/lttng.c has. */
struct bench_record {
	uint64_t a, b;
};

struct bench_structs {
	struct opv_counter counter;
	struct opv_freelist freelist;
	struct opv_ring ring;
	struct opv_rwlock rwlock;
	struct opv_ref ref;
	struct opv_lock lock;
	struct opv_pool pool;
	pthread_rwlock_t plain_rwlock;
};

extern struct bench_structs bench_structs;

/* bench_struct_world.c: NULL, or what went wrong. */
const char *bench_structs_make(struct opv_domain *d, const int *cpus, int nr_cpus);
const char *bench_structs_check(const struct bench_ctx *ctx, int threads);

#endif /* _TOOLS_BENCH_STRUCT_H */
