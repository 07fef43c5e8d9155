/* SPDX-License-Identifier: MIT
 *
 * once - a resource that is loaded when the first of many asks for it, and a singleton. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wend/wend.h>

enum { CALLERS = 1000 };

static wend_waitgroup wg;

/* ---- The resource ---------------------------------------------------------------------------- */

static wend_once icons_once;
static int loads;
static char icons[4][16]; /* nothing guards them but the once */

static void load_icons(void *unused)
{
	static const char *const names[] = {"spades", "hearts", "diamonds", "clubs"};

	(void)unused;
	loads++;
	for (int i = 0; i < 4; i++) {
		snprintf(icons[i], sizeof icons[i], "%s.png", names[i]);
		wend_yield(); /* loading takes its time: the others come meanwhile */
	}
}

static const char *icon(int i)
{
	wend_once_do(&icons_once, load_icons, NULL);
	return icons[i];
}

/* ---- The singleton --------------------------------------------------------------------------- */

struct registry {
	wend_atomic_i64 users;
};

static int singletons;

static void *make_registry(void *unused)
{
	(void)unused;
	singletons++;
	wend_yield();
	return calloc(1, sizeof(struct registry));
}

static wend_once_value registry = WEND_ONCE_VALUE(make_registry, NULL);

/* ---------------------------------------------------------------------------------------------- */

static void caller(int i)
{
	struct registry *r = wend_once_value_get(&registry);

	if (!r || strlen(icon(i % 4)) < strlen("x.png")) {
		fprintf(stderr, "once: caller %d came too early\n", i);
		exit(1);
	}
	wend_atomic_i64_add(&r->users, 1);
	wend_waitgroup_done(&wg);
}

WEND_MAIN(argc, argv)
{
	if (argc != 1) {
		fprintf(stderr, "usage: %s\n", argv[0]);
		return 64;
	}
	wend_waitgroup_add(&wg, CALLERS);
	for (int i = 0; i < CALLERS; i++) {
		int err = WEND_GO(caller, i);

		if (err) {
			fprintf(stderr, "once: %s\n", strerror(-err));
			return 1;
		}
	}
	wend_waitgroup_wait(&wg);

	struct registry *r = wend_once_value_get(&registry);

	if (wend_atomic_i64_load(&r->users) != CALLERS) /* more than one registry, then */
		singletons = -1;
	printf("loads=%d singletons=%d\n", loads, singletons);
	free(r);
	return fflush(stdout) || ferror(stdout); /* lost output is a failure */
}
