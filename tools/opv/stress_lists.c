// SPDX-License-Identifier: MIT
/* opv stress: structures of several words: list, stack, ring. */
#include "stress.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

/* A call on words wherever its first operand lies; the others are of the same kind. */
#define CALL(w, at, name, ...)							\
	((w)->counts[OPV_CALL_##name]++,					\
	 (at)->d ? name##_at((at)->d, (intptr_t *)(at)->p, __VA_ARGS__, (at)->cpu) \
		 : name((intptr_t *)(at)->p, __VA_ARGS__, (at)->cpu))

/* One of two calls, at random. */
#define EITHER(w, at, name, suffixed, ...)					\
	(stress_random(w) & 1 ? CALL(w, at, name, __VA_ARGS__)			\
			      : CALL(w, at, suffixed, __VA_ARGS__))

static intptr_t load(const char *p)
{
	return __atomic_load_n((const intptr_t *)p, __ATOMIC_RELAXED);
}

static void store(intptr_t *p, intptr_t v)
{
	__atomic_store_n(p, v, __ATOMIC_RELAXED);
}

/* Tokens with an owner: taking one that has an owner already is a duplicate. */
struct hoard {
	unsigned int nr;
	void *held[];
};

#define OWN 32		/* tokens or nodes that each worker starts with */
#define STEPS 8

static bool take(struct stress_worker *w, enum stress_scenario scenario, struct hoard *hoard,
		 _Atomic uint32_t *owner, void *thing)
{
	uint32_t was = atomic_exchange(owner, w->index + 1);

	if (was) {
		stress_lost(w->s, scenario, "had by worker %u while worker %u has it", w->index,
			    was - 1);
		return false;
	}
	hoard->held[hoard->nr++] = thing;
	return true;
}

static struct hoard *new_hoard(struct stress *s)
{
	return stress_zalloc(sizeof(struct hoard) + (size_t)s->nr_workers * OWN * sizeof(void *));
}

/* list: a head a CPU, nodes that belong to a worker or to a list. */

struct node {
	intptr_t next;
	_Atomic uint32_t owner;		/* worker + 1, 0: in a list */
	uint32_t seen;			/* by the check */
};

struct list {
	struct stress_cell head;
	struct node *nodes;
};

static void list_setup(struct stress *s)
{
	struct list *l = s->data[STRESS_list] = stress_zalloc(sizeof(*l));
	unsigned int i, j;

	stress_cell_init(s, &l->head, 64);
	l->nodes = stress_zalloc((size_t)s->nr_workers * OWN * sizeof(*l->nodes));
	for (i = 0; i < s->nr_workers; i++) {
		struct hoard *h = s->workers[i].own[STRESS_list] = new_hoard(s);

		for (j = 0; j < OWN; j++) {
			struct node *n = &l->nodes[i * OWN + j];

			n->owner = i + 1;
			h->held[h->nr++] = n;
		}
	}
}

static void push(struct stress_worker *w, struct hoard *h, struct stress_place at)
{
	struct node *n = h->held[h->nr - 1];
	intptr_t head = load(at.look);
	bool compare = head & 16;	/* either way to push, by where the nodes lie */
	int ret;

	atomic_store(&n->owner, 0);
	if (compare) {
		store(&n->next, head);
		ret = EITHER(w, &at, opv_cmpeq_store_release, opv_cmpeq_store, head, (intptr_t)n);
	} else {
		ret = EITHER(w, &at, opv_push_release, opv_push, offsetof(struct node, next), n);
	}
	w->done[STRESS_list]++;
	/* At most one try: what was looked at may be another CPU's head. */
	if (!stress_expect(w, STRESS_list, compare ? "opv_cmpeq_store" : "opv_push", ret, compare) ||
	    ret == 1)
		atomic_store(&n->owner, w->index + 1);
	else
		h->nr--;
}

static void pop(struct stress_worker *w, struct hoard *h, struct stress_place at)
{
	intptr_t got = 0;
	int ret;

	ret = EITHER(w, &at, opv_cmpne_load_off, opv_cmpne_load_off_acquire, 0,
		     offsetof(struct node, next), &got);
	w->done[STRESS_list]++;
	if (!stress_expect(w, STRESS_list, "opv_cmpne_load_off", ret, 1) || ret == 1)
		return;
	take(w, STRESS_list, h, &((struct node *)got)->owner, (struct node *)got);
}

/* Whole lists at once, from wherever we are. */
static void steal(struct stress_worker *w, struct hoard *h, struct stress_place at)
{
	intptr_t got = 0, zero = 0, next;
	struct cpu_op vec[] = {
		opv_op_memcpy(&got, at.look, sizeof(got)),
		opv_op_memcpy(at.look, &zero, sizeof(zero)),
	};
	int ret = opv_vector(at.plain ? NULL : w->s->domain, vec, 2, at.cpu);

	w->counts[STRESS_COUNT_opv_vector]++;
	w->done[STRESS_list]++;
	if (!stress_expect(w, STRESS_list, "opv_vector", ret, 0))
		return;
	for (; got; got = next) {
		next = load((char *)&((struct node *)got)->next);
		/* A list with a node in it twice may have no end. */
		if (!take(w, STRESS_list, h, &((struct node *)got)->owner, (struct node *)got))
			break;
	}
}

static void list_step(struct stress *s, struct stress_worker *w)
{
	struct list *l = s->data[STRESS_list];
	struct hoard *h = w->own[STRESS_list];
	int i;

	for (i = 0; i < STEPS; i++) {
		bool any = stress_random(w) & 1;

		if (!(stress_random(w) % 64))
			steal(w, h, stress_place(w, &l->head, false));
		else if (h->nr && (stress_random(w) & 1))
			push(w, h, stress_place(w, &l->head, any));
		else
			pop(w, h, stress_place(w, &l->head, any));
	}
}

static void see(struct stress *s, struct list *l, struct node *n)
{
	if (n < l->nodes || n >= l->nodes + (size_t)s->nr_workers * OWN)
		stress_lost(s, STRESS_list, "%p is no node", (void *)n);
	else
		n->seen++;
}

static void list_check(struct stress *s)
{
	struct list *l = s->data[STRESS_list];
	size_t total = (size_t)s->nr_workers * OWN, i, j;
	int plain, cpu;

	for (plain = 0; plain < 2; plain++)
		for (cpu = 0; cpu < s->nr_cpus; cpu++) {
			intptr_t p = (intptr_t)stress_cell_read(&l->head, plain, cpu, 64);

			for (i = 0; p && i <= total; p = ((struct node *)p)->next, i++)
				see(s, l, (struct node *)p);
			if (i > total)
				stress_lost(s, STRESS_list, "the list of CPU %d has no end", cpu);
		}
	for (i = 0; i < s->nr_workers; i++) {
		struct hoard *h = s->workers[i].own[STRESS_list];

		for (j = 0; j < h->nr; j++)
			see(s, l, h->held[j]);
	}
	for (i = 0; i < total; i++)
		if (l->nodes[i].seen != 1)
			stress_lost(s, STRESS_list, "node %zu of %zu is there %u times", i, total,
				    l->nodes[i].seen);
}

const struct stress_ops stress_list = { list_setup, list_step, list_check, NULL, false };

/* stack: an array a CPU; top says how many of its places are in use. */

#define PLACES 24

struct pile {
	intptr_t top;
	intptr_t place[PLACES];
};

struct piles {
	struct stress_cell cell;	/* a handle only */
	_Atomic uint32_t *owner;	/* by token - 1 */
};

static void stack_setup(struct stress *s)
{
	struct piles *p = s->data[STRESS_stack] = stress_zalloc(sizeof(*p));
	uintptr_t i, j;

	p->cell.handle = stress_new_handle(s, sizeof(struct pile));
	p->owner = stress_zalloc((size_t)s->nr_workers * OWN * sizeof(*p->owner));
	for (i = 0; i < s->nr_workers; i++) {
		struct hoard *h = s->workers[i].own[STRESS_stack] = new_hoard(s);

		for (j = 0; j < OWN; j++) {
			p->owner[i * OWN + j] = (uint32_t)i + 1;
			h->held[h->nr++] = (void *)(i * OWN + j + 1);
		}
	}
}

static struct pile *looked_at(const struct stress_place *at)
{
	return (struct pile *)at->look;
}

static void pile_up(struct stress_worker *w, struct hoard *h, struct piles *p,
		    struct stress_place at)
{
	intptr_t token = (intptr_t)h->held[h->nr - 1], top = load(at.look);
	struct pile *pile = (struct pile *)at.p;
	int ret;

	if (top >= PLACES)
		return;
	atomic_store(&p->owner[token - 1], 0);
	ret = EITHER(w, &at, opv_cmpeq_store_store, opv_cmpeq_store_store_release, top,
		     &pile->place[top], token, top + 1);
	w->done[STRESS_stack]++;
	if (!stress_expect(w, STRESS_stack, "opv_cmpeq_store_store", ret, 1) || ret == 1)
		atomic_store(&p->owner[token - 1], w->index + 1);
	else
		h->nr--;
}

static void take_off(struct stress_worker *w, struct hoard *h, struct piles *p,
		     struct stress_place at)
{
	struct pile *pile = (struct pile *)at.p;
	intptr_t top = load(at.look), token;
	int ret;

	if (!top)
		return;
	token = load((char *)&looked_at(&at)->place[top - 1]);
	ret = EITHER(w, &at, opv_cmpeq_cmpeq_store, opv_cmpeq_cmpeq_store_release, top,
		     &pile->place[top - 1], token, top - 1);
	w->done[STRESS_stack]++;
	if (!stress_expect(w, STRESS_stack, "opv_cmpeq_cmpeq_store", ret, 2) || ret)
		return;
	take(w, STRESS_stack, h, &p->owner[token - 1], (void *)token);
}

static void stack_step(struct stress *s, struct stress_worker *w)
{
	struct piles *p = s->data[STRESS_stack];
	struct hoard *h = w->own[STRESS_stack];
	int i;

	for (i = 0; i < STEPS; i++) {
		struct stress_place at = stress_place(w, &p->cell, true);

		if (h->nr && (stress_random(w) & 1))
			pile_up(w, h, p, at);
		else
			take_off(w, h, p, at);
	}
}

static void stack_check(struct stress *s)
{
	struct piles *p = s->data[STRESS_stack];
	size_t total = (size_t)s->nr_workers * OWN, there = 0;
	uint64_t sum = 0, want = 0;
	uintptr_t i, j;
	int cpu;

	for (cpu = 0; cpu < s->nr_cpus; cpu++) {
		struct pile *pile = opv_ptr((struct pile *)p->cell.handle, cpu);

		for (j = 0; j < (uintptr_t)pile->top; j++, there++)
			sum += stress_mix((uint64_t)pile->place[j]);
	}
	for (i = 0; i < s->nr_workers; i++) {
		struct hoard *h = s->workers[i].own[STRESS_stack];

		for (j = 0; j < h->nr; j++, there++)
			sum += stress_mix((uintptr_t)h->held[j]);
	}
	for (i = 1; i <= total; i++)
		want += stress_mix(i);
	if (there != total || sum != want)
		stress_lost(s, STRESS_stack, "%zu tokens, there were %zu%s", there, total,
			    there == total ? " and others" : "");
}

const struct stress_ops stress_stack = { stack_setup, stack_step, stack_check, NULL, false };

/*
 * ring: records of varying length, copied in behind a head that counts them.
 * Only the place that comes next may hold half a record.
 */

#define RECORDS 16
#define RECORD_MAX (CPU_OP_COPY_LEN_MAX / RECORDS)
#define WORDS_MAX (RECORD_MAX / sizeof(uint64_t))

struct record {
	uint64_t number;	/* of the record on its CPU */
	uint64_t words;		/* of the record */
	uint64_t check;		/* what all other words add up to, mixed */
	uint64_t word[WORDS_MAX - 3];
};

struct ring {
	intptr_t head;
	struct record record[RECORDS];
};

struct rings {
	struct stress_cell cell;	/* a handle only */
};

static void ring_setup(struct stress *s)
{
	struct rings *r = s->data[STRESS_ring] = stress_zalloc(sizeof(*r));
	unsigned int i;

	r->cell.handle = stress_new_handle(s, sizeof(struct ring));
	for (i = 0; i < s->nr_workers; i++)
		s->workers[i].own[STRESS_ring] = stress_zalloc(sizeof(uint64_t));
}

static uint64_t checksum(const struct record *r)
{
	uint64_t sum = stress_mix(r->number) + r->words, i;

	for (i = 3; i < r->words; i++)
		sum += stress_mix(r->word[i - 3] + i);
	return sum;
}

static void append(struct stress_worker *w, struct stress_place at)
{
	struct ring *ring = (struct ring *)at.p;
	intptr_t head = load(at.look);
	struct record r;
	uint64_t i;
	int ret;

	r.number = (uint64_t)head;
	r.words = 3 + stress_random(w) % (WORDS_MAX - 3 + 1);
	for (i = 3; i < r.words; i++)
		r.word[i - 3] = stress_random(w);
	r.check = checksum(&r);
	ret = EITHER(w, &at, opv_cmpeq_copy_store, opv_cmpeq_copy_store_release, head,
		     &ring->record[head % RECORDS], &r, r.words * sizeof(uint64_t), head + 1);
	w->done[STRESS_ring]++;
	if (stress_expect(w, STRESS_ring, "opv_cmpeq_copy_store", ret, 1) && !ret)
		++*(uint64_t *)w->own[STRESS_ring];
}

static void check_ring(struct stress *s, const struct ring *ring, int cpu)
{
	uint64_t head = (uint64_t)ring->head, n;

	for (n = head > RECORDS - 1 ? head - (RECORDS - 1) : 0; n < head; n++) {
		const struct record *r = &ring->record[n % RECORDS];

		if (r->number != n || r->words > WORDS_MAX || r->check != checksum(r))
			stress_lost(s, STRESS_ring, "record %llu of CPU %d, head %llu, is damaged",
				    (unsigned long long)n, cpu, (unsigned long long)head);
	}
}

/* The whole ring and its head at one moment. */
static void read_ring(struct stress_worker *w, struct stress_place at)
{
	struct ring *there = (struct ring *)at.look, copy;
	struct cpu_op vec[] = {
		opv_op_memcpy(&copy.head, &there->head, sizeof(copy.head)),
		opv_op_memcpy(copy.record, there->record, sizeof(copy.record)),
	};
	int ret = opv_vector(w->s->domain, vec, 2, at.cpu);

	w->counts[STRESS_COUNT_opv_vector]++;
	w->done[STRESS_ring]++;
	if (stress_expect(w, STRESS_ring, "opv_vector", ret, 0))
		check_ring(w->s, &copy, at.cpu);
}

static void ring_step(struct stress *s, struct stress_worker *w)
{
	struct rings *r = s->data[STRESS_ring];
	int i;

	for (i = 0; i < STEPS; i++) {
		bool look = !(stress_random(w) % 16);
		struct stress_place at = stress_place(w, &r->cell, !look);

		if (look)
			read_ring(w, at);
		else
			append(w, at);
	}
}

static void ring_check(struct stress *s)
{
	struct rings *r = s->data[STRESS_ring];
	uint64_t there = 0, done = 0;
	unsigned int i;
	int cpu;

	for (cpu = 0; cpu < s->nr_cpus; cpu++) {
		struct ring *ring = opv_ptr((struct ring *)r->cell.handle, cpu);

		there += (uint64_t)ring->head;
		check_ring(s, ring, cpu);
	}
	for (i = 0; i < s->nr_workers; i++)
		done += *(uint64_t *)s->workers[i].own[STRESS_ring];
	if (there != done)
		stress_lost(s, STRESS_ring, "%llu records, %llu were written",
			    (unsigned long long)there, (unsigned long long)done);
}

const struct stress_ops stress_ring = { ring_setup, ring_step, ring_check, NULL, false };
