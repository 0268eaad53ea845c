// SPDX-License-Identifier: MIT
/*
 * opv stress: threads, a timer signal in each, changes of affinity, shares forced
 * on to an engine, children of fork; and a look at whether everybody gets on.
 */
#define _GNU_SOURCE
#include "stress.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define TICK_NS		10000000
#define STUCK_SECONDS	60	/* longer than any lock's timeout */
#define CHILD_SECONDS	60
#define CHILD_STEPS	3
#define SIGNAL		SIGUSR1

#ifndef sigev_notify_thread_id
# define sigev_notify_thread_id _sigev_un._tid
#endif

struct thread {
	pthread_t id;
	struct stress_worker *worker, *handler;
	_Atomic pid_t tid;
	uint64_t quota;		/* steps, 0: until told to stop */
	uint64_t seen;		/* steps, when the watcher last looked */
	double since;		/* ... and found them changed */
};

static __thread struct thread *me;
static __thread timer_t timer;
static _Atomic unsigned int running;
static cpu_set_t allowed;

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void arm(struct stress_worker *w)
{
	struct itimerspec in = { 0 };

	in.it_value.tv_nsec = 20000 + (long)(stress_random(w) % 300000);
	timer_settime(timer, 0, &in, NULL);
}

static void on_signal(int number)
{
	int saved = errno;

	(void)number;
	if (!me || atomic_load(&me->worker->s->stop))
		return;
	stress_step(me->handler, stress_pick(me->handler));
	arm(me->handler);
	errno = saved;
}

static bool start_signals(struct stress_worker *w)
{
	struct sigevent event = { .sigev_notify = SIGEV_THREAD_ID, .sigev_signo = SIGNAL };

	event.sigev_notify_thread_id = gettid();
	if (timer_create(CLOCK_MONOTONIC, &event, &timer)) {
		stress_lost(w->s, STRESS_NR_SCENARIOS, "no timer: %s", strerror(errno));
		return false;
	}
	arm(w);
	return true;
}

static void *thread_main(void *arg)
{
	struct thread *t = arg;
	struct stress *s = t->worker->s;
	bool timed;
	uint64_t i;

	me = t;
	atomic_store(&t->tid, gettid());
	timed = s->signals && start_signals(t->worker);
	for (i = 0; (!t->quota || t->worker->steps < t->quota) && !atomic_load(&s->stop); i++)
		stress_step(t->worker, stress_pick(t->worker));
	if (timed)
		timer_delete(timer);
	atomic_store(&t->tid, 0);
	atomic_fetch_sub(&running, 1);
	return NULL;
}

/* Somebody goes somewhere else, or may go anywhere. */
static void migrate(struct stress *s, struct thread *threads, struct stress_worker *w)
{
	pid_t tid = atomic_load(&threads[stress_random(w) % s->threads].tid);
	unsigned int n = stress_random(w) % ((unsigned int)CPU_COUNT(&allowed) + 1);
	cpu_set_t set = allowed;
	int cpu;

	for (cpu = 0; n && cpu < CPU_SETSIZE; cpu++)
		if (CPU_ISSET(cpu, &allowed) && !--n) {
			CPU_ZERO(&set);
			CPU_SET(cpu, &set);
			break;
		}
	if (tid)
		sched_setaffinity(tid, sizeof(set), &set);	/* it may have gone meanwhile */
}

/* Everything that decides between the roads takes its turn. */
static void change_roads(struct stress *s, unsigned int tick)
{
	if (s->forced || tick % 5)
		return;
	opv_count_fast(tick / 5 % 4 == 3);
	opv_force(OPV_ENGINE_FENCE, tick / 5 % 4 == 2 ? 20 : 0);
}

static void child_main(struct stress *s)
{
	struct stress_worker *w = &s->workers[s->nr_workers - 1];
	int i, j;

	alarm(CHILD_SECONDS);
	for (i = 0; i < CHILD_STEPS; i++)
		for (j = 0; j < STRESS_NR_SCENARIOS; j++)
			if (s->enabled[j])
				stress_step(w, (enum stress_scenario)j);
	_exit(0);
}

static const struct stress_ops *const all[] = {
#define X(name, what) &stress_##name,
	STRESS_SCENARIOS(X)
#undef X
};

/* The child finds every domain usable and whole, whatever the threads were doing. */
static void spawn(struct stress *s)
{
	int status = 0, i;
	pid_t pid;

	/* The child's ledgers count for nothing here, so it must not be the parent's worker. */
	pid = fork();
	if (pid < 0)
		return;
	if (!pid) {
		for (i = 0; i < STRESS_NR_SCENARIOS; i++)
			s->enabled[i] = s->enabled[i] && !all[i]->parent_only;
		child_main(s);
	}
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	s->forks++;
	if (WIFSIGNALED(status))
		stress_lost(s, STRESS_NR_SCENARIOS, "a child of fork died of signal %d (%s)",
			    WTERMSIG(status), WTERMSIG(status) == SIGALRM ? "it hung" :
			    strsignal(WTERMSIG(status)));
}

