/* SPDX-License-Identifier: MIT */
#ifndef _OPV_THREAD_H
#define _OPV_THREAD_H

/* The rseq area of threads: whose it is, where it is, and turning sections off and on. */

#include <stdbool.h>
#include <stddef.h>

#include <opv/engine.h>

#include "domain.h"

/* Find the owner of rseq in this process; called by env.c, may run twice. */
void opv_rseq_find(struct opv_status *st);

/* From now on sections use what was found. */
void opv_rseq_adopt(const struct opv_status *st);

/*
 * Where the area really is, also while sections are turned away (below); for
 * sections that the slow path makes.  False when this thread has none, after
 * having tried to register one where the library owns rseq.
 */
bool opv_rseq_mine(ptrdiff_t *offset);

/* The CPU this thread runs on, in whatever way. */
int opv_cpu_now(void);

/* The number that slots of this domain go by, of a thread that is registered. */
static inline int opv_rseq_index(const struct opv_domain *d, ptrdiff_t rseq)
{
	return opv_rseq_read32(rseq, d->by_cid ? 24 : 4);
}

/*
 * What "this CPU" means to the domain now.  A thread that is not registered has no
 * mm_cid; for it that is the last number that any can be: behind the gate each slot is as
 * right, and that one is the last to be lent out.
 */
int opv_index_now(const struct opv_domain *d);

/* Does this thread have the number because the kernel says so, and nobody else now? */
bool opv_index_is_mine(const struct opv_domain *d, int index);

/*
 * Turn all sections of the process away, so that every call comes to the slow
 * path, which then decides (opv_force(), opv_count_fast()); and back.
 */
void opv_rseq_divert(bool on);

#endif /* _OPV_THREAD_H */
