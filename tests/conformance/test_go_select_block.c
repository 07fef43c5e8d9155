/* SPDX-License-Identifier: MIT
 *
 * WEND_SELECT's block: evaluation, control flow and what it refuses, as Go's test/chan/select5 and select8. */
#include "conformance/channels.h"
#include "harness/child.h"

/* ---- The block ---------------------------------------------------------------------------------- */

static char trace[64];

static ints *noted_chan(ints *c, char mark)
{
	trace[strlen(trace)] = mark;
	return c;
}

static int noted(int v, char mark)
{
	trace[strlen(trace)] = mark;
	return v;
}

/* select4, select5. */
CO_TEST(channels_and_values_are_evaluated_once_in_source_order)
{
	ints *none = ints_make(0), *nil = NULL, *one = ints_make(1);
	int v = -1, w = -1;

	ints_send(one, 3);
	memset(trace, 0, sizeof trace);
	WEND_SELECT {
		WEND_SEND(noted_chan(none, 'a'), noted(1, 'b')) { CHECK(false); }
		WEND_RECV(noted_chan(nil, 'c'), &v) { CHECK(false); }
		WEND_RECV(noted_chan(one, 'd'), &w) { noted(0, 'e'); }
		WEND_SEND(noted_chan(nil, 'f'), noted(1, 'g')) { CHECK(false); }
	} WEND_SELECT_END
	CHECK_EQ(trace, "abcdfge");
	CHECK_EQ(v, -1);
	CHECK_EQ(w, 3);
}

/* select8. */
CO_TEST(break_leaves_the_select_and_no_more)
{
	ints *c = ints_make(8);
	int after = 0;

	for (int i = 0; i < 3; i++) {
		WEND_SELECT {
			WEND_SEND(c, i) {
				if (i >= 0)
					break;
				after = 100;
			}
		} WEND_SELECT_END
		after++;
		WEND_SELECT {
			WEND_RECV((ints *)NULL) {}
			WEND_DEFAULT {
				break;
			}
		} WEND_SELECT_END
		after++;
		WEND_SELECT {
			WEND_RECV((ints *)NULL) {}
			WEND_RECV((longs *)NULL) {}
			WEND_SEND(c, i) { break; }
		} WEND_SELECT_END
		after++;
	}
	CHECK_EQ(after, 9);
	CHECK_EQ(ints_len(c), 6);
	ints_release(c);
}

static int first_above(ints *c, int limit)
{
	int v;
	bool ok;

	for (;;) {
		WEND_SELECT {
			WEND_RECV(c, &v, &ok) {
				if (!ok)
					return -1;
				if (v <= limit)
					continue;
				return v;
			}
		} WEND_SELECT_END
		CHECK(false);
	}
}

CO_TEST(continue_and_return_mean_those_of_the_loop_and_the_function)
{
	ints *c = ints_make(5);

	for (int i = 0; i < 5; i++)
		ints_send(c, i * 2);
	CHECK_EQ(first_above(c, 3), 4);
	CHECK_EQ(first_above(c, 0), 6);
	ints_close(c);
	CHECK_EQ(first_above(c, 100), -1);
	ints_release(c);
}

CO_TEST(selects_nest_in_bodies_and_in_arguments)
{
	ints *a = ints_make(2), *b = ints_make(2);
	int v = 0, w = 0;

	ints_send(a, 1);
	WEND_SELECT {
		WEND_RECV(a, &v) {
			WEND_SELECT {
				WEND_SEND(b, __extension__({
					int x = 0;

					WEND_SELECT {
						WEND_DEFAULT { x = 7; }
					} WEND_SELECT_END
					x;
				})) {}
				WEND_RECV(a, &v) { v = 100; }
			} WEND_SELECT_END
			w = ints_get(b);
		}
		WEND_RECV(b, &v) { v = 200; }
	} WEND_SELECT_END
	CHECK_EQ(v, 1);
	CHECK_EQ(w, 7);
	if (v == 1)
		WEND_SELECT {
			WEND_DEFAULT { w = 8; }
		} WEND_SELECT_END
	else
		w = 9;
	CHECK_EQ(w, 8);
}

