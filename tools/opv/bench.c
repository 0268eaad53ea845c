// SPDX-License-Identifier: MIT
/* opv bench: options, and which rows they make. */
#define _GNU_SOURCE
#include "bench_malloc.h"
#include "bench_peers.h"
#include "bench_preempted.h"

#include <errno.h>
#include <fnmatch.h>
#include <getopt.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>

#define VERB "bench"
#define DEFAULT_DURATION UINT64_C(10000000000)	/* ns */
#define DEFAULT_SAMPLE UINT64_C(500000)		/* short enough to escape a preemption */
#define MIN_SAMPLE UINT64_C(20000)
#define MAX_SAMPLE UINT64_C(2000000)
#define MAX_THREADS 1024
#define MAX_ROUNDS 100000
#define MEMORY_ROUNDS 5

static void help(void)
{
	fputs("usage: opv bench [OPTION...]\n"
	      "What things cost here: this library side by side with the alternatives, in one\n"
	      "run, in turn and repeatedly, as medians with their spread.\n\n"
	      "  -t, --threads N     1, 2, 4 ... to N threads; default: the CPUs, at most 1024\n"
	      "  -d, --duration S    seconds for all of it, warming up and memory excepted; default 10\n"
	      "  -r, --rounds N      samples of each row; default: what S has time for, 0.5 ms each\n"
	      "      --filter GLOB   only cases of such names, and what they are compared with;\n"
	      "                      GLOB,GLOB... for several\n"
	      "      --pin WHEN      yes: thread i stays on CPU i modulo their number, the\n"
	      "                      default; no: only where another CPU is worked on\n"
	      "      --aims          say which aims of the project are met here\n"
	      "      --svg FILE      draw it as well\n"
	      "      --json          for machines\n"
	      "      --preempted     instead: three words by a vector and under a mutex, by more\n"
	      "                      threads than CPUs; with -d, -r, --aims and --json only\n"
	      "      --list          the cases, and what each is\n"
	      "  -h, --help          this text\n\n"
	      "Ratios are taken within a round and are worth more than nanoseconds.\n"
	      "Exit status: 0; 1 it did not work; 2 misuse.\n", stdout);
}

/* The n-th number of threads: 1, 2, 4 ... and N itself; 0 when there are no more. */
static int thread_count(const struct bench *b, int n)
{
	int before = n ? 1 << (n - 1) : 0, count = 1 << n;

	if (before >= b->threads)
		return 0;
	return count < b->threads ? count : b->threads;
}

static bool overridden(void)
{
	return getenv("OPV_FORCE") || getenv("OPV_COUNT_FAST");
}

/* Why can this case not be measured here?  NULL: it can. */
static const char *obstacle(const struct bench *b, const struct bench_case *c)
{
	if (c->flags & BENCH_SECTIONS && !b->status.fast)
		return "there are no sections here (opv probe says why)";
	if (c->group == BENCH_VARIANT && !bench_have_variants)
		return "not written for this architecture";
	if (c->flags & BENCH_OTHER && b->nr_cpus < 2)
		return "the process may use one CPU only";
	if (c->flags & BENCH_MEMBARRIER && b->status.fence != OPV_FENCE_MEMBARRIER)
		return "membarrier cannot fence one CPU here (opv probe says why)";
	if (c->flags & BENCH_MM_CID && !b->status.mm_cid)
		return b->status.mm_cid_why;
	if (c->flags & BENCH_FORCES && overridden())
		return "OPV_FORCE or OPV_COUNT_FAST is set";
	return c->work ? bench_malloc_obstacle(c) : bench_peers_obstacle(c->flags);
}

static bool is_plain(const struct bench_case *c)
{
	return !strcmp(c->name, BENCH_PLAIN);
}

/* The filter is a list of patterns. */
static bool matches(const char *filter, const char *name)
{
	char pattern[64];
	size_t len;

	for (; *filter; filter += len + (filter[len] == ',')) {
		len = strcspn(filter, ",");
		snprintf(pattern, sizeof(pattern), "%.*s", (int)len, filter);
		if (!fnmatch(pattern, name, 0))
			return true;
	}
	return false;
}

/* Is it libc's of a work that is asked for? */
static bool is_base(const struct bench *b, const struct bench_case *c)
{
	size_t i;

	for (i = 0; i < bench_nr_cases && c->work && c->by == BENCH_BY_libc; i++)
		if (bench_cases[i].work == c->work && matches(b->filter, bench_cases[i].name))
			return true;
	return false;
}

static bool wanted(const struct bench *b, const struct bench_case *c)
{
	return !b->filter || is_plain(c) || matches(b->filter, c->name) || is_base(b, c);
}

