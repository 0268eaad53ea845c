// SPDX-License-Identifier: MIT
/*
 * The local engine: a vector of the CPU that the caller runs on, without a lock
 * and without a system call.  Compute a log, publish it by one section, apply it by
 * another one; whoever finds it published applies it too.  The protocol and its
 * proof, (L1) to (L9), stand in docs/local.md.
 */
#include "../engine.h"

#include <stdatomic.h>

#include "../arch/arch.h"
#include "../core.h"
#include "../count.h"
#include "../log.h"
#include "../quick.h"
#include "../thread.h"

#if OPV_HAVE_SECTIONS

/* Reads that changed: after so many, the fence engine. */
#define TRIES 8
/* The same of sections that were aborted; a debugger's single steps abort them all. */
#define ABORTS 3

struct local {
	struct opv_domain *d;
	struct opv_slot *slot;
	int cpu;
	ptrdiff_t rseq;
	struct opv_compute c;
};

static bool still_here(const struct local *l)
{
	return opv_rseq_read32(l->rseq, 4) == l->cpu;
}

static int apply(const struct local *l, uint32_t index)
{
	return opv_local_apply(l->rseq, l->slot, (uint64_t)l->cpu, opv_key_pending(index, l->cpu),
			       &opv_log_at(l->d, index)->writes, l->d->log_base);
}

/*
 * The vector has happened; see to it that it is copied out.  It is when the key
 * names its log no more, (L4).  false: nobody could, and the log is not ours
 * to use again.
 */
static bool finish(const struct local *l, uint32_t index)
{
	uint32_t other;
	uint64_t key;
	int tries;

	for (tries = 0; tries < TRIES && still_here(l); tries++) {
		if (!apply(l, index))
			return true;
		key = atomic_load(&l->slot->key);
		if (!opv_key_log(key, &other) || other != index)
			return true;
		if (key & OPV_KEY_CLOSED)
			break;
	}
	/* Somebody works as our CPU, we are elsewhere, or it aborts again and again. */
	key = atomic_load(&l->slot->key);
	if (!opv_key_log(key, &other) || other != index)
		return true;
	opv_fence_engine_call(l->d, l->cpu, NULL, NULL);
	key = atomic_load(&l->slot->key);
	return !opv_key_log(key, &other) || other != index;
}

/* A key that is not open: 0, it may be now; OPV_PASS, it is not for this engine to open it. */
static int open_up(const struct local *l, uint64_t key)
{
	uint32_t index;

	if ((key & OPV_KEY_CLOSED) || !opv_key_log(key, &index) || index >= OPV_NR_LOGS)
		return OPV_PASS;
	apply(l, index);
	return still_here(l) ? 0 : OPV_PASS;
}

/* The computed log happens, or not: what the section answers. */
static int commit(struct local *l, uint32_t index)
{
	const struct opv_writes *w = l->c.writes;
	const struct opv_read *reads = l->c.reads, *end = reads + l->c.nr_reads;
	uint64_t cpu = (uint64_t)l->cpu;

	if (!w->nr)
		return opv_local_confirm(l->rseq, l->slot, cpu, reads, end, NULL, 0);
	if (w->nr == 1 && opv_is_width((uint32_t)w->write[0].len))
		return opv_local_commit(l->rseq, l->slot, cpu, reads, end,
					(void *)(uintptr_t)(w->write[0].dst + l->c.base),
					w->write[0].len, w->write[0].value);
	return opv_local_commit64(l->rseq, l->slot, cpu, reads, end, &l->slot->key,
				  opv_key_pending(index, l->cpu));
}

static bool is_published(const struct opv_writes *w)
{
	return w->nr > 1 || (w->nr == 1 && !opv_is_width((uint32_t)w->write[0].len));
}

/* One vector, its log being writes, number index.  *keep: the log is not ours any more. */
static int execute(struct local *l, const struct cpu_op *vec, int count, uint32_t index, bool *keep)
{
	int tries, ret, section, aborts = 0;

	for (tries = 0; tries < TRIES; tries++) {
		uint64_t key = atomic_load_explicit(&l->slot->key, memory_order_acquire);

		if (key != (uint64_t)l->cpu) {
			if (open_up(l, key))
				return OPV_PASS;
			continue;
		}
		l->c.writes->nr = 0;
		l->c.nr_reads = 0;
		l->c.data_used = 0;
		ret = opv_compute(&l->c, vec, count);
		if (ret == OPV_LOG_CANNOT)
			return OPV_PASS;
		if (ret >= 0) {
			do
				section = commit(l, index);
			while (section == OPV_ABORT && ++aborts < ABORTS);
			if (!section) {
				if (is_published(l->c.writes) && !finish(l, index))
					*keep = true;
				return ret;
			}
			if (section == OPV_ABORT)
				return OPV_PASS;
		}
		if (!still_here(l))
			return OPV_PASS;
	}
	return OPV_PASS;
}