CO_TEST(values_are_converted_to_the_elements_type)
{
	longs *c = longs_make(1);
	wend_chan *plain = wend_chan_make(sizeof(double), 1);
	int64_t v = 0;
	double d = 0;

	WEND_SELECT {
		WEND_SEND(c, -1) {}
	} WEND_SELECT_END
	CHECK(longs_recv(c, &v));
	CHECK_EQ(v, -1);
	WEND_SELECT {
		WEND_SEND(plain, 2.5) {}
	} WEND_SELECT_END
	WEND_SELECT {
		WEND_RECV(plain, &d) {}
	} WEND_SELECT_END
	CHECK_EQ(d, 2.5);
}

CO_TEST(more_than_eight_cases_by_SELECT_N)
{
	ints *c = ints_make(1);
	int v = 0, chosen = 0;

	ints_send(c, 1);
	WEND_SELECT_N(10) {
		WEND_RECV((ints *)NULL) {}
		WEND_RECV((ints *)NULL) {}
		WEND_RECV((ints *)NULL) {}
		WEND_RECV((ints *)NULL) {}
		WEND_RECV((ints *)NULL) {}
		WEND_RECV((ints *)NULL) {}
		WEND_RECV((ints *)NULL) {}
		WEND_RECV((ints *)NULL) {}
		WEND_RECV((ints *)NULL) {}
		WEND_RECV(c, &v) { chosen = 10; }
	} WEND_SELECT_END
	CHECK_EQ(chosen, 10);
}

/* ---- What dies ---------------------------------------------------------------------------------- */

static int send_closed(void *arg)
{
	ints *c = arg;

	ints_close(c);
	WEND_SELECT {
		WEND_SEND(c, 1) {}
		WEND_RECV((ints *)NULL) {}
	} WEND_SELECT_END
	return 0;
}

static void close_it(void *c)
{
	parked_become("select", 1);
	ints_close(c);
}

static int wait_send_closed(void *arg)
{
	ints *c = arg;

	if (wend_go(close_it, c) == 0) {
		WEND_SELECT {
			WEND_SEND(c, 1) {}
			WEND_RECV((ints *)NULL) {}
		} WEND_SELECT_END
	}
	return 0;
}

static int too_many(void *arg)
{
	ints *c = arg;

	WEND_SELECT_N(2) {
		WEND_RECV(c) {}
		WEND_RECV(c) {}
		WEND_RECV(c) {}
		WEND_DEFAULT {}
	} WEND_SELECT_END
	return 0;
}

static int wrong_size(void *arg)
{
	wend_chan *c = arg;

	WEND_SELECT {
		WEND_SEND(c, (char)1) {}
		WEND_DEFAULT {}
	} WEND_SELECT_END
	return 0;
}

static int wait_for_ever(void *arg)
{
	ints *c = arg;

	WEND_SELECT {
		WEND_RECV(c) {}
	} WEND_SELECT_END
	return 0;
}

static int (*misuse)(void *);

static void misuse_in_child(void *unused)
{
	(void)unused;
	_exit(100 + wend_run(misuse, ints_make(0)));
}

TEST_LIMIT(what_dies_says_why, 30)
{
	static const struct {
		int (*fn)(void *);
		const char *text, *also;
	} forms[] = {
		{send_closed, "panic: send on closed channel\n", ""},
		{wait_send_closed, "panic: send on closed channel\n", ""},
		{too_many, "fatal error: WEND_SELECT has room for 2 cases", ""},
		{wrong_size, "fatal error: WEND_SELECT: value of 1 bytes, channel of elements of 4", ""},
		{wait_for_ever, "fatal error: all coroutines are asleep - deadlock!", "[select"},
	};

	for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
		misuse = forms[i].fn;
		struct child c = child_call(misuse_in_child, NULL, 8);

		CHILD_EXITED(&c, 2);
		CHECK(strncmp(c.err, forms[i].text, strlen(forms[i].text)) == 0);
		CHECK_HAS(c.err, forms[i].also);
		child_free(&c);
	}
}
