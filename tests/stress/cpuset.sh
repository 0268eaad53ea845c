#!/bin/sh
# SPDX-License-Identifier: MIT
# A cpuset that changes all the time takes threads off their CPUs, and loses nothing.
set -u
. "$(dirname "$0")/../tap.sh"

what="in a cpuset that changes all the time nothing is lost"
root=/sys/fs/cgroup/cpuset
mounted=
if [ ! -e $root/cpuset.cpus ] && [ "$(id -u)" = 0 ]; then
	root=$tmp/cpuset
	mkdir "$root"
	mount -t cgroup -o cpuset none "$root" 2>/dev/null && mounted=1
fi
group=$root/opv-test-$$
if ! mkdir "$group" 2>/dev/null; then
	skip "$what" "no cgroup v1 cpuset that may be made here"
	done_testing
fi
clean_up() {
	while read -r pid; do echo "$pid" >"$root/tasks"; done <"$group/tasks" 2>/dev/null
	rmdir "$group"
	[ -z "$mounted" ] || umount "$root"
	rm -rf "$tmp"
}
trap clean_up EXIT
all=$(cat $root/cpuset.cpus 2>/dev/null)
[ -n "$all" ] || all=$(cat $root/cpuset.effective_cpus)
first=$(echo "$all" | sed 's/[-,].*//') last=$(echo "$all" | sed 's/.*[-,]//')
if [ "$first" = "$last" ]; then
	skip "$what" "one CPU only"
	done_testing
fi
cat $root/cpuset.mems >"$group/cpuset.mems"
echo "$all" >"$group/cpuset.cpus"

# The killed ones share a domain, which is fenced by moving there: a cpuset may forbid it.
scenarios=$("$OPV_BUILD/opv" stress --list | sed 's/ .*//' | grep -v killed | paste -sd, -)
sh -c 'echo $$ >"$1/tasks" && exec "$2" stress -d 3 -t 4 --only "$3"' sh "$group" "$OPV_BUILD/opv" \
	"$scenarios" >"$tmp/out" 2>&1 &
pid=$!
changes=0
while kill -0 $pid 2>/dev/null; do
	for cpus in "$first" "$all" "$last" "$all"; do
		echo "$cpus" >"$group/cpuset.cpus" && changes=$((changes + 1))
		sleep 0.03
	done
done
wait $pid
status=$?
diag "$changes changes; $(grep 'operations in' "$tmp/out")"
[ $status = 0 ] || diag "$(cat "$tmp/out")"
ok $status "$what"
[ $changes -gt 20 ]
ok $? "it did change"
done_testing
