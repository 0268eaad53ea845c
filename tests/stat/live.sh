#!/bin/sh
# SPDX-License-Identifier: MIT
# Tables while the command runs, on a terminal and elsewhere.
set -u
. "$(dirname "$0")/common"

"$opv" stat -i 0.1 sleep 0.55 2>"$tmp/err"
n=$(grep -c '^opv stat: sleep 0.55: [0-9.]* s' "$tmp/err")
[ "$n" -ge 2 ] && [ "$n" -le 6 ]
ok $? "-i 0.1 for half a second prints some tables and the last"
like "$(cat "$tmp/err")" "calls/s" "with calls a second"
is "$(tail -n +"$(grep -n 'exit status' "$tmp/err" | cut -d: -f1)" "$tmp/err" | grep -c calls/s)" 0 \
	"but not in the last"
is "$(grep -c "$(printf '\033')" "$tmp/err")" 0 "no escapes where there is no terminal"
"$opv" stat sleep 0.3 2>"$tmp/err"
is "$(grep -c '^opv stat' "$tmp/err")" 1 "without -i there is only the last table"

"$opv" stat -j -i 0.1 -o "$tmp/json" sleep 0.35 2>"$tmp/err"
is "$(perl -MJSON::PP -0777 -e '
	my $p = JSON::PP->new; my $text = <STDIN>; my ($n, $bad) = (0, 0);
	for ($p->incr_parse($text); my $j = $p->incr_parse; $n++) { $bad++ if $j->{final} }
	print $n >= 2 && !$bad ? "good" : "$n, $bad"' <"$tmp/err")" good \
	"-i with --json prints a document each time, none of them final"
is "$(top "$tmp/json" final)" 1 "the one of -o is"

cat >"$tmp/grow.sh" <<'S'
for i in 1 2 3 4 5; do : "$(echo)"; sleep 0.12; done
S
"$opv" stat -j -i 0.1 -o "$tmp/json" sh "$tmp/grow.sh" 2>"$tmp/err"
is "$(perl -MJSON::PP -0777 -e '
	my $p = JSON::PP->new; my $text = <STDIN>; my ($last, $bad) = (0, 0);
	for ($p->incr_parse($text); my $j = $p->incr_parse;) {
		my ($c) = map $_->{calls}, grep $_->{name} eq "malloc", @{$j->{functions}};
		$bad++ if $c < $last;
		$last = $c;
	}
	print $bad' <"$tmp/err")" 0 "counts only grow"

if script -qec true /dev/null </dev/null >/dev/null 2>&1; then
	script -qec "stty cols 60 rows 8; '$opv' stat -i 0.1 sleep 0.45 >/dev/null" /dev/null </dev/null \
		>"$tmp/tty"
	like "$(cat "$tmp/tty")" "$(printf '\033')\[[0-9]+A" "on a terminal of its own it redraws in place"
	is "$(tr -d '\r' <"$tmp/tty" | sed "s/$(printf '\033')\[[0-9;]*[A-Za-z]//g" |
		sed '/exit status/,$d' | awk 'length > 60' | wc -l)" 0 "and keeps within the width"
	script -qec "'$opv' stat -i 0.1 sleep 0.35" /dev/null </dev/null >"$tmp/tty"
	is "$(grep -c "$(printf '\033')\[[0-9]*A" "$tmp/tty")" 0 \
		"where the command has the same terminal it moves no cursor"
	script -qec "'$opv' stat sh -c 'test -t 0 && test -t 1 && test -t 2 && echo three'" /dev/null \
		</dev/null >"$tmp/tty"
	like "$(cat "$tmp/tty")" "^three" "the command keeps the terminal"
else
	skip "on a terminal it redraws in place" "no script(1), or no pseudo-terminal for it"
fi
done_testing
