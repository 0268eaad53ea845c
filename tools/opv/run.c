// SPDX-License-Identifier: MIT
/* opv run: a vector written as text, on a CPU, on named variables. */
#include "run.h"

#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#define VERB "run"
#define TEXT_MAX (1 << 20)
#define EXIT_STOPPED 3

struct options {
	int cpu;
	int engine;		/* -1: as always */
	uint64_t repeat;
	bool json;
	struct run_text text;
	char **texts;		/* what was read, which the errors point into */
	size_t nr_texts;
	unsigned int nr_e;	/* -e so far */
};

static void help(void)
{
	size_t i;

	puts("usage: opv run [OPTION...] [-e TEXT | FILE | -]...\n"
	     "Execute a vector written as text, as one CPU, and print its result and variables.\n"
	     "\n"
	     "  -e, --expression TEXT  text of the vector; may be given several times, with FILEs\n"
	     "  -c, --cpu CPU          number of a CPU, or \"this\", the default\n"
	     "      --engine NAME      have that engine execute it\n"
	     "  -n, --repeat N         execute it N times, or until the result is not 0\n"
	     "      --json             print everything as JSON\n"
	     "  -h, --help             this\n"
	     "\n"
	     "A statement a line, or between semicolons; # begins a comment.\n"
	     "  u64 head = 5           u8 u16 u32 u64 s8 s16 s32 s64: a variable\n"
	     "  bytes[8] name = \"text\" as long as it says, or as the string; x\"00 ff\" is one too\n"
	     "  const u32 limit = 3    cannot be written\n"
	     "  compare_eq head 5      an operation; its operands are a variable, VARIABLE[OFFSET],\n"
	     "  memcpy head name[4] 4  @ADDRESS or a literal, then the length if it is not that of\n"
	     "  add @0x10? 1 8         the variables; ? says that the operand may fault\n"
	     "\n"
	     "Operations:");
	for (i = 0; i < run_nr_kinds; i++) {
		enum run_shape shape = run_kinds[i].shape;
		const char *a = run_operand_name(shape, 0), *b = run_operand_name(shape, 1);

		printf("  %-15s %s%s%s\n", run_kinds[i].name, a ? a : "", b ? " " : "", b ? b : "");
	}
	puts("\n"
	     "Exit status: 0 done, 1 the vector is an error, 2 misuse or the text has an error,\n"
	     "3 a compare stopped it.");
}

/* A whole stream, at most TEXT_MAX bytes. */
static char *read_stream(FILE *f, const char *name, size_t *size)
{
	char *text = malloc(TEXT_MAX + 1);

	if (!text)
		die(VERB, "no memory");
	*size = fread(text, 1, TEXT_MAX + 1, f);
	if (ferror(f))
		die(VERB, "%s: %s", name, strerror(errno));
	if (*size > TEXT_MAX)
		die(VERB, "%s: more than %d bytes", name, TEXT_MAX);
	return text;
}

/* Takes over text. */
static void add_text(struct options *o, const char *source, char *text, size_t size)
{
	char **texts = realloc(o->texts, (o->nr_texts + 1) * sizeof(*texts));
	struct run_error error;

	if (!texts)
		die(VERB, "no memory");
	o->texts = texts;
	texts[o->nr_texts++] = text;
	if (run_text_read(&o->text, source, text, size, &error))
		return;
	fflush(stdout);
	run_error_show(stderr, &error);
	exit(2);
}

static void add_expression(struct options *o, const char *text)
{
	char *copy = strdup(text), *name = malloc(32);

	if (!copy || !name)
		die(VERB, "no memory");
	snprintf(name, 32, "-e%u", ++o->nr_e);	/* lives as long as the operations do */
	add_text(o, name, copy, strlen(copy));
}

static void add_file(struct options *o, const char *path)
{
	bool standard = !strcmp(path, "-");
	FILE *f = standard ? stdin : fopen(path, "re");
	size_t size;
	char *text;

	if (!f)
		usage_error(VERB, "%s: %s", path, strerror(errno));
	path = standard ? "stdin" : path;
	text = read_stream(f, path, &size);
	if (!standard)
		fclose(f);
	add_text(o, path, text, size);
}

static int parse_cpu(const char *text)
{
	if (!strcmp(text, "this"))
		return OPV_THIS_CPU;
	return (int)parse_number(VERB, "--cpu", text, 0, INT_MAX);
}

