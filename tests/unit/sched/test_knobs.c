/* SPDX-License-Identifier: MIT
 *
 * Knobs: what is understood, what is refused and with which words, and that settings arrive. */
#include "harness/child.h"
#include "harness/test.h"

#include <wend/wend.h>

static char msg[1000];

#define REFUSED(text, part)                                                                       \
	do {                                                                                          \
		msg[0] = 0;                                                                               \
		CHECK_EQ(wend_config_check((text), msg, sizeof msg), -EINVAL);                            \
		CHECK_HAS(msg, part);                                                                     \
	} while (0)

TEST(good_settings_are_accepted)
{
	static const char *const good[] = {
		"",          "maxprocs=4",       "owner=fifo,steal=one", "stack=128k",   "stack=1m",
		"stack=1g",  "guard=mprotect",   "guard=canary",         "guard=strict", "pin=none",
		"pin=compact,pin=spread", "stop_ms=0", "maxprocs=1024", "owner=lifo,",
	};

	CHECK_EQ(wend_config_check(NULL, msg, sizeof msg), 0);
	for (size_t i = 0; i < sizeof good / sizeof *good; i++)
		CHECK_MSG(wend_config_check(good[i], msg, sizeof msg) == 0, "%s: %s", good[i], msg);
}

TEST(an_unknown_knob_is_named_with_the_known_ones)
{
	REFUSED("frobnicate=1", "frobnicate");
	CHECK_HAS(msg, "maxprocs");
	CHECK_HAS(msg, "stack");
	CHECK_HAS(msg, "guard");
	REFUSED("maxprocs=2,stac=64k", "stac");
	REFUSED("Stack=64k", "Stack");
	REFUSED("=3", "");
}

TEST(a_bad_value_is_named_with_the_knob_and_what_it_takes)
{
	REFUSED("maxprocs=-1", "maxprocs");
	CHECK_HAS(msg, "1024");
	REFUSED("maxprocs=1025", "maxprocs=1025");
	REFUSED("maxprocs=two", "two");
	REFUSED("maxprocs=", "maxprocs");
	REFUSED("maxprocs", "maxprocs");
	REFUSED("maxprocs=4x", "4x");
	REFUSED("maxprocs=99999999999999999999", "maxprocs");
	REFUSED("maxprocs=9223372036854775807g", "maxprocs");
	REFUSED("stack=0", "stack");
	REFUSED("stack=2g", "stack");
	REFUSED("owner=both", "owner=both");
	CHECK_HAS(msg, "fifo");
	CHECK_HAS(msg, "lifo");
	REFUSED("guard=", "guard");
}

TEST(messages_are_cut_to_size)
{
	char small[8];

	memset(small, 'x', sizeof small);
	CHECK_EQ(wend_config_check("frobnicate=1", small, sizeof small), -EINVAL);
	CHECK(memchr(small, 0, sizeof small) != NULL);
	CHECK_EQ(wend_config_check("frobnicate=1", NULL, 0), -EINVAL);
	CHECK_EQ(wend_config_check("frobnicate=1", small, 0), -EINVAL);
}

/* Random strings: never a crash, and a refusal always says why. */
TEST(garbage_is_refused_with_words)
{
	static const char alphabet[] = "maxprocsstackguard=,,==0123456789kmg-+ \t%s%n\xff";
	uint64_t rng = test_seed();

	for (int i = 0; i < 50000; i++) {
		char text[60];
		size_t n = test_rand(&rng) % (sizeof text - 1);

		for (size_t k = 0; k < n; k++)
			text[k] = alphabet[test_rand(&rng) % (sizeof alphabet - 1)];
		text[n] = 0;
		msg[0] = 0;
		if (wend_config_check(text, msg, sizeof msg) != 0)
			CHECK_MSG(strlen(msg) > 10, "no words for: %s", text);
	}
}

static int read_back(void *unused)
{
	char value[40];

	(void)unused;
	CHECK_EQ(wend_config_get("owner", value, sizeof value), 0);
	CHECK_EQ(value, "fifo");
	CHECK_EQ(wend_config_get("stack", value, sizeof value), 0);
	CHECK_EQ(value, "131072");
	CHECK_EQ(wend_config_get("steal", value, sizeof value), 0);
	CHECK_EQ(value, "one");
	return 0;
}

TEST(settings_arrive)
{
	setenv("WENDDEBUG", "owner=fifo,stack=128k,steal=half,steal=one", 1);
	CHECK_EQ(wend_run(read_back, NULL), 0);
}

TEST(get_gives_defaults_and_names_errors)
{
	char value[40];

	CHECK_EQ(wend_config_get("stack", value, sizeof value), 0);
	CHECK_EQ(value, "65536");
	CHECK_EQ(wend_config_get("stack", value, 3), -ENOSPC);
	CHECK_EQ(wend_config_get("stack", value, 6), 0);
	CHECK_EQ(wend_config_get("frobnicate", value, sizeof value), -EINVAL);
	CHECK_EQ(wend_config_get("", value, sizeof value), -EINVAL);
}

