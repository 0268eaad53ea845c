// SPDX-License-Identifier: MIT
/* The variables of opv run in memory, and its vector. */
#include "run.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static size_t page_size(void)
{
	return (size_t)sysconf(_SC_PAGESIZE);
}

static size_t rounded(size_t size)
{
	return (size + page_size() - 1) & ~(page_size() - 1);
}

static uint8_t *place_variable(const struct run_variable *v)
{
	size_t pages = rounded(v->size);
	uint8_t *map, *at;

	map = mmap(NULL, pages + page_size(), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
		   -1, 0);
	if (map == MAP_FAILED)
		return NULL;
	at = map + pages - v->size;
	memcpy(at, v->bytes, v->size);
	if (mprotect(map + pages, page_size(), PROT_NONE) ||
	    (v->is_const && mprotect(map, pages, PROT_READ))) {
		munmap(map, pages + page_size());
		return NULL;
	}
	return at;
}

static void remove_variable(uint8_t *at, size_t size)
{
	size_t pages = rounded(size);

	munmap(at + size - pages, pages + page_size());
}

static uint64_t address(const struct run_memory *m, const struct run_operand *o)
{
	switch (o->kind) {
	case RUN_VARIABLE:
		return (uintptr_t)m->at[o->variable] + (o->whole ? 0 : o->value);
	case RUN_ADDRESS:
		return o->value;
	default:
		return (uintptr_t)o->bytes;
	}
}

static struct cpu_op build(const struct run_memory *m, const struct run_operation *op)
{
	const struct run_operand *first = &op->operand[0], *second = &op->operand[1];
	struct cpu_op c = { .op = op->kind->number, .len = op->length };

	switch (op->kind->shape) {
	case RUN_NONE:
		break;
	case RUN_COMPARE:
		c.u.compare_op.a = address(m, first);
		c.u.compare_op.b = address(m, second);
		c.u.compare_op.expect_fault_a = first->expect_fault;
		c.u.compare_op.expect_fault_b = second->expect_fault;
		break;
	case RUN_COPY:
		c.u.memcpy_op.dst = address(m, first);
		c.u.memcpy_op.src = address(m, second);
		c.u.memcpy_op.expect_fault_dst = first->expect_fault;
		c.u.memcpy_op.expect_fault_src = second->expect_fault;
		break;
	case RUN_ARITH:
		c.u.arithmetic_op.p = address(m, first);
		c.u.arithmetic_op.count = (int64_t)second->value;
		c.u.arithmetic_op.expect_fault_p = first->expect_fault;
		break;
	case RUN_BITWISE:
		c.u.bitwise_op.p = address(m, first);
		c.u.bitwise_op.mask = second->value;
		c.u.bitwise_op.expect_fault_p = first->expect_fault;
		break;
	case RUN_SHIFT:
		c.u.shift_op.p = address(m, first);
		c.u.shift_op.bits = (uint32_t)second->value;
		c.u.shift_op.expect_fault_p = first->expect_fault;
		break;
	}
	return c;
}

bool run_memory_make(struct run_memory *m, const struct run_text *text)
{
	size_t i;

	*m = (struct run_memory){ .text = text, .count = (int)text->nr_operations };
	m->at = calloc(text->nr_variables + 1, sizeof(*m->at));
	m->vec = calloc(text->nr_operations + 1, sizeof(*m->vec));
	if (!m->at || !m->vec)
		return false;
	for (i = 0; i < text->nr_variables; i++) {
		m->at[i] = place_variable(&text->variables[i]);
		if (!m->at[i])
			return false;
	}
	for (i = 0; i < text->nr_operations; i++)
		m->vec[i] = build(m, &text->operations[i]);
	return true;
}

void run_memory_free(struct run_memory *m)
{
	size_t i;

	for (i = 0; m->at && i < m->text->nr_variables; i++)
		if (m->at[i])
			remove_variable(m->at[i], m->text->variables[i].size);
	free(m->at);
	free(m->vec);
	*m = (struct run_memory){ 0 };
}
