#!/bin/sh
# SPDX-License-Identifier: MIT
# Finding the command, refusing what cannot be watched, options.
set -u
. "$(dirname "$0")/common"

# ends STATUS PATTERN NAME ARGUMENT...: opv stat ends so, its stderr has the pattern
ends() {
	wanted=$1 pattern=$2 name=$3
	shift 3
	"$opv" stat "$@" >"$tmp/out" 2>"$tmp/err"
	got=$?
	if [ $got = "$wanted" ] && { [ -z "$pattern" ] || grep -Eq -- "$pattern" "$tmp/err"; }; then
		ok 0 "$name"
	else
		ok 1 "$name"
		diag "status $got, wanted $wanted; stderr, wanted $pattern:"
		diag "$(cat "$tmp/err")"
	fi
}

cd "$tmp" || exit 1
ends 127 "no-such-command: command not found" "127 for a command that is not in PATH" no-such-command
ends 127 "No such file" "127 for a path that does not exist" ./no/such/file
ends 127 "empty" "127 for an empty name" ""
ends 126 "is a directory" "126 for a directory" /
echo text >plain
ends 126 "not executable" "126 for a file that is not executable" ./plain
mkdir bin1 bin2
echo text >bin1/tool
printf '#!/bin/sh\necho tool "$@"\n' >bin2/tool
chmod +x bin2/tool
is "$(PATH=$tmp/bin1:$tmp/bin2:$PATH "$opv" stat -o t tool a 'b c')" "tool a b c" \
	"PATH is searched past what is not executable"
is "$(PATH=$tmp/bin1:/usr/bin:/bin "$opv" stat -o t tool 2>&1; echo $?)" \
	"opv stat: tool: not executable
126" "126 when nothing better is found"

# Scripts
printf '#! /bin/sh -e\necho "$0"\n' >script
chmod +x script
is "$("$opv" stat -j -o json ./script)" ./script "a script runs"
[ "$(field json malloc calls)" -gt 0 ]
ok $? "and its interpreter is watched"
printf 'echo bare\n' >bare && chmod +x bare
is "$("$opv" stat -o t ./bare)" bare "a script without #! is given to the shell"
printf '#!%s/script2\n' "$tmp" >script1
printf '#!/bin/sh\necho through two\n' >script2
chmod +x script1 script2
is "$("$opv" stat -o t ./script1)" "through two" "a script may have a script for interpreter"
printf '#!/no/such/interpreter\n' >lost && chmod +x lost
ends 127 "lost: bad interpreter: /no/such/interpreter" "127 for an interpreter that does not exist" ./lost
printf '#!\n' >none && chmod +x none
ends 126 "without an interpreter" "126 for #! and nothing" ./none
printf '#!%s/loop\n' "$tmp" >loop && chmod +x loop
ends 126 "loop: " "126 for a script that is its own interpreter" ./loop

# What cannot be watched
echo 'int main(void) { return 5; }' >five.c
if $CC -static -o five five.c 2>/dev/null; then
	ends 2 "five is statically linked and cannot be watched" "2 for a static program" ./five
	ends 5 "running it unwatched" "--anyway runs it" --anyway ./five
	printf '#!%s/five\n' "$tmp" >sfive && chmod +x sfive
	ends 2 "statically linked" "2 for a script with a static interpreter" ./sfive
else
	skip "2 for a static program" "no static C library"
fi
$CC -o dyn five.c
cp dyn suid && chmod u+s suid
ends 2 "suid is set-user-ID and cannot be watched" "2 for a set-user-ID program" ./suid
ends 5 "running it unwatched" "--anyway runs it" --anyway ./suid
is "$("$opv" stat --anyway -o t env 2>&1 | grep -c '^OPV_STAT=')" 1 "--anyway watches what it can"
cp dyn sgid && chmod g+s sgid
ends 2 "sgid is set-group-ID" "2 for a set-group-ID program" ./sgid
cp dyn capable
if setcap cap_net_raw+ep capable 2>/dev/null; then
	ends 2 "file capabilities" "2 for a program with capabilities" ./capable
else
	skip "2 for a program with capabilities" "setcap cannot be used here"
fi
perl -e 'open F, "<", "dyn"; binmode F; local $/; $_ = <F>; substr($_, 18, 2) = pack "v", 183;
	open G, ">", "arm"; print G $_' && chmod +x arm
