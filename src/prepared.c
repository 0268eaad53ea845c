// SPDX-License-Identifier: MIT
/* Prepared vectors: <opv/prepared.h>. */
#define _GNU_SOURCE
#include <opv/prepared.h>

#include "core.h"
#include "count.h"
#include "domain.h"
#include "engine.h"
#include "operand.h"
#include "present.h"
#include "thread.h"

static bool is_param(uint64_t addr)
{
	return addr >= (uintptr_t)OPV_PARAM(0);
}

static bool is_handle(const struct opv_domain *d, uint64_t addr)
{
	return addr - opv_window_of(d) < OPV_STRIPE;
}

/* Handles and parameters are there by what they say, anything else has to be. */
static int check_operand(struct opv_domain *d, const struct opv_operand *o)
{
	uint64_t offset = o->addr - opv_window_of(d);

	if (is_param(o->addr))
		return o->addr + o->len <= (uintptr_t)OPV_PARAM(OPV_NR_PARAMS) &&
		       o->addr + o->len >= o->addr ? 0 : -EFAULT;
	if (is_handle(d, o->addr))
		return offset >= sizeof(struct opv_slot) && offset + o->len <= d->heap->end ?
		       0 : -EFAULT;
	return opv_operand_is_there(d, o) ? 0 : o->expect_fault ? -EAGAIN : -EFAULT;
}

/*
 * Compiling: for each operand whether its value is still in memory or in a store
 * of the vector itself.
 */
struct compiler {
	struct opv_prepared *p;
	struct {
		uint64_t addr;
		uint32_t len;
	} stores[CPU_OP_VEC_LEN_MAX];
	bool fits;
};

#define MEMORY		255
#define KIND_VALUE	3

static uint8_t kind_of(const struct opv_domain *d, uint64_t addr)
{
	return is_param(addr) ? 2 : is_handle(d, addr) ? 1 : 0;
}

/* The store that has this word; it does not fit if it overlaps one in another way. */
static uint8_t from(struct compiler *c, uint64_t addr, uint32_t len)
{
	uint32_t i;

	for (i = 0; i < c->p->nr_stores; i++) {
		if (c->stores[i].addr == addr && c->stores[i].len == len)
			return (uint8_t)i;
		if (addr < c->stores[i].addr + c->stores[i].len && c->stores[i].addr < addr + len)
			c->fits = false;
	}
	return MEMORY;
}

/*
 * An address inside of a domain may be where a handle leads to as well: that is
 * for the general road, which sees it.
 */
static void operand(struct compiler *c, uint64_t addr, uint32_t len, uint64_t *where, uint8_t *kind)
{
	struct opv_region other;

	*where = addr;
	*kind = kind_of(c->p->domain, addr);
	if (!*kind && opv_registry_find(addr, len, &other))
		c->fits = false;
}

static void compile_op(struct compiler *c, int i)
{
	const struct cpu_op *op = &c->p->vec[i];
	struct opv_prepared_step *s = &c->p->steps[i];
	const uint32_t len = op->len;
	uint64_t a = op->u.compare_op.a, b = op->u.compare_op.b;

	if (!opv_is_width(len) || op->u.compare_op.expect_fault_a || op->u.compare_op.expect_fault_b) {
		c->fits = false;
		return;
	}
	s->type = (uint8_t)op->op;
	s->len = (uint8_t)len;
	s->store = MEMORY;
	s->b_from = MEMORY;	/* as long as b is a value, and if it becomes a parameter */
	operand(c, a, len, &s->a, &s->a_kind);
	s->a_from = from(c, a, len);
	switch (op->op) {
	case CPU_COMPARE_EQ_OP:
	case CPU_COMPARE_NE_OP:
		operand(c, b, len, &s->b, &s->b_kind);
		s->b_from = from(c, b, len);
		return;
	case CPU_MEMCPY_OP:
	case CPU_MEMCPY_RELEASE_OP:
		operand(c, b, len, &s->b, &s->b_kind);
		s->b_from = from(c, b, len);
		break;
	case CPU_ADD_OP:
	case CPU_ADD_RELEASE_OP:
	case CPU_OR_OP:
	case CPU_AND_OP:
	case CPU_XOR_OP:
		s->b = b;
		s->b_kind = KIND_VALUE;
		break;
	default:
		c->fits = false;
	}
	s->store = s->a_from;
	if (s->store == MEMORY && c->fits) {
		c->stores[c->p->nr_stores].addr = a;
		c->stores[c->p->nr_stores].len = len;
		s->store = (uint8_t)c->p->nr_stores++;
	}
}

