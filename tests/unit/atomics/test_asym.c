/* SPDX-License-Identifier: MIT
 *
 * The asymmetric fence as a litmus test: two threads store one word each and load the other's. Without
 * fences a CPU may let both loads pass the stores; with them at least one sees the other's. */
#include "harness/fault.h"
#include "harness/test.h"

#include <pthread.h>
#include <sched.h>

#include "atomics/asym.h"
#include "atomics/atomic.h"

enum { BATCH = 64 }; /* rounds between two meetings */

struct line {
	alignas(64) atm_u32 word;
};

/* Every round has words of its own, so that nothing needs to be put back meanwhile. */
static struct line x[BATCH], y[BATCH];
static uint32_t saw_y[BATCH], saw_x[BATCH];
static atm_u32 gate[2];
static atm_u32 over;
static void (*left_fence)(void), (*right_fence)(void);

static void light(void)
{
	asym_light();
}

static void heavy(void)
{
	asym_heavy();
}

static void full(void)
{
	atm_fence_sc();
}

static void none(void)
{
	compiler_barrier();
}

/* Both threads leave at the same moment, as near as may be. */
static void meet(int me, uint32_t round)
{
	atm_store_rel(&gate[me], round);
	for (int i = 0; atm_load_acq(&gate[!me]) < round; i++)
		if (i > 2000)
			sched_yield(); /* one CPU, or a busy one */
}

static void left(void)
{
	for (int i = 0; i < BATCH; i++) {
		atm_store_rlx(&x[i].word, 1);
		left_fence();
		saw_y[i] = atm_load_rlx(&y[i].word);
	}
}

static void right(void)
{
	for (int i = 0; i < BATCH; i++) {
		atm_store_rlx(&y[i].word, 1);
		right_fence();
		saw_x[i] = atm_load_rlx(&x[i].word);
	}
}

static void *right_side(void *unused)
{
	for (uint32_t round = 1;; round += 2) {
		meet(1, round);
		if (atm_load_acq(&over))
			return unused;
		right();
		meet(1, round + 1);
	}
}

struct counts {
	long rounds, both_zero, one_sided, both_seen;
};

static struct counts litmus(void (*on_left)(void), void (*on_right)(void), double seconds)
{
	struct counts c = {0, 0, 0, 0};
	double end = test_now() + seconds;
	pthread_t t;

	left_fence = on_left;
	right_fence = on_right;
	atm_store_rel(&over, 0);
	atm_store_rel(&gate[0], 0);
	atm_store_rel(&gate[1], 0);
	CHECK(pthread_create(&t, NULL, right_side, NULL) == 0);
	for (uint32_t round = 1;; round += 2) {
		for (int i = 0; i < BATCH; i++) {
			atm_store_rlx(&x[i].word, 0);
			atm_store_rlx(&y[i].word, 0);
		}
		if (test_now() > end) {
			atm_store_rel(&over, 1);
			meet(0, round);
			break;
		}
		meet(0, round);
		left();
		meet(0, round + 1);
		for (int i = 0; i < BATCH; i++) {
			c.both_zero += !saw_x[i] && !saw_y[i];
			c.one_sided += saw_x[i] != saw_y[i];
			c.both_seen += saw_x[i] && saw_y[i];
		}
		c.rounds += BATCH;
	}
	pthread_join(t, NULL);
	return c;
}

static struct counts never_both_zero(void (*a)(void), void (*b)(void))
{
	struct counts c = litmus(a, b, test_stress_seconds() / 2);

	test_note("%ld rounds: both zero %ld, one %ld, both seen %ld", c.rounds, c.both_zero, c.one_sided,
			  c.both_seen);
	CHECK(c.rounds >= BATCH);
	CHECK_EQ(c.both_zero, 0);
	return c;
}

TEST(light_against_heavy_is_never_both_zero)
{
	wend__asym_probe();
	test_note("membarrier: %s", wend__asym_on ? "yes" : "no");
	never_both_zero(light, heavy);
	never_both_zero(heavy, light);
}

TEST(heavy_against_heavy_is_never_both_zero)
{
	wend__asym_probe();
	never_both_zero(heavy, heavy);
}

/* A kernel without membarrier: both become full fences. */
TEST(without_membarrier_light_is_a_full_fence)
{
	fault_all("membarrier", ENOSYS);
	wend__asym_probe();
	CHECK(!wend__asym_on);
	never_both_zero(light, heavy);
	never_both_zero(light, light);
}

/* The control: shows that the test can see what it looks for. Needs two CPUs at the same time, so that it
 * says what it saw and fails never. */
TEST(without_fences_both_may_be_zero)
{
	struct counts c = litmus(none, none, test_stress_seconds() / 2);

	test_note("%ld rounds without fences: both zero %ld, one %ld, both seen %ld%s", c.rounds, c.both_zero,
			  c.one_sided, c.both_seen, c.both_zero ? "" : ": this machine does not show it");
	c = litmus(full, full, test_stress_seconds() / 4);
	CHECK_EQ(c.both_zero, 0);
}
