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

#define OPV_GET_USER(type, addr, fault)					\
({									\
	type opv_got;							\
									\
	unsafe_get_user(opv_got, (const type __user *)(uintptr_t)(addr), fault); \
	opv_got;							\
})

#define OPV_STORE_USER(type, addr, v)					\
	(!__put_user((type)(v), (type __user *)(uintptr_t)(addr)))

/* One access, of an address that was looked at; false: a fault. */
static bool opv_load_user(u64 addr, u32 len, u64 *v)
{
	if (!user_read_access_begin(u64_to_user_ptr(addr), len))
		return false;
	switch (len) {
	case 1:
		*v = OPV_GET_USER(u8, addr, fault);
		break;
	case 2:
		*v = OPV_GET_USER(u16, addr, fault);
		break;
	case 4:
		*v = OPV_GET_USER(u32, addr, fault);
		break;
	default:
		*v = OPV_GET_USER(u64, addr, fault);
	}
	user_read_access_end();
	return true;
fault:
	user_read_access_end();
	return false;
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
	struct opv_walk walk;
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
	return opv_page_is_there(&seen->walk, addr, write);
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
	const bool copy = shape == OPV_SHAPE_COPY;
	u64 n = op->u.bitwise_op.mask;	/* or a count, in the same place */

	if (!opv_load_user(copy ? op->u.memcpy_op.src : op->u.bitwise_op.p, op->len, v))
		return false;
	if (copy)
		return true;
	if (shape == OPV_SHAPE_SHIFT)
		n = op->u.shift_op.bits;
	*v = opv_run_effect(op->op, *v, n & ~0ULL >> (64 - 8 * op->len), op->len);
	return true;
}

/* 0, or 1: the compare stops the vector; -EFAULT. */
static int opv_word_compare(const struct cpu_op *op)
{
	const u64 a = op->u.compare_op.a, b = op->u.compare_op.b;
	bool equal;

	/* Both are in user space, that is known; this opens all of it. */
	if (!user_read_access_begin(u64_to_user_ptr(a), op->len))
		return -EFAULT;
	switch (op->len) {
	case 1:
		equal = OPV_GET_USER(u8, a, fault) == OPV_GET_USER(u8, b, fault);
		break;
	case 2:
		equal = OPV_GET_USER(u16, a, fault) == OPV_GET_USER(u16, b, fault);
		break;
	case 4:
		equal = OPV_GET_USER(u32, a, fault) == OPV_GET_USER(u32, b, fault);
		break;
	default:
		equal = OPV_GET_USER(u64, a, fault) == OPV_GET_USER(u64, b, fault);
	}
	user_read_access_end();
	return equal != (op->op == CPU_COMPARE_EQ_OP);
fault:
	user_read_access_end();
	return -EFAULT;
}

/*
 * All operands are looked for, also behind a compare that stops the vector: so does the
 * long road, and what the caller hears must not depend on the road.
 */
static int opv_run_words(const struct opv_call *call)
{
	const struct cpu_op *op, *end = call->vec + call->count, *store = NULL;
	struct opv_seen seen = {
		.page = { OPV_WALK_NONE, OPV_WALK_NONE }, .walk.base = OPV_WALK_NONE,
	};
	int shape, ret, stopped = 0;
	u64 v = 0;

	for (op = call->vec; op != end; op++) {
		shape = opv_shape(op->op);
		if (shape == OPV_SHAPE_NONE) {
			opv_port_mb();
			continue;
		}
		if (store || !opv_operands_are_there(&seen, op, shape))
			return OPV_WORDS_NOT;
		if (shape != OPV_SHAPE_COMPARE)
			store = op;
		if (stopped)
			continue;
		ret = store ? -!opv_word_value(op, shape, &v) : opv_word_compare(op);
		if (ret < 0)
			return OPV_WORDS_NOT;
		if (ret)
			stopped = op - call->vec + 1;
		/* Whoever opened the gate did what he did before that. (K8) */
		if (op < call->vec + call->guard)
			smp_acquire__after_ctrl_dep();
	}
	if (store && !stopped) {
		if (opv_is_release(store->op))
			opv_port_release();
		if (!opv_store_user(store->u.memcpy_op.dst, store->len, v))
			return OPV_WORDS_NOT;
	}
	if (!stopped)
		return 0;
	return stopped <= call->guard ? -EBUSY : stopped - call->guard;
}

int opv_call_words(const struct opv_call *call, int cpu)
{
	unsigned long flags = 0;
	int ret = OPV_WORDS_NOT;

	pagefault_disable();
	opv_words_begin(flags);
	/* The caller is here: whoever else is, is in no section, as with (K3). */
	if (cpu == raw_smp_processor_id() && opv_may_run_on(cpu)) {
		smp_mb();	/* what the caller did before, then the vector */
		ret = opv_run_words(call);
		smp_mb();	/* the vector, then what the caller does next */
	}
	opv_words_end(flags);
	pagefault_enable();
	return ret;
}
