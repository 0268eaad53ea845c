/* SPDX-License-Identifier: MIT */
#ifndef _OPV_PRESENT_H
#define _OPV_PRESENT_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Can [addr, addr + len) be read (and written)?  Its pages are made present on
 * the way, nothing in them changes, and no signal is raised.
 */
bool opv_present(uint64_t addr, uint64_t len, bool write);

#endif /* _OPV_PRESENT_H */
