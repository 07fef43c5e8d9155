# SPDX-License-Identifier: MIT
"""Each public header compiles alone, as every language version that it promises, without a warning; and
what WEND_GO, WEND_DEFER and WEND_AT must refuse does not compile."""

import os
import shutil
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, os.path.join(ROOT, "scripts", "checks"))
from tap import Skip, Tap  # noqa: E402

INCLUDE = os.path.join(ROOT, "include")
STRICT = ["-Wall", "-Wextra", "-Wpedantic", "-Wshadow", "-Wconversion", "-Werror"]
C = ["c11", "c17", "gnu11", "gnu2x"]
CXX = ["c++17", "gnu++17", "c++20"]
COMPILERS = {"gcc": "c", "clang-14": "c", "g++": "c++", "clang++-14": "c++"}
tap = Tap()


def compile_text(compiler, std, text, flags=()):
	"""stderr of a compilation that failed, or None."""
	if not shutil.which(compiler):
		raise Skip(compiler + " is not installed")
	r = subprocess.run([compiler, "-x", COMPILERS[compiler], "-std=" + std, "-I", INCLUDE, "-fsyntax-only",
			*flags, "-"], input=text, capture_output=True, text=True)
	return r.stderr or "exit status %d" % r.returncode if r.returncode else None


def headers(compiler):
	bad = []
	stds = C if COMPILERS[compiler] == "c" else CXX
	for std in stds:
		# What is alone under one version is alone under all, and each takes the compiler a fifth of a second.
		alone = std == stds[0]
		for name in sorted(os.listdir(os.path.join(INCLUDE, "wend"))) if alone else ["wend.h"]:
			if name.endswith("_cxx.h") and COMPILERS[compiler] == "c":
				continue
			# Twice: the guard works. Then a use, so that unused static functions would show.
			text = "#include <wend/%s>\n#include <wend/%s>\nint user(void);\nint user(void) { return 0; }\n" % (name, name)
			error = compile_text(compiler, std, text, STRICT)
			if error:
				bad.append("%s -std=%s %s:\n%s" % (compiler, std, name, error[:1500]))
	assert not bad, "\n".join(bad)


PRELUDE = """
#include <wend/wend.h>
struct two { long a, b; };
struct big { char c[64]; };
struct __attribute__((aligned(32))) wide { char c[32]; };
typedef float v8 __attribute__((vector_size(32)));
void none(void);
void one(int a);
void point(int *p);
void pair(struct two t);
void blob(struct big b);
void aligned(struct wide w);
void many(int a, ...);
struct two result(void);
struct big big_result(void);
double scalar(double d);
struct two t; struct big b; struct wide w;
int use(void);
int use(void) { return %s; }
"""
# The same in a function that defers.
DEFERS = PRELUDE.replace("int use(void) { return %s; }", "int use(void) { int r = 0; WEND_DEFERS_RETURN(r); %s; return r; }")

GOOD = ["WEND_GO(none)", "WEND_GO(one, 1)", "WEND_GO(point, 0)", "WEND_GO(pair, t)", "WEND_GO(blob, b)",
	"WEND_GO(many, 1, 2, 3, 4, 5, 6, 7, 8)", "WEND_GO(scalar, 1)", "WEND_GO(one, WEND_GO(none))"]
# What is refused, and a word of the message.
BAD = [
	("WEND_GO(many, 1, 2, 3, 4, 5, 6, 7, 8, 9)", "at most 8 arguments"),
	("WEND_GO(many, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10)", "at most 8 arguments"),
	("WEND_GO(result)", "void or a scalar"),
	("WEND_GO(big_result)", "void or a scalar"),
	("WEND_GO(aligned, w)", "alignment_above_16_bytes|negative|array size"),
	("WEND_GO(one)", "too few arguments"),
	("WEND_GO(one, 1, 2)", "too many arguments"),
	("WEND_GO(one, t)", "incompatible type|passing 'struct two'"),
	("WEND_GO(pair, 1)", "incompatible type|passing 'int'"),
	("WEND_GO(point, 1.5)", "incompatible type|passing 'double'"),
	("WEND_GO(point, &t)", "incompatible"),
	("WEND_GO(undeclared, 1)", "undeclared"),
]


AT_GOOD = ["WEND_AT(array, 1)++", "WEND_AT_N(pointer, 3, r) = 1", "r = WEND_AT(\"text\", 2u)"]
AT_BAD = [("WEND_AT(pointer, 1) = 1", "not_an_array|negative")]


def in_defer(cases):
	return [(c.replace("WEND_GO", "WEND_DEFER"), words) for c, words in cases if c.count("WEND_GO") == 1]


