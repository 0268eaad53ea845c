// SPDX-License-Identifier: MIT
/*
 * opv probe: what it prints.  Every fact is written once, for people and as JSON.
 */
#include "probe.h"

#include <inttypes.h>
#include <string.h>

#define KEY_WIDTH 18
#define LINE_WIDTH 78

struct sheet {
	struct json json;
	bool as_json;
};

/* The commands of membarrier(2), by bit. */
static const char *const membarrier_names[] = {
	"global",
	"global-expedited",
	"register-global-expedited",
	"private-expedited",
	"register-private-expedited",
	"private-expedited-sync-core",
	"register-private-expedited-sync-core",
	"private-expedited-rseq",
	"register-private-expedited-rseq",
	"get-registrations",
};

static void section(struct sheet *s, const char *key)
{
	if (s->as_json)
		json_object(&s->json, key);
	else
		printf("%s%s%s\n", style(stdout, "1"), key, style(stdout, "0"));
}

static void end_section(struct sheet *s)
{
	if (s->as_json)
		json_end_object(&s->json);
}

static void label(const char *key)
{
	int n = 0;

	fputs("  ", stdout);
	for (; *key; key++, n++)
		putchar(*key == '_' ? ' ' : *key);
	printf("%*s ", n < KEY_WIDTH ? KEY_WIDTH - n : 0, "");
}

static void text(struct sheet *s, const char *key, const char *value)
{
	if (s->as_json) {
		json_string(&s->json, key, value && *value ? value : NULL);
		return;
	}
	label(key);
	puts(value && *value ? value : "-");
}

static void number(struct sheet *s, const char *key, int64_t value)
{
	if (s->as_json) {
		json_int(&s->json, key, value);
		return;
	}
	label(key);
	printf("%" PRId64 "\n", value);
}

static void yes_no(struct sheet *s, const char *key, bool value)
{
	if (s->as_json) {
		json_bool(&s->json, key, value);
		return;
	}
	label(key);
	puts(value ? "yes" : "no");
}

/* What the kernel does not say is null, not 0. */
static void number_or_unknown(struct sheet *s, const char *key, long value)
{
	if (value >= 0)
		number(s, key, value);
	else
		text(s, key, NULL);
}

static void error(struct sheet *s, const char *key, int value)
{
	text(s, key, value ? probe_errno(value) : NULL);
}

static void report_system(struct sheet *s, const struct probe_look *l)
{
	section(s, "kernel");
	text(s, "release", l->uts.release);
	text(s, "architecture", l->uts.machine);
	end_section(s);
	section(s, "libc");
	text(s, "version", l->libc);
	text(s, "tunables", l->tunables);
	end_section(s);
}

static void report_rseq(struct sheet *s, const struct probe_look *l)
{
	static const char *const owners[] = {
		[OPV_RSEQ_NONE] = "nobody", [OPV_RSEQ_LIBC] = "libc", [OPV_RSEQ_OPV] = "libopv",
	};
	const struct opv_status *st = &l->status;

	section(s, "rseq");
	text(s, "registered_by", owners[st->rseq_owner]);
	number(s, "registered_size", st->rseq_size);
	number(s, "feature_size", st->rseq_feature_size);
	text(s, "mode", st->rseq_owner == OPV_RSEQ_NONE ? "none" : st->rseq_v2 ? "v2" : "legacy");
	error(s, "error", st->rseq_error);
	yes_no(s, "fast_path", st->fast);
	text(s, "why", st->why);
	yes_no(s, "mm_cid", st->mm_cid);
	text(s, "mm_cid_why", st->mm_cid_why);
	end_section(s);
}

