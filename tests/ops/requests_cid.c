// SPDX-License-Identifier: MIT
/* Vectors as many at once in a domain that goes by mm_cid. */
#define DOMAIN_FLAGS OPV_DOMAIN_MM_CID
#include "requests.c"
