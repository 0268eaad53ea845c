#!/bin/sh
# SPDX-License-Identifier: MIT
# The crowds of rings, locks and reader-writer locks go red when one thing is left out of them,
# or of the engine that they lean on.
set -u
. "$(dirname "$0")/../tap.sh"
. "$(dirname "$0")/crowd.inc"

build MARK ring_crowd src/ring_read.c
red MARK ring_crowd
ok $? "records are read before they are committed: they are not whole"

build STILL ring_crowd src/ring_read.c
red STILL ring_crowd
ok $? "nobody looks whether a record was overwritten while it was read: it is not whole"

build GIVE_UP ring_crowd src/ring.c
red GIVE_UP ring_crowd
ok $? "records are overwritten while they are written: they are not whole"

build LOCK ring_crowd src/engine/fence.c src/fence.c
red LOCK ring_crowd
ok $? "two engines work as one CPU: records are lost"

if [ "$(nproc)" -lt 2 ]; then
	skip "without a fence readers and writers meet" "there is one CPU only"
	skip "the locks of readers are added up before their unlocks: readers and writers meet" "there is one CPU only"
	skip "without a fence two have the lock of a CPU" "there is one CPU only"
	done_testing
fi
build READERS rwlock_pair src/rwlock.c
red READERS rwlock_pair
ok $? "without a fence readers and writers meet"

build SUM rwlock_pair src/rwlock.c
red SUM rwlock_pair
ok $? "the locks of readers are added up before their unlocks: readers and writers meet"

build FENCE lock_crowd src/engine/fence.c src/fence.c
red FENCE lock_crowd
ok $? "without a fence two have the lock of a CPU"
done_testing
