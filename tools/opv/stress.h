/* SPDX-License-Identifier: MIT */
#ifndef _TOOLS_STRESS_H
#define _TOOLS_STRESS_H

/*
 * opv stress: what the scenarios and the machinery that drives them share.
 *
 * A scenario is something that must be conserved.  Workers take steps of all
 * scenarios in turn; each worker keeps a ledger of its own of what it did, and
 * when all have stopped the ledgers must agree with the per-CPU data.  A thread
 * is two workers, itself and its signal handler, so that a handler may interrupt
 * any step of its thread without touching its ledger.
 */

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "opv.h"

/* THE list of scenarios: X(name, what is conserved). */
#define STRESS_SCENARIOS(X)							\
	X(add, "sums of adds on 8 to 64 bits, neighbours untouched")		\
	X(fetch_add, "every value handed out once by each CPU")			\
	X(xchg, "tokens swapped in and out")					\
	X(cmpxchg, "tokens swapped by compare-exchange")			\
	X(bits, "bits of one word, each a worker's own")			\
	X(extremes, "min and max never step back")				\
	X(list, "nodes pushed, popped, and drained from afar")			\
	X(stack, "tokens in an array, two compares and two stores")		\
	X(ring, "records copied in with their checksums")			\
	X(accounts, "money moved by vectors, watched by vectors")		\
	X(drain, "counters emptied on all CPUs at once")			\
	X(counters, "counters and histograms, summed up and reset at one moment") \
	X(refs, "references, and that an object goes when there are none")	\
	X(freelist, "free lists: chains, thefts, drains, counts")		\
	X(pool, "pools of objects, trimmed and drained")			\
	X(locks, "what the lock of each CPU guards")				\
	X(rwlock, "words that are the same to every reader")			\
	X(rings, "rings of records: read, overwritten and dropped")		\
	X(memory, "per-CPU variables allocated, zero, and freed")		\
	X(killed, "a shared domain whose processes are killed")

enum stress_scenario {
#define X(name, what) STRESS_##name,
	STRESS_SCENARIOS(X)
#undef X
	STRESS_NR_SCENARIOS
};

/* What is counted besides the calls of calls.def. */
#define STRESS_OTHERS(X)							\
	X(opv_vector) X(opv_vectors) X(cpu_opv) X(opv_fence)	\
	X(opv_run_prepared) X(opv_alloc) X(opv_free)			\
	X(opv_counter_add) X(opv_counter_sum) X(opv_counter_reset) X(opv_counters_sum)	\
	X(opv_histogram_add) X(opv_ref_get) X(opv_ref_put) X(opv_ref_kill)	\
	X(opv_lock_take) X(opv_rwlock_read_lock) X(opv_rwlock_write_lock)	\
	X(opv_ring_write) X(opv_ring_read)

enum stress_count {
	STRESS_COUNT_AFTER_CALLS = OPV_NR_CALLS - 1,
#define X(name) STRESS_COUNT_##name,
	STRESS_OTHERS(X)
#undef X
	STRESS_NR_COUNTS
};

struct stress;

struct stress_worker {
	struct stress *s;
	unsigned int index;		/* among all workers */
	uint64_t random;
	_Atomic uint64_t steps;		/* written by the worker, read by the watcher */
	_Atomic int doing;		/* enum stress_scenario, or -1 */
	uint64_t done[STRESS_NR_SCENARIOS];	/* operations, by scenario */
	uint64_t counts[STRESS_NR_COUNTS];	/* operations, by call */
	void *own[STRESS_NR_SCENARIOS];	/* the ledgers */
};

/* What was found wrong.  In memory shared with the children of fork. */
struct stress_report {
	_Atomic unsigned int lines;	/* may count further than there is room */
	struct {
		_Atomic bool written;
		int scenario;
		char text[200];
	} line[64];
};

struct stress {
	/* As asked for. */
	unsigned int threads;
	uint64_t nanoseconds, operations;	/* one of them is 0 */
	uint64_t seed;
	bool signals, migrate, fork, forced, by_cid;
	bool enabled[STRESS_NR_SCENARIOS];

