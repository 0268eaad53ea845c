/* SPDX-License-Identifier: MIT */
#ifndef _OPV_ARCH_X86_64_H
#define _OPV_ARCH_X86_64_H

/*
 * The sections of x86-64.  Nothing but architecture is in here; what each
 * section means stands in <opv/call.h>, how to write another such file in
 * README.md beside this one.
 *
 * Registers	%fs + rseq	the thread's rseq area
 *		%rax		what an open key is: the CPU this runs on, or its mm_cid
 *		%rdx		the number of the slot, times the stripe
 *		%rcx		scratch of the operation; %rsi %rdi where it copies
 * Signature	0x53053053, as glibc registers it: ud1 %edi, 0x53053053(%rip),
 *		which never runs and which a disassembler shows whole.
 * Memory model	TSO: loads are acquires, stores are releases; all that an
 *		order asks for is the "memory" clobber.  The load of the key
 *		is therefore an acquire that pairs with the release store of
 *		opv_slot_open(), (F3) in docs/fence.md.
 *
 * cpu_id is read once, inside the section, and gives the slot and the data at
 * the same time: a thread that moves is aborted, so the number cannot go stale
 * between its uses.  -1 and -2 (not registered) lead to the two pages in front
 * of CPU 0, which are there to be read and match no CPU (src/domain.c).
 *
 * mm_cid likewise, where slots go by it.  It is 0 in a thread that is not registered, and
 * before Linux 6.3, so cpu_id tells whether it means something: -1 and -2 do not get that
 * far.  (C1) to (C6) in docs/fence.md.
 *
 * The sections __rseq_cs and __rseq_failure carry the group ("?") of the
 * function they belong to, so that a C++ inline function which the linker
 * drops takes them along.
 */

#include <stddef.h>
#include <stdint.h>

#include <opv/uapi/cpu_opv.h>

#define OPV_RSEQ_SIG	0x53053053

/* log2 of OPV_STRIPE. */
#define OPV_STRIPE_SHIFT 22

/* One of the 32-bit fields of the rseq area: 0 cpu_id_start, 4 cpu_id, 24 mm_cid. */
static inline int32_t opv_rseq_read32(ptrdiff_t rseq, ptrdiff_t field)
{
	int32_t v;

	__asm__ __volatile__("movl %%fs:(%1), %0" : "=r"(v) : "r"(rseq + field));
	return v;
}

/* Leave nothing for the kernel to look at. */
static inline void opv_rseq_disarm(ptrdiff_t rseq)
{
	__asm__ __volatile__("movq $0, %%fs:8(%0)" : : "r"(rseq) : "memory");
}

#define OPV_ASM_STR_(x)	#x
#define OPV_ASM_STR(x)	OPV_ASM_STR_(x)

/*
 * Numbered points for the tests: 1 the section is armed, 2 the key is open,
 * 3 before the commit.  The text may jump to 4f, which is the abort.
 */
#ifndef OPV_INJECT
# define OPV_INJECT(point)
#endif

/*
 * A compare-twice build looks a second time at what only this CPU's sections
 * can change, and traps when it did change: then two ran at once.
 */
#ifdef OPV_COMPARE_TWICE
# define OPV_ASM_TWICE(compare)	compare "jne 5f\n\t"
#else
# define OPV_ASM_TWICE(compare)
#endif

/*
 * Code that may be unloaded must not leave rseq_cs pointing into itself: the
 * kernel reads it when the thread is next preempted, however much later.  (The
 * slow path does the same for the sections that missed or were aborted.)
 */
#if defined(OPV_UNLOADABLE) || (defined(__PIC__) && !defined(__PIE__))
# define OPV_ASM_DISARM	"movq $0, %%fs:8(%[rseq])\n\t"
# define OPV_SEC_LEFT(rseq) opv_rseq_disarm(rseq)
#else
# define OPV_ASM_DISARM
# define OPV_SEC_LEFT(rseq) do { } while (0)
#endif

/* Where operand x lies: an address, or a handle (its window is 3 stripes below CPU 0). */
#define OPV_ASM_AT(x)		"(%[" x "])"
#define OPV_ASM_HANDLE(x)	"0xc00000(%[" x "], %%rdx)"

#define OPV_ASM_THIS_CPU
#define OPV_ASM_GIVEN_CPU	"cmpl %%edx, %[cpu]\n\t" "jne %l[miss]\n\t"

/*
 * Which slot, and is its key the one that says so?  again: %eax is what says it still,
 * for a compare-twice build.
 */
