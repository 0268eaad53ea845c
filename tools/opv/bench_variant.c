// SPDX-License-Identifier: MIT
/* The section of add64 with its compare against memory and against a register. */
#include "bench.h"
#include "bench_list.h"
#include "bench_section.h"

const bool bench_have_variants = BENCH_HAVE_VARIANTS;

#if BENCH_HAVE_VARIANTS

/* As opv_add64(), whose slow path is of no interest here: once more, or by the call. */
static inline void with_key(uint64_t *p)
{
	if (__builtin_expect(bench_add_key(opv_rseq(), opv_window(p), p), 0))
		opv_add64(p, 1, OPV_THIS_CPU);
}

/* The number is read once, as cheaply as can be; anew after a miss. */
static inline void with_register(uint64_t *p, int *cpu)
{
	if (__builtin_expect(bench_add_register(opv_rseq(), opv_window(p), *cpu, p), 0)) {
		opv_add64(p, 1, OPV_THIS_CPU);
		*cpu = opv_cpu();
	}
}

#define VARIANT_CASE(name, handle, add)							\
BENCH_CASE(name)								\
{										\
	uint64_t *h = bench_world.handle;					\
	int cpu = opv_cpu();							\
										\
	(void)c, (void)cpu;							\
	BENCH_REPEAT(n, add);							\
}

VARIANT_CASE(add64_key, added64, with_key(h))
VARIANT_CASE(add64_register, added64, with_register(h, &cpu))
VARIANT_CASE(add64_key_round, round64, with_key(h + BENCH_TURN))
VARIANT_CASE(add64_register_round, round64, with_register(h + BENCH_TURN, &cpu))

#else /* Nobody calls these, bench_have_variants being false. */

BENCH_CASE(add64_key) { (void)c, (void)n; }
BENCH_CASE(add64_register) { (void)c, (void)n; }
BENCH_CASE(add64_key_round) { (void)c, (void)n; }
BENCH_CASE(add64_register_round) { (void)c, (void)n; }

#endif
