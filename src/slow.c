// SPDX-License-Identifier: MIT
/*
 * The slow path of calls: what happens when a section missed or was aborted.
 * One function a shape; each tries the section again where that makes sense,
 * then has an engine run the same operation as a vector.
 */
#define _GNU_SOURCE
#include <opv/call.h>
#include <opv/vector.h>

#include "core.h"
#include "count.h"
#include "engine.h"
#include "thread.h"

/*
 * Tries of the section in here.  An abort is somebody being preempted or signalled;
 * after the one in the caller's text a second one running is rare, unless it is a
 * debugger's single step, and then no number of tries is enough and each costs.
 * Calls that come here all the same, because they are counted or some are forced,
 * have had no try before.
 */
#define TRIES_AFTER_ABORT 1
#define TRIES_DIVERTED 2

struct slow {
	struct opv_domain *d;
	int cpu;		/* as the caller gave it */
	int form;		/* of the section: OPV_FORM_AT, OPV_FORM_CID */
	int forced;		/* engine, or -1 */
	int tries;		/* of the section, that are left */
	int as;			/* the CPU that the vector is for */
	bool diverted;		/* here like every call; no cause was counted, it may be a fast one */
	bool aborts;		/* sections do, here and now */
	ptrdiff_t rseq;
	uintptr_t window;
};

/* A program's memory may have a fault handler; let it run here, where it can. */
static void touch(const void *p, size_t len, bool write)
{
	const size_t page = 4096;
	const char *c = p, *end = c + len;

	for (; c < end; c = (const char *)(((uintptr_t)c | (page - 1)) + 1)) {
		if (write)
			__atomic_fetch_or((char *)(uintptr_t)c, 0, __ATOMIC_RELAXED);
		else
			(void)OPV_PORT_LOAD(char, c);
	}
}

static int invalid(int cpu)
{
	opv_count(cpu, errors);
	return -EINVAL;
}

static bool is_open(struct opv_domain *d, int cpu)
{
	return atomic_load_explicit(&opv_slot(d, cpu)->key, memory_order_relaxed) ==
	       opv_key_open(d, cpu);
}

/* A second operand is of the same domain as the first. */
static bool same_domain(const struct slow *s, const void *p)
{
	return (s->form & OPV_FORM_AT) || opv_domain_check(p) == s->d;
}

/*
 * Why are we here, and what now?  Answers 0, or -errno.  Afterwards s->tries
 * sections are to be tried, then a vector as CPU s->as.
 */
static int begin(struct slow *s, struct opv_domain *d, const void *p, int cpu)
{
	bool mine = opv_rseq_mine(&s->rseq);
	int now;

	if (mine)
		opv_rseq_disarm(s->rseq);
	s->form = d ? OPV_FORM_AT : 0;
	s->d = d ? d : opv_domain_check(p);
	if (!s->d || s->d->magic != OPV_DOMAIN_MAGIC || (cpu < 0 && cpu != OPV_THIS_CPU) ||
	    cpu >= (int)s->d->nr_cpus)
		return invalid(cpu);
	if (s->d->by_cid)
		s->form |= OPV_FORM_CID;
	s->cpu = cpu;
	s->window = opv_window_of(s->d);
	s->forced = -1;
	s->diverted = false;
	now = mine ? opv_rseq_index(s->d, s->rseq) : opv_index_now(s->d);
	s->as = cpu == OPV_THIS_CPU ? now : cpu;
	if (s->as >= (int)s->d->nr_cpus)
		return invalid(0);
	s->tries = 1;
	s->aborts = false;
	if (mine && now == s->as && !is_open(s->d, now))
		opv_local_help(s->d, now, s->rseq);
	if (opv_engine_diverts()) {
		s->forced = opv_engine_forced();
		s->diverted = s->forced < 0;
		s->tries = TRIES_DIVERTED;
	}
	if (s->forced >= 0) {
		opv_count(s->as, forced);
		s->tries = 0;
	} else if (!mine) {
		opv_count(s->as, unregistered);
		s->tries = 0;
	} else if (now != s->as) {
		opv_count(s->as, other_cpu);
		s->tries = 0;
	} else if (s->diverted) {
		return 0;
	} else if (is_open(s->d, now)) {
		/* Nothing stands in its way; so it was aborted, or the key opened since. */
		opv_count(s->as, aborted);
		s->aborts = true;
		s->tries = TRIES_AFTER_ABORT;
	} else {
		opv_count(s->as, closed);
	}
	opv_count(s->as, slow);
	s->diverted = false;
	return 0;
}

/* A section was done after all. */
static int fast(const struct slow *s, int ret)
{
	if (!s->diverted)
		opv_count(s->as, retried);
	else if (opv_engine_counts_fast())
		opv_count(s->as, fast);
	return ret;
}

