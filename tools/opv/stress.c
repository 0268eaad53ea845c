// SPDX-License-Identifier: MIT
/* opv stress: everything at once, for as long as you like, and nothing lost. */
#define _GNU_SOURCE
#include "stress.h"

#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

static const struct stress_ops *const scenarios[] = {
#define X(name, what) &stress_##name,
	STRESS_SCENARIOS(X)
#undef X
};

void *stress_zalloc(size_t size)
{
	size_t rounded = (size + STRESS_LINE - 1) & ~(size_t)(STRESS_LINE - 1);
	void *p = aligned_alloc(STRESS_LINE, rounded);

	if (!p)
		die("stress", "no memory");
	return memset(p, 0, rounded);
}

void *stress_new_handle(struct stress *s, size_t size)
{
	void *h = NULL;
	int ret = opv_alloc(s->domain, size, STRESS_LINE, &h);

	if (ret)
		die("stress", "no per-CPU memory: %s", strerror(-ret));
	return h;
}

void stress_cell_init(struct stress *s, struct stress_cell *cell, unsigned int bits)
{
	cell->handle = stress_new_handle(s, sizeof(uint64_t));
	cell->plain = stress_zalloc((size_t)s->nr_cpus * STRESS_LINE);
	cell->at = bits == 8 ? 3 : bits == 16 ? 2 : bits == 32 ? 4 : 0;
}

static uint64_t eight_bytes(const struct stress_cell *cell, bool plain, int cpu)
{
	const char *p = plain ? cell->plain + (size_t)cpu * STRESS_LINE : opv_ptr(cell->handle, cpu);

	return __atomic_load_n((const uint64_t *)p, __ATOMIC_RELAXED);
}

static uint64_t mask_of(unsigned int bits)
{
	return bits == 64 ? ~UINT64_C(0) : (UINT64_C(1) << bits) - 1;
}

uint64_t stress_cell_read(const struct stress_cell *cell, bool plain, int cpu, unsigned int bits)
{
	return eight_bytes(cell, plain, cpu) >> 8 * cell->at & mask_of(bits);
}

bool stress_cell_clean(const struct stress_cell *cell, bool plain, int cpu, unsigned int bits)
{
	return !(eight_bytes(cell, plain, cpu) & ~(mask_of(bits) << 8 * cell->at));
}

struct stress_place stress_place(struct stress_worker *w, const struct stress_cell *cell, bool any)
{
	struct stress_place at = { .cpu = stress_cpu(w) };
	unsigned int way = stress_random(w) % 8;

	at.cid = stress_random(w) % 64 ? w->s->by_cid : !w->s->by_cid;

	if (way == 0 && cell->plain) {
		at.plain = true;
		at.d = opv_domain_default();
		at.p = at.look = cell->plain + (size_t)at.cpu * STRESS_LINE + cell->at;
		return at;
	}
	at.look = opv_ptr(cell->handle, at.cpu) + cell->at;
	at.p = cell->handle + cell->at;
	if (way == 1) {
		at.d = w->s->domain;
		at.p = at.look;
	} else if (any && way < 6) {
		at.cpu = OPV_THIS_CPU;
	}
	return at;
}

void stress_step(struct stress_worker *w, enum stress_scenario scenario)
{
	atomic_store_explicit(&w->doing, (int)scenario, memory_order_relaxed);
	scenarios[scenario]->step(w->s, w);
	atomic_store_explicit(&w->doing, -1, memory_order_relaxed);
	atomic_store_explicit(&w->steps, w->steps + 1, memory_order_relaxed);
}

enum stress_scenario stress_pick(struct stress_worker *w)
{
	enum stress_scenario i;

	do {
		i = (enum stress_scenario)(stress_random(w) % STRESS_NR_SCENARIOS);
	} while (!w->s->enabled[i]);
	return i;
}

