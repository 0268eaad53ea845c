#!/bin/sh
# SPDX-License-Identifier: MIT
# Every watched symbol is counted, exactly, in the line that it belongs to.
set -u
. "$(dirname "$0")/common"

program known || { ok 1 "known compiles"; done_testing; }

# counted SYMBOL FUNCTION N: calls bytes failed; then what the program says
counted() {
	said=$("$opv" stat -j -o "$tmp/json" -f "$2" -- "$tmp/known" "$1" "$3")
	set -- "$2"
	echo "$(field "$tmp/json" "$1" calls) $(field "$tmp/json" "$1" bytes)" \
		"$(field "$tmp/json" "$1" failed) $said"
}

n=100
"$tmp/known" >"$tmp/symbols"
while read -r symbol function; do
	set -- $(counted "$symbol" "$function" 0)
	calls=$1 bytes=$2 failed=$3
	set -- $(counted "$symbol" "$function" $n)
	is "$(($1 - calls)) calls, $(($2 - bytes)) bytes, $(($3 - failed)) failed" \
		"$n calls, $(($4 * n)) bytes, $(($5 * n)) failed" "$symbol is counted as $function"
done <"$tmp/symbols"

"$opv" stat --list --json >"$tmp/list"
is "$(perl -MJSON::PP -0777 -ne 'print join "\n", map $_->{name}, @{decode_json $_}' "$tmp/list" |
	sort -u | tr '\n' ' ')" "$(awk '{print $2}' "$tmp/symbols" | sort -u | tr '\n' ' ')" \
	"--list names what was counted here"

for latency in "" --no-latency; do
	"$opv" stat -j $latency -o "$tmp/json" -- "$tmp/known" malloc 100000 >/dev/null
	is "$(field "$tmp/json" malloc sum:calls)" "$(field "$tmp/json" malloc calls)" \
		"per_cpu adds up to calls ${latency:-with latency}"
	is "$(field "$tmp/json" malloc sum:bytes)" "$(field "$tmp/json" malloc bytes)" \
		"per_cpu adds up to bytes ${latency:-with latency}"
done
is "$(field "$tmp/json" malloc p50_ns)" null "no latencies where none were asked for"

"$opv" stat -j -o "$tmp/json" -f 'pthread_cond_*,!pthread_cond_wait' true
is "$(perl -MJSON::PP -0777 -ne 'print join " ", map $_->{name}, @{decode_json($_)->{functions}}' \
	"$tmp/json")" \
	"pthread_cond_timedwait pthread_cond_clockwait pthread_cond_signal pthread_cond_broadcast" \
	"--filter takes globs and exceptions"
"$opv" stat -j -o "$tmp/json" -f 'io' "$tmp/known" malloc 10 >/dev/null
is "$(field "$tmp/json" malloc calls)" null "--filter leaves out what it does not name"
"$opv" stat -j -o "$tmp/json" -f '!malloc' "$tmp/known" calloc 10 >/dev/null
is "$(field "$tmp/json" malloc calls) $(field "$tmp/json" calloc failed)" "null 0" \
	"--filter !X watches everything else"
done_testing
