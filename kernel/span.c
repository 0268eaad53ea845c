// SPDX-License-Identifier: GPL-2.0
/*
 * The operations on pages: mapped one by one, for as long as they are looked at.
 * core/run.h does an operation whose operands each lie in one page.  An operand that
 * crosses into a second page is none that is one access: it is done by pieces.
 */
#include <linux/cacheflush.h>
#include <linux/highmem.h>

#include "call.h"
#include "../core/run.h"

static bool opv_span_crosses(const struct opv_span *s)
{
	return s->offset + s->len > PAGE_SIZE;
}

/* The page that byte @at lies in. */
static struct opv_pin *opv_span_pin(const struct opv_span *s, unsigned int at)
{
	return s->pin[(s->offset + at) >> PAGE_SHIFT];
}

/* How much of the span follows byte @at in that page. */
static unsigned int opv_span_left(const struct opv_span *s, unsigned int at)
{
	return min_t(unsigned int, s->len - at, PAGE_SIZE - offset_in_page(s->offset + at));
}

static void *opv_span_map(const struct opv_span *s, unsigned int at)
{
	return kmap_local_page(opv_span_pin(s, at)->page) + offset_in_page(s->offset + at);
}

/* Two ends of one operation. */
struct opv_pair {
	void	*x;
	void	*y;
	bool	same_page;
};

/*
 * A page that both lie in is mapped once, whatever addresses the caller has for it:
 * a copy tells by them whether its ends overlap.
 */
static void opv_pair_map(struct opv_pair *p, const struct opv_span *x, const struct opv_span *y,
			 unsigned int at)
{
	p->x = opv_span_map(x, at);
	p->same_page = opv_span_pin(x, at)->page == opv_span_pin(y, at)->page;
	if (p->same_page)
		p->y = p->x - offset_in_page(x->offset + at) + offset_in_page(y->offset + at);
	else
		p->y = opv_span_map(y, at);
}

static void opv_pair_unmap(const struct opv_pair *p)
{
	if (!p->same_page)
		kunmap_local(p->y);
	kunmap_local(p->x);
}

/* Before it is unmapped: other views of the page may have to be told. */
static void opv_span_wrote(const struct opv_span *s, unsigned int at)
{
	struct opv_pin *pin = opv_span_pin(s, at);

	pin->dirty = true;
	flush_dcache_page(pin->page);
}

static void opv_span_gather(void *to, const struct opv_span *s)
{
	unsigned int at, n;
	void *p;

	for (at = 0; at < s->len; at += n) {
		n = opv_span_left(s, at);
		p = opv_span_map(s, at);
		opv_port_memmove(to + at, p, n);
		kunmap_local(p);
	}
}

static void opv_span_scatter(const struct opv_span *s, const void *from)
{
	unsigned int at, n;
	void *p;

	for (at = 0; at < s->len; at += n) {
		n = opv_span_left(s, at);
		p = opv_span_map(s, at);
		opv_port_memmove(p, from + at, n);
		opv_span_wrote(s, at);
		kunmap_local(p);
	}
}

static bool opv_span_equal(const struct opv_span *x, const struct opv_span *y)
{
	struct opv_pair p;
	unsigned int at, n;
	bool equal = true;

	for (at = 0; equal && at < x->len; at += n) {
		n = min(opv_span_left(x, at), opv_span_left(y, at));
		opv_pair_map(&p, x, y, at);
		equal = !opv_port_memcmp(p.x, p.y, n);
		opv_pair_unmap(&p);
	}
	return equal;
}

static bool opv_span_is_in(const struct opv_span *s, const struct page *page)
{
	return s->pin[0]->page == page || (opv_span_crosses(s) && s->pin[1]->page == page);
}

static bool opv_spans_share(const struct opv_span *x, const struct opv_span *y)
{
	return opv_span_is_in(x, y->pin[0]->page) ||
	       (opv_span_crosses(y) && opv_span_is_in(x, y->pin[1]->page));
}

/*
 * By pieces there may be no order in which no piece writes over what another has
 * still to read: a page may be mapped twice in a row, as rings are. (K7)
 */
static bool opv_copy_needs_held(const struct opv_span *x, const struct opv_span *y)
{
	return x->len && (opv_span_crosses(x) || opv_span_crosses(y)) && opv_spans_share(x, y);
}

bool opv_call_needs_held(const struct opv_call *call)
{
	int i;

	for (i = 0; i < call->count; i++) {
		if (opv_shape(call->vec[i].op) == OPV_SHAPE_COPY &&
		    opv_copy_needs_held(&call->span[i][0], &call->span[i][1]))
			return true;
	}
	return false;
}

static void opv_span_copy(const struct opv_span *dst, const struct opv_span *src, void *held)
{
	struct opv_pair p;
	unsigned int at, n;

	if (opv_copy_needs_held(dst, src)) {
		opv_span_gather(held, src);
		opv_span_scatter(dst, held);
		return;
	}
	for (at = 0; at < dst->len; at += n) {
		n = min(opv_span_left(dst, at), opv_span_left(src, at));
		opv_pair_map(&p, dst, src, at);
		opv_port_memmove(p.x, p.y, n);
		opv_span_wrote(dst, at);
		opv_pair_unmap(&p);
	}
}

/* An operation of which an operand crosses; 1: it stops the vector. */
static int opv_run_pieces(const struct cpu_op *op, const struct opv_span span[2], void *held)
{
	u64 word;
	int ret;

	switch (opv_shape(op->op)) {
	case OPV_SHAPE_COMPARE:
		return opv_span_equal(&span[0], &span[1]) != (op->op == CPU_COMPARE_EQ_OP);
	case OPV_SHAPE_COPY:
		if (opv_is_release(op->op))
			opv_port_release();
		opv_span_copy(&span[0], &span[1], held);
		return 0;
	default:
		opv_span_gather(&word, &span[0]);
		ret = opv_run_one(op, &word, NULL);
		opv_span_scatter(&span[0], &word);
		return ret;
	}
}

/* An operation whose operands, if it has any, each lie in one page. */
static int opv_run_flat(const struct cpu_op *op, const struct opv_span span[2])
{
	struct opv_pair p = { .same_page = true };
	int ret;

	if (!span[0].len)
		return opv_run_one(op, NULL, NULL);
	if (span[1].len)
		opv_pair_map(&p, &span[0], &span[1], 0);
	else
		p.x = opv_span_map(&span[0], 0);
	ret = opv_run_one(op, p.x, p.y);
	if (opv_shape(op->op) != OPV_SHAPE_COMPARE)
		opv_span_wrote(&span[0], 0);
	opv_pair_unmap(&p);
	return ret;
}

static int opv_execute_one(struct opv_call *call, int i)
{
	const struct opv_span *span = call->span[i];

	if (opv_span_crosses(&span[0]) || opv_span_crosses(&span[1]))
		return opv_run_pieces(&call->vec[i], span, call->held);
	return opv_run_flat(&call->vec[i], span);
}

int opv_call_execute(struct opv_call *call)
{
	int i;

	if (call->guard) {
		if (opv_execute_one(call, 0))
			return -EBUSY;
		/* Whoever opened the gate did what he did before that. (K8) */
		smp_acquire__after_ctrl_dep();
	}
	for (i = call->guard; i < call->count; i++) {
		if (opv_execute_one(call, i))
			return i + 1 - call->guard;
	}
	return 0;
}
