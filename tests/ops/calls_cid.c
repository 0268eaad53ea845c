// SPDX-License-Identifier: MIT
/* The calls by mm_cid, in a domain that goes by it. */
#define DOMAIN_FLAGS OPV_DOMAIN_MM_CID
#define CALLS_BY_CID
#include "calls.c"
