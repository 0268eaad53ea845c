// SPDX-License-Identifier: MIT
/*
 * The interface of malloc(3), every function of it, by the letter.  Says what is wrong, or
 * "as it should be".
 */
#define _GNU_SOURCE
#include <errno.h>
#include <malloc.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int wrong;

#define CHECK(cond)								\
	do {									\
		if (!(cond)) {							\
			wrong++;						\
			printf("line %d: %s\n", __LINE__, #cond);		\
		}								\
	} while (0)

static const size_t sizes[] = { 0,    1,    23,	  24,	25,   40,   41,	  100,	 1000,	1031,  1032,
				1033, 2000, 4096, 8000, 8192, 9000, 30000, 32768, 32776, 32777,
				40000, 130000, 1 << 20 };
#define NR_SIZES (sizeof(sizes) / sizeof(sizes[0]))

static unsigned char mark(size_t i, size_t size)
{
	return (unsigned char)(i * 31 + size * 7 + 1);
}

static void fill(unsigned char *p, size_t from, size_t to, size_t size)
{
	size_t i;

	for (i = from; i < to; i++)
		p[i] = mark(i, size);
}

static bool is_filled(const unsigned char *p, size_t n, size_t size)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (p[i] != mark(i, size))
			return false;
	return true;
}

static bool is_zero(const unsigned char *p, size_t n)
{
	while (n--)
		if (*p++)
			return false;
	return true;
}

static void plain(void)
{
	unsigned char *p[NR_SIZES];
	size_t i, round;

	for (round = 0; round < 200; round++) {
		for (i = 0; i < NR_SIZES; i++) {
			p[i] = malloc(sizes[i]);
			CHECK(p[i] && (uintptr_t)p[i] % 16 == 0);
			CHECK(malloc_usable_size(p[i]) >= sizes[i]);
			/* All of what is usable may be used. */
			fill(p[i], 0, malloc_usable_size(p[i]), sizes[i]);
		}
		for (i = 0; i < NR_SIZES; i++) {
			CHECK(is_filled(p[i], malloc_usable_size(p[i]), sizes[i]));
			free(p[i]);
		}
	}
	CHECK(malloc_usable_size(NULL) == 0);
	free(NULL);
}

static void no_two_blocks_overlap(void)
{
	enum { N = 3000 };
	static unsigned char *p[N];
	size_t i, round;

	for (round = 0; round < 3; round++) {
		for (i = 0; i < N; i++) {
			p[i] = malloc(i);
			fill(p[i], 0, i, i);
		}
		for (i = 0; i < N; i++) {
			CHECK(is_filled(p[i], i, i));
			if (i % 3 == round)
				free(p[i]);
		}
		for (i = round; i < N; i += 3) {
			p[i] = malloc(i);
			fill(p[i], 0, i, i);
		}
		for (i = 0; i < N; i++) {
			CHECK(is_filled(p[i], i, i));
			free(p[i]);
		}
	}
}

static void zeroed(void)
{
	size_t i, round;

	for (round = 0; round < 50; round++) {
		for (i = 0; i < NR_SIZES; i++) {
			unsigned char *p = malloc(sizes[i]);

			memset(p, 0xff, malloc_usable_size(p));
			free(p);
			p = calloc(1, sizes[i]);
			CHECK(p && is_zero(p, sizes[i]));
			memset(p, 0xff, sizes[i]);
			free(p);
			p = calloc(sizes[i], 3);
			CHECK(p && is_zero(p, 3 * sizes[i]));
			free(p);
		}
	}
}

static void resized(void)
{
	size_t i, j;

	for (i = 0; i < NR_SIZES; i++) {
		for (j = 0; j < NR_SIZES; j++) {
			size_t least = sizes[i] < sizes[j] ? sizes[i] : sizes[j];
			unsigned char *p = malloc(sizes[i]), *q;

			if (!sizes[j])
				continue;
			fill(p, 0, sizes[i], 5);
			q = realloc(p, sizes[j]);
			CHECK(q && is_filled(q, least, 5));
			CHECK(malloc_usable_size(q) >= sizes[j]);
			fill(q, 0, malloc_usable_size(q), 6);
			free(q);
		}
	}
	CHECK(realloc(malloc(10), 0) == NULL);
	free(realloc(NULL, 10));
	free(reallocarray(NULL, 10, 10));
}

static bool is_power(size_t n)
{
	return n && !(n & (n - 1));
}

