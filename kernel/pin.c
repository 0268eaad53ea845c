// SPDX-License-Identifier: GPL-2.0
/*
 * The pages of the operands, each brought in and pinned once, in the order in which
 * faults count.
 */
#include <linux/err.h>
#include <linux/mm.h>

#include "call.h"

#ifdef HAVE_foll_interruptible
# define OPV_FOLL_SIGNALS	FOLL_INTERRUPTIBLE
#else
# define OPV_FOLL_SIGNALS	0	/* fatal signals only */
#endif

/* What is there is had without a lock.  What is not may have to be waited for. */
static int opv_pin_page(unsigned long addr, bool write, struct page **page)
{
	const unsigned int flags = write ? FOLL_WRITE : 0;
	long ret;

	ret = pin_user_pages_fast(addr, 1, flags | FOLL_NOFAULT, page);
	if (ret != 1)
		ret = pin_user_pages_unlocked(addr, 1, page, flags | OPV_FOLL_SIGNALS);
	if (ret == 1)
		return 0;
	return ret ? ret : -EFAULT;
}

static int opv_pin_suitable(unsigned long addr, bool write, struct page **page)
{
	int ret;

	ret = opv_pin_page(addr, write, page);
	if (ret)
		return ret;
	ret = opv_page_check(*page, addr);
	if (ret == OPV_PAGE_OTHER) {
		unpin_user_page(*page);
		ret = opv_pin_page(addr, true, page);
		if (ret)
			return ret;
		ret = opv_page_check(*page, addr);
		/* Mapped anew under our feet: then this is the one. */
		if (ret == OPV_PAGE_OTHER)
			return 0;
	}
	if (ret)
		unpin_user_page(*page);
	return ret;
}

static struct opv_pin *opv_find_pin(struct opv_call *call, unsigned long addr, bool write)
{
	unsigned int i;

	for (i = 0; i < call->nr_pins; i++) {
		struct opv_pin *pin = &call->pin[i];

		if (pin->addr == addr && pin->writable >= write)
			return pin;
	}
	return NULL;
}

static bool opv_span_covers(const struct opv_operand *o, unsigned long page)
{
	return o->len && o->addr < page + PAGE_SIZE && page < o->addr + o->len;
}

/* Operation @i or a later one: then one pin does for all. */
static bool opv_will_write(const struct opv_call *call, int i, unsigned long page)
{
	for (; i < call->count; i++) {
		struct opv_operand o[2] __uninitialized;

		/* Only the first is ever one that is written. */
		if (opv_operands(&call->vec[i], o) && o[0].write && opv_span_covers(&o[0], page))
			return true;
	}
	return false;
}

static int opv_add_pin(struct opv_call *call, unsigned long addr, bool write)
{
	struct opv_pin *pin = &call->pin[call->nr_pins];
	int ret;

	ret = opv_pin_suitable(addr, write, &pin->page);
	if (ret)
		return ret;
	pin->addr = addr;
	pin->writable = write;
	pin->dirty = false;
	call->nr_pins++;
	return 0;
}

/* The page at @addr for operation @i: to write, to read, or to read now. */
static struct opv_pin *opv_get_pin(struct opv_call *call, int i, unsigned long addr, bool write)
{
	struct opv_pin *pin = opv_find_pin(call, addr, write);
	int ret;

	if (pin)
		return pin;
	ret = opv_add_pin(call, addr, write || opv_will_write(call, i, addr));
	/* That it cannot be written is the fault of who writes. */
	if (ret && !write)
		ret = opv_add_pin(call, addr, false);
	return ret ? ERR_PTR(ret) : &call->pin[call->nr_pins - 1];
}

static int opv_pin_span(struct opv_call *call, int i, const struct opv_operand *o,
			struct opv_span *span)
{
	const unsigned long addr = o->addr, first = addr & PAGE_MASK;
	unsigned int k, pages;

	span->offset = offset_in_page(addr);
	span->len = o->len;
	if (!o->len)
		return 0;
	if (addr != o->addr || addr + (o->len - 1) < addr)
		return -EFAULT;
	pages = span->offset + span->len > PAGE_SIZE ? 2 : 1;
	for (k = 0; k < pages; k++) {
		span->pin[k] = opv_get_pin(call, i, first + k * PAGE_SIZE, o->write);
		if (IS_ERR(span->pin[k]))
			return PTR_ERR(span->pin[k]);
	}
	return 0;
}

/* What the caller hears of a page that cannot be had. */
static int opv_pin_error(int err, const struct opv_operand *o)
{
	if (err == -ENOMEM)
		return err;
	if (err == -EINTR)
		return -ERESTARTSYS;
	return o->expect_fault ? -EAGAIN : -EFAULT;
}

static int opv_pin_op(struct opv_call *call, int i)
{
	struct opv_operand o[2] __uninitialized;
	int k, ret, n = opv_operands(&call->vec[i], o);

	for (k = n; k < 2; k++)
		call->span[i][k] = (struct opv_span){ };
	for (k = 0; k < n; k++) {
		ret = opv_pin_span(call, i, &o[k], &call->span[i][k]);
		if (ret)
			return opv_pin_error(ret, &o[k]);
	}
	return 0;
}

int opv_call_pin(struct opv_call *call)
{
	int i, ret;

	for (i = 0; i < call->count; i++) {
		ret = opv_pin_op(call, i);
		if (ret)
			return ret;
	}
	return 0;
}

void opv_call_unpin(struct opv_call *call)
{
	unsigned int i;

	for (i = 0; i < call->nr_pins; i++)
		unpin_user_pages_dirty_lock(&call->pin[i].page, 1, call->pin[i].dirty);
}
