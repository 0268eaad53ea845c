/* SPDX-License-Identifier: MIT */
#ifndef _OPV_ENV_H
#define _OPV_ENV_H

/*
 * What the library runs on, found out once, on first use.  No lock and no order
 * of constructors: whoever needs it first looks, should two look at a time both
 * see the same and one of the answers is kept.
 */

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include <opv/engine.h>

struct opv_env {
	struct opv_status status;	/* as opv_status() tells it, but for "fast" */
	unsigned int nr_cpus;		/* one more than the last possible CPU */
	unsigned int nr_nodes;
	size_t bytes;			/* of the mapping this is in */
	struct {
		_Alignas(64) struct opv_counts c;	/* by atomics */
	} counts[];			/* nr_cpus */
};

/* Look, the first time. */
const struct opv_env *opv_env_look(void);

extern _Atomic(struct opv_env *) opv_the_env;

/* Never NULL. */
static inline const struct opv_env *opv_env(void)
{
	const struct opv_env *env = atomic_load_explicit(&opv_the_env, memory_order_acquire);

	return env ? env : opv_env_look();
}

static inline struct opv_counts *opv_env_counts(const struct opv_env *env, int cpu)
{
	unsigned int i = (unsigned int)cpu < env->nr_cpus ? (unsigned int)cpu : 0;

	return (struct opv_counts *)&env->counts[i].c;
}

/* Words of a set of CPUs, no more than it must have: handlers may have small stacks. */
static inline uint32_t opv_cpu_words(uint32_t nr_cpus)
{
	return (nr_cpus + 63) / 64;
}

/* Is this a CPU that the kernel may ever bring up?  Is it up? */
bool opv_cpu_possible(int cpu);
bool opv_cpu_online(int cpu);

/*
 * Where this thread may run, with the CPUs that are off, which sched_getaffinity() leaves
 * out: those only /proc knows.  What counts of mask, in bytes; 0 or -errno.
 */
long opv_affinity(uint64_t *mask, uint32_t words);

/* Is it on its way from one to the other?  Then it may be online and nobody may go there. */
bool opv_cpu_changes(int cpu);

/* Call for each CPU of each node, where there are several. */
void opv_for_each_node_cpu(void (*fn)(void *arg, unsigned int node, unsigned int cpu), void *arg);

#endif /* _OPV_ENV_H */
