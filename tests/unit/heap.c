// SPDX-License-Identifier: MIT
/* Allocation of per-CPU variables. */
#define _GNU_SOURCE
#include <errno.h>
#include <string.h>
#include <time.h>

#include <opv/opv.h>
#include "tap.h"

#define OPTIONS(...) (&(struct opv_domain_options){ .size = sizeof(struct opv_domain_options), __VA_ARGS__ })

static uint32_t flags;		/* of the domains that are tried */
static const char *kind;

static struct opv_domain *make(size_t percpu_size)
{
	struct opv_domain *d = NULL;

	opv_domain_create(&d, OPTIONS(.percpu_size = percpu_size, .flags = flags));
	return d;
}

static void test_arguments(void)
{
	static const size_t bad_aligns[] = { 3, 5, 6, 12, 100, 4095, 4097, 8192, SIZE_MAX };
	void *const none = (void *)0x5a5a, *h = none;
	struct opv_domain *d = make(0);
	bool good = true;
	int i;

	for (i = 0; i < 9; i++)
		good &= opv_alloc(d, 8, bad_aligns[i], &h) == -EINVAL;
	ok(good, "%s: alignments that are no power of two, or above 4096: EINVAL", kind);
	is(opv_alloc(d, 0, 8, &h), -EINVAL, "%s: no bytes: EINVAL", kind);
	good = opv_alloc(d, OPV_DOMAIN_SIZE_MAX + 1, 8, &h) == -ENOMEM;
	for (i = 0; i < 64; i++) {
		good &= opv_alloc(d, SIZE_MAX - (size_t)i, 1, &h) == -ENOMEM;
		good &= opv_alloc(d, ((size_t)1 << 32) + (size_t)i, 1, &h) == -ENOMEM;
		good &= opv_alloc(d, ((size_t)1 << 32) - (size_t)i, 4096, &h) == -ENOMEM;
		good &= i < 22 || opv_alloc(d, (size_t)1 << i, 8, &h) == -ENOMEM;
	}
	ok(good, "%s: sizes that wrap round in any width: ENOMEM", kind);
	h = none;
	opv_alloc(d, SIZE_MAX, 8, &h);
	opv_alloc(d, 0, 8, &h);
	ok(h == none, "%s: the handle is untouched on error", kind);
	opv_domain_destroy(d);
}

static void test_alignment(void)
{
	struct opv_domain *d = make(0);
	bool good = true;
	size_t align;
	char *h, *odd;

	for (align = 1; align <= 4096; align *= 2) {
		good &= !opv_alloc(d, 3, align, &h) && !opv_alloc(d, 1, 1, &odd);
		good &= !((uintptr_t)h & (align - 1)) && !((uintptr_t)opv_ptr(h, 1) & (align - 1));
	}
	ok(good, "%s: handles and instances are aligned as asked, 1 to 4096", kind);
	good &= !opv_alloc(d, 16, 0, &h);
	ok(good && !((uintptr_t)h & (_Alignof(max_align_t) - 1)), "%s: 0 is that of max_align_t", kind);
	opv_domain_destroy(d);
}

static void test_free_errors(void)
{
	struct opv_domain *d = make(0), *d2 = make(0);
	char *h, *next, *foreign;
	bool good = true;
	int i;

	opv_alloc(d, 64, 8, &h);
	opv_alloc(d, 64, 8, &next);
	opv_alloc(d2, 64, 8, &foreign);
	for (i = 1; i < 64; i++)
		good &= opv_free(d, h + i) == -EINVAL && opv_free(d, h - i) == -EINVAL;
	ok(good, "%s: a pointer into a variable is not freed", kind);
	ok(opv_free(d, foreign) == -EINVAL && opv_free(NULL, h) == -EINVAL,
	   "%s: nor the variable of another domain", kind);
	ok(opv_free(d, opv_ptr(h, 0)) == -EINVAL && opv_free(d, d) == -EINVAL &&
	   opv_free(d, &d) == -EINVAL && opv_free(d, opv_handle(d, 0)) == -EINVAL &&
	   opv_free(d, opv_handle(d, OPV_STRIPE - 1)) == -EINVAL, "%s: nor what is no handle", kind);
	is(opv_free(d, NULL), 0, "%s: NULL is nothing to free", kind);
	is(opv_free(d, h), 0, "%s: a variable is freed", kind);
	is(opv_free(d, h), -EINVAL, "%s: once", kind);
	is(opv_free(d, next), 0, "%s: its neighbour too", kind);
	ok(opv_free(d, next) == -EINVAL && opv_free(d, h) == -EINVAL,
	   "%s: once, also when both have become one free block", kind);
	opv_domain_destroy(d);
	opv_domain_destroy(d2);
}

static void test_zeroed(void)
{
	struct opv_domain *d = make(0);
	char *h, *keep;
	bool good = true;
	int cpu, i;

	opv_alloc(d, 5000, 8, &h);
	opv_alloc(d, 8, 8, &keep);
	for (cpu = 0; cpu < opv_domain_cpus(d); cpu++) {
		memset(opv_ptr(h, cpu), 0xee, 5000);
		memset(opv_ptr(keep, cpu), 0x77, 8);
	}
	opv_free(d, h);
	good = !opv_alloc(d, 5000, 8, &h);
	for (cpu = 0; cpu < opv_domain_cpus(d); cpu++) {
		for (i = 0; i < 5000; i++)
			good &= !opv_ptr(h, cpu)[i];
		for (i = 0; i < 8; i++)
			good &= opv_ptr(keep, cpu)[i] == 0x77;
	}
	ok(good, "%s: what was in use is zero again for all CPUs, its neighbour is not", kind);
	opv_domain_destroy(d);
}

