# SPDX-License-Identifier: GPL-2.0
# Part of make-patch.sh: what is put into files that a kernel has.

# before FILE PATTERN TEXT-FILE, after FILE PATTERN TEXT-FILE: put the text there, once.
before()
{
	put_at "$1" "$2" "$3" before
}

after()
{
	put_at "$1" "$2" "$3" after
}

put_at()
{
	pattern=$2 awk -v text="$3" -v where="$4" '
		function put(  line) { while ((getline line <text) > 0) print line; done = 1 }
		!done && $0 ~ ENVIRON["pattern"] {
			if (where == "after") { print; put(); next }
			put()
		}
		{ print }
		END { exit !done }' "$repo/$1" >"$tmp/edited" || fail "$1 has nothing like $2"
	cat "$tmp/edited" >"$repo/$1"
}

# The first number that no table has, but not one below 463: a program that was built for
# an older kernel with these patches does not find something else there.
free_number()
{
	for table in $(tables); do cat "$tree/$table"; done |
		awk '/^[0-9]/ && $1 < 500 && $1 > max { max = $1 } END { print max < 462 ? 463 : max + 1 }'
}

# Of architectures, as kernels from 6.11 on have them, or before.
tables()
{
	for table in arch/x86/entry/syscalls/syscall_64.tbl arch/x86/entry/syscalls/syscall_32.tbl \
		arch/arm/tools/syscall.tbl arch/arm64/tools/syscall_32.tbl scripts/syscall.tbl \
		arch/powerpc/kernel/syscalls/syscall.tbl arch/s390/kernel/syscalls/syscall.tbl; do
		[ ! -e "$tree/$table" ] || echo $table
	done
}

# wire TABLE: for the callers that the table has rseq for.
wire()
{
	awk -v nr="$nr" '
		FNR == 1 { file++ }
		file == 1 && $3 == "rseq" { entry = $0 }
		file == 1 && /^[0-9]/ && $1 < nr { last = FNR }
		file == 1 && $1 == nr { exit 1 }
		file == 2 { print }
		file == 2 && FNR == last {
			sub(/^[0-9]+/, nr, entry)
			gsub(/rseq/, "cpu_opv", entry)
			print entry
		}
		END { exit entry == "" }' "$repo/$1" "$repo/$1" >"$tmp/edited" || fail "$1: no place for $nr"
	cat "$tmp/edited" >"$repo/$1"
}

# wire_list FILE COUNT-FILE: the same where the table is a header.
wire_list()
{
	! grep "^#define __NR[a-z0-9_]* $nr\$" "$repo/$1" | grep -qv syscalls || fail "$1 has a $nr already"
	awk -v nr="$nr" '
		FNR == 1 { file++ }
		file == 1 && /^__SYSCALL\(/ { last = FNR; gap = blank }
		file == 1 && /^#define/ { blank = was == "" }
		{ was = $0 }
		file == 2 { print }
		file == 2 && FNR == last {
			if (gap)
				print ""
			print "#define __NR_cpu_opv " nr
			print "__SYSCALL(__NR_cpu_opv, sys_cpu_opv)"
		}
		END { exit !last }' "$repo/$1" "$repo/$1" >"$tmp/edited" || fail "$1 is no table"
	cat "$tmp/edited" >"$repo/$1"
	sed "s/^\\(#define __NR_\\(compat_\\)*syscalls[ 	]*\\)[0-9]*\$/\\1$((nr + 1))/" "$repo/$2" >"$tmp/edited"
	! cmp -s "$tmp/edited" "$repo/$2" || fail "$2 does not say how many calls there are"
	cat "$tmp/edited" >"$repo/$2"
}
