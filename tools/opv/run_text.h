/* SPDX-License-Identifier: MIT */
#ifndef _TOOLS_RUN_TEXT_H
#define _TOOLS_RUN_TEXT_H

/*
 * The language of opv run: variables and the operations of one vector, as text.
 *
 *	text		= { statement ( ";" | newline ) }	"#" to the end of the line is a comment
 *	statement	= [ declaration | operation ]
 *	declaration	= [ "const" ] type name [ "=" literal ]
 *	type		= "u8" | "u16" | "u32" | "u64" | "s8" | "s16" | "s32" | "s64"
 *			| "bytes" [ "[" number "]" ]
 *	operation	= "mb" | opname operand operand [ length ]
 *	operand		= ( name [ "[" offset "]" ] | "@" number | literal ) [ "?" ]
 *	literal		= number | string
 *	number		= 12 | -12 | 0x1f | 0b101 | 'x'
 *	string		= "text\n" | x"00 ff 1a"
 *
 * The names of operations and what operands each has come from OPV_OPS.  A "?" sets
 * the expect_fault byte of its operand.  What the text may not say is an error with
 * line and column; what a vector may not be is for the library to refuse, so
 * lengths, numbers of operations and addresses are not judged here.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <opv/uapi/cpu_opv.h>
#include <opv/uapi/ops.h>

#define RUN_BYTES_MAX		65536	/* of one variable or literal */
#define RUN_VARIABLES_MAX	256
#define RUN_OPERATIONS_MAX	1000	/* the text's limit; the vector's is lower */

enum run_shape { RUN_NONE, RUN_COMPARE, RUN_COPY, RUN_ARITH, RUN_BITWISE, RUN_SHIFT };

struct run_kind {
	const char *name;
	enum run_shape shape;
	int number;		/* enum cpu_op_type */
};

/* All operations, in the order of OPV_OPS. */
extern const struct run_kind run_kinds[];
extern const size_t run_nr_kinds;

/* What the operands of a shape are called in the ABI; NULL where there is none. */
const char *run_operand_name(enum run_shape shape, int operand);

/* Does it name memory, rather than being a number in the operation itself? */
bool run_operand_is_memory(enum run_shape shape, int operand);

struct run_variable {
	char *name;
	const char *type;	/* "u64", "bytes" */
	bool is_bytes, is_signed, is_const;
	size_t size;
	uint8_t *bytes;		/* what it begins with; size of them */
	unsigned int line;
};

enum run_operand_kind { RUN_NUMBER, RUN_STRING, RUN_VARIABLE, RUN_ADDRESS };

struct run_operand {
	enum run_operand_kind kind;
	size_t variable;	/* index */
	bool whole;		/* the variable without an offset */
	bool negative;		/* the number had a sign */
	bool expect_fault;
	uint64_t value;		/* number, address, or offset */
	uint8_t *bytes;		/* of a literal that is memory: length of them; or NULL */
	size_t size;		/* of a string as it was written */
	unsigned int column;
};

struct run_operation {
	const struct run_kind *kind;
	uint32_t length;
	struct run_operand operand[2];
	const char *source;	/* FILE, as in errors */
	unsigned int line;
	char *text;		/* as it was written */
};

/* Everything that was read.  Begins as { 0 }. */
struct run_text {
	struct run_variable *variables;
	size_t nr_variables;
	struct run_operation *operations;
	size_t nr_operations;
};

struct run_error {
	const char *source;
	unsigned int line, column;	/* from 1, in bytes */
	char message[160];
	const char *text;		/* the line, in the text that was read */
	size_t text_size;
};

/*
 * Read text[0..size), any bytes, behind what t has already.  source is kept, not
 * copied.  False, and *error, at the first thing that is wrong; t is then good for
 * run_text_free() only.
 */
bool run_text_read(struct run_text *t, const char *source, const char *text, size_t size,
		   struct run_error *error);
void run_text_free(struct run_text *t);

/* "opv run: FILE:LINE:COLUMN: message", the line, and a caret under the column. */
void run_error_show(FILE *f, const struct run_error *error);

#endif /* _TOOLS_RUN_TEXT_H */
