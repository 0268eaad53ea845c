/* SPDX-License-Identifier: MIT */
#ifndef _OPV_SRC_ARCH_X86_64_H
#define _OPV_SRC_ARCH_X86_64_H

/*
 * The sections of the local engine on x86-64: confirm what was read and commit
 * one store; apply a published log.  Registers and signature as in
 * <opv/arch/x86_64.h>; what they are for, docs/local.md.
 *
 * They leave rseq_cs armed; whoever is done with them disarms it, once.
 */

#include <stddef.h>

#include "../log.h"

/*
 * Each section twice, NAME_by_cpu() and NAME_by_cid(); NAME() is the one that the key is
 * for.  key is what the slot's is when it is open, and so says which slot, too.
 */
#define OPV_LOCAL_BY_CPU						\
	"cmpl %k[key], %%fs:4(%[rseq])\n\t"				\
	"jne %l[miss]\n\t"
#define OPV_LOCAL_BY_CID						\
	"cmpl $0, %%fs:4(%[rseq])\n\t"					\
	"jl %l[miss]\n\t"						\
	"movl %%fs:24(%[rseq]), %%eax\n\t"				\
	"orl $" OPV_ASM_STR(OPV_KEY_CID) ", %%eax\n\t"			\
	"cmpl %k[key], %%eax\n\t"					\
	"jne %l[miss]\n\t"

static inline int opv_local_is_cid(uint64_t key)
{
	return (key & OPV_KEY_CID) != 0;
}

/* A store to be the commit must be the last instruction of its section. */
#define OPV_LOCAL_BEGIN(by)						\
	".pushsection __rseq_cs, \"aw?\"\n\t"				\
	".balign 32\n\t"						\
	"3:\n\t"							\
	".long 0, 0\n\t"						\
	".quad 1f, 2f - 1f, 4f\n\t"					\
	".popsection\n\t"						\
	"leaq 3b(%%rip), %%rax\n\t"					\
	"movq %%rax, %%fs:8(%[rseq])\n\t"				\
	"1:\n\t"							\
	by

#define OPV_LOCAL_END							\
	"2:\n\t"							\
	".pushsection __rseq_failure, \"ax?\"\n\t"			\
	".byte 0x0f, 0xb9, 0x3d\n\t"					\
	".long " OPV_ASM_STR(OPV_RSEQ_SIG) "\n\t"			\
	"4:\n\t"							\
	"jmp %l[abort]\n\t"						\
	".popsection\n\t"

/* The key is open and each struct opv_read in [reads, end) has the value it had. */
#define OPV_LOCAL_CONFIRM						\
	"cmpq %[key], (%[slot])\n\t"					\
	"jne %l[miss]\n\t"						\
	"movq %[reads], %%rdx\n"					\
	"6:\n\t"							\
	"cmpq %[end], %%rdx\n\t"					\
	"je 8f\n\t"							\
	"movq (%%rdx), %%rsi\n\t"					\
	"movq 8(%%rdx), %%rdi\n\t"					\
	"movq 16(%%rdx), %%rcx\n\t"					\
	"addq $24, %%rdx\n\t"						\
	"cmpq $8, %%rcx\n\t"						\
	"jne 7f\n\t"							\
	"cmpq %%rdi, (%%rsi)\n\t"					\
	"je 6b\n\t"							\
	"jmp %l[changed]\n"						\
	"7:\n\t"							\
	"cmpq $4, %%rcx\n\t"						\
	"jne 7f\n\t"							\
	"cmpl %%edi, (%%rsi)\n\t"					\
	"je 6b\n\t"							\
	"jmp %l[changed]\n"						\
	"7:\n\t"							\
	"cmpq $2, %%rcx\n\t"						\
	"jne 7f\n\t"							\
	"cmpw %%di, (%%rsi)\n\t"					\
	"je 6b\n\t"							\
	"jmp %l[changed]\n"						\
	"7:\n\t"							\
	"cmpq $1, %%rcx\n\t"						\
	"jne 7f\n\t"							\
	"cmpb %%dil, (%%rsi)\n\t"					\
	"je 6b\n\t"							\
	"jmp %l[changed]\n"						\
	"7:\n\t"							\
	"repe cmpsb\n\t"						\
	"je 6b\n\t"							\
	"jmp %l[changed]\n"						\
	"8:\n\t"

#define OPV_LOCAL_COMMIT_BY(name, by, type, insn)			\
static inline int name(ptrdiff_t rseq, struct opv_slot *slot, uint64_t key, \
		       const struct opv_read *reads, const struct opv_read *end, \
		       void *p, type value)				\
{									\
	__asm__ __volatile__ goto(					\
		OPV_LOCAL_BEGIN(by)					\
		OPV_LOCAL_CONFIRM					\
		insn "\n\t"						\
		OPV_LOCAL_END						\
		:							\
		: [rseq] "r"(rseq), [slot] "r"(slot), [key] "r"(key),	\
		  [reads] "r"(reads), [end] "r"(end), [p] "r"(p), [v] "r"(value) \
		: "rax", "rcx", "rdx", "rsi", "rdi", "memory", "cc"	\
		: miss, abort, changed);				\
	return 0;							\
changed:								\
	return OPV_CHANGED;						\
miss:									\
	return OPV_MISS;						\
abort:									\
	return OPV_ABORT;						\
}

