// SPDX-License-Identifier: GPL-2.0
/*
 * The short road, for most vectors of the CPU that the caller is on: a few aligned words
 * of which one is written, last.  They are read and written where the caller has them,
 * as he would do it, but with interrupts off; nothing is pinned.  Whatever is not as
 * hoped is noticed before the store, when nothing was done, and is left to the long
 * road. (K9)
 */
#include <linux/irqflags.h>
#include <linux/smp.h>
#include <linux/uaccess.h>

#include "call.h"
#include "../core/run.h"

#if defined(OPV_BREAK_WORDS)
/* Nothing keeps others out: a test must notice. */
# define opv_words_begin(flags)	(flags = 0)
# define opv_words_end(flags)	((void)flags)
#else
# define opv_words_begin(flags)	local_irq_save(flags)
# define opv_words_end(flags)	local_irq_restore(flags)
#endif

#define OPV_LOAD_USER(type, addr, v)					\
({									\
	type opv_got = 0;						\
	int opv_ret = __get_user(opv_got, (const type __user *)(uintptr_t)(addr)); \
									\
	*(v) = opv_got;							\
	!opv_ret;							\
})

#define OPV_STORE_USER(type, addr, v)					\
	(!__put_user((type)(v), (type __user *)(uintptr_t)(addr)))

/* One access, of an address that was looked at; false: a fault. */
static bool opv_load_user(u64 addr, u32 len, u64 *v)
{
	switch (len) {
	case 1:
		return OPV_LOAD_USER(u8, addr, v);
	case 2:
		return OPV_LOAD_USER(u16, addr, v);
	case 4:
		return OPV_LOAD_USER(u32, addr, v);
	default:
		return OPV_LOAD_USER(u64, addr, v);
	}
}

static bool opv_store_user(u64 addr, u32 len, u64 v)
{
	switch (len) {
	case 1:
		return OPV_STORE_USER(u8, addr, v);
	case 2:
		return OPV_STORE_USER(u16, addr, v);
	case 4:
		return OPV_STORE_USER(u32, addr, v);
	default:
		return OPV_STORE_USER(u64, addr, v);
	}
}

/* Pages that were found there; most vectors have two.  The lowest bit: for writing. */
struct opv_seen {
	unsigned long page[2];
};

static bool opv_word_is_there(struct opv_seen *seen, u64 addr, u32 len, bool write)
{
	const unsigned long page = (addr & PAGE_MASK) | write;

	if (addr != (unsigned long)addr || addr & (len - 1))
		return false;
	if (page == seen->page[0] || page == seen->page[1])
		return true;
	seen->page[1] = seen->page[0];
	seen->page[0] = page;
	return opv_page_is_there(addr, write);
}

/* All shapes have their first address at one place, and those of two the second. */
#define OPV_SAME_PLACE(x, y)	\
	static_assert(offsetof(struct cpu_op, u.x) == offsetof(struct cpu_op, u.y))
OPV_SAME_PLACE(compare_op.a, memcpy_op.dst);
OPV_SAME_PLACE(compare_op.b, memcpy_op.src);
OPV_SAME_PLACE(arithmetic_op.p, memcpy_op.dst);
OPV_SAME_PLACE(bitwise_op.p, memcpy_op.dst);
OPV_SAME_PLACE(shift_op.p, memcpy_op.dst);
OPV_SAME_PLACE(arithmetic_op.count, bitwise_op.mask);
#undef OPV_SAME_PLACE

static bool opv_operands_are_there(struct opv_seen *seen, const struct cpu_op *op, int shape)
{
	const bool pair = shape == OPV_SHAPE_COMPARE || shape == OPV_SHAPE_COPY;

	return opv_is_width(op->len) &&
	       opv_word_is_there(seen, op->u.memcpy_op.dst, op->len, shape != OPV_SHAPE_COMPARE) &&
	       (!pair || opv_word_is_there(seen, op->u.memcpy_op.src, op->len, false));
}

/* What the operation would store; false: a fault. */
static bool opv_word_value(const struct cpu_op *op, int shape, u64 *v)
{
	u64 n = op->u.bitwise_op.mask;	/* or a count, in the same place */

	if (shape == OPV_SHAPE_COPY)
		return opv_load_user(op->u.memcpy_op.src, op->len, v);
	if (shape == OPV_SHAPE_SHIFT)
		n = op->u.shift_op.bits;
	if (!opv_load_user(op->u.bitwise_op.p, op->len, v))
		return false;
	*v = opv_run_effect(op->op, *v, n & ~0ULL >> (64 - 8 * op->len), op->len);
	return true;
}

/* 0, or 1: the compare stops the vector; -EFAULT. */
static int opv_word_compare(const struct cpu_op *op)
{
	u64 a, b;

	if (!opv_load_user(op->u.compare_op.a, op->len, &a) ||
	    !opv_load_user(op->u.compare_op.b, op->len, &b))
		return -EFAULT;
	return (a == b) != (op->op == CPU_COMPARE_EQ_OP);
}

/*
 * All operands are looked for, also behind a compare that stops the vector: so does the
 * long road, and what the caller hears must not depend on the road.
 */
static bool opv_run_words(const struct opv_call *call, int *result)
{
	const struct cpu_op *store = NULL;
	struct opv_seen seen = { };
	int i, shape, ret, stopped = 0;
	u64 v = 0;

	for (i = 0; i < call->count; i++) {
		const struct cpu_op *op = &call->vec[i];

		shape = opv_shape(op->op);
		if (shape == OPV_SHAPE_NONE) {
			opv_port_mb();
			continue;
		}
		if (store || !opv_operands_are_there(&seen, op, shape))
			return false;
		if (shape != OPV_SHAPE_COMPARE)
			store = op;
		if (stopped)
			continue;
		ret = store ? -!opv_word_value(op, shape, &v) : opv_word_compare(op);
		if (ret < 0)
			return false;
		if (ret)
			stopped = i + 1;
		/* Whoever opened the gate did what he did before that. (K8) */
		if (i < call->guard)
			smp_acquire__after_ctrl_dep();
	}
	if (store && !stopped) {
		if (opv_is_release(store->op))
			opv_port_release();
		if (!opv_store_user(store->u.memcpy_op.dst, store->len, v))
			return false;
	}
	if (stopped && stopped <= call->guard)
		*result = -EBUSY;
	else
		*result = stopped ? stopped - call->guard : 0;
	return true;
}

bool opv_call_words(const struct opv_call *call, int cpu, int *result)
{
	unsigned long flags = 0;
	bool done = false;

	if (cpu != raw_smp_processor_id())
		return false;
	pagefault_disable();
	opv_words_begin(flags);
	/* The caller is here: whoever else is, is in no section, as with (K3). */
	if (cpu == smp_processor_id() && opv_may_run_on(cpu)) {
		smp_mb();	/* what the caller did before, then the vector */
		done = opv_run_words(call, result);
		smp_mb();	/* the vector, then what the caller does next */
	}
	opv_words_end(flags);
	pagefault_enable();
	return done;
}