ends 2 "arm is of another architecture" "2 for another architecture" ./arm
perl -e 'open F, "<", "dyn"; binmode F; local $/; $_ = <F>; s{/lib64/ld-linux-x86-64}{/lib64/ld-musl--x86-64};
	open G, ">", "musl"; print G $_' && chmod +x musl
ends 2 "does not use the GNU C library" "2 for another C library" ./musl
head -c 100 dyn >short && chmod +x short
ends 2 "damaged" "2 for a damaged ELF file" ./short

# Options
ends 2 "there is no COMMAND" "2 without a command"
ends 2 "there is no COMMAND" "2 without a command after --" --
ends 2 "no option --frobnicate" "2 for an unknown option" --frobnicate true
ends 2 "no option" "2 for an unknown short option" -Z true
ends 2 "wants an argument" "2 for an option without its argument" -o
ends 2 "seconds above 0" "2 for -i 0" -i 0 true
ends 2 "seconds above 0" "2 for -i x" -i x true
ends 2 "too short" "2 for less than a nanosecond" -i 1e-12 true
ends 2 'no function or group is called "frob"' "2 for a filter that names nothing" -f malloc,frob true
ends 2 "leaves nothing" "2 for a filter that leaves nothing" -f 'malloc,!*' true
ends 2 'no column "x"' "2 for an unknown column" -s x true
ends 2 "exclude each other" "2 for sorting by what is not measured" -n -s p99 true
ends 1 "/no/such/dir" "1 for an output that cannot be written" -o /no/such/dir/file true
ends 0 "" "--help" --help
like "$(cat out)" "^usage: opv stat" "goes to stdout"
cp out out.help
is "$("$opv" stat -o t sh -c 'echo "$@"' sh -i -o --json)" "-i -o --json" \
	"options behind the command are the command's"
is "$("$opv" stat -o t -- echo -- x)" "-- x" "so is a second --"
ends 0 "" "--list" --list
like "$(cat out)" "^pthread_mutex_lock +mutex" "names functions and groups"
# The lists that people read are those that there are.
page=$OPV_SRC/man/opv-stat.1
missing=
for word in $(grep -Eo -- '--[a-z-]+' out.help | sort -u) \
	$("$opv" stat --list | sed 1d | awk '{ print $2 }' | sort -u); do
	sed 's/\\-/-/g' "$page" | grep -Fq -- "$word" || missing="$missing $word"
done
is "$missing" "" "the manual page has every option and group"
if [ -w /dev/full ]; then
	ends 1 "/dev/full" "1 when the table cannot be written" -o /dev/full ls /
fi

# Tables
"$opv" stat -o t -s name sh -c : && sed 1,2d t | awk '{print $1}' >names
sort -c names
ok $? "--sort name"
"$opv" stat -o t -s calls perl -e 1 && sed 1,2d t | awk '{print $2}' >calls
sort -c -r -n calls
ok $? "--sort calls"
"$opv" stat -o t -a true && is "$(sed 1,2d t | wc -l)" "$("$opv" stat --list | sed 1d | wc -l)" \
	"--all shows what was not called"
"$opv" stat -o t -c sh -c : && like "$(cat t)" "^  CPU [0-9]" "--per-cpu has lines for CPUs"
"$opv" stat -o t -n sh -c : && like "$(sed -n 2p t)" "failed$" "--no-latency has no columns of times"

# The library
mkdir -p "in st/bin" inst/bin inst/lib/opv
cp "$opv" inst/bin && cp "$OPV_BUILD/libopv-stat.so" inst/lib/opv
is "$(inst/bin/opv stat -o t echo installed)" installed "the library is found in ../lib/opv"
cp "$opv" "$OPV_BUILD/libopv-stat.so" "in st/bin"
is "$("in st/bin/opv" stat true 2>&1 | grep -c 'space or colon')" 1 "a path with a space is refused"
is "$(OPV_STAT_LIBRARY=$tmp/inst/lib/opv/libopv-stat.so "in st/bin/opv" stat -o t echo given)" given \
	"OPV_STAT_LIBRARY says where it is"
is "$(OPV_STAT_LIBRARY=/no/such.so "$opv" stat true 2>&1; echo $?)" \
	"opv stat: OPV_STAT_LIBRARY: /no/such.so: No such file or directory
1" "and an error if it is not there"
done_testing
