#!/bin/sh
# SPDX-License-Identifier: MIT
# The module while CPUs go off and on; and while it is itself to be unloaded.
. "$(dirname "$0")/kernel_call"

# With a descriptor open it stays; without it goes, also if many come and go.
unload='exec 3<>/dev/cpu_opv
	rmmod cpu_opv 2>/tmp/why && exit 1
	cat /tmp/why
	./cases >/tmp/out || { cat /tmp/out; exit 2; }
	exec 3>&-
	rmmod cpu_opv || exit 3
	[ ! -e /dev/cpu_opv ] || exit 4
	(while [ ! -e /tmp/stop ]; do ./cases >/dev/null 2>&1; done) & pid=$!
	for i in 1 2 3 4 5 6 7 8; do
		insmod ./cpu_opv.ko || exit 5
		sleep 0.0$i
		until rmmod cpu_opv 2>/dev/null; do :; done
	done
	touch /tmp/stop
	wait $pid
	insmod ./cpu_opv.ko && ./cases >/tmp/out || { cat /tmp/out; exit 6; }'

for kernel in 6.1 6.12 7.2; do
	have $kernel "the module and CPU hotplug on $kernel" && with_module $kernel || continue
	also unload "$unload"
	# shellcheck disable=SC2086 # lists of words
	guest_taps -c 8 -t 300 $with -f cases $kernel offline
	part_ok unload "$kernel: the module is not unloaded while it is open, and is when it is not"
	like "$out" 'busy|unavailable' "$kernel: because it is in use"
done
done_testing