#define OPV_ASM_CPU_AGAIN	"cmpl %%eax, %%fs:4(%[rseq])\n\t"
#define OPV_ASM_CID_AGAIN						\
	"subl $" OPV_ASM_STR(OPV_KEY_CID) ", %%eax\n\t"			\
	"cmpl %%eax, %%fs:24(%[rseq])\n\t"

#define OPV_ASM_BY_CPU(given)						\
	"movslq %%fs:4(%[rseq]), %%rax\n\t"				\
	"movq %%rax, %%rdx\n\t"						\
	given								\
	"shlq $" OPV_ASM_STR(OPV_STRIPE_SHIFT) ", %%rdx\n\t"		\
	"cmpl %%eax, " OPV_ASM_HANDLE("slots") "\n\t"			\
	"jne %l[miss]\n\t"

#define OPV_ASM_BY_CID(given)						\
	"cmpl $0, %%fs:4(%[rseq])\n\t"					\
	"jl %l[miss]\n\t"						\
	"movl %%fs:24(%[rseq]), %%edx\n\t"				\
	"leal " OPV_ASM_STR(OPV_KEY_CID) "(%%rdx), %%eax\n\t"		\
	given								\
	"shlq $" OPV_ASM_STR(OPV_STRIPE_SHIFT) ", %%rdx\n\t"		\
	"cmpl %%eax, " OPV_ASM_HANDLE("slots") "\n\t"			\
	"jne %l[miss]\n\t"

#define OPV_ASM_SECTION(by, body)					\
	".pushsection __rseq_cs, \"aw?\"\n\t"				\
	".balign 32\n\t"						\
	"3:\n\t"							\
	".long 0, 0\n\t"		/* version, flags */		\
	".quad 1f, 2f - 1f, 4f\n\t"	/* start, length, abort */	\
	".popsection\n\t"						\
	"leaq 3b(%%rip), %%rax\n\t"					\
	"movq %%rax, %%fs:8(%[rseq])\n\t"				\
	"1:\n\t"							\
	OPV_INJECT(1)							\
	by								\
	OPV_INJECT(2)							\
	body								\
	"2:\n\t"							\
	OPV_ASM_DISARM							\
	".pushsection __rseq_failure, \"ax?\"\n\t"			\
	".byte 0x0f, 0xb9, 0x3d\n\t"					\
	".long " OPV_ASM_STR(OPV_RSEQ_SIG) "\n\t"			\
	"4:\n\t"							\
	"jmp %l[miss]\n\t"						\
	"5:\n\t"							\
	"ud2\n\t"							\
	".popsection\n\t"

/* Before the commit, in every section. */
#define OPV_ASM_COMMIT(again)						\
	OPV_INJECT(3)							\
	OPV_ASM_TWICE(again)

/*
 * The forms of a section: {handle, address} x {by CPU, by mm_cid} x {this one, a given one}.
 * cpu and form are constants wherever speed matters, and all but one vanish.
 *
 * body is the operation; op, s, t, m are passed on to it.
 */
#define OPV_ASM_FORM(section, outs, labels, ...)				\
		__asm__ __volatile__ goto(section			\
			: outs : [rseq] "r"(rseq), [slots] "r"(slots), __VA_ARGS__ \
			: OPV_ASM_CLOBBERS : OPV_ASM_LABELS labels)
#define OPV_ASM_LABELS(...)	__VA_ARGS__

#define OPV_ASM_THIS_OR_GIVEN(v, again, by, body, op, s, t, m, outs, labels, ...) \
	if (cpu == OPV_THIS_CPU)					\
		OPV_ASM_FORM(OPV_ASM_SECTION(by(OPV_ASM_THIS_CPU), body(v, again, op, s, t, m)), \
			     outs, labels, __VA_ARGS__);		\
	else								\
		OPV_ASM_FORM(OPV_ASM_SECTION(by(OPV_ASM_GIVEN_CPU), body(v, again, op, s, t, m)), \
			     outs, labels, [cpu] "rm"(cpu), __VA_ARGS__)

