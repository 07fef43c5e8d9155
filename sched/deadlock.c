/* SPDX-License-Identifier: MIT
 *
 * sched/deadlock.c - all coroutines are asleep and nobody is left who could wake one. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/fatal.h"
#include "sched/reclaim.h"
#include "sched/sched_priv.h"
#include "wend/go.h"

static bool is_m(int tid)
{
	bool found = false;

	lock(&sched.lock);
	for (struct m *mp = sched.all_m; mp && !found; mp = mp->all_link)
		found = (int)atm_load_rlx(&mp->tid) == tid; /* rlx: its own number */
	unlock(&sched.lock);
	return found;
}

/* Does the process have threads that are not M's, be they on their way out? When in doubt, it has. */
static bool other_threads(void)
{
	DIR *dir = opendir("/proc/self/task");
	int others = 0;

	if (!dir)
		return true;
	for (struct dirent *e; (e = readdir(dir));)
		others += e->d_name[0] != '.' && !is_m(atoi(e->d_name));
	closedir(dir);
#ifdef WEND_TSAN
	others--; /* ThreadSanitizer's own */
#endif
	return others > 0;
}

/* All P's are idle. Only threads that the runtime does not know could still wake somebody: while there are any, nothing
 * is proven, and as nobody tells when they end, the answer is true: look again. */
bool check_deadlock(void)
{
	if (!atm_load_rlx(&sched.run_mode) || !running() || /* rlx: set before this M was made */
		atm_load_rlx(&sched.foreign_seen) || atm_load_rlx(&wend__reclaim_hurry) || timers_earliest(NULL) != NEVER)
		return false;
	if (other_threads())
		return true;
	lock(&sched.lock);
	bool dead = !atm_load_rlx(&sched.blocked) && load_idle(atm_load_rlx(&sched.load)) == atm_load_rlx(&sched.nprocs) &&
				!load_spinning(atm_load_rlx(&sched.load)) && !atm_load_rlx(&sched.global.n) &&
				timers_earliest(NULL) == NEVER; /* again: they move under the lock */

	for (int i = 0; i < sched.nallp; i++)
		dead = dead && sched.allp[i]->state != P_TAKEN && !runq_len(sched.allp[i]) &&
			   !sched.allp[i]->bound && !atm_load_rlx(&sched.allp[i]->inbox);
	unlock(&sched.lock);
	if (!dead)
		return false;
	wend__die_begin();
	if (wend_num_coroutines() == 0)
		fprintf(stderr, "fatal error: no coroutines (main called wend_goexit) - deadlock!\n");
	else
		fprintf(stderr, "fatal error: all coroutines are asleep - deadlock!\n");
	wend__die(NULL, true);
}
