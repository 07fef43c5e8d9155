/* SPDX-License-Identifier: MIT
 *
 * lifetime - a child outlives the coroutine that started it, but nobody outlives main. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wend/wend.h>

static wend_waitgroup parent_over, child_over;

static void check(int err)
{
	if (err) {
		fprintf(stderr, "lifetime: %s\n", strerror(-err));
		exit(1);
	}
}

static void child(void)
{
	wend_waitgroup_wait(&parent_over);
	puts("child over");
	wend_waitgroup_done(&child_over);
}

static void parent(void)
{
	check(WEND_GO(child));
	puts("parent over");
	wend_waitgroup_done(&parent_over);
}

static void endless(int turns)
{
	while (turns != 0)
		wend_yield();
	puts("an endless child is over");
}

WEND_MAIN(argc, argv)
{
	if (argc != 1) {
		fprintf(stderr, "usage: %s\n", argv[0]);
		return 64;
	}
	wend_waitgroup_add(&parent_over, 1);
	wend_waitgroup_add(&child_over, 1);
	check(WEND_GO(parent));
	wend_waitgroup_wait(&child_over);

	for (int i = 0; i < 4; i++)
		check(WEND_GO(endless, 1));
	wend_yield();
	puts("main over");
	return fflush(stdout) || ferror(stdout); /* lost output is a failure */
}
