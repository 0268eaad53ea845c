// SPDX-License-Identifier: MIT
/*
 * A vector with barriers in shared memory: stretch by stretch, each of them between two
 * barriers and a log of its own, (L11) in docs/local.md.  The key names them in turn, so
 * whoever finds the vector half done copies out the one that is named and goes on
 * from there, with the operations as they were kept.
 */
#include "log.h"

#include <stdatomic.h>
#include <string.h>

#include "core.h"
#include "present.h"

/* One vector on its way. */
struct progress {
	struct opv_domain *d;
	int cpu;
	const struct cpu_op *mine;		/* as its owner gave it; NULL: whose owner is dead */
	struct cpu_op vec[CPU_OP_VEC_LEN_MAX];	/* as it was kept, here */
	uint32_t count;
};

static bool is_shared(const struct opv_domain *d, uint64_t addr)
{
	return addr - (uintptr_t)opv_domain_base(d) < d->bytes;
}

/* The same operation on other addresses, each of them by fn(arg, the operand). */
static void move_op(struct cpu_op *op, uint64_t (*fn)(const void *arg, const struct opv_operand *o),
		    const void *arg)
{
	struct opv_operand o[2];
	int n = opv_operands(op, o);

	if (n > 0)
		op->u.compare_op.a = fn(arg, &o[0]);
	if (n > 1)
		op->u.compare_op.b = fn(arg, &o[1]);
}

/* Ranges that other processes do not have; their value is where they are kept. */
struct keeping {
	const struct opv_domain *d;
	struct opv_write range[2 * CPU_OP_VEC_LEN_MAX];
	uint32_t nr;
};

static void find_own(struct keeping *k, const struct cpu_op *vec, int count, uint8_t *room)
{
	uint64_t at = (uintptr_t)room;
	struct opv_operand o[2];
	uint32_t r;
	int i, j;

	for (i = 0; i < count; i++)
		for (j = opv_operands(&vec[i], o) - 1; j >= 0; j--)
			if (o[j].len && !is_shared(k->d, o[j].addr))
				opv_range_add(k->range, &k->nr, o[j].addr, o[j].len);
	for (r = 0; r < k->nr; r++) {
		at += (k->range[r].dst - at) & 7;	/* words stay words */
		k->range[r].value = at;
		at += k->range[r].len;
	}
}

static uint64_t to_kept(const void *arg, const struct opv_operand *o)
{
	const struct keeping *k = arg;
	const struct opv_write *r = opv_range_of(k->range, k->nr, o->addr);
	uint64_t addr = r && o->len ? r->value + (o->addr - r->dst) : o->addr;

	return addr - k->d->log_base;
}

static uint64_t to_here(const void *arg, const struct opv_operand *o)
{
	return o->addr + *(const uint64_t *)arg;
}

static void keep(struct opv_domain *d, int cpu, const struct cpu_op *vec, int count)
{
	struct opv_stretches *s = &opv_slot_logs(d, cpu)->stretches;
	struct keeping k = { .d = d };
	int i;

	find_own(&k, vec, count, s->own);
	for (i = 0; i < count; i++) {
		s->vec[i] = vec[i];
		move_op(&s->vec[i], to_kept, &k);
	}
	s->count = (uint32_t)count;
}

static void find_kept(struct progress *p)
{
	const struct opv_stretches *s = &opv_slot_logs(p->d, p->cpu)->stretches;
	uint32_t i;

	p->count = s->count <= CPU_OP_VEC_LEN_MAX ? s->count : 0;
	for (i = 0; i < p->count; i++) {
		p->vec[i] = s->vec[i];
		move_op(&p->vec[i], to_here, &p->d->log_base);
	}
}

/* Between the owner's memory and what is kept of it. */
enum exchange {
	KEEP,		/* before the vector begins, for whoever may have to go on */
	FETCH,		/* what a stretch is about to read */
	GIVE		/* what it stored */
};

