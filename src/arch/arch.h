/* SPDX-License-Identifier: MIT */
#ifndef _OPV_SRC_ARCH_ARCH_H
#define _OPV_SRC_ARCH_ARCH_H

/* The local engine's sections of this architecture; without, there is no local engine. */

#include <opv/arch/arch.h>

#if OPV_HAVE_SECTIONS
# include "x86_64.h"

static inline int opv_local_read(ptrdiff_t rseq, struct opv_slot *slot, uint64_t key,
				 const struct opv_read *reads, const struct opv_read *end,
				 void *p, uint32_t len, uint64_t *value)
{
	uint64_t v = (uintptr_t)value;

	switch (len) {
	case 1:
		return opv_local_read8(rseq, slot, key, reads, end, p, v);
	case 2:
		return opv_local_read16(rseq, slot, key, reads, end, p, v);
	case 4:
		return opv_local_read32(rseq, slot, key, reads, end, p, v);
	default:
		return opv_local_read64(rseq, slot, key, reads, end, p, v);
	}
}

/* The commit of a vector with one store. */
static inline int opv_local_commit(ptrdiff_t rseq, struct opv_slot *slot, uint64_t key,
				   const struct opv_read *reads, const struct opv_read *end,
				   void *p, uint64_t len, uint64_t value)
{
	switch (len) {
	case 1:
		return opv_local_commit8(rseq, slot, key, reads, end, p, (uint8_t)value);
	case 2:
		return opv_local_commit16(rseq, slot, key, reads, end, p, (uint16_t)value);
	case 4:
		return opv_local_commit32(rseq, slot, key, reads, end, p, (uint32_t)value);
	default:
		return opv_local_commit64(rseq, slot, key, reads, end, p, value);
	}
}
#else
struct opv_slot;
struct opv_read;

static inline int opv_local_read(ptrdiff_t rseq, struct opv_slot *slot, uint64_t key,
				 const struct opv_read *reads, const struct opv_read *end,
				 void *p, uint32_t len, uint64_t *value)
{
	(void)rseq, (void)slot, (void)key, (void)reads, (void)end, (void)p, (void)len, (void)value;
	return OPV_MISS;
}
#endif

#endif /* _OPV_SRC_ARCH_ARCH_H */
