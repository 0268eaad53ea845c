// SPDX-License-Identifier: MIT
/*
 * A vector into a log, byte by byte: for operands that overlap in ways that compute.c
 * has no words for.  The log's data get an image of all that will be written; the
 * vector runs on that, and reads what is not in it where it lies.  The gate is closed:
 * nothing changes meanwhile.
 */
#include "log.h"

#include <string.h>

#include "core.h"

/* Operands are copied through so many bytes, so that a signal stack has room for us. */
#define CHUNK	64

/* Until it is sealed a write has true addresses: value is where the image of dst is. */
struct image {
	struct opv_writes *writes;
	uint64_t base;
	uint8_t *data;
};

const struct opv_write *opv_range_of(const struct opv_write *range, uint32_t nr, uint64_t addr)
{
	uint32_t i;

	for (i = 0; i < nr; i++)
		if (addr - range[i].dst < range[i].len)
			return &range[i];
	return NULL;
}

static const struct opv_write *image_of(const struct image *m, uint64_t addr)
{
	return opv_range_of(m->writes->write, m->writes->nr, addr);
}

/* How many bytes from addr on, at most len, are in one image, or in none; *p: where they are. */
static uint32_t piece(const struct image *m, uint64_t addr, uint32_t len, uint64_t *p)
{
	const struct opv_write *w = image_of(m, addr);
	uint64_t end = addr + len;
	uint32_t i;

	*p = addr;
	if (w) {
		*p = w->value + (addr - w->dst);
		end = w->dst + w->len < end ? w->dst + w->len : end;
	}
	for (i = 0; !w && i < m->writes->nr; i++)
		if (m->writes->write[i].dst > addr && m->writes->write[i].dst < end)
			end = m->writes->write[i].dst;
	return (uint32_t)(end - addr);
}

static void fetch(const struct image *m, uint64_t to, uint64_t addr, uint32_t len)
{
	uint64_t p;
	uint32_t n;

	for (; len; len -= n, addr += n, to += n) {
		n = piece(m, addr, len, &p);
		opv_run_copy(to, p, n);
	}
}

/* All of a destination is in one image. */
static uint64_t destination(const struct image *m, uint64_t addr)
{
	const struct opv_write *w = image_of(m, addr);

	return w->value + (addr - w->dst);
}

static void copy(const struct image *m, uint64_t dst, uint64_t src, uint32_t len)
{
	const bool backwards = dst - src < len;	/* its end first, which is not yet overwritten */
	uint32_t n, at = backwards ? len : 0;
	uint8_t chunk[CHUNK];

	for (; len; len -= n) {
		n = len < CHUNK ? len : CHUNK;
		at -= backwards ? n : 0;
		fetch(m, (uintptr_t)chunk, src + at, n);
		opv_run_copy(destination(m, dst + at), (uintptr_t)chunk, n);
		at += backwards ? 0 : n;
	}
}

static bool equal(const struct image *m, uint64_t a, uint64_t b, uint32_t len)
{
	uint8_t x[CHUNK], y[CHUNK];
	uint32_t n;

	for (; len; len -= n, a += n, b += n) {
		n = len < CHUNK ? len : CHUNK;
		fetch(m, (uintptr_t)x, a, n);
		fetch(m, (uintptr_t)y, b, n);
		if (memcmp(x, y, n))
			return false;
	}
	return true;
}

/* 0, or i + 1. */
static int run(const struct image *m, const struct cpu_op *vec, int count)
{
	int i;

	for (i = 0; i < count; i++) {
		const struct cpu_op *op = &vec[i];
		const uint64_t a = op->u.compare_op.a, b = op->u.compare_op.b;

		switch (opv_shape(op->op)) {
		case OPV_SHAPE_COMPARE:
			if (equal(m, a, b, op->len) != (op->op == CPU_COMPARE_EQ_OP))
				return i + 1;
			break;
		case OPV_SHAPE_COPY:
			copy(m, a, b, op->len);
			break;
		case OPV_SHAPE_SHIFT:
			opv_run_rmw(op, destination(m, a), op->u.shift_op.bits);
			break;
		default:
			opv_run_rmw(op, destination(m, a), b);
		}
	}
	return 0;
}

void opv_range_add(struct opv_write *range, uint32_t *nr, uint64_t dst, uint64_t len)
{
	uint64_t end = dst + len;
	uint32_t i = 0;

	while (i < *nr) {
		const struct opv_write r = range[i];

		if (r.dst >= end || dst >= r.dst + r.len) {
			i++;
			continue;
		}
		dst = r.dst < dst ? r.dst : dst;
		end = r.dst + r.len > end ? r.dst + r.len : end;
		range[i] = range[--*nr];
		i = 0;	/* it may overlap more now */
	}
	range[(*nr)++] = (struct opv_write){ .dst = dst, .len = end - dst };
}

/* There is room: all destinations together are no more than a vector may have. */
static void make_image(const struct image *m, const struct cpu_op *vec, int count)
{
	uint64_t data = (uintptr_t)m->data;
	struct opv_operand o[2];
	uint32_t i;
	int op;

	m->writes->nr = 0;
	for (op = 0; op < count; op++)
		if (opv_operands(&vec[op], o) && o[0].write && o[0].len)
			opv_range_add(m->writes->write, &m->writes->nr, o[0].addr, o[0].len);
	for (i = 0; i < m->writes->nr; i++) {
		struct opv_write *w = &m->writes->write[i];

		w->value = data;
		opv_run_copy(w->value, w->dst, (uint32_t)w->len);
		data += w->len;
	}
}

/* As a log has them: a word by its value, the rest by where the bytes are. */
static void seal(const struct image *m)
{
	uint64_t value;
	uint32_t i;

	for (i = 0; i < m->writes->nr; i++) {
		struct opv_write *w = &m->writes->write[i];

		value = 0;
		if (opv_is_width((uint32_t)w->len))
			memcpy(&value, (void *)(uintptr_t)w->value, w->len);
		else
			value = w->value - m->base;
		w->value = value;
		w->dst -= m->base;
	}
}

int opv_compute_bytes(struct opv_compute *c, const struct cpu_op *vec, int count)
{
	const struct image m = { c->writes, c->base, c->data };
	int i, stop;

	for (i = 0; i < count; i++)
		if (opv_shape(vec[i].op) == OPV_SHAPE_NONE)
			return OPV_LOG_CANNOT;
	make_image(&m, vec, count);
	stop = run(&m, vec, count);
	if (stop) {
		/* What is behind it is not written, not even as it was. */
		make_image(&m, vec, stop - 1);
		run(&m, vec, stop - 1);
	}
	seal(&m);
	return stop;
}