static const struct option long_options[] = {
	{ "expression", required_argument, NULL, 'e' },
	{ "cpu", required_argument, NULL, 'c' },
	{ "engine", required_argument, NULL, 'E' },
	{ "repeat", required_argument, NULL, 'n' },
	{ "json", no_argument, NULL, 'j' },
	{ "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 },
};

static int find_engine(const char *name)
{
	struct opv_engine_info info = { .size = sizeof(info) };
	int e;

	for (e = 0; !opv_engine_info((enum opv_engine)e, &info); e++)
		if (!strcmp(info.name, name))
			return e;
#define X(NAME, name, what) " " #name
	usage_error(VERB, "there is no engine \"%s\", but" OPV_ENGINES(X), name);
#undef X
}

/* In the order of the command line, which is that of the statements: "-" keeps getopt to it. */
static void parse_options(struct options *o, int argc, char **argv)
{
	int c;

	while ((c = getopt_long(argc, argv, "-e:c:n:h", long_options, NULL)) != -1) {
		switch (c) {
		case 'e':
			add_expression(o, optarg);
			break;
		case 1:
			add_file(o, optarg);
			break;
		case 'c':
			o->cpu = parse_cpu(optarg);
			break;
		case 'E':
			o->engine = find_engine(optarg);
			break;
		case 'n':
			o->repeat = parse_number(VERB, "--repeat", optarg, 1, UINT64_C(1) << 40);
			break;
		case 'j':
			o->json = true;
			break;
		case 'h':
			help();
			exit(0);
		default:
			usage_error(VERB, "see its options");
		}
	}
	for (; optind < argc; optind++)	/* behind "--" */
		add_file(o, argv[optind]);
	if (!o->nr_texts)
		usage_error(VERB, "nothing to run: give -e TEXT, a FILE, or - for standard input");
}

static void force(const struct options *o)
{
	struct opv_engine_info info = { .size = sizeof(info) };

	if (o->engine < 0)
		return;
	opv_engine_info((enum opv_engine)o->engine, &info);
	if (!info.available)
		die(VERB, "the engine %s cannot be used here: %s", info.name, info.why);
	if (opv_force((enum opv_engine)o->engine, 100))
		die(VERB, "the engine %s cannot be forced: OPV_FORCE forces another one", info.name);
}

static struct opv_counts counts_of(int cpu)
{
	struct opv_counts c = { 0 };

	opv_counts(cpu, &c, sizeof(c));
	return c;
}

static struct opv_counts difference(const struct opv_counts *from, const struct opv_counts *to)
{
	struct opv_counts d;

#define X(name, what) d.name = to->name - from->name;
	OPV_COUNTS(X)
#undef X
	return d;
}

/* Which of the engines counted: its count is called engine_NAME. */
static const char *engine_of(const struct opv_counts *c)
{
	const char *name = NULL;

#define X(count, what)							\
	if (c->count && !strncmp(#count, "engine_", strlen("engine_")))	\
		name = &#count[strlen("engine_")];
	OPV_COUNTS(X)
#undef X
	return name;
}

/* The CPU whose count of vectors went up; -1 when none did, or several. */
static int cpu_of(const uint64_t *before, int cpus)
{
	int cpu, found = -1;

	for (cpu = 0; cpu < cpus; cpu++) {
		if (counts_of(cpu).vectors == before[cpu])
			continue;
		if (found >= 0)
			return -1;
		found = cpu;
	}
	return found;
}

static void execute(const struct options *o, const struct run_memory *m, struct run_result *r)
{
	int cpus = opv_domain_cpus(NULL), cpu;
	uint64_t *before = calloc((size_t)cpus + 1, sizeof(*before));
	struct opv_counts from, to;

	if (!before)
		die(VERB, "no memory");
	opv_count_fast(1);	/* and quick vectors */
	for (cpu = 0; cpu < cpus; cpu++)
		before[cpu] = counts_of(cpu).vectors;
	from = counts_of(OPV_ALL_CPUS);
	do {
		r->ret = opv_vector(NULL, m->vec, m->count, o->cpu);
		r->runs++;
	} while (!r->ret && r->runs < o->repeat);
	to = counts_of(OPV_ALL_CPUS);
	r->counts = difference(&from, &to);
	r->engine = engine_of(&r->counts);
	r->cpu = cpu_of(before, cpus);
	free(before);
}

int opv_run_main(int argc, char **argv)
{
	struct options o = { .cpu = OPV_THIS_CPU, .engine = -1, .repeat = 1 };
	struct run_result r;
	struct run_memory m;

	parse_options(&o, argc, argv);
	force(&o);
	if (!run_memory_make(&m, &o.text))
		die(VERB, "no memory for the variables");
	r = (struct run_result){ .asked_cpu = o.cpu, .forced = o.engine >= 0, .repeat = o.repeat };
	execute(&o, &m, &r);
	run_explain(&m, o.cpu, r.ret, r.meaning, sizeof(r.meaning));
	if (o.json)
		run_report_json(&m, &r);
	else
		run_report_text(&m, &r);
	if (fflush(stdout) || ferror(stdout))
		die(VERB, "cannot write: %s", strerror(errno));
	return !r.ret ? 0 : r.ret > 0 ? EXIT_STOPPED : 1;
}