	/* As it is. */
	struct opv_domain *domain;
	int nr_cpus;
	unsigned int nr_workers;	/* two a thread, and one that children of fork are */
	struct stress_worker *workers;
	struct stress_report *report;
	_Atomic bool stop;
	uint64_t forks, kills;
	double seconds;
	void *data[STRESS_NR_SCENARIOS];
};

struct stress_ops {
	void (*setup)(struct stress *s);
	/* A few operations.  Called by threads and by signal handlers. */
	void (*step)(struct stress *s, struct stress_worker *w);
	/* When every worker has stopped. */
	void (*check)(struct stress *s);
	/* Now and then, by the watcher, which may fork; NULL for most. */
	void (*tick)(struct stress *s);
	/* Not by the children of fork: it looks at what their parent goes on to change. */
	bool parent_only;
};

#define X(name, what) extern const struct stress_ops stress_##name;
STRESS_SCENARIOS(X)
#undef X

extern const char *const stress_names[STRESS_NR_SCENARIOS];

/* Something is wrong.  Async-signal-safe as far as snprintf() is. */
__attribute__((__format__(__printf__, 3, 4)))
void stress_lost(struct stress *s, enum stress_scenario scenario, const char *format, ...);

/* A result of an operation that may only be 0 to max; true when it is. */
bool stress_expect(struct stress_worker *w, enum stress_scenario scenario, const char *call,
		   int ret, int max);

/* Memory that lives as long as the process, zero; or the process ends. */
void *stress_zalloc(size_t size);

void *stress_new_handle(struct stress *s, size_t size);

/* Threads, signals, migration, children: until time or count is over. */
void stress_drive(struct stress *s);

/* One step of a scenario by a worker. */
void stress_step(struct stress_worker *w, enum stress_scenario scenario);
enum stress_scenario stress_pick(struct stress_worker *w);

/* Tables for people, or JSON; answers the exit status. */
int stress_print(struct stress *s, bool json);

static inline uint64_t stress_random(struct stress_worker *w)
{
	uint64_t x = w->random;

	x ^= x << 13;
	x ^= x >> 7;
	x ^= x << 17;
	return w->random = x;
}

/* A bijection that spreads every bit: sums of it tell multisets apart. */
static inline uint64_t stress_mix(uint64_t x)
{
	x += UINT64_C(0x9e3779b97f4a7c15);
	x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
	return x ^ x >> 31;
}

/* A CPU's number, or a slot's by mm_cid: mostly the one we are on, sometimes any, online or not. */
static inline int stress_cpu(struct stress_worker *w)
{
	return stress_random(w) % 16 ? w->s->by_cid ? opv_cid() : opv_cpu() : (int)(stress_random(w) % (unsigned int)w->s->nr_cpus);
}

/*
 * A variable to operate on, in two incarnations: a handle of the stressed
 * domain, and plain memory with one line a CPU that the default domain guards.
 * at is where in eight bytes it lies.
 */
struct stress_cell {
	char *handle;
	char *plain;
	unsigned int at;
};

#define STRESS_LINE 64

void stress_cell_init(struct stress *s, struct stress_cell *cell, unsigned int bits);
uint64_t stress_cell_read(const struct stress_cell *cell, bool plain, int cpu, unsigned int bits);

/* Bytes of the eight that are not the variable's; must stay 0. */
bool stress_cell_clean(const struct stress_cell *cell, bool plain, int cpu, unsigned int bits);

/* Where one operation goes.  d NULL: p is a handle. */
struct stress_place {
	struct opv_domain *d;
	char *p;
	char *look;		/* the instance, probably */
	int cpu;
	bool plain;
	bool cid;		/* by the call's form for mm_cid; any is right */
};

/* any: OPV_THIS_CPU too.  Otherwise place->cpu is the number that it is done as. */
struct stress_place stress_place(struct stress_worker *w, const struct stress_cell *cell, bool any);

#endif /* _TOOLS_STRESS_H */