def accepts_deferred(compiler):
	cases = [c for c, _ in in_defer([(g, "") for g in GOOD])] + ["int array[3] = {0}, *pointer = array; (void)pointer; " + a for a in AT_GOOD]
	text = " ".join("{ %s; }" % c for c in cases)
	error = compile_text(compiler, "gnu11", DEFERS % text, ["-Wall", "-Wextra", "-Werror", "-O2"])
	assert not error, error


def refuses_deferred(compiler):
	cases = in_defer(BAD) + [("int array[3] = {0}, *pointer = array; " + a, w) for a, w in AT_BAD] + [
		("WEND_DEFERS", "redefinition|redeclar|wend__f"), ("{ static int s; WEND_DEFERS_RETURN(s); }", None)]
	for case, words in cases:
		flags = ["-Werror=incompatible-pointer-types", "-Wno-psabi", "-Werror=int-conversion"]
		if words is None:  # a frame in a block is legal C: a warning that users may ask for tells
			flags, words = ["-Wshadow", "-Werror"], "shadow"
		error = compile_text(compiler, "gnu11", DEFERS % case, flags)
		assert error, case + " compiles"
		assert any(w in error for w in words.split("|")), "%s: %s" % (case, error[:1000])
	error = compile_text(compiler, "gnu11", PRELUDE % "(wend_defer((void (*)(void *))0, 0), 0)")
	assert error and "wend__f" in error, "wend_defer compiles in a function without frame: %s" % error


def accepts(compiler):
	for expression in GOOD:
		error = compile_text(compiler, "gnu11", PRELUDE % expression, ["-Wall", "-Wextra", "-Werror"])
		assert not error, "%s: %s" % (expression, error)


def refuses(compiler):
	for expression, words in BAD:
		error = compile_text(compiler, "gnu11", PRELUDE % expression,
				["-Werror=incompatible-pointer-types", "-Wno-psabi"])
		assert error, expression + " compiles"
		assert any(w in error for w in words.split("|")), "%s: %s" % (expression, error[:1000])


CHANNELS = """
#include <wend/wend.h>
struct two { long a, b; };
struct big { char c[64]; };
WEND_CHAN_TYPE(longs, int64_t);
WEND_CHAN_TYPE(twos, struct two);
WEND_CHAN_TYPE(bigs, struct big);
WEND_CHAN_TYPE(texts, const char *);
#define FUNCTION(name) \
	int name(longs *l, twos *t, bigs *b, texts *s, wend_chan *c); \
	int name(longs *l, twos *t, bigs *b, texts *s, wend_chan *c)
"""
CHANNEL_USER = """
FUNCTION(use%d)
{
	int64_t v = 0; struct two w = { 1, 2 }; struct big g = { { 0 } }; bool ok; double d = 0; const char *text;
	(void)v; (void)w; (void)g; (void)ok; (void)d; (void)text; (void)l; (void)t; (void)b; (void)s; (void)c;
	for (;;) {
		%s
		return 0;
	}
}
"""
BLOCK = "WEND_SELECT { %s } WEND_SELECT_END"
GOOD_CHANNELS = [
	BLOCK % "WEND_RECV(l, &v, &ok) { if (!ok) return 1; continue; } WEND_SEND(t, w) { break; } WEND_DEFAULT { }",
	BLOCK % "WEND_RECV(l) { v++; } WEND_SEND(l, 41) { } WEND_RECV(c, &d) { } WEND_SEND(c, 1.5) { }",
	BLOCK % "WEND_RECV(b, &g) { } WEND_SEND(s, \"a\") { }",
	BLOCK % ("WEND_RECV(l) { " + BLOCK % "WEND_DEFAULT { return 2; }" + " }"),
	"if (v) " + BLOCK % "WEND_DEFAULT { return 2; }" + " else return 3;",
	"WEND_SELECT_N(20) { WEND_RECV(l, &v) { } } WEND_SELECT_END",
	"WEND_CHAN_RANGE(l, int64_t, x) { if (x) continue; break; }",
	"WEND_CHAN_RANGE(c, int, x) v += x;",
	"{ wend_case k[] = { WEND_CASE_RECV(l, &v), WEND_CASE_SEND(c, &d) }; return wend_select(k, 2, 0); }",
	"longs_send(l, 1); v = longs_get(l); ok = longs_try_recv(l, &v, NULL); texts_send(s, \"x\");",
]
BAD_CHANNELS = [
	(BLOCK % "WEND_RECV(l, &d) { }", "wrong_element_type|wrong element type"),
	(BLOCK % "WEND_SEND(l, w) { }", "incompatible type|cannot convert|no viable conversion"),
	(BLOCK % "WEND_SEND(b, g) { }", "value_above_16_bytes|up to 16 bytes|negative"),
	("WEND_SELECT { WEND_DEFAULT { } }", "expected"),
	(BLOCK % "WEND_DEFAULT { } WEND_DEFAULT { }", "duplicate case"),
	("WEND_CHAN_RANGE(l, double, x) d += x;", "wrong_element_type|wrong element type"),
	("longs_send(t, 1);", "incompatible|cannot convert|no matching function"),
	("v = longs_recv(l, &w);", "incompatible|cannot convert|no matching function"),
]


