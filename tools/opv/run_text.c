// SPDX-License-Identifier: MIT
/* The language of opv run, from tokens to variables and operations; run_text.h has its grammar. */
#include "run_parse.h"

#include <stdlib.h>
#include <string.h>

const struct run_kind run_kinds[] = {
#define X(name, number, shape, text, effect) { #text, RUN_##shape, number },
	OPV_OPS(X)
#undef X
};

const size_t run_nr_kinds = sizeof(run_kinds) / sizeof(run_kinds[0]);

/* The operands of each shape; the first of all and the second of some is memory. */
static const struct {
	const char *name[2];
	bool second_is_memory;
} shapes[] = {
	[RUN_NONE] = { { NULL, NULL }, false },
	[RUN_COMPARE] = { { "a", "b" }, true },
	[RUN_COPY] = { { "dst", "src" }, true },
	[RUN_ARITH] = { { "p", "count" }, false },
	[RUN_BITWISE] = { { "p", "mask" }, false },
	[RUN_SHIFT] = { { "p", "bits" }, false },
};

static const struct {
	const char *name;
	size_t size;
	bool is_signed;
} types[] = {
	{ "u8", 1, false }, { "u16", 2, false }, { "u32", 4, false }, { "u64", 8, false },
	{ "s8", 1, true },  { "s16", 2, true },	 { "s32", 4, true },  { "s64", 8, true },
	{ "bytes", 0, false },
};

const char *run_operand_name(enum run_shape shape, int operand)
{
	return shapes[shape].name[operand];
}

bool run_operand_is_memory(enum run_shape shape, int operand)
{
	return shapes[shape].name[operand] && (!operand || shapes[shape].second_is_memory);
}

bool run_expected(struct run_lexer *l, const char *what)
{
	const struct run_token *t = &l->token;

	if (t->kind == RUN_T_END || t->kind == RUN_T_EOF)
		return run_lex_fail(l, t->at, "%s is missing", what);
	return run_lex_fail(l, t->at, "%s should stand here, not \"%.*s\"", what,
			    (int)(t->size < 40 ? t->size : 40), t->at);
}

bool run_take_mark(struct run_lexer *l, const char *mark, const char *what)
{
	return run_lex_is(l, mark) ? run_lex_next(l) : run_expected(l, what);
}

/* Does a number fit in so many bytes, signed or not? */
static bool fits(uint64_t value, bool negative, size_t size)
{
	if (size >= 8)
		return true;
	if (negative)
		return (int64_t)value >= -(INT64_C(1) << (8 * size - 1));
	return !(value >> 8 * size);
}

bool run_number_to_bytes(struct run_lexer *l, const char *at, uint64_t value, bool negative,
			 uint8_t *bytes, size_t size)
{
	if (size > 8)
		return run_lex_fail(l, at, "a number has at most 8 bytes, not %zu; a string may have more",
				    size);
	if (size && !fits(value, negative, size))
		return run_lex_fail(l, at, "the number does not fit in %zu byte%s", size,
				    size == 1 ? "" : "s");
	memcpy(bytes, &value, size);	/* little-endian, as is the machine */
	return true;
}

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "run_number_to_bytes() says so");

long run_find_variable(const struct run_text *t, const struct run_token *name)
{
	size_t i;

	for (i = 0; i < t->nr_variables; i++) {
		const char *other = t->variables[i].name; /* none while it is being declared */

		if (other && strlen(other) == name->size && !memcmp(other, name->at, name->size))
			return (long)i;
	}
	return -1;
}

