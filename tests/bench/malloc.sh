#!/bin/sh
# SPDX-License-Identifier: MIT
# opv bench beside other allocators: each process has the one that it is said to have.
set -u
. "$(dirname "$0")/../tap.sh"

json() {
	perl -MJSON::PP -e '
		local $/; my $d = JSON::PP->new->decode(<STDIN>);
		print eval($ARGV[0]) // die($@ || "nothing\n"), "\n";
	' "$1"
}

opv=$OPV_BUILD/opv
if ! [ -e "$OPV_BUILD/libopv-malloc.so" ]; then
	skip "other allocators" "libopv-malloc.so is not in this build: sanitizers, or a C library that is not glibc"
	done_testing
fi
if [ "$(nproc)" -ge 2 ]; then handoff='handoff_1000 handoff_64 '; else handoff=; fi
works="batch_1000 batch_64 busy_512 busy_64 busy_8 freed_512 freed_64 freed_8 ${handoff}mixed pair_16 pair_2000 pair_512 pair_64"

"$opv" bench -r 2 -d 0.05 -t 1 --filter 'malloc_*_*' --aims --json --svg "$tmp/b.svg" >"$tmp/json" 2>"$tmp/err"
is "$? $(cat "$tmp/err")" "0 " "allocators are measured in one run"

# of ALLOCATOR: what was measured of it, and whose malloc that was
of() {
	json 'join " ", map { /^malloc_(.*)_/ } sort map { $_->{case} } grep { $_->{case} =~ /_'"$1"'$/ &&
		($_->{ns} // $_->{kB})->{min} > 0 && $_->{ratio}{min} > 0 && $_->{ratio}{to} =~ /_libc$/ } @{$d->{rows}}' <"$tmp/json"
}
objects() {
	json 'join " ", sort keys %{{ map { $_->{malloc_of} =~ s|.*/||r => 1 } grep { $_->{case} =~ /_'"$1"'$/ } @{$d->{rows}} }}' <"$tmp/json"
}
is "$(of libc)" "$works" "of the C library's all works have figures above 0"
like "$(objects libc)" '^libc\.so[.0-9]*$' "and its malloc is the C library's"
is "$(of opv)" "$works" "of libopv-malloc.so all works have figures above 0, and ratios to the C library's"
is "$(objects opv)" libopv-malloc.so "and its malloc is that of libopv-malloc.so"

# other NAME FILE PACKAGE: measured where it is installed, named with its package where it is not
other() {
	name="$1 is measured, with its own malloc, or named as missing"
	if LD_PRELOAD=$2 env true 2>&1 | grep -q "$2"; then
		diag "$1 is not installed: $3"
		is "$(of "$1")$(json 'join " ", sort keys %{{ map { $_->{why} => 1 } grep { $_->{case} =~ /_'"$1"'$/ &&
			$_->{why} !~ /one CPU/ } @{$d->{skipped}} }}' <"$tmp/json")" \
			"$2 is not installed (Debian: $3)" "$name"
	else
		is "$(of "$1"): $(objects "$1")" "$works: $2" "$name"
	fi
}
other jemalloc libjemalloc.so.2 libjemalloc2
other mimalloc libmimalloc.so.2 libmimalloc2.0
other tcmalloc libtcmalloc_minimal.so.4 libtcmalloc-minimal4

# Figures that a process with another allocator, or that does nothing, would not have.
is "$(json 'my %kb = map { $_->{case} => $_->{kB}{median} } grep { $_->{kB} } @{$d->{rows}};
	join " ", map { $kb{"malloc_busy_8_$_"} < $kb{"malloc_busy_64_$_"} &&
		$kb{"malloc_busy_64_$_"} < $kb{"malloc_busy_512_$_"} ? "more" : "no" } qw(libc opv)' <"$tmp/json")" \
	"more more" "more threads have more memory"
is "$(json 'my %t = map { $_->{case} => $_->{threads} } @{$d->{rows}};
	join " ", @t{qw(malloc_pair_64_opv malloc_busy_8_opv malloc_freed_512_opv)}' <"$tmp/json")" "1 8 512" \
	"the threads are told"
is "$(json 'scalar grep { $_->{aim} =~ /libc/ && $_->{measured} } @{$d->{aims}}' <"$tmp/json")" 6 \
	"aims are told: four pairs, and memory with 512 threads"
like "$(cat "$tmp/b.svg")" 'class="tick">10 MB<' "memory is drawn on a scale of its own"

# What is not preloaded is noticed: each process looks whose malloc it has.
libm=$(ldd "$opv" | sed -n 's/.*libm\.so.* => \([^ ]*\) .*/\1/p')
OPV_MALLOC_LIBRARY=$libm "$opv" bench -r 1 -d 0.01 -t 1 --filter malloc_pair_64_opv --json >"$tmp/json"
is "$? $(json 'join " ", map { $_->{case} } @{$d->{rows}}' <"$tmp/json")" \
	"0 tls_add_round malloc_pair_64_libc" "a library without a malloc is not measured"
like "$(json '$d->{skipped}[0]{why}' <"$tmp/json")" "^malloc is not of $(realpath "$libm") but of .*libc" \
	"and the reason is told"
OPV_MALLOC_LIBRARY=/no/such.so "$opv" bench -r 1 -d 0.01 -t 1 --filter 'malloc_pair_*_opv,malloc_*1000_jemalloc' >"$tmp/out"
is "$(grep -c '/no/such.so' "$tmp/out") $(grep -c '^  malloc_pair_.*_libc ' "$tmp/out")" "1 4" \
	"without the library the table names it once, and has the C library's rows"
is "$(awk '/^  [a-z0-9_]+ +[0-9]+ / { sub(/ [*]$/, ""); print length }' "$tmp/out" | sort -u | wc -l)" 1 "rows are aligned"
LD_PRELOAD=$OPV_BUILD/libopv-malloc.so "$opv" bench -r 1 -d 0.01 -t 1 --filter malloc_mixed_libc --json >"$tmp/json"
like "$(objects libc)" '^libc\.so[.0-9]*$' "what is preloaded into the command itself is not what is measured"

is "$("$opv" bench --malloc-child 2>&1 >/dev/null; echo $?)" "opv bench: there is no option \"--malloc-child\"
Try: opv bench --help
2" "what the processes are started with is no option"
"$opv" bench --filter 'malloc_pair_64_none' >"$tmp/out" 2>"$tmp/err"
is "$? $(wc -c <"$tmp/out")" "2 0" "an allocator that there is not is misuse"

done_testing
