#!/bin/sh
# SPDX-License-Identifier: MIT
# CPUs that go off and on: calls for those that are off are served, nothing is lost.
. "$(dirname "$0")/common"

# Seven of eight CPUs in turn, for as long as opv stress runs.
stress='./opv stress -d 8 >/tmp/stress 2>&1 & pid=$!
	turns=0
	while kill -0 $pid 2>/dev/null; do
		for cpu in 1 2 3 4 5 6 7; do
			echo 0 >/sys/devices/system/cpu/cpu$cpu/online && turns=$((turns + 1))
			sleep 0.01
			echo 1 >/sys/devices/system/cpu/cpu$cpu/online
		done
	done
	wait $pid || { cat /tmp/stress; exit 1; }
	grep "operations in" /tmp/stress
	echo "$turns times a CPU went off"
	[ $turns -gt 2 ]'

for kernel in 6.1 7.2; do
	have $kernel "CPU hotplug on $kernel" || continue
	guest_taps -c 8 -t 300 $kernel hotplug
	guest_ok "$kernel: opv stress while CPUs go off and on loses nothing" -c 8 -t 300 -f opv $kernel "$stress"
	diag "$out"
done
done_testing
