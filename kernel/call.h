/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _OPV_KERNEL_CALL_H
#define _OPV_KERNEL_CALL_H

/*
 * One call of cpu_opv(): the user's vector, what its addresses turned out to be,
 * and how far it came.  docs/kernel.md says why it is done this way.
 */

#include <linux/cpumask.h>
#include <linux/limits.h>
#include <linux/pgtable.h>
#include <linux/sched.h>
#include <linux/types.h>

#include "../core/port/kernel.h"
#include "../core/check.h"

#define OPV_OP_PINS	(2 * 2)		/* both operands cross */

/* A page of the caller, held in memory until the call ends. */
struct opv_pin {
	unsigned long	addr;		/* where the caller has it */
	struct page	*page;
	bool		writable;
	bool		dirty;		/* written to */
};

/* An operand: at most one page long, so in at most two. */
struct opv_span {
	struct opv_pin	*pin[2];
	unsigned int	offset;		/* in the first */
	unsigned int	len;
};

struct opv_call {
	int		count;		/* of vec, the guard included */
	bool		guard;		/* vec[0] is one */
	unsigned int	nr_pins;
	void		*held;		/* for copies from a page to itself; see span.c */

	struct opv_span	(*span)[2];	/* the operands of each operation */
	struct opv_pin	*pin;		/* OPV_OP_PINS for each is enough */
	/* As the user gave it.  Addresses in here are never the kernel's. */
	struct cpu_op	vec[];
};

/* call.c: all of it.  The result is that of the system call. */
int cpu_opv_run(const struct cpu_op __user *uvec, int count, int cpu, int flags);

/* vector.c: the vector from user space, checked. */
int opv_call_copy(struct opv_call *call, const struct cpu_op __user *uvec);

/* pin.c: the pages of all operands.  Unpin whatever pin answered. */
int opv_call_pin(struct opv_call *call);
void opv_call_unpin(struct opv_call *call);

/* page.c: a page that is no memory of one process only: 0, OPV_PAGE_OTHER, or an error. */
#define OPV_PAGE_OTHER 1	/* the first write puts another one in its place */
int opv_page_check(struct page *page, unsigned long addr);
bool opv_prot_is_cached(pgprot_t prot);

/* walk.c, interrupts off from begin on: pages that page.c would find good are mapped there. */
struct opv_walk {
	unsigned long	base;		/* from here on, as far as the entry goes: */
	pmd_t		pmd;		/* the entry of the last one */
	pte_t		*table;		/* to which it points; NULL: to a huge page */
};

#define OPV_WALK_NONE	~0UL		/* no address that a page or a table maps from */

bool opv_page_is_there(struct opv_walk *walk, unsigned long addr, bool write);

/* words.c: the short road; OPV_WORDS_NOT: it was not taken, and nothing was done. */
#define OPV_WORDS_NOT	INT_MIN
int opv_call_words(struct opv_call *call, int cpu);
/* Interrupts and page faults off, on a CPU that has the caller's memory. */
int opv_run_words(const struct opv_call *call);

/* span.c: the vector on its spans, interrupts off; -EBUSY: the guard did not hold. */
bool opv_call_needs_held(const struct opv_call *call);
int opv_call_execute(struct opv_call *call);

/* exec.c: on that CPU, or for it.  @call is NULL for a fence. */
static inline bool opv_may_run_on(int cpu)
{
	return cpu < nr_cpu_ids && cpu_possible(cpu) && cpumask_test_cpu(cpu, current->cpus_ptr);
}

/*
 * @in_place: the words, on the short road; OPV_WORDS_NOT if that CPU has other memory.
 * Whether it is worth to be tried.
 */
bool opv_may_exec_in_place(int cpu);
int opv_exec_on(struct opv_call *call, int cpu, bool in_place);

#endif /* _OPV_KERNEL_CALL_H */
