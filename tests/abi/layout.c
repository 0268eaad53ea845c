// SPDX-License-Identifier: MIT
/* What lies where: the ABI of 2018, and what programs compiled against older headers count on. */
#include <stddef.h>

#include <opv/opv.h>
#include "tap.h"

#define AT(type, field, offset)							\
	do {									\
		good &= offsetof(type, field) == (offset);			\
		if (offsetof(type, field) != (offset))				\
			diag(#field " lies at %zu, wanted %d", offsetof(type, field), offset); \
	} while (0)

static void test_cpu_op(void)
{
	bool good = sizeof(struct cpu_op) == 32 && _Alignof(struct cpu_op) == _Alignof(uint64_t);

	AT(struct cpu_op, op, 0);
	AT(struct cpu_op, len, 4);
	AT(struct cpu_op, u, 8);
	AT(struct cpu_op, u.compare_op.a, 8);
	AT(struct cpu_op, u.compare_op.b, 16);
	AT(struct cpu_op, u.compare_op.expect_fault_a, 24);
	AT(struct cpu_op, u.compare_op.expect_fault_b, 25);
	AT(struct cpu_op, u.memcpy_op.dst, 8);
	AT(struct cpu_op, u.memcpy_op.src, 16);
	AT(struct cpu_op, u.memcpy_op.expect_fault_dst, 24);
	AT(struct cpu_op, u.memcpy_op.expect_fault_src, 25);
	AT(struct cpu_op, u.arithmetic_op.p, 8);
	AT(struct cpu_op, u.arithmetic_op.count, 16);
	AT(struct cpu_op, u.arithmetic_op.expect_fault_p, 24);
	AT(struct cpu_op, u.bitwise_op.p, 8);
	AT(struct cpu_op, u.bitwise_op.mask, 16);
	AT(struct cpu_op, u.bitwise_op.expect_fault_p, 24);
	AT(struct cpu_op, u.shift_op.p, 8);
	AT(struct cpu_op, u.shift_op.bits, 16);
	AT(struct cpu_op, u.shift_op.expect_fault_p, 20);
	ok(good, "struct cpu_op has the 32 bytes of 2018");
	ok((struct cpu_op){ .op = -1 }.op < 0 && (struct cpu_op){ .len = -1 }.len > 0 &&
	   (struct cpu_op){ .u.arithmetic_op.count = -1 }.u.arithmetic_op.count < 0,
	   "op and count are signed, len is not");
}

static void test_numbers(void)
{
	ok(CPU_COMPARE_EQ_OP == 0 && CPU_COMPARE_NE_OP == 1 && CPU_MEMCPY_OP == 2 && CPU_ADD_OP == 3 &&
	   CPU_OR_OP == 4 && CPU_AND_OP == 5 && CPU_XOR_OP == 6 && CPU_LSHIFT_OP == 7 &&
	   CPU_RSHIFT_OP == 8 && CPU_MB_OP == 9, "operations have the numbers of 2018");
	ok(CPU_MEMCPY_RELEASE_OP == 10 && CPU_ADD_RELEASE_OP == 11 && CPU_MIN_OP == 12 &&
	   CPU_MAX_OP == 13 && CPU_SMIN_OP == 14 && CPU_SMAX_OP == 15 && NR_CPU_OPS == 16,
	   "the others have numbers that do not clash");
	ok(CPU_OP_VEC_LEN_MAX == 16 && CPU_OP_ARG_LEN_MAX == 24 && CPU_OP_COPY_LEN_MAX == 4096 &&
	   CPU_OP_ARITH_LEN_MAX == 8 && CPU_OP_DATA_LEN_MAX == 4216, "limits: 16, 24, 4096, 8, 4216");
	ok(CPU_OP_NR_FLAG == 1 && CPU_OP_VEC_LEN_MAX_FLAG == 2, "flags: 1, 2");
}

/* Fields may be added behind these, never before or between. */
static void test_structs(void)
{
	bool good = true;

	AT(struct opv_domain_options, size, 0);
	AT(struct opv_domain_options, percpu_size, 8);
	AT(struct opv_domain_options, flags, 16);
	AT(struct opv_domain_options, nr_cpus, 20);
	AT(struct opv_domain_options, timeout_ms, 24);
	AT(struct opv_domain_options, reserved, 28);
	AT(struct opv_domain_options, name, 32);
	ok(good, "struct opv_domain_options");
	AT(struct opv_request, vec, 0);
	AT(struct opv_request, count, 8);
	AT(struct opv_request, cpu, 12);
	AT(struct opv_request, result, 16);
	ok(good && sizeof(struct opv_request) == 24, "struct opv_request");
	AT(struct opv_engine_info, size, 0);
	AT(struct opv_engine_info, available, 8);
	AT(struct opv_engine_info, name, 16);
	AT(struct opv_engine_info, what, 24);
	AT(struct opv_engine_info, why, 32);
	ok(good, "struct opv_engine_info");
	AT(struct opv_status, fast, 0);
	AT(struct opv_status, why, 8);
	AT(struct opv_status, rseq_owner, 16);
	AT(struct opv_status, rseq_error, 32);
	AT(struct opv_status, fence, 36);
	AT(struct opv_status, nr_cpus, 52);
	AT(struct opv_status, rseq_offset, 64);
	AT(struct opv_status, mm_cid, 72);
	AT(struct opv_status, mm_cid_why, 80);
	ok(good, "struct opv_status");
	AT(struct opv_counts, fast, 0);
	AT(struct opv_counts, slow, 8);
	AT(struct opv_counts, vectors, 16);
	AT(struct opv_counts, errors, 144);
	ok(good, "struct opv_counts");
	AT(struct opv_freelist, heads, 8);
	AT(struct opv_freelist, next, 16);
	AT(struct opv_freelist, flags, 24);
	AT(struct opv_freelist_head, first, 0);
	AT(struct opv_freelist_chain, first, 0);
	AT(struct opv_freelist_chain, last, 8);
	AT(struct opv_freelist_chain, nr, 16);
	ok(good && sizeof(struct opv_freelist_head) == 16, "struct opv_freelist, head and chain");
	AT(struct opv_pool, magazines, 8);
	AT(struct opv_pool_magazine, word, 0);
	AT(struct opv_pool_magazine, capacity, 8);
	AT(struct opv_pool_magazine, objects, 64);
	AT(struct opv_pool_options, home, 56);
	ok(good && OPV_POOL_LENGTH == 0xffff && OPV_POOL_OPERATION == 0x10000,
	   "struct opv_pool, its magazines and options");
}

/* Inline functions have these in them: they are ABI between a program and the library it runs with. */
static void test_inlined(void)
{
	ok(OPV_WINDOW_TO_DOMAIN == 2 * OPV_STRIPE && OPV_WINDOW_TO_CPU0 == 3 * OPV_STRIPE,
	   "handles lie three stripes below CPU 0, two below the domain");
	ok(OPV_FORM_AT == 1 && OPV_FORM_CID == 2 && OPV_KEY_CID == 1 << 29,
	   "forms of sections; the key of a slot that goes by mm_cid");
	ok(OPV_THIS_CPU == -1 && OPV_ALL_CPUS == -2 && OPV_MISS == -1,
	   "this CPU, all CPUs, what sections answer");
	ok(OPV_CALL_opv_add8 == 0 && OPV_CALL_opv_add64_release == 7, "calls are numbered in their order");
#if OPV_HAVE_SECTIONS
	ok(OPV_STRIPE == 4 << 20 && OPV_RSEQ_SIG == 0x53053053, "x86-64: stripes of 4 MiB, signature");
#else
	skip("stripe and signature of the architecture", "no sections here");
#endif
}

int main(void)
{
	test_cpu_op();
	test_numbers();
	if (sizeof(void *) == 8)
		test_structs();
	else
		skip("offsets of the structs", "they are those of 64 bits");
	test_inlined();
	return done();
}
