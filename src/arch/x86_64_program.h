/* SPDX-License-Identifier: MIT */
#ifndef _OPV_SRC_ARCH_X86_64_PROGRAM_H
#define _OPV_SRC_ARCH_X86_64_PROGRAM_H

/*
 * The section that runs a program, on x86-64: what the quick road of the local
 * engine is made of.  docs/local.md.
 */

#include "x86_64.h"

/*
 * A program, struct opv_program: computed in here, so that nothing that was read
 * needs to be confirmed.  The section commits, or none of it was.
 *
 *	for (s = steps; s != end; s++) {
 *		a = s->a + base[s->a_kind], b = s->b + base[s->b_kind];
 *		a compare: if it does not hold, stop
 *		others: *write++ = { a, what *a becomes, s->len }
 *	}
 *	writes->nr = how many there are, if a compare stopped it
 *	base[OPV_PROGRAM_AT] = s
 *	commit: *commit->dst = commit->value, if there is anything to write: the key gets
 *		to name the log, or the only write is done
 *
 * rsi: s; rdi: write; rcx: a; rdx: b, then the new value.
 */
#define OPV_STEP_STORE(len)						\
	"movq %%rcx, (%%rdi)\n\t"					\
	"movq %%rdx, 8(%%rdi)\n\t"					\
	"movq $" #len ", 16(%%rdi)\n\t"					\
	"addq $24, %%rdi\n\t"						\
	"jmp 5b\n"

/* Of one width: load extends by zeroes to r32, s is its suffix, r the name of rdx in it. */
#define OPV_STEP_WIDTH(len, load, r32, s, r)				\
	"10" #len ":\n\t"						\
	load " (%%rdx), %%" r32 "\n\t"					\
	"cmp" s " %%" r ", (%%rcx)\n\t"					\
	"je 5b\n\t"							\
	"jmp 7f\n"							\
	"11" #len ":\n\t"						\
	load " (%%rdx), %%" r32 "\n\t"					\
	"cmp" s " %%" r ", (%%rcx)\n\t"					\
	"jne 5b\n\t"							\
	"jmp 7f\n"							\
	"12" #len ":\n\t"						\
	load " (%%rdx), %%" r32 "\n\t"					\
	OPV_STEP_STORE(len)						\
	OPV_STEP_RMW(13, 17, len, load, r32, "add" s, r)		\
	OPV_STEP_RMW(14, 18, len, load, r32, "or" s, r)			\
	OPV_STEP_RMW(15, 19, len, load, r32, "and" s, r)		\
	OPV_STEP_RMW(16, 20, len, load, r32, "xor" s, r)

#define OPV_STEP_RMW(value, param, len, load, r32, insn, r)		\
	#param #len ":\n\t"						\
	load " (%%rdx), %%" r32 "\n"					\
	#value #len ":\n\t"						\
	insn " (%%rcx), %%" r "\n\t"					\
	OPV_STEP_STORE(len)

/* By enum cpu_op_type, or OPV_STEP_PARAM_OP of it, and by length; labels are OPERATION LENGTH. */
#define OPV_STEP_ROW(op)						\
	".long 30f - 9b, " #op "1f - 9b, " #op "2f - 9b, 30f - 9b, " #op "4f - 9b, " \
	"30f - 9b, 30f - 9b, 30f - 9b, " #op "8f - 9b\n\t"		\
	".rept 7\n\t.long 30f - 9b\n\t.endr\n\t"
#define OPV_STEP_NO_ROW							\
	".rept 16\n\t.long 30f - 9b\n\t.endr\n\t"

#define OPV_STEP_TABLE							\
	".pushsection .rodata\n\t"					\
	".balign 4\n"							\
	"9:\n\t"							\
	OPV_STEP_ROW(10) OPV_STEP_ROW(11) OPV_STEP_ROW(12)		\
	OPV_STEP_ROW(13) OPV_STEP_ROW(14) OPV_STEP_ROW(15) OPV_STEP_ROW(16) \
	OPV_STEP_NO_ROW OPV_STEP_NO_ROW OPV_STEP_NO_ROW			\
	OPV_STEP_ROW(12) OPV_STEP_ROW(13)				\
	OPV_STEP_ROW(17) OPV_STEP_ROW(18) OPV_STEP_ROW(19) OPV_STEP_ROW(20) \
	".popsection\n\t"

