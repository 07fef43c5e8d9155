/* SPDX-License-Identifier: MIT */
#include "bench/crowd.h"

#include "bench/host.h"

#include <sched.h>

void stand(void *arg)
{
	struct crowd *crowd = arg;

	wend_waitgroup_done(&crowd->here);
	wend_waitgroup_wait(&crowd->gate);
	wend_waitgroup_done(&crowd->over);
}

int crowd_add(struct crowd *crowd)
{
	wend_waitgroup_add(&crowd->here, 1);
	wend_waitgroup_add(&crowd->over, 1);

	int rc = wend_go(stand, crowd);

	if (rc != 0) {
		wend_waitgroup_done(&crowd->here);
		wend_waitgroup_done(&crowd->over);
	}
	return rc;
}

void crowd_open(struct crowd *crowd)
{
	wend_waitgroup_done(&crowd->gate);
	wend_waitgroup_wait(&crowd->over);
}

static void *stand_thread(void *arg)
{
	struct hall *hall = arg;

	atm_add_sc(&hall->here, 1);
	while (atm_load_acq(&hall->open) == 0)
		host_futex_wait(&hall->open, 0);
	return NULL;
}

uint64_t hall_fill(struct hall *hall, pthread_t *thread, uint64_t want, int *rc)
{
	uint64_t made = 0;

	*rc = 0;
	while (made < want && (*rc = pthread_create(&thread[made], NULL, stand_thread, hall)) == 0)
		made++;
	while (atm_load_acq(&hall->here) < made)
		sched_yield();
	return made;
}

void hall_open(struct hall *hall, const pthread_t *thread, uint64_t made)
{
	atm_store_rel(&hall->open, 1);
	host_futex_wake(&hall->open, (int)made);
	for (uint64_t i = 0; i < made; i++)
		pthread_join(thread[i], NULL);
}
