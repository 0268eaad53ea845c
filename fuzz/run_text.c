// SPDX-License-Identifier: MIT
/*
 * Any bytes as the text of opv run: they are read or they are an error, whose line and
 * column lie in the text.  What was read is never executed here.
 */
#include "fuzz.h"

#include "../tools/opv/run_text.h"

static uint64_t good, bad;

static void fail(const char *what, const uint8_t *data, size_t size)
{
	printf("not ok 1 - %s\n# %s, of these %zu bytes:\n# ", "the text is read or refused", what, size);
	for (; size; size--, data++)
		printf(*data >= ' ' && *data < 0x7f && *data != '\\' ? "%c" : "\\x%02x", *data);
	puts("");
	fflush(stdout);
	abort();
}

/* The line of that number, from 1; NULL behind the last. */
static const uint8_t *line_of(const uint8_t *data, size_t size, unsigned int line, size_t *len)
{
	const uint8_t *end = data + size, *p;

	for (; line > 1; line--) {
		data = memchr(data, '\n', (size_t)(end - data));
		if (!data++)
			return NULL;
	}
	p = memchr(data, '\n', (size_t)(end - data));
	*len = (size_t)((p ? p : end) - data);
	return data;
}

static const char *judge_error(const struct run_error *e, const uint8_t *data, size_t size)
{
	size_t len;
	const uint8_t *line;

	if (!e->line || !e->column)
		return "a line or a column is 0";
	line = line_of(data, size, e->line, &len);
	if (!line)
		return "the line is behind the text";
	if (e->column > len + 1)
		return "the column is behind the line";
	if ((const uint8_t *)e->text != line || e->text_size != len)
		return "the line shown is another one";
	return *e->message ? NULL : "there is no message";
}

static bool operand_is_good(const struct run_text *t, const struct run_operation *op, int i)
{
	const struct run_operand *o = &op->operand[i];

	if (!run_operand_is_memory(op->kind->shape, i))
		return !o->bytes;
	if (o->kind == RUN_VARIABLE)
		return o->variable < t->nr_variables && o->value <= t->variables[o->variable].size;
	return o->kind == RUN_ADDRESS || o->bytes;
}

static const char *judge_text(const struct run_text *t, const uint8_t *data, size_t size)
{
	size_t i, len;

	for (i = 0; i < t->nr_variables; i++)
		if (!t->variables[i].name || !t->variables[i].bytes || !t->variables[i].size ||
		    t->variables[i].size > RUN_BYTES_MAX)
			return "a variable is half-made";
	for (i = 0; i < t->nr_operations; i++) {
		const struct run_operation *op = &t->operations[i];

		if (!op->kind || !op->text || !line_of(data, size, op->line, &len))
			return "an operation is half-made";
		if (!operand_is_good(t, op, 0) || !operand_is_good(t, op, 1))
			return "an operand is half-made";
	}
	return NULL;
}

static int fuzz_one(const uint8_t *data, size_t size)
{
	static FILE *nowhere;
	/* Of exactly that size, so that one byte too far is found out. */
	uint8_t *copy = malloc(size ? size : 1);
	struct run_error error;
	struct run_text text = { 0 };
	const char *wrong;

	if (!nowhere)
		nowhere = fopen("/dev/null", "we");
	if (!copy || !nowhere)
		abort();
	memcpy(copy, data, size);
	memset(&error, 0, sizeof(error));
	if (run_text_read(&text, "fuzz", (const char *)copy, size, &error)) {
		wrong = judge_text(&text, copy, size);
		good++;
	} else {
		wrong = judge_error(&error, copy, size);
		if (!wrong)
			run_error_show(nowhere, &error);
		bad++;
	}
	if (wrong)
		fail(wrong, data, size);
	run_text_free(&text);
	free(copy);
	return 0;
}

#ifndef OPV_LIBFUZZER

static const char fuzz_name[] = "any text is read, or refused with a line and a column in it";

static const char *const words[] = {
	"u8 ", "u16 ", "u32 ", "u64 ", "s8 ", "s64 ", "bytes", "[", "]", "const ", " = ", "=", "\n",
	";", "@", "?", "# ", "\"", "\\", "\\x4", "x\"", "0", "1", "-1", "8", "255", "256", "65536",
	"65537", "0x", "0b102", "18446744073709551615", "18446744073709551616", "-9223372036854775808",
	"'a'", "'", "a", "b", " c", "a ", "\t", "\r", " ", "\xc3\xa9", "mb\n", "4294967296",
#define X(name, number, shape, text, effect) #text " ",
	OPV_OPS(X)
#undef X
};

/* Good ones, as a start. */
static const char *const declarations[] = {
	"u64 a = 5\n", "u8 b;", "bytes[16] c = \"hello\\n\"\n", "const s32 d = -7 # comment\n",
	"bytes e = x\"00 fF\";",
};

static const char *const statements[] = {
	"compare_eq a 5;", "memcpy a @0x10? 8\n", "add a -1\n", "lshift b 3\n", "mb\n",
	"memcpy c[3] x\"41 42\" 2;", "compare_ne c \"x\" ; ", "smax d 'z'\n",
};

#define NR(a) (sizeof(a) / sizeof((a)[0]))

static size_t append(uint8_t *data, size_t size, size_t max, const char *text)
{
	size_t len = strlen(text);

	if (size + len > max)
		return size;
	memcpy(data + size, text, len);
	return size + len;
}

static size_t fuzz_make(struct fuzz_random *r, uint8_t *data, size_t max)
{
	size_t size = 0, i, n;

	for (i = 0; i < NR(declarations); i++)
		if (fuzz_below(r, 16))
			size = append(data, size, max, declarations[i]);
	for (n = fuzz_below(r, 20); n; n--)
		size = append(data, size, max, statements[fuzz_below(r, NR(statements))]);
	for (n = fuzz_below(r, 3) ? 0 : fuzz_below(r, 12); n; n--)
		size = append(data, size, max, words[fuzz_below(r, NR(words))]);
	/* Then damage: bytes changed, cut out, and the end cut off. */
	for (n = fuzz_below(r, 3) ? 0 : fuzz_below(r, 6); n && size; n--) {
		i = fuzz_below(r, size);
		if (fuzz_below(r, 2)) {
			data[i] = (uint8_t)fuzz_random(r);
		} else {
			size--;
			memmove(data + i, data + i + 1, size - i);
		}
	}
	return size && !fuzz_below(r, 8) ? fuzz_below(r, size) : size;
}

static void fuzz_sum(void)
{
	printf("# %llu were read, %llu refused\n", (unsigned long long)good, (unsigned long long)bad);
}

static bool fuzz_reached(void)
{
	return good && bad;
}

#endif