static int find_type(const struct run_lexer *l)
{
	size_t i;

	for (i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		if (run_lex_is(l, types[i].name))
			return (int)i;
	return -1;
}

static const struct run_kind *find_kind(const struct run_lexer *l)
{
	size_t i;

	for (i = 0; i < run_nr_kinds; i++)
		if (run_lex_is(l, run_kinds[i].name))
			return &run_kinds[i];
	return NULL;
}

/* bytes[N]: the number. */
static bool take_size(struct run_lexer *l, size_t *size)
{
	const struct run_token *t = &l->token;

	if (!run_lex_next(l))
		return false;
	if (t->kind != RUN_T_NUMBER)
		return run_expected(l, "a number of bytes");
	if (t->negative || !t->value || t->value > RUN_BYTES_MAX)
		return run_lex_fail(l, t->at, "a variable has 1 to %d bytes", RUN_BYTES_MAX);
	*size = (size_t)t->value;
	return run_lex_next(l) && run_take_mark(l, "]", "\"]\"");
}

/* "= literal": what the variable begins with. */
static bool take_value(struct run_lexer *l, struct run_variable *v)
{
	struct run_token t;
	uint8_t *bytes;
	size_t size;
	bool good;

	if (!run_lex_next(l))
		return false;
	t = l->token;
	if (t.kind == RUN_T_NUMBER && v->size) {
		v->bytes = calloc(1, v->size);
		if (!v->bytes)
			return run_lex_fail(l, t.at, "no memory");
		return run_number_to_bytes(l, t.at, t.value, t.negative, v->bytes, v->size) &&
		       run_lex_next(l);
	}
	if (t.kind != RUN_T_STRING || !v->is_bytes)
		return run_expected(l, v->is_bytes ? "a string" : "a number");
	if (!run_lex_string(l, &bytes, &size))
		return false;
	if (!v->size)
		v->size = size;
	if (!v->size)
		good = run_lex_fail(l, t.at, "a variable has 1 to %d bytes", RUN_BYTES_MAX);
	else if (size > v->size)
		good = run_lex_fail(l, t.at, "the string has %zu bytes, the variable %zu", size, v->size);
	else
		good = (v->bytes = calloc(1, v->size)) != NULL || run_lex_fail(l, t.at, "no memory");
	if (good)
		memcpy(v->bytes, bytes, size);
	free(bytes);
	return good && run_lex_next(l);
}

static bool take_name(struct run_text *t, struct run_lexer *l, struct run_variable *v)
{
	long old;

	if (l->token.kind != RUN_T_WORD)
		return run_expected(l, "the name of the variable");
	old = run_find_variable(t, &l->token);
	if (old >= 0)
		return run_lex_fail(l, l->token.at, "\"%.*s\" is declared already, in line %u",
				    (int)(l->token.size < 40 ? l->token.size : 40), l->token.at,
				    t->variables[old].line);
	v->name = strndup(l->token.at, l->token.size);
	v->line = l->line;
	return v->name ? run_lex_next(l) : run_lex_fail(l, l->token.at, "no memory");
}

void *run_grow(void *array, size_t nr, size_t size)
{
	/* At powers of two. */
	return nr & (nr - 1) ? array : realloc(array, (nr ? 2 * nr : 1) * size);
}

static bool read_declaration(struct run_text *t, struct run_lexer *l)
{
	const char *at = l->token.at;
	struct run_variable *v;
	int type;

	if (t->nr_variables == RUN_VARIABLES_MAX)
		return run_lex_fail(l, at, "there are at most %d variables", RUN_VARIABLES_MAX);
	v = run_grow(t->variables, t->nr_variables, sizeof(*v));
	if (!v)
		return run_lex_fail(l, at, "no memory");
	t->variables = v;
	v += t->nr_variables++;
	*v = (struct run_variable){ .is_const = run_lex_is(l, "const") };
	if (v->is_const && !run_lex_next(l))
		return false;
	type = find_type(l);
	if (type < 0)
		return run_expected(l, "a type");
	v->type = types[type].name;
	v->size = types[type].size;
	v->is_signed = types[type].is_signed;
	v->is_bytes = !v->size;
	if (!run_lex_next(l))
		return false;
	if (v->is_bytes && run_lex_is(l, "[") && !take_size(l, &v->size))
		return false;
	if (!take_name(t, l, v))
		return false;
	if (run_lex_is(l, "="))
		return take_value(l, v);
	if (!v->size)
		return run_lex_fail(l, l->token.at, "bytes without [N] need = \"...\"");
	v->bytes = calloc(1, v->size);
	return v->bytes || run_lex_fail(l, at, "no memory");
}

static bool read_statement(struct run_text *t, struct run_lexer *l)
{
	const struct run_kind *kind;

	if (l->token.kind == RUN_T_END)
		return run_lex_next(l);
	kind = find_kind(l);
	if (kind) {
		if (!run_read_operation(t, l, kind))
			return false;
	} else if (run_lex_is(l, "const") || find_type(l) >= 0) {
		if (!read_declaration(t, l))
			return false;
	} else {
		return run_expected(l, "an operation or a type");
	}
	if (l->token.kind != RUN_T_END && l->token.kind != RUN_T_EOF)
		return run_expected(l, "the end of the statement");
	return true;
}

bool run_text_read(struct run_text *t, const char *source, const char *text, size_t size,
		   struct run_error *error)
{
	struct run_lexer l;

	if (!run_lex_begin(&l, source, text, size, error))
		return false;
	while (l.token.kind != RUN_T_EOF)
		if (!read_statement(t, &l))
			return false;
	return true;
}

void run_text_free(struct run_text *t)
{
	size_t i;

	for (i = 0; i < t->nr_variables; i++) {
		free(t->variables[i].name);
		free(t->variables[i].bytes);
	}
	for (i = 0; i < t->nr_operations; i++) {
		free(t->operations[i].operand[0].bytes);
		free(t->operations[i].operand[1].bytes);
		free(t->operations[i].text);
	}
	free(t->variables);
	free(t->operations);
	*t = (struct run_text){ 0 };
}
