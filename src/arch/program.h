/* SPDX-License-Identifier: MIT */
#ifndef _OPV_SRC_ARCH_PROGRAM_H
#define _OPV_SRC_ARCH_PROGRAM_H

/* The section that runs a program, of this architecture; for the one file that uses it. */

#include <opv/arch/arch.h>

#if OPV_HAVE_SECTIONS
# include "x86_64_program.h"
#endif

#endif /* _OPV_SRC_ARCH_PROGRAM_H */
