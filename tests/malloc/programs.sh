#!/bin/sh
# SPDX-License-Identifier: MIT
# Programs from the distribution, with tests or workloads of their own.
set -u
. "$(dirname "$0")/common"
LC_ALL=C
export LC_ALL

# same NAME COMMAND...: the same output and status with and without the library
same() {
	name=$1
	shift
	"$@" >"$tmp/out1" 2>&1 </dev/null
	s1=$?
	on "$@" >"$tmp/out2" 2>&1 </dev/null
	s2=$?
	cmp -s "$tmp/out1" "$tmp/out2" && [ $s1 = $s2 ]
	ok $? "$name"
}
# has COMMAND... : are they all there?
has() {
	for command; do command -v "$command" >/dev/null 2>&1 || return 1; done
}

# Not a wrapper of that name that comes earlier in PATH.
python=/usr/bin/python3
if [ -x $python ] && $python -c 'import test.test_list' 2>/dev/null; then
	cd "$tmp" || exit 1
	on $python -m test -q test_list test_dict test_set test_json test_bytes test_thread test_gc \
		test_collections >"$tmp/out" 2>&1
	ok $? "python3: its own tests of lists, dicts, sets, json, bytes, threads and its collector"
	grep -q '^Tests result: SUCCESS' "$tmp/out" || diag "$(tail -n 20 "$tmp/out")"
else
	skip "python3: its own tests" "no python3.11 in /usr/bin with its test suite"
fi

use_redis() {
	timeout 60 redis-benchmark -s "$sock" -n 5000 -q -t set,get,incr,lpush,lpop,sadd,hset,lrange_100,mset \
		>"$tmp/out" 2>&1
	is "$? $(tr '\r' '\n' <"$tmp/out" | grep -c 'requests per second.*p50')" "0 10" \
		"redis-benchmark runs to its end"
	i=0
	while [ $i -lt 300 ]; do
		i=$((i + 1))
		echo "set key$i $(printf "%0$((i * 10))d" $i)"
	done | redis-cli -s "$sock" >/dev/null
	is "$(redis-cli -s "$sock" get key300 | wc -c)" 3001 "what was set is there"
	redis-cli -s "$sock" bgsave >/dev/null
	sleep 1
	is "$(redis-cli -s "$sock" info persistence | tr -d '\r' | grep rdb_last_bgsave_status)" \
		rdb_last_bgsave_status:ok "its child writes the data to a file"
	redis-cli -s "$sock" shutdown nosave
}

if has redis-server redis-benchmark redis-cli; then
	sock=$tmp/redis
	env LD_PRELOAD="$lib" redis-server --port 0 --unixsocket "$sock" --save '' --dir "$tmp" --io-threads 2 >"$tmp/log" 2>&1 &
	server=$!
	tries=0
	while ! redis-cli -s "$sock" ping >/dev/null 2>&1 && [ $tries -lt 100 ]; do
		tries=$((tries + 1))
		sleep 0.1
	done
	grep -q libopv-malloc.so "/proc/$server/maps" 2>/dev/null
	if ok $? "redis-server runs on the library"; [ -S "$sock" ]; then
		use_redis
	else
		diag "$(tail -n 5 "$tmp/log")"
	fi
	wait $server
	is $? 0 "it ends as it should"
else
	skip "redis-server and redis-benchmark" "they are not installed"
fi

if has sqlite3; then
	same "sqlite3: a table of 100000 rows, an index, joins, sorting" sqlite3 "" '
		create table t(a integer, b text);
		with recursive n(i) as (select 1 union all select i + 1 from n where i < 100000)
			insert into t select i * 7919 % 100003, hex(i * 31) || printf("%0*d", i % 50, i) from n;
		create index ti on t(b);
		select count(*), sum(a), max(length(b)) from t;
		select a, b from t order by b desc limit 20;
		select count(*) from t x join t y on x.a = y.a + 1 where y.b > "A";
		delete from t where a % 3 = 0;
		select group_concat(a) from (select a from t order by a limit 100);
		pragma integrity_check;'
else
	skip "sqlite3" "it is not installed"
fi

# git and a compiler, as children of others, on this project.
cp -r "$OPV_SRC/include" "$OPV_SRC/core" "$OPV_SRC/src" "$OPV_SRC/Makefile" "$OPV_SRC/make" \
	"$OPV_SRC/VERSION" "$tmp"
cd "$tmp" || exit 1
if has git; then
	git init -q repo && cd repo && cp -r ../src . && git add . &&
		git -c user.name=n -c user.email=e commit -q -m one
	for i in 1 2 3 4 5; do
		for f in src/*.c; do sed -i "$((i * 7))s/^/\\/\\* $i *\\/ /" "$f"; done
		on git -c user.name=n -c user.email=e commit -q -a -m "change $i" || break
	done
	is "$i $(git log --oneline | wc -l)" "5 6" "git commits"
	same "git log -p -M" git log -p -M
	same "git blame" git blame src/slow.c
	on git repack -a -d -q && git fsck >/dev/null 2>&1
	ok $? "git repacks, and finds nothing wrong with it"
	cd ..
else
	skip "git" "it is not installed"
fi
objects='src/slow.o src/vector.o src/domain.o src/prepared.o src/engine/fence.o'
build() {
	dir=$1
	shift
	# shellcheck disable=SC2086 # a list of words
	env "$@" MAKEFLAGS= make O="$dir" CC="$CC" CFLAGS=-O1 -j "$cpus" \
		$(for f in $objects; do echo "$dir/$f"; done) >"$tmp/built" 2>&1
}
build plain && build opv LD_PRELOAD="$lib"
ok $? "make and $CC compile this library, several at once"
different=0
for f in $objects; do
	cmp -s "plain/$f" "opv/$f" || different=1
done
ok $different "and the code is the same"
same "perl: hashes, sorting, patterns" perl -e '
	my %h; $h{$_ % 5003} .= "x" x ($_ % 71) for 1 .. 100000;
	print join(",", map { length $h{$_} } sort { $a <=> $b } keys %h), "\n";
	my $s = join " ", 1 .. 50000; my $n = () = $s =~ /(\d)\1/g; print "$n\n";'
head -c 3000000 /dev/urandom >"$tmp/data"
same "sort, xz and tar in a pipe" sh -c "od -An -v -tx2 '$tmp/data' | head -n 60000 | sort --parallel=2 |
	xz -0 -T2 | xz -d | cksum; tar cf - -C '$tmp' src include | cksum"
done_testing
