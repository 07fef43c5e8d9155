/* SPDX-License-Identifier: MIT
 *
 * spawn - both ways to start a coroutine, then ten of them under a WaitGroup. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wend/wend.h>

static wend_waitgroup wg;

static void check(int err)
{
	if (err) {
		fprintf(stderr, "spawn: %s\n", strerror(-err));
		exit(1);
	}
}

/* A named function with arguments. */
static void add(int a, int b)
{
	printf("add(%d,%d)=%d\n", a, b, a + b);
	wend_waitgroup_done(&wg);
}

/* An inline body: a function beside its user, what it captures as parameters. */
static void inline_body(int a, int b)
{
	printf("inline(%d,%d)=%d\n", a, b, a + b);
	wend_waitgroup_done(&wg);
}

static void child(int i)
{
	printf("child %d: %d\n", i, i + (i + 1));
	wend_waitgroup_done(&wg);
}

WEND_MAIN(argc, argv)
{
	int a = 2, b = 4;

	if (argc != 1) {
		fprintf(stderr, "usage: %s\n", argv[0]);
		return 64;
	}
	wend_waitgroup_add(&wg, 2);
	check(WEND_GO(add, 2, 4));
	check(WEND_GO(inline_body, a, b)); /* a and b are copied now */
	wend_waitgroup_wait(&wg);

	for (int i = 0; i < 10; i++) {
		wend_waitgroup_add(&wg, 1);
		check(WEND_GO(child, i));
	}
	wend_waitgroup_wait(&wg);
	puts("all done");
	return fflush(stdout) || ferror(stdout); /* lost output is a failure */
}
