/* SPDX-License-Identifier: MIT
 *
 * tests/model/lin.h - is a history linearizable: could its operations, each at one moment between its call and
 * its return, have given these results to a sequential object? (Wing and Gong 1993, with Lowe's memory of
 * states that were tried, 2017.)
 *
 *     static struct lin h;
 *     lin_reset(&h);                               at the beginning of the body
 *     struct lin_op *op = lin_call(&h, PUT, key, value);
 *     lin_return(op, map_put(m, key, value), 0);
 *     ...
 *     lin_require(&h, &spec);                      after model_join
 *
 * One operation comes before another if its effect was bound to be visible when the other was called: under
 * tso when all stores of its thread had arrived, under weak memory by happens-before. An operation that
 * has not returned may have happened or not, with any result.
 *
 * Objects that fall apart into independent ones (a map into its keys) are checked one history each: fewer
 * operations, far fewer orders.
 */
#ifndef TESTS_MODEL_LIN_H
#define TESTS_MODEL_LIN_H

#include "model/model.h"

enum { LIN_OPS = 32, LIN_STATE = 64 };

struct lin_op {
	int op;
	uint64_t arg[2], ret[2];
	int thread;
	bool returned;
	uint32_t before; /* bits of the operations that came before it */
	struct model_mark done;
	uint64_t called, came_back; /* for people */
};

struct lin {
	int n;
	struct lin_op op[LIN_OPS];
};

struct lin_spec {
	size_t size; /* of a state, at most LIN_STATE bytes, all of which count: no padding */
	void (*init)(void *state);
	/* Changes state by op. False when the object could not have answered so. Of an operation that has not
	 * returned, ret means nothing. */
	bool (*apply)(void *state, const struct lin_op *op);
	void (*print)(char *out, size_t size, const struct lin_op *op); /* or NULL */
};

void lin_reset(struct lin *h);
struct lin_op *lin_call(struct lin *h, int op, uint64_t a, uint64_t b);
void lin_return(struct lin_op *op, uint64_t r, uint64_t s);

bool lin_check(const struct lin *h, const struct lin_spec *spec);

/* Ends the execution as a failure that shows the history if there is no order. */
#define lin_require(h, spec) lin_require_at(__FILE__, __LINE__, (h), (spec))
void lin_require_at(const char *file, int line, const struct lin *h, const struct lin_spec *spec);

#endif
