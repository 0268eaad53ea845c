// SPDX-License-Identifier: MIT
/* The slow half of an allocation: an empty list, a full one, and what is not cached. */
#define _GNU_SOURCE
#include "cache.h"

#include <dlfcn.h>
#include <errno.h>

struct cache *cache;
struct block cache_end = { &cache_end };
size_t cache_fast_size;
unsigned int cache_fast_classes;

void cache_fast(bool on)
{
	__atomic_store_n(&cache_fast_size, on ? SMALL_MAX + 1 : 0, __ATOMIC_RELEASE);
	__atomic_store_n(&cache_fast_classes, on ? SMALL_CLASSES : 0, __ATOMIC_RELEASE);
}

/*
 * Who is interrupted between looking and committing tries again; this often, then libc
 * is asked.
 */
#define TRIES 4

static bool push_all(unsigned int c, struct block *first, struct block *last)
{
	int i;

	for (i = 0; i < TRIES; i++)
		if (cache_push_to(cache, opv_ptr(cache, opv_cpu()), c, first, last))
			return true;
	return false;
}

int cache_free_all(struct block *p)
{
	struct block *next;
	int n;

	for (n = 0; p && p != &cache_end; p = next, n++) {
		next = p->next;
		__libc_free(p);
	}
	return n;
}

/* A list for ourselves, NULL when it is stopped or changes all the time. */
static struct block *take_all(unsigned int c)
{
	struct block *head;
	int i;

	for (i = 0; i < TRIES; i++) {
		head = __atomic_load_n(&opv_ptr(cache, opv_cpu())->head[c], __ATOMIC_RELAXED);
		if (!head || !opv_cmpeq_store((intptr_t *)&cache->head[c], (intptr_t)head,
					      (intptr_t)&cache_end, OPV_THIS_CPU))
			return head;
	}
	return NULL;
}

/* Twice as many as last time, up to half a list: who allocates once wants no more. */
static int next_want(uint8_t *want, unsigned int c)
{
	int now = __atomic_load_n(want, __ATOMIC_RELAXED), next = 2 * now + 1;

	if (next > class_limit(c) / 2)
		next = class_limit(c) / 2;
	if (next != now)
		__atomic_store_n(want, (uint8_t)next, __ATOMIC_RELAXED);
	return now;
}

/* In the order in which libc gave them, which is that of their addresses for the most part. */
static void fill(unsigned int c, int want)
{
	struct block *first = NULL, *last = NULL, *p;
	int n;

	for (n = 0; n < want && (p = __libc_malloc(class_bytes(c))); n++) {
		*(first ? &last->next : &first) = p;
		last = p;
	}
	if (!n)
		return;
	if (push_all(c, first, last)) {
		COUNT(c, refilled, n);
	} else {
		last->next = NULL;
		cache_free_all(first);
	}
}

/* A list that another CPU had too many of: the first block for us, the others for this CPU. */
static void *fetch(unsigned int c)
{
	struct block *p = shelf_get(c), *last;
	int n;

	if (!p)
		return NULL;
	for (n = 1, last = p; last->next && last->next != &cache_end; n++)
		last = last->next;
	COUNT(c, unshelved, n);
	if (n > 1 && !push_all(c, p->next, last)) {
		last->next = NULL;
		n -= cache_free_all(p->next);
	}
	COUNT(c, refilled, n);
	COUNT(c, hits, 1);
	return p;
}

static void *refill(unsigned int c)
{
	int cpu = opv_cpu();
	bool ready = !is_stopped(cpu) || gate_start(cpu);
	void *p;

	gate_tick();
	p = ready ? fetch(c) : NULL;
	if (p)
		return p;
	p = OR_DRAIN(__libc_malloc(class_bytes(c)));
	COUNT(c, misses, 1);
	if (p && ready)
		fill(c, next_want(&opv_ptr(cache, cpu)->want[c], c));
	return p;
}

void *cache_alloc(size_t size)
{
	unsigned int c;
	void *p;

	if (!cache)
		return __libc_malloc(size);
	if (size > LARGE_MAX) {
		COUNT(NR_CLASSES, misses, 1);
		return OR_DRAIN(__libc_malloc(size));
	}
	c = class_for(size);
	p = cache_pop(cache, c);
	if (!p)
		return refill(c);
	COUNT(c, hits, 1);
	return p;
}

