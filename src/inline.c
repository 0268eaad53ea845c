// SPDX-License-Identifier: MIT
/* Every call and OPV_CALL as a symbol, from the text that C programs inline; for other languages. */
#define OPV_CALL __attribute__((__visibility__("default")))
#include <opv/opv.h>
