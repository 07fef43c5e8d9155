/* SPDX-License-Identifier: MIT
 *
 * thread_create.c - what threads pay to begin and end, and the pool that programs keep because of
 * it: the baselines of spawn. Stacks are the system's default size. On one CPU, as the coroutines
 * of one P are, and free.
 */
#include "base/compiler.h"
#include "bench/bench.h"
#include "bench/host.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define BATCH 1000 /* as in bench_spawn.c */

static void *nothing(void *arg)
{
	return arg;
}

/* Creates and joins n threads, `batch` at a time. */
static void create_join(bench *b, uint64_t batch)
{
	pthread_t *thread = calloc(batch, sizeof *thread);
	uint64_t n;
	int rc = thread ? 0 : ENOMEM;

	while (rc == 0 && (n = bench_next(b)) != 0) {
		while (rc == 0 && n > 0) {
			uint64_t want = n < batch ? n : batch, made = 0;

			while (made < want && (rc = pthread_create(&thread[made], NULL, nothing, NULL)) == 0)
				made++;
			for (uint64_t i = 0; i < made; i++)
				pthread_join(thread[i], NULL);
			n -= want;
		}
	}
	if (rc != 0)
		bench_fail(b, "pthread_create: %s", strerror(rc));
	free(thread);
}

static void create_join_one(bench *b)
{
	create_join(b, 1);
}
BENCH_NAMED(create_one, "thread/create_join", .run = create_join_one, .placement = BENCH_SAME_CPU)
BENCH_NAMED(create_one_free, "thread/create_join_free", .run = create_join_one)

static void create_join_batch(bench *b)
{
	const char *why;

	if (host_thread_room(&why) < 2 * BATCH)
		bench_skip(b, "%d threads are too near the limit (%s)", BATCH, why);
	else
		create_join(b, BATCH);
}
BENCH_NAMED(create_batch, "thread/create_join_batch", .run = create_join_batch,
			.placement = BENCH_SAME_CPU, .flags = BENCH_CROWD)
BENCH_NAMED(create_batch_free, "thread/create_join_batch_free", .run = create_join_batch,
			.flags = BENCH_CROWD)

/* A pool: as many threads as CPUs, one bounded queue under a mutex, a condition for "not empty" and
 * one for "room or done". */
struct pool {
	pthread_mutex_t lock;
	pthread_cond_t more, room;
	uint64_t put, got, done; /* tasks so far; under the lock */
	bool over;
	atm_u64 work; /* what the tasks do */
	void (*task[1024])(struct pool *);
};

static void work(struct pool *pool)
{
	atm_add_sc(&pool->work, 1);
}

static void *pool_thread(void *arg)
{
	struct pool *pool = arg;

	pthread_mutex_lock(&pool->lock);
	for (;;) {
		void (*task)(struct pool *);

		while (pool->got == pool->put && !pool->over)
			pthread_cond_wait(&pool->more, &pool->lock);
		if (pool->got == pool->put)
			break;
		task = pool->task[pool->got++ % countof(pool->task)];
		pthread_mutex_unlock(&pool->lock);
		task(pool);
		pthread_mutex_lock(&pool->lock);
		pool->done++;
		if (pool->done == pool->put || pool->put - pool->got == countof(pool->task) / 2)
			pthread_cond_signal(&pool->room);
	}
	pthread_mutex_unlock(&pool->lock);
	return NULL;
}

static void submit(struct pool *pool, void (*task)(struct pool *))
{
	pthread_mutex_lock(&pool->lock);
	while (pool->put - pool->got == countof(pool->task))
		pthread_cond_wait(&pool->room, &pool->lock);
	pool->task[pool->put++ % countof(pool->task)] = task;
	pthread_cond_signal(&pool->more);
	pthread_mutex_unlock(&pool->lock);
}

/* Per task, from the first submission until the last is done. */
static void pool_submit(bench *b)
{
	struct pool pool = {.lock = PTHREAD_MUTEX_INITIALIZER,
						.more = PTHREAD_COND_INITIALIZER,
						.room = PTHREAD_COND_INITIALIZER};
	int want = bench_procs(), made = 0, rc = 0;
	pthread_t *thread = calloc((size_t)want, sizeof *thread);
	uint64_t n, total = 0;

	while (thread && made < want &&
		   (rc = pthread_create(&thread[made], NULL, pool_thread, &pool)) == 0)
		made++;
	if (made < want)
		bench_fail(b, "pthread_create: %s", strerror(thread ? rc : ENOMEM));
	while (made == want && (n = bench_next(b)) != 0) {
		for (uint64_t i = 0; i < n; i++)
			submit(&pool, work);
		pthread_mutex_lock(&pool.lock);
		while (pool.done != pool.put)
			pthread_cond_wait(&pool.room, &pool.lock);
		pthread_mutex_unlock(&pool.lock);
		total += n;
	}
	pthread_mutex_lock(&pool.lock);
	pool.over = true;
	pthread_cond_broadcast(&pool.more);
	pthread_mutex_unlock(&pool.lock);
	while (made-- > 0)
		pthread_join(thread[made], NULL);
	if (atm_load_acq(&pool.work) != total)
		bench_fail(b, "a task was lost");
	free(thread);
}
BENCH_NAMED(pool_submit, "thread/pool_submit", .run = pool_submit)
