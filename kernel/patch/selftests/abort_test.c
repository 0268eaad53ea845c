// SPDX-License-Identifier: GPL-2.0
/*
 * A call for a CPU and a restartable sequence on that CPU: one is before the other.  The
 * kernel aborts no sequence that it only interrupts; cpu_opv() must.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

#include "cpu_opv.h"
#include "kselftest_harness.h"

#define ROUNDS	300
#define ADDS	5000

#if defined(__x86_64__) && defined(__GLIBC_PREREQ)
#if __GLIBC_PREREQ(2, 35)
#define HAVE_SEQUENCES
#endif
#endif

#ifdef HAVE_SEQUENCES

#include <sys/rseq.h>

/* The area that the C library registered for this thread. */
static void *rseq_area(void)
{
	char *thread;

	if (!__rseq_size)
		return NULL;
	asm("movq %%fs:0, %0" : "=r" (thread));
	return thread + __rseq_offset;
}

#define SECTION_BEGIN						\
	".pushsection __rseq_cs, \"aw\"\n"			\
	".balign 32\n"						\
	"9: .long 0, 0\n"					\
	".quad 1f, 2f - 1f, 4f\n"				\
	".popsection\n"						\
	"leaq 9b(%%rip), %%rax\n"				\
	"movq %%rax, 8(%[rseq])\n"				\
	"1:\n"

#define SECTION_END						\
	"2:\n"							\
	".pushsection __rseq_failure, \"ax\"\n"			\
	".byte 0x0f, 0xb9, 0x3d\n"				\
	".long 0x53053053\n"					\
	"4: jmp %l[aborted]\n"					\
	".popsection\n"

/* Says that it is there, waits in the section until *go is round, and commits. */
static bool wait_in_section(void *rseq, unsigned int *there, unsigned int *go,
			    unsigned int *committed, unsigned int round)
{
	asm goto(SECTION_BEGIN
		 "movl %[round], %[there]\n"
		 "3: pause\n"
		 "cmpl %[round], %[go]\n"
		 "jne 3b\n"
		 "movl %[round], %[committed]\n"
		 SECTION_END
		 : : [rseq] "r" (rseq), [round] "r" (round), [there] "m" (*there),
		     [go] "m" (*go), [committed] "m" (*committed)
		 : "rax", "memory", "cc" : aborted);
	return true;
aborted:
	return false;
}

/* Adds 1, slowly enough to be interrupted in the middle. */
static bool add_in_section(void *rseq, uint64_t *v)
{
	asm goto(SECTION_BEGIN
		 "movq %[v], %%rdx\n"
		 "movl $200, %%ecx\n"
		 "3: decl %%ecx\n"
		 "jnz 3b\n"
		 "incq %%rdx\n"
		 "movq %%rdx, %[v]\n"
		 SECTION_END
		 : : [rseq] "r" (rseq), [v] "m" (*v)
		 : "rax", "rcx", "rdx", "memory", "cc" : aborted);
	return true;
aborted:
	return false;
}

#else

static void *rseq_area(void)
{
	return NULL;
}

static bool wait_in_section(void *rseq, unsigned int *there, unsigned int *go,
			    unsigned int *committed, unsigned int round)
{
	return false;
}

static bool add_in_section(void *rseq, uint64_t *v)
{
	return false;
}

#endif

static struct {
	int cpu;		/* of the section */
	bool stop;
	unsigned int there;	/* a round */
	unsigned int go;
	unsigned int committed;
	unsigned int left;	/* the section of this round, one way or the other */
	uint64_t v;
	uint64_t added;		/* by the section */
} s;

static void stay_on(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	sched_setaffinity(0, sizeof(set), &set);
}

/* A CPU for the section, and at least one other; or why there is none. */
static const char *setup(void)
{
	cpu_set_t set;
	int i;

	if (!rseq_area())
		return "no sequences with this architecture or C library";
	sched_getaffinity(0, sizeof(set), &set);
	if (CPU_COUNT(&set) < 2)
		return "one CPU";
	for (i = 0; i < CPU_SETSIZE; i++) {
		if (CPU_ISSET(i, &set))
			s.cpu = i;
	}
	return NULL;
}

static void wait_for(unsigned int *p, unsigned int round)
{
	while (__atomic_load_n(p, __ATOMIC_ACQUIRE) != round)
		sched_yield();
}

static void *waiter(void *arg)
{
	void *rseq = rseq_area();
	unsigned int i;

	stay_on(s.cpu);
	for (i = 1; i <= ROUNDS; i++) {
		/* Something else may have aborted it before it said that it is there. */
		while (!wait_in_section(rseq, &s.there, &s.go, &s.committed, i) &&
		       __atomic_load_n(&s.there, __ATOMIC_RELAXED) != i)
			;
		wait_for(&s.go, i);
		__atomic_store_n(&s.left, i, __ATOMIC_RELEASE);
	}
	return NULL;
}

/* Once the fence is over, no section that was begun before it commits. */
TEST(fence_aborts_sections)
{
	const char *reason = setup();
	unsigned int i, failed = 0, late = 0;
	pthread_t thread;

	if (reason)
		SKIP(return, "%s", reason);
	ASSERT_EQ(0, pthread_create(&thread, NULL, waiter, NULL));
	for (i = 1; i <= ROUNDS; i++) {
		wait_for(&s.there, i);
		failed += cpu_opv(NULL, 0, s.cpu, 0) != 0;
		__atomic_store_n(&s.go, i, __ATOMIC_RELEASE);
		wait_for(&s.left, i);
		late += s.committed == i;
	}
	pthread_join(thread, NULL);
	EXPECT_EQ(0, failed);
	EXPECT_EQ(0, late);
}

static void *adder(void *arg)
{
	void *rseq = rseq_area();

	stay_on(s.cpu);
	__atomic_store_n(&s.there, 1, __ATOMIC_RELEASE);
	while (!__atomic_load_n(&s.stop, __ATOMIC_ACQUIRE))
		s.added += add_in_section(rseq, &s.v);
	return NULL;
}

TEST(sections_and_vectors_lose_nothing)
{
	struct cpu_op vec[] = { op_add(&s.v, 1, sizeof(s.v)) };
	const char *reason = setup();
	unsigned int i, failed = 0;
	pthread_t thread;

	if (reason)
		SKIP(return, "%s", reason);
	ASSERT_EQ(0, pthread_create(&thread, NULL, adder, NULL));
	wait_for(&s.there, 1);
	for (i = 0; i < ADDS; i++)
		failed += cpu_opv(vec, 1, s.cpu, 0) != 0;
	__atomic_store_n(&s.stop, true, __ATOMIC_RELEASE);
	pthread_join(thread, NULL);
	EXPECT_EQ(0, failed);
	EXPECT_GT(s.added, 0);
	EXPECT_EQ(ADDS + s.added, s.v);
}

TEST_HARNESS_MAIN
