// SPDX-License-Identifier: MIT
/* The language of opv run, from characters to tokens. */
#include "run_parse.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_name(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || is_digit(c);
}

static bool is_printable(char c)
{
	return c >= ' ' && c < 0x7f;
}

static int hex_digit(char c)
{
	return is_digit(c)	      ? c - '0' :
	       c >= 'a' && c <= 'f' ? c - 'a' + 10 :
	       c >= 'A' && c <= 'F' ? c - 'A' + 10 :
				      -1;
}

bool run_lex_fail(struct run_lexer *l, const char *at, const char *format, ...)
{
	struct run_error *e = l->error;
	const char *end = l->line_start;
	va_list args;

	/* What is complained of lies in the line of the token, or is its end. */
	while (end < l->end && *end != '\n')
		end++;
	e->source = l->source;
	e->line = l->line;
	e->column = (unsigned int)(at - l->line_start) + 1;
	e->text = l->line_start;
	e->text_size = (size_t)(end - l->line_start);
	va_start(args, format);
	vsnprintf(e->message, sizeof(e->message), format, args);
	va_end(args);
	return false;
}

/* One character of '...' or "...", with its escape; *p behind it afterwards. */
static bool take_char(struct run_lexer *l, const char **p, const char *end, uint8_t *c)
{
	static const char from[] = "nrt0\\'\"", to[] = "\n\r\t\0\\'\"";
	const char *at = *p, *found;

	if (*at != '\\') {
		*c = (uint8_t)*(*p)++;
		return true;
	}
	if (end - at >= 4 && at[1] == 'x' && hex_digit(at[2]) >= 0 && hex_digit(at[3]) >= 0) {
		*c = (uint8_t)(hex_digit(at[2]) << 4 | hex_digit(at[3]));
		*p = at + 4;
		return true;
	}
	found = end - at >= 2 && at[1] ? strchr(from, at[1]) : NULL;
	if (!found)
		return run_lex_fail(l, at, "an escape is \\n \\r \\t \\0 \\\\ \\' \\\" or \\x and two digits");
	*c = (uint8_t)to[found - from];
	*p = at + 2;
	return true;
}

static bool lex_char(struct run_lexer *l)
{
	struct run_token *t = &l->token;
	const char *p = t->at + 1, *end = p;
	uint8_t c;

	while (end < l->end && *end != '\n')
		end++;
	if (p == end || *p == '\'')
		return run_lex_fail(l, t->at, "'x' has one character between the quotes");
	if (!take_char(l, &p, end, &c))
		return false;
	if (p == end || *p != '\'')
		return run_lex_fail(l, t->at, "'x' has one character between the quotes");
	t->kind = RUN_T_NUMBER;
	t->value = c;
	t->size = (size_t)(p + 1 - t->at);
	return true;
}

static bool lex_number(struct run_lexer *l)
{
	struct run_token *t = &l->token;
	const char *p = t->at, *digits;
	unsigned int base = 10;
	uint64_t v = 0;

	t->kind = RUN_T_NUMBER;
	t->negative = *p == '-';
	p += t->negative;
	if (l->end - p > 2 && *p == '0' &&
	    (p[1] == 'x' || p[1] == 'X' || p[1] == 'b' || p[1] == 'B')) {
		base = p[1] == 'x' || p[1] == 'X' ? 16 : 2;
		p += 2;
	}
	for (digits = p; p < l->end && is_name(*p); p++) {
		unsigned int digit = (unsigned int)hex_digit(*p);

		if (digit >= base)
			return run_lex_fail(l, p, "a number is 12, -12, 0x1f, 0b101 or 'x'");
		if (__builtin_mul_overflow(v, base, &v) || __builtin_add_overflow(v, digit, &v))
			return run_lex_fail(l, t->at, "the number does not fit in 64 bits");
	}
	if (p == digits)
		return run_lex_fail(l, t->at, "a number is 12, -12, 0x1f, 0b101 or 'x'");
	if (t->negative && v > UINT64_C(1) << 63)
		return run_lex_fail(l, t->at, "the number does not fit in 64 bits");
	t->value = t->negative ? -v : v;
	t->size = (size_t)(p - t->at);
	return true;
}

static bool lex_string(struct run_lexer *l)
{
	struct run_token *t = &l->token;
	const char *p = t->at + (*t->at == 'x' ? 2 : 1);

	for (; p < l->end && *p != '\n' && *p != '"'; p++)
		if (*p == '\\' && p + 1 < l->end && p[1] != '\n')
			p++;
	if (p >= l->end || *p != '"')
		return run_lex_fail(l, t->at, "the string does not end on its line");
	t->kind = RUN_T_STRING;
	t->size = (size_t)(p + 1 - t->at);
	return true;
}

