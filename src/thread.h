/* SPDX-License-Identifier: MIT */
#ifndef _OPV_THREAD_H
#define _OPV_THREAD_H

/* The rseq area of threads: whose it is, where it is, and turning sections off and on. */

#include <stdbool.h>
#include <stddef.h>

#include <opv/engine.h>

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

/*
 * Turn all sections of the process away, so that every call comes to the slow
 * path, which then decides (opv_force(), opv_count_fast()); and back.
 */
void opv_rseq_divert(bool on);

#endif /* _OPV_THREAD_H */
