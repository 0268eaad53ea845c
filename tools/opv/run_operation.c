// SPDX-License-Identifier: MIT
/* The language of opv run: one operation with its operands and its length. */
#include "run_parse.h"

#include <stdlib.h>
#include <string.h>

static bool take_offset(struct run_text *t, struct run_lexer *l, struct run_operand *o)
{
	const struct run_variable *v = &t->variables[o->variable];

	if (!run_lex_next(l))
		return false;
	if (l->token.kind != RUN_T_NUMBER)
		return run_expected(l, "an offset in bytes");
	if (l->token.negative || l->token.value > v->size)
		return run_lex_fail(l, l->token.at, "\"%.40s\" has %zu byte%s, so offsets 0 to %zu",
				    v->name, v->size, v->size == 1 ? "" : "s", v->size);
	o->whole = false;
	o->value = l->token.value;
	return run_lex_next(l) && run_take_mark(l, "]", "\"]\"");
}

/* An operand that is memory. */
static bool take_memory(struct run_text *t, struct run_lexer *l, struct run_operand *o)
{
	long variable;

	if (run_lex_is(l, "@")) {
		o->kind = RUN_ADDRESS;
		if (!run_lex_next(l))
			return false;
		if (l->token.kind != RUN_T_NUMBER)
			return run_expected(l, "an address");
		o->value = l->token.value;
		return run_lex_next(l);
	}
	if (l->token.kind == RUN_T_NUMBER) {
		o->kind = RUN_NUMBER;
		o->value = l->token.value;
		o->negative = l->token.negative;
		return run_lex_next(l);
	}
	if (l->token.kind == RUN_T_STRING) {
		o->kind = RUN_STRING;
		return run_lex_string(l, &o->bytes, &o->size) && run_lex_next(l);
	}
	variable = run_find_variable(t, &l->token);
	if (variable < 0)
		return run_lex_fail(l, l->token.at, "there is no variable \"%.*s\"",
				    (int)(l->token.size < 40 ? l->token.size : 40), l->token.at);
	o->kind = RUN_VARIABLE;
	o->variable = (size_t)variable;
	o->whole = true;
	if (!run_lex_next(l))
		return false;
	return !run_lex_is(l, "[") || take_offset(t, l, o);
}

static bool take_number(struct run_lexer *l, struct run_operand *o, const char *what)
{
	if (l->token.kind != RUN_T_NUMBER)
		return run_expected(l, what);
	o->kind = RUN_NUMBER;
	o->value = l->token.value;
	o->negative = l->token.negative;
	return run_lex_next(l);
}

static bool take_operand(struct run_text *t, struct run_lexer *l, struct run_operation *op, int i)
{
	enum run_shape shape = op->kind->shape;
	struct run_operand *o = &op->operand[i];
	bool writes = !i && shape != RUN_COMPARE;
	const char *at = l->token.at;
	char what[80];

	o->column = l->token.column;
	snprintf(what, sizeof(what), "%s, the %s operand of %s,", run_operand_name(shape, i),
		 i ? "second" : "first", op->kind->name);
	if (l->token.kind == RUN_T_END || l->token.kind == RUN_T_EOF ||
	    (l->token.kind == RUN_T_MARK && !run_lex_is(l, "@")))
		return run_expected(l, what);
	if (!run_operand_is_memory(shape, i)) {
		if (!take_number(l, o, what))
			return false;
		if (shape == RUN_SHIFT && (o->negative || o->value > UINT32_MAX))
			return run_lex_fail(l, at, "a number of bits is 0 to %u", UINT32_MAX);
		return true;
	}
	if (writes && (l->token.kind == RUN_T_NUMBER || l->token.kind == RUN_T_STRING))
		return run_lex_fail(l, at, "%s is written, so it is a variable or an @address", what);
	if (!take_memory(t, l, o))
		return false;
	if (run_lex_is(l, "?")) {
		o->expect_fault = true;
		return run_lex_next(l);
	}
	return true;
}

