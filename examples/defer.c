/* SPDX-License-Identifier: MIT
 *
 * defer - deferred calls run last-in first-out when their function is left, by a return or by a panic; their arguments
 * are taken when they are deferred, and what would be deferred after the fault never is. The modes choose the fault: ok,
 * divide, panic, index, nil. */
#include <stdio.h>
#include <string.h>
#include <wend/wend.h>

struct settings {
	int scale;
	int numbers[3];
};

static void say(const char *what)
{
	printf("%s deferred\n", what);
}

static int work(const struct settings *s, int d, int b, int i, bool fails)
{
	const char *name = "first";
	volatile int x = 0; /* computed where it stands, and no later */

	WEND_DEFERS_RETURN(x);
	WEND_DEFER(say, name);
	name = "second";
	WEND_DEFER(say, name);
	name = "third";
	x = d / b;
	x *= s->scale;
	x += WEND_AT(s->numbers, i);
	if (fails)
		wend_panic("my error");
	WEND_DEFER(say, name);
	printf("x=%d\n", x);
	return x;
}

WEND_MAIN(argc, argv)
{
	static const char *const modes[] = {"ok", "divide", "panic", "index", "nil"};
	static const struct settings settings = {.scale = 2};
	int mode = 0;

	while (argc == 2 && mode < 5 && strcmp(argv[1], modes[mode]) != 0)
		mode++;
	if (argc != 2 || mode == 5) {
		fprintf(stderr, "usage: %s ok|divide|panic|index|nil\n", argv[0]);
		return 64;
	}
	work(mode == 4 ? NULL : &settings, 6, mode == 1 ? 0 : 2, mode == 3 ? 5 : 0, mode == 2);
	return fflush(stdout) || ferror(stdout); /* lost output is a failure */
}
