#!/bin/sh
# SPDX-License-Identifier: MIT
# Who may include whom: each layer sees those below it and nothing else.
set -u
. "$(dirname "$0")/../tap.sh"
cd "$OPV_SRC" || exit 1

# sources FOLDER...: those of them that are there.
sources() {
	for dir; do
		[ -d "$dir" ] && find "$dir" \( -name '*.c' -o -name '*.h' -o -name '*.cc' -o -name '*.def' \)
	done
}

# resolved FOLDER...: "file: included file" of each "..." include, both from the root.
resolved() {
	for file in $(sources "$@"); do
		sed -n 's/^#[ \t]*include[ \t]*"\([^"]*\)".*/\1/p' "$file" | while read -r name; do
			for dir in "$(dirname "$file")" tests include; do
				[ -f "$dir/$name" ] || continue
				echo "$file: $(realpath --relative-to=. "$dir/$name")"
				break
			done
		done
	done
}

# outside PATTERN FOLDER...: what the folders include by "..." beyond PATTERN.
outside() {
	pattern=$1
	shift
	resolved "$@" | grep -Ev ": ($pattern)"
}

# opv_headers FOLDER...: what they include as <opv/...>.
opv_headers() {
	sources "$@" | xargs grep -HEo '^#[ 	]*include <opv/[^>]*>'
}

ok "$([ "$(resolved src | wc -l)" -gt 30 ]; echo $?)" "the includes of src/ are found at all"
is "$(outside 'include/|core/|src/' src)" "" "src/ includes include/, core/ and itself"
is "$(outside 'core/' core)" "" "core/ includes itself"
is "$(opv_headers core | grep -v '<opv/uapi/')" "" "core/ sees of the public headers the ABI only"
is "$(sources core | grep -v /port/ | xargs grep -HE '^#[ 	]*include <' | grep -v '<opv/uapi/')" "" \
	"core/ includes of the system nothing, but by its port"
is "$(outside 'include/' include)" "" "include/ includes itself"
is "$(sources include | xargs grep -HE '^#[ 	]*include "')" "" "and that as <opv/...>, as users do"
is "$(outside 'tools/|preload/|malloc/' tools)" "" "tools/ includes itself and what it preloads"
is "$(outside 'examples/' examples)" "" "examples/ include <opv/...> only"
is "$(outside 'bench/' bench)" "" "bench/ includes <opv/...> only"
is "$(outside 'tests/ops/|tests/tap\.h' tests/ops)" "" "tests/ops/ includes <opv/...> and the test tools"
is "$(outside 'tests/asm/|tests/tap\.h' tests/asm)" "" "tests/asm/ too"
is "$(grep -rn 'opv_slot\b\|struct opv_heap' tools examples 2>/dev/null)" "" \
	"tools/ and examples/ know nothing of the inside of a domain"

# A header names every public header once, and calls.def is everybody's only list.
all=$(cd include && find opv -maxdepth 1 -name '*.h' ! -name opv.h | sort)
named=$(sed -n 's/^#include <\(opv\/[a-z]*\.h\)>.*/\1/p' include/opv/opv.h | sort)
is "$named" "$all" "opv/opv.h includes every header beside it"
done_testing