/* Where operand p is for the CPU that the vector is for. */
static void *address(const struct slow *s, const void *p, size_t len, bool write)
{
	if (!(s->form & OPV_FORM_AT))
		return opv_ptr_(p, s->as);
	touch(p, len, write);
	return (void *)(uintptr_t)p;
}

/* No section was done. */
static void not_fast(const struct slow *s)
{
	if (!s->diverted)
		return;
	opv_count(s->as, slow);
	opv_count(s->as, closed);
}

static int vector(struct slow *s, const struct cpu_op *vec, int count)
{
	int ret;

	not_fast(s);
	/* The local engine is made of sections too, and would not fare better than they did. */
	if (s->forced < 0 && s->aborts)
		ret = opv_engine_run(OPV_ENGINE_FENCE, s->d, vec, count, s->as);
	else
		ret = opv_engine_run(s->forced, s->d, vec, count, s->as);
	if (ret < 0)
		opv_count(s->as, errors);
	return ret;
}

/* What the table says of a call. */
static unsigned int call_bytes(enum opv_call call)
{
	switch (call) {
#define OPV_RMW(name, name_at, bits, op, order) case OPV_CALL_##name: return bits / 8;
#define OPV_FETCH OPV_RMW
#define OPV_CMPXCHG OPV_RMW
#define OPV_WORD(name, name_at, op, order) case OPV_CALL_##name: return sizeof(intptr_t);
#include <opv/calls.def>
#undef OPV_RMW
#undef OPV_FETCH
#undef OPV_CMPXCHG
#undef OPV_WORD
	default:
		return 0;
	}
}

/* The vector operation of each operation that has one of its own. */
#define OP_add	CPU_ADD_OP
#define OP_or	CPU_OR_OP
#define OP_and	CPU_AND_OP
#define OP_xor	CPU_XOR_OP
#define OP_min	CPU_MIN_OP
#define OP_max	CPU_MAX_OP
#define OP_smin	CPU_SMIN_OP
#define OP_smax	CPU_SMAX_OP

static int call_op(enum opv_call call)
{
	switch (call) {
#define OPV_RMW(name, name_at, bits, op, order) case OPV_CALL_##name: return OP_##op;
#define OPV_FETCH(...)
#define OPV_CMPXCHG(...)
#define OPV_WORD(...)
#include <opv/calls.def>
#undef OPV_RMW
#undef OPV_FETCH
#undef OPV_CMPXCHG
#undef OPV_WORD
	default:
		return CPU_ADD_OP;
	}
}

static bool call_adds(enum opv_call call)
{
	switch (call) {
#define IS_fetch_add	true
#define IS_xchg		false
#define OPV_RMW(...)
#define OPV_FETCH(name, name_at, bits, op, order) case OPV_CALL_##name: return IS_##op;
#define OPV_CMPXCHG(...)
#define OPV_WORD(...)
#include <opv/calls.def>
#undef OPV_RMW
#undef OPV_FETCH
#undef OPV_CMPXCHG
#undef OPV_WORD
	default:
		return false;
	}
}

#define SECTION(s) (s)->rseq, (s)->window, (s)->cpu, (s)->form

#define OPV_FETCH(...)
#define OPV_CMPXCHG(...)
#define OPV_WORD(...)
static int section_rmw(enum opv_call call, const struct slow *s, void *p, uint64_t n)
{
	switch (call) {
#define OPV_RMW(name, name_at, bits, op, order)				\
	case OPV_CALL_##name:						\
		return opv_sec_##op##bits(SECTION(s), p, (uint##bits##_t)n);
#include <opv/calls.def>
#undef OPV_RMW
	default:
		return OPV_MISS;
	}
}
#undef OPV_FETCH

#define OPV_RMW(...)
static int section_fetch(enum opv_call call, const struct slow *s, void *p, uint64_t n, void *old)
{
	switch (call) {
#define OPV_FETCH(name, name_at, bits, op, order)			\
	case OPV_CALL_##name:						\
		return opv_sec_##op##bits(SECTION(s), p, (uint##bits##_t)n, old);
#include <opv/calls.def>
#undef OPV_FETCH
	default:
		return OPV_MISS;
	}
}
#undef OPV_CMPXCHG

