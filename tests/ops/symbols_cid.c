// SPDX-License-Identifier: MIT
/* The symbols by mm_cid. */
#define DOMAIN_FLAGS OPV_DOMAIN_MM_CID
#define CALLS_BY_CID
#include "symbols.c"