/* How many operations of the vector store, and is one of them longer than a word? */
static bool needs_log(const struct cpu_op *vec, int count)
{
	int i, stores = 0;

	for (i = 0; i < count; i++) {
		if (opv_shape(vec[i].op) == OPV_SHAPE_COMPARE)
			continue;
		stores++;
		if (!opv_is_width(vec[i].len))
			return true;
	}
	return stores > 1;
}

static int run(struct opv_domain *d, const struct cpu_op *vec, int count, int cpu)
{
	struct opv_writes few;
	struct opv_log *log = NULL;
	struct local l;		/* not cleared: most of it is room for reads */
	bool keep = false;
	uint32_t index = 0;
	int ret;

	l.d = d;
	l.cpu = cpu;
	if (!count || !opv_rseq_mine(&l.rseq) || !still_here(&l))
		return OPV_PASS;
	l.slot = opv_slot(d, cpu);
	l.c.writes = &few;
	l.c.base = d->log_base;
	l.c.rseq = l.rseq;
	l.c.slot = l.slot;
	l.c.cpu = cpu;
	l.c.data = NULL;
	if (needs_log(vec, count)) {
		if (d->shared && !opv_log_for_all(d, vec, count))
			return OPV_PASS;
		log = opv_log_take(d, &index);
		if (!log)
			return OPV_PASS;
		l.c.writes = &log->writes;
		if (d->shared)
			l.c.data = log->data;
	}
	ret = execute(&l, vec, count, index, &keep);
	if (log && !keep)
		opv_log_give(d, index);
	if (ret != OPV_PASS)
		opv_count_here(d, l.rseq, cpu, engine_local);
	opv_rseq_disarm(l.rseq);
	return ret;
}

static __attribute__((__noinline__, __cold__))
bool finish_later(struct opv_domain *d, ptrdiff_t rseq, int cpu, uint32_t index)
{
	struct local l;

	l.d = d;
	l.slot = opv_slot(d, cpu);
	l.cpu = cpu;
	l.rseq = rseq;
	return finish(&l, index);
}

/* Is the quick road open?  Then *cpu is this one and *slot its slot. */
static inline __attribute__((__always_inline__))
bool quick_here(struct opv_domain *d, ptrdiff_t rseq, int *cpu, struct opv_slot **slot)
{
	int now;

	if (!rseq)
		return false;
	now = opv_rseq_read32(rseq, 4);
	if ((*cpu != now && *cpu != OPV_THIS_CPU) || (uint32_t)now >= d->nr_cpus)
		return false;
	*cpu = now;
	*slot = opv_slot(d, now);
	return atomic_load_explicit(&(*slot)->key, memory_order_acquire) == (uint64_t)now;
}

/*
 * The quick road.  A single try: what it does not manage the general one does.
 */
static inline __attribute__((__always_inline__))
bool quick_commit(ptrdiff_t rseq, int cpu, struct opv_slot *slot,
		  const struct opv_read *reads, const struct opv_read *end,
		  const struct opv_write *w, uint64_t nr_writes)
{
	if (nr_writes)
		return !opv_local_commit(rseq, slot, (uint64_t)cpu, reads, end,
					 (void *)(uintptr_t)w->dst, w->len, w->value);
	return !opv_local_confirm(rseq, slot, (uint64_t)cpu, reads, end, NULL, 0);
}

/* The same with a log that is ours.  It is given back in any case. */
static inline __attribute__((__always_inline__))
bool quick_publish(struct opv_domain *d, ptrdiff_t rseq, int cpu, struct opv_slot *slot,
		   const struct opv_read *reads, const struct opv_read *end, struct opv_log *log,
		   uint32_t index, uint32_t nr)
{
	bool done;

	log->writes.nr = nr;
	if (nr < 2) {
		done = quick_commit(rseq, cpu, slot, reads, end, log->writes.write, nr);
	} else {
		done = !opv_local_commit64(rseq, slot, (uint64_t)cpu, reads, end, &slot->key,
					   opv_key_pending(index, cpu));
		if (done && opv_local_apply(rseq, slot, (uint64_t)cpu, opv_key_pending(index, cpu),
					    &log->writes, 0) &&
		    !finish_later(d, rseq, cpu, index))
			return true;	/* the log is not ours any more */
	}
	opv_log_regive(log);
	return done;
}

/* A section did not do it; the general road may take it elsewhere. */
static int passed(ptrdiff_t rseq)
{
	opv_rseq_disarm(rseq);
	return OPV_PASS;
}

