// SPDX-License-Identifier: MIT
/* Vectors that change while they are executed: by each other, or under the eyes of another thread. */
#define _GNU_SOURCE
#include "ops.h"

/*
 * What is executed is what was checked: a vector that an earlier request writes
 * to is taken as it was.
 */
static void test_rewritten(void)
{
	static const int32_t unknown = 12345;
	static const uint32_t huge = 1 << 20;
	static char small[64];
	struct cpu_op victim = opv_op_memcpy(small, small + 32, 8);
	struct cpu_op writer[] = { opv_op_memcpy(&victim.len, &huge, sizeof(huge)),
				   opv_op_memcpy(&victim.op, &unknown, sizeof(unknown)) };
	struct opv_request r[] = { { writer, 2, 0, -1 }, { &victim, 1, 0, -1 } };

	memset(small, 0, sizeof(small));
	memcpy(small + 32, "as it was", 9);
	is(opv_vectors(NULL, r, 2), 0, "a request that changes the vector of the next");
	ok(!r[1].result && !memcmp(small, "as it wa", 8), "that one is executed as it was checked");
}

/* A vector that changes itself is executed as it was when it was given. */
static void test_own(void)
{
	static uint64_t value;
	struct cpu_op vec[2];
	uint64_t big = 1000;

	vec[0] = opv_op_memcpy(&vec[1].u.arithmetic_op.count, &big, sizeof(big));
	vec[1] = opv_op_add(&value, 1, sizeof(value));
	ok(!opv_vector(NULL, vec, 2, 0) && value == 1, "a vector that changes itself runs as it was");
	is(vec[1].u.arithmetic_op.count, 1000, "and is changed");
}

int main(void)
{
	test_own();
	test_rewritten();
	return done();
}
