// SPDX-License-Identifier: MIT
/*
 * The descriptors of the sections, those of this file and those of the library.
 * With the argument "list" it prints where they are, for tests/asm/commit.sh.
 */
#include "tap.h"

#include "sections.h"
#include "walk.h"

/* So that all of them are in the program. */
static void *const keep[] __attribute__((__used__)) = {
#define OPV_RMW(name, name_at, bits, op, order) (void *)sec_##name, (void *)sec_##name##_cid,
#define OPV_FETCH OPV_RMW
#define OPV_CMPXCHG OPV_RMW
#define OPV_WORD(name, name_at, op, order) (void *)sec_##name, (void *)sec_##name##_cid,
#include <opv/calls.def>
#undef OPV_RMW
#undef OPV_FETCH
#undef OPV_CMPXCHG
#undef OPV_WORD
};

#define NR_KEPT ((int)(sizeof(keep) / sizeof(keep[0])))

/* The judge sees what is wrong: each field, made bad in turn. */
static void test_judge(void)
{
	struct walk_section cs = walk_find("__rseq_cs"), text = walk_find(".text");
	struct walk_section failure = walk_find("__rseq_failure");
	static struct walk_cs c __attribute__((__aligned__(32)));
	const struct walk_cs *good = (const struct walk_cs *)cs.addr;
	bool seen = true;

	c = *good;
	seen &= !walk_judge(&c, text, failure);
	c.version = 1;
	seen &= walk_judge(&c, text, failure) != NULL;
	c = *good;
	c.start = failure.addr;
	seen &= walk_judge(&c, text, failure) != NULL;
	c = *good;
	c.length = 0;
	seen &= walk_judge(&c, text, failure) != NULL;
	c = *good;
	c.abort = c.start + 1;
	seen &= walk_judge(&c, text, failure) != NULL;
	c = *good;
	c.abort += 1;
	seen &= walk_judge(&c, text, failure) != NULL;
	ok(seen, "a descriptor that is wrong is seen to be");
}

int main(int argc, char **argv)
{
	int n, bad;

	if (!OPV_HAVE_SECTIONS) {
		skip("descriptors", "no sections for this architecture");
		return done();
	}
	if (argc > 1 && !strcmp(argv[1], "list")) {
		walk_list();
		return 0;
	}
	n = walk_all(&bad);
	/* Some of four times as many share a function that the compiler did not inline. */
	ok(n >= 2 * NR_KEPT, "%d descriptors of %d calls", n, NR_KEPT);
	is(bad, 0, "each has its section in the text, and an abort handler with the signature before it");
	test_judge();
	return done();
}