#define OPV_ASM_FORMS(body, op, s, t, m, outs, labels, ...)		\
	if (__builtin_expect(!rseq, 0))					\
		return OPV_MISS;					\
	switch (form) {							\
	case 0:								\
		OPV_ASM_THIS_OR_GIVEN(OPV_ASM_HANDLE, OPV_ASM_CPU_AGAIN, OPV_ASM_BY_CPU, \
				      body, op, s, t, m, outs, labels, __VA_ARGS__); \
		break;							\
	case OPV_FORM_AT:						\
		OPV_ASM_THIS_OR_GIVEN(OPV_ASM_AT, OPV_ASM_CPU_AGAIN, OPV_ASM_BY_CPU, \
				      body, op, s, t, m, outs, labels, __VA_ARGS__); \
		break;							\
	case OPV_FORM_CID:						\
		OPV_ASM_THIS_OR_GIVEN(OPV_ASM_HANDLE, OPV_ASM_CID_AGAIN, OPV_ASM_BY_CID, \
				      body, op, s, t, m, outs, labels, __VA_ARGS__); \
		break;							\
	default:							\
		OPV_ASM_THIS_OR_GIVEN(OPV_ASM_AT, OPV_ASM_CID_AGAIN, OPV_ASM_BY_CID, \
				      body, op, s, t, m, outs, labels, __VA_ARGS__); \
	}								\
	__asm__ __volatile__("") /* gcc 11 to 13 may drop an asm goto whose outputs are dead */

#define OPV_ASM_CLOBBERS	OPV_ASM_MORE_CLOBBERS "rax", "rdx", "rcx", "memory", "cc"
#define OPV_ASM_MORE_CLOBBERS

/* gcc would rather not where several forms of one are used. */
#define OPV_SEC_INLINE		inline __attribute__((__always_inline__))

/* What every section takes: call.h. */
#define OPV_SEC_ARGS		ptrdiff_t rseq, uintptr_t slots, int cpu, int form

/*
 * Missed and aborted are one answer: the slow path finds out which it was, and the
 * fast one has one constant less to load (clang loads them before the section).
 */
#define OPV_SEC_END							\
miss:									\
	return OPV_MISS

/*
 * The operations.  s is the suffix of the width, t the scratch register, m the
 * modifier that prints an operand in that width.
 *
 * The commit of add, or, and, xor is the one instruction that does it all.
 */
#define OPV_ASM_RMW(v, again, op, s, t, m)					\
	OPV_ASM_COMMIT(again)						\
	op s " %" m "[n], " v("p") "\n\t"

/* min, max: the section is left without a store when *p is as wanted; op is that jump. */
#define OPV_ASM_PICK(v, again, op, s, t, m)					\
	"mov" s " " v("p") ", " t "\n\t"				\
	"cmp" s " %" m "[n], " t "\n\t"					\
	op " 2f\n\t"							\
	OPV_ASM_COMMIT(again)						\
	"mov" s " %" m "[n], " v("p") "\n\t"

/* fetch_add, xchg. */
#define OPV_ASM_FETCH(v, again, op, s, t, m)					\
	"mov" s " " v("p") ", %" m "[old]\n\t"				\
	OPV_ASM_COMMIT(again)						\
	op s " %" m "[n], " v("p") "\n\t"

#define OPV_ASM_CMPXCHG(v, again, op, s, t, m)					\
	"mov" s " " v("p") ", %" m "[old]\n\t"				\
	"cmp" s " %" m "[expect], %" m "[old]\n\t"			\
	"jne 2f\n\t"							\
	OPV_ASM_COMMIT(again)						\
	OPV_ASM_TWICE("cmp" s " %" m "[old], " v("p") "\n\t")		\
	"mov" s " %" m "[n], " v("p") "\n\t"

#define OPV_SEC_RMW(op, bits, body, insn, s, t, m, imm)			\
static OPV_SEC_INLINE int opv_sec_##op##bits(OPV_SEC_ARGS, void *p, uint##bits##_t n) \
{									\
	OPV_ASM_FORMS(body, insn, s, t, m, , (miss),				\
		      [p] "r"(p), [n] imm(n));				\
	return 0;							\
	OPV_SEC_END;							\
}

#define OPV_SEC_FETCH(op, bits, body, insn, s, t, m, imm)		\
static OPV_SEC_INLINE int opv_sec_##op##bits(OPV_SEC_ARGS, void *p, uint##bits##_t n, \
				     uint##bits##_t *oldp)		\
{									\
	uint##bits##_t old;						\
									\
	OPV_ASM_FORMS(body, insn, s, t, m, [old] "=&q"(old), (miss),		\
		      [p] "r"(p), [n] imm(n));				\
	*oldp = old;							\
	return 0;							\
	OPV_SEC_END;							\
}

#define OPV_SEC_CMPXCHG(op, bits, body, insn, s, t, m, imm)		\
static OPV_SEC_INLINE int opv_sec_##op##bits(OPV_SEC_ARGS, void *p,		\
				     uint##bits##_t expect, uint##bits##_t n, \
				     uint##bits##_t *oldp)		\
{									\
	uint##bits##_t old;						\
									\
	OPV_ASM_FORMS(body, insn, s, t, m, [old] "=&q"(old), (miss),		\
		      [p] "r"(p), [expect] imm(expect), [n] imm(n));	\
	*oldp = old;							\
	return old != expect;						\
	OPV_SEC_END;							\
}

