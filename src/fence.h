/* SPDX-License-Identifier: MIT */
#ifndef _OPV_FENCE_H
#define _OPV_FENCE_H

#include <stdbool.h>

#include "domain.h"

/*
 * Wait until no section that saw the key of this CPU open is still running.
 *
 * Called after the key was closed, with a full barrier in between.  Answers 0,
 * or -EPERM when nothing that the kernel and its policy allow reaches that CPU.
 */
int opv_fence_cpu(struct opv_domain *d, int cpu);

/*
 * The same for the CPUs whose bits are set; one system call where that is
 * possible.  *failed is the CPU that an error is for.
 */
int opv_fence_cpus(struct opv_domain *d, const uint64_t *cpus, int *failed);

#endif /* _OPV_FENCE_H */
