// SPDX-License-Identifier: MIT
/*
 * opv stress: operations on one word of 8, 16, 32 or 64 bits.  Each call of
 * calls.def has a variable of its own.
 */
#include "stress.h"

#include <stdlib.h>
#include <string.h>

#define STEPS 16

/* One call of calls.def, by handle or address, all widths alike. */
struct call {
	enum opv_call number;
	const char *name, *op;
	unsigned int bits;
	int (*rmw)(const struct stress_place *at, uint64_t n);
	int (*fetch)(const struct stress_place *at, uint64_t n, uint64_t *old);
	int (*cmpxchg)(const struct stress_place *at, uint64_t expect, uint64_t n, uint64_t *old);
};

/* One of the four of a line of calls.def, by what the place says. */
#define FORM(name, at_args, args)						\
	(at->d ? at->cid ? name##_cid_at at_args : name##_at at_args :		\
		 at->cid ? name##_cid args : name args)

#define OPV_RMW(name, name_at, bits, op, order)					\
static int do_##name(const struct stress_place *at, uint64_t n)			\
{										\
	uint##bits##_t *p = (void *)at->p, v = (uint##bits##_t)n;		\
										\
	return FORM(name, (at->d, p, v, at->cpu), (p, v, at->cpu));		\
}
#define OPV_FETCH(name, name_at, bits, op, order)				\
static int do_##name(const struct stress_place *at, uint64_t n, uint64_t *oldp)	\
{										\
	uint##bits##_t *p = (void *)at->p, v = (uint##bits##_t)n, old = 0;	\
	int ret = FORM(name, (at->d, p, v, &old, at->cpu), (p, v, &old, at->cpu)); \
										\
	*oldp = old;								\
	return ret;								\
}
#define OPV_CMPXCHG(name, name_at, bits, op, order)				\
static int do_##name(const struct stress_place *at, uint64_t expect, uint64_t n, uint64_t *oldp) \
{										\
	uint##bits##_t *p = (void *)at->p, v = (uint##bits##_t)n, old = 0;	\
	uint##bits##_t e = (uint##bits##_t)expect;				\
	int ret = FORM(name, (at->d, p, e, v, &old, at->cpu), (p, e, v, &old, at->cpu)); \
										\
	*oldp = old;								\
	return ret;								\
}
#define OPV_WORD(...)
#include <opv/calls.def>
#undef OPV_RMW
#undef OPV_FETCH
#undef OPV_CMPXCHG

static const struct call calls[] = {
#define OPV_RMW(name, name_at, bits, op, order) \
	{ OPV_CALL_##name, #name, #op, bits, do_##name, NULL, NULL },
#define OPV_FETCH(name, name_at, bits, op, order) \
	{ OPV_CALL_##name, #name, #op, bits, NULL, do_##name, NULL },
#define OPV_CMPXCHG(name, name_at, bits, op, order) \
	{ OPV_CALL_##name, #name, #op, bits, NULL, NULL, do_##name },
#include <opv/calls.def>
#undef OPV_RMW
#undef OPV_FETCH
#undef OPV_CMPXCHG
#undef OPV_WORD
};

#define NR_CALLS (sizeof(calls) / sizeof(calls[0]))

/* The calls of some operations, and a variable for each. */
struct group {
	unsigned int nr;
	const struct call *call[NR_CALLS];
	struct stress_cell *cell[NR_CALLS];
};

static bool is_one_of(const char *op, const char *ops)
{
	size_t len = strlen(op);
	const char *s;

	for (s = ops; (s = strstr(s, op)); s++)
		if ((s == ops || s[-1] == ' ') && (s[len] == ' ' || !s[len]))
			return true;
	return false;
}

/* cells: variables a call. */
static struct group *make_group(struct stress *s, enum stress_scenario scenario, const char *ops,
				unsigned int (*cells)(struct stress *s, unsigned int bits))
{
	struct group *g = stress_zalloc(sizeof(*g));
	unsigned int j, n;
	size_t i;

	for (i = 0; i < NR_CALLS; i++) {
		if (!is_one_of(calls[i].op, ops))
			continue;
		n = cells ? cells(s, calls[i].bits) : 1;
		g->call[g->nr] = &calls[i];
		g->cell[g->nr] = stress_zalloc(n * sizeof(struct stress_cell));
		for (j = 0; j < n; j++)
			stress_cell_init(s, &g->cell[g->nr][j], calls[i].bits);
		g->nr++;
	}
	return s->data[scenario] = g;
}

static uint64_t low(uint64_t v, unsigned int bits)
{
	return bits == 64 ? v : v & ((UINT64_C(1) << bits) - 1);
}

static int64_t as_signed(uint64_t v, unsigned int bits)
{
	return (int64_t)(v << (64 - bits)) >> (64 - bits);
}

static void count(struct stress_worker *w, enum stress_scenario scenario, const struct call *call)
{
	w->counts[call->number]++;
	w->done[scenario]++;
}

static void check_neighbours(struct stress *s, enum stress_scenario scenario, const struct call *call,
			     const struct stress_cell *cell)
{
	int plain, cpu;

	for (plain = 0; plain < 2; plain++)
		for (cpu = 0; cpu < s->nr_cpus; cpu++)
			if (!stress_cell_clean(cell, plain, cpu, call->bits))
				stress_lost(s, scenario, "%s: bytes beside the %s variable of CPU %d changed",
					    call->name, plain ? "plain" : "allocated", cpu);
}

static uint64_t sum_cells(struct stress *s, const struct call *call, const struct stress_cell *cell,
			  bool mixed)
{
	uint64_t sum = 0, v;
	int plain, cpu;

	for (plain = 0; plain < 2; plain++)
		for (cpu = 0; cpu < s->nr_cpus; cpu++) {
			v = stress_cell_read(cell, plain, cpu, call->bits);
			sum += mixed ? stress_mix(v) : v;
		}
	return sum;
}

/* add: the ledger is the sum of what was added, a call. */

static void add_setup(struct stress *s)
{
	struct group *g = make_group(s, STRESS_add, "add", NULL);
	unsigned int i;

	for (i = 0; i < s->nr_workers; i++)
		s->workers[i].own[STRESS_add] = stress_zalloc(g->nr * sizeof(uint64_t));
}

static void add_step(struct stress *s, struct stress_worker *w)
{
	struct group *g = s->data[STRESS_add];
	uint64_t *sums = w->own[STRESS_add];
	int i;

	for (i = 0; i < STEPS; i++) {
		unsigned int k = stress_random(w) % g->nr;
		uint64_t n = stress_random(w);
		struct stress_place at = stress_place(w, g->cell[k], true);

		if (stress_expect(w, STRESS_add, g->call[k]->name, g->call[k]->rmw(&at, n), 0))
			sums[k] += n;
		count(w, STRESS_add, g->call[k]);
	}
}

static void add_check(struct stress *s)
{
	struct group *g = s->data[STRESS_add];
	uint64_t want, got;
	unsigned int i, k;

	for (k = 0; k < g->nr; k++) {
		for (want = 0, i = 0; i < s->nr_workers; i++)
			want += ((uint64_t *)s->workers[i].own[STRESS_add])[k];
		want = low(want, g->call[k]->bits);
		got = low(sum_cells(s, g->call[k], g->cell[k], false), g->call[k]->bits);
		if (got != want)
			stress_lost(s, STRESS_add, "%s: the sum is %#llx, %#llx was added",
				    g->call[k]->name, (unsigned long long)got,
				    (unsigned long long)want);
		check_neighbours(s, STRESS_add, g->call[k], g->cell[k]);
	}
}

const struct stress_ops stress_add = { add_setup, add_step, add_check, NULL, false };

/*
 * fetch_add of 1: CPU c hands out 0, 1, 2, ... mod 2^bits.  The ledger is how
 * many were had from each CPU, and the sum of their hashes.
 */
struct tickets {
	uint64_t hashes;
	uint64_t nr[];		/* by CPU, then plain ones by CPU */
};

static void fetch_add_setup(struct stress *s)
{
	struct group *g = make_group(s, STRESS_fetch_add, "fetch_add", NULL);
	size_t size = sizeof(struct tickets) + 2 * (size_t)s->nr_cpus * sizeof(uint64_t);
	unsigned int i, k;

	for (i = 0; i < s->nr_workers; i++) {
		struct tickets **own = stress_zalloc(g->nr * sizeof(*own));

		for (k = 0; k < g->nr; k++)
			own[k] = stress_zalloc(size);
		s->workers[i].own[STRESS_fetch_add] = own;
	}
}

static void fetch_add_step(struct stress *s, struct stress_worker *w)
{
	struct group *g = s->data[STRESS_fetch_add];
	struct tickets **own = w->own[STRESS_fetch_add];
	uint64_t old;
	int i;

	for (i = 0; i < STEPS; i++) {
		unsigned int k = stress_random(w) % g->nr;
		struct stress_place at = stress_place(w, g->cell[k], false);

		if (stress_expect(w, STRESS_fetch_add, g->call[k]->name,
				  g->call[k]->fetch(&at, 1, &old), 0)) {
			own[k]->hashes += stress_mix(old);
			own[k]->nr[at.cpu + (at.plain ? s->nr_cpus : 0)]++;
		}
		count(w, STRESS_fetch_add, g->call[k]);
	}
}

static void check_tickets(struct stress *s, const struct call *call, const struct stress_cell *cell,
			  unsigned int k)
{
	uint64_t hashes = 0, want = 0, n, v;
	unsigned int i;
	int c;

	for (i = 0; i < s->nr_workers; i++)
		hashes += ((struct tickets **)s->workers[i].own[STRESS_fetch_add])[k]->hashes;
	for (c = 0; c < 2 * s->nr_cpus; c++) {
		for (n = 0, i = 0; i < s->nr_workers; i++)
			n += ((struct tickets **)s->workers[i].own[STRESS_fetch_add])[k]->nr[c];
		v = stress_cell_read(cell, c >= s->nr_cpus, c % s->nr_cpus, call->bits);
		if (v != low(n, call->bits))
			stress_lost(s, STRESS_fetch_add, "%s: CPU %d is at %llu after %llu times 1",
				    call->name, c % s->nr_cpus, (unsigned long long)v,
				    (unsigned long long)n);
		while (n--)
			want += stress_mix(low(n, call->bits));
	}
	if (hashes != want)
		stress_lost(s, STRESS_fetch_add, "%s: a value was handed out twice or not at all",
			    call->name);
}

static void fetch_add_check(struct stress *s)
{
	struct group *g = s->data[STRESS_fetch_add];
	unsigned int k;

	for (k = 0; k < g->nr; k++) {
		check_tickets(s, g->call[k], g->cell[k], k);
		check_neighbours(s, STRESS_fetch_add, g->call[k], g->cell[k]);
	}
}

const struct stress_ops stress_fetch_add = {
	fetch_add_setup, fetch_add_step, fetch_add_check, NULL, false
};

/* xchg, cmpxchg: a worker holds one token of each variable; zero is a token too. */

static void tokens_setup(struct stress *s, enum stress_scenario scenario, const char *op)
{
	struct group *g = make_group(s, scenario, op, NULL);
	unsigned int i, k;

	for (i = 0; i < s->nr_workers; i++) {
		uint64_t *held = stress_zalloc(g->nr * sizeof(*held));

		for (k = 0; k < g->nr; k++)
			held[k] = low(stress_mix(i + 1), g->call[k]->bits);
		s->workers[i].own[scenario] = held;
	}
}

static void tokens_check(struct stress *s, enum stress_scenario scenario)
{
	struct group *g = s->data[scenario];
	uint64_t want, got;
	unsigned int i, k;

	for (k = 0; k < g->nr; k++) {
		want = 2 * (uint64_t)s->nr_cpus * stress_mix(0);
		got = sum_cells(s, g->call[k], g->cell[k], true);
		for (i = 0; i < s->nr_workers; i++) {
			want += stress_mix(low(stress_mix(i + 1), g->call[k]->bits));
			got += stress_mix(((uint64_t *)s->workers[i].own[scenario])[k]);
		}
		if (got != want)
			stress_lost(s, scenario, "%s: the tokens are not those of the beginning",
				    g->call[k]->name);
		check_neighbours(s, scenario, g->call[k], g->cell[k]);
	}
}

static void xchg_setup(struct stress *s)
{
	tokens_setup(s, STRESS_xchg, "xchg");
}

static void xchg_step(struct stress *s, struct stress_worker *w)
{
	struct group *g = s->data[STRESS_xchg];
	uint64_t *held = w->own[STRESS_xchg], old;
	int i;

	for (i = 0; i < STEPS; i++) {
		unsigned int k = stress_random(w) % g->nr;
		struct stress_place at = stress_place(w, g->cell[k], true);

		if (stress_expect(w, STRESS_xchg, g->call[k]->name,
				  g->call[k]->fetch(&at, held[k], &old), 0))
			held[k] = old;
		count(w, STRESS_xchg, g->call[k]);
	}
}

static void xchg_check(struct stress *s)
{
	tokens_check(s, STRESS_xchg);
}

const struct stress_ops stress_xchg = { xchg_setup, xchg_step, xchg_check, NULL, false };

static void cmpxchg_setup(struct stress *s)
{
	tokens_setup(s, STRESS_cmpxchg, "cmpxchg");
}

/* One load: the variable may change meanwhile, and must not tear. */
static uint64_t look(const struct stress_place *at, unsigned int bits)
{
	switch (bits) {
	case 8:
		return __atomic_load_n((uint8_t *)at->look, __ATOMIC_RELAXED);
	case 16:
		return __atomic_load_n((uint16_t *)at->look, __ATOMIC_RELAXED);
	case 32:
		return __atomic_load_n((uint32_t *)at->look, __ATOMIC_RELAXED);
	default:
		return __atomic_load_n((uint64_t *)at->look, __ATOMIC_RELAXED);
	}
}

static void cmpxchg_step(struct stress *s, struct stress_worker *w)
{
	struct group *g = s->data[STRESS_cmpxchg];
	uint64_t *held = w->own[STRESS_cmpxchg], old, expect;
	int i, ret;

	for (i = 0; i < STEPS; i++) {
		unsigned int k = stress_random(w) % g->nr;
		struct stress_place at = stress_place(w, g->cell[k], true);

		expect = look(&at, g->call[k]->bits);
		ret = g->call[k]->cmpxchg(&at, expect, held[k], &old);
		count(w, STRESS_cmpxchg, g->call[k]);
		if (!stress_expect(w, STRESS_cmpxchg, g->call[k]->name, ret, 1))
			continue;
		if ((old == expect) != !ret)
			stress_lost(s, STRESS_cmpxchg, "%s: answered %d, expected %#llx, found %#llx",
				    g->call[k]->name, ret, (unsigned long long)expect,
				    (unsigned long long)old);
		if (!ret)
			held[k] = expect;
	}
}

static void cmpxchg_check(struct stress *s)
{
	tokens_check(s, STRESS_cmpxchg);
}

const struct stress_ops stress_cmpxchg = { cmpxchg_setup, cmpxchg_step, cmpxchg_check, NULL, false };

/*
 * or, and, xor: one variable is worked on by as many workers as it has bits, by
 * all three operations of its width.  The ledger is a worker's own bit on each CPU.
 */
static unsigned int cells_of_bits(struct stress *s, unsigned int bits)
{
	return (s->nr_workers + bits - 1) / bits;
}

static void bits_setup(struct stress *s)
{
	struct group *g = make_group(s, STRESS_bits, "or and xor", cells_of_bits);
	unsigned int i, k, j;

	/* The first call of a width has the variable; the others of that width share it. */
	for (k = 0; k < g->nr; k++)
		for (j = 0; j < k; j++)
			if (g->call[j]->bits == g->call[k]->bits) {
				g->cell[k] = g->cell[j];
				break;
			}
	for (i = 0; i < s->nr_workers; i++)
		s->workers[i].own[STRESS_bits] = stress_zalloc(2 * (size_t)s->nr_cpus * 65);
}

/* Has the worker's bit changed since it last touched it?  Nobody else may. */
static void check_bit(struct stress_worker *w, const struct call *call,
		      const struct stress_cell *cell, bool plain, int cpu, const char *own)
{
	bool want = own[(plain ? w->s->nr_cpus : 0) * 65 + cpu * 65 + call->bits];
	uint64_t v = stress_cell_read(cell, plain, cpu, call->bits);

	if ((v >> w->index % call->bits & 1) != want)
		stress_lost(w->s, STRESS_bits, "%u-bit %s word of CPU %d: bit %u of worker %u is %d, was %d",
			    call->bits, plain ? "plain" : "allocated", cpu, w->index % call->bits,
			    w->index, !want, want);
}

static void bits_step(struct stress *s, struct stress_worker *w)
{
	struct group *g = s->data[STRESS_bits];
	char *own = w->own[STRESS_bits], *mine;
	int i;

	for (i = 0; i < STEPS; i++) {
		const struct call *call = g->call[stress_random(w) % g->nr];
		struct stress_cell *cell;
		struct stress_place at;
		uint64_t bit = UINT64_C(1) << w->index % call->bits;
		unsigned int k;

		for (k = 0; g->call[k]->bits != call->bits; k++)
			;
		cell = &g->cell[k][w->index / call->bits];
		at = stress_place(w, cell, false);
		mine = &own[(at.plain ? s->nr_cpus : 0) * 65 + at.cpu * 65 + (int)call->bits];
		check_bit(w, call, cell, at.plain, at.cpu, own);
		if (call->op[0] == 'a')
			bit = ~bit;
		if (!stress_expect(w, STRESS_bits, call->name, call->rmw(&at, bit), 0))
			continue;
		*mine = call->op[0] == 'o' ? 1 : call->op[0] == 'a' ? 0 : !*mine;
		check_bit(w, call, cell, at.plain, at.cpu, own);
		count(w, STRESS_bits, call);
	}
}

static void bits_check(struct stress *s)
{
	struct group *g = s->data[STRESS_bits];
	unsigned int i, k;
	int plain, cpu;

	for (k = 0; k < g->nr; k++) {
		for (i = 0; i < s->nr_workers; i++)
			for (plain = 0; plain < 2; plain++)
				for (cpu = 0; cpu < s->nr_cpus; cpu++)
					check_bit(&s->workers[i], g->call[k],
						  &g->cell[k][i / g->call[k]->bits], plain, cpu,
						  s->workers[i].own[STRESS_bits]);
		check_neighbours(s, STRESS_bits, g->call[k], g->cell[k]);
	}
}

const struct stress_ops stress_bits = { bits_setup, bits_step, bits_check, NULL, false };

/*
 * min, max: what a call has left behind can only move on.  Each step moves it
 * one further than it was seen, so that there is something to lose all the time.
 */
static bool is_further(const struct call *call, uint64_t v, uint64_t than)
{
	int64_t sv = as_signed(v, call->bits), sthan = as_signed(than, call->bits);

	if (call->op[0] == 's')
		return call->op[2] == 'a' ? sv > sthan : sv < sthan;
	return call->op[1] == 'a' ? v > than : v < than;
}

/* Where a call starts from, so that it has the whole range before it. */
static uint64_t far_end(const struct call *call)
{
	uint64_t top = UINT64_C(1) << (call->bits - 1);

	if (call->op[0] == 's')
		return call->op[2] == 'a' ? top : top - 1;
	return call->op[1] == 'a' ? 0 : ~UINT64_C(0);
}

static void extremes_setup(struct stress *s)
{
	struct group *g = make_group(s, STRESS_extremes, "min max smin smax", NULL);
	unsigned int k;
	int cpu;

	for (k = 0; k < g->nr; k++)
		for (cpu = 0; cpu < s->nr_cpus; cpu++) {
			uint64_t v = far_end(g->call[k]);
			unsigned int at = g->cell[k]->at;

			memcpy(opv_ptr(g->cell[k]->handle, cpu) + at, &v, g->call[k]->bits / 8);
			memcpy(g->cell[k]->plain + (size_t)cpu * STRESS_LINE + at, &v,
			       g->call[k]->bits / 8);
		}
}

static void extremes_step(struct stress *s, struct stress_worker *w)
{
	struct group *g = s->data[STRESS_extremes];
	int i;

	for (i = 0; i < STEPS; i++) {
		unsigned int k = stress_random(w) % g->nr;
		const struct call *call = g->call[k];
		struct stress_place at = stress_place(w, g->cell[k], false);
		bool up = strstr(call->op, "max");
		uint64_t n = look(&at, call->bits), v;

		n = low(up ? n + 1 : n - 1, call->bits);
		/* At the end of its range a narrow variable stays where it is. */
		if (!stress_expect(w, STRESS_extremes, call->name, call->rmw(&at, n), 0))
			continue;
		v = look(&at, call->bits);
		if (is_further(call, n, v))
			stress_lost(s, STRESS_extremes, "%s: CPU %d went back from %#llx to %#llx",
				    call->name, at.cpu, (unsigned long long)n,
				    (unsigned long long)v);
		count(w, STRESS_extremes, call);
	}
}

static void extremes_check(struct stress *s)
{
	struct group *g = s->data[STRESS_extremes];
	unsigned int k;

	for (k = 0; k < g->nr; k++)
		check_neighbours(s, STRESS_extremes, g->call[k], g->cell[k]);
}

const struct stress_ops stress_extremes = {
	extremes_setup, extremes_step, extremes_check, NULL, false
};
