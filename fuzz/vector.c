// SPDX-License-Identifier: MIT
/*
 * Vectors of any kind on addresses of any kind, through every entry, against a
 * model that was written from the ABI alone: the same result, the same memory
 * afterwards, and after an error the memory of before.
 */
#define _GNU_SOURCE
#include "vector_input.h"

/* How often each kind of result was seen. */
enum { DONE, STOPPED, E_INVAL, E_FAULT, E_AGAIN, OTHER, NR_KINDS };
static uint64_t kinds[NR_KINDS];

static void call(struct call *c)
{
	struct opv_request r[2];
	int i;

	switch (c->entry) {
	case VECTOR:
	case VECTOR_DEFAULT:
		c->ret = opv_vector(c->entry == VECTOR ? domain[0] : NULL, c->vec[0], c->count[0],
				    c->cpu[0]);
		break;
	case CPU_OPV:
		c->ret = cpu_opv((struct cpu_op *)(uintptr_t)c->vec[0], c->count[0], c->cpu[0],
				 c->flags);
		break;
	default:
		for (i = 0; i < 2; i++)
			r[i] = (struct opv_request){ c->vec[i], c->count[i], c->cpu[i],
						     c->result[i] };
		c->ret = opv_vectors(domain[0], r, 2);
		for (i = 0; i < 2; i++)
			c->result[i] = r[i].result;
	}
}

static void show_vector(const struct call *c, int v)
{
	int i;

	printf("# as CPU %d, %d operations at %p\n", c->cpu[v], c->count[v], (const void *)c->vec[v]);
	for (i = 0; c->vec_there[v] && i < c->count[v] && i < OPS; i++) {
		const struct cpu_op *op = &c->vec[v][i];

		printf("#   %d: op %d len %u a 0x%llx b 0x%llx expect_fault %d %d\n", i + 1, op->op,
		       op->len, (unsigned long long)op->u.compare_op.a,
		       (unsigned long long)op->u.compare_op.b, op->u.compare_op.expect_fault_a,
		       op->u.compare_op.expect_fault_b);
	}
}

static void fail(const char *what, const struct call *got, const struct call *want)
{
	printf("not ok 1 - vectors do what the model does\n# %s\n", what);
	printf("# entry %d flags %d: got %d (%d, %d), wanted %d (%d, %d)\n", got->entry, got->flags,
	       got->ret, got->result[0], got->result[1], want->ret, want->result[0],
	       want->result[1]);
	printf("# playground at %p, domains at %p and %p\n", (void *)ground, (void *)domain[0],
	       (void *)domain[1]);
	show_vector(got, 0);
	if (got->entry == VECTORS)
		show_vector(got, 1);
	fflush(stdout);
	abort();
}

static void count_kind(int ret)
{
	kinds[ret == 0 ? DONE : ret > 0 ? STOPPED : ret == -EINVAL ? E_INVAL :
	      ret == -EFAULT ? E_FAULT : ret == -EAGAIN ? E_AGAIN : OTHER]++;
}

static int fuzz_one(const uint8_t *data, size_t size)
{
	struct bytes b = { data, data + size };
	struct call got = { 0 }, want;
	const char *wrong;

	if (!ground)
		set_up();
	got.entry = take(&b) % NR_ENTRIES;
	got.flags = got.entry == CPU_OPV && take(&b) >= 240 ? (int)take_word(&b) : 0;
	got.result[0] = got.result[1] = 12345;
	take_vector(&b, &got, 0);
	if (got.entry == VECTORS)
		take_vector(&b, &got, 1);
	want = got;
	model(&want);
	errno = 4321;
	call(&got);
	wrong = errno != 4321 ? "errno was touched" :
		got.ret != want.ret || got.result[0] != want.result[0] ||
		got.result[1] != want.result[1] ? "another result" : judge_memory();
	if (wrong)
		fail(wrong, &got, &want);
	count_kind(got.entry == VECTORS && !got.ret ? got.result[0] : got.ret);
	return 0;
}

#ifndef OPV_LIBFUZZER

static const char fuzz_name[] = "vectors do what the model does, and nothing when they are errors";

static size_t fuzz_make(struct fuzz_random *r, uint8_t *data, size_t max)
{
	size_t size = 4 + fuzz_below(r, max < 400 ? max - 4 : 396), i;

	for (i = 0; i < size; i++)
		data[i] = (uint8_t)fuzz_random(r);
	return size;
}

static void fuzz_sum(void)
{
	printf("# %llu done, %llu stopped, %llu EINVAL, %llu EFAULT, %llu EAGAIN, %llu others\n",
	       (unsigned long long)kinds[DONE], (unsigned long long)kinds[STOPPED],
	       (unsigned long long)kinds[E_INVAL], (unsigned long long)kinds[E_FAULT],
	       (unsigned long long)kinds[E_AGAIN], (unsigned long long)kinds[OTHER]);
}

static bool fuzz_reached(void)
{
	return kinds[DONE] && kinds[STOPPED] && kinds[E_INVAL] && kinds[E_FAULT] && kinds[E_AGAIN];
}

#endif