static void flush(unsigned int c, struct block *first)
{
	struct block *p;
	int n = 0;

	for (p = counts ? first : NULL; p && p != &cache_end; p = p->next)
		n++;
	if (first && shelf_put(c, first))
		COUNT(c, shelved, n);
	else
		cache_free_all(first);
	COUNT(c, flushed, n);
}

/*
 * Count a list.  Where it is too long, what was freed first leaves it, for the other half is
 * still in some cache of the processor's.
 */
static void shorten(unsigned int c)
{
	int n = 0, limit = class_limit(c), half = (limit + 1) / 2;
	struct block *first = take_all(c), *p, *last = NULL, *middle = NULL, *rest = NULL;

	for (p = first; p && p != &cache_end && n <= limit; p = p->next) {
		last = p;
		if (++n == half)
			middle = p;
	}
	if (!n)
		return;
	if (n > limit) {
		last = middle;
		rest = middle->next;
	}
	if (!push_all(c, first, last)) {
		last->next = rest;
		rest = first;
	}
	flush(c, rest);
}

static bool make_room(unsigned int c)
{
	int cpu = opv_cpu();

	gate_tick();
	if (is_stopped(cpu) && !gate_start(cpu))
		return false;
	shorten(c);
	__atomic_store_n(&opv_ptr(cache, cpu)->room[c], class_limit(c), __ATOMIC_RELAXED);
	return true;
}

static unsigned int class_of(const void *p)
{
	size_t word = chunk_word(p), bytes = block_bytes(p);

	if (word & CHUNK_IS_MAPPED)
		return NR_CLASSES;
	return bytes <= SMALL_MAX ? class_of_small(word) : class_of_large(bytes);
}

void cache_release(void *p)
{
	int saved = errno;
	unsigned int c;

	c = cache ? class_of(p) : NR_CLASSES;
	if (c < NR_CLASSES &&
	    (cache_push(cache, opv_cpu(), c, p) || (make_room(c) && push_all(c, p, p)))) {
		COUNT(c, kept, 1);
	} else {
		COUNT(c < NR_CLASSES ? c : NR_CLASSES, passed, 1);
		__libc_free(p);
	}
	errno = saved;
}

/* Not the next function of that name, which may be another allocator's. */
void *cache_libc_symbol(const char *name)
{
	void *libc = dlopen("libc.so.6", RTLD_LAZY | RTLD_NOLOAD), *p;

	if (!libc)
		return NULL;
	p = dlsym(libc, name);
	dlclose(libc);
	return p;
}

/* Does libc say of its blocks what class.h thinks it does? */
static bool knows_blocks(void)
{
	static const size_t sizes[] = { 0, 25, 1000, LARGE_MAX, 1 << 18 };
	size_t (*usable)(void *) = (size_t (*)(void *))cache_libc_symbol("malloc_usable_size");
	bool same = usable != NULL;
	size_t i;

	for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]) && same; i++) {
		void *p = __libc_malloc(sizes[i]), *q = __libc_memalign(64, sizes[i]);

		same = p && q && usable(p) == block_bytes(p) && usable(q) == block_bytes(q);
		__libc_free(p);
		__libc_free(q);
	}
	return same;
}

/*
 * Sections are what makes this quick.  Where they cannot be had every call would be a
 * lock taken, and libc does that better.
 */
static bool has_sections(void)
{
	struct opv_status status;

	opv_status(&status, sizeof(status));
	return OPV_HAVE_SECTIONS && status.rseq_owner != OPV_RSEQ_NONE;
}

static __attribute__((__constructor__(101))) void start(void)
{
	struct opv_domain_options options = {
		.size = sizeof(options),
		.percpu_size = sizeof(struct cache),
		.name = "opv-malloc",
	};
	int saved = errno;
	struct opv_domain *d;
	struct cache *h;

	if (has_sections() && knows_blocks() && !opv_domain_create(&d, &options) &&
	    !opv_alloc(d, sizeof(*h), 64, &h)) {
		cache = h;
		gate_init();
		counts_attach();
		cache_fast(!counts);
	}
	errno = saved;
}
