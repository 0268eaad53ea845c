/* SPDX-License-Identifier: MIT */
#ifndef _OPV_SRC_ENGINE_H
#define _OPV_SRC_ENGINE_H

/*
 * An engine runs a vector as one CPU.  The vector is valid, its operands are
 * there, the CPU is one of the domain's: opv_engine_run() is behind all checks.
 */

#include <opv/engine.h>
#include <opv/prepared.h>
#include <opv/vector.h>

#include "domain.h"

/* What an engine answers that cannot do it this time; the next one is asked. */
#define OPV_PASS	(1 << 20)

struct opv_engine_ops {
	/* Can it be used here?  why gets a static phrase either way. */
	bool (*available)(const char **why);

	/* Would it be asked for a vector of this CPU, now? */
	bool (*suits)(int cpu);

	/* 0, i + 1, -errno, or OPV_PASS; nothing was done unless 0 or i + 1. */
	int (*run)(struct opv_domain *d, const struct cpu_op *vec, int count, int cpu);
};

#define X(NAME, name, what) extern const struct opv_engine_ops opv_engine_##name;
OPV_ENGINES(X)
#undef X

/* Run on the engine named, or with -1 on the first that suits. */
int opv_engine_run(int engine, struct opv_domain *d, const struct cpu_op *vec, int count, int cpu);

/* The engine that this call or vector is forced to, or -1. */
int opv_engine_forced(void);

/* The number of the system call as OPV_SYSCALL_NR has it. */
void opv_syscall_number(const char *s);

/* Do what OPV_FORCE, OPV_COUNT_FAST and OPV_SYSCALL_NR say, once; as soon as sections could run. */
void opv_engine_environment(void);

/* Is anything forced, or are fast calls counted?  Then the slow path sees every call. */
bool opv_engine_diverts(void);
bool opv_engine_counts_fast(void);

/*
 * The fence engine with anything to run: fn(arg) runs as the CPU, with signals
 * blocked, and must end soon; NULL runs nothing.  Answers what fn answers, or
 * -errno.  A vector that is pending there is finished first.
 */
int opv_fence_engine_call(struct opv_domain *d, int cpu, int (*fn)(void *arg), void *arg);

/*
 * The fence engine for a vector, unless first(arg), with the slot's lock held and the key
 * as it is, has an answer that is not OPV_PASS.
 */
int opv_fence_engine_after(struct opv_domain *d, const struct cpu_op *vec, int count, int cpu,
			   int (*first)(void *arg), void *arg);

/*
 * The local engine for the common case, behind no checks but its own: OPV_PASS
 * for all that is not common, nothing done.  frame: the caller's stack frame.
 */
int opv_local_quick(struct opv_domain *d, const struct cpu_op *vec, int count, int cpu);
int opv_vector_checked(struct opv_domain *d, const struct cpu_op *vec, int count, int cpu);
int opv_local_prepared(const struct opv_prepared *p, uint64_t *params, int cpu);

/*
 * Finish a vector that is pending on this CPU, as far as that can be done from
 * here; for sections that missed.
 */
void opv_local_help(struct opv_domain *d, int cpu, ptrdiff_t rseq);

/* Wait until whoever works as that CPU in this engine is done. */
int opv_fence_engine_wait(struct opv_domain *d, int cpu);

/*
 * The same as many CPUs at one moment, those whose bits are set: fn(arg) runs while all
 * are closed, under one fence.  *failed is the CPU that an error is for, if it is not fn's.
 */
int opv_fence_engine_call_many(struct opv_domain *d, const uint64_t *cpus, int (*fn)(void *arg),
			       void *arg, int *failed);

/*
 * The fence engine with many vectors: cpus is the set of the requests' CPUs.  Sets each
 * request's result and answers 0, or runs nothing and answers -errno, *failed
 * being the CPU that it was for.
 */
int opv_fence_engine_many(struct opv_domain *d, struct opv_request *requests, int nr,
			  const uint64_t *cpus, int *failed);

#endif /* _OPV_SRC_ENGINE_H */
