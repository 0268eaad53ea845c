// SPDX-License-Identifier: MIT
/* What opv run prints. */
#include "run.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* Of bytes[N], a line shows so many. */
#define SHOWN_BYTES 32

static uint64_t unsigned_of(const uint8_t *bytes, size_t size)
{
	uint64_t v = 0;

	memcpy(&v, bytes, size);
	return v;
}

static int64_t signed_of(const uint8_t *bytes, size_t size)
{
	unsigned int shift = 64 - 8 * (unsigned int)size;

	return (int64_t)(unsigned_of(bytes, size) << shift) >> shift;
}

static void put_text(const uint8_t *bytes, size_t size)
{
	size_t i;

	putchar('"');
	for (i = 0; i < size; i++) {
		if (bytes[i] == '"' || bytes[i] == '\\')
			printf("\\%c", bytes[i]);
		else if (bytes[i] >= ' ' && bytes[i] < 0x7f)
			putchar(bytes[i]);
		else
			printf("\\x%02x", bytes[i]);
	}
	putchar('"');
}

static void put_value(const struct run_variable *v, const uint8_t *bytes)
{
	size_t shown = v->size < SHOWN_BYTES ? v->size : SHOWN_BYTES, i;

	if (!v->is_bytes) {
		if (v->is_signed)
			printf("%" PRId64, signed_of(bytes, v->size));
		else
			printf("%" PRIu64, unsigned_of(bytes, v->size));
		printf(" (0x%" PRIx64 ")", unsigned_of(bytes, v->size));
		return;
	}
	put_text(bytes, shown);
	fputs(shown < v->size ? "... (" : " (", stdout);
	for (i = 0; i < shown; i++)
		printf("%s%02x", i ? " " : "", bytes[i]);
	fputs(shown < v->size ? " ...)" : ")", stdout);
}

static void type_name(const struct run_variable *v, char *out, size_t size)
{
	const char *constant = v->is_const ? "const " : "";

	if (v->is_bytes)
		snprintf(out, size, "%sbytes[%zu]", constant, v->size);
	else
		snprintf(out, size, "%s%s", constant, v->type);
}

static void widths(const struct run_text *t, int *types, int *names)
{
	char type[40];
	size_t i;

	*types = *names = 0;
	for (i = 0; i < t->nr_variables; i++) {
		int len = (int)strlen(t->variables[i].name);

		type_name(&t->variables[i], type, sizeof(type));
		if (len > *names && len <= 30)
			*names = len;
		if ((int)strlen(type) > *types)
			*types = (int)strlen(type);
	}
}

static void show_variable(const struct run_variable *v, const uint8_t *now, int types, int names)
{
	bool changed = memcmp(v->bytes, now, v->size) != 0;
	char type[40];

	type_name(v, type, sizeof(type));
	printf("%-*s %-*s  ", types, type, names, v->name);
	put_value(v, v->bytes);
	if (changed) {
		printf(" -> %s", style(stdout, "1"));
		put_value(v, now);
		printf("%s", style(stdout, "0"));
	}
	putchar('\n');
}

static void show_counts(const struct opv_counts *c)
{
	const char *sep = "counts: ";

#define X(name, what)							\
	if (c->name) {							\
		printf("%s" #name " %" PRIu64, sep, c->name);		\
		sep = ", ";						\
	}
	OPV_COUNTS(X)
#undef X
	if (*sep == ',')
		putchar('\n');
}

static void show_result(const struct run_result *r)
{
	const char *colour = !r->ret ? "32" : r->ret > 0 ? "33" : "31";

	printf("result: %s%d", style(stdout, colour), r->ret);
	if (r->ret < 0)
		printf(" %s", run_errno_name(-r->ret));
	printf("%s (%s)\n", style(stdout, "0"), r->meaning);
}

void run_report_text(const struct run_memory *m, const struct run_result *r)
{
	int types, names;
	size_t i;

	show_result(r);
	if (r->repeat > 1)
		printf("runs: %" PRIu64 " of %" PRIu64 "\n", r->runs, r->repeat);
	if (r->cpu >= 0)
		printf("cpu: %d%s\n", r->cpu, r->asked_cpu == OPV_THIS_CPU ? " (this)" : "");
	if (r->engine)
		printf("engine: %s%s\n", r->engine, r->forced ? " (forced)" : "");
	show_counts(&r->counts);
	widths(m->text, &types, &names);
	for (i = 0; i < m->text->nr_variables; i++)
		show_variable(&m->text->variables[i], m->at[i], types, names);
}

static void json_value(struct json *j, const char *key, const struct run_variable *v,
		       const uint8_t *bytes)
{
	if (v->is_bytes) {
		char *hex = malloc(2 * v->size + 1);
		size_t i;

		for (i = 0; hex && i < v->size; i++)
			sprintf(hex + 2 * i, "%02x", bytes[i]);
		json_string(j, key, hex);
		free(hex);
	} else if (v->is_signed) {
		json_int(j, key, signed_of(bytes, v->size));
	} else {
		json_uint(j, key, unsigned_of(bytes, v->size));
	}
}

static void json_variables(struct json *j, const struct run_memory *m)
{
	size_t i;

	json_array(j, "variables");
	for (i = 0; i < m->text->nr_variables; i++) {
		const struct run_variable *v = &m->text->variables[i];

		json_object(j, NULL);
		json_string(j, "name", v->name);
		json_string(j, "type", v->type);
		json_uint(j, "bytes", v->size);
		json_bool(j, "const", v->is_const);
		json_value(j, "old", v, v->bytes);
		json_value(j, "new", v, m->at[i]);
		json_bool(j, "changed", memcmp(v->bytes, m->at[i], v->size) != 0);
		json_end_object(j);
	}
	json_end_array(j);
}

static void json_operation(struct json *j, const char *key, const struct run_operation *op)
{
	json_object(j, key);
	json_string(j, "name", op->kind->name);
	json_int(j, "number", op->kind->number);
	json_uint(j, "length", op->length);
	json_string(j, "source", op->source);
	json_uint(j, "line", op->line);
	json_string(j, "text", op->text);
	json_end_object(j);
}

static void json_counts(struct json *j, const struct opv_counts *c)
{
	json_object(j, "counts");
#define X(name, what) json_uint(j, #name, c->name);
	OPV_COUNTS(X)
#undef X
	json_end_object(j);
}

void run_report_json(const struct run_memory *m, const struct run_result *r)
{
	const struct run_text *t = m->text;
	struct json j;
	size_t i;

	json_begin(&j, stdout);
	json_object(&j, NULL);
	json_int(&j, "result", r->ret);
	json_string(&j, "error", r->ret < 0 ? run_errno_name(-r->ret) : NULL);
	json_string(&j, "meaning", r->meaning);
	if (r->ret > 0)
		json_operation(&j, "stopped_by", &t->operations[r->ret - 1]);
	else
		json_string(&j, "stopped_by", NULL);
	json_uint(&j, "repeat", r->repeat);
	json_uint(&j, "runs", r->runs);
	if (r->cpu >= 0)
		json_int(&j, "cpu", r->cpu);
	else
		json_string(&j, "cpu", NULL);
	json_bool(&j, "this_cpu", r->asked_cpu == OPV_THIS_CPU);
	json_string(&j, "engine", r->engine);
	json_bool(&j, "forced", r->forced);
	json_array(&j, "operations");
	for (i = 0; i < t->nr_operations; i++)
		json_operation(&j, NULL, &t->operations[i]);
	json_end_array(&j);
	json_variables(&j, m);
	json_counts(&j, &r->counts);
	json_end_object(&j);
	json_finish(&j);
}
