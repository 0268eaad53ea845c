// SPDX-License-Identifier: MIT
/*
 * The local engine: a vector of the CPU that the caller runs on (or of the slot whose
 * mm_cid it has, where slots go by that: "CPU" is either in here), without a lock
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
	uint64_t open;			/* the key when it is */
	ptrdiff_t rseq;
	struct opv_compute c;
};

static void aim(struct local *l, struct opv_domain *d, ptrdiff_t rseq, int cpu)
{
	l->d = d;
	l->slot = opv_slot(d, cpu);
	l->cpu = cpu;
	l->open = opv_key_open(d, cpu);
	l->rseq = rseq;
}

static bool still_here(const struct local *l)
{
	return opv_rseq_index(l->d, l->rseq) == l->cpu;
}

static int apply(const struct local *l, uint32_t index)
{
	return opv_local_apply(l->rseq, l->slot, l->open, opv_key_pending(index, l->cpu),
			       &opv_log_named(l->d, l->cpu, index)->writes, l->d->log_base);
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

	/* With a stretch it is not done. */
	if ((key & OPV_KEY_CLOSED) || !opv_key_log(key, &index) || index > OPV_LOG_WHOLE)
		return OPV_PASS;
	apply(l, index);
	return still_here(l) ? 0 : OPV_PASS;
}