static void membarrier_commands(struct sheet *s, uint32_t commands)
{
	const uint32_t known = (1u << sizeof(membarrier_names) / sizeof(membarrier_names[0])) - 1;
	int column = 0;
	unsigned int i;

	if (s->as_json)
		json_array(&s->json, "commands");
	else
		label("commands");
	for (i = 0; i < sizeof(membarrier_names) / sizeof(membarrier_names[0]); i++) {
		const char *name = membarrier_names[i];

		if (!(commands >> i & 1))
			continue;
		if (s->as_json) {
			json_string(&s->json, NULL, name);
			continue;
		}
		if (column && KEY_WIDTH + 3 + column + 2 + (int)strlen(name) > LINE_WIDTH) {
			printf(",\n%*s", KEY_WIDTH + 3, "");
			column = 0;
		}
		column += printf("%s%s", column ? ", " : "", name);
	}
	if (s->as_json) {
		json_end_array(&s->json);
		json_uint(&s->json, "unknown_commands", commands & ~known);
	} else {
		if (!commands)
			putchar('-');
		if (commands & ~known)
			printf(", and unknown ones (0x%x)", commands & ~known);
		putchar('\n');
	}
}

static void report_fence(struct sheet *s, const struct probe_look *l)
{
	static const char *const kinds[] = {
		[OPV_FENCE_NONE] = "none", [OPV_FENCE_MEMBARRIER] = "membarrier",
		[OPV_FENCE_MOVE] = "move",
	};

	section(s, "membarrier");
	membarrier_commands(s, l->membarrier);
	error(s, "error", l->status.membarrier_error ? l->status.membarrier_error : l->membarrier_error);
	end_section(s);
	section(s, "fence");
	text(s, "used", kinds[l->status.fence]);
	text(s, "what", l->status.fence == OPV_FENCE_MEMBARRIER ? "membarrier interrupts the CPU" :
			l->status.fence == OPV_FENCE_MOVE ? "the caller visits the CPU" :
			"there are no sections to fence: calls take a lock");
	error(s, "affinity_error", l->affinity_error);
	end_section(s);
}

static void report_policy(struct sheet *s, const struct probe_look *l)
{
	static const char *const modes[] = { "off", "strict", "filter" };

	section(s, "policy");
	text(s, "seccomp", l->seccomp >= 0 && l->seccomp <= 2 ? modes[l->seccomp] : NULL);
	number_or_unknown(s, "seccomp_filters", l->seccomp_filters);
	if (l->no_new_privs >= 0)
		yes_no(s, "no_new_privs", l->no_new_privs);
	else
		text(s, "no_new_privs", NULL);
	number_or_unknown(s, "tracer", l->tracer);
	yes_no(s, "valgrind", l->valgrind);
	end_section(s);
}

static void report_cpus(struct sheet *s, const struct probe_look *l)
{
	section(s, "cpus");
	text(s, "possible", l->possible);
	text(s, "online", l->online);
	text(s, "allowed", l->allowed);
	text(s, "nodes", l->nodes);
	text(s, "cpuset", l->cpuset);
	number(s, "slots", l->status.nr_cpus);
	number(s, "this", l->this_cpu);
	number_or_unknown(s, "another", l->other_cpu);
	end_section(s);
}

static void try_json(struct sheet *s, const char *key, const struct probe_try *t)
{
	json_object(&s->json, key);
	json_bool(&s->json, "good", t->good);
	json_string(&s->json, "error", t->ret ? probe_errno(-t->ret) : NULL);
	json_uint(&s->json, "calls", t->calls);
	json_uint(&s->json, "slow", t->slow);
	if (t->ratio > 0)
		json_double(&s->json, "ratio", t->ratio);
	else
		json_string(&s->json, "ratio", NULL);
	json_end_object(&s->json);
}

static const char *good(bool yes)
{
	static char out[2][32];

	snprintf(out[yes], sizeof(out[yes]), "%s%s%s", style(stdout, yes ? "32" : "31"),
		 yes ? "works" : "BROKEN", style(stdout, "0"));
	return out[yes];
}

