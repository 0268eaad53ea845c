// SPDX-License-Identifier: MIT
/*
 * A vector into a log: interpreted with its stores kept back.  What a word has
 * after a store of the same vector is looked up in the log; a vector whose operands
 * overlap in any other way than being the same word is left to the fence engine.
 */
#include "log.h"

#include <string.h>

#include "arch/arch.h"
#include "core.h"
#include "domain.h"

static bool overlap(uint64_t a, uint64_t a_len, uint64_t b, uint64_t b_len)
{
	return a < b + b_len && b < a + a_len;
}

/* 1: *value is what the vector itself stored there; 0: it stored nothing there. */
static int look_up(const struct opv_compute *c, uint64_t addr, uint64_t len, uint64_t **value)
{
	uint32_t i;

	for (i = 0; i < c->writes->nr; i++) {
		struct opv_write *w = &c->writes->write[i];
		uint64_t dst = w->dst + c->base;

		if (!overlap(addr, len, dst, w->len))
			continue;
		if (dst != addr || w->len != len || !opv_is_width((uint32_t)len))
			return OPV_LOG_CANNOT;
		*value = &w->value;
		return 1;
	}
	return 0;
}

static int load(const struct opv_compute *c, uint64_t addr, uint32_t len, bool speculative,
		uint64_t *value)
{
	void *p = (void *)(uintptr_t)addr;

	if (speculative && c->rseq)
		return opv_local_read(c->rseq, c->slot, c->key, c->reads,
				      c->reads + c->nr_reads, p, len, value) ? OPV_LOG_STALE : 0;
	*value = 0;
	opv_run_copy((uintptr_t)value, addr, len);
	return 0;
}

static int read_word(struct opv_compute *c, uint64_t addr, uint32_t len, bool speculative,
		     uint64_t *value)
{
	struct opv_read *r;
	uint64_t *stored;
	uint32_t i;
	int ret;

	ret = look_up(c, addr, len, &stored);
	if (ret == 1)
		*value = *stored;
	if (ret)
		return ret < 0 ? ret : 0;
	for (i = 0; i < c->nr_reads; i++) {
		r = &c->reads[i];
		if (r->addr == addr && r->len == len) {
			*value = r->value;
			return 0;
		}
	}
	if (c->nr_reads == OPV_LOG_READS)
		return OPV_LOG_CANNOT;
	ret = load(c, addr, len, speculative, value);
	if (ret)
		return ret;
	c->reads[c->nr_reads++] = (struct opv_read){ addr, *value, len };
	return 0;
}

/* Would a store there change what an earlier copy of the log has yet to read? */
static bool is_source(const struct opv_compute *c, uint64_t addr, uint64_t len)
{
	uint32_t i;

	for (i = 0; i < c->writes->nr && !c->data; i++) {
		const struct opv_write *w = &c->writes->write[i];

		if (!opv_is_width((uint32_t)w->len) && overlap(addr, len, w->value + c->base, w->len))
			return true;
	}
	return false;
}

static int write_word(struct opv_compute *c, uint64_t addr, uint32_t len, uint64_t value)
{
	uint64_t *stored;
	int ret = look_up(c, addr, len, &stored);

	if (ret < 0 || is_source(c, addr, len))
		return OPV_LOG_CANNOT;
	if (ret == 1)
		*stored = value;
	else
		c->writes->write[c->writes->nr++] =
			(struct opv_write){ addr - c->base, value, len };
	return 0;
}

static int copy_range(struct opv_compute *c, uint64_t dst, uint64_t src, uint32_t len)
{
	uint64_t *stored, from = src;

	if (look_up(c, dst, len, &stored) || look_up(c, src, len, &stored) ||
	    overlap(dst, len, src, len) || is_source(c, dst, len))
		return OPV_LOG_CANNOT;
	if (c->data) {
		if (c->nr_reads == OPV_LOG_READS)
			return OPV_LOG_CANNOT;
		from = (uintptr_t)c->data + c->data_used;
		memcpy(c->data + c->data_used, (void *)(uintptr_t)src, len);
		c->data_used += len;
		c->reads[c->nr_reads++] = (struct opv_read){ src, from, len };
	}
	c->writes->write[c->writes->nr++] =
		(struct opv_write){ dst - c->base, from - c->base, len };
	return 0;
}