/* The length that was not written: that of the variables, or else of a string. */
static bool guess_length(struct run_text *t, struct run_lexer *l, struct run_operation *op)
{
	size_t size = 0;
	int i;

	for (i = 0; i < 2; i++) {
		const struct run_operand *o = &op->operand[i];
		size_t mine;

		if (!run_operand_is_memory(op->kind->shape, i) || o->kind != RUN_VARIABLE ||
		    !o->whole)
			continue;
		mine = t->variables[o->variable].size;
		if (size && size != mine)
			return run_lex_fail(l, l->line_start + o->column - 1,
					    "their sizes are %zu and %zu: write the length behind them",
					    size, mine);
		size = mine;
	}
	for (i = 0; i < 2 && !size; i++)
		if (op->operand[i].kind == RUN_STRING)
			size = op->operand[i].size;
	if (!size)
		return run_lex_fail(l, l->token.at, "how many bytes?  Write the length behind the operands");
	op->length = (uint32_t)size;
	return true;
}

static bool take_length(struct run_text *t, struct run_lexer *l, struct run_operation *op)
{
	if (l->token.kind != RUN_T_NUMBER)
		return guess_length(t, l, op);
	if (l->token.negative || l->token.value > UINT32_MAX)
		return run_lex_fail(l, l->token.at, "a length is 0 to %u", UINT32_MAX);
	op->length = (uint32_t)l->token.value;
	return run_lex_next(l);
}

/* Literals become memory of the length of the operation. */
static bool place_literal(struct run_lexer *l, struct run_operation *op, struct run_operand *o)
{
	const char *at = l->line_start + o->column - 1;
	uint8_t *bytes;

	if (op->length > RUN_BYTES_MAX)
		return run_lex_fail(l, at, "a literal has at most %d bytes", RUN_BYTES_MAX);
	if (o->kind == RUN_STRING && o->size > op->length)
		return run_lex_fail(l, at, "the string has %zu bytes, the operation %u", o->size,
				    op->length);
	bytes = calloc(1, op->length + (size_t)1);
	if (!bytes)
		return run_lex_fail(l, at, "no memory");
	if (o->kind == RUN_STRING)
		memcpy(bytes, o->bytes, o->size);
	free(o->bytes);
	o->bytes = bytes;
	return o->kind == RUN_STRING ||
	       run_number_to_bytes(l, at, o->value, o->negative, bytes, op->length);
}

static bool place_literals(struct run_lexer *l, struct run_operation *op)
{
	int i;

	for (i = 0; i < 2; i++) {
		struct run_operand *o = &op->operand[i];

		if (run_operand_is_memory(op->kind->shape, i) &&
		    (o->kind == RUN_NUMBER || o->kind == RUN_STRING) && !place_literal(l, op, o))
			return false;
	}
	return true;
}

bool run_read_operation(struct run_text *t, struct run_lexer *l, const struct run_kind *kind)
{
	const char *at = l->token.at;
	struct run_operation *op;

	if (t->nr_operations == RUN_OPERATIONS_MAX)
		return run_lex_fail(l, at, "opv run reads at most %d operations", RUN_OPERATIONS_MAX);
	op = run_grow(t->operations, t->nr_operations, sizeof(*op));
	if (!op)
		return run_lex_fail(l, at, "no memory");
	t->operations = op;
	op += t->nr_operations++;
	*op = (struct run_operation){ .kind = kind, .source = l->source, .line = l->line };
	if (!run_lex_next(l))
		return false;
	if (kind->shape != RUN_NONE &&
	    (!take_operand(t, l, op, 0) || !take_operand(t, l, op, 1) || !take_length(t, l, op) ||
	     !place_literals(l, op)))
		return false;
	op->text = strndup(at, (size_t)(l->behind - at));
	return op->text || run_lex_fail(l, at, "no memory");
}