static void help(void)
{
	puts("usage: opv stress [OPTION...]\n"
	     "All operations and structures at once: threads, signal handlers, changes of\n"
	     "affinity, forced engines, forks and kills.  What goes in must come out.\n\n"
	     "  -t, --threads N       threads, default two for each CPU\n"
	     "  -d, --duration S      seconds, default 10\n"
	     "  -n, --operations N    instead of a time: about so many steps of some operations\n"
	     "      --force E:P,...   send P percent of all calls to engine E, all the time;\n"
	     "                        default: 20 percent to the fence engine now and then\n"
	     "      --mm-cid          slots by the kernel's concurrency id instead of by CPU\n"
	     "      --no-signals      no timer signals, whose handlers work too\n"
	     "      --no-migrate      leave the threads where the kernel puts them\n"
	     "      --no-fork         no children of fork, none killed\n"
	     "      --seed N          the same choices again; the kernel's are its own\n"
	     "      --only NAME,...   these scenarios\n"
	     "      --list            name the scenarios\n"
	     "      --json            JSON instead of tables\n"
	     "      --help            this\n\n"
	     "Exit status: 0 nothing was lost, 1 something was, 2 misuse.");
}

static void list(bool json)
{
	struct json j;

	if (!json) {
#define X(name, what) printf("%-12s%s\n", #name, what);
		STRESS_SCENARIOS(X)
#undef X
		return;
	}
	json_begin(&j, stdout);
	json_array(&j, NULL);
#define X(name, what)							\
	json_object(&j, NULL);						\
	json_string(&j, "name", #name);					\
	json_string(&j, "what", what);					\
	json_end_object(&j);
	STRESS_SCENARIOS(X)
#undef X
	json_end_array(&j);
	json_finish(&j);
}

static int scenario_named(const char *name)
{
	int i;

	for (i = 0; i < STRESS_NR_SCENARIOS; i++)
		if (!strcmp(name, stress_names[i]))
			return i;
	usage_error("stress", "there is no scenario \"%s\" (opv stress --list names them)", name);
}

static void only(struct stress *s, char *names)
{
	char *name, *rest = names;

	memset(s->enabled, 0, sizeof(s->enabled));
	while ((name = strsep(&rest, ",")))
		s->enabled[scenario_named(name)] = true;
}

static int engine_named(const char *name)
{
#define X(NAME, text, what)							\
	if (!strcmp(name, #text))						\
		return OPV_ENGINE_##NAME;
	OPV_ENGINES(X)
#undef X
	usage_error("stress", "there is no engine \"%s\"", name);
}

static void force(struct stress *s, char *shares)
{
	struct opv_engine_info info = { .size = sizeof(info) };
	char *share, *rest = shares;

	while ((share = strsep(&rest, ","))) {
		char *colon = strchr(share, ':');
		int engine, percent, ret;

		if (!colon)
			usage_error("stress", "--force wants ENGINE:PERCENT, not \"%s\"", share);
		*colon = '\0';
		engine = engine_named(share);
		percent = (int)parse_number("stress", "--force", colon + 1, 0, 100);
		ret = opv_force((enum opv_engine)engine, percent);
		opv_engine_info((enum opv_engine)engine, &info);
		if (ret == -ENOSYS)
			die("stress", "the engine \"%s\" is not available: %s", share, info.why);
		if (ret)
			usage_error("stress", "the shares of --force add up to more than 100");
	}
	s->forced = true;
}

enum { FORCE = 256, MM_CID, NO_SIGNALS, NO_MIGRATE, NO_FORK, SEED, ONLY, LIST, JSON, HELP };

static const struct option options[] = {
	{ "threads", required_argument, NULL, 't' },
	{ "duration", required_argument, NULL, 'd' },
	{ "operations", required_argument, NULL, 'n' },
	{ "force", required_argument, NULL, FORCE },
	{ "mm-cid", no_argument, NULL, MM_CID },
	{ "no-signals", no_argument, NULL, NO_SIGNALS },
	{ "no-migrate", no_argument, NULL, NO_MIGRATE },
	{ "no-fork", no_argument, NULL, NO_FORK },
	{ "seed", required_argument, NULL, SEED },
	{ "only", required_argument, NULL, ONLY },
	{ "list", no_argument, NULL, LIST },
	{ "json", no_argument, NULL, JSON },
	{ "help", no_argument, NULL, HELP },
	{ NULL, 0, NULL, 0 },
};

/* True when there is nothing left to do. */
static bool read_arguments(struct stress *s, bool *json, int argc, char **argv)
{
	bool list_only = false;
	int c;

	while ((c = getopt_long(argc, argv, ":t:d:n:h", options, NULL)) != -1) {
		switch (c) {
		case 't':
			s->threads = (unsigned int)parse_number("stress", "-t", optarg, 1, 4096);
			break;
		case 'd':
			s->nanoseconds = parse_seconds("stress", "-d", optarg);
			break;
		case 'n':
			s->operations = parse_number("stress", "-n", optarg, 1, UINT64_MAX / 2);
			break;
		case FORCE:
			force(s, optarg);
			break;
		case MM_CID:
			s->by_cid = true;
			break;
		case NO_SIGNALS:
			s->signals = false;
			break;
		case NO_MIGRATE:
			s->migrate = false;
			break;
		case NO_FORK:
			s->fork = false;
			break;
		case SEED:
			s->seed = parse_number("stress", "--seed", optarg, 1, UINT64_MAX);
			break;
		case ONLY:
			only(s, optarg);
			break;
		case LIST:
			list_only = true;
			break;
		case JSON:
			*json = true;
			break;
		case 'h':
		case HELP:
			help();
			return true;
		case ':':
			usage_error("stress", "%s wants an argument", argv[optind - 1]);
		default:
			usage_error("stress", "there is no option \"%s\"", argv[optind - 1]);
		}
	}
	if (optind < argc)
		usage_error("stress", "\"%s\" is one argument too many", argv[optind]);
	if (s->nanoseconds && s->operations)
		usage_error("stress", "-d and -n exclude each other");
	if (list_only)
		list(*json);
	return list_only;
}

static void set_up(struct stress *s)
{
	struct opv_domain_options domain = { .size = sizeof(domain), .name = "opv stress" };
	unsigned int i;
	int ret;

	if (s->by_cid)
		domain.flags = OPV_DOMAIN_MM_CID;
	ret = opv_domain_create(&s->domain, &domain);
	if (ret)
		die("stress", "no domain: %s", strerror(-ret));
	s->nr_cpus = opv_domain_cpus(s->domain);
	s->nr_workers = 2 * s->threads + 1;
	s->workers = stress_zalloc(s->nr_workers * sizeof(*s->workers));
	s->report = mmap(NULL, sizeof(*s->report), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
			 -1, 0);
	if (s->report == MAP_FAILED)
		die("stress", "no shared memory: %s", strerror(errno));
	for (i = 0; i < s->nr_workers; i++) {
		struct stress_worker *w = &s->workers[i];

		w->s = s;
		w->index = i;
		w->doing = -1;
		w->random = stress_mix(s->seed * 65537 + i) | 1;
	}
	for (i = 0; i < STRESS_NR_SCENARIOS; i++)
		if (s->enabled[i])
			scenarios[i]->setup(s);
}

int opv_stress_main(int argc, char **argv)
{
	static struct stress s = { .signals = true, .migrate = true, .fork = true };
	struct timespec t;
	bool json = false;
	int i;

	for (i = 0; i < STRESS_NR_SCENARIOS; i++)
		s.enabled[i] = true;
	s.forced = getenv("OPV_FORCE") != NULL;
	s.threads = 2 * (unsigned int)sysconf(_SC_NPROCESSORS_ONLN);
	clock_gettime(CLOCK_REALTIME, &t);
	s.seed = stress_mix((uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec) % 1000000 + 1;
	if (read_arguments(&s, &json, argc, argv))
		return 0;
	if (!s.nanoseconds && !s.operations)
		s.nanoseconds = UINT64_C(10000000000);
	set_up(&s);
	stress_drive(&s);
	for (i = 0; i < STRESS_NR_SCENARIOS; i++)
		if (s.enabled[i])
			scenarios[i]->check(&s);
	return stress_print(&s, json);
}
