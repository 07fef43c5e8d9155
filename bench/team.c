/* SPDX-License-Identifier: MIT */
#include "bench/team.h"

#include "bench/host.h"

#include <stdlib.h>
#include <string.h>

struct team_member {
	alignas(CACHELINE) struct team *team; /* a line of its own: both clocks are written hot */
	int self;
	int placed; /* 0, or why the thread could not be pinned, as a negative errno */
	uint64_t began, ended;
	pthread_t thread;
};

static void *member_main(void *arg)
{
	struct team_member *m = arg;
	struct team *team = m->team;

	pthread_mutex_lock(&team->lock);
	pthread_mutex_unlock(&team->lock);
	m->placed = host_place(team->row->place, m->self);
	for (;;) {
		pthread_barrier_wait(&team->start);
		if (team->n == 0)
			return NULL;
		m->began = bench_now();
		team->row->work(team, m->self, team->n);
		m->ended = bench_now();
		pthread_barrier_wait(&team->end);
	}
}

/* Runs one batch and returns how long it took. */
static uint64_t batch(struct team *team, uint64_t n)
{
	uint64_t began = UINT64_MAX, ended = 0;

	team->n = n;
	atm_store_rlx(&team->turn, 0); /* the barrier publishes it */
	pthread_barrier_wait(&team->start);
	if (n == 0)
		return 0;
	pthread_barrier_wait(&team->end);
	for (int i = 0; i < team->row->threads; i++) {
		const struct team_member *m = &team->members[i];

		if (m->placed != 0)
			bench_fail(team->b, "cannot place thread %d: %s", i, strerror(-m->placed));
		began = m->began < began ? m->began : began;
		ended = m->ended > ended ? m->ended : ended;
	}
	return ended - began;
}

void team_bench(bench *b)
{
	const struct team_row *row = bench_user(b);
	int made = 0;
	struct team team = {.b = b, .row = row, .lock = PTHREAD_MUTEX_INITIALIZER};
	const char *limit;
	uint64_t n;

	if (host_missing(row->place)) {
		bench_skip(b, "%s", host_missing(row->place));
		return;
	}
	if (row->threads > TEAM_SMALL && host_thread_room(&limit) < 2 * (uint64_t)row->threads) {
		bench_skip(b, "%d threads are too near the limit (%s)", row->threads, limit);
		return;
	}
	team.members = aligned_alloc(CACHELINE, (size_t)row->threads * sizeof *team.members);
	if (!team.members) {
		bench_fail(b, "out of memory");
		return;
	}
	pthread_cond_init(&team.cond[0], NULL);
	pthread_cond_init(&team.cond[1], NULL);
	pthread_mutex_lock(&team.lock); /* members wait for the barriers, which need their number */
	while (made < row->threads) {
		struct team_member *m = &team.members[made];
		int rc;

		*m = (struct team_member){.team = &team, .self = made};
		rc = pthread_create(&m->thread, NULL, member_main, m);
		if (rc != 0) {
			bench_fail(b, "pthread_create: %s", strerror(rc));
			break;
		}
		made++;
	}
	pthread_barrier_init(&team.start, NULL, (unsigned)made + 1);
	pthread_barrier_init(&team.end, NULL, (unsigned)made + 1);
	pthread_mutex_unlock(&team.lock);
	while (made == row->threads && (n = bench_next(b)) != 0) {
		if (row->before && !row->before(&team, n))
			break;
		bench_time(b, batch(&team, n));
		if (row->after)
			row->after(&team);
	}
	batch(&team, 0);
	while (made-- > 0)
		pthread_join(team.members[made].thread, NULL);
	free(team.members);
}
