/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _OPV_KERNEL_SPACE_H
#define _OPV_KERNEL_SPACE_H

/*
 * In an interrupt: whose memory would an access to user space reach here?  That of the
 * interrupted task, as a rule; NULL: nobody's, or it is not known.
 */

#include <linux/mm_types.h>
#include <linux/sched.h>

static inline const struct mm_struct *opv_space(void)
{
	const struct mm_struct *mm = NULL;

#if defined(CONFIG_X86_64)
	/* Tasks call firmware in page tables of its own, with interrupts on. */
	if (current->mm && current->mm->pgd == __va(read_cr3_pa()))
		mm = current->mm;
#endif	/* others: nobody has looked into it */
	return mm;
}

#endif /* _OPV_KERNEL_SPACE_H */
