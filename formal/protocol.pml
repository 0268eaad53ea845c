/* SPDX-License-Identifier: MIT */
/*
 * The protocol of key, publish, apply, helping, fence and reopening.  docs/model.md
 * gives the letters, and says what is modelled and what is not.
 *
 * A scenario is a file that sets the sizes and includes this one; any.pml takes them
 * from the command line.  -D takes one rule away, by its #ifdef.
 *
 *	THREADS	threads that run operations, 1..3
 *	OPS	operations of each; 0: for ever
 *	CPUS	1 or 2
 *	MIX	an operation is a pair of stores, a single store or a read; else a pair
 *	STRANGER	the thread of that number always comes through the engine
 *	LOGGED	the engine logs before it applies (memory shared between processes)
 *	KILLS	that many threads die, each at any step
 *	HEIR	a thread begins with the descriptor of thread 1, which died
 *	NESTED	that many signal handlers interrupt thread 1, at any step where signals are open
 *	FENCE_FAILS	the fence may be refused, any number of times
 *	TRIES	attempts before the engine; else any number
 *	TAG_BITS	for the variants that need tags
 */
#ifndef STRANGER
#define STRANGER	9
#endif

#define NONE	0

/* A key: the number of the descriptor that is pending, its tag, and CLOSED over it. */
#define OPEN		0
#define CLOSED		8
#define PENDING(k)	((k) & 7)
#ifdef TAG_BITS
#define MINE		(d | tag << 4)
#else
#define MINE		d
#endif

/*
 * Two words of data, modulo 4.  x counts the pairs of all threads; y has two bits for
 * the pairs of each thread, and in front of them two for all single stores.
 */
#define DIGIT(v, t)	(((v) >> (2 * (t))) & 3)
#define BUMP(v, t)	(((v) & ~(3 << (2 * (t)))) | (((DIGIT(v, t) + 1) & 3) << (2 * (t))))
#define SUM(v)		((DIGIT(v, 1) + DIGIT(v, 2) + DIGIT(v, 3) + DIGIT(v, 4)) & 3)
#define WHOLE(vx, vy)	((vx) == SUM(vy))
#if CPUS > 1
#define COUNT(t)	((DIGIT(y[0], t) + DIGIT(y[1], t)) & 3)
#else
#define COUNT(t)	DIGIT(y[0], t)
#endif

mtype = { PAIR, SINGLE, READ, GO, DONE, AGAIN };

byte key[CPUS];
byte lock[CPUS];	/* its owner */
byte section[CPUS];	/* who is in a section there, undisturbed until now */
byte x[CPUS];
short y[CPUS];

/* Descriptors 1..3 belong to the threads 1..3, number 4 is the second one of thread 1. */
byte log_cpu[5];
byte log_x[5];
short log_y[5];
#ifdef NESTED
bool busy[5];
bool interrupted;
#endif

bool gone[5];		/* ended or dead */
bool dead[5];
byte done[5];		/* pairs reported as done, modulo 4 */
byte singles;		/* single stores done, modulo 4 */

/*
 * Preemption, signals and migration, at every step: the section in progress on a CPU may
 * be aborted at any moment.  Who begins one on c runs there at that moment, wherever
 * it was before, and takes the place of the one that was there.  Outside sections
 * it makes no difference to anybody where a thread runs.
 */
active proctype kernel()
{
end:
	do
	:: d_step { section[0] != NONE -> section[0] = NONE }
#if CPUS > 1
	:: d_step { section[1] != NONE -> section[1] = NONE }
#endif
	od
}

/* L2: plain reads, one by one.  The log is filled as the reads come. */
inline compute_x()
{
	d_step {
		rx = x[c];
		log_cpu[d] = c;
		log_x[d] = (rx + (kind == PAIR -> 1 : 0)) & 3
	}
}

inline compute_y()
{
	d_step {
		ry = y[c];
		log_y[d] = (kind == PAIR -> BUMP(ry, me) : (kind == SINGLE -> BUMP(ry, 0) : ry))
	}
}

/* L3 and L4 begin: from here on it goes on only while the section is undisturbed. */
inline enter()
{
	section[c] = me;
	r = GO
}

