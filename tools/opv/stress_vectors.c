// SPDX-License-Identifier: MIT
/* opv stress: vectors, fences, and the memory they work on. */
#define _GNU_SOURCE
#include "stress.h"

#include <errno.h>
#include <string.h>

#define STEPS 4

/*
 * accounts: some of each CPU.  A vector moves an amount from one to another, or
 * flips the same bits in two, or is stopped by a compare; the sum and the xor of
 * them stay 0.  The ledger is what a worker moved, on all CPUs together.
 */
#define ACCOUNTS 7

struct bank {
	uint64_t money[ACCOUNTS];	/* sum 0 */
	uint64_t bits[ACCOUNTS];	/* xor 0 */
};

struct banks {
	struct opv_prepared prepared;	/* of a move within a bank of the handle */
	struct bank *handle;
	struct bank *plain;		/* by CPU, in the default domain */
};

/* Parameter 0 is the amount, 1 its negative. */
static void prepare(struct stress *s, struct banks *b)
{
	struct cpu_op vec[] = {
		opv_op_add(&b->handle->money[0], 0, 8),
		opv_op_add(&b->handle->money[1], 0, 8),
		opv_op_xor(&b->handle->bits[0], 0, 8),
		opv_op_xor(&b->handle->bits[1], 0, 8),
	};
	int i, ret = opv_prepare(&b->prepared, s->domain, vec, 4);

	for (i = 0; !ret && i < 4; i++)
		ret = opv_prepare_operand(&b->prepared, i, i == 1);
	if (ret)
		die("stress", "cannot prepare a vector: %s", strerror(-ret));
}

static void accounts_setup(struct stress *s)
{
	struct banks *b = s->data[STRESS_accounts] = stress_zalloc(sizeof(*b));
	unsigned int i;

	b->handle = stress_new_handle(s, sizeof(struct bank));
	b->plain = stress_zalloc((size_t)s->nr_cpus * sizeof(*b->plain));
	prepare(s, b);
	for (i = 0; i < s->nr_workers; i++)
		s->workers[i].own[STRESS_accounts] = stress_zalloc(sizeof(struct bank));
}

static void enter(struct stress_worker *w, unsigned int from, unsigned int to, uint64_t n)
{
	struct bank *own = w->own[STRESS_accounts];

	own->money[from] += n;
	own->money[to] -= n;
	own->bits[from] ^= n;
	own->bits[to] ^= n;
}

static bool is_balanced(const struct bank *bank)
{
	uint64_t sum = 0, bits = 0;
	int i;

	for (i = 0; i < ACCOUNTS; i++) {
		sum += bank->money[i];
		bits ^= bank->bits[i];
	}
	return !sum && !bits;
}

static void watch(struct stress_worker *w, struct opv_domain *d, struct bank *bank, int cpu)
{
	struct bank copy;
	struct cpu_op vec[] = { opv_op_memcpy(&copy, bank, sizeof(copy)) };
	int ret = opv_vector(d, vec, 1, cpu);

	w->counts[STRESS_COUNT_opv_vector]++;
	if (stress_expect(w, STRESS_accounts, "opv_vector", ret, 0) && !is_balanced(&copy))
		stress_lost(w->s, STRESS_accounts, "half a vector is seen on CPU %d", cpu);
}

#define NOT_ALLOWED 1

static int execute(struct stress_worker *w, struct opv_domain *d, struct cpu_op *vec, int count, int cpu)
{
	int ret;

	if (!d && !(stress_random(w) % 2)) {
		w->counts[STRESS_COUNT_cpu_opv]++;
		ret = cpu_opv(vec, count, cpu, 0);
		/* It says so of a CPU that the thread may not run on, as the ABI demands. */
		return ret == -EINVAL ? NOT_ALLOWED : ret;
	}
	w->counts[STRESS_COUNT_opv_vector]++;
	return opv_vector(d, vec, count, cpu);
}

static void move(struct stress_worker *w, struct opv_domain *d, struct bank *bank, int cpu)
{
	unsigned int from = stress_random(w) % ACCOUNTS, to = stress_random(w) % ACCOUNTS;
	uint64_t n = stress_random(w);
	struct cpu_op vec[] = {
		opv_op_add(&bank->money[from], (int64_t)n, 8),
		opv_op_xor(&bank->bits[to], n, 8),
		opv_op_mb(),
		opv_op_add_release(&bank->money[to], -(int64_t)n, 8),
		opv_op_xor(&bank->bits[from], n, 8),
	};
	int ret = execute(w, d, vec, 5, cpu);

	if (stress_expect(w, STRESS_accounts, "opv_vector", ret, NOT_ALLOWED) && !ret)
		enter(w, from, to, n);
}

