#!/bin/sh
# SPDX-License-Identifier: MIT
# The command as a whole: its verbs, their help, their pages.
. "$(dirname "$0")/common"
set -u

sed -n 's/^\tX(\([a-z_]*\), ".*/\1/p' "$OPV_SRC/tools/opv/opv.h" | tr _ - >"$tmp/verbs"
ok "$([ -s "$tmp/verbs" ]; echo $?)" "the list of verbs was found"
ran "$opv" --help
is "$status$err" 0 "opv --help succeeds"
is "$(sed -n 's/^  \([a-z-]*\) .*/\1/p' "$tmp/out")" "$(cat "$tmp/verbs")" "and names the verbs, in order"
ran "$opv" --version
is "$out" "opv $(cat "$OPV_SRC/VERSION")" "opv --version is the version"
ran "$opv"
is "$status" 2 "no verb is misuse"
ran "$opv" fly
is "$status" 2 "an unknown verb is misuse"
like "$err" 'no verb "fly"' "and named"

# options PAGE: the options of its OPTIONS section, as they are typed.
options() {
	awk '/^\.SH/ { inside = $2 ~ /OPTIONS/; next } inside' "$1" | sed 's/\\f[BIRP]//g; s/\\-/-/g' |
		grep -oE '(^|[ ",])--?[a-zA-Z][a-z-]*' | sed 's/^[ ",]*//' | sort -u
}
# helped: the options of a help text, that begin its lines.
helped() {
	grep -E '^ +-' | grep -oE '^ +-[^ ]*(, +-[^ ]*)?' | grep -oE -- '--?[a-zA-Z][a-z-]*' | sort -u
}
# lint PAGE: what two formatters have to say about it.
lint() {
	if command -v mandoc >/dev/null 2>&1; then
		# What is not about the page: that others are not installed yet, or how dates look.
		mandoc -Tlint -Wwarning "$1"
	fi
	if command -v groff >/dev/null 2>&1; then
		groff -ww -z -man "$1" 2>&1
	fi
}

while read -r verb; do
	ran "$opv" "$verb" --help
	is "$status$err" 0 "opv $verb --help succeeds"
	like "$out" "^usage: opv $verb" "and tells the usage"
	helped <"$tmp/out" >"$tmp/helped"
	page=$OPV_SRC/man/opv-$verb.1
	like "$(cat "$OPV_SRC/man/opv.1")" "opv..?-$(echo "$verb" | sed 's/-/..?-/g')" "opv(1) refers to opv-$verb(1)"
	[ -e "$page" ]
	ok $? "opv-$verb(1) is there"
	[ -e "$page" ] || continue
	options "$page" >"$tmp/paged"
	ok "$([ -s "$tmp/paged" ]; echo $?)" "opv-$verb(1) has options"
	is "$(diff "$tmp/helped" "$tmp/paged")" "" "opv-$verb(1) and --help have the same options"
	is "$(lint "$page")" "" "opv-$verb(1) has no mistakes of form"
done <"$tmp/verbs"
is "$(lint "$OPV_SRC/man/opv.1")" "" "opv(1) has no mistakes of form"
is "$(sed -n 's/^\.BR opv\\-\([a-z\\-]*\) (1)$/\1/p' "$OPV_SRC/man/opv.1" | tr -d '\\' | head -n "$(wc -l <"$tmp/verbs")")" \
	"$(cat "$tmp/verbs")" "opv(1) tells of the verbs, in order"

# Colour.
coloured() { grep -c "$(printf '\033')" "$tmp/typescript"; }
if script -qec true /dev/null </dev/null >/dev/null 2>&1; then
	TERM=xterm script -qec "'$opv' run -e 'u8 a; add a 1'" /dev/null >"$tmp/typescript"
	ok "$([ "$(coloured)" -gt 0 ]; echo $?)" "there is colour on a terminal"
	NO_COLOR=1 TERM=xterm script -qec "'$opv' run -e 'u8 a; add a 1'" /dev/null >"$tmp/typescript"
	is "$(coloured)" 0 "but not if NO_COLOR is set"
	TERM=dumb script -qec "'$opv' probe" /dev/null >"$tmp/typescript"
	is "$(coloured)" 0 "nor on one that is dumb"
else
	skip "there is colour on a terminal" "no script(1), or no pseudo-terminal for it"
fi

# The page of opv run has every operation, type and exit status.
run=$(sed 's/\\-/-/g; s/\\f[BIRP]//g' "$OPV_SRC/man/opv-run.1")
for word in $(sed -n 's/^\tX([A-Z_]*,[\t ]*[0-9]*, *[A-Z]*, *\([a-z_]*\),.*/\1/p' "$OPV_SRC/include/opv/uapi/ops.h"); do
	like "$run" "(^|[ .B])$word( |,|\$)" "opv-run(1) has the operation $word"
done
# Its example does what it says.
awk '/^\.\\" example:begin/ { on = 1; next } /^\.\\" example:end/ { on = 0 } on && !/^\./' \
	"$OPV_SRC/man/opv-run.1" | sed 's/\\-/-/g; s/\\e/\\/g' >"$tmp/example"
ok "$([ -s "$tmp/example" ]; echo $?)" "opv-run(1) has an example"
ran "$opv" run --json "$tmp/example"
is "$status $(json 'join " ", map { "$_->{name}=$_->{new}" } @{$d->{variables}}' <"$tmp/out")" \
	"0 head=7 count=1" "which does what the page says"
done_testing
