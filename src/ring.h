/* SPDX-License-Identifier: MIT */
#ifndef _OPV_SRC_RING_H
#define _OPV_SRC_RING_H

/* What the two ends of a ring share; what it is stands in <opv/ring.h>, why it works in docs/structures.md. */

#include <stdbool.h>
#include <opv/ring.h>

static inline uint64_t opv_ring_load(const uint64_t *p)
{
	return __atomic_load_n(p, __ATOMIC_ACQUIRE);
}

/* The header of the record at a position, in one CPU's buffer or below the handle. */
static inline uint64_t *opv_ring_header(const struct opv_ring *r, struct opv_ring_cpu *c, uint64_t at)
{
	return (uint64_t *)(OPV_RING_DATA(c) + (at & (r->bytes - 1)));
}

static inline uint64_t opv_ring_size_of(uint64_t header)
{
	return OPV_RING_SIZE((uint32_t)header);
}

/* Does a record of that size end where its buffer does, or before? */
static inline bool opv_ring_fits(const struct opv_ring *r, uint64_t at, uint64_t size)
{
	return (at & (r->bytes - 1)) + size <= r->bytes;
}

/* The process that reserved what is not committed. */
static inline uint32_t opv_ring_owner(uint64_t header)
{
	return (uint32_t)(header >> 32 & 0x3fffffff);
}

/* The oldest record that is there, and which epoch that is of: (Q3). */
struct opv_ring_mark opv_ring_oldest(const struct opv_ring_cpu *c, intptr_t *epoch);

/* Where the reader is: (Q5). */
struct opv_ring_place opv_ring_place(const struct opv_ring_cpu *c);

/*
 * The record at a position, not committed when header was read and its owner gone, becomes
 * one to skip, unless its epoch is over.  0 it was, 1 it is another one by now, or -errno.
 * gate: the caller works as that CPU behind its closed gate.
 */
int opv_ring_abandon(struct opv_ring *r, int cpu, intptr_t epoch, uint64_t at, uint64_t header,
		     bool gate);

#endif /* _OPV_SRC_RING_H */
