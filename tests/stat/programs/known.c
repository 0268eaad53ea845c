// SPDX-License-Identifier: MIT
/*
 * known			lists symbols and the functions they are counted as
 * known SYMBOL N	calls SYMBOL N times and prints what that must count:
 *			bytes and failures of one call
 *
 * The table is made of the list of the library: a symbol without a do_SYMBOL()
 * here does not compile.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

ssize_t __read_chk(int, void *, size_t, size_t);
ssize_t __pread_chk(int, void *, size_t, off_t, size_t);
ssize_t __pread64_chk(int, void *, size_t, off64_t, size_t);
ssize_t __recv_chk(int, void *, size_t, size_t, int);
ssize_t __recvfrom_chk(int, void *, size_t, size_t, int, struct sockaddr *, socklen_t *);

size_t __fread_chk(void *, size_t, size_t, size_t, FILE *);
size_t __fread_unlocked_chk(void *, size_t, size_t, size_t, FILE *);
char *__fgets_chk(char *, size_t, int, FILE *);
char *__fgets_unlocked_chk(char *, size_t, int, FILE *);

static FILE *stream, *sink, *lines;	/* endless zeroes, nowhere, "line\n" */
static char *line;
static size_t line_size;
static int zero, null, file, sock[2];
static char buf[64];
static struct iovec iov[2] = { { buf, 10 }, { buf + 10, 7 } };
static struct msghdr msg = { .msg_iov = iov, .msg_iovlen = 2 };
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER, held = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t cond = PTHREAD_COND_INITIALIZER;
static const struct timespec past = { 1, 0 };
static void *volatile kept;

struct expect {
	int bytes, failed;
};

#define DO(symbol) static struct expect do_##symbol(void)
#define E_(bytes, failed, ...) ((struct expect){ bytes, failed })
#define E(...) E_(__VA_ARGS__, 0, 0)	/* failed is 0 unless given */

/* Not through the C library's wrappers: these must not count. */
static void feed(int n)
{
	if (syscall(SYS_write, sock[1], buf, n) != n)
		abort();
}

static void drain(void)
{
	while (syscall(SYS_recvfrom, sock[1], buf, sizeof(buf), MSG_DONTWAIT, NULL, NULL) > 0)
		;
}

DO(malloc) { kept = malloc(24); return E(24); }
DO(calloc) { kept = calloc(3, 8); return E(24); }
DO(realloc) { kept = realloc(NULL, 40); return E(40); }
DO(free) { free(NULL); return E(0); }
DO(memalign) { kept = memalign(64, 100); return E(100); }
DO(posix_memalign) { kept = NULL; return E(8, posix_memalign((void **)&kept, 3, 8) != 0); }
DO(aligned_alloc) { kept = aligned_alloc(64, 128); return E(128); }
DO(valloc) { kept = valloc(5); return E(5); }
DO(pvalloc) { kept = pvalloc(6); return E(6); }

DO(read) { return E((int)read(zero, buf, 5)); }
DO(__read_chk) { return E((int)__read_chk(zero, buf, 6, sizeof(buf))); }
DO(pread) { return E((int)pread(file, buf, 7, 1)); }
DO(pread64) { return E((int)pread64(file, buf, 8, 1)); }
DO(__pread_chk) { return E((int)__pread_chk(file, buf, 9, 0, sizeof(buf))); }
DO(__pread64_chk) { return E((int)__pread64_chk(file, buf, 9, 0, sizeof(buf))); }
DO(readv) { return E((int)readv(zero, iov, 2)); }
DO(preadv) { return E((int)preadv(file, iov, 2, 0)); }
DO(preadv64) { return E((int)preadv64(file, iov, 2, 0)); }
DO(preadv2) { return E((int)preadv2(file, iov, 2, 0, 0)); }
DO(preadv64v2) { return E((int)preadv64v2(file, iov, 2, 0, 0)); }
DO(write) { return E((int)write(null, buf, 5)); }
DO(pwrite) { return E((int)pwrite(file, buf, 11, 0)); }
DO(pwrite64) { return E((int)pwrite64(file, buf, 12, 0)); }
DO(writev) { return E((int)writev(null, iov, 2)); }
DO(pwritev) { return E((int)pwritev(file, iov, 2, 0)); }
DO(pwritev64) { return E((int)pwritev64(file, iov, 2, 0)); }
DO(pwritev2) { return E((int)pwritev2(file, iov, 2, 0, 0)); }
DO(pwritev64v2) { return E((int)pwritev64v2(file, iov, 2, 0, 0)); }
DO(sendfile) { off_t at = 0; return E((int)sendfile(null, file, &at, 13)); }
DO(sendfile64) { off64_t at = 0; return E((int)sendfile64(null, file, &at, 14)); }
DO(copy_file_range) { return E(0, copy_file_range(-1, NULL, -1, NULL, 1, 0) < 0); }
DO(splice) { return E(0, splice(-1, NULL, -1, NULL, 1, 0) < 0); }

