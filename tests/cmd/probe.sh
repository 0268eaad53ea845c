#!/bin/sh
# SPDX-License-Identifier: MIT
# opv probe: what it says of machines of many kinds, and that all of them work.
. "$(dirname "$0")/common"
set -u

# probe NAME COMMAND...: run it with --json, which must be JSON; everything must work.
probe() {
	name=$1
	shift
	ran "$@" "$opv" probe --json
	cp "$tmp/out" "$tmp/json"
	ok "$status" "$name: everything works"
	is "$(json '$d->{works} ? "works" : "not"' <"$tmp/json")" works "$name: in JSON too"
	is "$(json 'join " ", grep { my $e = $d->{engines}{$_}; exists $e->{this_cpu} && !($e->{this_cpu}{good} &&
		(!exists $e->{other_cpu} || $e->{other_cpu}{good})) } keys %{$d->{engines}}' <"$tmp/json")" "" \
		"$name: so does every engine that was tried"
	[ "$status" = 0 ] || diag "$err" "$out"
}
says() { is "$(json "$1" <"$tmp/json")" "$2" "$3"; }
advises() { like "$(json 'join "\n", @{$d->{advice}}' <"$tmp/json")" "$1" "$2"; }
owner='$d->{rseq}{registered_by}' fence='$d->{fence}{used}'

# By the list of the library, in its order.
sed -n 's/^\tX([A-Z]*, \([a-z]*\), ".*/\1/p' "$OPV_SRC/include/opv/engine.h" >"$tmp/engines"
ok "$([ -s "$tmp/engines" ]; echo $?)" "the list of engines was found"
probe plain env
says 'join "\n", sort keys %{$d->{engines}}' "$(sort "$tmp/engines")" "each engine is told of"
says 'join " ", grep { $d->{engines}{$_}{available} && !$d->{engines}{$_}{this_cpu}{calls} }
	keys %{$d->{engines}}' "" "each that is there is tried"
says 'join " ", grep { !length $_->{why} } values %{$d->{engines}}' "" "and why (not)"
says '$d->{version}' "$(cat "$OPV_SRC/VERSION")" "so is the version"
says '$d->{kernel}{release}' "$(uname -r)" "so is the kernel"
says '$d->{kernel}{architecture}' "$(uname -m)" "and the architecture"
says '$d->{cpus}{online}' "$(cat /sys/devices/system/cpu/online)" "so are the CPUs online"
says '$d->{policy}{no_new_privs} ? 1 : 0' "$(sed -n 's/^NoNewPrivs:[^0-9]*//p' /proc/self/status)" \
	"so is no_new_privs"
says '$d->{tried}{this_cpu}{calls} > 0 ? 1 : 0' 1 "calls were tried"
if [ "$(json "$owner" <"$tmp/json")" = libc ]; then
	says '$d->{rseq}{fast_path} ? 1 : 0' 1 "where libc registers rseq, the fast path is active"
	says '$d->{tried}{this_cpu}{slow} * 100 < $d->{tried}{this_cpu}{calls} ? 1 : 0' 1 \
		"and taken by 99 calls of 100"
	says 'join " ", @{$d->{advice}}' "" "and there is nothing to advise"
else
	skip "where libc registers rseq, the fast path is active" "this libc does not"
fi
if [ "$(json '$d->{cpus}{another} // ""' <"$tmp/json")" != "" ]; then
	says '$d->{tried}{other_cpu}{slow} == $d->{tried}{other_cpu}{calls} ? 1 : 0' 1 \
		"on another CPU no call takes it"
	says '$d->{tried}{other_cpu}{ratio} > 1 ? 1 : 0' 1 "and it costs more"
else
	skip "on another CPU no call takes it" "there is one CPU"
fi

# The human form has the same facts.
ran "$opv" probe
is "$status" 0 "without --json everything works as well"
like "$out" '^  registered by +(libc|libopv|nobody)$' "who registered rseq"
while read -r engine; do
	like "$out" "^  $engine +(yes|no)(, works)?: ..." "engine $engine, yes or no, and why"
done <"$tmp/engines"
is "$(printf '%s\n' "$out" | grep -c "$(printf '\033')")" 0 "no colour but on a terminal"
is "$(printf '%s\n' "$out" | awk 'length > 100')" "" "no line is longer than 100 characters"

