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

# library KERNEL RSEQ-FEATURE-SIZE CPUS PROGRAM...
library() {
	kernel=$1 size=$2 cpus=$3
	shift 3
	also stress './opv stress -d 3 >/tmp/out 2>&1 || { cat /tmp/out; exit 1; }'
	also probe './opv probe --json'
	guest_taps -c "$cpus" -f opv "$kernel" "$@"
	part_ok stress "$kernel: opv stress for 3 s on $cpus CPUs loses nothing"
	part_ok probe "$kernel: opv probe: everything works with $cpus CPUs"
	is "$(of '$d->{rseq}{feature_size}')" "$size" "$kernel: rseq's feature size is $size"
	is "$(of '$d->{rseq}{registered_by}')" libc "$kernel: the C library registered it"
	is "$(of '$d->{rseq}{fast_path} ? "active" : "not"')" active "$kernel: the fast path is active"
	is "$(of '$d->{fence}{used}')" membarrier "$kernel: fences are membarrier's"
	is "$(of '$d->{cpus}{online}')" "0-$((cpus - 1))" "$kernel: CPUs online"
	is "$(of '$d->{kernel}{release}')" "$(cat "$cache/kernels/$kernel/release")" "$kernel: the release"
	is "$(of 'join " ", grep { $d->{engines}{$_}{available} } sort keys %{$d->{engines}}')" \
		"fence local" "$kernel: engines, without a module"
}

while read -r kernel size cpus more; do
	have "$kernel" "the library on $kernel" || continue
	# shellcheck disable=SC2086 # a list of words
	library "$kernel" "$size" "$cpus" basic random prepared refuse requests rewritten $more
done <<'END'
6.1	0	4
6.12	28	8
7.2	33	8	calls aborted
END
done_testing