/* One engine, and what came of trying it. */
static void engine(struct sheet *s, int e, const struct probe_tries *tries,
		   const struct probe_look *l)
{
	struct opv_engine_info info = { .size = sizeof(info) };

	opv_engine_info((enum opv_engine)e, &info);
	if (s->as_json) {
		json_object(&s->json, info.name);
		json_bool(&s->json, "available", info.available);
		json_string(&s->json, "what", info.what);
		json_string(&s->json, "why", info.why);
		if (tries->engine_tried[e]) {
			try_json(s, "this_cpu", &tries->engine[e][0]);
			if (l->other_cpu >= 0)
				try_json(s, "other_cpu", &tries->engine[e][1]);
		}
		json_end_object(&s->json);
		return;
	}
	label(info.name);
	fputs(info.available ? "yes" : "no", stdout);
	if (tries->engine_tried[e])
		printf(", %s", good(tries->engine[e][0].good &&
				    (l->other_cpu < 0 || tries->engine[e][1].good)));
	printf(": %s\n", info.why ? info.why : info.what);
}

static void report_engines(struct sheet *s, const struct probe_tries *tries,
			   const struct probe_look *l)
{
	struct opv_engine_info info = { .size = sizeof(info) };
	int e;

	section(s, "engines");
	for (e = 0; e < OPV_NR_ENGINES; e++)
		engine(s, e, tries, l);
	end_section(s);
	section(s, "used");
	opv_engine_info(l->this_engine, &info);
	text(s, "calls_on_this_cpu", l->this_fast ? "section" : info.name);
	text(s, "vectors_this_cpu", info.name);
	opv_engine_info(l->other_engine, &info);
	text(s, "vectors_other_cpu", l->other_cpu < 0 ? NULL : info.name);
	end_section(s);
}

static void try_text(const char *key, const struct probe_try *t, const char *than)
{
	label(key);
	printf("%s: ", good(t->good));
	if (t->ret)
		printf("%s, ", probe_errno(-t->ret));
	printf("%" PRIu64 " of %" PRIu64 " by the fast path", t->calls > t->slow ? t->calls - t->slow : 0,
	       t->calls);
	if (t->ratio > 0)
		printf(", %.*f x %s", t->ratio < 10 ? 1 : 0, t->ratio, than);
	putchar('\n');
}

static void report_tries(struct sheet *s, const struct probe_tries *tries)
{
	section(s, "tried");
	if (tries->error) {
		text(s, "error", tries->error);
	} else if (s->as_json) {
		try_json(s, "this_cpu", &tries->this_cpu);
		if (tries->has_other)
			try_json(s, "other_cpu", &tries->other_cpu);
		else
			json_string(&s->json, "other_cpu", NULL);
	} else {
		try_text("add_on_this_cpu", &tries->this_cpu, "a plain increment");
		if (tries->has_other)
			try_text("add_on_another", &tries->other_cpu, "the add on this CPU");
		else
			text(s, "add_on_another", "there is no other CPU");
	}
	end_section(s);
}

static void report_advice(struct sheet *s, char advice[][PROBE_TEXT], int nr)
{
	int i;

	if (s->as_json)
		json_array(&s->json, "advice");
	for (i = 0; i < nr; i++) {
		if (s->as_json)
			json_string(&s->json, NULL, advice[i]);
		else
			printf("%sadvice:%s %s\n", style(stdout, "33"), style(stdout, "0"), advice[i]);
	}
	if (s->as_json)
		json_end_array(&s->json);
}

void probe_report(bool json, const struct probe_look *look, const struct probe_tries *tries,
		  char advice[][PROBE_TEXT], int nr_advice)
{
	struct sheet s = { .as_json = json };

	if (json) {
		json_begin(&s.json, stdout);
		json_object(&s.json, NULL);
		json_string(&s.json, "version", opv_version());
		json_bool(&s.json, "works", tries->good);
	}
	report_system(&s, look);
	report_rseq(&s, look);
	report_fence(&s, look);
	report_policy(&s, look);
	report_cpus(&s, look);
	report_engines(&s, tries, look);
	report_tries(&s, tries);
	report_advice(&s, advice, nr_advice);
	if (json) {
		json_end_object(&s.json);
		json_finish(&s.json);
	}
}
