/* SPDX-License-Identifier: (GPL-2.0 WITH Linux-syscall-note) OR MIT */
#ifndef _OPV_UAPI_OPS_H
#define _OPV_UAPI_OPS_H

/*
 * THE list of vector operations: validation, interpreter, builders, texts, tests
 * and the man page come from it.  The numbers are ABI; cpu_opv.h spells them for
 * its readers, core/check.h asserts that both say the same.
 *
 * X(NAME, number, shape, name in text, the effect in C)
 *
 * shape	operands		lengths
 * COMPARE	a, b			0..CPU_OP_COPY_LEN_MAX
 * COPY		dst, src		0..CPU_OP_COPY_LEN_MAX
 * ARITH	p, count		1, 2, 4, 8
 * BITWISE	p, mask			1, 2, 4, 8
 * SHIFT	p, bits < 8 * len	1, 2, 4, 8
 * NONE		-			any, ignored
 *
 * In the effect, v is the value of *p, n the count, mask or bits, both of len
 * bytes and extended by zeroes; what goes beyond len bytes is dropped.  equal says
 * whether the operands are.
 */
#define OPV_OPS(X)							\
	X(COMPARE_EQ,	  0, COMPARE, compare_eq,     equal)		\
	X(COMPARE_NE,	  1, COMPARE, compare_ne,     !equal)		\
	X(MEMCPY,	  2, COPY,    memcpy,	      0)		\
	X(ADD,		  3, ARITH,   add,	      v + n)		\
	X(OR,		  4, BITWISE, or,	      v | n)		\
	X(AND,		  5, BITWISE, and,	      v & n)		\
	X(XOR,		  6, BITWISE, xor,	      v ^ n)		\
	X(LSHIFT,	  7, SHIFT,   lshift,	      v << n)		\
	X(RSHIFT,	  8, SHIFT,   rshift,	      v >> n)		\
	X(MB,		  9, NONE,    mb,	      0)		\
	X(MEMCPY_RELEASE, 10, COPY,   memcpy_release, 0)		\
	X(ADD_RELEASE,	  11, ARITH,  add_release,    v + n)		\
	X(MIN,		  12, ARITH,  min,	      v < n ? v : n)	\
	X(MAX,		  13, ARITH,  max,	      v > n ? v : n)	\
	X(SMIN,		  14, ARITH,  smin,	      opv_signed(v, len) < opv_signed(n, len) ? v : n) \
	X(SMAX,		  15, ARITH,  smax,	      opv_signed(v, len) > opv_signed(n, len) ? v : n)

#endif /* _OPV_UAPI_OPS_H */
