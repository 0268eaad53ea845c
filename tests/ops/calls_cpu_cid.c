// SPDX-License-Identifier: MIT
/* The calls by CPU, in a domain that goes by mm_cid: right, if slow. */
#define DOMAIN_FLAGS OPV_DOMAIN_MM_CID
#define FAST 0
#include "calls.c"
