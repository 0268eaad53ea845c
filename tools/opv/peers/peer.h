/* SPDX-License-Identifier: MIT */
#ifndef _TOOLS_PEERS_PEER_H
#define _TOOLS_PEERS_PEER_H

/* What the cases of other libraries include. */

#include <stdlib.h>

#include "../bench.h"
#include "../bench_list.h"
#include "../bench_peers.h"

/* All is hidden, but for this and the cases. */
extern const struct bench_peer bench_peer __attribute__((__visibility__("default")));

__attribute__((__noreturn__)) static inline void peer_no_memory(void)
{
	fputs("opv bench: no memory\n", stderr);
	exit(1);
}

#endif /* _TOOLS_PEERS_PEER_H */
