#!/bin/sh
# SPDX-License-Identifier: MIT
# The instructions of every section: they end in the store that commits, and
# contain nothing that a section must not do.
set -u
. "$(dirname "$0")/../tap.sh"

bin=$OPV_BUILD/tests/asm/descriptors.t
if [ ! -x "$bin" ]; then
	ok 1 "tests/asm/descriptors.t was built before"
	done_testing
fi
"$bin" list | sort >"$tmp/list"
if [ ! -s "$tmp/list" ]; then
	skip "instructions of sections" "no sections for this architecture"
	done_testing
fi

# "address mnemonic operands", the address padded to 16 digits, of what is in a
# section only; START NAME and END mark where sections begin and end.
objdump -d --no-show-raw-insn -j .text -j __rseq_failure "$bin" |
	sed -n -e 's/^[0-9a-f]* <\(.*\)>:$/FUNC \1/p' \
		-e 's/^ *\([0-9a-f]*\):[ \t]*\(.*\)/\1 \2/p' |
	awk '$1 != "FUNC" { a = $1; while (length(a) < 16) a = "0" a; $1 = a } { print }' >"$tmp/code"
awk 'NR == FNR { starts[$1] = $2; next }
	$1 == "FUNC" { name = $2; next }
	end != "" && ($1 "") >= end { print "END", (($1 "") == end ? "exact" : "within"); end = "" }
	$1 in starts { end = starts[$1] ""; seen++; print "START", name }
	end != "" { print }
	END { print "SEEN", seen + 0 }' "$tmp/list" "$tmp/code" >"$tmp/bodies"
# Those of calls; an engine may have sections of another kind.
awk '/^START/ { call = $2 ~ /^(sec|opv_sec|section|opv_slow)_/ } call' "$tmp/bodies" >"$tmp/calls"

n=$(sort -u "$tmp/list" | wc -l)
is "$(sed -n 's/^SEEN //p' "$tmp/bodies")" "$n" "$n sections begin at an instruction"
is "$(grep -c '^END exact' "$tmp/bodies")" "$n" "each ends behind one"

# Into the kernel, out of the section for good, or atomic: none of these.
is "$(grep -E '^[0-9a-f]+ (call|ret|syscall|sysenter|int|lock|xchg|push|pop|mfence)' "$tmp/bodies" |
	head -n 5)" "" "no call, no system call, no stack, no locked instruction"

# The last instruction writes memory, and is no store to the rseq area.
is "$(awk '/^END/ { if (last !~ /\)$/ || last ~ /%fs:/) print last } { last = $0 }' "$tmp/calls" |
	head -n 5)" "" "each ends in a store, its commit"

# What else writes to memory: the first store of cmpeq_store_store, and the copy.
is "$(awk '/^START/ { n = 0; last = ""; next }
	/^END/ { next }
	{ if (last ~ /^[0-9a-f]+ (mov|add|or|and|xor)[bwlq]? .*,[^ ]*\)$/) n++; last = $0 }
	n > 1 { print; n = 0 }' "$tmp/calls" | head -n 5)" "" "no section stores more than once before it"

is "$(awk '/^START/ { i = 0; next } /^END/ { next }
	{ i++ } i == 1 && !/movslq +%fs:0x4\(/ { cid = /cmpl +\$0x0,%fs:0x4\(/; if (!cid) print }
	i == 3 && cid && !/mov +%fs:0x18\(/ { print } i == 3 { cid = 0 }' "$tmp/calls" | head -n 5)" \
	"" "each begins with reading the CPU's number, or looking at it and reading the mm_cid"
# An operation of one width has a section for each of {handle, address} x {CPU, mm_cid} x
# {this one, a given one}.
kinds=$(sed -n -e 's/^OPV_WORD([^,]*,[^,]*, *\([a-z_]*\),.*/\1/p' \
	-e 's/^OPV_[A-Z]*([^,]*,[^,]*, *\([0-9]*\), *\([a-z_]*\),.*/\2\1/p' \
	"$OPV_SRC/include/opv/calls.def" | sort -u | wc -l)
n_calls=$(grep -c '^START' "$tmp/calls")
ok "$([ "$kinds" -gt 40 ] && [ "$n_calls" -ge $((8 * kinds)) ]; echo $?)" \
	"these were eight or more of each of $kinds operations ($n_calls)"
handlers=$(awk 'NR == FNR { abort[$3] = 1; next } $1 in abort && $2 ~ /^jmp/ { n++ } END { print n + 0 }' \
	"$tmp/list" "$tmp/code")
is "$handlers" "$n" "every abort handler is one jump"
done_testing
