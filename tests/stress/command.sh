#!/bin/sh
# SPDX-License-Identifier: MIT
# The command line of opv stress.
set -u
. "$(dirname "$0")/../tap.sh"

opv=$OPV_BUILD/opv

# misuse PATTERN ARGUMENT...: exit status 2, a message that says so, nothing on stdout.
misuse() {
	pattern=$1
	shift
	"$opv" stress "$@" >"$tmp/out" 2>"$tmp/err"
	status=$?
	is "$status $(wc -c <"$tmp/out")" "2 0" "opv stress $*: exit status 2"
	like "$(cat "$tmp/err")" "$pattern" "opv stress $*: says why"
}

misuse '-t wants a number' -t 0
misuse '-t wants a number' -t x
misuse '-d wants' -d -1
misuse '-n wants' -n 0
misuse '-d and -n' -d 1 -n 1
misuse 'no scenario "nothing"' --only add,nothing
misuse 'no engine "none"' --force none:1
misuse 'ENGINE:PERCENT' --force fence
misuse 'from 0 to 100' --force fence:101
misuse 'no option "--what"' --what
misuse 'wants an argument' --seed
misuse 'too many' extra

"$opv" stress --force module:1 >"$tmp/out" 2>&1
status=$?
if "$opv" stress --force module:1 -n 1 >/dev/null 2>&1; then
	skip "an engine that is not available is refused" "all engines are available here"
else
	is $status 1 "an engine that is not available is refused"
	like "$(cat "$tmp/out")" 'module.*not available' "and it is said why"
fi

"$opv" stress --help >"$tmp/out"
is $? 0 "--help is no mistake"
for option in $(sed -n 's/^	{ "\([a-z-]*\)".*/\1/p' "$OPV_SRC/tools/opv/stress.c"); do
	grep -q -- "--$option" "$tmp/out" && tr -d '\\' <"$OPV_SRC/man/opv-stress.1" | grep -q -- "--$option"
	ok $? "--help and the page tell of --$option"
done

for name in $("$opv" stress --list | sed 's/ .*//'); do
	timeout 60 "$opv" stress -n 200 -t 2 --only "$name" --json >"$tmp/out" 2>"$tmp/err"
	ok $? "scenario $name alone"
	is "$(grep -c '"name":' "$tmp/out") $(grep '"name":' "$tmp/out" | tr -d ' ,')" "1 \"name\":\"$name\"" \
		"and no other ($name)"
done

"$opv" stress -n 4000 -t 2 --json --seed 11 >"$tmp/json"
ok $? "--json"
if command -v python3 >/dev/null; then
	python3 - "$tmp/json" <<-'END'
		import json, sys
		j = json.load(open(sys.argv[1]))
		assert j["ok"] is True and j["seed"] == 11 and j["threads"] == 2
		assert j["operations"] >= 4000 and len(j["scenarios"]) > 10
		assert j["calls"]["opv_add8"] > 0 and "slow" in j["counts"]
	END
	ok $? "the JSON is well-formed, and says what was asked for and done"
else
	skip "the JSON is well-formed" "no python3"
fi
if [ -e /dev/full ]; then
	"$opv" stress -n 100 -t 1 --only add >/dev/full 2>"$tmp/err"
	is $? 1 "output that cannot be written is a failure"
fi
done_testing
