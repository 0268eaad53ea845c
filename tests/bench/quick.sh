#!/bin/sh
# SPDX-License-Identifier: MIT
# What opv bench prints, and what it refuses.  Nothing in here is about time.
set -u
. "$(dirname "$0")/../tap.sh"

opv=$OPV_BUILD/opv

# Perl's own JSON parser: Debian's perl has it.
json() {
	perl -MJSON::PP -e '
		local $/; my $d = JSON::PP->new->decode(<STDIN>);
		print eval($ARGV[0]) // die($@ || "nothing\n"), "\n";
	' "$1"
}

refuses() { # NAME PATTERN ARGUMENT...
	name=$1 pattern=$2
	shift 2
	"$opv" bench "$@" >"$tmp/out" 2>"$tmp/err" </dev/null
	is "$? $(wc -c <"$tmp/out")" "2 0" "$name: exit status 2, nothing on stdout"
	like "$(cat "$tmp/err")" "^opv bench: .*$pattern" "$name: says what is wrong"
}

# One short run of everything serves most of what follows.
"$opv" bench -r 2 -d 0.1 --aims --json --svg "$tmp/b.svg" >"$tmp/json" 2>"$tmp/err"
is "$?" 0 "a run of all cases ends well"
is "$(cat "$tmp/err")" "" "it says nothing on stderr when that is no terminal"

json 'join "\n", sort((map { $_->{case} } @{$d->{skipped}}),
	keys %{{ map { $_->{case} => 1 } @{$d->{rows}} }})' <"$tmp/json" >"$tmp/got"
is "$?" 0 "the output is JSON"
"$opv" bench --list --json | json 'join "\n", sort map { $_->{case} } @$d' >"$tmp/list"
is "$(cat "$tmp/got")" "$(cat "$tmp/list")" "each case of the list is measured, or skipped by name"
is "$("$opv" bench --list | sed -n 's/^  \([a-z0-9_]*\) .*/\1/p' | sort)" "$(cat "$tmp/list")" \
	"the list for people is the list for machines"
json 'join "\n", map { "$_->{case}\t$_->{why}" } @{$d->{skipped}}' <"$tmp/json" |
	while IFS='	' read -r case why; do
		[ -z "$case" ] || diag "not measured here: $case: $why"
	done

is "$(json 'join " ", map { $_->{case} } grep {
	grep { !($_ > 0) } map { @$_{qw(median q1 q3 min max)} } $_->{ns} // $_->{kB}, $_->{ratio} } @{$d->{rows}}' \
	<"$tmp/json")" "" "all figures of all rows are positive"
is "$(json 'join " ", map { $_->{case} } grep { my $r = $_;
	grep { !($_->{min} <= $_->{q1} && $_->{q1} <= $_->{median} && $_->{median} <= $_->{q3} &&
		 $_->{q3} <= $_->{max}) } $r->{ns} // $r->{kB}, $r->{ratio} } @{$d->{rows}}' <"$tmp/json")" "" \
	"all spreads are in order"
is "$(json 'join " ", map { $_->{case} } grep { $_->{samples} != ($_->{kB} ? 1 : 2) } @{$d->{rows}}' \
	<"$tmp/json")" "" "each row has as many samples as there were rounds, of memory one of ten"
is "$(json 'join " ", grep { !length $d->{$_} } qw(version date cpu cpus kernel compiler rounds)' \
	<"$tmp/json")" "" "the output tells machine, kernel, date and version"
is "$(json '$d->{version}' <"$tmp/json")" "$(cat "$OPV_SRC/VERSION")" "the version is the library's"
is "$(json 'scalar grep { $_->{measured} && !exists $_->{met} } @{$d->{aims}}' <"$tmp/json")" 0 \
	"each aim that was measured has a verdict"
is "$(json 'scalar(@{$d->{aims}}) > 5 ? 1 : 0' <"$tmp/json")" 1 "the aims are told"

# The drawing.
if command -v xmllint >/dev/null; then
	xmllint --noout "$tmp/b.svg" 2>"$tmp/err"
	ok $? "the drawing is well-formed XML"
elif command -v python3 >/dev/null; then
	python3 -c 'import sys, xml.dom.minidom as m; m.parse(sys.argv[1])' "$tmp/b.svg"
	ok $? "the drawing is well-formed XML"
else
	skip "the drawing is well-formed XML" "neither xmllint nor python3"
fi
json 'join "\n", sort keys %{{ map { $_->{case} => 1 } @{$d->{rows}} }}' <"$tmp/json" >"$tmp/measured"
is "$(sed -n 's/.*class="name">\([a-z0-9_]*\)<.*/\1/p' "$tmp/b.svg" | sort)" "$(cat "$tmp/measured")" \
	"each case that was measured is drawn"
is "$(grep -c 'class="quartiles"' "$tmp/b.svg")" "$(json 'scalar @{$d->{rows}}' <"$tmp/json")" \
	"each row has its whisker"

# Filters and threads.
"$opv" bench -r 1 -d 0.01 -t 1 --filter 'xchg*' --json >"$tmp/json"
is "$(json 'join " ", map { $_->{case} } @{$d->{rows}}' <"$tmp/json")" \
	"tls_add_round xchg64 xchg64_at" "a filter leaves what it is like, and the plain increment"
