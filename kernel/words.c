// SPDX-License-Identifier: GPL-2.0
/*
 * The short road, for most vectors of a CPU that the caller, or a thread that shares his
 * memory, is on: a few aligned words of which one is written, last.  They are read and
 * written where the caller has them, as he would do it, but with interrupts off; nothing
 * is pinned.  Whatever is not as hoped is noticed before the store, when nothing was done,
 * and is left to the long road. (K9), (K10)
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

/* One access, within user_access_begin(), of an address that was looked at. */
#define OPV_GET_USER(type, addr, fault)					\
({									\
	type opv_got;							\
									\
	unsafe_get_user(opv_got, (const type __user *)(uintptr_t)(addr), fault); \
	opv_got;							\
})

#define OPV_PUT_USER(type, addr, v, fault)				\
	unsafe_put_user((type)(v), (type __user *)(uintptr_t)(addr), fault)

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

/* False: a fault, before the store. */
static bool opv_word_store(const struct cpu_op *op, int shape)
{
	const u64 to = op->u.memcpy_op.dst;
	const u64 from = shape == OPV_SHAPE_COPY ? op->u.memcpy_op.src : to;
	u64 v, n = op->u.bitwise_op.mask;	/* or a count, in the same place */

	/* Both are in user space, that is known; this opens all of it. */
	if (!user_access_begin(u64_to_user_ptr(to), op->len))
		return false;
	if (op->len == 8)
		v = OPV_GET_USER(u64, from, fault);
	else if (op->len == 4)
		v = OPV_GET_USER(u32, from, fault);
	else if (op->len == 2)
		v = OPV_GET_USER(u16, from, fault);
	else
		v = OPV_GET_USER(u8, from, fault);
	if (shape != OPV_SHAPE_COPY) {
		if (shape == OPV_SHAPE_SHIFT)
			n = op->u.shift_op.bits;
		v = opv_run_effect(op->op, v, n & ~0ULL >> (64 - 8 * op->len), op->len);
	}
	if (opv_is_release(op->op))
		opv_port_release();
	if (op->len == 8)
		OPV_PUT_USER(u64, to, v, fault);
	else if (op->len == 4)
		OPV_PUT_USER(u32, to, v, fault);
	else if (op->len == 2)
		OPV_PUT_USER(u16, to, v, fault);
	else
		OPV_PUT_USER(u8, to, v, fault);
	user_access_end();
	return true;
fault:
	user_access_end();
	return false;
}

/* 0, or 1: the compare stops the vector; -EFAULT. */
static int opv_word_compare(const struct cpu_op *op)
{
	const u64 a = op->u.compare_op.a, b = op->u.compare_op.b;
	bool equal;

	/* The same. */
	if (!user_read_access_begin(u64_to_user_ptr(a), op->len))
		return -EFAULT;
	if (op->len == 8)
		equal = OPV_GET_USER(u64, a, fault) == OPV_GET_USER(u64, b, fault);
	else if (op->len == 4)
		equal = OPV_GET_USER(u32, a, fault) == OPV_GET_USER(u32, b, fault);
	else if (op->len == 2)
		equal = OPV_GET_USER(u16, a, fault) == OPV_GET_USER(u16, b, fault);
	else
		equal = OPV_GET_USER(u8, a, fault) == OPV_GET_USER(u8, b, fault);
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
static bool opv_words_are_there(const struct opv_call *call)
{
	const struct cpu_op *op, *end = call->vec + call->count;
	struct opv_seen seen = {
		.page = { OPV_WALK_NONE, OPV_WALK_NONE }, .walk.base = OPV_WALK_NONE,
	};
	bool stored = false;
	int shape;

	for (op = call->vec; op != end; op++) {
		shape = opv_shape(op->op);
		if (shape == OPV_SHAPE_NONE)
			continue;
		if (stored || !opv_operands_are_there(&seen, op, shape))
			return false;
		stored = shape != OPV_SHAPE_COMPARE;
	}
	return true;
}

int opv_run_words(const struct opv_call *call)
{
	const struct cpu_op *op, *end = call->vec + call->count, *first = call->vec + call->guard;
	int shape, ret;

	for (op = call->vec; op != end; op++) {
		shape = opv_shape(op->op);
		if (shape == OPV_SHAPE_COMPARE) {
			ret = opv_word_compare(op);
			if (ret)
				goto stopped;
			/* Whoever opened the gate did what he did before that. (K8) */
			if (op < first)
				smp_acquire__after_ctrl_dep();
		} else if (shape == OPV_SHAPE_NONE) {
			opv_port_mb();
		} else {
			if (!opv_word_store(op, shape))
				return OPV_WORDS_NOT;
		}
	}
	return 0;
stopped:
	if (ret < 0)
		return OPV_WORDS_NOT;
	return op < first ? -EBUSY : op - first + 1;
}

int opv_call_words(struct opv_call *call, int cpu)
{
	unsigned long flags = 0;
	int ret = OPV_WORDS_NOT;
	bool here, there;

	pagefault_disable();
	opv_words_begin(flags);
	here = cpu == raw_smp_processor_id() && cpumask_test_cpu(cpu, current->cpus_ptr);
	there = (here || opv_may_exec_in_place(cpu)) && opv_words_are_there(call);
	/* The caller is here: whoever else is, is in no section, as with (K3). */
	if (here && there) {
		smp_mb();	/* what the caller did before, then the vector */
		ret = opv_run_words(call);
		smp_mb();	/* the vector, then what the caller does next */
	}
	opv_words_end(flags);
	pagefault_enable();
	return there && !here ? opv_exec_on(call, cpu, true) : ret;
}
