// SPDX-License-Identifier: MIT
/*
 * Allocation of per-CPU variables: first fit over a sorted array of blocks.
 * Allocating is rare and the array short; what counts is that nothing of it
 * lies in the CPUs' memory, which an allocation must not touch.
 */
#define _GNU_SOURCE
#include "domain.h"

#include <fcntl.h>
#include <linux/falloc.h>
#include <string.h>

#include "sys.h"

#define USED	1u
#define GRAIN	8u

void opv_heap_init(struct opv_domain *d, uint32_t end, uint32_t max_blocks)
{
	struct opv_heap *h = d->heap;

	h->version = OPV_HEAP_VERSION;
	h->nr_cpus = d->nr_cpus;
	h->stripe_shift = OPV_STRIPE_SHIFT;
	h->end = (end + GRAIN - 1) & ~(GRAIN - 1);
	h->used_end = sizeof(struct opv_slot);
	h->max_blocks = max_blocks;
	h->nr_blocks = 1;
	h->blocks[0] = sizeof(struct opv_slot);
	__atomic_store_n(&h->magic, OPV_HEAP_MAGIC, __ATOMIC_RELEASE);
}

static uint32_t start_of(const struct opv_heap *h, uint32_t i)
{
	return i < h->nr_blocks ? h->blocks[i] & ~USED : h->end;
}

static void insert(struct opv_heap *h, uint32_t at, uint32_t block)
{
	memmove(&h->blocks[at + 1], &h->blocks[at], (h->nr_blocks - at) * sizeof(block));
	h->blocks[at] = block;
	h->nr_blocks++;
}

static void erase(struct opv_heap *h, uint32_t at)
{
	h->nr_blocks--;
	memmove(&h->blocks[at], &h->blocks[at + 1], (h->nr_blocks - at) * sizeof(h->blocks[0]));
}

/* The offset, or 0 when nothing fits. */
static uint32_t take(struct opv_heap *h, uint32_t size, uint32_t align)
{
	uint32_t i;

	for (i = 0; i < h->nr_blocks; i++) {
		uint32_t start = h->blocks[i], end = start_of(h, i + 1);
		uint32_t at = (start + align - 1) & ~(align - 1);

		if ((start & USED) || at > end || size > end - at)
			continue;
		if (h->nr_blocks + 2 > h->max_blocks)
			return 0;
		if (at + size < end)
			insert(h, i + 1, at + size);
		if (at > start)
			insert(h, ++i, at);
		h->blocks[i] |= USED;
		return at;
	}
	return 0;
}

/* The index of the allocated block that starts at offset, or -1. */
static int find(const struct opv_heap *h, uint32_t offset)
{
	uint32_t low = 0, high = h->nr_blocks;

	while (low < high) {
		uint32_t mid = low + (high - low) / 2;

		if (start_of(h, mid) < offset)
			low = mid + 1;
		else
			high = mid;
	}
	return low < h->nr_blocks && h->blocks[low] == (offset | USED) ? (int)low : -1;
}

static void give(struct opv_heap *h, uint32_t i)
{
	h->blocks[i] &= ~USED;
	if (i + 1 < h->nr_blocks && !(h->blocks[i + 1] & USED))
		erase(h, i + 1);
	if (i > 0 && !(h->blocks[i - 1] & USED))
		erase(h, i);
}

/*
 * What was in use before becomes zero again, without touching pages that were
 * not: in a memfd by a hole, elsewhere by looking first, which maps at most the
 * page of zeroes.
 */
static void clear(struct opv_domain *d, uint32_t offset, uint32_t len)
{
	uint32_t cpu, i;

	for (cpu = 0; cpu < d->nr_cpus; cpu++) {
		char *p = (char *)opv_slot(d, (int)cpu) + offset;

		if (d->shared &&
		    !OPV_SYS(SYS_fallocate, d->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
			     ((size_t)(cpu + 1) << OPV_STRIPE_SHIFT) + offset, len))
			continue;
		for (i = 0; i < len; i++)
			if (p[i])
				p[i] = 0;
	}
}

int opv_alloc(struct opv_domain *d, size_t size, size_t align, void *handle)
{
	struct opv_guard g;
	uint32_t offset;
	void *result;
	int ret;

	if (!d)
		d = opv_domain_default();
	if (!d)
		return -ENOMEM;
	if (!align)
		align = _Alignof(max_align_t);
	if (!size || (align & (align - 1)) || align > 4096)
		return -EINVAL;
	if (size > OPV_DOMAIN_SIZE_MAX)
		return -ENOMEM;
	if (align < GRAIN)
		align = GRAIN;
	size = (size + GRAIN - 1) & ~(size_t)(GRAIN - 1);

	opv_guard_enter(&g, 0);
	ret = opv_lock(&d->heap->lock, &g, d->shared, d->timeout_ms);
	if (ret < 0)
		goto leave;
	offset = take(d->heap, (uint32_t)size, (uint32_t)align);
	if (offset && offset < d->heap->used_end)
		clear(d, offset, (uint32_t)size);
	if (offset && offset + size > d->heap->used_end)
		d->heap->used_end = (uint32_t)(offset + size);
	if (!ret)
		opv_unlock(&d->heap->lock, &g, d->shared);
	ret = offset ? 0 : -ENOMEM;
leave:
	opv_guard_leave(&g);
	if (!ret) {
		result = opv_handle(d, offset);
		memcpy(handle, &result, sizeof(result));
	}
	return ret;
}

int opv_free(struct opv_domain *d, void *handle)
{
	struct opv_guard g;
	int ret, i;

	if (!handle)
		return 0;
	if (!d)
		d = opv_domain_default();
	if (!d || opv_domain_of(handle) != d)
		return -EINVAL;

	opv_guard_enter(&g, 0);
	ret = opv_lock(&d->heap->lock, &g, d->shared, d->timeout_ms);
	if (ret < 0)
		goto leave;
	i = find(d->heap, (uint32_t)opv_handle_offset(handle));
	if (i >= 0)
		give(d->heap, (uint32_t)i);
	if (!ret)
		opv_unlock(&d->heap->lock, &g, d->shared);
	ret = i >= 0 ? 0 : -EINVAL;
leave:
	opv_guard_leave(&g);
	return ret;
}