static void exchange_one(const struct opv_operand *mine, const struct opv_operand *kept, enum exchange x)
{
	if (kept->addr == mine->addr)
		return;
	if (x == GIVE && mine->write)
		opv_run_copy(mine->addr, kept->addr, mine->len);
	/* The compare that tells whether it is stale comes later. */
	else if (x == FETCH || (x == KEEP && (!mine->expect_fault ||
					      opv_present(mine->addr, mine->len, false))))
		opv_run_copy(kept->addr, mine->addr, mine->len);
}

static void exchange(const struct progress *p, uint32_t from, uint32_t end, enum exchange x)
{
	struct opv_operand mine[2], kept[2];
	uint32_t i;
	int j;

	for (i = from; p->mine && i < end; i++) {
		opv_operands(&p->mine[i], mine);
		for (j = opv_operands(&p->vec[i], kept) - 1; j >= 0; j--)
			exchange_one(&mine[j], &kept[j], x);
	}
}

static bool is_speculative(const struct cpu_op *op)
{
	struct opv_operand o[2] = { { 0 } };

	opv_operands(op, o);
	return o[0].expect_fault || o[1].expect_fault;
}

static bool is_barrier(const struct progress *p, uint32_t at)
{
	return at < p->count && opv_shape(p->vec[at].op) == OPV_SHAPE_NONE;
}

/* A stretch ends at a barrier, and before a pointer that the compares so far may find stale. */
static uint32_t end_of(const struct progress *p, uint32_t from)
{
	uint32_t end = from;

	while (end < p->count && !is_barrier(p, end) &&
	       (end == from || !is_speculative(&p->vec[end])))
		end++;
	return end;
}

static int compute(const struct progress *p, struct opv_log *log, uint32_t from, uint32_t end)
{
	struct opv_compute c = { .writes = &log->writes, .base = p->d->log_base, .data = log->data };
	int ret;

	log->writes.nr = 0;
	ret = opv_compute(&c, p->vec + from, (int)(end - from));
	if (ret == OPV_LOG_CANNOT)
		ret = opv_compute_bytes(&c, p->vec + from, (int)(end - from));
	return ret;
}

static void publish(const struct progress *p, uint32_t index)
{
	atomic_store_explicit(&opv_slot(p->d, p->cpu)->key,
			      OPV_KEY_CLOSED | opv_key_pending(index, p->cpu), memory_order_release);
	/* What it names is copied out after it names it, wherever we are killed. */
	atomic_signal_fence(memory_order_seq_cst);
}

static uint32_t other(uint32_t index)
{
	return 2 * OPV_LOG_STRETCH + 1 - index;
}

/* From an operation on, the first log being that one.  0, or i + 1. */
static int go_on(const struct progress *p, uint32_t from, uint32_t index)
{
	struct opv_log *log;
	uint32_t end;
	int stop = 0;

	while (!stop && from < p->count) {
		end = end_of(p, from);
		log = opv_log_named(p->d, p->cpu, index);
		exchange(p, from, end, FETCH);
		stop = compute(p, log, from, end);
		stop += stop ? (int)from : 0;
		log->next = stop ? p->count : end + is_barrier(p, end);
		publish(p, index);
		opv_log_apply(&log->writes, p->d->log_base);
		exchange(p, from, stop ? (uint32_t)stop - 1 : end, GIVE);
		/* The barrier; what comes next is read behind it. */
		atomic_thread_fence(memory_order_seq_cst);
		from = log->next;
		index = other(index);
	}
	return stop;
}

int opv_stretches_run(struct opv_domain *d, int cpu, const struct cpu_op *vec, int count)
{
	struct progress p = { .d = d, .cpu = cpu, .mine = vec };
	int stop;

	keep(d, cpu, vec, count);
	find_kept(&p);
	exchange(&p, 0, p.count, KEEP);
	stop = go_on(&p, 0, OPV_LOG_STRETCH);
	atomic_store_explicit(&opv_slot(d, cpu)->key, OPV_KEY_CLOSED | (uint32_t)cpu,
			      memory_order_release);
	return stop;
}

void opv_stretches_go_on(struct opv_domain *d, int cpu, uint32_t index)
{
	struct progress p = { .d = d, .cpu = cpu };

	find_kept(&p);
	atomic_thread_fence(memory_order_seq_cst);
	go_on(&p, opv_log_named(d, cpu, index)->next, other(index));
}
