#!/bin/sh
# SPDX-License-Identifier: MIT
# The crowds of free lists and pools go red when one thing is left out of them, or the
# fence of the engine that they lean on.
set -u
. "$(dirname "$0")/../tap.sh"
. "$(dirname "$0")/crowd.inc"

build GATE freelist_crowd src/freelist.c
red GATE freelist_crowd
ok $? "lists are followed with the gate open: nodes are lost"

build GATE pool_crowd src/pool_trim.c
red GATE pool_crowd
ok $? "magazines are drained with the gate open: objects are lost"

build FENCE pool_crowd src/engine/fence.c src/fence.c
red FENCE pool_crowd
ok $? "magazines are trimmed and drained without a fence: objects are lost"

build TAG pool_crowd src/pool_depot.c
red TAG pool_crowd
ok $? "changes of a depot are not counted: batches are lost"

build OPERATION pool_crowd src/pool.c
red OPERATION pool_crowd
ok $? "operations of a magazine are not counted: objects are lost"

done_testing