int opv_local_quick(struct opv_domain *d, const struct cpu_op *vec, int count, int cpu,
		    uint64_t frame)
{
	struct opv_write writes[CPU_OP_VEC_LEN_MAX];
	struct opv_read reads[OPV_LOG_READS];
	const ptrdiff_t rseq = opv_rseq();
	struct opv_slot *slot;
	struct opv_log *log;
	uint32_t index;
	struct quick q;
	uint64_t i;
	int ret;

	if (count < 1 || d->shared || !quick_here(d, rseq, &cpu, &slot))
		return OPV_PASS;
	q.stripes = (uintptr_t)d + OPV_STRIPE;
	q.bytes = (uint64_t)d->nr_cpus << OPV_STRIPE_SHIFT;
	q.end = d->heap->end;
	q.frame = frame;
	q.nr_writes = q.nr_reads = 0;
	q.writes = writes;
	q.reads = reads;
	ret = quick_compute(&q, vec, count);
	if (ret == OPV_PASS)
		return ret;

	if (q.nr_writes < 2) {
		if (!quick_commit(rseq, cpu, slot, reads, reads + q.nr_reads, writes, q.nr_writes))
			return passed(rseq);
	} else {
		log = opv_log_retake(d, &index);
		if (!log)
			return OPV_PASS;
		for (i = 0; i < q.nr_writes; i++)
			log->writes.write[i] = writes[i];
		if (!quick_publish(d, rseq, cpu, slot, reads, reads + q.nr_reads, log, index,
				   (uint32_t)q.nr_writes))
			return passed(rseq);
	}
	opv_count_here(d, rseq, cpu, vectors);	/* and engine_local: env.c */
	return ret;
}

int opv_local_prepared(const struct opv_prepared *p, uint64_t *params, int cpu)
{
	struct opv_read reads[OPV_LOG_READS], *end;
	struct opv_domain *d = p->domain;
	const ptrdiff_t rseq = opv_rseq();
	struct opv_write write;
	struct opv_slot *slot;
	uint32_t index, nr;
	struct opv_log *log;
	int ret;

	if (!p->quick || !quick_here(d, rseq, &cpu, &slot))
		return OPV_PASS;
	if (p->nr_stores < 2) {
		ret = quick_prepared(p, slot, params, reads, &end, &write, &nr);
		if (!quick_commit(rseq, cpu, slot, reads, end, &write, nr))
			return passed(rseq);
	} else {
		log = opv_log_retake(d, &index);
		if (!log)
			return OPV_PASS;
		ret = quick_prepared(p, slot, params, reads, &end, log->writes.write, &nr);
		if (!quick_publish(d, rseq, cpu, slot, reads, end, log, index, nr))
			return passed(rseq);
	}
	opv_count_here(d, rseq, cpu, vectors);
	return ret;
}

void opv_local_help(struct opv_domain *d, int cpu, ptrdiff_t rseq)
{
	struct local l;

	l.d = d;
	l.slot = opv_slot(d, cpu);
	l.cpu = cpu;
	l.rseq = rseq;
	open_up(&l, atomic_load_explicit(&l.slot->key, memory_order_acquire));
	opv_rseq_disarm(rseq);
}

static bool suits(int cpu)
{
	return cpu == opv_cpu_now();
}

static bool available(const char **why)
{
	if (opv_env()->status.rseq_owner == OPV_RSEQ_NONE) {
		*why = "no sections to build it from: see why rseq is not to be had";
		return false;
	}
	*why = "two sections and a log";
	return true;
}

#else /* !OPV_HAVE_SECTIONS */

static int run(struct opv_domain *d, const struct cpu_op *vec, int count, int cpu)
{
	(void)d, (void)vec, (void)count, (void)cpu;
	return OPV_PASS;
}

void opv_local_help(struct opv_domain *d, int cpu, ptrdiff_t rseq)
{
	(void)d, (void)cpu, (void)rseq;
}

int opv_local_quick(struct opv_domain *d, const struct cpu_op *vec, int count, int cpu,
		    uint64_t frame)
{
	(void)d, (void)vec, (void)count, (void)cpu, (void)frame;
	return OPV_PASS;
}

int opv_local_prepared(const struct opv_prepared *p, uint64_t *params, int cpu)
{
	(void)p, (void)params, (void)cpu;
	return OPV_PASS;
}

static bool suits(int cpu)
{
	(void)cpu;
	return false;
}

static bool available(const char **why)
{
	*why = "no sections for this architecture";
	return false;
}

#endif

const struct opv_engine_ops opv_engine_local = { available, suits, run };
