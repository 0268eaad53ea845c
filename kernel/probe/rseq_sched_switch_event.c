// SPDX-License-Identifier: GPL-2.0
/* The same, since sections are looked at on the way out of interrupts only. */
#include <linux/sched.h>
#include <linux/rseq.h>

void probe(void);
void probe(void)
{
	rseq_sched_switch_event(current);
}
