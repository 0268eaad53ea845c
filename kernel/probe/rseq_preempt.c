// SPDX-License-Identifier: GPL-2.0
/* Up to 6.17 or so: what the scheduler calls for a task that it takes off a CPU. */
#include <linux/sched.h>
#include <linux/rseq.h>

void probe(void);
void probe(void)
{
	rseq_preempt(current);
}
