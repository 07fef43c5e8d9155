/* SPDX-License-Identifier: MIT
 *
 * tests/model/choose.c - the decisions of an execution, and where they come from: a list to be followed, then
 *   exhaustive  always the simplest; the list of the next execution is this one's with the last decision
 *               that has an untried alternative within the bounds changed (depth first)
 *   random      threads have priorities that drop at a few random moments (Burckhardt et al. 2010, "PCT"), or
 *               are changed with a fixed probability; values are old with a fixed probability
 * All decisions that were open are recorded, bounds or not, so that a list means the same everywhere.
 */
#include "model/engine.h"

enum { DROPS = 4 };

static uint64_t rng;
static bool by_priority;
static uint64_t drop_at[DROPS];
static unsigned ndrops, switch_odds, value_odds;
static int lowest;
static uint64_t usual_length = 50;

static unsigned below(unsigned n)
{
	return (unsigned)((test_rand(&rng) >> 32) * n >> 32);
}

void choose_begin(uint64_t seed, uint64_t execution)
{
	static const unsigned odds[] = {2, 4, 16}, value[] = {2, 4, 16, 0};

	usual_length = (usual_length * 7 + model.step) / 8 + 1;
	rng = seed ^ execution * 0x9E3779B97F4A7C15u;
	by_priority = below(3) != 0;
	switch_odds = odds[below(3)];
	value_odds = value[below(4)];
	ndrops = 1 + below(DROPS);
	/* The length is part of the seed's meaning: rounded, so that it seldom differs in a replay. */
	for (unsigned i = 0; i < ndrops; i++)
		drop_at[i] = below((unsigned)usual_length + 1);
	lowest = 0;
}

void choose_priority(struct thread *t)
{
	if (model.strategy == RANDOM && model.at >= model.nprefix)
		t->priority = (int)below(1000000) + 1;
}

static unsigned random_thread(unsigned n)
{
	struct thread *cur = model.cur;
	unsigned best = 0;

	if (!by_priority) {
		if (model.enabled[0] == cur && below(switch_odds))
			return 0;
		return below(n);
	}
	for (unsigned i = 0; i < ndrops; i++)
		if (model.step >= drop_at[i]) {
			drop_at[i] = UINT64_MAX;
			cur->priority = --lowest;
		}
	/* One that spins, or has just waited, lets all others go first. */
	if (cur->state == PAUSED)
		cur->priority = --lowest;
	for (unsigned i = 1; i < n; i++)
		if (model.enabled[i]->priority > model.enabled[best]->priority)
			best = i;
	return best;
}

unsigned model_pick(unsigned n, enum choice_kind kind, enum cost cost)
{
	unsigned pick = 0;

	if (model.at == CHOICES)
		model_stop("more than %d decisions", CHOICES);

	struct choice *c = &model.choice[model.at];

	if (n > 250)
		n = 250;
	if (model.at < model.nprefix)
		pick = model.prefix[model.at] < n ? model.prefix[model.at] : 0;
	else if (model.strategy == RANDOM)
		pick = kind == CHOOSE_THREAD ? random_thread(n)
			   : kind == CHOOSE_TEST ? below(n)
			   : value_odds && !below(value_odds) ? 1 + below(n - 1)
												  : 0;
	model.at++;
	c->n = (uint8_t)n;
	c->pick = (uint8_t)pick;
	c->limit = c->n;
	if (cost == COST_PREEMPTION) {
		if (model.preemptions == 0)
			c->limit = 1;
		else if (pick)
			model.preemptions--;
	} else if (cost == COST_DEPARTURE) {
		if (model.departures == 0)
			c->limit = 1;
		else if (pick)
			model.departures--;
	}
	if (c->limit < c->n)
		model.bounded = true;
	return pick;
}

bool choose_next_exhaustive(void)
{
	int i = model.at - 1;

	while (i >= 0 && model.choice[i].pick + 1 >= model.choice[i].limit)
		i--;
	if (i < 0)
		return false;
	for (int k = 0; k < i; k++)
		model.prefix[k] = model.choice[k].pick;
	model.prefix[i] = (uint8_t)(model.choice[i].pick + 1);
	model.nprefix = i + 1;
	return true;
}
