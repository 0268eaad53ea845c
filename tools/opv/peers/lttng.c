// SPDX-License-Identifier: MIT
/*
 * LTTng-UST's event, recorded: a session of our own in snapshot mode, that is buffers by CPU which
 * are overwritten and nobody reads, as large as the ring that it is compared with.  At
 * the end a snapshot is taken, and must have something in it.
 */
#define _GNU_SOURCE
#define LTTNG_UST_TRACEPOINT_CREATE_PROBES
#define LTTNG_UST_TRACEPOINT_DEFINE
#include "lttng_event.h"

#include <ftw.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../bench_struct.h"
#include "peer.h"

#define PARTS 4		/* sub-buffers of a CPU */
#define PATIENCE 200	/* times 50 ms */

static char dir[128];		/* of the snapshot */
static pid_t daemon_pid;
static bool session;
static uint64_t recorded;

static void pause_ms(long ms)
{
	struct timespec t = { 0, ms * 1000000 };

	nanosleep(&t, NULL);
}

/* A command's exit status; what it says goes to a file beside the snapshot. */
__attribute__((__format__(__printf__, 1, 2)))
static int run(const char *format, ...)
{
	char command[512], all[768];
	va_list args;

	va_start(args, format);
	vsnprintf(command, sizeof(command), format, args);
	va_end(args);
	snprintf(all, sizeof(all), "%s >>%s/log 2>&1 </dev/null", command, dir);
	return system(all);
}

static bool have(const char *program)
{
	return !run("command -v %s", program);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st, (void)type, (void)ftw;
	return remove(path);
}

/* Also when the command ends early. */
static void clean_up(void)
{
	if (session)
		run("lttng --no-sessiond destroy opv-bench-%d", getpid());
	session = false;
	if (daemon_pid > 0) {
		kill(daemon_pid, SIGTERM);
		waitpid(daemon_pid, NULL, 0);
	}
	daemon_pid = 0;
	nftw(dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

/*
 * One at a time: who started the daemon ends it.  The name is free again when the process ends,
 * however it does.
 */
static bool alone(void)
{
	static const struct sockaddr_un name = { AF_UNIX, "\0opv-bench-lttng" };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), i;

	for (i = 0; i < PATIENCE && bind(fd, (const struct sockaddr *)&name, sizeof(name)); i++)
		pause_ms(50);
	return i < PATIENCE;
}

static bool answers(void)
{
	return !run("lttng --no-sessiond list");
}

/* Unless there is one: for us, and no longer than us. */
static bool start_daemon(void)
{
	int i;

	if (answers())
		return true;
	daemon_pid = fork();
	if (!daemon_pid) {
		prctl(PR_SET_PDEATHSIG, SIGTERM);
		if (!freopen("/dev/null", "w", stdout) || !freopen("/dev/null", "w", stderr))
			_exit(1);
		execlp("lttng-sessiond", "lttng-sessiond", "--no-kernel", (char *)NULL);
		_exit(127);
	}
	for (i = 0; i < PATIENCE && !answers(); i++)
		pause_ms(50);
	return i < PATIENCE;
}

static bool start_session(void)
{
	/* Root's daemon is found wherever HOME is; "create" would change its current session. */
	const char *home = geteuid() ? "" : "LTTNG_HOME=";
	int me = getpid();

	if (run("%s%s lttng --no-sessiond create opv-bench-%d --snapshot --output=%s/snapshots",
		home, *home ? dir : "", me, dir))
		return false;
	session = true;
	return !run("lttng --no-sessiond enable-channel -u -s opv-bench-%d --overwrite "
		    "--subbuf-size %d --num-subbuf %d records", me, BENCH_RING_BYTES / PARTS, PARTS) &&
	       !run("lttng --no-sessiond enable-event -u -s opv-bench-%d -c records opv_bench:record", me) &&
	       !run("lttng --no-sessiond start opv-bench-%d", me);
}

static const char *begin(void)
{
	const char *tmp = getenv("TMPDIR");
	int i;

	snprintf(dir, sizeof(dir), "%s/opv-bench-XXXXXX", tmp && strlen(tmp) < 64 ? tmp : "/tmp");
	if (!mkdtemp(dir))
		return "cannot make a directory for its snapshot";
	atexit(clean_up);
	if (!have("lttng") || !have("lttng-sessiond"))
		return "the event cannot be recorded: install lttng-tools";
	if (!alone())
		return "the event cannot be recorded: another opv bench does so";
	if (!start_daemon())
		return "the event cannot be recorded: lttng-sessiond does not start";
	if (!start_session())
		return "the event cannot be recorded: lttng makes no session";
	for (i = 0; i < PATIENCE && !lttng_ust_tracepoint_enabled(opv_bench, record); i++)
		pause_ms(50);
	if (i == PATIENCE)
		return "the event cannot be recorded: it does not get enabled";
	return NULL;
}

BENCH_CASE(lttng_event)
{
	uint64_t b = (uint64_t)c->index;

	BENCH_REPEAT(n, lttng_ust_tracepoint(opv_bench, record, i_, b));
	__atomic_fetch_add(&recorded, n, __ATOMIC_RELAXED);
}

static uint64_t bytes;

static int add_bytes(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	if (type == FTW_F && !strncmp(path + ftw->base, "records_", 8))
		bytes += (uint64_t)st->st_size;
	return 0;
}

/* The streams of the snapshot: full, where more than a ring was recorded. */
static const char *end(void)
{
	bool ok = lttng_ust_tracepoint_enabled(opv_bench, record) &&
		  !run("lttng --no-sessiond snapshot record -s opv-bench-%d", getpid());
	char path[sizeof(dir) + 16];

	snprintf(path, sizeof(path), "%s/snapshots", dir);
	nftw(path, add_bytes, 8, FTW_PHYS);
	clean_up();
	if (!ok)
		return "LTTng's event is not enabled any more, or there is no snapshot";
	if (recorded * sizeof(struct bench_record) > BENCH_RING_BYTES && bytes < BENCH_RING_BYTES / 2)
		return "LTTng did not record its events";
	return NULL;
}

const struct bench_peer bench_peer = { begin, end };
