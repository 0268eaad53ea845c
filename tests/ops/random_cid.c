// SPDX-License-Identifier: MIT
/* Random vectors in a domain that goes by mm_cid. */
#define DOMAIN_FLAGS OPV_DOMAIN_MM_CID
#include "random.c"