# Machines that refuse something.
if GLIBC_TUNABLES=glibc.pthread.rseq=0 "$opv" probe --json | json "$owner" | grep -q libopv; then
	probe tunable env GLIBC_TUNABLES=glibc.pthread.rseq=0
	says "$owner" libopv "with the tunable the library registers rseq"
	says '$d->{rseq}{fast_path} ? 1 : 0' 1 "and the fast path is active"
	advises 'GLIBC_TUNABLES' "the tunable is pointed out"
else
	skip "with the tunable the library registers rseq" "this libc or kernel has no rseq"
fi
if "$deny" EPERM rseq true; then
	for error in EPERM ENOSYS; do
		probe "rseq $error" "$deny" $error rseq
		says "$owner" nobody "rseq refused with $error: nobody registered it"
		says '$d->{rseq}{error}' $error "and that is the reason given"
		says '$d->{policy}{seccomp}' filter "the filter is told of"
		says '$d->{rseq}{fast_path} ? 1 : 0' 0 "the fast path is not active"
		says '$d->{tried}{this_cpu}{slow} == $d->{tried}{this_cpu}{calls} ? 1 : 0' 1 "nor taken"
		advises "seccomp filter refuses rseq \($error\)" "the filter is blamed"

		probe "membarrier $error" "$deny" $error membarrier
		says '$d->{membarrier}{error}' $error "membarrier refused with $error: told"
		says 'scalar @{$d->{membarrier}{commands}}' 0 "and no commands"
		if [ "$(json "$owner" <"$tmp/json")" != nobody ]; then
			says "$fence" move "the caller visits the CPU instead"
			says '$d->{rseq}{mm_cid} ? 1 : 0' 0 "and nothing can go by mm_cid"
			advises "membarrier \($error\)" "the filter is blamed"
		fi

		probe "setaffinity $error" "$deny" $error sched_setaffinity
		says '$d->{fence}{affinity_error}' $error "sched_setaffinity refused with $error: told"

		probe "all $error" "$deny" $error rseq,membarrier,sched_setaffinity
		says "$fence" none "all refused with $error: there is nothing to fence"
		probe "both $error" "$deny" $error membarrier,sched_setaffinity
		says "$owner" nobody "no fence ($error): then no sections either"
		probe "madvise $error" "$deny" $error madvise
	done
else
	skip "machines that refuse something" "this kernel takes no seccomp filter"
fi
if command -v valgrind >/dev/null 2>&1; then
	probe valgrind valgrind -q --error-exitcode=99
	says '$d->{policy}{valgrind} ? 1 : 0' 1 "valgrind is noticed"
	is "$err" "" "and finds nothing"
else
	skip "valgrind: everything works" "there is no valgrind"
fi
if [ "$(id -u)" = 0 ] && command -v setpriv >/dev/null 2>&1; then
	# The build may lie where nobody may go.
	chmod 755 "$tmp"
	cp "$opv" "$tmp/opv" && opv_was=$opv opv=$tmp/opv
	probe nobody setpriv --reuid 65534 --regid 65534 --clear-groups --inh-caps=-all --no-new-privs
	says '$d->{policy}{no_new_privs} ? 1 : 0' 1 "an ordinary user without privileges to come"
	opv=$opv_was
else
	skip "nobody: everything works" "only root can become another user"
fi
if command -v taskset >/dev/null 2>&1; then
	cpu=$(sed -n 's/^Cpus_allowed_list:[^0-9]*\([0-9]*\).*/\1/p' /proc/self/status)
	probe taskset taskset -c "$cpu"
	says '$d->{cpus}{allowed}' "$cpu" "one CPU that is allowed"
	says '$d->{cpus}{this}' "$cpu" "is where calls are made"
else
	skip "taskset: everything works" "there is no taskset"
fi
probe forced env OPV_FORCE=fence:100
says '$d->{rseq}{fast_path} ? 1 : 0' 0 "a forced engine: the fast path is not active"
[ "$(json "$owner" <"$tmp/json")" = nobody ] || advises 'OPV_FORCE' "and why is said"

# Where something does not work: a domain wants 4 MiB of addresses a CPU, and three times as much besides.
ran sh -c "ulimit -v 14000 && '$opv' probe --json"
cp "$tmp/out" "$tmp/json"
is "$status" 1 "without address space for a domain it is 1"
says '$d->{works} ? 1 : 0' 0 "and JSON says so"
advises 'no domain can be made \(ENOMEM\)' "and why"

# What it must not be asked.
ran "$opv" probe more
is "$status" 2 "an argument is misuse"
ran "$opv" probe --more
is "$status" 2 "an unknown option is misuse"
ran sh -c "'$opv' probe >/dev/full"
is "$status" 1 "output that cannot be written is an error"
done_testing