#define OPV_LOCAL_COMMIT(name, type, insn)				\
OPV_LOCAL_COMMIT_BY(name##_by_cpu, OPV_LOCAL_BY_CPU, type, insn)	\
OPV_LOCAL_COMMIT_BY(name##_by_cid, OPV_LOCAL_BY_CID, type, insn)	\
static inline int name(ptrdiff_t rseq, struct opv_slot *slot, uint64_t key, \
		       const struct opv_read *reads, const struct opv_read *end, \
		       void *p, type value)				\
{									\
	return opv_local_is_cid(key) ? name##_by_cid(rseq, slot, key, reads, end, p, value) : \
				       name##_by_cpu(rseq, slot, key, reads, end, p, value); \
}

OPV_LOCAL_COMMIT(opv_local_commit8, uint8_t, "movb %b[v], (%[p])")
OPV_LOCAL_COMMIT(opv_local_commit16, uint16_t, "movw %w[v], (%[p])")
OPV_LOCAL_COMMIT(opv_local_commit32, uint32_t, "movl %k[v], (%[p])")
OPV_LOCAL_COMMIT(opv_local_commit64, uint64_t, "movq %q[v], (%[p])")
/* No store: what was read was so at one moment. */
OPV_LOCAL_COMMIT(opv_local_confirm, uint64_t, "")
/*
 * Reads through a pointer that may be stale, right after what it came from was
 * confirmed: *value = *p.  value is the caller's own; it is no commit.
 */
OPV_LOCAL_COMMIT(opv_local_read8, uint64_t, "movzbl (%[p]), %%eax\n\tmovq %%rax, (%[v])")
OPV_LOCAL_COMMIT(opv_local_read16, uint64_t, "movzwl (%[p]), %%eax\n\tmovq %%rax, (%[v])")
OPV_LOCAL_COMMIT(opv_local_read32, uint64_t, "movl (%[p]), %%eax\n\tmovq %%rax, (%[v])")
OPV_LOCAL_COMMIT(opv_local_read64, uint64_t, "movq (%[p]), %%rax\n\tmovq %%rax, (%[v])")

/*
 * While the key is still pending: copy the log out, open the key.  All that is
 * read of the log is read in here.
 */
#define OPV_LOCAL_APPLY_BY(name, by)					\
static inline int name(ptrdiff_t rseq, struct opv_slot *slot, uint64_t key, \
				  uint64_t pending, const struct opv_writes *log, uint64_t base) \
{									\
	__asm__ __volatile__ goto(					\
		OPV_LOCAL_BEGIN(by)					\
		"cmpq %[pending], (%[slot])\n\t"			\
		"jne %l[miss]\n\t"					\
		"movl (%[log]), %%eax\n\t"				\
		"leaq (%%rax, %%rax, 2), %%rax\n\t"			\
		"leaq %c[writes](%[log]), %%rdx\n\t"			\
		"leaq (%%rdx, %%rax, 8), %%rax\n"			\
		"6:\n\t"						\
		"cmpq %%rax, %%rdx\n\t"					\
		"je 8f\n\t"						\
		"movq (%%rdx), %%rdi\n\t"				\
		"movq 8(%%rdx), %%rsi\n\t"				\
		"movq 16(%%rdx), %%rcx\n\t"				\
		"addq %[base], %%rdi\n\t"				\
		"addq $24, %%rdx\n\t"					\
		"cmpq $8, %%rcx\n\t"					\
		"jne 7f\n\t"						\
		"movq %%rsi, (%%rdi)\n\t"				\
		"jmp 6b\n"						\
		"7:\n\t"						\
		"cmpq $4, %%rcx\n\t"					\
		"jne 7f\n\t"						\
		"movl %%esi, (%%rdi)\n\t"				\
		"jmp 6b\n"						\
		"7:\n\t"						\
		"cmpq $2, %%rcx\n\t"					\
		"jne 7f\n\t"						\
		"movw %%si, (%%rdi)\n\t"				\
		"jmp 6b\n"						\
		"7:\n\t"						\
		"cmpq $1, %%rcx\n\t"					\
		"jne 7f\n\t"						\
		"movb %%sil, (%%rdi)\n\t"				\
		"jmp 6b\n"						\
		"7:\n\t"						\
		"addq %[base], %%rsi\n\t"				\
		"rep movsb\n\t"						\
		"jmp 6b\n"						\
		"8:\n\t"						\
		"movq %[key], (%[slot])\n\t"				\
		OPV_LOCAL_END						\
		:							\
		: [rseq] "r"(rseq), [slot] "r"(slot), [key] "r"(key), [pending] "r"(pending), \
		  [log] "r"(log), [base] "r"(base),			\
		  [writes] "i"(offsetof(struct opv_writes, write))	\
		: "rax", "rcx", "rdx", "rsi", "rdi", "memory", "cc"	\
		: miss, abort);						\
	return 0;							\
miss:									\
	return OPV_MISS;						\
abort:									\
	return OPV_ABORT;						\
}

OPV_LOCAL_APPLY_BY(opv_local_apply_by_cpu, OPV_LOCAL_BY_CPU)
OPV_LOCAL_APPLY_BY(opv_local_apply_by_cid, OPV_LOCAL_BY_CID)

static inline int opv_local_apply(ptrdiff_t rseq, struct opv_slot *slot, uint64_t key,
				  uint64_t pending, const struct opv_writes *log, uint64_t base)
{
	return opv_local_is_cid(key) ? opv_local_apply_by_cid(rseq, slot, key, pending, log, base) :
				       opv_local_apply_by_cpu(rseq, slot, key, pending, log, base);
}

#endif /* _OPV_SRC_ARCH_X86_64_H */
