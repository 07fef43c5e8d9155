/* SPDX-License-Identifier: MIT
 *
 * sched/panic.c - frames, deferred calls, panics, recovery. Everything here belongs to one coroutine (or foreign
 * thread) and is touched by nobody else; what it calls may park, so nothing of the thread's is kept over a call.
 *
 * A panic P lives on the stack that panicked. It takes frames from the innermost outwards:
 *
 *     P->at = F = u->frame, and each older panic with the same `at` is aborted: its deferred call, which F
 *                 registered, will never return
 *     pop a deferred call of F, run it;
 *         recovered: P and the aborted ones behind it are over, jump into F's function
 *                    (an aborted goexit among them instead goes on with F's remaining calls)
 *     F is done with: u->frame = F->up
 *
 * With no frame left a panic ends the process, a goexit the coroutine. Newer panics stand first in u->panic; the aborted
 * ones directly behind the one that aborted them, as `at` grows outwards along the list.
 */
#include "wend/panic.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fatal.h"
#include "sched/blocking.h"
#include "sched/go_args.h"
#include "sched/panic_priv.h"
#include "sched/sched_priv.h"

#define INDEX_TEXT "runtime error: index out of range [%lld]"

struct panic {
	struct panic *link; /* the one before, which is still under way or aborted */
	const char *text;   /* NULL: a goexit */
	const char *note;   /* of a fault: a line printed behind the texts, or NULL */
	struct fatal_site from;
	struct wend__frame *at;
	bool recovered, aborted;
	bool repanicked; /* the next newer one has the same text */
	struct wend__unwind *home;
#ifdef WEND__LIBC_JUMP
	jmp_buf regs;
#else
	void *regs[8]; /* a goexit's: back to panic_goexit */
#endif
};

/* Texts that the library formatted. They outlive their panic: recover gives them to the user. */
struct panic_text {
	struct panic_text *up;
	char text[];
};

/* A deferred call past a frame's slots; in a chunk. */
struct wend__deferred_more {
	struct wend__deferred_more *up;
	struct wend__deferred call;
};

struct wend__chunk {
	struct wend__chunk *up;
	size_t used, size;
	alignas(16) char bytes[];
};

_Static_assert(sizeof(struct wend__frame) <= 192 || sizeof(struct wend__frame) > 256,
			   "wend/panic.h promises 192 bytes; more only under ThreadSanitizer");

/* ---- Whose ---------------------------------------------------------------------------------------- */

static __thread struct wend__unwind own __attribute__((tls_model("initial-exec"))); /* a foreign thread's */

static force_inline struct wend__unwind *mine(void)
{
	struct m *mp = getm();

	if (unlikely(!mp)) /* in a blocking call? */
		mp = thread_m();
	return likely(mp && mp->curg) ? &mp->curg->unwind : &own;
}

/* ---- Frames and deferred calls ---------------------------------------------------------------------- */

void wend__frame_open(struct wend__frame *f, int jump)
{
	struct wend__unwind *u = mine();

	f->up = u->frame;
	compiler_barrier(); /* or compilers combine the two words by way of memory, at 2 ns */
	f->home = &u->frame;
	f->more = NULL;
	f->chunks = NULL;
	f->asked = NULL;
	f->n = 0;
	f->jump = (uint8_t)jump;
	f->returning = false;
	u->frame = f;
}

static cold void free_chunks(struct wend__frame *f)
{
	for (struct wend__chunk *c = f->chunks, *up; c; c = up) {
		up = c->up;
		free(c);
	}
	f->chunks = NULL;
}

static force_inline bool pop(struct wend__frame *f, struct wend__deferred *call)
{
	if (unlikely(f->more)) { /* newer than what is in the slots */
		*call = f->more->call;
		f->more = f->more->up;
		return true;
	}
	if (f->n == 0)
		return false;
	*call = f->slot[--f->n];
	return true;
}

void wend__frame_run(struct wend__frame *f)
{
	struct wend__deferred call;

	f->returning = true;
	while (pop(f, &call))
		call.fn(call.arg);
}

void wend__frame_close_slow(struct wend__frame *f)
{
	wend__frame_run(f);
	*f->home = f->up;
	free_chunks(f);
}

/* Memory that goes with f; 16-byte aligned. */
static void *frame_alloc(struct wend__frame *f, size_t size)
{
	struct wend__chunk *c = f->chunks;

	size = (size + 15) & ~(size_t)15;
	if (!c || c->size - c->used < size) {
		size_t room = c ? 2 * c->size : 960;

		if (room < size)
			room = size;
		c = malloc(sizeof *c + room);
		if (!c)
			wend__fatal("out of memory for a deferred call");
		c->up = f->chunks;
		c->used = 0;
		c->size = room;
		f->chunks = c;
	}
	c->used += size;
	return c->bytes + c->used - size;
}

