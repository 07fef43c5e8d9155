/* SPDX-License-Identifier: MIT
 *
 * nsync.c - nsync's lock, which is a mutex and a reader-writer lock in one. Built where its library is found. */
#include <nsync.h>

#include "bench/lock_team.h"

static nsync_mu mu = NSYNC_MU_INIT;

MUTEX_TEAM_ROWS(nsync_mutex, "nsync/mutex", nsync_mu_lock(&mu), nsync_mu_unlock(&mu))
RW_TEAM_ROWS(nsync_rwlock, "nsync/rwlock", BENCH_FULL_ONLY, nsync_mu_rlock(&mu), nsync_mu_runlock(&mu), nsync_mu_lock(&mu),
			 nsync_mu_unlock(&mu))
RW_TEAM_CROWD_ROWS(nsync_rwlock, "nsync/rwlock", BENCH_FULL_ONLY)
