/* SPDX-License-Identifier: MIT
 *
 * bench/lock_work.h - what one member does with a lock, the same for the library's and its peers': loops as macros, so
 * that each lock's calls stand in them as its users write them. */
#ifndef BENCH_LOCK_WORK_H
#define BENCH_LOCK_WORK_H

#include "base/rand.h"
#include "bench/samples.h"

/* About 35 ns on a processor of 3 GHz, as Go's benchmarks have inside and outside of the lock. */
static inline void lock_some_work(void)
{
	for (int i = 0; i < 100; i++)
		__asm__ volatile("");
}

/* n times; the waits of some are sampled. */
#define LOCK_LOOP(self, n_, work, LOCK, UNLOCK)                                                   \
	do {                                                                                          \
		uint64_t left_ = (n_);                                                                    \
		struct samples *s_ = samples_begin((self), left_);                                        \
                                                                                                  \
		for (; left_ > 0; left_--) {                                                              \
			uint64_t from_ = samples_start(s_);                                                   \
                                                                                                  \
			LOCK;                                                                                 \
			samples_stop(s_, from_);                                                              \
			if (work)                                                                             \
				lock_some_work();                                                                 \
			UNLOCK;                                                                               \
			if (work)                                                                             \
				lock_some_work();                                                                 \
		}                                                                                         \
	} while (0)

/* n times, of which `share` in a thousand read. The writers' waits are sampled, or the readers' when none write. */
#define RW_LOOP(self, n_, share, RLOCK, RUNLOCK, LOCK, UNLOCK)                                    \
	do {                                                                                          \
		uint64_t left_ = (n_), rng_ = 0x9E3779B97F4A7C15ULL * ((uint64_t)(self) + 1);              \
		uint64_t sampled_ = (share) < 1000 ? left_ * (1000 - (share)) / 1000 : left_;              \
		struct samples *s_ = samples_begin((self), sampled_);                                     \
                                                                                                  \
		for (; left_ > 0; left_--) {                                                              \
			if ((uint64_t)rand_next(&rng_) * 1000 >> 32 < (share)) {                              \
				uint64_t from_ = (share) == 1000 ? samples_start(s_) : 0;                         \
                                                                                                  \
				RLOCK;                                                                            \
				samples_stop(s_, from_);                                                          \
				RUNLOCK;                                                                          \
			} else {                                                                              \
				uint64_t from_ = samples_start(s_);                                               \
                                                                                                  \
				LOCK;                                                                             \
				samples_stop(s_, from_);                                                          \
				UNLOCK;                                                                           \
			}                                                                                     \
		}                                                                                         \
	} while (0)

#endif