static void move_prepared(struct stress_worker *w, struct banks *b)
{
	uint64_t n = stress_random(w), params[OPV_NR_PARAMS] = { n, -n };
	int cpu = stress_random(w) % 4 ? OPV_THIS_CPU : stress_cpu(w);

	if (stress_expect(w, STRESS_accounts, "opv_run_prepared",
			  opv_run_prepared(&b->prepared, params, cpu), 0))
		enter(w, 0, 1, n);
	w->counts[STRESS_COUNT_opv_run_prepared]++;
}

/* The compare can never be equal: two tags that no account ever has. */
static void be_stopped(struct stress_worker *w, struct opv_domain *d, struct bank *bank, int cpu)
{
	static const uint64_t one = 1, two = 2;
	struct cpu_op vec[] = {
		opv_op_compare_eq(&one, &one, 8),
		opv_op_compare_eq(&one, &two, 8),
		opv_op_add(&bank->money[0], 1, 8),
	};
	int ret = opv_vector(d, vec, 3, cpu);

	w->counts[STRESS_COUNT_opv_vector]++;
	if (stress_expect(w, STRESS_accounts, "opv_vector", ret, 2) && ret != 2)
		stress_lost(w->s, STRESS_accounts, "a vector went past a compare that fails");
}

static void accounts_step(struct stress *s, struct stress_worker *w)
{
	struct banks *b = s->data[STRESS_accounts];
	int i;

	for (i = 0; i < STEPS; i++) {
		int cpu = stress_cpu(w);
		bool plain = stress_random(w) & 1;
		struct opv_domain *d = plain ? NULL : s->domain;
		struct bank *bank = plain ? &b->plain[cpu] : opv_ptr(b->handle, cpu);

		switch (stress_random(w) % 6) {
		case 0:
			watch(w, d, bank, cpu);
			break;
		case 1:
			be_stopped(w, d, bank, cpu);
			break;
		case 2:
		case 3:
			move_prepared(w, b);
			break;
		default:
			move(w, d, bank, cpu);
		}
		w->done[STRESS_accounts]++;
	}
}

static void sum_up(struct bank *all, const struct bank *one, bool negative)
{
	int i;

	for (i = 0; i < ACCOUNTS; i++) {
		all->money[i] += negative ? -one->money[i] : one->money[i];
		all->bits[i] ^= one->bits[i];
	}
}

static void accounts_check(struct stress *s)
{
	struct banks *b = s->data[STRESS_accounts];
	struct bank rest = { { 0 }, { 0 } };
	unsigned int i;
	int cpu;

	for (i = 0; i < s->nr_workers; i++)
		sum_up(&rest, s->workers[i].own[STRESS_accounts], true);
	for (cpu = 0; cpu < s->nr_cpus; cpu++) {
		sum_up(&rest, opv_ptr(b->handle, cpu), false);
		sum_up(&rest, &b->plain[cpu], false);
	}
	for (i = 0; i < ACCOUNTS; i++)
		if (rest.money[i] || rest.bits[i])
			stress_lost(s, STRESS_accounts, "account %u has not what was paid in", i);

	for (cpu = 0; cpu < s->nr_cpus; cpu++)
		if (!is_balanced(opv_ptr(b->handle, cpu)) || !is_balanced(&b->plain[cpu]))
			stress_lost(s, STRESS_accounts, "the books of CPU %d do not balance", cpu);
}

const struct stress_ops stress_accounts = {
	accounts_setup, accounts_step, accounts_check, NULL, false
};

/* drain: what is added on CPUs is taken away on all of them at one moment. */

struct drained {
	uint64_t added, taken;
	uint64_t *got;			/* by CPU */
	struct cpu_op *vec;		/* two a CPU */
	struct opv_request *requests;
};

static void drain_setup(struct stress *s)
{
	size_t nr = (size_t)s->nr_cpus;
	unsigned int i;

	s->data[STRESS_drain] = stress_new_handle(s, sizeof(uint64_t));
	for (i = 0; i < s->nr_workers; i++) {
		struct drained *own = s->workers[i].own[STRESS_drain] = stress_zalloc(sizeof(*own));

		own->got = stress_zalloc(nr * sizeof(*own->got));
		own->vec = stress_zalloc(nr * 2 * sizeof(*own->vec));
		own->requests = stress_zalloc(nr * sizeof(*own->requests));
	}
}