def channels_accept(compiler):
	text = CHANNELS + "".join(CHANNEL_USER % (i, body) for i, body in enumerate(GOOD_CHANNELS))
	for std in C if COMPILERS[compiler] == "c" else CXX:
		# The block's own words draw no warning; conversions of the user's values would.
		error = compile_text(compiler, std, text, STRICT)
		assert not error, "-std=%s: %s" % (std, error[:2000])


def channels_refuse(compiler):
	for body, words in BAD_CHANNELS:
		error = compile_text(compiler, "gnu11" if COMPILERS[compiler] == "c" else "c++17", CHANNELS + CHANNEL_USER % (0, body),
				["-Werror=incompatible-pointer-types"] if COMPILERS[compiler] == "c" else [])
		assert error, body + " compiles"
		assert any(w in error for w in words.split("|")), "%s: %s" % (body, error[:1000])


def short_names(compiler):
	# Functions only: variables and members with these names stay usable.
	text = """#define WEND_SHORT_NAMES
#include <wend/wend.h>
struct s { int go, goexit, chan_send; };
int user(void);
static void f(int a) { (void)a; }
int user(void)
{
	int go = 0;
	struct s s = { 1, 2, 3 };
	wend_chan *c = chan_make(sizeof go, 1);
	chan_send(c, &go);
	if (!chan_try_recv(c, &go, NULL) || !chan_try_send(c, &go) || !chan_recv(c, &go))
		chan_close(c);
	return go(f, 1) + go + s.go + s.goexit + s.chan_send;
}
"""
	error = compile_text(compiler, "gnu11" if COMPILERS[compiler] == "c" else "c++17", text,
			["-Wall", "-Wextra", "-Werror"])
	assert not error, error


MACROS = """
#include <wend/wend.h>
struct config { int port; };
static void *make(void *arg) { return arg; }
static void use(void *arg) { (void)arg; }
static void drop(void *item, void *arg) { (void)item; (void)arg; }
static wend_once_func func = WEND_ONCE_FUNC(use, NULL);
static wend_once_value value = WEND_ONCE_VALUE(make, &func);
static wend_pool pool = WEND_POOL(make, drop, NULL);
static wend_value current = WEND_ZERO;
static wend_atomic_i64 hits = WEND_ZERO;
int user(struct config *c);
int user(struct config *c)
{
	struct config *old = WEND_VALUE_SWAP(&current, struct config, c);
	wend_once_func_call(&func);
	WEND_VALUE_STORE(&current, struct config, c);
	if (WEND_VALUE_COMPARE_AND_SWAP(&current, struct config, c, old))
		wend_pool_put(&pool, wend_once_value_get(&value));
	return WEND_VALUE_LOAD(&current, struct config)->port + (int)wend_atomic_i64_add(&hits, 1) + %s;
}
"""


def macros(compiler):
	for std in C if COMPILERS[compiler] == "c" else CXX:
		error = compile_text(compiler, std, MACROS % "0", STRICT)
		assert not error, "-std=%s: %s" % (std, error)
	# A pointer to something else is no value of that type.
	error = compile_text(compiler, std, MACROS % "(WEND_VALUE_STORE(&current, struct config, &hits), 0)",
			["-Werror=incompatible-pointer-types"] if COMPILERS[compiler] == "c" else [])
	assert error and ("incompatible" in error or "static_cast" in error), error


for name in COMPILERS:
	tap.case(lambda c=name: headers(c), "headers_alone_" + name)
	tap.case(lambda c=name: macros(c), "initialisers_and_values_" + name)
	tap.case(lambda c=name: short_names(c), "short_names_" + name)
	tap.case(lambda c=name: channels_accept(c), "channels_accept_" + name)
	tap.case(lambda c=name: channels_refuse(c), "channels_refuse_" + name)
	if COMPILERS[name] == "c":
		tap.case(lambda c=name: accepts(c), "wend_go_accepts_" + name)
		tap.case(lambda c=name: refuses(c), "wend_go_refuses_" + name)
		tap.case(lambda c=name: accepts_deferred(c), "wend_defer_accepts_" + name)
		tap.case(lambda c=name: refuses_deferred(c), "wend_defer_refuses_" + name)
tap.run()
