/* SPDX-License-Identifier: MIT */
/* a vector with two barriers, whose runner is killed twice, and another CPU that looks */

/*
 * (L11): the gate is closed all the time, so this is about the two logs in turn alone.
 * The vector is
 *
 *	x = 1; MB; y = flag + 1; MB; x += y
 *
 * and the other CPU does
 *
 *	flag = 1; MB; seen = x
 */
#define X		0
#define Y		1
#define STRETCHES	3
#define RUNNERS		3

typedef log {
	byte word, value, next
};

log logs[2];
byte mem[2];
byte key;		/* 0: nothing is pending; 1 + the number of a log */
byte flag, seen;
byte killed;		/* how many runners were */
bool done, looked;

inline copy_out(l)
{
	mem[logs[l].word] = logs[l].value
}

/* Fill a log, in three steps, and let it have happened. */
inline stretch(s, l)
{
	logs[l].word = (s == 1 -> Y : X);
	if
	:: s == 0 ->
		logs[l].value = 1
#ifdef BROKEN_MERGED
		; early = flag
#endif
	:: s == 1 ->
#ifdef BROKEN_MERGED
		logs[l].value = early + 1
#else
		logs[l].value = flag + 1
#endif
	:: s == 2 ->
		logs[l].value = mem[X] + mem[Y]
	fi;
	logs[l].next = s + 1;
	key = l + 1;
	copy_out(l)
}

/* What the next owner of the lock does with what it finds. */
inline inherit(s, l)
{
	if
	:: key == 0 ->
		s = STRETCHES
	:: else ->
#ifdef BROKEN_BACK
		mem[X] = 0;
		mem[Y] = 0;
		s = STRETCHES
#else
		l = key - 1;
		copy_out(l);
		s = logs[l].next;
#ifdef BROKEN_REST
		s = STRETCHES;
#endif
#ifndef BROKEN_ONE_LOG
		l = 1 - l
#endif
#endif
	fi
}

proctype runner(byte me)
{
	byte s, l, early;

end:	killed == me;
	{
		if
		:: me > 0 -> inherit(s, l)
		:: else
		fi;
		do
		:: s < STRETCHES ->
			stretch(s, l);
			s++;
#ifndef BROKEN_ONE_LOG
			l = 1 - l
#endif
		:: else -> break
		od;
		atomic {
			key = 0;
			done = true
		}
	} unless {
		killed > me
	}
}

proctype looker()
{
	flag = 1;
	seen = mem[X];
	looked = true
}

proctype killer()
{
end:	do
	:: killed < RUNNERS - 1 && !done -> killed++
	od
}

init {
	atomic {
		byte i;

		for (i : 0 .. RUNNERS - 1) {
			run runner(i)
		}
		run looker();
		run killer()
	}
	done && looked;
	/* All of it or nothing; */
	assert(mem[Y] == 0 -> mem[X] == 0 : mem[X] == 1 + mem[Y]);
	/* what was seen is not taken back; */
	assert(seen == 0 || mem[Y] != 0);
	/* and of two stores, each before a barrier and a look at the other, one is seen. */
	assert(mem[Y] != 1 || seen != 0)
}
