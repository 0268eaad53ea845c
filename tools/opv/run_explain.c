// SPDX-License-Identifier: MIT
/*
 * What a result of opv run means.  The library answers with a number; here is
 * found out what it was about, after the fact.
 */
#include "run.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>

static const struct {
	int error;
	const char *name, *meaning;
} errors[] = {
	{ EINVAL, "EINVAL", "the vector is not valid" },
	{ EFAULT, "EFAULT", "an operand is not there, or cannot be written" },
	{ EAGAIN, "EAGAIN", "an operand marked with \"?\" is not there, or cannot be written" },
	{ ENOMEM, "ENOMEM", "there is no memory for the call itself" },
	{ EPERM, "EPERM", "there is no fence for that CPU here; opv probe tells why" },
	{ ETIMEDOUT, "ETIMEDOUT", "another thread works as that CPU and was stopped" },
	{ EDEADLK, "EDEADLK", "this thread is inside the slow path for that CPU already" },
	{ ENOSYS, "ENOSYS", "there is no engine for it" },
};

static size_t find(int error)
{
	size_t i;

	for (i = 0; i < sizeof(errors) / sizeof(errors[0]); i++)
		if (errors[i].error == error)
			break;
	return i;
}

const char *run_errno_name(int error)
{
	size_t i = find(error);

	return i < sizeof(errors) / sizeof(errors[0]) ? errors[i].name : "an error";
}

static const char *meaning(int error)
{
	size_t i = find(error);

	return i < sizeof(errors) / sizeof(errors[0]) ? errors[i].meaning : strerror(error);
}

struct out {
	char *p;
	size_t size;
};

__attribute__((__format__(__printf__, 2, 3)))
static bool say(struct out *o, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(o->p, o->size, format, args);
	va_end(args);
	return true;
}

static bool say_of(struct out *o, const struct run_operation *op, const char *what)
{
	return say(o, "%s:%u: %s", op->source, op->line, what);
}

static bool is_word(uint32_t len)
{
	return len == 1 || len == 2 || len == 4 || len == 8;
}

/* The lengths of the ABI, which the library has just applied. */
static bool explain_operation(struct out *o, const struct run_operation *op)
{
	char what[100];

	switch (op->kind->shape) {
	case RUN_NONE:
		return false;
	case RUN_COMPARE:
	case RUN_COPY:
		if (op->length <= CPU_OP_COPY_LEN_MAX)
			return false;
		snprintf(what, sizeof(what), "%s takes at most %d bytes, not %u", op->kind->name,
			 CPU_OP_COPY_LEN_MAX, op->length);
		return say_of(o, op, what);
	default:
		if (!is_word(op->length)) {
			snprintf(what, sizeof(what), "%s takes 1, 2, 4 or 8 bytes, not %u",
				 op->kind->name, op->length);
			return say_of(o, op, what);
		}
		if (op->kind->shape != RUN_SHIFT || op->operand[1].value < 8 * op->length)
			return false;
		snprintf(what, sizeof(what), "%u bits are shifted by 0 to %u", 8 * op->length,
			 8 * op->length - 1);
		return say_of(o, op, what);
	}
}

static bool explain_invalid(struct out *o, const struct run_memory *m, int cpu)
{
	const struct run_text *t = m->text;
	uint64_t sum = 0;
	size_t i;

	if (cpu < 0 && cpu != OPV_THIS_CPU)
		return say(o, "there is no CPU %d", cpu);
	if (m->count > CPU_OP_VEC_LEN_MAX)
		return say(o, "a vector has at most %d operations, not %d", CPU_OP_VEC_LEN_MAX, m->count);
	for (i = 0; i < t->nr_operations; i++) {
		if (explain_operation(o, &t->operations[i]))
			return true;
		if (t->operations[i].kind->shape != RUN_NONE)
			sum += t->operations[i].length;
	}
	if (sum > CPU_OP_DATA_LEN_MAX)
		return say(o, "the lengths add up to %llu bytes, at most %d are allowed",
			   (unsigned long long)sum, CPU_OP_DATA_LEN_MAX);
	if (cpu >= opv_domain_cpus(NULL))
		return say(o, "there is no CPU %d, the last possible one is %d", cpu,
			   opv_domain_cpus(NULL) - 1);
	return false;
}

/* Memory that can be compared with itself is there; copied on to itself, writable. */
static bool readable(uint64_t addr, uint32_t len)
{
	const void *p = (const void *)(uintptr_t)addr;
	struct cpu_op op = opv_op_compare_eq(p, p, len);

	return opv_vector(NULL, &op, 1, OPV_THIS_CPU) >= 0;
}

static bool writable(uint64_t addr, uint32_t len)
{
	void *p = (void *)(uintptr_t)addr;
	struct cpu_op op = opv_op_memcpy(p, p, len);

	return opv_vector(NULL, &op, 1, OPV_THIS_CPU) >= 0;
}

static bool explain_fault(struct out *o, const struct run_memory *m)
{
	const struct run_text *t = m->text;
	size_t i;
	int j;

	for (i = 0; i < t->nr_operations; i++) {
		const struct run_operation *op = &t->operations[i];

		for (j = 0; j < 2; j++) {
			bool writes = !j && op->kind->shape != RUN_COMPARE;
			/* The first argument of every shape lies in one place, the second too. */
			uint64_t addr = j ? m->vec[i].u.compare_op.b : m->vec[i].u.compare_op.a;
			bool there = !run_operand_is_memory(op->kind->shape, j) ||
				     readable(addr, op->length);
			char what[100];

			if (there &&
			    (!writes || op->kind->shape == RUN_NONE || writable(addr, op->length)))
				continue;
			snprintf(what, sizeof(what), "%s, %u byte%s at 0x%llx, %s",
				 run_operand_name(op->kind->shape, j), op->length,
				 op->length == 1 ? "" : "s", (unsigned long long)addr, there ? "cannot be written" : "is not there");
			return say_of(o, op, what);
		}
	}
	return false;
}

void run_explain(const struct run_memory *m, int cpu, int ret, char *out, size_t size)
{
	struct out o = { out, size };

	if (!ret) {
		say(&o, "done");
	} else if (ret > 0) {
		const struct run_operation *op = &m->text->operations[ret - 1];

		say(&o, "operation %d stopped it, %s:%u: %.100s", ret, op->source, op->line, op->text);
	} else if (!((ret == -EINVAL && explain_invalid(&o, m, cpu)) ||
		     ((ret == -EFAULT || ret == -EAGAIN) && explain_fault(&o, m)))) {
		say(&o, "%s", meaning(-ret));
	}
}
