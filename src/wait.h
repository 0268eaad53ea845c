/* SPDX-License-Identifier: MIT */
#ifndef _OPV_WAIT_H
#define _OPV_WAIT_H

/* What structures that wait have in common: deadlines, futexes, and who is still alive. */

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <time.h>

/* An instant of CLOCK_MONOTONIC, so many ms from now; and whether it has passed. */
void opv_deadline_in(struct timespec *t, uint32_t ms);
bool opv_deadline_passed(const struct timespec *t);

/* The earlier of the deadline and so many ms from now. */
struct timespec opv_deadline_slice(const struct timespec *deadline, uint32_t ms);

/* Sleep while *word is v, at most until then; sleepers may be woken for nothing. */
void opv_futex_wait(_Atomic uint32_t *word, uint32_t v, bool shared, const struct timespec *until);
void opv_futex_wake(_Atomic uint32_t *word, int nr, bool shared);

/*
 * A mutex of one word that holds its owner's tid: priority-inheriting, and its owner's death
 * is noticed by whoever comes next.  Answers 0, 1 (the owner had died, it is ours), -EBUSY
 * (timeout_ms is 0), -ETIMEDOUT, -EDEADLK (it is ours already, or waiting would not end).
 */
int opv_mutex_lock(_Atomic uint32_t *word, bool shared, uint32_t timeout_ms);
void opv_mutex_unlock(_Atomic uint32_t *word, bool shared);
bool opv_mutex_is_mine(const _Atomic uint32_t *word);

/* Where the number of this process stands, also after fork. */
const uint32_t *opv_process(void);

/* Has every thread of that process ended?  A new one that was given its number has not. */
bool opv_process_gone(uint32_t pid);

#endif /* _OPV_WAIT_H */
