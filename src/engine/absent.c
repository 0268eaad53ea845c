// SPDX-License-Identifier: MIT
/*
 * The engine that this version of the library does not have.  It has its place in
 * the list, so that probing, forcing and the tests know it, and says why it is
 * not to be had.
 */
#include "../engine.h"

#include <stddef.h>

static bool never_suits(int cpu)
{
	(void)cpu;
	return false;
}

static int pass(struct opv_domain *d, const struct cpu_op *vec, int count, int cpu)
{
	(void)d, (void)vec, (void)count, (void)cpu;
	return OPV_PASS;
}

static bool no_bpf(const char **why)
{
	*why = "not in this version";
	return false;
}

const struct opv_engine_ops opv_engine_bpf = { no_bpf, never_suits, pass };