/* Each line defines four functions: opv_sec_add8, opv_sec_add16, opv_sec_add32, opv_sec_add64. */
#define OPV_SEC_WIDTHS(shape, op, body, insn)				\
	shape(op, 8, body, insn, "b", "%%cl", "b", "qi")		\
	shape(op, 16, body, insn, "w", "%%cx", "w", "ri")		\
	shape(op, 32, body, insn, "l", "%%ecx", "k", "ri")		\
	shape(op, 64, body, insn, "q", "%%rcx", "q", "er")

OPV_SEC_WIDTHS(OPV_SEC_RMW, add, OPV_ASM_RMW, "add")
OPV_SEC_WIDTHS(OPV_SEC_RMW, or, OPV_ASM_RMW, "or")
OPV_SEC_WIDTHS(OPV_SEC_RMW, and, OPV_ASM_RMW, "and")
OPV_SEC_WIDTHS(OPV_SEC_RMW, xor, OPV_ASM_RMW, "xor")
OPV_SEC_WIDTHS(OPV_SEC_RMW, min, OPV_ASM_PICK, "jbe")
OPV_SEC_WIDTHS(OPV_SEC_RMW, max, OPV_ASM_PICK, "jae")
OPV_SEC_WIDTHS(OPV_SEC_RMW, smin, OPV_ASM_PICK, "jle")
OPV_SEC_WIDTHS(OPV_SEC_RMW, smax, OPV_ASM_PICK, "jge")
OPV_SEC_WIDTHS(OPV_SEC_FETCH, fetch_add, OPV_ASM_FETCH, "add")
OPV_SEC_WIDTHS(OPV_SEC_FETCH, xchg, OPV_ASM_FETCH, "mov")
OPV_SEC_WIDTHS(OPV_SEC_CMPXCHG, cmpxchg, OPV_ASM_CMPXCHG, )

/*
 * The operations on words.  The unused parameters are those of a width.
 */
#define OPV_ASM_LOAD_OFF(v, again, op, s, t, m)				\
	"movq " v("p") ", %[old]\n\t"					\
	"cmpq %[expectnot], %[old]\n\t"					\
	"je 2f\n\t"							\
	"movq (%[old], %[off]), %%rcx\n\t"				\
	OPV_ASM_COMMIT(again)						\
	OPV_ASM_TWICE("cmpq %[old], " v("p") "\n\t")			\
	"movq %%rcx, " v("p") "\n\t"

/* What is stored in the node is seen by nobody before the commit. */
#define OPV_ASM_PUSH(v, again, op, s, t, m)					\
	"movq " v("p") ", %%rcx\n\t"					\
	"movq %%rcx, (%[node], %[off])\n\t"				\
	OPV_ASM_COMMIT(again)						\
	OPV_ASM_TWICE("cmpq %%rcx, " v("p") "\n\t")			\
	"movq %[node], " v("p") "\n\t"

#define OPV_ASM_COMPARE(v, p, expect, label)				\
	"cmpq %[" expect "], " v(p) "\n\t"				\
	"jne " label "\n\t"

#define OPV_ASM_STORE(v, again, op, s, t, m)					\
	OPV_ASM_COMPARE(v, "p", "expect", "%l[stop]")			\
	OPV_ASM_COMMIT(again)						\
	OPV_ASM_TWICE("cmpq %[expect], " v("p") "\n\t")			\
	"movq %[n], " v("p") "\n\t"

#define OPV_ASM_COMPARE_STORE(v, again, op, s, t, m)				\
	OPV_ASM_COMPARE(v, "p", "expect", "%l[stop]")			\
	OPV_ASM_COMPARE(v, "p2", "expect2", "%l[stop2]")		\
	OPV_ASM_COMMIT(again)						\
	OPV_ASM_TWICE("cmpq %[expect], " v("p") "\n\t")			\
	"movq %[n], " v("p") "\n\t"

#define OPV_ASM_STORE_STORE(v, again, op, s, t, m)				\
	OPV_ASM_COMPARE(v, "p", "expect", "%l[stop]")			\
	"movq %[n2], " v("p2") "\n\t"					\
	OPV_ASM_COMMIT(again)						\
	OPV_ASM_TWICE("cmpq %[expect], " v("p") "\n\t")			\
	"movq %[n], " v("p") "\n\t"

