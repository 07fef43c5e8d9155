/* SPDX-License-Identifier: MIT
 *
 * bench_fair.c - one that gives way, over and over, beside two that ready each other without end on the same P: each
 * of the two may always run next, so only the turns of the scheduler's other queues let the first one run. An operation is
 * one turn of its own; the histogram has how long each was waited for. Go has one of its own (peers/go/main.go).
 */
#include "bench/rt.h"

#include <stdlib.h>

static wend_chan *ball[2];
static atm_u32 playing;

static void play(void *me)
{
	size_t i = (size_t)me;
	char b;

	while (wend_chan_recv(ball[i], &b)) {
		if (!atm_load_acq(&playing)) { /* acq: pairs with the body's end */
			wend_chan_close(ball[!i]);
			break;
		}
		wend_chan_send(ball[!i], &b);
	}
}

static bool begin_to_play(struct rt *rt)
{
	char b = 0;

	for (size_t i = 0; i < 2; i++)
		ball[i] = wend_chan_make(sizeof b, 0);
	if (!ball[0] || !ball[1]) {
		rt_fail(rt, "out of memory");
		return false;
	}
	atm_store_rlx(&playing, 1); /* rlx: the spawns publish it */
	for (size_t i = 0; i < 2; i++)
		if (!rt_ok(rt, wend_go(play, (void *)i), "wend_go"))
			return false;
	wend_chan_send(ball[0], &b);
	return true;
}

static void yield_beside_pair(struct rt *rt, uint64_t n)
{
	uint64_t *waited = calloc(n, sizeof *waited);

	if (!waited)
		rt_fail(rt, "out of memory");
	if (!waited || !begin_to_play(rt)) {
		free(waited);
		return;
	}
	rt_begin(rt);
	for (uint64_t k = 0; k < n; k++) {
		uint64_t from = bench_now();

		wend_yield();
		waited[k] = bench_now() - from;
	}
	rt_end(rt);
	for (uint64_t k = 0; k < n; k++)
		bench_lat(rt->b, waited[k]);
	free(waited);
	atm_store_rel(&playing, 0); /* rel: pairs with play */
	while (wend_num_coroutines() > 1)
		wend_yield();
	for (size_t i = 0; i < 2; i++)
		wend_chan_release(ball[i]);
}
RT_BENCH(fair_pair, "yield/beside_pair", 1, BENCH_SAME_CPU, yield_beside_pair, .iterations = 20000)