static bool hex_string(struct run_lexer *l, uint8_t *out, size_t *size)
{
	const char *p = l->token.at + 2, *end = l->token.at + l->token.size - 1;

	for (*size = 0; p < end; p++) {
		if (*p == ' ')
			continue;
		if (end - p < 2 || hex_digit(p[0]) < 0 || hex_digit(p[1]) < 0)
			return run_lex_fail(l, p, "x\"...\" has two hexadecimal digits a byte");
		out[(*size)++] = (uint8_t)(hex_digit(p[0]) << 4 | hex_digit(p[1]));
		p++;
	}
	return true;
}

static bool text_string(struct run_lexer *l, uint8_t *out, size_t *size)
{
	const char *p = l->token.at + 1, *end = l->token.at + l->token.size - 1;

	for (*size = 0; p < end; (*size)++)
		if (!take_char(l, &p, end, &out[*size]))
			return false;
	return true;
}

bool run_lex_string(struct run_lexer *l, uint8_t **bytes, size_t *size)
{
	uint8_t *out = calloc(1, l->token.size);
	bool good;

	if (!out)
		return run_lex_fail(l, l->token.at, "no memory");
	good = *l->token.at == 'x' ? hex_string(l, out, size) : text_string(l, out, size);
	if (good && *size > RUN_BYTES_MAX)
		good = run_lex_fail(l, l->token.at, "a string has at most %d bytes", RUN_BYTES_MAX);
	if (!good) {
		free(out);
		return false;
	}
	*bytes = out;
	return true;
}

static void skip_blanks(struct run_lexer *l)
{
	while (l->at < l->end && (*l->at == ' ' || *l->at == '\t' || *l->at == '\r'))
		l->at++;
	if (l->at < l->end && *l->at == '#')
		while (l->at < l->end && *l->at != '\n')
			l->at++;
}

static bool lex_word(struct run_lexer *l)
{
	struct run_token *t = &l->token;

	t->kind = RUN_T_WORD;
	for (t->size = 0; t->at + t->size < l->end && is_name(t->at[t->size]);)
		t->size++;
	return true;
}

static bool lex_mark(struct run_lexer *l)
{
	struct run_token *t = &l->token;
	char c = *t->at;

	t->size = 1;
	t->kind = c == '\n' || c == ';' ? RUN_T_END : RUN_T_MARK;
	if (t->kind == RUN_T_END || strchr("=[]@?", c ? c : 'x'))
		return true;
	if (is_printable(c))
		return run_lex_fail(l, t->at, "'%c' means nothing here", c);
	return run_lex_fail(l, t->at, "the byte 0x%02x means nothing here", (unsigned char)c);
}

bool run_lex_next(struct run_lexer *l)
{
	struct run_token *t = &l->token;
	char c, next;
	bool good;

	/* A newline belongs to the line that it ends. */
	if (t->kind == RUN_T_END && t->at && *t->at == '\n') {
		l->line++;
		l->line_start = l->at;
	}
	l->behind = l->at;
	skip_blanks(l);
	*t = (struct run_token){ .kind = RUN_T_EOF, .at = l->at, .line = l->line,
				 .column = (unsigned int)(l->at - l->line_start) + 1 };
	if (l->at == l->end)
		return true;
	c = *l->at;
	next = l->end - l->at > 1 ? l->at[1] : '\0';
	if (c == '"' || (c == 'x' && next == '"'))
		good = lex_string(l);
	else if (c == '\'')
		good = lex_char(l);
	else if (is_digit(c) || (c == '-' && is_digit(next)))
		good = lex_number(l);
	else if (is_name(c))
		good = lex_word(l);
	else
		good = lex_mark(l);
	l->at += t->size;
	return good;
}

bool run_lex_begin(struct run_lexer *l, const char *source, const char *text, size_t size,
		   struct run_error *error)
{
	*l = (struct run_lexer){ .source = source, .text = text, .at = text, .end = text + size,
				 .line_start = text, .line = 1, .error = error };
	return run_lex_next(l);
}

bool run_lex_is(const struct run_lexer *l, const char *text)
{
	const struct run_token *t = &l->token;

	return (t->kind == RUN_T_WORD || t->kind == RUN_T_MARK) && strlen(text) == t->size &&
	       !memcmp(t->at, text, t->size);
}

void run_error_show(FILE *f, const struct run_error *e)
{
	size_t i;

	fprintf(f, "opv run: %s:%u:%u: %s\n    ", e->source, e->line, e->column, e->message);
	for (i = 0; i < e->text_size; i++) {
		char c = e->text[i];

		fputc(is_printable(c) || c == '\t' || c & 0x80 ? c : '?', f);
	}
	fputs("\n    ", f);
	/* Behind the same tabs; the rest of a UTF-8 character has no width. */
	for (i = 0; i + 1 < e->column && i < e->text_size; i++)
		if ((e->text[i] & 0xc0) != 0x80)
			fputc(e->text[i] == '\t' ? '\t' : ' ', f);
	fputs("^\n", f);
}
