# SPDX-License-Identifier: MIT
# TAP from shell: . "$(dirname "$0")/../tap.sh"
#
# Set by make check: OPV_SRC the checkout, OPV_BUILD the build folder (absolute),
# CC.  tmp is a folder of the test's own, removed at its end.

tap_count=0 tap_failed=0
: "${OPV_SRC:=$(cd "$(dirname "$0")/../.." && pwd)}"
: "${OPV_BUILD:=$OPV_SRC/build}"
: "${CC:=cc}"
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT

# ok STATUS NAME: STATUS 0 is good.
ok() {
	tap_count=$((tap_count + 1))
	if [ "$1" = 0 ]; then
		echo "ok $tap_count - $2"
	else
		echo "not ok $tap_count - $2"
		tap_failed=$((tap_failed + 1))
	fi
}

# is GOT WANTED NAME
is() {
	if [ "$1" = "$2" ]; then
		ok 0 "$3"
	else
		ok 1 "$3"
		diag "got:    $1"
		diag "wanted: $2"
	fi
}

# like TEXT PATTERN NAME: an extended regular expression, in any line.
like() {
	if printf '%s\n' "$1" | grep -Eq -- "$2"; then
		ok 0 "$3"
	else
		ok 1 "$3"
		diag "nothing like: $2"
		diag "$1"
	fi
}

# skip NAME REASON
skip() {
	tap_count=$((tap_count + 1))
	echo "ok $tap_count - $1 # SKIP $2"
}

diag() {
	printf '%s\n' "$*" | sed 's/^/# /'
}

done_testing() {
	echo "1..$tap_count"
	[ "$tap_failed" = 0 ]
	exit
}