static void test_full(void)
{
	struct opv_domain *d = make(1000);
	char *h[200], *more;
	bool good = true;
	int n, i;

	for (n = 0; n < 200 && !opv_alloc(d, 8, 8, &h[n]); n++)
		good &= !opv_add64((uint64_t *)h[n], 1, opv_domain_cpus(d) - 1);
	ok(good && n == 125, "%s: 1000 bytes are 125 words (%d)", kind, n);
	is(opv_alloc(d, 1, 1, &more), -ENOMEM, "%s: then it is full", kind);
	/* The last word of one CPU lies next to the gate of the next. */
	for (i = 0; i < 100; i++)
		good &= !opv_add64((uint64_t *)h[n - 1], 1, 0) && !opv_add64((uint64_t *)h[0], 1, 1);
	ok(good && *(uint64_t *)opv_ptr(h[n - 1], 0) == (opv_domain_cpus(d) == 1 ? 101u : 100u),
	   "%s: the last word is as good as any", kind);
	for (i = 0; i < n; i += 2)
		good &= !opv_free(d, h[i]);
	is(opv_alloc(d, 16, 8, &more), -ENOMEM, "%s: holes of 8 bytes are too small for 16", kind);
	for (i = 1; i < n; i += 2)
		good &= !opv_free(d, h[i]);
	ok(good && !opv_alloc(d, 1000, 8, &more), "%s: all of it is one block once it was given back",
	   kind);
	opv_domain_destroy(d);
}

/* The largest domain in one piece, to its last byte. */
static void test_largest(void)
{
	struct opv_domain *d = make(0);
	char *h, *h2;
	int last = opv_domain_cpus(d) - 1;

	is(opv_alloc(d, OPV_DOMAIN_SIZE_MAX, 128, &h), 0, "%s: %zu bytes in one piece", kind,
	   OPV_DOMAIN_SIZE_MAX);
	ok(!opv_add8((uint8_t *)h + OPV_DOMAIN_SIZE_MAX - 1, 7, last) &&
	   opv_ptr(h, last)[OPV_DOMAIN_SIZE_MAX - 1] == 7 &&
	   !opv_add64((uint64_t *)(h + OPV_DOMAIN_SIZE_MAX - 8), 1, 0), "%s: to the last byte", kind);
	is(opv_alloc(d, 1, 1, &h2), -ENOMEM, "%s: and nothing beside it", kind);
	opv_domain_destroy(d);
}

#define SLOTS 300

static struct block {
	char *h;
	size_t size;
	unsigned char mark;
} blocks[SLOTS];

static uint64_t state;

static uint64_t rnd(void)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state;
}

/* Every instance has its mark throughout: no two overlap. */
static bool is_whole(const struct block *b, int cpu)
{
	const char *p = opv_ptr(b->h, cpu);
	size_t i;

	for (i = 0; i < b->size; i++)
		if ((unsigned char)p[i] != b->mark)
			return false;
	return true;
}

static bool take(struct opv_domain *d, struct block *b, int last)
{
	size_t align = (size_t)1 << rnd() % 9, i;
	int ret;

	b->size = rnd() % 16 ? rnd() % 100 + 1 : rnd() % 4000 + 1;
	b->mark = (unsigned char)(rnd() % 255 + 1);
	ret = opv_alloc(d, b->size, align, &b->h);
	if (ret) {
		b->h = NULL;
		return ret == -ENOMEM;
	}
	for (i = 0; i < b->size; i++)
		if (opv_ptr(b->h, 0)[i] || opv_ptr(b->h, last)[i])
			return false;
	memset(opv_ptr(b->h, 0), b->mark, b->size);
	memset(opv_ptr(b->h, last), b->mark, b->size);
	return !((uintptr_t)b->h & (align - 1));
}

static void test_random(void)
{
	struct opv_domain *d = make(40000);
	int last = opv_domain_cpus(d) - 1, i, full = 0;
	bool good = true;
	char *h;

	memset(blocks, 0, sizeof(blocks));
	for (i = 0; good && i < 30000; i++) {
		struct block *b = &blocks[rnd() % SLOTS];

		if (b->h) {
			good &= is_whole(b, 0) && is_whole(b, last) && !opv_free(d, b->h);
			b->h = NULL;
		} else {
			good &= take(d, b, last);
			full += !b->h;
		}
	}
	ok(good, "%s: %d random allocations and frees: zeroed, aligned, none overlaps another", kind, i);
	for (i = 0; i < SLOTS; i++)
		good &= !opv_free(d, blocks[i].h);
	ok(good && full && !opv_alloc(d, 40000, 8, &h), "%s: the domain was full %d times, and is empty",
	   kind, full);
	opv_domain_destroy(d);
}

int main(int argc, char **argv)
{
	state = argc > 1 ? strtoull(argv[1], NULL, 0) : (uint64_t)time(NULL) * 1000003;
	diag("seed %llu: give it as the first argument to see the same again",
	     (unsigned long long)state);
	errno = 4242;
	for (flags = 0; flags <= OPV_DOMAIN_SHARED; flags += OPV_DOMAIN_SHARED) {
		kind = flags ? "shared" : "private";
		test_arguments();
		test_alignment();
		test_free_errors();
		test_zeroed();
		test_full();
		test_largest();
		test_random();
	}
	is(errno, 4242, "errno was left alone");
	return done();
}
