/* SPDX-License-Identifier: MIT
 *
 * tests/model/trace.c - what happened, for people: one line per operation with thread, word, value and the
 * line of source it stands in. Written down while the failing execution is repeated, so that the others
 * pay for nothing but one test of a flag.
 */
#include "model/engine.h"

#include <dlfcn.h>
#include <elf.h>
#include <link.h>

enum { LINES = 4000, SHOWN = 400 };

static struct line {
	enum op_kind kind;
	uint8_t thread;
	char what[120];
	const void *pc;
} lines[LINES];
static uint64_t nlines;

void trace_begin(void)
{
	nlines = 0;
}

static void describe(const void *p, char *out, size_t size)
{
	Dl_info info;

	for (int i = model.nnames - 1; i >= 0; i--)
		if ((const char *)p >= model.names[i].lo && (const char *)p < model.names[i].hi) {
			long at = (const char *)p - model.names[i].lo;

			snprintf(out, size, at ? "%s+%ld" : "%s", model.names[i].name, at);
			return;
		}
	if (dladdr(p, &info) && info.dli_sname && (const char *)p - (const char *)info.dli_saddr < 65536) {
		long at = (const char *)p - (const char *)info.dli_saddr;

		snprintf(out, size, at ? "%s+%ld" : "%s", info.dli_sname, at);
		return;
	}
	if (heap_owns(p)) {
		heap_describe(p, out, size);
		return;
	}
	snprintf(out, size, "%p", p);
}

static const char *value(uint64_t v, char *out, size_t size)
{
	if (v > 0xffff && v < UINT64_MAX - 0xffff)
		snprintf(out, size, "%#llx", (unsigned long long)v);
	else
		snprintf(out, size, "%lld", (long long)v);
	return out;
}

static void say(const struct thread *t, enum op_kind kind, const struct location *l, const void *addr,
				uint64_t a, uint64_t b, int detail, char *out, size_t size)
{
	static const char *const rmw[] = {"xchg", "cas", "add", "or", "and"};
	static const char *const load[] = {"rlx", "acq", "rel", "sc"};
	char word[60] = "", va[24], vb[24];

	if (l && l->size == 4 && (kind == OP_LOAD || kind == OP_STORE || kind == OP_DRAIN))
		a = (uint64_t)(int64_t)(int32_t)a;
	value(a, va, sizeof va);
	value(b, vb, sizeof vb);
	if (addr && kind != OP_START)
		describe(addr, word, sizeof word);
	switch (kind) {
	case OP_LOAD:
		snprintf(out, size, "load_%s %s -> %s%s", load[detail], word, va,
				 model.memory == MODEL_WEAK && l->newest->value != a && l->size == 8 ? " (old)" :
				 model.memory == MODEL_WEAK && (uint32_t)l->newest->value != (uint32_t)a ? " (old)" : "");
		return;
	case OP_STORE:
		snprintf(out, size, "store_%s %s = %s%s", load[detail], word, va,
				 model.memory == MODEL_TSO && t->nstores ? " (buffered)" : "");
		return;
	case OP_RMW:
		if (detail < 0)
			snprintf(out, size, "cas %s fails: is %s, not %s", word, va, vb);
		else
			snprintf(out, size, "%s %s: %s -> %s", rmw[detail], word, va, vb);
		return;
	case OP_DRAIN:
		snprintf(out, size, "  store arrives: %s = %s", word, va);
		return;
	case OP_FENCE:
		snprintf(out, size, "fence");
		return;
	case OP_HEAVY:
		snprintf(out, size, "asym_heavy");
		return;
	case OP_PAUSE:
		snprintf(out, size, "pause");
		return;
	case OP_WAIT:
		snprintf(out, size, "futex wait %s, is %s, expects %s%s", word, va, vb, detail ? ": sleeps" : "");
		return;
	case OP_WAKE:
		snprintf(out, size, "futex wake %s", word);
		return;
	case OP_TIMEOUT:
		snprintf(out, size, "  deadline passes: %s", word);
		return;
	case OP_EVENT:
		snprintf(out, size, "signal %s: %s", word, va);
		return;
	case OP_AWAIT:
		snprintf(out, size, "await %s", word);
		return;
	case OP_JOIN:
		snprintf(out, size, "join");
		return;
	case OP_START:
		snprintf(out, size, "starts thread %d, %s", detail, (const char *)addr);
		return;
	case OP_END:
		snprintf(out, size, "ends");
		return;
	case OP_PLAIN:
		snprintf(out, size, "plain %s: %s", detail ? "write" : "read", word);
		return;
	case OP_ALLOC:
		snprintf(out, size, "malloc %s: %s bytes", word, va);
		return;
	case OP_FREE:
		snprintf(out, size, "free %s", word);
		return;
	default:
		snprintf(out, size, "%s", addr ? word : "");
	}
}

void trace_op(const struct thread *t, enum op_kind kind, const struct location *l, const void *addr,
			  uint64_t a, uint64_t b, int detail, const void *pc)
{
	struct line *line = &lines[nlines++ % LINES];

	line->kind = kind;
	line->thread = t->number;
	line->pc = pc;
	say(t, kind, l, addr, a, b, detail, line->what, sizeof line->what);
}