/* Other libraries are loaded only where their cases are asked for. */
static void load_peers(const struct bench *b)
{
	unsigned int flags = 0;
	size_t i;

	for (i = 0; i < bench_nr_cases; i++)
		if (wanted(b, &bench_cases[i]))
			flags |= bench_cases[i].flags;
	bench_peers_load(flags);
}

static void add_rows(struct bench *b, const struct bench_case *c)
{
	int i, threads;

	if (c->work) {
		b->rows[b->nr_rows].c = c;
		b->rows[b->nr_rows++].threads = bench_malloc_threads(c);
		return;
	}
	for (i = 0; (threads = thread_count(b, i)); i++) {
		b->rows[b->nr_rows].c = c;
		b->rows[b->nr_rows++].threads = threads;
		if (!(c->flags & BENCH_SCALES))
			break;
	}
}

/* Libc's row of the same work is the last one of libc's. */
static const struct bench_row *base_of(const struct bench *b, const struct bench_row *row)
{
	if (!row->c->work)
		return bench_find(b, BENCH_PLAIN, row->threads);
	while (row->c->by != BENCH_BY_libc)
		row--;
	return row;
}

static void plan_rows(struct bench *b)
{
	bool any = false;
	size_t i;
	int r;

	b->rows = calloc(bench_nr_cases * 12, sizeof(*b->rows));
	b->skips = calloc(bench_nr_cases, sizeof(*b->skips));
	if (!b->rows || !b->skips)
		die(VERB, "no memory");
	for (i = 0; i < bench_nr_cases; i++) {
		const struct bench_case *c = &bench_cases[i];
		const char *why = obstacle(b, c);

		if (!wanted(b, c))
			continue;
		any = any || !b->filter || matches(b->filter, c->name);
		if (why)
			b->skips[b->nr_skips++] = (struct bench_skip){ c, why };
		else
			add_rows(b, c);
	}
	if (!any)
		usage_error(VERB, "no case is like \"%s\"; --list tells all", b->filter);
	for (r = 0; r < b->nr_rows; r++)
		b->rows[r].base = base_of(b, &b->rows[r]);
}

/* A look at memory takes a while, and differs little from the next. */
static int rounds_of(const struct bench *b, const struct bench_row *row)
{
	int tenth = b->rounds / 10;

	if (row->c->group != BENCH_MEMORY)
		return b->rounds;
	return tenth < 1 ? 1 : tenth > MEMORY_ROUNDS ? MEMORY_ROUNDS : tenth;
}

static void plan_time(struct bench *b)
{
	uint64_t duration = b->duration ? b->duration : DEFAULT_DURATION, rows = 0;
	int i;

	for (i = 0; i < b->nr_rows; i++)
		rows += b->rows[i].c->group != BENCH_MEMORY;
	b->sample = DEFAULT_SAMPLE;
	if (b->rounds && b->duration)
		b->sample = duration / rows / (uint64_t)b->rounds;
	if (b->sample < MIN_SAMPLE)
		b->sample = MIN_SAMPLE;
	if (b->sample > MAX_SAMPLE)
		b->sample = MAX_SAMPLE;
	if (!b->rounds)
		b->rounds = (int)(duration / rows / b->sample);
	if (b->rounds < 1)
		b->rounds = 1;
	if (b->rounds > MAX_ROUNDS)
		b->rounds = MAX_ROUNDS;
	for (i = 0; i < b->nr_rows; i++)
		b->rows[i].rounds = rounds_of(b, &b->rows[i]);
}

static void find_cpus(struct bench *b)
{
	cpu_set_t set;
	int cpu;

	b->cpus = calloc(CPU_SETSIZE, sizeof(int));
	if (!b->cpus || sched_getaffinity(0, sizeof(set), &set))
		die(VERB, "cannot tell which CPUs there are");
	for (cpu = 0; cpu < CPU_SETSIZE; cpu++)
		if (CPU_ISSET(cpu, &set))
			b->cpus[b->nr_cpus++] = cpu;
}

static void find_model(struct bench *b)
{
	FILE *f = fopen("/proc/cpuinfo", "r");
	char line[256], *colon;

	strcpy(b->cpu_model, "unknown CPU");
	while (f && fgets(line, sizeof(line), f)) {
		colon = strchr(line, ':');
		if (strncmp(line, "model name", 10) || !colon)
			continue;
		line[strcspn(line, "\n")] = '\0';
		snprintf(b->cpu_model, sizeof(b->cpu_model), "%s", colon + 2);
		break;
	}
	if (f)
		fclose(f);
}

