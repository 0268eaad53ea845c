#!/bin/sh
# SPDX-License-Identifier: MIT
# The library on kernels that are not the machine's: it says right things about them, and
# does the same there.
. "$(dirname "$0")/common"
known_skips='on the engine (syscall|module|bpf)$'

# of EXPRESSION: of the JSON that the guest printed.
of() {
	printf '%s\n' "$out" | perl -MJSON::PP -e 'local $/; my $d = JSON::PP->new->decode(<STDIN>);
		print eval $ARGV[0], "\n"' "$1"
}

# probe KERNEL RSEQ-FEATURE-SIZE CPUS
probe() {
	guest -c "$3" -f opv "$1" './opv stress -d 3 >/tmp/out 2>&1 || { cat /tmp/out; exit 9; }
		exec ./opv probe --json'
	ok "$([ "$status" != 9 ]; echo $?)" "$1: opv stress for 3 s on $3 CPUs loses nothing"
	is "$status" 0 "$1: opv probe: everything works with $3 CPUs"
	[ "$status" = 0 ] || { told "$status"; return; }
	is "$(of '$d->{rseq}{feature_size}')" "$2" "$1: rseq's feature size is $2"
	is "$(of '$d->{rseq}{registered_by}')" libc "$1: the C library registered it"
	is "$(of '$d->{rseq}{fast_path} ? "active" : "not"')" active "$1: the fast path is active"
	is "$(of '$d->{fence}{used}')" membarrier "$1: fences are membarrier's"
	is "$(of '$d->{cpus}{online}')" "0-$(($3 - 1))" "$1: CPUs online"
	is "$(of '$d->{kernel}{release}')" "$(cat "$cache/kernels/$1/release")" "$1: the release"
	is "$(of 'join " ", grep { $d->{engines}{$_}{available} } sort keys %{$d->{engines}}')" \
		"fence local" "$1: engines, without a module"
}

while read -r kernel size cpus; do
	have "$kernel" "the library on $kernel" || continue
	probe "$kernel" "$size" "$cpus"
	guest_taps -c 4 "$kernel" basic random prepared refuse requests rewritten
done <<'END'
6.1	0	4
6.12	28	8
7.2	33	8
END
if have 7.2 "every call on 7.2"; then
	guest_taps -c 2 7.2 calls aborted
fi
done_testing
