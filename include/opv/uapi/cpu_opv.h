/* SPDX-License-Identifier: (GPL-2.0 WITH Linux-syscall-note) OR MIT */
#ifndef _OPV_UAPI_CPU_OPV_H
#define _OPV_UAPI_CPU_OPV_H

/*
 * The ABI of cpu_opv: a vector of small operations, executed in order, as if
 * by one CPU.  This comment is the specification.
 *
 *	int cpu_opv(struct cpu_op *vec, int count, int cpu, int flags);
 *
 * The vector is atomic with respect to every other vector executed as the
 * same CPU and to every restartable sequence of that CPU which goes through
 * the same gate.  It is not atomic with respect to plain or atomic accesses
 * of other CPUs: a read-modify-write operation is a plain load and a plain
 * store.
 *
 * Result: 0, all operations done.  i + 1: compare operation i stopped the
 * vector; what came before it stays done, what comes after it was not begun.
 * Negative: an error, nothing was done:
 *
 *	-EINVAL	unknown flag; cpu negative, impossible, or (cpu_opv() only)
 *		not in the caller's allowed mask; count negative or above
 *		CPU_OP_VEC_LEN_MAX; unknown operation; a length that the
 *		operation does not have; a shift by the width or more; lengths
 *		that add up to more than CPU_OP_DATA_LEN_MAX
 *	-EFAULT	vec, or an operand, is not there or is not writable
 *	-EAGAIN	the same as EFAULT, of an operand whose expect_fault byte is
 *		not zero: the pointer was read speculatively, read it again
 *	-ENOMEM	no memory for the call itself
 *	-EBUSY	the guard did not hold
 *	-EINTR	a signal came while the kernel waited (its calls only)
 *
 * They are looked for in this order: flags, cpu < 0, count, vec, operations in
 * order, sum of lengths, operands in order, cpu.
 *
 * Lengths are in bytes.  Compares and copies take 0 to CPU_OP_COPY_LEN_MAX;
 * the others 1, 2, 4 or 8; MB ignores its length and it does not count in the
 * sum.  Of a compare or copy whose length is 1, 2, 4 or 8 and whose addresses
 * are both aligned to it, each side is one access; of an arithmetic, bitwise or
 * shift operation the load and the store are one access each if aligned.
 * Everything else may tear.  A copy between ranges that overlap copies what
 * was there before it began.  Arithmetic wraps; an operand (count, mask) is
 * truncated to the length.  Byte order is the machine's.
 *
 * Order: within the vector, program order as the CPU that executes it sees it.
 * MB is a full barrier; the store of a RELEASE operation comes after everything
 * before it, for every CPU.  The whole call is a full barrier for the caller.
 *
 * count 0 is a fence: on return, every section that was in progress on cpu
 * when the call began has committed or will abort.  vec is not looked at.
 *
 * CPU_OP_GUARD_FLAG: the first operation is a guard, a COMPARE_EQ of 1, 2, 4 or
 * 8 bytes; anything else, or count 0, is -EINVAL.  It counts in neither limit
 * (count may be CPU_OP_VEC_LEN_MAX + 1) nor in the result: i is then counted from
 * the operation behind it.  If it does not hold the answer is -EBUSY and nothing
 * was done.  It is how user space lays a gate of its own before any vector.  Only
 * the kernel's own calls know this flag.
 *
 * History: numbers 0 to 9 are those of the postings of November 2017 to April
 * 2018.  The postings of autumn 2018 gave MEMCPY_RELEASE and ADD_RELEASE the
 * numbers 3 and 5; they have numbers of their own here.
 */

#ifdef __KERNEL__
# include <linux/types.h>
#else
# include <stdint.h>
#endif

#define CPU_OP_VEC_LEN_MAX	16	/* operations in a vector */
#define CPU_OP_ARG_LEN_MAX	24	/* bytes of arguments of one operation */
#define CPU_OP_COPY_LEN_MAX	4096	/* bytes of one compare or copy */
#define CPU_OP_ARITH_LEN_MAX	8	/* bytes of any other operation */
/* One copy of the largest size and 15 operations on words. */
#define CPU_OP_DATA_LEN_MAX	(CPU_OP_COPY_LEN_MAX + 15 * CPU_OP_ARITH_LEN_MAX)

enum cpu_op_type {
	CPU_COMPARE_EQ_OP = 0,		/* stop here unless *a == *b */
	CPU_COMPARE_NE_OP = 1,		/* stop here unless *a != *b */
	CPU_MEMCPY_OP = 2,		/* *dst = *src */
	CPU_ADD_OP = 3,			/* *p += count */
	CPU_OR_OP = 4,			/* *p |= mask */
	CPU_AND_OP = 5,			/* *p &= mask */
	CPU_XOR_OP = 6,			/* *p ^= mask */
	CPU_LSHIFT_OP = 7,		/* *p <<= bits */
	CPU_RSHIFT_OP = 8,		/* *p >>= bits, zeroes come in */
	CPU_MB_OP = 9,			/* full memory barrier */
	CPU_MEMCPY_RELEASE_OP = 10,	/* MEMCPY, its store a release */
	CPU_ADD_RELEASE_OP = 11,	/* ADD, its store a release */
	CPU_MIN_OP = 12,		/* *p = min(*p, count), unsigned */
	CPU_MAX_OP = 13,		/* *p = max(*p, count), unsigned */
	CPU_SMIN_OP = 14,		/* *p = min(*p, count), signed */
	CPU_SMAX_OP = 15,		/* *p = max(*p, count), signed */
	NR_CPU_OPS
};

enum cpu_opv_flags {
	CPU_OP_NR_FLAG = 1 << 0,	/* answer NR_CPU_OPS, look at nothing else */
	CPU_OP_VEC_LEN_MAX_FLAG = 1 << 1, /* answer CPU_OP_VEC_LEN_MAX, likewise */
	CPU_OP_GUARD_FLAG = 1 << 2,	/* the first operation is a guard */
};

/* 32 bytes on every machine; addresses are zero-extended to 64 bits. */
struct cpu_op {
	int32_t op;			/* enum cpu_op_type */
	uint32_t len;			/* bytes */
	union {
		struct {
			uint64_t a;
			uint64_t b;
			uint8_t expect_fault_a;
			uint8_t expect_fault_b;
		} compare_op;
		struct {
			uint64_t dst;
			uint64_t src;
			uint8_t expect_fault_dst;
			uint8_t expect_fault_src;
		} memcpy_op;
		struct {
			uint64_t p;
			int64_t count;
			uint8_t expect_fault_p;
		} arithmetic_op;
		struct {
			uint64_t p;
			uint64_t mask;
			uint8_t expect_fault_p;
		} bitwise_op;
		struct {
			uint64_t p;
			uint32_t bits;
			uint8_t expect_fault_p;
		} shift_op;
		char __padding[CPU_OP_ARG_LEN_MAX];
	} u;
};

#endif /* _OPV_UAPI_CPU_OPV_H */