/* The computed log happens, or not: what the section answers. */
static int commit(struct local *l, uint32_t index)
{
	const struct opv_writes *w = l->c.writes;
	const struct opv_read *reads = l->c.reads, *end = reads + l->c.nr_reads;

	if (!w->nr)
		return opv_local_confirm(l->rseq, l->slot, l->open, reads, end, NULL, 0);
	if (w->nr == 1 && opv_is_width((uint32_t)w->write[0].len))
		return opv_local_commit(l->rseq, l->slot, l->open, reads, end,
					(void *)(uintptr_t)(w->write[0].dst + l->c.base),
					w->write[0].len, w->write[0].value);
	return opv_local_commit64(l->rseq, l->slot, l->open, reads, end, &l->slot->key,
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

		if (key != l->open) {
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
	ptrdiff_t rseq;
	int ret;

	if (!count || !opv_rseq_mine(&rseq))
		return OPV_PASS;
	aim(&l, d, rseq, cpu);
	if (!still_here(&l))
		return OPV_PASS;
	l.c.writes = &few;
	l.c.base = d->log_base;
	l.c.rseq = l.rseq;
	l.c.slot = l.slot;
	l.c.key = l.open;
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
		opv_count(cpu, engine_local);
	opv_rseq_disarm(l.rseq);
	return ret;
}

static __attribute__((__noinline__, __cold__))
bool finish_later(struct opv_domain *d, ptrdiff_t rseq, int cpu, uint32_t index)
{
	struct local l;

	aim(&l, d, rseq, cpu);
	return finish(&l, index);
}

/*
 * Is the quick road open?  Then *cpu is this one and *slot its slot.
 *
 * by_cid is a constant in all that is quick: by CPU nothing shall remind of it.
 */
static inline __attribute__((__always_inline__))
bool quick_here(struct opv_domain *d, ptrdiff_t rseq, int *cpu, struct opv_slot **slot, bool by_cid)
{
	int now;

	if (!rseq || (by_cid && opv_rseq_read32(rseq, 4) < 0))
		return false;
	now = opv_rseq_read32(rseq, by_cid ? 24 : 4);
	if ((*cpu != now && *cpu != OPV_THIS_CPU) || (uint32_t)now >= d->nr_cpus)
		return false;
	*cpu = now;
	*slot = opv_slot(d, now);
	return true;
}

/* A section did not do it; the general road may take it elsewhere. */
static __attribute__((__noinline__, __cold__))
int passed(ptrdiff_t rseq)
{
	opv_rseq_disarm(rseq);
	return OPV_PASS;
}

/* Where the program ended: 0, or i + 1 of the compare. */
static inline int quick_result(const struct opv_program *g)
{
	const struct opv_step *at = (const struct opv_step *)(uintptr_t)g->base[OPV_PROGRAM_AT];

	return at == g->end ? 0 : (int)(at - g->steps) + 1;
}

/* A program with one store of that width, or none. */
static inline __attribute__((__always_inline__))
int quick_one(ptrdiff_t rseq, int cpu, struct opv_slot *slot, struct opv_program *g, uint32_t len,
	      uint32_t nr, bool by_cid)
{
	const uint64_t open = by_cid ? OPV_KEY_OPEN_CID(cpu) : OPV_KEY_OPEN(cpu);
	struct opv_writes one;
	int ret;

	one.nr = nr;
	g->writes = &one;
	g->commit = one.write;
	if (__builtin_expect(len == 8, 1))
		ret = opv_local_program8(rseq, slot, open, g, by_cid);
	else if (len == 4)
		ret = opv_local_program4(rseq, slot, open, g, by_cid);
	else if (len == 2)
		ret = opv_local_program2(rseq, slot, open, g, by_cid);
	else
		ret = opv_local_program1(rseq, slot, open, g, by_cid);
	return __builtin_expect(ret, 0) ? passed(rseq) : quick_result(g);
}

/* One with several: publish a log, apply it. */
static inline __attribute__((__always_inline__))
int quick_log(struct opv_domain *d, ptrdiff_t rseq, int cpu, struct opv_slot *slot,
	      struct opv_program *g, uint32_t nr, bool by_cid)
{
	const uint64_t open = by_cid ? OPV_KEY_OPEN_CID(cpu) : OPV_KEY_OPEN(cpu);
	struct opv_write commit;
	struct opv_log *log;
	uint32_t index;
	int ret;

	log = opv_log_retake(d, &index);
	if (__builtin_expect(!log, 0))
		return OPV_PASS;
	commit.dst = (uintptr_t)&slot->key;
	commit.value = opv_key_pending(index, cpu);
	log->writes.nr = nr;
	g->writes = &log->writes;
	g->commit = &commit;
	ret = opv_local_program8(rseq, slot, open, g, by_cid);
	if (__builtin_expect(ret, 0)) {
		opv_log_regive(log);
		return passed(rseq);
	}
	if (__builtin_expect(!log->writes.nr, 0)) {
		;	/* a compare stopped it before the first store */
	} else if (__builtin_expect((by_cid ? opv_local_apply_by_cid : opv_local_apply_by_cpu)
					    (rseq, slot, open, commit.value, &log->writes, 0), 0) &&
		   !finish_later(d, rseq, cpu, index)) {
		return quick_result(g);	/* the log is not ours any more */
	}
	opv_log_regive(log);
	return quick_result(g);
}

static inline __attribute__((__always_inline__))
int quick(struct opv_domain *d, const struct cpu_op *vec, int count, int cpu, uintptr_t frame,
	  bool by_cid)
{
	uint64_t base[OPV_PROGRAM_BASES];
	struct opv_program g;
	struct opv_slot *slot;
	ptrdiff_t rseq;
	int nr, ret;

	nr = quick_check(d, vec, count, frame);
	rseq = opv_rseq();
	if (nr < 0 || !quick_here(d, rseq, &cpu, &slot, by_cid))
		return opv_vector_checked(d, vec, count, cpu);
	base[OPV_STEP_ADDRESS] = 0;
	g.steps = (const struct opv_step *)vec;
	g.end = g.steps + count;
	g.base = base;
	ret = nr < 2 ? quick_one(rseq, cpu, slot, &g, quick_width(vec, vec + count), (uint32_t)nr,
				 by_cid) :
		       quick_log(d, rseq, cpu, slot, &g, (uint32_t)nr, by_cid);
	return __builtin_expect(ret == OPV_PASS, 0) ? opv_vector_checked(d, vec, count, cpu) : ret;
}

static __attribute__((__noinline__))
int quick_by_cid(struct opv_domain *d, const struct cpu_op *vec, int count, int cpu, uintptr_t frame)
{
	return quick(d, vec, count, cpu, frame, true);
}

int opv_local_quick(struct opv_domain *d, const struct cpu_op *vec, int count, int cpu)
{
	uintptr_t frame = (uintptr_t)__builtin_frame_address(0);

	if (__builtin_expect(count < 1 || d->special, 0))
		return count < 1 || d->shared ? opv_vector_checked(d, vec, count, cpu) :
						quick_by_cid(d, vec, count, cpu, frame);
	return quick(d, vec, count, cpu, frame, false);
}

static inline __attribute__((__always_inline__))
int prepared(const struct opv_prepared *p, uint64_t *params, int cpu, bool by_cid)
{
	uint64_t base[OPV_PROGRAM_BASES];
	struct opv_domain *d = p->domain;
	const ptrdiff_t rseq = opv_rseq();
	struct opv_program g;
	struct opv_slot *slot;

	if (!quick_here(d, rseq, &cpu, &slot, by_cid))
		return OPV_PASS;
	base[OPV_STEP_ADDRESS] = 0;
	base[OPV_STEP_HANDLE] = (uintptr_t)slot - opv_window_of(d);
	base[OPV_STEP_PARAM] = (uintptr_t)params - (uintptr_t)OPV_PARAM(0);
	g.steps = p->steps;
	g.end = p->steps + p->count;
	g.base = base;
	if (p->nr_stores < 2)
		return quick_one(rseq, cpu, slot, &g, p->quick & OPV_QUICK_WIDTH, p->nr_stores, by_cid);
	return quick_log(d, rseq, cpu, slot, &g, p->nr_stores, by_cid);
}

static __attribute__((__noinline__))
int prepared_by_cid(const struct opv_prepared *p, uint64_t *params, int cpu)
{
	return prepared(p, params, cpu, true);
}

int opv_local_prepared(const struct opv_prepared *p, uint64_t *params, int cpu)
{
	if (__builtin_expect(!p->quick, 0))
		return OPV_PASS;
	if (__builtin_expect(p->quick & OPV_QUICK_CID, 0))
		return prepared_by_cid(p, params, cpu);
	return prepared(p, params, cpu, false);
}

void opv_local_help(struct opv_domain *d, int cpu, ptrdiff_t rseq)
{
	struct local l;

	aim(&l, d, rseq, cpu);
	open_up(&l, atomic_load_explicit(&l.slot->key, memory_order_acquire));
	opv_rseq_disarm(rseq);
}

/* A CPU's; of domains that go by mm_cid run() itself sees. */
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

int opv_local_quick(struct opv_domain *d, const struct cpu_op *vec, int count, int cpu)
{
	return opv_vector_checked(d, vec, count, cpu);
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
