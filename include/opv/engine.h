/* SPDX-License-Identifier: MIT */
#ifndef _OPV_ENGINE_H
#define _OPV_ENGINE_H

/*
 * Engines: the ways to execute a vector as one CPU; what this machine offers,
 * which of them is used, how often each road was taken, and how to force one.
 */

#include <stddef.h>
#include <stdint.h>

#include <opv/domain.h>

OPV_BEGIN_DECLS

/* THE list of engines, in the order in which they are considered. */
#define OPV_ENGINES(X)							\
	X(LOCAL, local, "this CPU, no system call")			\
	X(SYSCALL, syscall, "cpu_opv as a system call")		\
	X(MODULE, module, "cpu_opv as an ioctl of /dev/cpu_opv")	\
	X(BPF, bpf, "cpu_opv as an eBPF program")			\
	X(FENCE, fence, "close the key, fence, run, reopen")

enum opv_engine {
#define X(NAME, name, what) OPV_ENGINE_##NAME,
	OPV_ENGINES(X)
#undef X
	OPV_NR_ENGINES
};

/*
 * struct opv_engine_info - one engine
 * @size: sizeof(struct opv_engine_info) of the program
 * @available: 1 when it can be used here and now
 * @name, @what: its name, and what it is, for people; static
 * @why: why it is (not) available, a phrase for people; static
 */
struct opv_engine_info {
	size_t size;
	int available;
	const char *name;
	const char *what;
	const char *why;
};

/*
 * opv_engine_info - look at an engine
 *
 * The kernel's engines are looked for once, by this function, the next two, or the first
 * work for another CPU: it opens /dev/cpu_opv, where that exists, and keeps it open, on a
 * high descriptor, closed by exec.  OPV_SYSCALL_NR is the number of the system call, in the
 * environment of programs that are not set-user-ID; another call's does no harm.
 *
 * Errors: -EINVAL no such engine, or info->size is 0.
 *
 * Thread-safe, async-signal-safe.
 */
int opv_engine_info(enum opv_engine engine, struct opv_engine_info *info);

/*
 * opv_engine_for - the engine that a vector for @cpu would go to now
 *
 * Thread-safe, async-signal-safe.
 */
enum opv_engine opv_engine_for(int cpu);

/*
 * opv_force - send a share of all calls and vectors of the process to an engine
 * @engine: where to
 * @percent: 0 to 100; the shares of all engines may add up to 100
 *
 * The rest goes the way it always goes.  Shares are kept to by each thread on
 * its own, in turn, not at random.  With no share forced the fast path costs
 * what it costs; with any, calls are made out of line.  The environment variable
 * OPV_FORCE=ENGINE:PERCENT[,ENGINE:PERCENT...] does the same from the start (not
 * in set-user-ID programs).
 *
 * Errors: -EINVAL no such engine, bad percentage or sum; -ENOSYS the engine is
 * not available, nothing changed.
 *
 * Thread-safe, async-signal-safe.
 */
int opv_force(enum opv_engine engine, int percent);

/*
 * THE list of counts.  "fast" is only counted while opv_count_fast() is on.
 *
 * Each slow call has one cause: forced, unregistered, other_cpu, aborted or
 * closed.  What is done as a CPU beyond the possible ones counts for CPU 0.
 */
#define OPV_COUNTS(X)							\
	X(fast, "calls done by a section, while opv_count_fast() is on")	\
	X(slow, "calls that left the fast path")			\
	X(vectors, "vectors; quick ones while opv_count_fast() is on")				\
	X(forced, "slow because an engine was forced")			\
	X(unregistered, "slow because the thread has no rseq")		\
	X(other_cpu, "slow because the CPU was another one")		\
	X(aborted, "slow because the section was aborted")		\
	X(closed, "slow because the key was closed")			\
	X(retried, "slow, then done by a section after all")		\
	X(engine_local, "vectors executed by the local engine, as above")		\
	X(engine_fence, "vectors executed by the fence engine")		\
	X(fence_self, "fences by being on that CPU")			\
	X(fence_membarrier, "fences by membarrier")			\
	X(fence_move, "fences by moving there")				\
	X(fence_none, "fences that were not needed: no rseq, or CPU offline")	\
	X(closed_again, "keys that a section had opened again")		\
	X(lock_waits, "waits for another thread to open the key")	\
	X(lock_dead, "locks inherited from a thread that died")		\
	X(errors, "calls and vectors that ended in an error")		\
	X(engine_syscall, "vectors executed by the kernel's call")		\
	X(engine_module, "vectors executed by the kernel's module")		\
	X(kernel_refused, "vectors that the kernel left to the fence engine")

