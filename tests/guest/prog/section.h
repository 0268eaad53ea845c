/* SPDX-License-Identifier: MIT */
#ifndef _TESTS_GUEST_SECTION_H
#define _TESTS_GUEST_SECTION_H

/*
 * Restartable sequences of x86-64, by hand: as slow as a test wants them, so that
 * interrupts come in their middle.  glibc has registered the thread.
 */

#include <stdbool.h>
#include <stdint.h>

#include <sys/rseq.h>

#define SECTION(body)							\
	".pushsection __rseq_cs, \"aw\"\n\t"				\
	".balign 32\n\t"						\
	"3:\n\t"							\
	".long 0, 0\n\t"						\
	".quad 1f, 2f - 1f, 4f\n\t"	/* start, length, abort */	\
	".popsection\n\t"						\
	"leaq 3b(%%rip), %%rax\n\t"					\
	"movq %%rax, %%fs:8(%[rseq])\n\t"				\
	"1:\n\t"							\
	"cmpl %[cpu], %%fs:4(%[rseq])\n\t"				\
	"jne %l[aborted]\n\t"						\
	body								\
	"2:\n\t"							\
	".pushsection __rseq_failure, \"ax\"\n\t"			\
	".byte 0x0f, 0xb9, 0x3d\n\t"	/* ud1, then the signature */	\
	".long 0x53053053\n\t"						\
	"4:\n\t"							\
	"jmp %l[aborted]\n\t"						\
	".popsection\n\t"

/* *p += n as cpu, thinking for spin turns; false: aborted, or elsewhere. */
__attribute__((__noinline__, __unused__))
static bool section_add(uint64_t *p, uint64_t n, long spin, int cpu)
{
	__asm__ __volatile__ goto(
		SECTION("movq (%[p]), %%rax\n\t"
			"movq %[spin], %%rcx\n\t"
			"5:\n\t"
			"decq %%rcx\n\t"
			"jg 5b\n\t"
			"addq %[n], %%rax\n\t"
			"movq %%rax, (%[p])\n\t")
		: : [p] "r"(p), [n] "r"(n), [spin] "r"(spin), [cpu] "r"(cpu), [rseq] "r"(__rseq_offset)
		: "rax", "rcx", "cc", "memory" : aborted);
	return true;
aborted:
	return false;
}

/*
 * *entered = turn; wait for *go == turn; *committed = turn; all in one section: whoever
 * sets *go after he aborted it sees no commit.
 */
__attribute__((__noinline__, __unused__))
static bool section_wait(volatile uint64_t *entered, volatile uint64_t *go,
			 volatile uint64_t *committed, uint64_t turn, int cpu)
{
	__asm__ __volatile__ goto(
		SECTION("movq %[turn], (%[entered])\n\t"
			"5:\n\t"
			"cmpq %[turn], (%[go])\n\t"
			"jne 5b\n\t"
			"movq %[turn], (%[committed])\n\t")
		: : [entered] "r"(entered), [go] "r"(go), [committed] "r"(committed), [turn] "r"(turn),
		    [cpu] "r"(cpu), [rseq] "r"(__rseq_offset)
		: "rax", "cc", "memory" : aborted);
	return true;
aborted:
	return false;
}

#endif /* _TESTS_GUEST_SECTION_H */
