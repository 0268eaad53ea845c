#!/bin/sh
# SPDX-License-Identifier: MIT
# opv malloc-stat: its numbers are exact and add up, the command notices nothing, and CPUs
# that are not used give their memory back.
set -u
. "$(dirname "$0")/common"

program work
# run WORD...: work under opv malloc-stat, JSON into $tmp/json
run() {
	"$opv" malloc-stat -j -o "$tmp/json" -- "$tmp/work" "$@" >"$tmp/out" 2>&1
	status=$?
}
# sum KEY KEY...: of class $class
sum() {
	total=0
	for key; do total=$((total + $(count "$tmp/json" "$key" "$class"))); done
	echo $total
}

# A size that nothing else in the program uses.
class=888
run pairs 100000 880
is "$(sum hits misses)" 100000 "each allocation is a hit or a miss"
is "$(sum kept passed)" 100000 "each free is kept or passed on"
is "$([ "$(sum hits)" -ge 99900 ] && echo most)" most "nearly all pairs are served from the cache"
is "$(sum cpus:hits cpus:misses cpus:kept)" "$(sum hits misses kept)" "the CPUs add up to all"
is "$status $(count "$tmp/json" exit_status)" "0 0" "the exit status is the command's"
run fork 5000 880
is "$(sum hits misses)" 10000 "a child counts as well"
run exec 5000 880
is "$(sum hits misses) $(count "$tmp/json" programs)" "10000 2" "and what is executed"
run kill 5000 880
is "$(sum hits misses) $status $(count "$tmp/json" signal)" "5000 137 9" "and what is killed"
run five
is "$status" 5 "another exit status"

# What is freed at once exceeds the caches by far.
run pile 50000 880
is "$(sum hits misses)" 50000 "each allocation of a pile is a hit or a miss"
is "$(sum kept passed)" 50000 "each free is kept or passed on"
cached=$(count "$tmp/json" cached_blocks $class)
# 32 KiB when it is counted, as many again until the next time, on each CPU; 8 lists on the shelf.
is "$([ "$cached" -gt 0 ] && [ "$cached" -le $((2 * 37 * (cpus + 8))) ] && echo bounded)" bounded \
	"the caches hold no more than they may"
is "$(($(sum kept refilled shelved) - $(sum hits flushed trimmed unshelved)))" "$cached" "what is in them is what came less what went"
run pile 50000 100000
class=100000
is "$(perl -MJSON::PP -e 'local $/; open F, "<", $ARGV[0]; my ($c) = grep { !defined $_->{bytes} } @{decode_json(<F>)->{classes}};
	print $c->{misses} >= 50000 && $c->{passed} >= 50000 ? "seen" : "lost"' "$tmp/json")" seen "large blocks are counted, too"
class=888
run trim 1000 880
is "$(count "$tmp/json" cached_blocks $class)" 0 "malloc_trim() empties the caches"
is "$([ "$(sum trimmed)" -gt 0 ] && echo some)" some "by trimming them"
if [ "$cpus" -gt 1 ] && taskset -c 0,1 true 2>/dev/null; then
	# Twice as long as it takes to be found idle.
	run leave 60 880
	is "$status" 0 "a program leaves a CPU"
	is "$(count "$tmp/json" cached_blocks $class)" 0 "the cache that it left behind is drained from elsewhere"
	is "$([ "$(sum trimmed)" -gt 0 ] && echo some)" some "by trimming it"
else
	skip "the cache that a program left behind is drained" "CPUs 0 and 1 are not both to be had"
fi

# The table, and the command around it.
"$opv" malloc-stat -o "$tmp/table" -c "$tmp/work" pairs 1000 880
like "$(cat "$tmp/table")" "^opv malloc-stat: .*work pairs 1000 880: .* 1 program, exit status 0" \
	"the table says what was run"
like "$(cat "$tmp/table")" "^888 .* 9[0-9]\.[0-9]%" "and has a line for the size"
like "$(cat "$tmp/table")" "^CPU [0-9]+ " "--per-cpu has a line for a CPU"
"$opv" malloc-stat -i 0.2 sh -c 'sleep 0.7' 2>"$tmp/err"
is "$([ "$(grep -c ' running' "$tmp/err")" -ge 2 ] && echo several)" several "--interval tells while it runs"
# ends STATUS TEXT NAME ARGUMENT...
ends() {
	wanted=$1 text=$2 name=$3
	shift 3
	"$opv" malloc-stat "$@" >"$tmp/out" 2>"$tmp/err"
	is "$? $(grep -c -- "$text" "$tmp/err")" "$wanted 1" "$name"
}
ends 2 "there is no COMMAND" "no command is misuse"
ends 2 "no option" "so is an unknown option" --frobnicate true
ends 2 "seconds above 0" "and an interval of nothing" -i 0 true
ends 127 "not found" "127 for what is not there" no-such-command
ends 126 "directory" "126 for what cannot be run" /
sed 's|/lib64/ld-linux-x86-64\.so\.2|/lib64/ld-linux-x86-64.so.9|' "$opv" >"$tmp/no-loader"
chmod +x "$tmp/no-loader"
ends 127 "^opv malloc-stat: .*no-loader: No such file" "and for what the kernel will not run, in its own name" \
	"$tmp/no-loader"
ends 1 "/no/such" "1 for an output that cannot be written" -o /no/such/file true
OPV_MALLOC_LIBRARY=/no/such.so ends 1 "/no/such.so" "1 where there is no library" true
is "$(printf 'in\nout\n' | "$opv" malloc-stat -o "$tmp/table" cat)" "in
out" "input and output are the command's"
is "$("$opv" malloc-stat -o "$tmp/table" "$OPV_BUILD/opv" --version)" "opv $(cat "$OPV_SRC/VERSION")" \
	"a program that uses libopv itself"
LD_PRELOAD="$lib" "$opv" stat -n -j -o "$tmp/json" "$tmp/work" pairs 1000 880
is "$(perl -MJSON::PP -e 'local $/; open F, "<", $ARGV[0];
	my ($f) = grep { $_->{name} eq "malloc" } @{decode_json(<F>)->{functions}};
	print $f->{calls} >= 1000 ? "counted" : "lost"' "$tmp/json")" counted \
	"opv stat counts the calls of a program on the library"
done_testing
