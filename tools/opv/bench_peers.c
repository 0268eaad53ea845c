// SPDX-License-Identifier: MIT
/* Other libraries' cases: where they are, and what is missing if they are not. */
#define _GNU_SOURCE
#include "bench.h"
#include "bench_peers.h"

#include <dlfcn.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

static struct loaded {
	unsigned int flag;
	const char *name, *package;
	const struct bench_peer *peer;	/* NULL: it is not there */
	char why[512];			/* then */
} all[] = {
#define X(NAME, name, package) { BENCH_##NAME, #name, package, NULL, "" },
	BENCH_PEERS(X)
#undef X
};

#define NR (sizeof(all) / sizeof(all[0]))

/*
 * Other libraries' thread-local variables shall be reached as directly as in a program that is
 * linked with them.  For that glibc needs room beside the program's own (there is some), and
 * an alignment that the program's own have: 128 is liburcu's.
 */
static __thread char aligned_as_others __attribute__((__aligned__(128), __used__));

/* Beside the command, in peers/. */
static bool find(const char *name, char *path, size_t size)
{
	char self[PATH_MAX];
	ssize_t len = readlink("/proc/self/exe", self, sizeof(self) - 1);
	int wanted;

	if (len <= 0)
		return false;
	self[len] = '\0';
	*strrchr(self, '/') = '\0';
	wanted = snprintf(path, size, "%s/peers/%s.so", self, name);
	return wanted > 0 && (size_t)wanted < size && !access(path, R_OK);
}

static void take_cases(void *object, const struct loaded *l)
{
	char symbol[64];
	size_t i;

	for (i = 0; i < bench_nr_cases; i++) {
		if (!(bench_cases[i].flags & l->flag))
			continue;
		snprintf(symbol, sizeof(symbol), "bench_case_%s", bench_cases[i].name);
		bench_cases[i].run = (bench_run_fn *)dlsym(object, symbol);
		if (!bench_cases[i].run)
			die("bench", "peers/%s.so is of another version: %s", l->name, dlerror());
	}
}

static void load(struct loaded *l)
{
	const struct bench_peer *peer;
	const char *wrong = NULL;
	char path[PATH_MAX];
	void *object;

	if (!find(l->name, path, sizeof(path))) {
		snprintf(l->why, sizeof(l->why), "not built: install %s, then make bench-peers", l->package);
		return;
	}
#ifdef OPV_STATIC
	object = NULL;
	wrong = "a static program does not load it";
#else
	object = dlopen(path, RTLD_NOW | RTLD_LOCAL);
#endif
	peer = object ? dlsym(object, "bench_peer") : NULL;
	if (!peer && !wrong)
		wrong = dlerror();
	else if (peer && peer->begin)
		wrong = peer->begin();
	if (wrong) {
		snprintf(l->why, sizeof(l->why), "%s", wrong);
		return;
	}
	take_cases(object, l);
	l->peer = peer;
}

void bench_peers_load(unsigned int flags)
{
	size_t i;

	for (i = 0; i < NR; i++)
		if (flags & all[i].flag)
			load(&all[i]);
}

const char *bench_peers_obstacle(unsigned int flags)
{
	size_t i;

	for (i = 0; i < NR; i++)
		if (flags & all[i].flag && !all[i].peer)
			return all[i].why;
	return NULL;
}

const char *bench_peers_end(void)
{
	const char *wrong = NULL;
	size_t i;

	for (i = 0; i < NR; i++)
		if (!wrong && all[i].peer && all[i].peer->end)
			wrong = all[i].peer->end();
	return wrong;
}
