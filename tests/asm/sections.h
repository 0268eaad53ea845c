/* SPDX-License-Identifier: MIT */
#ifndef _TESTS_ASM_SECTIONS_H
#define _TESTS_ASM_SECTIONS_H

/* Every section there is: each call in its eight forms, with constant and other operands. */

#include <opv/opv.h>

#define EACH(name, attributes, params, ...)					\
	attributes int sec_##name params;					\
	attributes int sec_##name params					\
	{									\
		return __VA_ARGS__;						\
	}

#ifndef ATTRIBUTES
# define ATTRIBUTES __attribute__((__noinline__))
#endif

#define OPV_RMW(name, name_at, bits, op, order)				\
	RMW_FORM(name, name_at, bits) RMW_FORM(name##_cid, name##_cid_at, bits)
#define RMW_FORM(name, name_at, bits)					\
EACH(name, ATTRIBUTES, (struct opv_domain *d, uint##bits##_t *p, uint##bits##_t n, int cpu), \
     name(p, n, cpu) + name(p, 3, OPV_THIS_CPU) + name_at(d, p, n, cpu) +	\
     name_at(d, p, 3, OPV_THIS_CPU))
#define OPV_FETCH(name, name_at, bits, op, order)			\
	FETCH_FORM(name, name_at, bits) FETCH_FORM(name##_cid, name##_cid_at, bits)
#define FETCH_FORM(name, name_at, bits)					\
EACH(name, ATTRIBUTES, (struct opv_domain *d, uint##bits##_t *p, uint##bits##_t n, int cpu), \
     name(p, n, &n, cpu) + name(p, 3, &n, OPV_THIS_CPU) + name_at(d, p, n, &n, cpu) + \
     name_at(d, p, 3, &n, OPV_THIS_CPU))
#define OPV_CMPXCHG(name, name_at, bits, op, order)			\
	CMPXCHG_FORM(name, name_at, bits) CMPXCHG_FORM(name##_cid, name##_cid_at, bits)
#define CMPXCHG_FORM(name, name_at, bits)				\
EACH(name, ATTRIBUTES, (struct opv_domain *d, uint##bits##_t *p, uint##bits##_t n, int cpu), \
     name(p, n, n, &n, cpu) + name(p, 3, 4, &n, OPV_THIS_CPU) +		\
     name_at(d, p, n, n, &n, cpu) + name_at(d, p, 3, 4, &n, OPV_THIS_CPU))
#define ARGS_push(n)			8, &n
#define ARGS_cmpne_load_off(n)		n, 8, &n
#define ARGS_cmpeq_store(n)		n, n
#define ARGS_cmpeq_cmpeq_store(n)	n, p, n, n
#define ARGS_cmpeq_store_store(n)	n, p, n, n
#define ARGS_cmpeq_copy_store(n)	n, p, &n, 8, n
#define OPV_WORD(name, name_at, op, order)				\
	WORD_FORM(name, name_at, op) WORD_FORM(name##_cid, name##_cid_at, op)
#define WORD_FORM(name, name_at, op)					\
EACH(name, ATTRIBUTES, (struct opv_domain *d, intptr_t *p, intptr_t n, int cpu), \
     name(p, ARGS_##op(n), cpu) + name(p, ARGS_##op(n), OPV_THIS_CPU) +	\
     name_at(d, p, ARGS_##op(n), cpu) + name_at(d, p, ARGS_##op(n), OPV_THIS_CPU))
#include <opv/calls.def>
#undef OPV_RMW
#undef OPV_FETCH
#undef OPV_CMPXCHG
#undef OPV_WORD

#endif /* _TESTS_ASM_SECTIONS_H */