struct opv_counts {
#define X(name, what) uint64_t name;
	OPV_COUNTS(X)
#undef X
};

/*
 * opv_counts - how often what happened, in this process, since it began
 * @cpu: the CPU that the work was done as, or OPV_ALL_CPUS for the sum
 * @counts: filled; bytes behind what this library knows become 0
 * @size: sizeof(struct opv_counts) of the program
 *
 * Counting is off the fast path: one relaxed atomic increment in the slow one.  Vectors
 * on words for the CPU that the caller runs on have a fast path of their own.
 *
 * Errors: -EINVAL no such CPU.
 *
 * Thread-safe, async-signal-safe.
 */
int opv_counts(int cpu, struct opv_counts *counts, size_t size);

/*
 * opv_count_fast - count fast calls and quick vectors too, by making them out of line
 * @on: 1 or 0
 *
 * Result: what it was before.  The environment variable OPV_COUNT_FAST=1 does
 * the same from the start.
 *
 * Thread-safe, async-signal-safe.
 */
int opv_count_fast(int on);

/* Who registered rseq for the threads of this process. */
enum opv_rseq_owner {
	OPV_RSEQ_NONE,		/* nobody: every call takes the slow path */
	OPV_RSEQ_LIBC,
	OPV_RSEQ_OPV,		/* this library, thread by thread, on first use */
};

/* How another CPU's sections are fenced. */
enum opv_fence_kind {
	OPV_FENCE_NONE,		/* there are no sections to fence */
	OPV_FENCE_MEMBARRIER,
	OPV_FENCE_MOVE,		/* the caller visits the CPU */
};

/*
 * struct opv_status - what was found out about kernel, libc and policy
 *
 * fast is 1 when calls of this thread are made by sections now; why is a phrase
 * for people that says why (not), static.  errors are 0 or the errno that was
 * met.
 */
struct opv_status {
	int fast;			/* this thread, now */
	const char *why;
	uint32_t rseq_owner;		/* enum opv_rseq_owner */
	uint32_t rseq_size;		/* bytes registered, 0 none */
	uint32_t rseq_feature_size;	/* AT_RSEQ_FEATURE_SIZE, 0 before 6.3 */
	uint32_t rseq_v2;		/* 1: registered with more than 32 bytes, the
					 * kernel's stricter mode from 6.19 on */
	int rseq_error;			/* of a registration by this library */
	uint32_t fence;			/* enum opv_fence_kind */
	uint32_t membarrier_commands;	/* what MEMBARRIER_CMD_QUERY answered */
	int membarrier_error;		/* of the query or the registration */
	int move_error;			/* of sched_setaffinity() */
	uint32_t nr_cpus;		/* one more than the last possible CPU */
	uint32_t nr_nodes;
	ptrdiff_t rseq_offset;		/* of the area, from the thread pointer */
	uint32_t mm_cid;		/* 1: OPV_DOMAIN_MM_CID can be had */
	const char *mm_cid_why;		/* or not, a phrase for people; static */
};

/*
 * opv_status - look at what the library runs on
 * @status: filled; bytes behind what this library knows become 0
 * @size: sizeof(struct opv_status) of the program
 *
 * Thread-safe, async-signal-safe.
 */
int opv_status(struct opv_status *status, size_t size);

/*
 * opv_version - the version of the library, "MAJOR.MINOR.PATCH"; static
 *
 * Thread-safe, async-signal-safe.
 */
const char *opv_version(void);

OPV_END_DECLS

#endif /* _OPV_ENGINE_H */
