// SPDX-License-Identifier: MIT
/* Prepared vectors: <opv/prepared.h>. */
#define _GNU_SOURCE
#include <opv/prepared.h>

#include "core.h"
#include "count.h"
#include "domain.h"
#include "engine.h"
#include "log.h"
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

/* Compiling to the steps of a program, if it is one. */
struct compiler {
	struct opv_prepared *p;
	struct {
		uint64_t addr;
		uint32_t len;
	} stores[CPU_OP_VEC_LEN_MAX];
	bool fits;
};

static uint8_t kind_of(const struct opv_domain *d, uint64_t addr)
{
	return is_param(addr) ? OPV_STEP_PARAM :
	       is_handle(d, addr) ? OPV_STEP_HANDLE : OPV_STEP_ADDRESS;
}

/*
 * What the vector has written before it sees again, which is for the general road.
 * So is an address inside of a domain: a handle may lead there as well.
 */
static uint8_t operand(struct compiler *c, uint64_t addr, uint32_t len)
{
	uint8_t kind = kind_of(c->p->domain, addr);
	struct opv_region other;
	uint32_t i;

	for (i = 0; i < c->p->nr_stores; i++)
		if (addr < c->stores[i].addr + c->stores[i].len && c->stores[i].addr < addr + len)
			c->fits = false;
	if (kind == OPV_STEP_ADDRESS && opv_registry_find(addr, len, &other))
		c->fits = false;
	return kind;
}

static void compile_op(struct compiler *c, int i)
{
	const struct cpu_op *op = &c->p->vec[i];
	const int shape = opv_shape(op->op);
	struct opv_step *s = &c->p->steps[i];

	if (!opv_step_is((uint32_t)op->op, op->len) || op->u.compare_op.expect_fault_a ||
	    op->u.compare_op.expect_fault_b) {
		c->fits = false;
		return;
	}
	*s = (struct opv_step){ .op = op->op, .len = op->len, .a = op->u.compare_op.a,
				.b = op->u.compare_op.b };
	s->a_kind = operand(c, s->a, s->len);
	if (shape == OPV_SHAPE_COMPARE || shape == OPV_SHAPE_COPY)
		s->b_kind = operand(c, s->b, s->len);
	if (shape == OPV_SHAPE_COMPARE)
		return;
	c->stores[c->p->nr_stores].addr = s->a;
	c->stores[c->p->nr_stores].len = s->len;
	c->p->nr_stores++;
}

static void compile(struct opv_prepared *p)
{
	struct compiler c = { .p = p, .fits = !p->domain->shared };
	int i;

	p->nr_stores = 0;
	for (i = 0; i < p->count && c.fits; i++)
		compile_op(&c, i);
	p->quick = !c.fits ? 0 : p->nr_stores == 1 ? c.stores[0].len : 8;
	if (p->quick && p->domain->by_cid)
		p->quick |= OPV_QUICK_CID;
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
	p->steps[i].op = OPV_STEP_PARAM_OP(op->op == CPU_ADD_RELEASE_OP ? CPU_ADD_OP : op->op);
	p->steps[i].b = (uintptr_t)OPV_PARAM(param);	/* what it holds when the run begins */
	p->steps[i].b_kind = OPV_STEP_PARAM;
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
		cpu = opv_index_now(p->domain);
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