noinline void wend__defer_more(struct wend__frame *f, void (*fn)(void *), void *arg)
{
	struct wend__deferred_more *d = frame_alloc(f, sizeof *d);

	d->call = (struct wend__deferred){fn, arg};
	d->up = f->more;
	f->more = d;
}

wend__fn *wend__defer_begin(struct wend__frame *f, struct wend__defer_args *args)
{
	args->up = f->asked;
	f->asked = args;
	return wend__defer_capture;
}

/* Called by wend__defer_capture with the argument registers and the caller's stack arguments. All frames
 * that evaluating the arguments opened are closed again: the innermost is the one that asked. */
void wend__defer_captured(const struct go_regs *regs, const uint64_t *stack_args)
{
	struct wend__frame *f = mine()->frame;
	struct wend__defer_args *args = f->asked;
	struct go_block *block = frame_alloc(f, sizeof *block + args->stack_bytes);

	f->asked = args->up;
	block->regs = *regs;
	block->fn = args->fn;
	block->stack_bytes = args->stack_bytes;
	go_copy_words(block->stack_args, stack_args, args->stack_bytes);
	wend__defer(f, wend__go_run, block);
}

void *wend__defer_reserve(struct wend__frame *f, size_t size, size_t align)
{
	uintptr_t at = (uintptr_t)frame_alloc(f, size + align);

	return (void *)((at + align - 1) & ~(uintptr_t)(align - 1));
}

/* ---- Jumps ------------------------------------------------------------------------------------------ */

void wend__jump_own(void *regs) __attribute__((noreturn));
/* In programs with AddressSanitizer: the frames that are jumped over are no longer poisoned. */
void __asan_handle_no_return(void) __attribute__((weak));
#ifndef WEND__LIBC_JUMP
void longjmp_libc(void *env, int value) __asm__("longjmp") __attribute__((noreturn));
#endif

static noinline __attribute__((noreturn)) void jump(int how, void *regs)
{
	if (__asan_handle_no_return)
		__asan_handle_no_return();
	switch (how) {
	case WEND__JUMP_OWN:
		wend__jump_own(regs);
	case WEND__JUMP_LIBC:
#ifdef WEND__LIBC_JUMP
		longjmp(regs, 1);
#else
		longjmp_libc(regs, 1);
#endif
	default:
		__builtin_longjmp(regs, 1);
	}
}

/* ---- Texts ------------------------------------------------------------------------------------------ */

static pthread_key_t texts_key;
static pthread_once_t texts_once = PTHREAD_ONCE_INIT;

static void texts_over(void *u)
{
	panic_forget(u);
}

static void make_texts_key(void)
{
	if (pthread_key_create(&texts_key, texts_over) != 0)
		wend__fatal("no thread-specific key left: pthread_key_create failed");
}

/* Somebody must free u's texts: the end of its coroutine or thread. */
static void owe_texts(struct wend__unwind *u)
{
	struct m *mp = thread_m();

	if (mp && mp->curg) {
		mp->curg->flags |= G_TEXTS;
	} else {
		pthread_once(&texts_once, make_texts_key);
		pthread_setspecific(texts_key, u);
	}
}

static const char *format(struct wend__unwind *u, const char *fmt, va_list ap)
{
	va_list again;

	va_copy(again, ap);

	int n = vsnprintf(NULL, 0, fmt, again);
	struct panic_text *t = n < 0 ? NULL : malloc(sizeof *t + (size_t)n + 1);

	va_end(again);
	if (!t) /* no memory, or a conversion that fails: better an unfinished text than none */
		return fmt;
	vsnprintf(t->text, (size_t)n + 1, fmt, ap);
	if (!u->texts)
		owe_texts(u);
	t->up = u->texts;
	u->texts = t;
	return t->text;
}

/* A new panic while none is under way: nobody reads what was recovered before, unless it is thrown again. */
static cold void drop_texts(struct wend__unwind *u, const char *but)
{
	struct panic_text **at = &u->texts;

	while (*at) {
		struct panic_text *t = *at;

		if (t->text == but) {
			at = &t->up;
			continue;
		}
		*at = t->up;
		free(t);
	}
}

void panic_forget(struct wend__unwind *u)
{
	drop_texts(u, NULL);
}

/* ---- The end of the process ------------------------------------------------------------------------- */

/* Line breaks of the text are indented, so that it cannot be mistaken for the report around it. Line by line, as each call
 * is one of the system's. */
static void print_text(const char *text)
{
	for (const char *end; (end = strchr(text, '\n')); text = end + 1) {
		fwrite(text, 1, (size_t)(end + 1 - text), stderr);
		fputc('\t', stderr);
	}
	fputs(text, stderr);
}

