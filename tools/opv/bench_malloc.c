// SPDX-License-Identifier: MIT
/* The processes that have the allocators: started, asked whose malloc they have, told what to do. */
#define _GNU_SOURCE
#include "bench_malloc.h"
#include "malloc_library.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define VERB "bench"
#define MOST_THREADS 512

struct child {
	pid_t pid;			/* 0: not started */
	int fd;
	struct bench_malloc_hello hello;
};

static struct allocator {
	const char *name, *preload, *package;
	char found[4096];		/* what is preloaded indeed */
	char object[256];		/* that malloc comes from */
	bool tried;
	char why[8192];			/* there is nothing to be had; "" there is */
} allocators[] = {
#define X(name, preload, package, unused) { #name, preload, package, "", "", false, "" },
	BENCH_ALLOCATORS(X, )
#undef X
};

static const struct {
	const char *name;
	int threads;
	bool memory;
} works[] = {
	[BENCH_NO_WORK] = { "", 1, false },
#define X(name, group, kind, n, threads, flags, what) \
	{ #name, threads, BENCH_##group == BENCH_MEMORY },
	BENCH_MALLOC_WORKS(X)
#undef X
};

/* Those that measure time, kept from the first sample to the end. */
static struct child kept[BENCH_NR_WORKS][BENCH_NR_ALLOCATORS];

/* A process with N threads tells two values; the second is kept for the row that wants it. */
static struct {
	double value[2];
	bool fresh[2];
} memory[BENCH_NR_ALLOCATORS][MOST_THREADS + 1];

int bench_malloc_threads(const struct bench_case *c)
{
	return works[c->work].threads;
}

const char *bench_malloc_object(int by)
{
	return allocators[by].object;
}

/* Ours but for what is preloaded. */
static char **environment(const char *preload)
{
	static char *entry;
	char **env;
	size_t n, i;

	for (n = 0; environ[n]; n++)
		;
	env = calloc(n + 2, sizeof(*env));
	free(entry);
	if (!env || asprintf(&entry, "LD_PRELOAD=%s", preload) < 0)
		die(VERB, "no memory");
	env[0] = entry;
	for (n = 1, i = 0; environ[i]; i++)
		if (strncmp(environ[i], "LD_PRELOAD=", 11))
			env[n++] = environ[i];
	return env;
}

/* What the loader says of a library that is not there is not for our stderr. */
static int spawn(pid_t *pid, int fd, char *const *argv, char **env)
{
	posix_spawn_file_actions_t actions;
	int ret;

	if (posix_spawn_file_actions_init(&actions))
		return ENOMEM;
	ret = posix_spawn_file_actions_adddup2(&actions, fd, STDIN_FILENO);
	if (!ret)
		ret = posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
	if (!ret)
		ret = posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
	if (!ret)
		ret = posix_spawn(pid, "/proc/self/exe", &actions, NULL, argv, env);
	posix_spawn_file_actions_destroy(&actions);
	return ret;
}

/* 0, or an errno; EPROTO: it did not say hello. */
static int start(struct child *child, const char *preload, int work, int cpu, int other)
{
	char numbers[3][16], **env = environment(preload);
	char *argv[] = { "opv", VERB, BENCH_MALLOC_CHILD, numbers[0], numbers[1], numbers[2], NULL };
	int fds[2], ret;

	snprintf(numbers[0], sizeof(numbers[0]), "%d", work);
	snprintf(numbers[1], sizeof(numbers[1]), "%d", cpu);
	snprintf(numbers[2], sizeof(numbers[2]), "%d", other);
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds)) {
		free(env);
		return errno;
	}
	ret = spawn(&child->pid, fds[1], argv, env);
	close(fds[1]);
	free(env);
	child->fd = fds[0];
	if (!ret && recv(child->fd, &child->hello, sizeof(child->hello), MSG_WAITALL) !=
		    sizeof(child->hello))
		ret = EPROTO;
	return ret;
}

/* Whether it ended as it should; it does so when it is told nothing more. */
static bool end(struct child *child)
{
	int status = 0;

	close(child->fd);
	while (child->pid && waitpid(child->pid, &status, 0) < 0 && errno == EINTR)
		;
	child->pid = 0;
	return !status;
}

