/* SPDX-License-Identifier: MIT */
#ifndef _TOOLS_BENCH_SECTION_H
#define _TOOLS_BENCH_SECTION_H

/*
 * The section of opv_add64(), instruction by instruction as in
 * <opv/arch/x86_64.h>, but for the operand that cpu_id is compared with: the
 * key in memory, or a register.  From here it can be seen what the gate costs.
 */

#include <opv/call.h>

#if defined(__x86_64__) && OPV_HAVE_SECTIONS
# define BENCH_HAVE_VARIANTS 1
#else
# define BENCH_HAVE_VARIANTS 0
#endif

#if BENCH_HAVE_VARIANTS

#define BENCH_SECTION(with)							\
	".pushsection __rseq_cs, \"aw?\"\n\t"					\
	".balign 32\n\t"							\
	"3:\n\t"								\
	".long 0, 0\n\t"							\
	".quad 1f, 2f - 1f, 4f\n\t"						\
	".popsection\n\t"							\
	"leaq 3b(%%rip), %%rax\n\t"						\
	"movq %%rax, %%fs:8(%[rseq])\n\t"					\
	"1:\n\t"								\
	"movslq %%fs:4(%[rseq]), %%rax\n\t"					\
	"movq %%rax, %%rdx\n\t"							\
	"shlq $" OPV_ASM_STR(OPV_STRIPE_SHIFT) ", %%rdx\n\t"			\
	"cmpl %%eax, " with "\n\t"						\
	"jne %l[miss]\n\t"							\
	"addq $1, " OPV_ASM_HANDLE("p") "\n\t"					\
	"2:\n\t"								\
	OPV_ASM_DISARM								\
	".pushsection __rseq_failure, \"ax?\"\n\t"				\
	".byte 0x0f, 0xb9, 0x3d\n\t"						\
	".long " OPV_ASM_STR(OPV_RSEQ_SIG) "\n\t"				\
	"4:\n\t"								\
	"jmp %l[miss]\n\t"							\
	".popsection\n\t"

/* Answer as sections do: 0, OPV_MISS. */
static inline int bench_add_key(ptrdiff_t rseq, uintptr_t slots, uint64_t *p)
{
	if (__builtin_expect(!rseq, 0))
		return OPV_MISS;
	__asm__ __volatile__ goto(BENCH_SECTION(OPV_ASM_HANDLE("slots"))
		: : [rseq] "r"(rseq), [slots] "r"(slots), [p] "r"(p)
		: OPV_ASM_CLOBBERS : miss);
	return 0;
miss:
	return OPV_MISS;
}

/* slots is not used, but there: the two differ in the compare and in nothing else. */
static inline int bench_add_register(ptrdiff_t rseq, uintptr_t slots, int cpu, uint64_t *p)
{
	if (__builtin_expect(!rseq, 0))
		return OPV_MISS;
	__asm__ __volatile__ goto(BENCH_SECTION("%[cpu]")
		: : [rseq] "r"(rseq), [slots] "r"(slots), [cpu] "r"(cpu), [p] "r"(p)
		: OPV_ASM_CLOBBERS : miss);
	return 0;
miss:
	return OPV_MISS;
}

#endif /* BENCH_HAVE_VARIANTS */

#endif /* _TOOLS_BENCH_SECTION_H */