static void aligned(void)
{
	size_t align, i;

	for (align = 1; align <= 1 << 16; align *= 2) {
		for (i = 0; i < NR_SIZES; i++) {
			unsigned char *p = aligned_alloc(align, sizes[i]), *q = memalign(align, sizes[i]);
			void *r = NULL;

			CHECK(p && (uintptr_t)p % align == 0 && malloc_usable_size(p) >= sizes[i]);
			CHECK(q && (uintptr_t)q % align == 0 && malloc_usable_size(q) >= sizes[i]);
			fill(p, 0, sizes[i], 1);
			fill(q, 0, sizes[i], 2);
			CHECK(is_filled(p, sizes[i], 1));
			/* What was aligned may be resized and freed as any other. */
			p = realloc(p, sizes[i] + 100);
			CHECK(is_filled(p, sizes[i], 1) && is_filled(q, sizes[i], 2));
			free(p);
			free(q);
			errno = 77;
			CHECK(posix_memalign(&r, align, sizes[i]) ==
			      (align % sizeof(void *) ? EINVAL : 0));
			CHECK(errno == 77);
			CHECK(!r == (align % sizeof(void *) != 0));
			CHECK((uintptr_t)r % align == 0);
			free(r);
		}
	}
	for (align = 0; align < 300; align++) {
		void *r = &align;

		if (is_power(align))
			continue;
		CHECK(posix_memalign(&r, align, 10) == EINVAL && r == &align);
		errno = 0;
		CHECK(!aligned_alloc(align, 10) && errno == EINVAL);
	}
	for (i = 0; i < NR_SIZES; i++) {
		size_t page = (size_t)sysconf(_SC_PAGESIZE);
		void *v = valloc(sizes[i]), *w = pvalloc(sizes[i]);

		CHECK(v && (uintptr_t)v % page == 0);
		CHECK(w && (uintptr_t)w % page == 0);
		CHECK(malloc_usable_size(w) >= (sizes[i] + page - 1) / page * page);
		free(v);
		free(w);
	}
}

/*
 * Small ones that libc mapped by themselves: free() takes it that these have half a page at
 * least, whatever they were asked to have.  libc does so when its heap has no room.
 */
#define MAPPED_MAX 20000

static void mapped_small(void)
{
	static void *p[MAPPED_MAX];
	size_t align = 32, mapped = 0, i;

	CHECK(mallopt(M_MMAP_THRESHOLD, 1) == 1);
	for (i = 0; i < MAPPED_MAX && mapped < 500; i++, align = align < 1 << 16 ? 2 * align : 32) {
		p[i] = memalign(align, 1 + i % 100);
		CHECK(p[i] && (uintptr_t)p[i] % align == 0);
		if (!(((size_t *)p[i])[-1] & 2))
			continue;
		mapped++;
		CHECK(malloc_usable_size(p[i]) >= 2048);
	}
	CHECK(mapped == 500);
	while (i--)
		free(p[i]);
	CHECK(mallopt(M_MMAP_THRESHOLD, 128 << 10) == 1);
}

#define FAILS(what)								\
	do {									\
		errno = 0;							\
		CHECK(!(what));							\
		CHECK(errno == ENOMEM);						\
	} while (0)

static void impossible(void)
{
	size_t huge[] = { SIZE_MAX, SIZE_MAX - 15, SIZE_MAX / 2, (size_t)PTRDIFF_MAX + 1 }, i;
	unsigned char *p = malloc(100);
	void *r;

	fill(p, 0, 100, 9);
	for (i = 0; i < sizeof(huge) / sizeof(huge[0]); i++) {
		FAILS(malloc(huge[i]));
		FAILS(calloc(1, huge[i]));
		FAILS(calloc(huge[i], 2));
		FAILS(calloc(huge[i] / 4, 8));
		FAILS(realloc(p, huge[i]));
		FAILS(reallocarray(p, huge[i], 2));
		FAILS(reallocarray(p, 8, huge[i] / 4));
		FAILS(memalign(64, huge[i]));
		FAILS(aligned_alloc(4096, huge[i]));
		FAILS(valloc(huge[i]));
		FAILS(pvalloc(huge[i]));
		CHECK(posix_memalign(&r, 64, huge[i]) == ENOMEM);
	}
	CHECK(is_filled(p, 100, 9));
	free(p);
}

static void errno_stays(void)
{
	size_t i;
	void *p;

	for (i = 0; i < 1000; i++) {
		p = malloc(i * 100);
		errno = 33;
		free(p);
		CHECK(errno == 33);
	}
	errno = 34;
	malloc_trim(0);
	for (i = 0; i < 1000; i++)
		free(malloc(i * 100));
	CHECK(errno == 34);
}

void cfree(void *p) __attribute__((__weak__));

static void odd_ones(void)
{
	char *line = NULL;
	size_t room = 0;
	FILE *f;

	if (cfree)
		cfree(malloc(50));
	/* What the C library allocates for us. */
	free(strdup("text"));
	CHECK(asprintf(&line, "%100d", 5) == 100);
	free(line);
	line = NULL;
	f = fopen("/proc/self/status", "r");
	CHECK(getline(&line, &room, f) > 0 && malloc_usable_size(line) >= room);
	fclose(f);
	free(line);
	malloc_trim(0);
	free(realpath("/", NULL));
}

int main(void)
{
	plain();
	no_two_blocks_overlap();
	zeroed();
	resized();
	aligned();
	mapped_small();
	impossible();
	errno_stays();
	odd_ones();
	if (!wrong)
		puts("as it should be");
	return wrong != 0;
}
