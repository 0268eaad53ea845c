// SPDX-License-Identifier: MIT
/* Aborted sections by mm_cid. */
#define DOMAIN_FLAGS OPV_DOMAIN_MM_CID
#define CALLS_BY_CID
#include "aborted.c"
