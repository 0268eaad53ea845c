#!/bin/sh
# SPDX-License-Identifier: MIT
# opv bench beside other libraries: with those that are installed, and without any.
set -u
. "$(dirname "$0")/../tap.sh"

json() {
	perl -MJSON::PP -e '
		local $/; my $d = JSON::PP->new->decode(<STDIN>);
		print eval($ARGV[0]) // die($@ || "nothing\n"), "\n";
	' "$1"
}

# The command looks beside itself, so this one has no others at first.
mkdir "$tmp/b" && cp "$OPV_BUILD/opv" "$tmp/b/opv" || exit 1
opv=$tmp/b/opv
cases='counter*,freelist*,ring*,rwlock*,ref*,lock*,pool*,urcu*,ck*,lttng*'

"$opv" bench --list --json >"$tmp/json"
for name in urcu_uatomic urcu_lfstack urcu_wfstack urcu_read ck_stack lttng_event \
	counter_add counter_sum freelist_pair ring_write rwlock_read ref_pair; do
	is "$(json "scalar grep { \$_->{case} eq '$name' } @\$d" <"$tmp/json")" 1 "--list names $name"
done

"$opv" bench -r 1 -d 0.02 -t 1 --filter "$cases" --json >"$tmp/json" 2>"$tmp/err"
is "$? $(cat "$tmp/err")" "0 " "without other libraries the rest is measured"
is "$(json 'join "\n", sort map { "$_->{case}: $_->{why}" } grep { $_->{why} =~ /install/ } @{$d->{skipped}}' \
	<"$tmp/json" | sed 's/^\([a-z]*\)_[a-z_]*: /\1 /' | sort -u)" \
"ck not built: install libck-dev, then make bench-peers
lttng not built: install liblttng-ust-dev, then make bench-peers
urcu not built: install liburcu-dev, then make bench-peers" "each that is missing is named with its package"

env -u MAKEFLAGS -u MFLAGS -u MAKELEVEL make -C "$OPV_SRC" O="$tmp/b" CC="$CC" bench-peers \
	>"$tmp/out" 2>&1
is "$? $(grep -v -e 'is not installed$' -e '^  LD ' -e '^make: ' "$tmp/out")" "0 " "those that are installed are built, without a warning"
mkdir "$tmp/t"
TMPDIR=$tmp/t "$opv" bench -r 2 -d 0.3 --filter "$cases" --aims --json >"$tmp/json" 2>"$tmp/err"
is "$? $(cat "$tmp/err")" "0 " "they are measured in one run, and what they did is right"

# measured NAME CASES: none of them is skipped where the library is there
measured() {
	name="$1: all its cases are measured, with positive figures"
	if ! [ -e "$tmp/b/peers/$1.so" ]; then
		skip "$name" "$(grep "^ *$1:" "$tmp/out")"
		return
	fi
	why=$(json 'join "", map { $_->{why} } grep { $_->{case} =~ /^'"$1"'_/ } @{$d->{skipped}}' <"$tmp/json")
	case $why in
	*'cannot be recorded'*)
		skip "$name" "$why"
		return ;;
	esac
	is "$why $(json 'join " ", sort keys %{{ map { $_->{case} => 1 } grep { $_->{case} =~ /^'"$1"'_/ &&
		$_->{ns}{min} > 0 && $_->{ratio}{min} > 0 } @{$d->{rows}} }}' <"$tmp/json")" " $2" "$name"
}

measured urcu "urcu_lfstack urcu_lfstack_own urcu_read urcu_split urcu_thread urcu_thread_sum urcu_uatomic urcu_wfstack"
measured ck "ck_stack ck_stack_own"
measured lttng "lttng_event"
is "$(json 'join " ", map { $_->{aim} } grep { $_->{measured} && $_->{aim} =~ /^best/ &&
	$_->{best} !~ /^(urcu|ck|atomic)_/ } @{$d->{aims}}' <"$tmp/json")" "" \
	"an aim that compares with the best of several tells which it was"
is "$(ls -A "$tmp/t")" "" "LTTng's files are gone"

# Something is there, but cannot be used.
echo nonsense >"$tmp/b/peers/ck.so"
"$opv" bench -r 1 -d 0.01 -t 1 --filter 'ck_*,add64' --json >"$tmp/json" 2>"$tmp/err"
is "$? $(cat "$tmp/err")" "0 " "a library that cannot be loaded is no error"
like "$(json '$d->{skipped}[0]{why}' <"$tmp/json")" 'ck\.so' "it is named with the reason"

# Several patterns.
"$opv" bench -r 1 -d 0.01 -t 1 --filter 'counter_add,ref_p*,,' --json >"$tmp/json"
is "$(json 'join " ", map { $_->{case} } @{$d->{rows}}' <"$tmp/json")" \
	"tls_add_round counter_add ref_pair" "a filter may be several patterns"
like "$("$opv" bench --filter 'a,b' 2>&1 >/dev/null)" 'opv bench: no case is like "a,b"' \
	"if none is like one of them it is refused"

done_testing
