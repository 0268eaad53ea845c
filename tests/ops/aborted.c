// SPDX-License-Identifier: MIT
/*
 * The same with sections that abort at their numbered points: each of them one
 * call in four, as if the thread were preempted right there.
 */
/* Set by name: a section has no operand to spare for it. */
__attribute__((__used__)) volatile char opv_test_abort_at;

#define OPV_INJECT(point) "cmpb $" #point ", opv_test_abort_at(%%rip)\n\tje 4f\n\t"
#define ABORT_AT(point) (opv_test_abort_at = (char)(point))
#define ABORTS 1
#include "calls.c"