static void print_panics(const struct panic *p)
{
	if (p->link) {
		print_panics(p->link);
		if (p->link->repanicked)
			return;
		if (p->link->text)
			fputc('\t', stderr);
	}
	if (!p->text)
		return;
	fputs("panic: ", stderr);
	print_text(p->text);
	fputs(p->repanicked ? " [recovered, repanicked]\n" : p->recovered ? " [recovered]\n" : "\n", stderr);
}

static cold __attribute__((noreturn)) void die_of(const struct panic *p)
{
	wend__die_begin();
	print_panics(p);
	for (const struct panic *q = p; q; q = q->link)
		if (q->note)
			fputs(q->note, stderr);
	wend__die(&p->from, false);
}

/* ---- Panics ----------------------------------------------------------------------------------------- */

/* p was recovered by a deferred call of f. */
static noinline __attribute__((noreturn)) void land(struct panic *p, struct wend__frame *f)
{
	struct wend__unwind *u = p->home;
	struct panic *q = p->link;

	for (; q && q->aborted; q = q->link) {
		if (q->text)
			continue;
		u->panic = q; /* a goexit is not returned from: it goes on where the panic took over */
		q->aborted = false;
		jump(WEND__JUMP, q->regs);
	}
	u->panic = q;
	jump(f->jump, f->regs);
}

/* Runs deferred calls until one recovers p, or there is none left. */
static noinline void unwind(struct panic *p)
{
	struct wend__unwind *u = p->home;
	struct wend__deferred call;
	struct wend__frame *f;

	for (; (f = u->frame); u->frame = f->up) {
		p->at = f;
		for (struct panic *q = p->link; q && q->at == f; q = q->link)
			q->aborted = true;
		while (pop(f, &call)) {
			call.fn(call.arg);
			if (unlikely(p->recovered))
				land(p, f);
		}
		if (unlikely(f->chunks))
			free_chunks(f);
	}
}

static __attribute__((noreturn)) void panic(struct panic *p)
{
	struct wend__unwind *u = p->home;
	bool free = likely(getm()) || blocking_over();
	struct m *mp = getm();

	/* rlx: our own; what is pinned besides users' sections is a callback */
	if (unlikely(!free || (mp && (atm_load_rlx(&mp->in_rt) || mp->pins > mp->sections)))) {
		p->note = "[in a callback that the library runs: what it holds could not be released, nothing is recovered]\n";
		p->link = u->panic;
		die_of(p);
	}
	if (unlikely(u->texts) && !u->panic)
		drop_texts(u, p->text);
	p->link = u->panic;
	if (p->link && p->link->recovered && p->link->text == p->text)
		p->link->repanicked = true;
	u->panic = p;
	unwind(p);
	die_of(p);
}

noinline void wend_panic(const char *text)
{
	panic(&(struct panic){
		.text = text ? text : "panic called with nil argument",
		.from.fp = __builtin_frame_address(0),
		.home = mine(),
	});
}

noinline void wend_panicf(const char *fmt, ...)
{
	struct panic p = {.from.fp = __builtin_frame_address(0), .home = mine()};
	va_list ap;

	va_start(ap, fmt);
	p.text = format(p.home, fmt, ap);
	va_end(ap);
	panic(&p);
}

void wend__panic(const char *fmt, ...)
{
	struct panic p = {.from.fp = __builtin_frame_address(0), .home = mine()};
	struct m *mp = getm();
	va_list ap;

	if (!mp)
		leave_foreign_if_inside();
	else if (atm_load_rlx(&mp->in_rt)) /* rlx: our own */
		leave(mp);
	va_start(ap, fmt);
	p.text = format(p.home, fmt, ap);
	va_end(ap);
	panic(&p);
}

void panic_fault(const char *text, const char *note, const struct fatal_site *from)
{
	panic(&(struct panic){.text = text, .note = note, .from = *from, .home = mine()});
}

void wend__index_panic(int64_t i, size_t n)
{
	if (i < 0)
		wend__panic(INDEX_TEXT, (long long)i);
	wend__panic(INDEX_TEXT " with length %zu", (long long)i, n);
}

const char *wend_recover(void)
{
	struct wend__unwind *u = mine();
	struct panic *p = u->panic;

	if (!p || !p->text || p->recovered)
		return NULL;
	for (struct wend__frame *f = u->frame; f != p->at; f = f->up)
		if (f->returning) /* its deferred calls are none of the panic's */
			return NULL;
	p->recovered = true;
	return p->text;
}

/* A panic that no recovery stops. Deferred calls may panic, and be recovered in frames that the goexit has still to
 * do: it starts over there. */
void panic_goexit(struct wend__unwind *u)
{
	struct panic p = {.home = u, .link = u->panic};

	u->panic = &p;
	if (WEND__JUMP_SAVE(p.regs))
		compiler_barrier(); /* u->frame is where to go on */
	unwind(&p);
	u->panic = NULL;
}
