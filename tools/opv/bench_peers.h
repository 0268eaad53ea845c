/* SPDX-License-Identifier: MIT */
#ifndef _TOOLS_BENCH_PEERS_H
#define _TOOLS_BENCH_PEERS_H

/*
 * What other libraries have for the same, measured in the same rounds: an object for each
 * of them, peers/NAME.c, loaded where it is there, so that the command needs libc alone.
 *
 * THE list of them, X(NAME, name, Debian's package): cases that are theirs have the flag
 * BENCH_NAME, and are functions of peers/name.c.
 */
#define BENCH_PEERS(X)								\
	X(URCU, urcu, "liburcu-dev")						\
	X(CK, ck, "libck-dev")							\
	X(LTTNG, lttng, "liblttng-ust-dev")

/* What such an object has beside its cases, as "bench_peer". */
struct bench_peer {
	/* Before any case, in the main thread: NULL, or why there is nothing to be measured. */
	const char *(*begin)(void);
	/* After all, in the main thread, when begin() had answered NULL: NULL, or what was wrong. */
	const char *(*end)(void);
};

struct bench;

/* bench_peers.c */
void bench_peers_load(unsigned int flags);	/* those that have one of these flags */
const char *bench_peers_obstacle(unsigned int flags);	/* NULL, or why there is none of them */
const char *bench_peers_end(void);		/* NULL, or what was wrong */

#endif /* _TOOLS_BENCH_PEERS_H */
