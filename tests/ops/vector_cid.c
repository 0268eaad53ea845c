// SPDX-License-Identifier: MIT
/* Vectors in a domain that goes by mm_cid. */
#define DOMAIN_FLAGS OPV_DOMAIN_MM_CID
#include "vector.c"
