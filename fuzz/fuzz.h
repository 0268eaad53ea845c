/* SPDX-License-Identifier: MIT */
#ifndef _FUZZ_FUZZ_H
#define _FUZZ_FUZZ_H

/*
 * A fuzzer is one function of bytes, fuzz_one(), that abort()s when something is
 * not as it should be, having said what.  It is used in two ways:
 *
 *	NAME.t [SEED [SECONDS]]	a plain program: bytes from fuzz_make() and a
 *				generator of its own, the same for the same seed; TAP
 *	NAME.t -f FILE...	the bytes of files: what a fuzzer found, again
 *	make fuzz		-DOPV_LIBFUZZER: libFuzzer brings main() and the bytes
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define FUZZ_BYTES 4096

static int fuzz_one(const uint8_t *data, size_t size);

/* splitmix64 */
struct fuzz_random {
	uint64_t state;
};

__attribute__((__unused__))
static uint64_t fuzz_random(struct fuzz_random *r)
{
	uint64_t z = r->state += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

__attribute__((__unused__))
static uint64_t fuzz_below(struct fuzz_random *r, uint64_t n)
{
	return fuzz_random(r) % n;
}

#ifdef OPV_LIBFUZZER

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	return fuzz_one(data, size);
}

#else

/* What the fuzzer says, and how it begins and ends a case by itself. */
static const char fuzz_name[];
static size_t fuzz_make(struct fuzz_random *r, uint8_t *data, size_t max);
static void fuzz_sum(void);	/* lines of diagnostics, and whether it reached what it should */
static bool fuzz_reached(void);

static double fuzz_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static int fuzz_files(int argc, char **argv)
{
	static uint8_t data[1 << 20];
	int i;

	for (i = 2; i < argc; i++) {
		FILE *f = fopen(argv[i], "re");
		size_t size;

		if (!f) {
			perror(argv[i]);
			return 2;
		}
		size = fread(data, 1, sizeof(data), f);
		fclose(f);
		fuzz_one(data, size);
	}
	return 0;
}

int main(int argc, char **argv)
{
	uint64_t seed = argc > 1 ? strtoull(argv[1], NULL, 0) : (uint64_t)time(NULL), n;
	double seconds = argc > 2 ? strtod(argv[2], NULL) : 5;
	struct fuzz_random r = { seed };
	uint8_t data[FUZZ_BYTES];
	double end;

	if (argc > 2 && !strcmp(argv[1], "-f"))
		return fuzz_files(argc, argv);
	/* Before anything can go wrong. */
	printf("# seed %llu: the same again with %s %llu SECONDS\n", (unsigned long long)seed, argv[0],
	       (unsigned long long)seed);
	fflush(stdout);
	end = fuzz_now() + seconds;
	for (n = 0; n % 64 || fuzz_now() < end; n++)
		fuzz_one(data, fuzz_make(&r, data, sizeof(data)));
	printf("# %llu cases\n", (unsigned long long)n);
	fuzz_sum();
	printf("ok 1 - %s\n", fuzz_name);
	printf("%s 2 - and the cases reached every kind of result\n", fuzz_reached() ? "ok" : "not ok");
	puts("1..2");
	return fuzz_reached() ? 0 : 1;
}

#endif /* OPV_LIBFUZZER */

#endif /* _FUZZ_FUZZ_H */