static void describe(struct bench *b)
{
	time_t t = time(NULL);
	struct utsname u;
	struct tm tm;

	find_cpus(b);
	find_model(b);
	uname(&u);
	snprintf(b->kernel, sizeof(b->kernel), "%.20s %.80s %.20s", u.sysname, u.release, u.machine);
	strftime(b->date, sizeof(b->date), "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&t, &tm));
	opv_status(&b->status, sizeof(b->status));
}

static bool parse_when(const char *option, const char *text)
{
	if (!strcmp(text, "yes"))
		return true;
	if (strcmp(text, "no"))
		usage_error(VERB, "%s wants yes or no, not \"%s\"", option, text);
	return false;
}

enum { FILTER = 256, PIN, AIMS, SVG, JSON, PREEMPTED, LIST };

static const struct option options[] = {
	{ "threads", required_argument, NULL, 't' }, { "duration", required_argument, NULL, 'd' },
	{ "rounds", required_argument, NULL, 'r' }, { "filter", required_argument, NULL, FILTER },
	{ "pin", required_argument, NULL, PIN }, { "aims", no_argument, NULL, AIMS },
	{ "svg", required_argument, NULL, SVG }, { "json", no_argument, NULL, JSON },
	{ "preempted", no_argument, NULL, PREEMPTED }, { "list", no_argument, NULL, LIST },
	{ "help", no_argument, NULL, 'h' }, { NULL, 0, NULL, 0 },
};

/* Answers whether only the list is asked for. */
static bool parse(struct bench *b, int argc, char **argv)
{
	bool list = false;
	int o;

	opterr = 0;
	while ((o = getopt_long(argc, argv, ":t:d:r:h", options, NULL)) != -1) {
		switch (o) {
		case 't': b->threads = (int)parse_number(VERB, "-t", optarg, 1, MAX_THREADS); break;
		case 'd': b->duration = parse_seconds(VERB, "-d", optarg); break;
		case 'r': b->rounds = (int)parse_number(VERB, "-r", optarg, 1, MAX_ROUNDS); break;
		case FILTER: b->filter = optarg; break;
		case PIN: b->pin = parse_when("--pin", optarg); break;
		case AIMS: b->aims = true; break;
		case SVG: b->svg = optarg; break;
		case JSON: b->json = true; break;
		case PREEMPTED: b->preempted = true; break;
		case LIST: list = true; break;
		case 'h': help(); exit(0);
		case ':': usage_error(VERB, "%s wants an argument", argv[optind - 1]);
		default: usage_error(VERB, "there is no option \"%s\"", argv[optind - 1]);
		}
	}
	if (optind < argc)
		usage_error(VERB, "\"%s\" is one argument too many", argv[optind]);
	if (b->preempted && (list || b->threads || b->filter || b->svg || !b->pin))
		usage_error(VERB, "--preempted goes with -d, -r, --aims and --json only");
	return list;
}

#define SLICE UINT64_C(250000000)
#define MIN_SLICE UINT64_C(1000000)

/* Four slices a round: vectors and mutexes, without clocks and with. */
static void preempted(struct bench *b)
{
	static struct bench_preempted p;
	uint64_t duration = b->duration ? b->duration : DEFAULT_DURATION;

	if (!b->rounds)
		b->rounds = (int)(duration / (4 * SLICE));
	if (b->rounds < 1)
		b->rounds = 1;
	p.slice = duration / 4 / (uint64_t)b->rounds;
	if (p.slice < MIN_SLICE)
		p.slice = MIN_SLICE;
	bench_preempted_run(b, &p);
	bench_preempted_report(b, &p);
}

static void flush(void)
{
	if (fflush(stdout) || ferror(stdout))
		die(VERB, "cannot write: %s", strerror(errno));
}

int opv_bench_main(int argc, char **argv)
{
	struct bench b = { .pin = true };
	FILE *svg = NULL;

	if (argc == 5 && !strcmp(argv[1], BENCH_MALLOC_CHILD))
		return bench_malloc_child(argv + 2);
	if (parse(&b, argc, argv)) {
		bench_list(&b);
		return 0;
	}
	describe(&b);
	if (b.preempted) {
		preempted(&b);
		flush();
		return 0;
	}
	if (!b.threads)
		b.threads = b.nr_cpus < MAX_THREADS ? b.nr_cpus : MAX_THREADS;
	load_peers(&b);
	plan_rows(&b);
	plan_time(&b);
	if (b.svg && !(svg = fopen(b.svg, "w")))
		die(VERB, "%s: %s", b.svg, strerror(errno));
	bench_run(&b);
	bench_evaluate(&b);
	if (svg) {
		bench_svg(&b, svg);
		if (fclose(svg))
			die(VERB, "%s: %s", b.svg, strerror(errno));
	}
	if (b.json)
		bench_json(&b);
	else
		bench_table(&b);
	flush();
	return 0;
}