#define OPV_ASM_COPY_STORE(v, again, op, s, t, m)				\
	OPV_ASM_COMPARE(v, "p", "expect", "%l[stop]")			\
	"leaq " v("dst") ", %%rdi\n\t"					\
	"movq %[src], %%rsi\n\t"					\
	"movq %[len], %%rcx\n\t"					\
	"rep movsb\n\t"							\
	OPV_ASM_COMMIT(again)						\
	OPV_ASM_TWICE("cmpq %[expect], " v("p") "\n\t")			\
	"movq %[n], " v("p") "\n\t"

static OPV_SEC_INLINE int opv_sec_cmpne_load_off(OPV_SEC_ARGS, intptr_t *p,
					 intptr_t expectnot, ptrdiff_t off,
					 intptr_t *load)
{
	intptr_t old;

	OPV_ASM_FORMS(OPV_ASM_LOAD_OFF, , , , , [old] "=&r"(old), (miss),
		      [p] "r"(p), [expectnot] "er"(expectnot), [off] "r"(off));
	if (old == expectnot)
		return 1;
	*load = old;
	return 0;
	OPV_SEC_END;
}

static OPV_SEC_INLINE int opv_sec_push(OPV_SEC_ARGS, intptr_t *p, ptrdiff_t off, void *node)
{
	OPV_ASM_FORMS(OPV_ASM_PUSH, , , , , , (miss),
		      [p] "r"(p), [off] "r"(off), [node] "r"(node));
	return 0;
	OPV_SEC_END;
}

static OPV_SEC_INLINE int opv_sec_cmpeq_store(OPV_SEC_ARGS, intptr_t *p,
				      intptr_t expect, intptr_t n)
{
	OPV_ASM_FORMS(OPV_ASM_STORE, , , , , , (miss, stop),
		      [p] "r"(p), [expect] "er"(expect), [n] "er"(n));
	return 0;
stop:
	OPV_SEC_LEFT(rseq);
	return 1;
	OPV_SEC_END;
}

static OPV_SEC_INLINE int opv_sec_cmpeq_cmpeq_store(OPV_SEC_ARGS, intptr_t *p,
					    intptr_t expect, intptr_t *p2,
					    intptr_t expect2, intptr_t n)
{
	if (!(form & OPV_FORM_AT) && !OPV_SAME_WINDOW(p2, slots))
		return OPV_MISS;
	OPV_ASM_FORMS(OPV_ASM_COMPARE_STORE, , , , , , (miss, stop, stop2),
		      [p] "r"(p), [expect] "er"(expect),
		      [p2] "r"(p2), [expect2] "er"(expect2), [n] "er"(n));
	return 0;
stop:
	OPV_SEC_LEFT(rseq);
	return 1;
stop2:
	OPV_SEC_LEFT(rseq);
	return 2;
	OPV_SEC_END;
}

static OPV_SEC_INLINE int opv_sec_cmpeq_store_store(OPV_SEC_ARGS, intptr_t *p,
					    intptr_t expect, intptr_t *p2,
					    intptr_t n2, intptr_t n)
{
	if (!(form & OPV_FORM_AT) && !OPV_SAME_WINDOW(p2, slots))
		return OPV_MISS;
	OPV_ASM_FORMS(OPV_ASM_STORE_STORE, , , , , , (miss, stop),
		      [p] "r"(p), [expect] "er"(expect),
		      [p2] "r"(p2), [n2] "er"(n2), [n] "er"(n));
	return 0;
stop:
	OPV_SEC_LEFT(rseq);
	return 1;
	OPV_SEC_END;
}

/* No other operation takes these two from the function that it is inlined into. */
#undef OPV_ASM_MORE_CLOBBERS
#define OPV_ASM_MORE_CLOBBERS	"rsi", "rdi",

static OPV_SEC_INLINE int opv_sec_cmpeq_copy_store(OPV_SEC_ARGS, intptr_t *p,
					   intptr_t expect, void *dst,
					   const void *src, size_t len, intptr_t n)
{
	if (len > CPU_OP_COPY_LEN_MAX || (!(form & OPV_FORM_AT) && !OPV_SAME_WINDOW(dst, slots)))
		return OPV_MISS;
	OPV_ASM_FORMS(OPV_ASM_COPY_STORE, , , , , , (miss, stop),
		      [p] "r"(p), [expect] "er"(expect), [dst] "r"(dst),
		      [src] "rm"(src), [len] "rm"(len), [n] "er"(n));
	return 0;
stop:
	OPV_SEC_LEFT(rseq);
	return 1;
	OPV_SEC_END;
}

#undef OPV_ASM_MORE_CLOBBERS
#define OPV_ASM_MORE_CLOBBERS

#endif /* _OPV_ARCH_X86_64_H */
