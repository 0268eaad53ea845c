/* SPDX-License-Identifier: MIT */
#ifndef _OPV_VECTOR_H
#define _OPV_VECTOR_H

/*
 * Vectors: up to 16 small operations on any addresses, executed as one CPU, all
 * of them or, when a compare stops it, all before that compare.  What one
 * operation does, the lengths and the errors: <opv/uapi/cpu_opv.h>.
 *
 *	struct cpu_op vec[] = {
 *		opv_op_compare_eq(&head, &expect, sizeof(head)),
 *		opv_op_memcpy(&head, &node, sizeof(head)),
 *		opv_op_add(&count, 1, sizeof(count)),
 *	};
 *	ret = opv_vector(d, vec, 3, cpu);
 *
 * Operands are addresses, opv_ptr(handle, cpu) for an instance of a handle.
 * They are checked before anything is done: one that is not mapped, not
 * writable where it is written, in the control words of a domain, or to be written
 * in the per-CPU memory of another domain than @d is -EFAULT (-EAGAIN where its
 * expect_fault byte is set).  The check cannot see what another thread unmaps
 * while the vector runs; that faults, as in any C program.  For the same reason a
 * signal handler that interrupted a vector does not leave it by longjmp() unless all
 * operands outlive that.
 */

#include <stdint.h>

#include <opv/domain.h>
#include <opv/uapi/cpu_opv.h>
#include <opv/uapi/ops.h>

OPV_BEGIN_DECLS

/*
 * opv_vector - execute a vector as one CPU
 * @d: the domain that the data belongs to, NULL for the default one
 * @vec: @count operations; not read when @count is 0.  Words in the domain's data
 *	and in the caller's stack frame are the quickest operands: any other is
 *	looked at by a system call.
 * @count: 0 (a fence) to CPU_OP_VEC_LEN_MAX
 * @cpu: 0 <= cpu < opv_domain_cpus(@d), or OPV_THIS_CPU; online or not, in the
 *	caller's affinity mask or not
 *
 * Result: 0; i + 1, compare operation i stopped it; -EINVAL, -EFAULT, -EAGAIN as
 * in the ABI; -EPERM, -ETIMEDOUT, -EDEADLK as for calls (<opv/call.h>); nothing
 * is done on any error.
 *
 * What precedes the call is done before the vector, what follows it after its
 * reads.  That is acquire and release; a vector of count 0, or one with an
 * opv_op_mb() in it, is a full barrier.
 *
 * Thread-safe, async-signal-safe.
 */
int opv_vector(struct opv_domain *d, const struct cpu_op *vec, int count, int cpu);

/*
 * struct opv_request - one vector of opv_vectors()
 * @vec, @count, @cpu: as above, but for OPV_THIS_CPU
 * @result: set to what opv_vector() would have answered
 */
struct opv_request {
	const struct cpu_op *vec;
	int count;
	int cpu;
	int result;
};

/*
 * opv_vectors - execute vectors as many CPUs, under one fence
 * @d: the domain, NULL for the default one
 * @requests: executed in order; several may name the same CPU; they and their
 *	vectors must not change meanwhile
 * @nr: how many, 0 to 65536
 *
 * All CPUs are closed, fenced together, served, and opened again: a drain or an
 * exact sum costs one fence rather than one a CPU, and sees all of them at one
 * moment.  A stop of one vector does not stop the others.
 *
 * Result: 0 when all was executed, the results being in @requests; -EINVAL,
 * -EFAULT, -EAGAIN, -EPERM, -ETIMEDOUT, -EDEADLK, -ENOMEM as above for the first
 * request that has the error, and none was begun; @result says which it was.
 *
 * Thread-safe, async-signal-safe.
 */
int opv_vectors(struct opv_domain *d, struct opv_request *requests, int nr);

/*
 * opv_fence - wait until the sections of a CPU that are in progress are over
 * @d: the domain, NULL for the default one
 * @cpu: 0 <= cpu < opv_domain_cpus(@d), OPV_THIS_CPU or OPV_ALL_CPUS
 *
 * On return each section of @d that had begun on @cpu has committed, and what
 * it did is visible, or will never commit.
 *
 * Result: 0, -EINVAL, -EPERM, -ETIMEDOUT, -EDEADLK, -ENOMEM as above.
 *
 * Thread-safe, async-signal-safe.
 */