#define DISTURBED	(section[c] != me)

#ifdef BROKEN_CONFIRM
#define CONFIRM(word, value)	true
#else
#define CONFIRM(word, value)	if :: word != value -> section[c] = NONE :: else fi
#endif

inline publish()
{
	d_step {
		k = key[c];
		r = AGAIN;
		if
		:: k == OPEN -> enter()
#ifdef BROKEN_PUBLISH
		:: k != OPEN -> enter()
#endif
#ifdef BROKEN_SINGLE
		:: k != OPEN && kind == SINGLE -> enter()
#endif
		:: else
		fi
	};
	if
	:: r == GO ->
		{
			d_step { CONFIRM(x[c], rx) };
			d_step { CONFIRM(y[c], ry) };
			d_step {
				if
				:: kind == PAIR -> key[c] = MINE
				:: kind == SINGLE -> y[c] = log_y[d]; singles = (singles + 1) & 3
				:: else
				fi;
				assert(WHOLE(rx, ry));	/* nobody saw half a pair */
				r = DONE;
				section[c] = NONE
			}
		} unless { d_step { r == GO && DISTURBED -> r = AGAIN } }
	:: else
	fi
}

/* The log of k, to the data.  The address is part of the log. */
inline copy()
{
	x[log_cpu[PENDING(k)]] = log_x[PENDING(k)];
	y[log_cpu[PENDING(k)]] = log_y[PENDING(k)]
}

/* L4, for whoever owns what k says is pending. */
inline apply()
{
#ifdef BROKEN_LOG_OUTSIDE
	d_step { rx = log_x[PENDING(k)]; ry = log_y[PENDING(k)] };
#endif
	d_step {
		r = AGAIN;
		if
#ifdef BROKEN_KEY_CHECK
		:: true -> enter()
#else
		:: key[c] == k -> enter()
#ifdef BROKEN_GATE
		:: key[c] == (k | CLOSED) -> enter()
#endif
		:: else
#endif
		fi
	};
	if
	:: r == GO ->
		{
#ifdef BROKEN_LOG_OUTSIDE
			x[c] = rx;
			y[c] = ry;
#else
			copy();
#endif
			d_step { key[c] = OPEN; r = AGAIN; section[c] = NONE }
#ifdef BROKEN_SECTION
		}
#else
		} unless { d_step { r == GO && DISTURBED -> r = AGAIN } }
#endif
	:: else
	fi
}

/* E4: nobody else writes meanwhile. */
inline run_closed()
{
	compute_x();
	compute_y();
	assert(WHOLE(rx, ry));
	if
	:: kind == PAIR ->
#if defined(LOGGED) && !defined(BROKEN_IN_PLACE)
		key[c] = CLOSED | d;
#endif
		x[c] = log_x[d];
		y[c] = log_y[d]
	:: kind == SINGLE -> d_step { y[c] = log_y[d]; singles = (singles + 1) & 3 }
	:: else
	fi
}

#ifdef FENCE_FAILS
/* The fence could not be had: nothing was done.  Whoever wanted it begins again. */
inline undo()
{
#ifdef BROKEN_UNDO
	key[c] = OPEN;
#else
	key[c] = PENDING(key[c]);
#endif
	lock[c] = NONE;
	d_step { lock[c] == NONE -> lock[c] = me };
	key[c] = key[c] | CLOSED
}
#endif

/* E0..E3a, for CPU c. */
inline take_over()
{
	d_step { lock[c] == NONE -> lock[c] = me };
	do
	::
#ifdef BROKEN_ORDER
		section[c] = NONE;
#endif
#if defined(BROKEN_XCHG) || defined(BROKEN_GONE)
		d_step { k = key[c]; key[c] = CLOSED };
#elif defined(BROKEN_ATOMIC)
		k = key[c];
		key[c] = k | CLOSED;
#else
		key[c] = key[c] | CLOSED;
#endif
#ifdef FENCE_FAILS
		if
		:: true -> undo()
		:: true
		fi;
#endif
#if !defined(BROKEN_FENCE) && !defined(BROKEN_ORDER)
		section[c] = NONE;
#endif
#ifdef BROKEN_LOOP
		break
#else
		if
		:: key[c] & CLOSED -> break
		:: else
		fi
#endif
	od;
#if !defined(BROKEN_XCHG) && !defined(BROKEN_GONE)
	k = key[c];
#endif
	if
	:: PENDING(k) ->
#ifndef BROKEN_FINISH
		copy();
#endif
		key[c] = CLOSED
	:: else
	fi
}

