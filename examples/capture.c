/* SPDX-License-Identifier: MIT
 *
 * capture - children that share the loop variable all see its last value; children that are given
 * a copy see their own. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wend/wend.h>

static wend_waitgroup loop_over, children;

static void check(int err)
{
	if (err) {
		fprintf(stderr, "capture: %s\n", strerror(-err));
		exit(1);
	}
}

static void show_shared(const int *v)
{
	wend_waitgroup_wait(&loop_over);
	printf(" %d", *v);
	wend_waitgroup_done(&children);
}

static void show_copied(int v)
{
	printf(" %d", v);
	wend_waitgroup_done(&children);
}

WEND_MAIN(argc, argv)
{
	static const int input[] = {1, 2, 3, 4};
	int v; /* outlives the children that share it: main waits for them */

	if (argc != 1) {
		fprintf(stderr, "usage: %s\n", argv[0]);
		return 64;
	}
	printf("shared:");
	wend_waitgroup_add(&loop_over, 1);
	for (int i = 0; i < 4; i++) {
		v = input[i];
		wend_waitgroup_add(&children, 1);
		check(WEND_GO(show_shared, &v));
	}
	wend_waitgroup_done(&loop_over);
	wend_waitgroup_wait(&children);

	printf("\ncopied:");
	for (int i = 0; i < 4; i++) {
		v = input[i];
		wend_waitgroup_add(&children, 1);
		check(WEND_GO(show_copied, v));
	}
	wend_waitgroup_wait(&children);
	printf("\n");
	return fflush(stdout) || ferror(stdout); /* lost output is a failure */
}