static void take_all(struct stress *s, struct stress_worker *w, struct drained *own)
{
	static const uint64_t zero;
	uint64_t *h = s->data[STRESS_drain];
	int cpu, ret;

	for (cpu = 0; cpu < s->nr_cpus; cpu++) {
		struct cpu_op *vec = &own->vec[2 * cpu];

		vec[0] = opv_op_memcpy(&own->got[cpu], opv_ptr(h, cpu), 8);
		vec[1] = opv_op_memcpy(opv_ptr(h, cpu), &zero, 8);
		own->requests[cpu] = (struct opv_request){ vec, 2, cpu, -1 };
	}
	ret = opv_vectors(s->domain, own->requests, s->nr_cpus);
	w->counts[STRESS_COUNT_opv_vectors]++;
	if (!stress_expect(w, STRESS_drain, "opv_vectors", ret, 0))
		return;
	for (cpu = 0; cpu < s->nr_cpus; cpu++)
		own->taken += own->got[cpu];
}

static void drain_step(struct stress *s, struct stress_worker *w)
{
	struct drained *own = w->own[STRESS_drain];
	uint64_t *h = s->data[STRESS_drain];
	int i, cpu;

	for (i = 0; i < 64; i++) {
		uint64_t n = stress_random(w);

		if (stress_expect(w, STRESS_drain, "opv_add64", opv_add64(h, n, OPV_THIS_CPU), 0))
			own->added += n;
		w->counts[OPV_CALL_opv_add64]++;
		w->done[STRESS_drain]++;
	}
	if (!(stress_random(w) % 4)) {
		take_all(s, w, own);
	} else if (!(stress_random(w) % 4)) {
		cpu = stress_random(w) % 4 ? stress_cpu(w) : OPV_ALL_CPUS;
		stress_expect(w, STRESS_drain, "opv_fence", opv_fence(s->domain, cpu), 0);
		w->counts[STRESS_COUNT_opv_fence]++;
	}
	w->done[STRESS_drain]++;
}

static void drain_check(struct stress *s)
{
	uint64_t added = 0, taken = 0, *h = s->data[STRESS_drain];
	unsigned int i;
	int cpu;

	for (i = 0; i < s->nr_workers; i++) {
		struct drained *own = s->workers[i].own[STRESS_drain];

		added += own->added;
		taken += own->taken;
	}
	for (cpu = 0; cpu < s->nr_cpus; cpu++)
		taken += *opv_ptr(h, cpu);
	if (added != taken)
		stress_lost(s, STRESS_drain, "%#llx was added, %#llx was there and taken",
			    (unsigned long long)added, (unsigned long long)taken);
}

const struct stress_ops stress_drain = { drain_setup, drain_step, drain_check, NULL, false };

/* memory: what is allocated is zero on every CPU and nobody else's. */

static void memory_setup(struct stress *s)
{
	(void)s;
}

static void memory_step(struct stress *s, struct stress_worker *w)
{
	size_t words = 1 + stress_random(w) % 16, i;
	int cpu = stress_cpu(w), ret;
	uint64_t *h = NULL;

	ret = opv_alloc(s->domain, words * sizeof(*h), sizeof(*h) << stress_random(w) % 4, &h);
	w->counts[STRESS_COUNT_opv_alloc]++;
	w->done[STRESS_memory] += 2;
	if (!stress_expect(w, STRESS_memory, "opv_alloc", ret, 0))
		return;
	for (i = 0; i < words; i++)
		if (opv_ptr(h, cpu)[i])
			stress_lost(s, STRESS_memory, "fresh memory of CPU %d is not zero", cpu);
	for (i = 0; i < words; i++)
		opv_xchg64(h + i, w->index + 1, &(uint64_t){ 0 }, cpu);
	for (i = 0; i < words; i++)
		if (opv_ptr(h, cpu)[i] != w->index + 1)
			stress_lost(s, STRESS_memory, "memory of worker %u has %#llx in it", w->index,
				    (unsigned long long)opv_ptr(h, cpu)[i]);
	stress_expect(w, STRESS_memory, "opv_free", opv_free(s->domain, h), 0);
	w->counts[STRESS_COUNT_opv_free]++;
}

static void memory_check(struct stress *s)
{
	(void)s;
}

const struct stress_ops stress_memory = { memory_setup, memory_step, memory_check, NULL, false };
