/* SPDX-License-Identifier: MIT */
#ifndef _OPV_LOG_H
#define _OPV_LOG_H

/*
 * Logs: what a vector will have written, before it has.  Whoever finds the key
 * of a slot pending copies the log that it names to where it belongs and goes on;
 * doing so twice does no harm.  docs/local.md.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <opv/prepared.h>
#include <opv/vector.h>

#include "domain.h"

/* The reads that a vector depends on; private to its owner. */
struct opv_read {
	uint64_t addr;
	uint64_t value;		/* where len is no width: the address of equal bytes */
	uint64_t len;		/* 1, 2, 4, 8: a word; otherwise a range */
};

/* Addresses are relative to the log base of the domain: processes differ. */
struct opv_write {
	uint64_t dst;
	uint64_t value;		/* where len is no width: the address of the bytes */
	uint64_t len;		/* as above */
};

/* What there is to write; the beginning of a log. */
struct opv_writes {
	uint32_t nr;				/* first: the sections know */
	uint32_t busy;				/* the log's owner is using it */
	struct opv_write write[CPU_OP_VEC_LEN_MAX];
};

struct opv_log {
	_Alignas(64) struct opv_writes writes;
	uint32_t next;				/* of a stretch: the operation that follows it */
	uint8_t data[CPU_OP_DATA_LEN_MAX];	/* bytes of copies, in shared memory */
};

/*
 * A vector of a shared domain that has barriers, for stretch.c: what whoever finds it
 * half done needs to go on.
 */
struct opv_stretches {
	uint32_t count;
	struct cpu_op vec[CPU_OP_VEC_LEN_MAX];	/* addresses relative to the log base */
	/* Its operands that other processes do not have, each at its address modulo 8. */
	uint8_t own[2 * (CPU_OP_DATA_LEN_MAX + 8 * CPU_OP_VEC_LEN_MAX)];
};

/* What each CPU has behind its data, for who holds its slot's lock. */
struct opv_slot_logs {
	struct opv_log whole;			/* of a vector without barriers */
	struct opv_log stretch[2];		/* of one with, in turn */
	struct opv_stretches stretches;
};

/* Their numbers in the CPU's key, after those of the domain's. */
#define OPV_LOG_WHOLE	OPV_NR_LOGS
#define OPV_LOG_STRETCH	(OPV_NR_LOGS + 1)

/*
 * What a section of the local engine answers beside 0 and OPV_MISS: it was
 * preempted, signalled or fenced; a read has another value.
 */
#define OPV_ABORT	(-2)
#define OPV_CHANGED	(-3)

/*
 * A program, what opv_local_program*() run: steps of which each reads and writes
 * words, none of which was written by a step before.
 */
struct opv_program {
	const struct opv_step *steps, *end;
	struct opv_writes *writes;		/* nr: how many all steps write */
	uint64_t *base;				/* by kind; [OPV_PROGRAM_AT]: where it ended */
	const struct opv_write *commit;		/* the store that makes it happen */
};

/* What opv_prepared.quick is made of. */
#define OPV_QUICK_WIDTH	15u
#define OPV_QUICK_CID	16u

enum opv_step_kind {
	OPV_STEP_ADDRESS,	/* or a value */
	OPV_STEP_HANDLE,
	OPV_STEP_PARAM,
	OPV_PROGRAM_AT,
	OPV_PROGRAM_BASES
};

/* ADD, OR, AND, XOR whose operand is a parameter and not a value; no cpu_op is like that. */
#define OPV_STEP_PARAM_OP(op)	((op) - CPU_ADD_OP + CPU_MIN_OP)

/* An operation that can be a step as it is: its expect_fault bytes, 0, are the kinds. */
static inline bool opv_step_is(uint32_t op, uint32_t len)
{
	const uint32_t ops = 1u << CPU_COMPARE_EQ_OP | 1u << CPU_COMPARE_NE_OP |
			     1u << CPU_MEMCPY_OP | 1u << CPU_MEMCPY_RELEASE_OP |
			     1u << CPU_ADD_OP | 1u << CPU_ADD_RELEASE_OP |
			     1u << CPU_OR_OP | 1u << CPU_AND_OP | 1u << CPU_XOR_OP;

	return op < 16 && (ops >> op & 1) && len <= 8 && (0x116u >> len & 1);
}

_Static_assert(sizeof(struct opv_step) == sizeof(struct cpu_op) && sizeof(struct opv_step) == 32 &&
	       offsetof(struct opv_step, a) == offsetof(struct cpu_op, u.compare_op.a) &&
	       offsetof(struct opv_step, b) == offsetof(struct cpu_op, u.bitwise_op.mask) &&
	       offsetof(struct opv_step, a_kind) == offsetof(struct cpu_op, u.compare_op.expect_fault_a) &&
	       offsetof(struct opv_step, b_kind) == offsetof(struct cpu_op, u.compare_op.expect_fault_b),
	       "operations are steps");

/*
 * What a thread holds.  An entry is claimed (busy) before it is changed, and a
 * handler that comes in between leaves it as it was or claimed it before.
 */
struct opv_holding {
	uint64_t domain;		/* id, 0: nothing */
	uint32_t index;
	bool busy;
};

#define OPV_NR_HOLDINGS 4