"$opv" bench -r 1 -d 0.01 -t 3 --filter add64 --json >"$tmp/json"
is "$(json 'join " ", map { $_->{threads} } grep { $_->{case} eq "add64" } @{$d->{rows}}' <"$tmp/json")" \
	"1 2 3" "-t 3 measures with 1, 2 and 3 threads, more than CPUs or not"
"$opv" bench -r 1 -d 0.01 -t 2 --pin no --filter 'p*' --json >"$tmp/json"
is "$? $(json '$d->{pinned} ? 1 : 0' <"$tmp/json")" "0 0" "--pin no measures threads that wander"
(OPV_FORCE=fence:100 "$opv" bench -r 1 -d 0.01 -t 1 --filter 'add64_f*' --json) >"$tmp/json"
like "$(json 'join "\n", map { $_->{why} } @{$d->{skipped}}' <"$tmp/json")" OPV_FORCE \
	"cases that force engines stand back where OPV_FORCE does"
(GLIBC_TUNABLES=glibc.pthread.rseq=0 OPV_FORCE= "$opv" bench -r 1 -d 0.05 -t 1 \
	--filter 'add64*' --json) >"$tmp/json"
is "$?" 0 "it works where the C library registers no rseq"
if taskset 1 true 2>/dev/null; then
	taskset 1 "$opv" bench -r 1 -d 0.01 --filter remote_add_busy --json >"$tmp/json"
	is "$(json '$d->{skipped}[0]{case}' <"$tmp/json")" remote_add_busy \
		"what needs another CPU is skipped where there is one only"
else
	skip "what needs another CPU is skipped where there is one only" "no taskset, or no CPU 0"
fi

# More threads than CPUs.
"$opv" bench --preempted -r 2 -d 0.4 --aims --json >"$tmp/json" 2>"$tmp/err"
is "$? $(cat "$tmp/err")" "0 " "--preempted ends well, and finds each addition once"
is "$(json 'join " ", map { $_->{by} } grep { my $r = $_; $r->{per_second}{median} > 0 &&
	!grep { !($_->{number} > 0 && $_->{p50} <= $_->{p99} && $_->{p99} <= $_->{p999} &&
		  $_->{p999} <= $_->{max}) } @$r{qw(workers_ns visitors_ns)} } @{$d->{preempted}}' \
	<"$tmp/json")" "vector mutex" "it has figures of vectors and of mutexes, in order"
is "$(json 'scalar grep { $_->{measured} && exists $_->{met} } @{$d->{aims}}' <"$tmp/json")" 2 \
	"its two aims have verdicts"
"$opv" bench --preempted -r 1 -d 0.1 --aims >"$tmp/out"
like "$(cat "$tmp/out")" 'visitors, mutex / vector .*(met|missed|tell)$' "it has a table as well"

# The table.
"$opv" bench -r 1 -d 0.01 -t 1 --filter add64 --aims >"$tmp/out"
like "$(cat "$tmp/out")" '^opv bench [0-9.]+, 20[0-9-]+T' "the table begins with version and date"
like "$(cat "$tmp/out")" '^ *add64 +1 +[0-9.]+ ' "the table has the case, its threads and a figure"
like "$(cat "$tmp/out")" 'not measured$' "an aim that was not measured is said to be so"
is "$(grep -c "$(printf '\033')" "$tmp/out")" 0 "no colour where stdout is no terminal"
is "$(awk 'NF && /^  [a-z0-9_]+ +[0-9]+ / { sub(/ [*]$/, ""); print length }' "$tmp/out" | sort -u | wc -l)" 1 \
	"rows are aligned"

# Misuse.
refuses "an option that there is not" 'no option "--fast"' --fast
refuses "an argument too many" 'one argument too many' extra
refuses "no threads" '-t wants a number from 1 to' -t 0
refuses "threads that are no number" '-t wants a number' -t many
refuses "no time" '-d wants a number of seconds above 0' -d 0
refuses "no rounds" '-r wants a number from 1 to' -r 0
refuses "a filter that nothing is like" 'no case is like "nothing\*"' --filter 'nothing*'
refuses "pinning perhaps" '--pin wants yes or no' --pin perhaps
refuses "a number of threads for --preempted" '--preempted goes with' --preempted -t 2
refuses "an argument missing" '--svg wants an argument' --svg
"$opv" bench -r 1 -d 0.01 --filter add64 --svg "$tmp/none/b.svg" >"$tmp/out" 2>"$tmp/err"
is "$? $(wc -c <"$tmp/out")" "1 0" "a drawing that cannot be written: exit status 1, before measuring"
like "$(cat "$tmp/err")" "none/b.svg: No such file" "it names the file and the reason"
"$opv" bench --help >"$tmp/out"
is "$?" 0 "--help is no error"
for option in $(grep -o '{ "[a-z]*", [a-z]*_argument' "$OPV_SRC/tools/opv/bench.c" | sed 's/.*"\(.*\)".*/--\1/'); do
	grep -q -e "$option" "$tmp/out" || diag "not in --help: $option"
	grep -q -e "$(printf '%s' "$option" | sed 's/-/\\\\-/g')" "$OPV_SRC/man/opv-bench.1" ||
		diag "not in opv-bench(1): $option"
done >"$tmp/missing"
is "$(cat "$tmp/missing")" "" "--help and the man page tell all options"

done_testing
