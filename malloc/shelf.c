// SPDX-License-Identifier: MIT
/*
 * Between the CPUs: what one frees and another one allocates would go through libc block by
 * block.  So a list that has become too long leaves its second half on a shelf, in
 * one piece, and an empty list gets such a piece.
 *
 * A place on a shelf is a word: NULL, or the first block of a list that ends in cache_end.
 * Who puts or takes one exchanges the word, and looks into the blocks only when they are his.
 * So nobody waits, and it does not matter that a word may have been taken and put back in
 * between.
 */
#include <stdatomic.h>

#include "cache.h"

#define PLACES 8	/* one cache line */
#define PLACES_LARGE 2	/* for blocks larger than a page */

static _Alignas(64) _Atomic(struct block *) shelf[NR_CLASSES][PLACES];

/* Under the lock of gate.c. */
static struct block *held[NR_CLASSES][PLACES], *seen[NR_CLASSES][PLACES];

/* In a place that is closed: neither NULL nor a block. */
static struct block closed;

#define FOR_EACH_PLACE(c, i)				\
	for (c = 0; c < NR_CLASSES; c++)		\
		for (i = 0; i < PLACES; i++)

bool shelf_put(unsigned int c, struct block *first)
{
	int places = class_bytes(c) <= 4104 ? PLACES : PLACES_LARGE, i;
	struct block *old;

	for (i = 0; i < places; i++) {
		old = NULL;
		if (!atomic_load_explicit(&shelf[c][i], memory_order_relaxed) &&
		    atomic_compare_exchange_strong_explicit(&shelf[c][i], &old, first,
							    memory_order_release,
							    memory_order_relaxed))
			return true;
	}
	return false;
}

static struct block *take(unsigned int c, int i, struct block *first)
{
	if (first && first != &closed &&
	    atomic_compare_exchange_strong_explicit(&shelf[c][i], &first, NULL, memory_order_acquire,
						    memory_order_relaxed))
		return first;
	return NULL;
}

/* What was put last is the most likely to be in a cache of the processor's. */
struct block *shelf_get(unsigned int c)
{
	struct block *first = NULL;
	int i;

	for (i = PLACES - 1; i >= 0 && !first; i--)
		first = take(c, i, atomic_load_explicit(&shelf[c][i], memory_order_relaxed));
	return first;
}

bool shelf_trim(bool all)
{
	struct block *first;
	bool any = false;
	unsigned int c;
	int i, n;

	FOR_EACH_PLACE(c, i) {
		first = atomic_load_explicit(&shelf[c][i], memory_order_relaxed);
		if (all || first == seen[c][i]) {
			n = cache_free_all(take(c, i, first));
			if (n)
				COUNT(c, unshelved, n);
			any |= n > 0;
		}
		seen[c][i] = atomic_load_explicit(&shelf[c][i], memory_order_relaxed);
	}
	return any;
}

void shelf_close(void)
{
	unsigned int c;
	int i;

	FOR_EACH_PLACE(c, i)
		held[c][i] = atomic_exchange(&shelf[c][i], &closed);
}

void shelf_open(void)
{
	unsigned int c;
	int i;

	FOR_EACH_PLACE(c, i)
		atomic_store(&shelf[c][i], held[c][i]);
}
