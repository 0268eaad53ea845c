#!/bin/sh
# SPDX-License-Identifier: MIT
# An ordinary user without capabilities needs nothing more.
set -u
. "$(dirname "$0")/../tap.sh"

if [ "$(id -u)" = 0 ]; then
	if ! command -v setpriv >/dev/null; then
		skip "an ordinary user needs no capability" "no setpriv to become one"
		done_testing
	fi
	as='setpriv --reuid=65534 --regid=65534 --clear-groups --inh-caps=-all --bounding-set=-all --no-new-privs'
	chmod 755 "$tmp"
else
	as=
fi
cp "$OPV_BUILD/opv" "$tmp/opv"
$CC -std=gnu11 -O2 -g -I"$OPV_SRC/include" -o "$tmp/works" "$OPV_SRC/tests/env/prog/works.c" \
	"$OPV_BUILD/libopv.a" -pthread
ok $? "the program compiles"
want=fast
"$tmp/works" fast >/dev/null || want=
is "$($as sed -n 's/^CapEff:[[:space:]]*//p' /proc/self/status)" 0000000000000000 \
	"an ordinary user has no capability"
timeout 60 $as "$tmp/works" $want >"$tmp/out" 2>&1
status=$?
[ $status = 0 ] || diag "$(cat "$tmp/out")"
ok $status "an ordinary user's calls work, as fast as root's"
timeout 60 $as "$tmp/opv" stress -d 1 --seed 7 >"$tmp/out" 2>&1
status=$?
[ $status = 0 ] || diag "$(cat "$tmp/out")"
ok $status "nothing is lost under stress by an ordinary user"
done_testing
