/* SPDX-License-Identifier: MIT
 *
 * tests/conformance/story.h - what the tests of panics share: a story that deferred calls write, and such calls. */
#ifndef TESTS_CONFORMANCE_STORY_H
#define TESTS_CONFORMANCE_STORY_H

#include "harness/test.h"

#include <wend/wend.h>

/* What happened, in order. */
static char story[2000];

static inline void tell(const char *what)
{
	size_t n = strlen(story);

	snprintf(story + n, sizeof story - n, "%s%s", n ? " " : "", what);
}

static inline void say(void *what)
{
	tell(what);
}

static inline void recovers(void *unused)
{
	const char *text = wend_recover();

	(void)unused;
	tell("recovered:");
	tell(text ? text : "nothing");
}

static inline void panics(void *text)
{
	wend_panic(text);
}

static inline void set_error(void *err)
{
	if (wend_recover())
		*(int *)err = -5;
}

static inline void returns_normally(void *unused)
{
	WEND_DEFERS;
	wend_defer(recovers, unused);
	tell("helper");
}

#endif
