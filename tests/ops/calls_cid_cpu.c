// SPDX-License-Identifier: MIT
/* The calls by mm_cid, in a domain that goes by CPU: right, if slow. */
#define CALLS_BY_CID
#define FAST 0
#include "calls.c"