static void tick(struct stress *s, struct thread *threads, unsigned int n)
{
	struct stress_worker *w = &s->workers[s->nr_workers - 1];
	int i;

	change_roads(s, n);
	for (i = 0; s->migrate && i < 4; i++)
		migrate(s, threads, w);
	if (!s->fork)
		return;
	if (n % 4 == 1)
		spawn(s);
	for (i = 0; i < STRESS_NR_SCENARIOS; i++)
		if (s->enabled[i] && all[i]->tick && n % 4 == 3)
			all[i]->tick(s);
}

static uint64_t all_steps(const struct stress *s)
{
	uint64_t sum = 0;
	unsigned int i;

	for (i = 0; i < s->nr_workers; i++)
		sum += atomic_load_explicit(&s->workers[i].steps, memory_order_relaxed);
	return sum;
}

static void progress(const struct stress *s, double seconds, bool last)
{
	if (!isatty(STDERR_FILENO))
		return;
	if (last)
		fputs("\r\033[K", stderr);
	else
		fprintf(stderr, "\r%6.0f s  %12llu steps  %6llu forks  %6llu kills  %u problems\033[K",
			seconds, (unsigned long long)all_steps(s), (unsigned long long)s->forks,
			(unsigned long long)s->kills, atomic_load(&s->report->lines));
	fflush(stderr);
}

/* Every call ends: a thread that makes no step in a minute is reported, and the run with it. */
static bool somebody_is_stuck(struct stress *s, struct thread *threads, double at)
{
	unsigned int i;

	for (i = 0; i < s->threads; i++) {
		struct thread *t = &threads[i];
		uint64_t steps = t->worker->steps + t->handler->steps;

		if (steps != t->seen || !atomic_load(&t->tid)) {
			t->seen = steps;
			t->since = at;
		} else if (at - t->since > STUCK_SECONDS) {
			int doing = t->worker->doing, handler = t->handler->doing;

			stress_lost(s, STRESS_NR_SCENARIOS, "thread %u has been in \"%s\"%s%s for %d s", i,
				    doing < 0 ? "nothing" : stress_names[doing],
				    handler < 0 ? "" : ", its handler in ",
				    handler < 0 ? "" : stress_names[handler], STUCK_SECONDS);
			return true;
		}
	}
	return false;
}

static void make_threads(struct stress *s, struct thread *threads)
{
	struct sigaction action = { .sa_handler = on_signal, .sa_flags = SA_RESTART };
	unsigned int i;
	int ret;

	sigaction(SIGNAL, &action, NULL);
	sched_getaffinity(0, sizeof(allowed), &allowed);
	atomic_store(&running, s->threads);
	for (i = 0; i < s->threads; i++) {
		threads[i].worker = &s->workers[2 * i];
		threads[i].handler = &s->workers[2 * i + 1];
		threads[i].since = now();
		if (s->operations)
			threads[i].quota = (s->operations + s->threads - 1) / s->threads;
		ret = pthread_create(&threads[i].id, NULL, thread_main, &threads[i]);
		if (ret)
			die("stress", "no thread %u: %s", i, strerror(ret));
	}
}

void stress_drive(struct stress *s)
{
	const struct timespec pause = { 0, TICK_NS };
	struct thread *threads = stress_zalloc(s->threads * sizeof(*threads));
	double start = now(), at, shown = start;
	unsigned int n, i;

	make_threads(s, threads);
	for (n = 0; atomic_load(&running); n++) {
		nanosleep(&pause, NULL);
		at = now();
		if (s->nanoseconds && (at - start) * 1e9 >= (double)s->nanoseconds)
			atomic_store(&s->stop, true);
		else if (!atomic_load(&s->stop))
			tick(s, threads, n);
		if (at - shown >= 1) {
			progress(s, at - start, false);
			shown = at;
		}
		if (somebody_is_stuck(s, threads, at)) {
			progress(s, 0, true);
			stress_print(s, false);
			_exit(1);
		}
	}
	atomic_store(&s->stop, true);
	for (i = 0; i < s->threads; i++)
		pthread_join(threads[i].id, NULL);
	s->seconds = now() - start;
	progress(s, 0, true);
	if (!s->forced) {
		opv_force(OPV_ENGINE_FENCE, 0);
		opv_count_fast(0);
	}
}
