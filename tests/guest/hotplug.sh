#!/bin/sh
# SPDX-License-Identifier: MIT
# A machine with two nodes, whose CPUs go off and on: calls for those that are off are served,
# nothing is lost by any structure, nor by an unmodified program's malloc, and memory is where
# it belongs.
. "$(dirname "$0")/common"

nodes='-m 768 -c 8,sockets=2'
for node in 0 1; do
	nodes="$nodes -q -object -q memory-backend-ram,size=384M,id=memory$node"
	nodes="$nodes -q -numa -q node,nodeid=$node,cpus=$((4 * node))-$((4 * node + 3)),memdev=memory$node"
done

# Seven of eight CPUs in turn, for as long as $pid runs.
turn='turns=0
	while kill -0 $pid 2>/dev/null; do
		for cpu in 1 2 3 4 5 6 7; do
			echo 0 >/sys/devices/system/cpu/cpu$cpu/online && turns=$((turns + 1))
			sleep 0.01
			echo 1 >/sys/devices/system/cpu/cpu$cpu/online
		done
	done
	wait $pid || { echo "status $?"; tail -n 5 /tmp/load; grep -B 2 -A 5 "problems.: .$" /tmp/load; exit 1; }
	echo "$turns times a CPU went off"
	[ $turns -gt 2 ] || exit 1'

# Scenarios of opv stress that did nothing, or what is no output of it.
idle() {
	printf '%s\n' "$out" | sed -n '/^{/,$p' | perl -MJSON::PP -e 'local $/; my $d = decode_json(<STDIN>);
		print join " ", map { $_->{name} } grep { !$_->{operations} } @{$d->{scenarios}}' 2>&1
}

# The library without knowledge of nodes.
$CC -std=gnu11 -O2 -I"$OPV_SRC/include" -I"$OPV_SRC/tests" -DOPV_BREAK=OPV_BREAK_NODES -static \
	-o "$tmp/nowhere" "$harness/prog/numa.c" "$OPV_SRC/src/env.c" "$programs/../libopv.a" -pthread 2>"$tmp/err"
ok $? "a library that knows of no CPU which node it is of compiles"
diag "$(head -n 20 "$tmp/err")"
$CC -O1 -g -fno-builtin -pthread -o "$tmp/threads" "$OPV_SRC/tests/malloc/programs/threads.c"
ok $? "so does a program that allocates"
malloc=$OPV_BUILD/libopv-malloc.so
shared "$tmp/threads"

for kernel in 6.1 7.2; do
	have $kernel "CPU hotplug on $kernel" || continue
	also stress "./opv stress -d 8 --json >/tmp/load 2>/tmp/progress & pid=\$!
		$turn
		cat /tmp/load"
	also malloc "LD_PRELOAD=./libopv-malloc.so ./threads 8 2000 fork move short >/tmp/load 2>&1 & pid=\$!
		$turn
		cat /tmp/load"
	also nowhere ./nowhere
	# shellcheck disable=SC2086 # lists of words
	guest_taps $nodes -t 300 $shared -f opv -f "$tmp/nowhere" -f "$tmp/threads" -f "$malloc" \
		$kernel hotplug numa trim
	part_ok stress "$kernel: opv stress while CPUs go off and on loses nothing"
	is "$(idle)" "" "$kernel: every structure and operation took part"
	diag "$(printf '%s\n' "$out" | grep 'went off')"
	part_ok malloc "$kernel: blocks of a program under libopv-malloc.so stay whole meanwhile"
	like "$out" '^all blocks were whole' "$kernel: all of them"
	part nowhere
	is "$result" 1 "$kernel: without knowledge of nodes the test of them fails"
	like "$out" '^not ok [0-9]+ - made and touched on node 0' "$kernel: memory of CPUs is anywhere"
	like "$out" "^not ok [0-9]+ - the other node has its allocator asked" "$kernel: there is one depot"
done
done_testing
