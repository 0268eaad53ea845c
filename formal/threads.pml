/* SPDX-License-Identifier: MIT */
/* The threads of a scenario, what befalls them, and what must hold when they are through. */

#if OPS
#define LEFT	(n < OPS)
#define LATER	n++
#else
#define LEFT	true
#define LATER	skip
#endif

/* L1.  The handler may run between the look and the mark: it is through by then. */
inline take_descriptor()
{
#ifdef NESTED
	d = (busy[d] -> 4 : d);
	busy[d] = true
#else
	skip
#endif
}

inline give_descriptor()
{
#ifdef NESTED
	d_step { busy[d] = false; d = me }
#else
	skip
#endif
}

#ifdef NESTED
#define RUNS	provided (!interrupted || _pid != 2)	/* thread 1 */
#else
#define RUNS
#endif

proctype thread(byte me; byte d) RUNS
{
	LOCALS;
	byte n;

	{
		do
		:: LEFT ->
			take_descriptor();
			operation();
			give_descriptor();
progress:		LATER
		:: !LEFT -> break
		od;
		gone[me] = true
	} unless { gone[me] }
}

#ifdef NESTED
#ifdef BROKEN_MASK
#define SIGNALS_OPEN	true
#else
#define SIGNALS_OPEN	(lock[0] != 1 && lock[CPUS - 1] != 1)
#endif

/* A handler on thread 1, which does not go on before it returns. */
proctype handler(byte me; byte d)
{
	LOCALS;
	byte n;

end:
	do
	:: d_step {
			n < NESTED && !interrupted && !gone[1] && SIGNALS_OPEN -> interrupted = true;
			section[0] = (section[0] == 1 -> NONE : section[0]);
			section[CPUS - 1] = (section[CPUS - 1] == 1 -> NONE : section[CPUS - 1])
		};
#ifdef BROKEN_NESTED
		skip;
#else
		take_descriptor();
#endif
		operation();
		d_step { busy[d] = false; d = 1; interrupted = false; n++ }
	od
}
#endif

#ifdef KILLS
#ifdef BROKEN_ROBUST
#define FREED(l, t)	l
#else
#define FREED(l, t)	((l) == (t) -> NONE : (l))
#endif

/* SIGKILL.  The lock goes to whoever wants it next; the key stays as it is. */
inline kill(t)
{
	d_step {
		kills < KILLS && !gone[t] -> kills++;
		gone[t] = true;
		dead[t] = true;
		lock[0] = FREED(lock[0], t);
		section[0] = (section[0] == t -> NONE : section[0]);
		lock[CPUS - 1] = FREED(lock[CPUS - 1], t);
		section[CPUS - 1] = (section[CPUS - 1] == t -> NONE : section[CPUS - 1])
	}
}

active proctype killer()
{
	byte kills;

end:
	do
	:: kill(1)
	:: kill(2)
#if THREADS > 2
	:: kill(3)
#endif
	od
}
#endif

#ifdef HEIR
/* A thread that gets the descriptor of one that died has to see first that no key has it. */
proctype heir(byte me; byte d)
{
	LOCALS;
	byte n;

end:
	dead[1];
#ifndef BROKEN_HEIR
	do
	:: n < CPUS ->
		c = n;
		if
		:: PENDING(key[c]) == d -> take_over(); reopen()
		:: else
		fi;
		n++
	:: else -> break
	od;
#endif
	n = 0;
	d_step { c = 0; k = OPEN };
	operation();
	gone[me] = true
}
#endif

#define COUNTED(t)	(((COUNT(t) - done[t]) & 3) <= dead[t])

init {
	byte me = 5, d;
	LOCALS;

	atomic {
		run thread(1, 1);
#if THREADS > 1
		run thread(2, 2);
#else
		gone[2] = true;
#endif
#if THREADS > 2
		run thread(3, 3);
#else
		gone[3] = true;
#endif
#ifdef NESTED
		run handler(4, 1);
#endif
#ifdef HEIR
		run heir(4, 1);
#endif
		skip
	};
	gone[1] && gone[2] && gone[3];
#ifdef HEIR
	!dead[1] || gone[4];
#endif
	d_step { kind = READ; c = 0 };
	do
	:: c < CPUS ->
#ifdef KILLS
		take_over();	/* whoever comes next finishes it */
		reopen();
#endif
		assert(key[c] == OPEN && lock[c] == NONE);
		assert(WHOLE(x[c], y[c]));
		c++
	:: else -> break
	od;
	assert(COUNT(0) == singles);
	assert(COUNTED(1) && COUNTED(2) && COUNTED(3) && COUNTED(4))
}
