/* SPDX-License-Identifier: MIT
 *
 * thread_queue.c - what C programs use for a channel: a ring under a mutex, with a condition variable for each side, on
 * threads; the baseline of chan/stream and chan/mpmc, with the same capacities. Per value that passes.
 */
#include "bench/team.h"

enum { MOST = 128 };

static struct {
	size_t cap, n, in, out;
	uint64_t item[MOST];
} queue;

static void put(struct team *team, uint64_t v)
{
	pthread_mutex_lock(&team->lock);
	while (queue.n == queue.cap)
		pthread_cond_wait(&team->cond[0], &team->lock);
	queue.item[queue.in] = v;
	queue.in = queue.in + 1 < queue.cap ? queue.in + 1 : 0;
	queue.n++;
	pthread_cond_signal(&team->cond[1]);
	pthread_mutex_unlock(&team->lock);
}

static uint64_t get(struct team *team)
{
	uint64_t v;

	pthread_mutex_lock(&team->lock);
	while (queue.n == 0)
		pthread_cond_wait(&team->cond[1], &team->lock);
	v = queue.item[queue.out];
	queue.out = queue.out + 1 < queue.cap ? queue.out + 1 : 0;
	queue.n--;
	pthread_cond_signal(&team->cond[0]);
	pthread_mutex_unlock(&team->lock);
	return v;
}

static bool empty(struct team *team, uint64_t n)
{
	queue.cap = (size_t)bench_arg(team->b, 0);
	queue.n = queue.in = queue.out = 0;
	return true;
}

/* The first half of the team sends, the other receives. */
static void send_or_recv(struct team *team, int self, uint64_t n)
{
	int half = team->row->threads / 2;
	bool sends = self < half;
	uint64_t k = (uint64_t)half, mine = n / k + ((uint64_t)(sends ? self : self - half) < n % k);

	for (uint64_t i = 0; i < mine; i++)
		if (sends)
			put(team, i);
		else
			BENCH_USE(get(team));
}
TEAM_BENCH_AROUND(thread_queue, "thread/queue", 2, BENCH_FREE, send_or_recv, empty, NULL,
				  .args = {{128}}, .nargs = 1)
TEAM_BENCH_AROUND(thread_queue_mpmc, "thread/queue_mpmc", 8, BENCH_FREE, send_or_recv, empty, NULL,
				  .args = {{128}}, .nargs = 1)
