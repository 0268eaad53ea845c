/* SPDX-License-Identifier: MIT */
#ifndef _OPV_SRC_CORE_H
#define _OPV_SRC_CORE_H

/* The core, for a user process. */
#include "../core/port/user.h"

#include "../core/check.h"
#include "../core/run.h"

#endif /* _OPV_SRC_CORE_H */