/* E5 and E6 */
inline reopen()
{
#ifdef BROKEN_REOPEN
	lock[c] = NONE;
	key[c] = OPEN
#else
	key[c] = OPEN;
	lock[c] = NONE
#endif
}

/* What the owner takes for "it is applied", L5. */
#if defined(BROKEN_EARLY)
#define APPLIED	(key[c] != d)
#elif defined(BROKEN_GONE)
#define APPLIED	(key[c] != MINE)
#elif defined(BROKEN_XCHG)
#define APPLIED	(PENDING(key[c]) != d && !(key[c] & CLOSED))
#else
#define APPLIED	(PENDING(key[c]) != d)
#endif

#if defined(TRIES) && !defined(BROKEN_BOUND)
#define MAY_TRY		tries < TRIES
#define MAY_STOP	tries == TRIES
#define TRIED		tries++
#define NEW_TRIES	tries = 0
#else
#define MAY_TRY		true
#ifdef BROKEN_BOUND
#define MAY_STOP	false
#else
#define MAY_STOP	true
#endif
#define TRIED		skip
#define NEW_TRIES	skip
#endif

inline any_kind()
{
#ifdef MIX
	if
	:: kind = PAIR
	:: kind = SINGLE
	:: kind = READ
	fi
#else
	kind = PAIR
#endif
}

inline any_cpu()
{
#if CPUS > 1
	if
	:: c = 0
	:: c = 1
	fi
#else
	c = 0
#endif
}

/* L2 and L3, on whatever CPU that is at each try, until it is published (r is DONE) or given up. */
inline run_local()
{
	do
	:: atomic { MAY_TRY && me != STRANGER -> TRIED; any_cpu(); compute_x() };
		compute_y();
		publish();
		if
		:: r == DONE -> break
		:: r == AGAIN && PENDING(k) && !(k & CLOSED) ->
#ifdef BROKEN_HELP
			key[c] != k
#else
			apply()
#endif
		:: else
		fi;
		d_step { k = OPEN; rx = 0; ry = 0 }
	:: atomic { MAY_STOP -> any_cpu() };
		break
	od
}

/* L4 and L5 of the owner, who may have left c. */
inline settle()
{
	d_step { k = MINE; rx = 0; ry = 0; NEW_TRIES };
	do
	:: APPLIED -> break
#ifdef BROKEN_REUSE
	:: key[c] == (CLOSED | d) -> log_x[d] = 0; log_y[d] = 0; APPLIED; break
#endif
	:: MAY_TRY -> TRIED; apply()
	:: MAY_STOP -> take_over(); reopen(); break
	od
}

/* Reported.  The descriptor is free: whoever reads its log from now on reads rubbish. */
inline report()
{
	d_step {
		log_cpu[d] = 0;
		log_x[d] = 0;
		log_y[d] = 0;
		if
		:: kind == PAIR ->
			done[me] = (done[me] + 1) & 3;
			assert(COUNT(me) == done[me])	/* once, and by now */
		:: else
		fi;
#ifdef TAG_BITS
		tag = (tag + 1) & ((1 << TAG_BITS) - 1);
#endif
		k = OPEN; c = 0; rx = 0; ry = 0; r = AGAIN; NEW_TRIES
	}
}

inline operation()
{
	any_kind();
	run_local();
	if
	:: r == DONE && kind == PAIR -> settle()
	:: r == DONE && kind != PAIR
	:: r != DONE -> take_over(); run_closed(); reopen()
	fi;
	report()
}

#define LOCALS				\
	byte c, k, rx, tries, tag;	\
	short ry;			\
	mtype kind = PAIR, r = AGAIN
