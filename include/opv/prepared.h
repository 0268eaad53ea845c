/* SPDX-License-Identifier: MIT */
#ifndef _OPV_PREPARED_H
#define _OPV_PREPARED_H

/*
 * Prepared vectors: checked once, run many times, with parameters.
 *
 *	struct cpu_op vec[] = {
 *		opv_op_compare_eq(&h->head, OPV_PARAM(0), 8),
 *		opv_op_memcpy(&h->head, OPV_PARAM(1), 8),
 *		opv_op_add(&h->count, 1, 8),
 *	};
 *	struct opv_prepared p;
 *
 *	opv_prepare(&p, d, vec, 3);
 *	...
 *	uint64_t params[2] = { old, new };
 *	ret = opv_run_prepared(&p, params, OPV_THIS_CPU);
 *
 * What is like opv_vector(): what a vector does, its limits, its results.  What
 * is different: an operand may also be a handle of the domain, and means the
 * instance of the CPU that the vector is run as; or a parameter, an element of the
 * array that each run is given.  And operands are looked at when the vector is
 * prepared: memory that is unmapped later faults.
 */

#include <stdint.h>

#include <opv/vector.h>

OPV_BEGIN_DECLS

#define OPV_NR_PARAMS	16

/*
 * As an operand: parameter i, 0 <= i < OPV_NR_PARAMS, 8 bytes; shorter operations
 * take its first bytes.  A parameter that is written (a value fetched, say) is
 * written in the array.
 */
#define OPV_PARAM(i)	((void *)(UINTPTR_MAX - 4095 + 8 * (uintptr_t)(i)))

/*
 * The caller's memory: a vector as it was prepared.  Its fields are the library's.
 *
 * steps: what a section executes, if it is quick; addresses are handles or parameters or
 * themselves.
 */
struct opv_step {
	int32_t op;			/* as in struct cpu_op */
	uint32_t len;
	uint64_t a, b;
	uint8_t a_kind, b_kind;
	uint8_t reserved[6];
};

struct opv_prepared {
	struct opv_domain *domain;
	int32_t count;
	uint32_t operand_params;	/* a bit for each operation whose count or mask is a parameter */
	struct cpu_op vec[CPU_OP_VEC_LEN_MAX];

	uint32_t quick;			/* 0, or the width of the only store, or 8; 16 more by mm_cid */
	uint32_t nr_stores;
	struct opv_step steps[CPU_OP_VEC_LEN_MAX];
};

/*
 * opv_prepare - check a vector for opv_run_prepared()
 * @p: filled; may be copied, needs no release, must not outlive the domain
 * @d: the domain, NULL for the default one
 * @vec: 1 to CPU_OP_VEC_LEN_MAX operations, operands as above
 * @count: how many
 *
 * Errors: those of opv_vector(), @p is not usable then.
 *
 * Thread-safe, async-signal-safe.
 */
int opv_prepare(struct opv_prepared *p, struct opv_domain *d, const struct cpu_op *vec, int count);

/*
 * opv_prepare_operand - let the count, mask or bits of an operation be a parameter
 * @p: prepared
 * @i: the operation, which is an arithmetic or bitwise one or a shift
 * @param: 0 <= param < OPV_NR_PARAMS.  The bits of a shift are taken modulo the width.
 *
 * Errors: -EINVAL no such operation or parameter.
 *
 * @p is the caller's: one thread at a time.
 *
 * Thread-safe, async-signal-safe.
 */
int opv_prepare_operand(struct opv_prepared *p, int i, int param);

/*
 * opv_run_prepared - run it
 * @p: prepared
 * @params: as many as it uses; NULL if none
 * @cpu: 0 <= cpu < opv_domain_cpus(), or OPV_THIS_CPU
 *
 * Result: as opv_vector(), without -EFAULT.
 *
 * Thread-safe, async-signal-safe.
 */
int opv_run_prepared(const struct opv_prepared *p, uint64_t *params, int cpu);

OPV_END_DECLS

#endif /* _OPV_PREPARED_H */
