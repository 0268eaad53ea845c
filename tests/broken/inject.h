/* SPDX-License-Identifier: MIT */
#ifndef _TESTS_INJECT_H
#define _TESTS_INJECT_H

/*
 * -include inject.h: every section aborts at the numbered points whose bits are
 * set in the program's inject_mask (1: armed, 2: key open, 3: before the commit).
 *
 * -DINJECT_DELAY: instead every section dawdles there, in front of its commit, so that whatever
 * comes between has time to.
 */
#ifdef INJECT_DELAY
# define INJECT_AT_1
# define INJECT_AT_2
# ifndef INJECT_TURNS
#  define INJECT_TURNS "10"
# endif
# define INJECT_AT_3	".rept " INJECT_TURNS "\n\tpause\n\t.endr\n\t"	/* takes no register */
#else
# define INJECT_AT_1	"testb $2, inject_mask(%%rip)\n\t" "jnz 4f\n\t"
# define INJECT_AT_2	"testb $4, inject_mask(%%rip)\n\t" "jnz 4f\n\t"
# define INJECT_AT_3	"testb $8, inject_mask(%%rip)\n\t" "jnz 4f\n\t"
#endif
#define OPV_INJECT(point) INJECT_AT_##point

#endif /* _TESTS_INJECT_H */
