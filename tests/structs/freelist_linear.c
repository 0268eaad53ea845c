// SPDX-License-Identifier: MIT
/*
 * Small histories of a list: a few threads do a few operations each on the list of one CPU,
 * with the time when each began and ended.  For every history there must be an order of the
 * operations, each between its beginning and its end, in which a plain stack answers the
 * same.
 */
#define _GNU_SOURCE
#include "crowd.h"

#include <stdatomic.h>

#define THREADS 3
#define EACH 4
#define OPS (THREADS * EACH)
#define DEEP 40			/* of a list, at most */

enum kind { PUSH, CHAIN, POP, ALL, HALF, DRAIN, COUNT, NR_KINDS };

static const char *const names[] = { "push", "chain", "pop", "all", "half", "drain", "count" };

struct op {
	enum kind kind;
	int begin, end;		/* times */
	int in[2];		/* nodes that were pushed; the second one was behind the first */
	int nr, out[DEEP];	/* what came out, or was counted */
};

struct stack {
	int nr, node[DEEP];	/* the last one is in front */
};

/* The specification; false when it would have answered something else. */
static bool apply(struct stack *s, const struct op *op)
{
	int want, i;

	switch (op->kind) {
	case PUSH:
		s->node[s->nr++] = op->in[0];
		return true;
	case CHAIN:
		s->node[s->nr++] = op->in[1];
		s->node[s->nr++] = op->in[0];
		return true;
	case COUNT:
		return op->nr == s->nr;
	default:
		want = op->kind == POP ? s->nr > 0 : op->kind == HALF ? (s->nr + 1) / 2 : s->nr;
		if (op->nr != want)
			return false;
		for (i = 0; i < want; i++)
			if (op->out[i] != s->node[--s->nr])
				return false;
		return true;
	}
}

static bool linear_from(const struct op *ops, int nr, unsigned int done, struct stack s)
{
	int first = INT32_MAX, i;

	if (done == (1u << nr) - 1)
		return true;
	for (i = 0; i < nr; i++)
		if (!(done >> i & 1) && ops[i].end < first)
			first = ops[i].end;
	for (i = 0; i < nr; i++) {
		struct stack then = s;

		if (done >> i & 1 || ops[i].begin > first || !apply(&then, &ops[i]))
			continue;
		if (linear_from(ops, nr, done | 1u << i, then))
			return true;
	}
	return false;
}

static bool linear(const struct op *ops, int nr)
{
	return linear_from(ops, nr, 0, (struct stack){ 0 });
}

struct node {
	void *next;
};

static struct opv_freelist f;
static struct node nodes[2 * OPS];
static struct op ops[OPS];
static _Atomic int now, arrived, left, errors;
static int histories, cpu, nr_cpus;

static int number(const void *n)
{
	return (int)((const struct node *)n - nodes);
}

static void list_out(struct op *op, void *first)
{
	for (; first && op->nr < DEEP; first = opv_freelist_next(&f, first))
		op->out[op->nr++] = number(first);
}

static int run(struct op *op, int nr)
{
	struct opv_freelist_chain c = { 0 };
	void *first[4096], *n = NULL;
	int ret = 0;

	op->in[0] = 2 * nr;
	op->in[1] = 2 * nr + 1;
	switch (op->kind) {
	case PUSH:
		return opv_freelist_push(&f, &nodes[op->in[0]], cpu);
	case CHAIN:
		opv_freelist_chain_add(&f, &c, &nodes[op->in[1]]);
		opv_freelist_chain_add(&f, &c, &nodes[op->in[0]]);
		return opv_freelist_push_chain(&f, &c, cpu);
	case POP:
		ret = opv_freelist_pop(&f, &n, cpu);
		if (!ret)
			op->out[op->nr++] = number(n);
		break;
	case ALL:
		ret = opv_freelist_pop_all(&f, &n, cpu);
		list_out(op, n);
		break;
	case HALF:
		ret = opv_freelist_steal(&f, 64, &c, cpu);
		list_out(op, c.first);
		break;
	case DRAIN:
		ret = opv_freelist_drain(&f, first);
		list_out(op, first[cpu]);
		break;
	default:
		op->nr = (int)opv_freelist_count_exact(&f, cpu);
		return op->nr < 0;
	}
	return ret == 1 ? 0 : ret;
}

/* All threads begin and end a history together. */
static void meet(_Atomic int *at, int round)
{
	atomic_fetch_add(at, 1);
	while (atomic_load(at) < THREADS * round)
		sched_yield();
}

