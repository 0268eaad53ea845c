// SPDX-License-Identifier: MIT
/*
 * Small histories of a ring: a few threads write and read a few records of one CPU, with the time
 * when each call began and ended.  For every history there must be an order of the calls, each
 * between its beginning and its end, in which a plain queue of so many places answers the same.
 */
#define _GNU_SOURCE
#include "crowd.h"

#include <stdatomic.h>

#define THREADS 3
#define EACH 4
#define OPS (THREADS * EACH)
#define ROOM 5			/* records: the ring has 256 bytes, each of them 48 */
#define NONE (-1)

enum kind { WRITE, READ };

struct op {
	enum kind kind;
	int begin, end;		/* times */
	int value;		/* written, or read, or NONE: dropped, or nothing there */
	bool nothing;		/* a reader was told to wait: it means nothing */
};

struct queue {
	int first, nr, value[OPS];
};

/* The specification; false when it would have answered something else. */
static bool apply(struct queue *q, const struct op *op)
{
	int there = q->nr - q->first;

	if (op->nothing)
		return true;
	if (op->kind == READ && op->value == NONE)
		return !there;
	if (op->kind == READ)
		return there && q->value[q->first++] == op->value;
	if (op->value == NONE)
		return there == ROOM;
	q->value[q->nr++] = op->value;
	return there < ROOM;
}

static bool linear_from(const struct op *ops, int nr, unsigned int done, struct queue q)
{
	int first = INT32_MAX, i;

	if (done == (1u << nr) - 1)
		return true;
	for (i = 0; i < nr; i++)
		if (!(done >> i & 1) && ops[i].end < first)
			first = ops[i].end;
	for (i = 0; i < nr; i++) {
		struct queue then = q;

		if (done >> i & 1 || ops[i].begin > first || !apply(&then, &ops[i]))
			continue;
		if (linear_from(ops, nr, done | 1u << i, then))
			return true;
	}
	return false;
}

static bool linear(const struct op *ops, int nr)
{
	return linear_from(ops, nr, 0, (struct queue){ 0 });
}

static struct opv_ring r;
static struct op ops[OPS];
static _Atomic int now, arrived, left, errors;
static int histories, cpu, wrong;

static void run(struct op *op, int nr)
{
	int64_t record[5] = { nr };
	size_t len;
	int ret;

	op->value = NONE;
	if (op->kind == WRITE) {
		ret = opv_ring_write(&r, record, sizeof(record), cpu);
		if (!ret)
			op->value = nr;
		else if (ret != -ENOBUFS)
			errors++;
		return;
	}
	ret = opv_ring_read(&r, cpu, record, sizeof(record), &len);
	if (!ret)
		op->value = (int)record[0];
	else if (ret == 2 || ret == -EBUSY)
		op->nothing = true;
	else if (ret != 1)
		errors++;
}

/* All threads begin and end a history together. */
static void meet(_Atomic int *at, int round)
{
	atomic_fetch_add(at, 1);
	while (atomic_load(at) < THREADS * round)
		sched_yield();
}

/* Empty, and at the beginning of its buffer, so that there is no gap. */
static void begin_history(uint64_t *random)
{
	int i;

	opv_ring_init(&r, NULL, 256, 0);
	memset(ops, 0, sizeof(ops));
	for (i = 0; i < OPS; i++)
		ops[i].kind = rnd(random) % 5 < 2 ? READ : WRITE;
	now = 0;
}

static void end_history(void)
{
	int i;

	opv_ring_fini(&r);
	if (linear(ops, OPS) || wrong++ > 3)
		return;
	for (i = 0; i < OPS; i++)
		diag("%d to %d: %s %d%s", ops[i].begin, ops[i].end, ops[i].kind ? "read" : "write",
		     ops[i].value, ops[i].nothing ? ", told to wait" : "");
}

static void *work(void *arg)
{
	int me = (int)(intptr_t)arg, round, i;
	uint64_t random = (uint64_t)me;

	/* One on the CPU of the ring, one elsewhere if there is an elsewhere, one wherever. */
	if (me < 2 && allowed_cpu(me) >= 0)
		pin_to(allowed_cpu(me));
	for (round = 1; round <= histories; round++) {
		if (!me)
			begin_history(&random);
		meet(&arrived, round);
		for (i = 0; i < EACH; i++) {
			struct op *op = &ops[me * EACH + i];

			op->begin = atomic_fetch_add(&now, 1);
			run(op, me * EACH + i);
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
	for (i = 0; i < THREADS; i++)
		pthread_create(&threads[i], NULL, work, (void *)i);
	for (i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	is(wrong, 0, "%d histories of %d calls are those of a queue, %s", histories, OPS,
	   crowd_road_name(road));
	is(errors, 0, "and none ended in an error");
}

/* What is none must not pass for one. */
static void can_fail(void)
{
	struct op lost[] = { { WRITE, 0, 1, 5, false }, { READ, 2, 3, NONE, false } };
	struct op early[] = { { READ, 0, 1, 5, false }, { WRITE, 2, 3, 5, false } };
	struct op twice[] = { { WRITE, 0, 9, 5, false }, { READ, 1, 2, 5, false },
			      { READ, 3, 4, 5, false } };
	struct op lifo[] = { { WRITE, 0, 1, 5, false }, { WRITE, 2, 3, 6, false },
			     { READ, 4, 5, 6, false } };
	struct op full[] = { { WRITE, 0, 1, 5, false }, { WRITE, 2, 3, NONE, false } };
	struct op good[] = { { READ, 0, 3, 6, false }, { WRITE, 1, 4, 5, false },
			     { WRITE, 1, 2, 6, false } };

	ok(!linear(lost, 2), "a record that is lost is noticed");
	ok(!linear(early, 2), "one that is read before it was written");
	ok(!linear(twice, 3), "one that is read twice");
	ok(!linear(lifo, 3), "one that is read before an older one");
	ok(!linear(full, 2), "one that is dropped while there is room");
	ok(linear(good, 3), "what overlaps may be ordered either way");
}

int main(void)
{
	int road;

	can_fail();
	cpu = allowed_cpu(0);
	histories = part_of(400);
	for (road = ROAD_USUAL; road <= ROAD_MIXED; road++) {
		if (!crowd_road(road))
			continue;
		check(road);
		crowd_leave(road);
	}
	return done();
}