#define OPV_FETCH(...)
static int section_cmpxchg(enum opv_call call, const struct slow *s, void *p, uint64_t expect,
			   uint64_t n, void *old)
{
	switch (call) {
#define OPV_CMPXCHG(name, name_at, bits, op, order)			\
	case OPV_CALL_##name:						\
		return opv_sec_##op##bits(SECTION(s), p, (uint##bits##_t)expect, \
					  (uint##bits##_t)n, old);
#include <opv/calls.def>
#undef OPV_CMPXCHG
	default:
		return OPV_MISS;
	}
}
#undef OPV_RMW
#undef OPV_FETCH
#undef OPV_WORD

/* Try the section as often as is left; return from the caller when it was done. */
#define TRY(s, section)							\
	do {								\
		int ret_;						\
									\
		while ((s)->tries-- > 0) {				\
			ret_ = (section);				\
			if (ret_ >= 0)					\
				return fast(s, ret_);			\
		}							\
	} while (0)

int opv_slow_rmw(enum opv_call call, struct opv_domain *d, void *p, uint64_t n, int cpu)
{
	unsigned int len = call_bytes(call);
	struct cpu_op vec[1];
	struct slow s;
	int ret;

	ret = begin(&s, d, p, cpu);
	if (ret)
		return ret;
	TRY(&s, section_rmw(call, &s, p, n));
	/* An operand means the same in all shapes that have one. */
	vec[0] = opv_op_add(address(&s, p, len, true), (int64_t)n, len);
	vec[0].op = call_op(call);
	return vector(&s, vec, 1);
}

int opv_slow_fetch(enum opv_call call, struct opv_domain *d, void *p, uint64_t n,
		   void *old, int cpu)
{
	unsigned int len = call_bytes(call);
	struct cpu_op vec[2];
	uint64_t value;		/* old may fault, ours does not */
	struct slow s;
	int ret;

	ret = begin(&s, d, p, cpu);
	if (ret)
		return ret;
	TRY(&s, section_fetch(call, &s, p, n, old));
	p = address(&s, p, len, true);
	vec[0] = opv_op_memcpy(&value, p, len);
	vec[1] = call_adds(call) ? opv_op_add(p, (int64_t)n, len) : opv_op_memcpy(p, &n, len);
	ret = vector(&s, vec, 2);
	if (!ret)
		memcpy(old, &value, len);
	return ret;
}

int opv_slow_cmpxchg(enum opv_call call, struct opv_domain *d, void *p, uint64_t expect,
		     uint64_t n, void *old, int cpu)
{
	unsigned int len = call_bytes(call);
	struct cpu_op vec[3];
	uint64_t value;
	struct slow s;
	int ret;

	ret = begin(&s, d, p, cpu);
	if (ret)
		return ret;
	TRY(&s, section_cmpxchg(call, &s, p, expect, n, old));
	p = address(&s, p, len, true);
	vec[0] = opv_op_memcpy(&value, p, len);
	vec[1] = opv_op_compare_eq(p, &expect, len);
	vec[2] = opv_op_memcpy(p, &n, len);
	ret = vector(&s, vec, 3);
	if (ret >= 0)
		memcpy(old, &value, len);
	return ret == 2 ? 1 : ret;
}

/* For what no vector can say: the gate closed, fn(arg) as that CPU. */
static int behind_gate(const struct slow *s, int (*fn)(void *arg), void *arg)
{
	int ret;

	not_fast(s);
	ret = opv_fence_engine_call(s->d, s->as, fn, arg);
	if (ret < 0)
		opv_count(s->as, errors);
	return ret;
}

struct pop {
	intptr_t *p;
	intptr_t expectnot;
	ptrdiff_t off;
	intptr_t value;
};

static int pop(void *arg)
{
	struct pop *pop = arg;

	pop->value = OPV_PORT_LOAD(intptr_t, pop->p);
	if (pop->value == pop->expectnot)
		return 1;
	OPV_PORT_STORE(intptr_t, pop->p, OPV_PORT_LOAD(intptr_t, (char *)pop->value + pop->off));
	return 0;
}

/*
 * No vector: a vector cannot follow a pointer that it reads itself.  Reading it
 * first and comparing in the vector, as was done in 2018, may go on for ever
 * while the CPU itself pushes and pops a thousand times faster.
 */
int opv_slow_cmpne_load_off(enum opv_call call, struct opv_domain *d, intptr_t *p,
			    intptr_t expectnot, ptrdiff_t off, intptr_t *load, int cpu)
{
	struct pop arg = { .expectnot = expectnot, .off = off };
	struct slow s;
	int ret;

	(void)call;
	ret = begin(&s, d, p, cpu);
	if (ret)
		return ret;
	TRY(&s, opv_sec_cmpne_load_off(SECTION(&s), p, expectnot, off, load));
	arg.p = address(&s, p, sizeof(*p), true);
	ret = behind_gate(&s, pop, &arg);
	if (!ret)
		*load = arg.value;
	return ret;
}

struct push {
	intptr_t *p;
	ptrdiff_t off;
	void *node;
};

static int push(void *arg)
{
	const struct push *push = arg;

	OPV_PORT_STORE(intptr_t, (char *)push->node + push->off, OPV_PORT_LOAD(intptr_t, push->p));
	opv_port_release();
	OPV_PORT_STORE(intptr_t, push->p, (intptr_t)push->node);
	return 0;
}

/* No vector: it would have to store what it reads twice, and nobody sees the first store. */
int opv_slow_push(enum opv_call call, struct opv_domain *d, intptr_t *p, ptrdiff_t off, void *node,
		  int cpu)
{
	struct push arg = { .off = off, .node = node };
	struct slow s;
	int ret;

	(void)call;
	ret = begin(&s, d, p, cpu);
	if (ret)
		return ret;
	TRY(&s, opv_sec_push(SECTION(&s), p, off, node));
	touch((char *)node + off, sizeof(intptr_t), true);
	arg.p = address(&s, p, sizeof(*p), true);
	return behind_gate(&s, push, &arg);
}

int opv_slow_cmpeq_store(enum opv_call call, struct opv_domain *d, intptr_t *p,
			 intptr_t expect, intptr_t n, int cpu)
{
	struct cpu_op vec[2];
	struct slow s;
	int ret;

	(void)call;
	ret = begin(&s, d, p, cpu);
	if (ret)
		return ret;
	TRY(&s, opv_sec_cmpeq_store(SECTION(&s), p, expect, n));
	p = address(&s, p, sizeof(*p), true);
	vec[0] = opv_op_compare_eq(p, &expect, sizeof(*p));
	vec[1] = opv_op_memcpy_release(p, &n, sizeof(*p));
	return vector(&s, vec, 2);
}

int opv_slow_cmpeq_cmpeq_store(enum opv_call call, struct opv_domain *d, intptr_t *p,
			       intptr_t expect, intptr_t *p2, intptr_t expect2, intptr_t n, int cpu)
{
	struct cpu_op vec[3];
	struct slow s;
	int ret;

	(void)call;
	ret = begin(&s, d, p, cpu);
	if (ret)
		return ret;
	if (!same_domain(&s, p2))
		return invalid(s.as);
	TRY(&s, opv_sec_cmpeq_cmpeq_store(SECTION(&s), p, expect, p2, expect2, n));
	p = address(&s, p, sizeof(*p), true);
	vec[0] = opv_op_compare_eq(p, &expect, sizeof(*p));
	vec[1] = opv_op_compare_eq(address(&s, p2, sizeof(*p2), false), &expect2, sizeof(*p2));
	vec[2] = opv_op_memcpy_release(p, &n, sizeof(*p));
	return vector(&s, vec, 3);
}

int opv_slow_cmpeq_store_store(enum opv_call call, struct opv_domain *d, intptr_t *p,
			       intptr_t expect, intptr_t *p2, intptr_t n2, intptr_t n, int cpu)
{
	struct cpu_op vec[3];
	struct slow s;
	int ret;

	(void)call;
	ret = begin(&s, d, p, cpu);
	if (ret)
		return ret;
	if (!same_domain(&s, p2))
		return invalid(s.as);
	TRY(&s, opv_sec_cmpeq_store_store(SECTION(&s), p, expect, p2, n2, n));
	p = address(&s, p, sizeof(*p), true);
	vec[0] = opv_op_compare_eq(p, &expect, sizeof(*p));
	vec[1] = opv_op_memcpy(address(&s, p2, sizeof(*p2), true), &n2, sizeof(*p2));
	vec[2] = opv_op_memcpy_release(p, &n, sizeof(*p));
	return vector(&s, vec, 3);
}

int opv_slow_cmpeq_copy_store(enum opv_call call, struct opv_domain *d, intptr_t *p,
			      intptr_t expect, void *dst, const void *src, size_t len, intptr_t n,
			      int cpu)
{
	struct cpu_op vec[3];
	struct slow s;
	int ret;

	(void)call;
	ret = begin(&s, d, p, cpu);
	if (ret)
		return ret;
	if (len > CPU_OP_COPY_LEN_MAX || !same_domain(&s, dst))
		return invalid(s.as);
	TRY(&s, opv_sec_cmpeq_copy_store(SECTION(&s), p, expect, dst, src, len, n));
	touch(src, len, false);
	p = address(&s, p, sizeof(*p), true);
	vec[0] = opv_op_compare_eq(p, &expect, sizeof(*p));
	vec[1] = opv_op_memcpy(address(&s, dst, len, true), src, (uint32_t)len);
	vec[2] = opv_op_memcpy_release(p, &n, sizeof(*p));
	return vector(&s, vec, 3);
}