static void begin_history(uint64_t *random)
{
	void *n;
	int i;

	while (!opv_freelist_pop(&f, &n, cpu))
		;
	memset(ops, 0, sizeof(ops));
	for (i = 0; i < OPS; i++) {
		uint64_t r = rnd(random);

		ops[i].kind = r & 1 ? (r & 2 ? PUSH : POP) : (enum kind)((r >> 8) % NR_KINDS);
	}
	now = 0;
}

static int wrong;

static void end_history(void)
{
	int i, j;

	if (linear(ops, OPS) || wrong++ > 3)
		return;
	for (i = 0; i < OPS; i++) {
		diag("%d to %d: %s, node %d, %d out", ops[i].begin, ops[i].end, names[ops[i].kind],
		     ops[i].in[0], ops[i].nr);
		for (j = 0; ops[i].kind != COUNT && j < ops[i].nr; j++)
			diag("    %d", ops[i].out[j]);
	}
}

static void *work(void *arg)
{
	int me = (int)(intptr_t)arg, round, i;
	uint64_t random = (uint64_t)me;

	/* One on the CPU of the list, one elsewhere if there is an elsewhere, one wherever. */
	if (me < 2 && allowed_cpu(me) >= 0)
		pin_to(allowed_cpu(me));
	for (round = 1; round <= histories; round++) {
		if (!me)
			begin_history(&random);
		meet(&arrived, round);
		for (i = 0; i < EACH; i++) {
			struct op *op = &ops[me * EACH + i];

			op->begin = atomic_fetch_add(&now, 1);
			if (run(op, me * EACH + i))
				errors++;
			op->end = atomic_fetch_add(&now, 1);
		}
		meet(&left, round);
		if (!me)
			end_history();
	}
	return NULL;
}

static void check(int road)
{
	pthread_t threads[THREADS];
	intptr_t i;

	wrong = 0;
	arrived = left = errors = 0;
	opv_freelist_init(&f, NULL, offsetof(struct node, next), 0);
	for (i = 0; i < THREADS; i++)
		pthread_create(&threads[i], NULL, work, (void *)i);
	for (i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	is(wrong, 0, "%d histories of %d operations are those of a stack, %s", histories, OPS,
	   crowd_road_name(road));
	is(errors, 0, "and none ended in an error");
	opv_freelist_fini(&f);
}

/* What is none must not pass for one. */
static void can_fail(void)
{
	struct op lost[] = {
		{ .kind = PUSH, .begin = 0, .end = 1, .in = { 5 } },
		{ .kind = POP, .begin = 2, .end = 3 },
	}, early[] = {
		{ .kind = POP, .begin = 0, .end = 1, .nr = 1, .out = { 5 } },
		{ .kind = PUSH, .begin = 2, .end = 3, .in = { 5 } },
	}, twice[] = {
		{ .kind = PUSH, .begin = 0, .end = 9, .in = { 5 } },
		{ .kind = POP, .begin = 1, .end = 8, .nr = 1, .out = { 5 } },
		{ .kind = ALL, .begin = 2, .end = 7, .nr = 1, .out = { 5 } },
	}, fifo[] = {
		{ .kind = PUSH, .begin = 0, .end = 1, .in = { 5 } },
		{ .kind = PUSH, .begin = 2, .end = 3, .in = { 6 } },
		{ .kind = POP, .begin = 4, .end = 5, .nr = 1, .out = { 5 } },
	}, good[] = {
		{ .kind = POP, .begin = 0, .end = 3, .nr = 1, .out = { 5 } },
		{ .kind = CHAIN, .begin = 1, .end = 2, .in = { 5, 6 } },
		{ .kind = COUNT, .begin = 4, .end = 5, .nr = 1 },
	};

	ok(!linear(lost, 2), "a node that is lost is noticed");
	ok(!linear(early, 2), "one that comes out before it went in");
	ok(!linear(twice, 3), "one that comes out twice");
	ok(!linear(fifo, 3), "one that comes out of the wrong end");
	ok(linear(good, 3), "what overlaps may be ordered either way");
}

int main(void)
{
	int road;

	can_fail();
	nr_cpus = opv_domain_cpus(NULL);
	cpu = allowed_cpu(0);
	histories = part_of(400);
	if (nr_cpus > 4096) {
		skip("histories of lists", "more CPUs than this test has room for");
		return done();
	}
	for (road = ROAD_USUAL; road <= ROAD_MIXED; road++) {
		if (!crowd_road(road))
			continue;
		check(road);
		crowd_leave(road);
	}
	return done();
}
