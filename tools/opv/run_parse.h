/* SPDX-License-Identifier: MIT */
#ifndef _TOOLS_RUN_PARSE_H
#define _TOOLS_RUN_PARSE_H

/* What the files of the parser share: run_lex.c -> run_text.c -> run_operation.c. */

#include "run_text.h"

/* Tokens, run_lex.c. */
enum run_token_kind { RUN_T_END, RUN_T_EOF, RUN_T_WORD, RUN_T_NUMBER, RUN_T_STRING, RUN_T_MARK };

struct run_token {
	enum run_token_kind kind;
	const char *at;
	size_t size;
	unsigned int line, column;
	uint64_t value;		/* of a number, two's complement */
	bool negative;
};

struct run_lexer {
	const char *source, *text, *at, *end, *line_start;
	const char *behind;	/* the end of the token before */
	unsigned int line;
	struct run_token token;		/* the one to be looked at */
	struct run_error *error;
};

bool run_lex_begin(struct run_lexer *l, const char *source, const char *text, size_t size,
		   struct run_error *error);
bool run_lex_next(struct run_lexer *l);
bool run_lex_is(const struct run_lexer *l, const char *text);	/* a word or a mark */

/* The bytes of the string that is the token, from malloc(), never NULL for a good one. */
bool run_lex_string(struct run_lexer *l, uint8_t **bytes, size_t *size);

/* Fills the error; false, always. */
__attribute__((__format__(__printf__, 3, 4)))
bool run_lex_fail(struct run_lexer *l, const char *at, const char *format, ...);

/* Parts, run_text.c.  Those that answer false have filled the error. */
bool run_expected(struct run_lexer *l, const char *what); /* but something else is here; false */
bool run_take_mark(struct run_lexer *l, const char *mark, const char *what);
bool run_number_to_bytes(struct run_lexer *l, const char *at, uint64_t value, bool negative,
			 uint8_t *bytes, size_t size);
long run_find_variable(const struct run_text *t, const struct run_token *name);	/* -1 none */
void *run_grow(void *array, size_t nr, size_t size);	/* room for one more; NULL no memory */

/* The operation whose name is the token, run_operation.c. */
bool run_read_operation(struct run_text *t, struct run_lexer *l, const struct run_kind *kind);

#endif /* _TOOLS_RUN_PARSE_H */
