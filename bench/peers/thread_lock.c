/* SPDX-License-Identifier: MIT
 *
 * thread_lock.c - the C library's locks on threads: the baselines of mutex, rwmutex and semaphore. */
#include "bench/lock_team.h"

#include <semaphore.h>

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_rwlock_t rwlock = PTHREAD_RWLOCK_INITIALIZER;

MUTEX_TEAM_ROWS(pthread_mutex, "thread/mutex", pthread_mutex_lock(&mutex), pthread_mutex_unlock(&mutex))
RW_TEAM_ROWS(pthread_rwlock, "thread/rwlock", 0, pthread_rwlock_rdlock(&rwlock), pthread_rwlock_unlock(&rwlock),
			 pthread_rwlock_wrlock(&rwlock), pthread_rwlock_unlock(&rwlock))
RW_TEAM_CROWD_ROWS(pthread_rwlock, "thread/rwlock", 0)

static sem_t units;

__attribute__((constructor)) static void make(void)
{
	sem_init(&units, 0, 4);
}

static inline void sem_pairs(int self, uint64_t n, uint64_t share)
{
	LOCK_LOOP((size_t)self, n, false, sem_wait(&units), sem_post(&units));
}
LOCK_TEAM_ROW(sem_alone, "thread/sem", 1, BENCH_SAME_CPU, false, sem_pairs, 0, .clock = "wall")
LOCK_TEAM_ROW(sem_p2_50, "thread/sem_p2/50", 100, BENCH_TWO_CPUS, false, sem_pairs, 0, .clock = "wall")
