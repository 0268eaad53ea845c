// SPDX-License-Identifier: MIT
/* Every call and OPV_CALL as a symbol, from the text that C programs inline; for other languages. */
#define OPV_CALL __attribute__((__visibility__("default")))
#define OPV_VECTOR_INLINE static inline
#include <opv/opv.h>