static const char *last_part(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

static bool is_of(const char *object, const char *library)
{
	return !strcmp(last_part(object), last_part(library));
}

/* Does a process that was started with it have its malloc, and its free? */
static bool has(const struct allocator *a, const struct bench_malloc_hello *hello)
{
	return *a->found ? is_of(hello->malloc, a->found) && is_of(hello->free, a->found) :
			   hello->is_libc;
}

static void explain(struct allocator *a, int error, const struct bench_malloc_hello *hello)
{
	if (error)
		snprintf(a->why, sizeof(a->why), "a process on it does not start: %s",
			 error == EPROTO ? "it ended at once" : strerror(error));
	else if (*a->package && hello->is_libc)
		snprintf(a->why, sizeof(a->why), "%s is not installed (Debian: %s)", a->preload,
			 a->package);
	else
		snprintf(a->why, sizeof(a->why), "malloc is not of %s but of %s there",
			 *a->found ? a->found : "libc", hello->malloc);
}

static void try_allocator(struct allocator *a, enum bench_allocator by)
{
	struct child child = { .pid = 0, .fd = -1 };
	const char *why = NULL;
	int error;

	a->tried = true;
	if (by == BENCH_BY_opv)
		why = malloc_library_find(a->found);
	else
		strcpy(a->found, a->preload);
	if (why) {
		snprintf(a->why, sizeof(a->why), "%s", why);
		return;
	}
	error = start(&child, a->found, BENCH_NO_WORK, -1, -1);
	if (error || !has(a, &child.hello))
		explain(a, error, &child.hello);
	snprintf(a->object, sizeof(a->object), "%s", child.hello.malloc);
	end(&child);
}

static const char *obstacle(int by)
{
	if (!allocators[by].tried)
		try_allocator(&allocators[by], (enum bench_allocator)by);
	return *allocators[by].why ? allocators[by].why : NULL;
}

/* Nor without libc's, which all are compared with. */
const char *bench_malloc_obstacle(const struct bench_case *c)
{
	const char *why;

#ifdef OPV_STATIC
	why = "nothing can be preloaded into a static program";
#else
	why = obstacle(BENCH_BY_libc);
#endif
	return why ? why : obstacle(c->by);
}

static void start_or_die(struct child *child, const struct bench_case *c, int cpu, int other)
{
	const struct allocator *a = &allocators[c->by];
	int error = start(child, a->found, c->work, cpu, other);

	if (error)
		die(VERB, "%s: its process does not start: %s", c->name, strerror(error));
	if (!has(a, &child->hello))
		die(VERB, "%s: its process has the malloc of %s", c->name, child->hello.malloc);
}

static struct bench_malloc_answer tell(const struct child *child, const struct bench_case *c,
				       uint64_t n)
{
	struct bench_malloc_answer answer;

	if (send(child->fd, &n, sizeof(n), MSG_NOSIGNAL) != sizeof(n) ||
	    recv(child->fd, &answer, sizeof(answer), MSG_WAITALL) != sizeof(answer))
		die(VERB, "%s: the work was not done as it should: its process ended", c->name);
	return answer;
}

static double sample_memory(const struct bench_case *c)
{
	int threads = works[c->work].threads, which = c->work >= BENCH_WORK_freed_8;
	struct bench_malloc_answer answer;
	struct child child;

	if (!memory[c->by][threads].fresh[which]) {
		start_or_die(&child, c, -1, -1);
		answer = tell(&child, c, 1);
		end(&child);
		memory[c->by][threads].value[0] = answer.value;
		memory[c->by][threads].value[1] = answer.freed;
		memory[c->by][threads].fresh[!which] = true;
	}
	memory[c->by][threads].fresh[which] = false;
	return memory[c->by][threads].value[which];
}

double bench_malloc_sample(const struct bench_case *c, uint64_t n, int cpu, int other,
			   bool *disturbed)
{
	struct child *child = &kept[c->work][c->by];
	struct bench_malloc_answer answer;

	*disturbed = false;
	if (works[c->work].memory)
		return sample_memory(c);
	if (!child->pid)
		start_or_die(child, c, cpu, other);
	answer = tell(child, c, n);
	*disturbed = answer.disturbed;
	return answer.value;
}

const char *bench_malloc_end(void)
{
	const char *wrong = NULL;
	int work, by;

	for (work = 0; work < BENCH_NR_WORKS; work++)
		for (by = 0; by < BENCH_NR_ALLOCATORS; by++)
			if (kept[work][by].pid && !end(&kept[work][by]))
				wrong = "a process that allocates did not end well";
	return wrong;
}