static void compile(struct opv_prepared *p)
{
	struct compiler c = { .p = p, .fits = !p->domain->shared };
	int i;

	p->nr_stores = 0;
	for (i = 0; i < p->count && c.fits; i++)
		compile_op(&c, i);
	p->quick = c.fits;
}

int opv_prepare(struct opv_prepared *p, struct opv_domain *d, const struct cpu_op *vec, int count)
{
	struct opv_operand o[2];
	int i, j, n, ret;

	if (!d)
		d = opv_domain_default();
	if (!d)
		return -ENOMEM;
	if (count < 1 || count > CPU_OP_VEC_LEN_MAX)
		return -EINVAL;
	if (!opv_present((uintptr_t)vec, (size_t)count * sizeof(*vec), false))
		return -EFAULT;
	ret = opv_check(vec, count);
	for (i = 0; i < count && !ret; i++) {
		n = opv_operands(&vec[i], o);
		for (j = 0; j < n && !ret; j++)
			ret = check_operand(d, &o[j]);
		p->vec[i] = vec[i];
	}
	if (ret)
		return ret;
	p->domain = d;
	p->count = count;
	p->operand_params = 0;
	compile(p);
	return 0;
}

int opv_prepare_operand(struct opv_prepared *p, int i, int param)
{
	struct cpu_op *op;

	if (i < 0 || i >= p->count || param < 0 || param >= OPV_NR_PARAMS)
		return -EINVAL;
	op = &p->vec[i];
	switch (opv_shape(op->op)) {
	case OPV_SHAPE_ARITH:
		op->u.arithmetic_op.count = param;
		break;
	case OPV_SHAPE_BITWISE:
		op->u.bitwise_op.mask = (uint64_t)param;
		break;
	case OPV_SHAPE_SHIFT:
		op->u.shift_op.bits = (uint32_t)param;
		break;
	default:
		return -EINVAL;
	}
	p->operand_params |= 1u << i;
	p->steps[i].b = (uintptr_t)OPV_PARAM(param);
	p->steps[i].b_kind = 2;
	p->steps[i].b_from = MEMORY;	/* what it holds when the run begins */
	return 0;
}

static uint64_t resolve(const struct opv_prepared *p, uint64_t addr, uint64_t *params, int cpu)
{
	if (is_param(addr))
		return (uintptr_t)params + (addr - (uintptr_t)OPV_PARAM(0));
	if (is_handle(p->domain, addr))
		return (uintptr_t)opv_ptr_((void *)(uintptr_t)addr, cpu);
	return addr;
}

static void instantiate(struct cpu_op *op, const struct opv_prepared *p, int i, uint64_t *params,
			int cpu)
{
	*op = p->vec[i];
	switch (opv_shape(op->op)) {
	case OPV_SHAPE_COMPARE:
	case OPV_SHAPE_COPY:
		op->u.compare_op.b = resolve(p, op->u.compare_op.b, params, cpu);
		break;
	case OPV_SHAPE_ARITH:
	case OPV_SHAPE_BITWISE:
		if (p->operand_params >> i & 1)
			op->u.bitwise_op.mask = params[op->u.bitwise_op.mask];
		break;
	case OPV_SHAPE_SHIFT:
		if (p->operand_params >> i & 1)
			op->u.shift_op.bits = (uint32_t)params[op->u.shift_op.bits] % (8 * op->len);
		break;
	default:
		return;
	}
	op->u.compare_op.a = resolve(p, op->u.compare_op.a, params, cpu);
}

int opv_run_prepared(const struct opv_prepared *p, uint64_t *params, int cpu)
{
	struct cpu_op vec[CPU_OP_VEC_LEN_MAX];
	int i, ret;

	ret = opv_local_prepared(p, params, cpu);
	if (ret != OPV_PASS)
		return ret;
	if (cpu == OPV_THIS_CPU)
		cpu = opv_cpu_now();
	if (cpu < 0 || cpu >= (int)p->domain->nr_cpus) {
		opv_count(cpu, errors);
		return -EINVAL;
	}
	for (i = 0; i < p->count; i++)
		instantiate(&vec[i], p, i, params, cpu);
	opv_count(cpu, vectors);
	ret = opv_engine_run(opv_engine_forced(), p->domain, vec, p->count, cpu);
	if (ret < 0)
		opv_count(cpu, errors);
	return ret;
}
