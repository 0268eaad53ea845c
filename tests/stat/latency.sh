#!/bin/sh
# SPDX-License-Identifier: MIT
# Latencies are those of the calls.
set -u
. "$(dirname "$0")/common"

program probe || { ok 1 "probe compiles"; done_testing; }
program known || { ok 1 "known compiles"; done_testing; }

# between LOW VALUE HIGH NAME
between() {
	[ "$1" -le "$2" ] && [ "$2" -le "$3" ]
	result=$?
	ok $result "$4"
	[ $result = 0 ] || diag "$2 is not between $1 and $3"
}

# A loaded machine makes sleeps longer, never shorter.
"$opv" stat -j -o "$tmp/json" -f read "$tmp/probe" block 100
is "$(field "$tmp/json" read calls)" 5 "five reads that block for 100 ms each"
between 90000000 "$(field "$tmp/json" read p50_ns)" 1000000000 "p50 is about 100 ms"
between 90000000 "$(field "$tmp/json" read max_ns)" 2000000000 "max is about 100 ms"
between 450000000 "$(field "$tmp/json" read total_ns)" 5000000000 "in total 500 ms"
p50=$(field "$tmp/json" read p50_ns) p99=$(field "$tmp/json" read p99_ns)
max=$(field "$tmp/json" read max_ns)
[ "$p50" -le "$p99" ] && [ "$p99" -le "$max" ]
ok $? "p50 <= p99 <= max"

case $(top "$tmp/json" clock) in
tsc) between 100000000 "$(top "$tmp/json" clock_hz)" 20000000000 "the rate of the TSC is plausible" ;;
*) is "$(top "$tmp/json" clock_hz)" 1000000000 "nanoseconds where the TSC will not do" ;;
esac

"$opv" stat -j -o "$tmp/json" -f malloc "$tmp/known" malloc 100000 >/dev/null
between 1 "$(field "$tmp/json" malloc p50_ns)" 10000 "an allocation takes nanoseconds"
"$opv" stat -j -o "$tmp/json" -f pthread_cond_timedwait "$tmp/known" pthread_cond_wait 5 >/dev/null
is "$(field "$tmp/json" pthread_cond_timedwait p50_ns)" null "no latency of what was not called"

# The same with the clock that other machines have.
lib=$OPV_BUILD/libopv-stat.so
cat >"$tmp/monotonic.sh" <<'S'
#!/bin/sh
# The flag that says "TSC" is taken away on the way.
OPV_STAT=$(printf %s "$OPV_STAT" | sed 's/:3:\([^:]*\)$/:1:\1/')
export OPV_STAT
exec "$@"
S
chmod +x "$tmp/monotonic.sh"
"$opv" stat -j -o "$tmp/json" -f pread "$tmp/monotonic.sh" "$tmp/known" pread 1000 >/dev/null
is "$(field "$tmp/json" pread calls)" 1000 "calls are counted with the system's clock, too"
between 1 "$(field "$tmp/json" pread p50_ns)" 1000000 "and take some time"
done_testing