extern __thread struct opv_holding opv_holdings[OPV_NR_HOLDINGS]
	__attribute__((__tls_model__("initial-exec")));

static inline struct opv_log *opv_log_at(struct opv_domain *d, uint32_t index)
{
	return (struct opv_log *)((char *)d + OPV_LOG_OFFSET) + index;
}

static inline struct opv_slot_logs *opv_slot_logs(struct opv_domain *d, int cpu)
{
	return (struct opv_slot_logs *)((char *)opv_slot(d, cpu) + OPV_SLOT_LOGS_OFFSET);
}

/* The log that the key of that CPU may name, NULL for a number that none has. */
static inline struct opv_log *opv_log_named(struct opv_domain *d, int cpu, uint32_t index)
{
	if (index < OPV_NR_LOGS)
		return opv_log_at(d, index);
	switch (index) {
	case OPV_LOG_WHOLE:
		return &opv_slot_logs(d, cpu)->whole;
	case OPV_LOG_STRETCH:
	case OPV_LOG_STRETCH + 1:
		return &opv_slot_logs(d, cpu)->stretch[index - OPV_LOG_STRETCH];
	}
	return NULL;
}

/* A log of the domain for this thread, NULL if there is none left; and back. */
struct opv_log *opv_log_take(struct opv_domain *d, uint32_t *index);
void opv_log_give(struct opv_domain *d, uint32_t index);

/*
 * The same, inline, for the log that the thread had last: NULL if it is not of this
 * domain or is in use.
 */
static inline struct opv_log *opv_log_retake(struct opv_domain *d, uint32_t *index)
{
	struct opv_holding *h = &opv_holdings[0];
	struct opv_log *log;

	if (h->busy || h->domain != d->id)
		return NULL;
	h->busy = true;
	atomic_signal_fence(memory_order_seq_cst);
	log = opv_log_at(d, h->index);
	if (h->domain != d->id || log->writes.busy) {
		h->busy = false;	/* a handler was here */
		return NULL;
	}
	log->writes.busy = 1;
	*index = h->index;
	return log;
}

static inline void opv_log_regive(struct opv_log *log)
{
	log->writes.busy = 0;
	atomic_signal_fence(memory_order_seq_cst);
	opv_holdings[0].busy = false;
}

/* After fork, in the child: forget what the thread held; free a domain's logs. */
void opv_log_forget(void);
void opv_log_fork(struct opv_domain *d);

static inline uint64_t opv_key_pending(uint32_t index, int cpu)
{
	return (uint64_t)(index + 1) << 32 | OPV_KEY_PENDING | (uint32_t)cpu;
}

/* The log that a key names, or NULL. */
static inline bool opv_key_log(uint64_t key, uint32_t *index)
{
	if (!(key & OPV_KEY_PENDING))
		return false;
	*index = (uint32_t)(key >> 32) - 1;
	return true;
}

/*
 * Compute: interpret a valid vector over an overlay.  Nothing is stored but in
 * the log and in reads.
 *
 * Answers 0 or i + 1 as the vector will, OPV_LOG_STALE when something changed that
 * a speculative read depended on, or OPV_LOG_CANNOT: overlaps that only the fence
 * engine sorts out.
 */
#define OPV_LOG_READS	(2 * CPU_OP_VEC_LEN_MAX)
#define OPV_LOG_STALE	(-1001)
#define OPV_LOG_CANNOT	(-1002)

struct opv_compute {
	struct opv_writes *writes;
	uint64_t base;			/* of the log's addresses */
	uint8_t *data;			/* where copies keep their bytes; NULL: where they are */
	uint32_t data_used;
	uint32_t nr_reads;
	struct opv_read reads[OPV_LOG_READS];

	/* Where the sections of speculative reads run; rseq 0: the gate is closed, just read. */
	ptrdiff_t rseq;
	struct opv_slot *slot;
	uint64_t key;			/* when it is open */
};

int opv_compute(struct opv_compute *c, const struct cpu_op *vec, int count);

/*
 * The same in bytes, with the gate closed, for vectors whose operands overlap; c->data is
 * not NULL.  OPV_LOG_CANNOT: there is an MB in it.
 */
int opv_compute_bytes(struct opv_compute *c, const struct cpu_op *vec, int count);

/*
 * Ranges in no order, none of which overlaps another: one more, with which those that it
 * overlaps become one; and the one that has that address, or NULL.
 */
void opv_range_add(struct opv_write *range, uint32_t *nr, uint64_t dst, uint64_t len);
const struct opv_write *opv_range_of(const struct opv_write *range, uint32_t nr, uint64_t addr);

/*
 * With the lock held and the gate closed: run a vector with barriers, or go on with one
 * whose stretch index is copied out already.  stretch.c
 */
int opv_stretches_run(struct opv_domain *d, int cpu, const struct cpu_op *vec, int count);
void opv_stretches_go_on(struct opv_domain *d, int cpu, uint32_t index);

/* In shared memory a log must mean the same to everybody: it writes data of the domain only. */
bool opv_log_for_all(const struct opv_domain *d, const struct cpu_op *vec, int count);

/* Copy a log out, in plain C, with the gate closed. */
void opv_log_apply(const struct opv_writes *log, uint64_t base);

#endif /* _OPV_LOG_H */