TEST(the_environment_wins_over_the_program)
{
	wend_config cfg = {.maxprocs = 3, .knobs = "owner=fifo,stack=256k"};
	char value[40];

	setenv("WENDDEBUG", "owner=lifo", 1);
	CHECK_EQ(wend_start(&cfg), 0);
	CHECK_EQ(wend_config_get("owner", value, sizeof value), 0);
	CHECK_EQ(value, "lifo");
	CHECK_EQ(wend_config_get("stack", value, sizeof value), 0);
	CHECK_EQ(value, "262144");
	CHECK_EQ(wend_maxprocs(0), 3);
	CHECK_EQ(wend_stop(), 0);
	setenv("WEND_MAXPROCS", "2", 1);
	CHECK_EQ(wend_start(&cfg), 0);
	CHECK_EQ(wend_maxprocs(0), 2);
	CHECK_EQ(wend_stop(), 0);
}

static int unreachable(void *unused)
{
	(void)unused;
	CHECK(!"started in spite of a bad setting");
	return 0;
}

static void run_with(void *env)
{
	putenv(env);
	_exit(wend_run(unreachable, NULL) == -EINVAL ? 9 : 1);
}

TEST(the_runtime_does_not_start_on_a_bad_setting)
{
	static const char *const bad[][2] = {
		{"WENDDEBUG=frobnicate=1", "frobnicate"}, {"WENDDEBUG=maxprocs=-3", "maxprocs"},
		{"WENDDEBUG=guard=wall", "wall"},         {"WEND_MAXPROCS=many", "WEND_MAXPROCS"},
		{"WEND_MAXPROCS=-1", "WEND_MAXPROCS"},    {"WEND_MAXPROCS=1025", "1024"},
		{"WEND_MAXPROCS=4294967297", "WEND_MAXPROCS"},
	};

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct child c = child_call(run_with, (void *)bad[i][0], 5);

		CHILD_EXITED(&c, 9);
		CHECK_HAS(c.err, bad[i][1]);
		child_free(&c);
	}
}

static void start_with_bad(void *unused)
{
	wend_config negative = {.maxprocs = -1}, huge = {.maxprocs = 1 << 30},
				knob = {.knobs = "no=1"};

	(void)unused;
	CHECK_EQ(wend_start(&negative), -EINVAL);
	CHECK_EQ(wend_start(&huge), -EINVAL);
	CHECK_EQ(wend_start(&knob), -EINVAL);
	CHECK_EQ(wend_start(NULL), 0);
	CHECK_EQ(wend_stop(), 0);
}

TEST(start_checks_its_structure)
{
	struct child c = child_call(start_with_bad, NULL, 8);

	CHILD_EXITED(&c, 0);
	CHECK_HAS(c.err, "no");
	child_free(&c);
}

static void ask_help(void *unused)
{
	(void)unused;
	setenv("WENDDEBUG", "help", 1);
	_exit(50 + wend_run(unreachable, NULL));
}

TEST(help_lists_the_knobs_and_exits)
{
	struct child c = child_call(ask_help, NULL, 5);

	CHILD_EXITED(&c, 0);
	CHECK_HAS(c.out, "maxprocs");
	CHECK_HAS(c.out, "guard");
	CHECK_HAS(c.out, "65536");
	CHECK_EQ(c.err, "");
	child_free(&c);
}

/* ---- Policies: the same program under every value of every word --------------------------------- */

static wend_waitgroup wg;
static int ran;

static void leaf(void)
{
	wend_yield();
	__atomic_add_fetch(&ran, 1, __ATOMIC_RELAXED);
	wend_waitgroup_done(&wg);
}

static void branch(int depth)
{
	for (int i = 0; i < 3; i++) {
		wend_waitgroup_add(&wg, 1);
		CHECK_EQ(depth ? WEND_GO(branch, depth - 1) : WEND_GO(leaf), 0);
	}
	wend_waitgroup_done(&wg);
}

static int run_tree(void *unused)
{
	(void)unused;
	__atomic_store_n(&ran, 0, __ATOMIC_RELAXED);
	wend_waitgroup_add(&wg, 1);
	branch(5);
	wend_waitgroup_wait(&wg);
	CHECK_EQ(__atomic_load_n(&ran, __ATOMIC_RELAXED), 729);
	return 0;
}

TEST_LIMIT(every_policy_runs_every_coroutine_once, 60)
{
	static const char *const all[] = {
		"owner=lifo",      "owner=fifo",     "steal=one",       "steal=half",     "victim=near",
		"victim=random",   "wake=lazy",      "wake=eager",      "fence=auto",     "fence=full",
		"pin=none",        "pin=compact",    "pin=spread",      "pin=auto",       "guard=mprotect",
		"guard=canary",    "next=0",         "next=1",          "spin_us=0",      "spin_us=1000",
		"rest_us=0",       "rest_us=5000",   "searchers=0",     "searchers=100",  "global_period=1", "cache=1",        "cache=65536",
		"threads=1",       "threads=6",      "thread_ms=1",
		"owner=fifo,steal=one,victim=random,wake=eager,fence=full,next=0,spin_us=0,cache=1",
	};

	for (size_t i = 0; i < sizeof all / sizeof *all; i++)
		for (int procs = 1; procs <= 4; procs += 3) {
			char n[8];

			snprintf(n, sizeof n, "%d", procs);
			setenv("WEND_MAXPROCS", n, 1);
			setenv("WENDDEBUG", all[i], 1);
			CHECK_MSG(wend_run(run_tree, NULL) == 0, "%s", all[i]);
		}
}
