/* SPDX-License-Identifier: MIT
 *
 * ck_lock.c - Concurrency Kit's reader-writer locks. They spin: never more threads than CPUs. */
#include <ck_brlock.h> /* CK first: our short force_inline would change its attributes */
#include <ck_pflock.h>
#include <ck_rwlock.h>

#include "bench/lock_team.h"

static struct {
	alignas(CACHELINE) ck_rwlock_t rw;
	alignas(CACHELINE) ck_pflock_t pf;
	alignas(CACHELINE) ck_brlock_t br;
} l = {CK_RWLOCK_INITIALIZER, CK_PFLOCK_INITIALIZER, CK_BRLOCK_INITIALIZER};

RW_TEAM_ROWS(ck_rwlock_rows, "ck/rwlock", BENCH_FULL_ONLY, ck_rwlock_read_lock(&l.rw), ck_rwlock_read_unlock(&l.rw),
			 ck_rwlock_write_lock(&l.rw), ck_rwlock_write_unlock(&l.rw))
RW_TEAM_ROWS(ck_pflock_rows, "ck/pflock", BENCH_FULL_ONLY, ck_pflock_read_lock(&l.pf), ck_pflock_read_unlock(&l.pf),
			 ck_pflock_write_lock(&l.pf), ck_pflock_write_unlock(&l.pf))

/* A reader of the big-reader lock needs a registered record of its own, as long as the lock lives. */
static struct {
	alignas(CACHELINE) ck_brlock_reader_t record;
	bool registered;
} readers[2];

static inline ck_brlock_reader_t *reader(int self)
{
	if (unlikely(!readers[self].registered)) {
		ck_brlock_read_register(&l.br, &readers[self].record);
		readers[self].registered = true;
	}
	return &readers[self].record;
}

RW_TEAM_ROWS(ck_brlock_rows, "ck/brlock", BENCH_FULL_ONLY, ck_brlock_read_lock(&l.br, reader(self)),
			 ck_brlock_read_unlock(reader(self)), ck_brlock_write_lock(&l.br), ck_brlock_write_unlock(&l.br))