#define OPV_LOCAL_PROGRAM_BY(name, by, attributes, insn)			\
static attributes int name(ptrdiff_t rseq, struct opv_slot *slot, uint64_t key, \
			   const struct opv_program *g)			\
{									\
	__asm__ __volatile__ goto(					\
		OPV_STEP_TABLE						\
		"leaq 9b(%%rip), %%r8\n\t"				\
		"leaq %c[write](%[writes]), %%rdi\n\t"			\
		"movq %[steps], %%rsi\n\t"				\
		OPV_LOCAL_BEGIN(by)					\
		"cmpq %[key], (%[slot])\n\t"				\
		"jne %l[miss]\n\t"					\
		"jmp 6f\n"						\
		"5:\n\t"						\
		"addq $32, %%rsi\n\t"					\
		"cmpq %[end], %%rsi\n\t"				\
		"je 8f\n"						\
		"6:\n\t"						\
		"movzbl 24(%%rsi), %%eax\n\t"				\
		"movq 8(%%rsi), %%rcx\n\t"				\
		"addq (%[base], %%rax, 8), %%rcx\n\t"			\
		"movzbl 25(%%rsi), %%eax\n\t"				\
		"movq 16(%%rsi), %%rdx\n\t"				\
		"addq (%[base], %%rax, 8), %%rdx\n\t"			\
		"movl (%%rsi), %%eax\n\t"				\
		"shll $4, %%eax\n\t"					\
		"addl 4(%%rsi), %%eax\n\t"				\
		"movzbl %%al, %%eax\n\t"				\
		"movslq (%%r8, %%rax, 4), %%rax\n\t"			\
		"addq %%r8, %%rax\n\t"					\
		"jmp *%%rax\n"						\
		OPV_STEP_WIDTH(8, "movq", "rdx", "q", "rdx")		\
		OPV_STEP_WIDTH(4, "movl", "edx", "l", "edx")		\
		OPV_STEP_WIDTH(2, "movzwl", "edx", "w", "dx")		\
		OPV_STEP_WIDTH(1, "movzbl", "edx", "b", "dl")		\
		"30:\n\t"						\
		"jmp %l[miss]\n"					\
		"7:\n\t"						\
		"leaq %c[write](%[writes]), %%rax\n\t"			\
		"subl %%eax, %%edi\n\t"					\
		"imull $0xaaab, %%edi, %%edi\n\t"	/* by 24, below 4096 */ \
		"shrl $20, %%edi\n\t"					\
		"movl %%edi, (%[writes])\n"				\
		"8:\n\t"						\
		"movq %%rsi, %c[at](%[base])\n\t"			\
		"cmpl $0, (%[writes])\n\t"				\
		"je %l[nothing]\n\t"					\
		"movq (%[commit]), %%rcx\n\t"				\
		"movq 8(%[commit]), %%rdx\n\t"				\
		insn "\n\t"						\
		OPV_LOCAL_END						\
		:							\
		: [rseq] "r"(rseq), [slot] "r"(slot), [key] "r"(key),	\
		  [steps] "r"(g->steps), [end] "r"(g->end), [writes] "r"(g->writes), \
		  [base] "r"(g->base), [commit] "r"(g->commit),		\
		  [write] "i"(offsetof(struct opv_writes, write)),	\
		  [at] "i"(8 * OPV_PROGRAM_AT)				\
		: "rax", "rcx", "rdx", "rsi", "rdi", "r8", "memory", "cc" \
		: miss, abort, nothing);				\
	return 0;							\
nothing:								\
	return 0;							\
miss:									\
	return OPV_MISS;						\
abort:									\
	return OPV_ABORT;						\
}

/* By mm_cid out of line: the quick road is the CPU's. */
#define OPV_LOCAL_PROGRAM(name, attributes, insn)			\
OPV_LOCAL_PROGRAM_BY(name##_by_cpu, OPV_LOCAL_BY_CPU, attributes, insn)	\
OPV_LOCAL_PROGRAM_BY(name##_by_cid, OPV_LOCAL_BY_CID, __attribute__((__noinline__)), insn) \
static inline __attribute__((__always_inline__))			\
int name(ptrdiff_t rseq, struct opv_slot *slot, uint64_t key, const struct opv_program *g, \
	 bool by_cid)							\
{									\
	return by_cid ? name##_by_cid(rseq, slot, key, g) : name##_by_cpu(rseq, slot, key, g); \
}

OPV_LOCAL_PROGRAM(opv_local_program8, inline __attribute__((__always_inline__)),
		  "movq %%rdx, (%%rcx)")
OPV_LOCAL_PROGRAM(opv_local_program4, __attribute__((__noinline__)), "movl %%edx, (%%rcx)")
OPV_LOCAL_PROGRAM(opv_local_program2, __attribute__((__noinline__)), "movw %%dx, (%%rcx)")
OPV_LOCAL_PROGRAM(opv_local_program1, __attribute__((__noinline__)), "movb %%dl, (%%rcx)")

#endif /* _OPV_SRC_ARCH_X86_64_PROGRAM_H */