/* 1 equal, 0 not; remembers as little as makes that so. */
static int compare_range(struct opv_compute *c, uint64_t addr_a, uint64_t addr_b, uint32_t len)
{
	const uint8_t *a = (const uint8_t *)(uintptr_t)addr_a;
	const uint8_t *b = (const uint8_t *)(uintptr_t)addr_b;
	uint64_t *stored, byte;
	uint32_t i = 0;

	if (!len)
		return 1;
	if (look_up(c, addr_a, len, &stored) || look_up(c, addr_b, len, &stored) ||
	    c->nr_reads + 2 > OPV_LOG_READS)
		return OPV_LOG_CANNOT;
	if (memcmp(a, b, len)) {
		while (i < len && a[i] == b[i])
			i++;
		if (i < len) {
			if (read_word(c, addr_a + i, 1, false, &byte))
				return OPV_LOG_CANNOT;
			return read_word(c, addr_b + i, 1, false, &byte) ? OPV_LOG_CANNOT : 0;
		}
	}
	c->reads[c->nr_reads++] = (struct opv_read){ addr_a, addr_b, len };
	return 1;
}

static int compare(struct opv_compute *c, const struct cpu_op *op)
{
	uint64_t a, b;
	int ret;

	if (!opv_is_width(op->len)) {
		if (op->u.compare_op.expect_fault_a || op->u.compare_op.expect_fault_b)
			return OPV_LOG_CANNOT;
		return compare_range(c, op->u.compare_op.a, op->u.compare_op.b, op->len);
	}
	ret = read_word(c, op->u.compare_op.a, op->len, op->u.compare_op.expect_fault_a, &a);
	if (!ret)
		ret = read_word(c, op->u.compare_op.b, op->len, op->u.compare_op.expect_fault_b, &b);
	return ret ? ret : a == b;
}

static int copy(struct opv_compute *c, const struct cpu_op *op)
{
	uint64_t value;
	int ret;

	if (!op->len)
		return 0;
	if (!opv_is_width(op->len)) {
		if (op->u.memcpy_op.expect_fault_src)
			return OPV_LOG_CANNOT;
		return copy_range(c, op->u.memcpy_op.dst, op->u.memcpy_op.src, op->len);
	}
	ret = read_word(c, op->u.memcpy_op.src, op->len, op->u.memcpy_op.expect_fault_src, &value);
	return ret ? ret : write_word(c, op->u.memcpy_op.dst, op->len, value);
}

static int rmw(struct opv_compute *c, const struct cpu_op *op, uint64_t p, uint64_t operand,
	       bool speculative)
{
	uint64_t value;
	int ret = read_word(c, p, op->len, speculative, &value);

	if (ret)
		return ret;
	opv_run_rmw(op, (uintptr_t)&value, operand);
	return write_word(c, p, op->len, value);
}

int opv_compute(struct opv_compute *c, const struct cpu_op *vec, int count)
{
	int i, ret = 0;

	for (i = 0; i < count && !ret; i++) {
		const struct cpu_op *op = &vec[i];

		switch (opv_shape(op->op)) {
		case OPV_SHAPE_COMPARE:
			ret = compare(c, op);
			if (ret >= 0)
				ret = ret == (op->op == CPU_COMPARE_EQ_OP) ? 0 : i + 1;
			break;
		case OPV_SHAPE_COPY:
			ret = copy(c, op);
			break;
		case OPV_SHAPE_ARITH:
			ret = rmw(c, op, op->u.arithmetic_op.p, (uint64_t)op->u.arithmetic_op.count,
				  op->u.arithmetic_op.expect_fault_p);
			break;
		case OPV_SHAPE_BITWISE:
			ret = rmw(c, op, op->u.bitwise_op.p, op->u.bitwise_op.mask,
				  op->u.bitwise_op.expect_fault_p);
			break;
		case OPV_SHAPE_SHIFT:
			ret = rmw(c, op, op->u.shift_op.p, op->u.shift_op.bits,
				  op->u.shift_op.expect_fault_p);
			break;
		default:
			/* A barrier between accesses that are not made in turn here. */
			return OPV_LOG_CANNOT;
		}
	}
	return ret;
}

bool opv_log_for_all(const struct opv_domain *d, const struct cpu_op *vec, int count)
{
	uint64_t base = (uintptr_t)opv_domain_base(d);
	struct opv_operand o[2];
	int i, j;

	for (i = 0; i < count; i++)
		for (j = opv_operands(&vec[i], o) - 1; j >= 0; j--)
			if (o[j].write && (o[j].addr < base || o[j].addr >= base + d->bytes))
				return false;
	return true;
}