int opv_fence(struct opv_domain *d, int cpu);

/*
 * cpu_opv - the system call of 2018, as a function, on the default domain
 *
 * As the ABI says to the letter, with -errno as its result; in particular @cpu
 * must be in the caller's affinity mask, or possible and offline.  Programs that expect -1 and errno
 * include the headers of the compatibility folder.
 *
 * Thread-safe, async-signal-safe.
 */
int cpu_opv(struct cpu_op *vec, int count, int cpu, int flags);

/*
 * opv_op_... - one operation of a vector
 * @a, @b, @dst, @src, @p: addresses, not touched here
 * @len: bytes
 *
 * expect_fault bytes are 0; opv_op_expect_fault() sets those of both operands.
 *
 * Thread-safe, async-signal-safe.
 */
#define OPV_VECTOR_INLINE static inline __attribute__((__unused__))

#define OPV_OP_SHAPE_COMPARE(text, number)				\
OPV_VECTOR_INLINE struct cpu_op						\
opv_op_##text(const void *a, const void *b, uint32_t len)		\
{									\
	struct cpu_op op = { number, len, { { 0, 0, 0, 0 } } };		\
									\
	op.u.compare_op.a = (uintptr_t)a;				\
	op.u.compare_op.b = (uintptr_t)b;				\
	return op;							\
}

#define OPV_OP_SHAPE_COPY(text, number)					\
OPV_VECTOR_INLINE struct cpu_op						\
opv_op_##text(void *dst, const void *src, uint32_t len)			\
{									\
	struct cpu_op op = { number, len, { { 0, 0, 0, 0 } } };		\
									\
	op.u.memcpy_op.dst = (uintptr_t)dst;				\
	op.u.memcpy_op.src = (uintptr_t)src;				\
	return op;							\
}

#define OPV_OP_SHAPE_ARITH(text, number)				\
OPV_VECTOR_INLINE struct cpu_op						\
opv_op_##text(void *p, int64_t count, uint32_t len)			\
{									\
	struct cpu_op op = { number, len, { { 0, 0, 0, 0 } } };		\
									\
	op.u.arithmetic_op.p = (uintptr_t)p;				\
	op.u.arithmetic_op.count = count;				\
	return op;							\
}

#define OPV_OP_SHAPE_BITWISE(text, number)				\
OPV_VECTOR_INLINE struct cpu_op						\
opv_op_##text(void *p, uint64_t mask, uint32_t len)			\
{									\
	struct cpu_op op = { number, len, { { 0, 0, 0, 0 } } };		\
									\
	op.u.bitwise_op.p = (uintptr_t)p;				\
	op.u.bitwise_op.mask = mask;					\
	return op;							\
}

#define OPV_OP_SHAPE_SHIFT(text, number)				\
OPV_VECTOR_INLINE struct cpu_op						\
opv_op_##text(void *p, uint32_t bits, uint32_t len)			\
{									\
	struct cpu_op op = { number, len, { { 0, 0, 0, 0 } } };		\
									\
	op.u.shift_op.p = (uintptr_t)p;					\
	op.u.shift_op.bits = bits;					\
	return op;							\
}

#define OPV_OP_SHAPE_NONE(text, number)					\
OPV_VECTOR_INLINE struct cpu_op						\
opv_op_##text(void)							\
{									\
	struct cpu_op op = { number, 0, { { 0, 0, 0, 0 } } };		\
									\
	return op;							\
}

#define X(name, number, shape, text, effect) OPV_OP_SHAPE_##shape(text, number)
OPV_OPS(X)
#undef X

/* The same operation, answering EAGAIN rather than EFAULT for its operands. */
OPV_VECTOR_INLINE struct cpu_op opv_op_expect_fault(struct cpu_op op)
{
	switch (op.op) {
	case CPU_LSHIFT_OP:
	case CPU_RSHIFT_OP:
		op.u.shift_op.expect_fault_p = 1;
		break;
	default:
		op.u.compare_op.expect_fault_a = 1;
		op.u.compare_op.expect_fault_b = 1;
	}
	return op;
}

OPV_END_DECLS

#endif /* _OPV_VECTOR_H */