/* Where everybody stands, at the end of the trace. */
void trace_positions(void)
{
	static const char *const waits[] = {"", "sleeps on", "waits for event", "joins"};
	static const char *const next[] = {[OP_LOAD] = "before load", [OP_STORE] = "before store",
									   [OP_RMW] = "before read-modify-write", [OP_FENCE] = "before fence",
									   [OP_HEAVY] = "before asym_heavy", [OP_PAUSE] = "pauses",
									   [OP_WAKE] = "before futex wake", [OP_WAIT] = "before futex wait"};

	for (int i = 0; i < model.nthreads; i++) {
		const struct thread *t = &model.thread[i];
		struct line *line = &lines[nlines++ % LINES];
		char word[60] = "";
		const void *addr = t->state == BLOCKED && t->wait != WAIT_JOIN ? t->word : t->addr;

		if (addr)
			describe(addr, word, sizeof word);
		line->kind = OP_NOTE;
		line->thread = (uint8_t)i;
		line->pc = t->state == DONE ? NULL : t->pc;
		snprintf(line->what, sizeof line->what, "%s %s %s",
				 t == model.cur && t->state == READY ? "STANDS HERE:" : "...",
				 t->state == DONE      ? "has ended"
				 : t->state == BLOCKED ? waits[t->wait]
				 : t->op < countof(next) && next[t->op] ? next[t->op]
													 : "runs",
				 t->state == DONE ? "" : word);
	}
}

/* ---- Addresses into lines: one call of addr2line for all ------------------------------------------------- */

struct site {
	const void *pc;
	char where[700];
};

static struct site sites[SHOWN];
static int nsites;

static uintptr_t load_base(void)
{
	Dl_info info;
	const ElfW(Ehdr) *elf;

	if (!dladdr((const void *)(uintptr_t)load_base, &info))
		return 0;
	elf = info.dli_fbase;
	return elf->e_type == ET_DYN ? (uintptr_t)info.dli_fbase : 0;
}

/* The text of a line of source, without its indentation. */
static void quote(const char *file, int number, char *out, size_t size)
{
	FILE *f = fopen(file, "r");
	char text[300] = "";

	while (f && number-- > 0 && fgets(text, sizeof text, f))
		;
	if (f)
		fclose(f);
	text[strcspn(text, "\n")] = 0;
	snprintf(out, size, "%s", text + strspn(text, " \t"));
}

/* The innermost frame that is not the atomics layer itself. */
static void find_site(FILE *in, struct site *s)
{
	char function[100], where[400];
	bool done = false;
	long at = ftell(in);

	while (at = ftell(in), fgets(function, sizeof function, in)) {
		if (!strncmp(function, "0x", 2)) {
			fseek(in, at, SEEK_SET);
			return;
		}
		if (!fgets(where, sizeof where, in))
			return;
		if (done || strstr(where, "atomic_model.h"))
			continue;
		done = true;
		function[strcspn(function, "\n")] = 0;
		where[strcspn(where, " \n")] = 0;

		char *colon = strrchr(where, ':');
		char text[110] = "";
		int number = colon ? atoi(colon + 1) : 0;

		if (!colon || !number)
			continue;
		*colon = 0;
		quote(where, number, text, sizeof text);
		const char *base = strrchr(where, '/');

		snprintf(s->where, sizeof s->where, "%s:%d %s: %s", base ? base + 1 : where, number,
				 strncmp(function, "wend__", 6) ? function : function + 6, text);
	}
}

static void find_sites(void)
{
	char command[SHOWN * 20 + 200], exe[256];
	uintptr_t base = load_base();
	ssize_t len = readlink("/proc/self/exe", exe, sizeof exe - 1);
	FILE *tmp;
	int n;

	if (len <= 0)
		return;
	exe[len] = 0;
	n = snprintf(command, sizeof command, "addr2line -a -f -i -e '%s'", exe);
	for (int i = 0; i < nsites; i++)
		n += snprintf(command + n, sizeof command - (size_t)n, " %#lx", (uintptr_t)sites[i].pc - base - 1);

	FILE *pipe = popen(command, "r");

	tmp = tmpfile();
	if (!pipe || !tmp)
		return;
	for (int c; (c = fgetc(pipe)) != EOF;)
		fputc(c, tmp);
	pclose(pipe);
	rewind(tmp);
	char head[64];

	for (int i = 0; i < nsites && fgets(head, sizeof head, tmp); i++)
		find_site(tmp, &sites[i]);
	fclose(tmp);
}

static const struct site *site(const void *pc)
{
	for (int i = 0; i < nsites; i++)
		if (sites[i].pc == pc)
			return &sites[i];
	return NULL;
}

void trace_print(void)
{
	uint64_t first = nlines > SHOWN ? nlines - SHOWN : 0;

	nsites = 0;
	for (uint64_t i = first; i < nlines; i++) {
		const void *pc = lines[i % LINES].pc;

		if (pc && !site(pc))
			sites[nsites++] = (struct site){.pc = pc};
	}
	find_sites();
	for (uint64_t i = first; i < nlines; i++) {
		const struct line *l = &lines[i % LINES];
		const struct site *s = l->pc ? site(l->pc) : NULL;
		char who[24];

		snprintf(who, sizeof who, "%u %s", l->thread, model.thread[l->thread].name);
		printf("# %4llu  %*s%-14.14s %-48s %s\n", (unsigned long long)i, l->thread * 2, "", who, l->what,
			   s ? s->where : "");
	}
	fflush(stdout);
}
