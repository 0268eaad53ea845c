/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _OPV_KERNEL_ABORT_H
#define _OPV_KERNEL_ABORT_H

/*
 * In an interrupt: if the task that it interrupted is in a restartable sequence, it
 * does not get further in it.  What membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED_RSEQ)
 * does in its interrupt, to a task of any process.
 */

#include <linux/sched.h>
#include <linux/rseq.h>

static inline void opv_abort_section(void)
{
#if defined(OPV_BREAK_ABORT)
	/* The interrupt alone, which aborts nothing: a test must notice. */
#elif !IS_ENABLED(CONFIG_RSEQ)
	/* There are none. */
#elif defined(HAVE_rseq_sched_switch_event)
	rseq_sched_switch_event(current);
#elif defined(HAVE_rseq_preempt)
	rseq_preempt(current);
#else
# error "how does this kernel abort a restartable sequence?"
#endif
}

#endif /* _OPV_KERNEL_ABORT_H */
