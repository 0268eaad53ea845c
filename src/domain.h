/* SPDX-License-Identifier: MIT */
#ifndef _OPV_SRC_DOMAIN_H
#define _OPV_SRC_DOMAIN_H

/* The inside of a domain; what it is for stands in <opv/domain.h>. */

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include <opv/domain.h>

#include "slot.h"

/*
 * Logs of a domain; 4.6 KiB each, when used.  Those of threads, which keep them, are
 * the domain's; each CPU has a few more, for who holds its slot's lock.
 */
#define OPV_NR_LOGS		448

/*
 * What is allocated.  In the memfd of a shared domain, which is why it has a
 * lock of its own and no pointers.  Blocks lie end to end: block i goes from
 * its start to that of block i + 1, the last to the end of the data.
 */
struct opv_heap {
	uint64_t magic;			/* OPV_HEAP_MAGIC, written last */
	uint32_t version;
	uint32_t nr_cpus;
	uint32_t stripe_shift;
	uint32_t end;			/* bytes of a stripe in use: slot and data */
	_Atomic uint32_t lock;
	uint32_t used_end;		/* nothing beyond was ever allocated: it is zero */
	uint32_t max_blocks;
	uint32_t nr_blocks;
	_Atomic uint32_t log_owners[OPV_NR_LOGS];	/* tid, 0: free */
	uint32_t blocks[];		/* start, a multiple of 8; bit 0: allocated */
};

#define OPV_HEAP_MAGIC		UINT64_C(0x6f70762068656170)	/* "opv heap" */
#define OPV_HEAP_VERSION	3

/* Where the heap of a shared domain begins, in the domain's stripe and its memfd. */
#define OPV_HEAP_OFFSET		((size_t)65536)

/* Logs of threads fill the upper half of the domain's stripe, log.c. */
#define OPV_LOG_OFFSET		(OPV_STRIPE / 2)

/* Those of a CPU lie behind the data in its stripe. */
#define OPV_SLOT_LOGS_OFFSET	(sizeof(struct opv_slot) + OPV_DOMAIN_SIZE_MAX)

struct opv_domain {
	struct opv_slot none;		/* the slot that cpu_id -1 leads to: always closed */
	uint64_t magic;			/* OPV_DOMAIN_MAGIC */
	uint32_t nr_cpus;
	uint32_t timeout_ms;
	bool shared;
	bool by_cid;			/* slots go by mm_cid, not by CPU */
	bool special;			/* one of those */
	int fd;				/* memfd, or -1 */
	size_t bytes;			/* of all stripes */
	struct opv_heap *heap;
	uint64_t id;			/* of all domains that this process ever had */
	uint64_t log_base;		/* what addresses in its logs are relative to */
	_Atomic uint64_t locked[];	/* one bit a slot: its lock was ever taken */
};

#define OPV_DOMAIN_MAGIC	UINT64_C(0x6f7076646f6d6e31)

static inline struct opv_slot *opv_slot(struct opv_domain *d, int cpu)
{
	return (struct opv_slot *)((char *)d + ((size_t)(cpu + 1) << OPV_STRIPE_SHIFT));
}

/* The key of a slot that is open. */
static inline uint64_t opv_key_open(const struct opv_domain *d, int cpu)
{
	return d->by_cid ? OPV_KEY_OPEN_CID(cpu) : OPV_KEY_OPEN(cpu);
}

static inline char *opv_domain_base(const struct opv_domain *d)
{
	return (char *)(uintptr_t)d - OPV_WINDOW_TO_DOMAIN;
}

/*
 * The domain of a handle; NULL if it is no handle of a domain of this process
 * or lies outside of what can be allocated.  Faults where fast calls would have.
 */
struct opv_domain *opv_domain_check(const void *handle);

void opv_heap_init(struct opv_domain *d, uint32_t end, uint32_t max_blocks);

/* registry.c: all domains of this process. */
int opv_registry_add(struct opv_domain *d);	/* 0, -ENOMEM */
bool opv_registry_remove(struct opv_domain *d);

/* The address space of a domain, as the registry knows it. */
struct opv_region {
	uint64_t base;			/* of the window */
	uint64_t bytes;			/* of all stripes */
	uint32_t nr_cpus;
	uint32_t end;			/* bytes of a stripe in use: slot and data */
	struct opv_domain *domain;
};

struct opv_region opv_domain_region(struct opv_domain *d);

/*
 * Does [addr, addr + len) touch a domain's address space?  Takes no lock, and
 * touches no domain: it may be going away.
 */
bool opv_registry_find(uint64_t addr, uint64_t len, struct opv_region *found);

/*
 * Set a bit of a domain's locked: not while fork goes through them, it would miss
 * a lock that is about to be taken.
 */
void opv_registry_remember(_Atomic uint64_t *word, uint64_t bit, struct opv_guard *g);

/* Is this thread between fork's first handler and its last, all locks being its own? */
bool opv_registry_forking(const struct opv_guard *g);

#endif /* _OPV_SRC_DOMAIN_H */