DO(fread) { return E((int)fread(buf, 3, 4, stream) * 3); }
DO(fread_unlocked) { return E((int)fread_unlocked(buf, 3, 4, stream) * 3); }
DO(__fread_chk) { return E((int)__fread_chk(buf, sizeof(buf), 3, 4, stream) * 3); }
DO(__fread_unlocked_chk) { return E((int)__fread_unlocked_chk(buf, sizeof(buf), 2, 4, stream) * 2); }
DO(fgets) { rewind(lines); return E(fgets(buf, 20, lines) ? 5 : -1); }
DO(fgets_unlocked) { rewind(lines); return E(fgets_unlocked(buf, 20, lines) ? 5 : -1); }
DO(__fgets_chk) { rewind(lines); return E(__fgets_chk(buf, sizeof(buf), 20, lines) ? 5 : -1); }
DO(__fgets_unlocked_chk)
{
	rewind(lines);
	return E(__fgets_unlocked_chk(buf, sizeof(buf), 20, lines) ? 5 : -1);
}
DO(getline) { rewind(lines); return E((int)getline(&line, &line_size, lines)); }
DO(getdelim) { rewind(lines); return E((int)getdelim(&line, &line_size, 'r', lines)); }
DO(__getdelim) { rewind(lines); return E((int)__getdelim(&line, &line_size, 'n', lines)); }
DO(fwrite) { return E(0, fwrite(buf, 5, 5, stream) == 0); }
DO(fwrite_unlocked) { return E((int)fwrite_unlocked(buf, 5, 5, sink) * 5); }
DO(fputs) { return E(fputs("four", sink) >= 0 ? 4 : -1); }
DO(fputs_unlocked) { return E(fputs_unlocked("sixsix", sink) >= 0 ? 6 : -1); }
DO(puts) { return E(puts("") >= 0 ? 1 : -1); }
DO(fflush) { return E(0, fflush(sink) != 0); }
DO(fflush_unlocked) { return E(0, fflush_unlocked(sink) != 0); }

DO(recv) { feed(3); return E((int)recv(sock[0], buf, 9, 0)); }
DO(__recv_chk) { feed(4); return E((int)__recv_chk(sock[0], buf, 9, sizeof(buf), 0)); }
DO(recvfrom) { feed(5); return E((int)recvfrom(sock[0], buf, 9, 0, NULL, NULL)); }
DO(__recvfrom_chk) { feed(6); return E((int)__recvfrom_chk(sock[0], buf, 9, 64, 0, NULL, NULL)); }
DO(recvmsg) { feed(17); return E((int)recvmsg(sock[0], &msg, 0)); }
DO(recvmmsg)
{
	struct mmsghdr m[2] = { { .msg_hdr = msg }, { .msg_hdr = msg } };

	feed(7);
	feed(8);
	return E(recvmmsg(sock[0], m, 2, 0, NULL) == 2 ? 15 : -1);
}
DO(send) { drain(); return E((int)send(sock[0], buf, 3, 0)); }
DO(sendto) { drain(); return E((int)sendto(sock[0], buf, 4, 0, NULL, 0)); }
DO(sendmsg) { drain(); return E((int)sendmsg(sock[0], &msg, 0)); }
DO(sendmmsg)
{
	struct mmsghdr m[2] = { { .msg_hdr = msg }, { .msg_hdr = msg } };

	drain();
	return E(sendmmsg(sock[0], m, 2, 0) == 2 ? 34 : -1);
}

DO(pthread_mutex_lock) { pthread_mutex_lock(&mutex); pthread_mutex_unlock(&mutex); return E(0); }
DO(pthread_mutex_trylock) { return E(0, pthread_mutex_trylock(&held) != 0); }
DO(pthread_mutex_timedlock) { return E(0, pthread_mutex_timedlock(&held, &past) != 0); }
DO(pthread_mutex_clocklock)
{
	return E(0, pthread_mutex_clocklock(&held, CLOCK_MONOTONIC, &past) != 0);
}
DO(pthread_mutex_unlock) { pthread_mutex_lock(&mutex); pthread_mutex_unlock(&mutex); return E(0); }
DO(pthread_cond_wait)
{
	/* Nothing wakes us but a signal that came before: there is none, so ask for an error. */
	pthread_mutexattr_t attr;
	pthread_mutex_t other;

	pthread_mutexattr_init(&attr);
	pthread_mutexattr_settype(&attr, PTHREAD_MUTEX_ERRORCHECK);
	pthread_mutex_init(&other, &attr);
	return E(0, pthread_cond_wait(&cond, &other) != 0);
}
DO(pthread_cond_timedwait) { return E(0, pthread_cond_timedwait(&cond, &held, &past) != 0); }
DO(pthread_cond_clockwait)
{
	return E(0, pthread_cond_clockwait(&cond, &held, CLOCK_MONOTONIC, &past) != 0);
}
DO(pthread_cond_signal) { pthread_cond_signal(&cond); return E(0); }
DO(pthread_cond_broadcast) { pthread_cond_broadcast(&cond); return E(0); }

static const struct {
	const char *symbol, *function;
	struct expect (*call)(void);
} table[] = {
#define STAT_SYMBOL(name, symbol, ...) { #symbol, #name, do_##symbol },
#define STAT_VOID(name, symbol, ...) { #symbol, #name, do_##symbol },
#include "../../../preload/functions.def"
};

static void prepare(void)
{
	char name[] = "/tmp/opv-known-XXXXXX";

	zero = open("/dev/zero", O_RDONLY);
	null = open("/dev/null", O_WRONLY);
	stream = fopen("/dev/zero", "r");
	sink = fopen("/dev/null", "w");
	lines = fmemopen((char *)"line\nmore", 9, "r");
	file = mkstemp(name);
	unlink(name);
	if (socketpair(AF_UNIX, SOCK_DGRAM, 0, sock) || ftruncate(file, 100))
		abort();
	pthread_mutex_lock(&held);
}

int main(int argc, char **argv)
{
	struct expect e = { 0, 0 };
	size_t i;
	long n;

	for (i = 0; argc < 3 && i < sizeof(table) / sizeof(table[0]); i++)
		printf("%s %s\n", table[i].symbol, table[i].function);
	if (argc < 3)
		return 0;
	prepare();
	for (i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		if (strcmp(table[i].symbol, argv[1]))
			continue;
		for (n = atol(argv[2]); n > 0; n--)
			e = table[i].call();
		printf("%d %d\n", e.bytes, e.failed);
		return 0;
	}
	return 3;
}
