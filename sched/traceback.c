/* SPDX-License-Identifier: MIT
 *
 * sched/traceback.c - see traceback.h. A frame is left by its frame pointer where the function keeps one; what
 * functions without do to the stack pointer is in their call frame information (CFI). What is known of an
 * address, by either means, is kept: a thousand coroutines that wait at the same place cost little more than one. */
#include "sched/traceback.h"

#include <dlfcn.h>
#include <dwarf.h>
#include <elfutils/libdwfl.h>
#include <fcntl.h>
#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fatal.h"
#include "sched/sched_priv.h"

#define FRAMES_HEAD 50 /* of a deep stack the innermost and the outermost are shown, */
#define FRAMES_TAIL 10 /* as a runaway recursion has thousands of the same */

#define DWARF_FP 6 /* x86-64 numbers of rbp, rsp and the return address */
#define DWARF_SP 7
#define DWARF_RA 16

enum traceback_level traceback_level(void)
{
	static const char *const words[] = {"none", "single", "all", "system", "crash"};
	const char *word = getenv("WENDTRACEBACK");

	for (unsigned i = 0; word && i < countof(words); i++)
		if (strcmp(word, words[i]) == 0 || (i < 3 && word[0] == (char)('0' + i) && !word[1]))
			return (enum traceback_level)i;
	return TRACEBACK_SINGLE;
}

/* ---- Modules ------------------------------------------------------------------------------------ */

/* Separate debug files where distributions install them; never asked for over the network, as libdwfl's own
 * callback would. */
static int find_debuginfo(Dwfl_Module *mod, void **data, const char *name, Dwarf_Addr base,
						  const char *file, const char *link, GElf_Word crc, char **out)
{
	const unsigned char *id;
	char path[300];
	GElf_Addr where;
	int n = dwfl_module_build_id(mod, &id, &where), at, fd;

	if (n < 2 || n > 64)
		return -1;
	at = snprintf(path, sizeof path, "/usr/lib/debug/.build-id/%02x/", id[0]);
	for (int i = 1; i < n; i++)
		at += snprintf(path + at, sizeof path - (size_t)at, "%02x", id[i]);
	snprintf(path + at, sizeof path - (size_t)at, ".debug");
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd >= 0)
		*out = strdup(path);
	return fd;
}

static Dwfl *symbols(void)
{
	static const Dwfl_Callbacks callbacks = {
		.find_elf = dwfl_linux_proc_find_elf,
		.find_debuginfo = find_debuginfo,
	};
	static Dwfl *dwfl;
	static bool tried;

	if (tried)
		return dwfl;
	tried = true;
	dwfl = dwfl_begin(&callbacks);
	if (dwfl && (dwfl_linux_proc_report(dwfl, getpid()) != 0 ||
				 dwfl_report_end(dwfl, NULL, NULL) != 0)) {
		dwfl_end(dwfl);
		dwfl = NULL;
	}
	return dwfl;
}

/* The compilation unit of an address; *bias: address in memory minus that in the file. Compilers need not
 * write the index by address (clang does not); the look-up then answers with a neighbour, and all are asked. */
static Dwarf_Die *unit_at(Dwfl_Module *mod, Dwarf_Addr addr, Dwarf_Addr *bias)
{
	Dwarf_Die *unit = dwfl_module_addrdie(mod, addr, bias);

	if (unit && dwarf_haspc(unit, addr - *bias) <= 0)
		unit = NULL;
	for (Dwarf_Die *u = NULL; !unit && (u = dwfl_module_nextcu(mod, u, bias));)
		if (dwarf_haspc(u, addr - *bias) > 0)
			unit = u;
	return unit;
}

/* ---- What is known of an address ---------------------------------------------------------------- */

enum { LEAVE_UNKNOWN, LEAVE_BY_FP, LEAVE_BY_SP, LEAVE_END };

struct place {
	const char *pc;
	int leave;      /* how to get to the caller */
	long cfa;       /* offset of the frame's end from that register */
	long saved_fp;  /* the caller's frame pointer lies there, from the frame's end; 0: it is in the register */
	char *text;     /* lines for people, NULL: not asked for yet */
	char *all_text; /* with the library's own frames */
};

static struct place places[1024];

/* An expression of the form register + offset, or frame's end + offset. */
static bool simple(const Dwarf_Op *ops, size_t n, unsigned *reg, long *offset)
{
	if (n == 0)
		return false;
	*offset = 0;
	if (ops[0].atom == DW_OP_call_frame_cfa) {
		*reg = ~0u;
		if (n == 2 && ops[1].atom == DW_OP_plus_uconst)
			*offset = (long)ops[1].number;
		return n == 1 || (n == 2 && ops[1].atom == DW_OP_plus_uconst);
	}
	if (n == 1 && ops[0].atom == DW_OP_bregx) {
		*reg = (unsigned)ops[0].number;
		*offset = (long)ops[0].number2;
		return true;
	}
	if (n == 1 && ops[0].atom >= DW_OP_breg0 && ops[0].atom <= DW_OP_breg31) {
		*reg = ops[0].atom - DW_OP_breg0;
		*offset = (long)ops[0].number;
		return true;
	}
	return false;
}

static void read_frame(struct place *pl, Dwarf_Frame *frame)
{
	Dwarf_Op mem[3], *ops;
	size_t n;
	unsigned reg;

	if (dwarf_frame_register(frame, DWARF_RA, mem, &ops, &n) == 0 && n == 0 && ops == mem) {
		pl->leave = LEAVE_END; /* undefined: the first function of a stack says so */
		return;
	}
	if (dwarf_frame_cfa(frame, &ops, &n) != 0 || !simple(ops, n, &reg, &pl->cfa) ||
		(reg != DWARF_FP && reg != DWARF_SP))
		return;
	pl->leave = reg == DWARF_FP ? LEAVE_BY_FP : LEAVE_BY_SP;
	if (dwarf_frame_register(frame, DWARF_FP, mem, &ops, &n) != 0 ||
		!simple(ops, n, &reg, &pl->saved_fp) || reg != ~0u)
		pl->saved_fp = 0;
}

static void read_cfi(struct place *pl)
{
	Dwfl_Module *mod = symbols() ? dwfl_addrmodule(symbols(), (Dwarf_Addr)(uintptr_t)pl->pc) : NULL;
	Dwarf_Addr bias;
	Dwarf_CFI *cfi = mod ? dwfl_module_eh_cfi(mod, &bias) : NULL;
	Dwarf_Frame *frame;

	if (cfi && dwarf_cfi_addrframe(cfi, (Dwarf_Addr)(uintptr_t)pl->pc - bias, &frame) == 0) {
		read_frame(pl, frame);
		free(frame);
	}
}

static struct place *place_of(const char *pc)
{
	struct place *pl = &places[((uintptr_t)pc * 0x9E3779B97F4A7C15u >> 54) % countof(places)];

	if (pl->pc != pc) {
		free(pl->text);
		free(pl->all_text);
		*pl = (struct place){.pc = pc};
		read_cfi(pl);
	}
	return pl;
}

/* ---- Walking ------------------------------------------------------------------------------------ */

/* A word of the stack, 0 outside of its bounds. */
__attribute__((no_sanitize("address", "thread"))) static uintptr_t word_at(const struct walk *w,
																			const char *addr)
{
	if (addr < w->lo || addr + 8 > w->hi || ((uintptr_t)addr & 7))
		return 0;
	return *(const uintptr_t *)addr;
}

/* To the caller. False at the end of the stack, or where it makes no sense. */
static bool step(struct walk *w, const struct place *pl)
{
	const char *end = w->fp + 16, *saved_fp = w->fp;

	if (pl && pl->leave == LEAVE_END)
		return false;
	if (pl && pl->leave != LEAVE_UNKNOWN) {
		end = (pl->leave == LEAVE_BY_FP ? w->fp : w->sp) + pl->cfa;
		saved_fp = pl->saved_fp ? end + pl->saved_fp : NULL;
	}

	uintptr_t back = word_at(w, end - 8);

	if (!back || end <= w->sp)
		return false;
	if (saved_fp)
		w->fp = (const char *)word_at(w, saved_fp);
	w->sp = end;
	w->pc = (const char *)back - 1; /* the call, not what follows it */
	return true;
}

struct walk walk_from_frame(const void *fp, const char *lo, const char *hi)
{
	struct walk w = {.fp = fp, .lo = lo, .hi = hi};

	if (!step(&w, NULL))
		w.pc = NULL;
	return w;
}

struct walk walk_parked(struct g *gp)
{
	return (struct walk){gp->ctx.ip, gp->ctx.sp, gp->ctx.bp, gp->lo, g_stack_top(gp)};
}

int traceback_walk(struct walk w, const void **pcs, int max)
{
	int n = 0;

	while (w.pc && n < max) {
		pcs[n++] = w.pc;
		if (!step(&w, place_of(w.pc)))
			break;
	}
	return n;
}

void traceback_print_plain(struct walk w)
{
	char line[400];

	for (int i = 0; w.pc && i < FRAMES_HEAD; i++) {
		struct dl_find_object obj;
		const char *file = "?";
		uintptr_t base = 0;

		if (_dl_find_object((void *)w.pc, &obj) == 0) {
			file = *obj.dlfo_link_map->l_name ? obj.dlfo_link_map->l_name : "(program)";
			base = obj.dlfo_link_map->l_addr;
		}
		int n = snprintf(line, sizeof line, "\t%s+0x%lx\n", file, (unsigned long)((uintptr_t)w.pc - base));

		if (write(2, line, (size_t)n < sizeof line ? (size_t)n : sizeof line - 1) < 0 || !step(&w, NULL))
			return;
	}
}

/* ---- Symbols ------------------------------------------------------------------------------------ */

static const char *attr_string(Dwarf_Die *die, unsigned name)
{
	Dwarf_Attribute attr;

	return dwarf_formstring(dwarf_attr_integrate(die, name, &attr));
}

/* A name that is relative is so to the folder in which the compiler ran (ccache, -ffile-prefix-map). */
static const char *whole_path(char *to, size_t size, const char *folder, const char *file)
{
	bool relative = file[0] != '/' && folder;

	snprintf(to, size, "%s%s%s", relative ? folder : "", relative ? "/" : "", file);
	return to;
}

/* Folder of the library's sources as they were compiled, with the slash; empty when that is not known. */
static const char *own_folder(void)
{
	static char folder[1000];
	static bool known;
	Dwarf_Addr addr = (Dwarf_Addr)(uintptr_t)own_folder, bias;
	Dwfl_Module *mod;
	Dwarf_Die *unit;

	if (known)
		return folder;
	known = true;
	mod = symbols() ? dwfl_addrmodule(symbols(), addr) : NULL;
	unit = mod ? unit_at(mod, addr, &bias) : NULL;

	const char *file = unit ? dwarf_diename(unit) : NULL;

	if (file)
		whole_path(folder, sizeof folder, attr_string(unit, DW_AT_comp_dir), file);

	char *at = strstr(folder, "sched/traceback.c");

	*(at ? at : folder) = 0;
	return folder;
}

/* The library's own frames are its users' business only where they are public functions. */
static bool hidden(const char *function, const char *file)
{
	static const char *const folders[] = {"base/", "atomics/", "sched/", "sync/"};
	const char *own = own_folder();
	size_t n = strlen(own);

	if (n == 0 || strncmp(file, own, n) != 0)
		return false;
	if (strncmp(function, "wend_", 5) == 0 && function[5] != '_')
		return false;
	for (size_t i = 0; i < countof(folders); i++)
		if (strncmp(file + n, folders[i], strlen(folders[i])) == 0)
			return true;
	return strncmp(file + n, "include/wend/", 13) == 0;
}

struct lines {
	FILE *all, *shown;
	const char *pc;
};

/* One frame as Go prints it: a line with the function, a line with the place. Of frames that were inlined at
 * the same address, those further out have the same pc. */
static void write_frame(struct lines *l, const char *function, const char *folder, const char *file, int line)
{
	char path[1000];

	function = !function ? "?" : strcmp(function, "wend__user_main") == 0 ? "main" : function; /* WEND_MAIN */
	whole_path(path, sizeof path, folder, file);
	for (FILE *f = l->all; f; f = f == l->all ? l->shown : NULL) {
		if (f == l->shown && hidden(function, path))
			break;
		fprintf(f, "%s(...)\n\t%s", function, path);
		if (line > 0)
			fprintf(f, ":%d", line);
		fprintf(f, " %p\n", (const void *)l->pc);
	}
}

static int attr_number(Dwarf_Die *die, unsigned name)
{
	Dwarf_Attribute attr;
	Dwarf_Word n;

	return dwarf_formudata(dwarf_attr(die, name, &attr), &n) == 0 ? (int)n : 0;
}

/* All functions at the address, the innermost inlined one first. False when there is no debugging information. */
static bool write_inlined(struct lines *l, Dwfl_Module *mod, Dwarf_Addr addr)
{
	Dwarf_Addr bias;
	Dwarf_Die *unit = unit_at(mod, addr, &bias), *inner = NULL, *scopes = NULL;
	Dwarf_Line *src = unit ? dwarf_getsrc_die(unit, addr - bias) : NULL;
	const char *file = src ? dwarf_linesrc(src, NULL, NULL) : NULL;
	const char *folder = unit ? attr_string(unit, DW_AT_comp_dir) : NULL;
	Dwarf_Files *files = NULL;
	int line = 0, n = 0;
	bool any = false;

	if (!file)
		return false;
	dwarf_lineno(src, &line);
	dwarf_getsrcfiles(unit, &files, NULL);
	if (dwarf_getscopes(unit, addr - bias, &inner) > 0)
		n = dwarf_getscopes_die(&inner[0], &scopes);
	for (int i = 0; i < n; i++) {
		int tag = dwarf_tag(&scopes[i]);

		if (tag != DW_TAG_inlined_subroutine && tag != DW_TAG_subprogram)
			continue;
		write_frame(l, dwarf_diename(&scopes[i]), folder, file, line);
		any = true;
		if (tag == DW_TAG_subprogram)
			break;
		line = attr_number(&scopes[i], DW_AT_call_line); /* where the next one outwards calls it */
		file = files ? dwarf_filesrc(files, (size_t)attr_number(&scopes[i], DW_AT_call_file), NULL, NULL) : NULL;
		file = file ? file : "?";
	}
	free(inner);
	free(scopes);
	if (!any) /* lines without functions: assembly */
		write_frame(l, dwfl_module_addrname(mod, addr), folder, file, line);
	return true;
}

static void write_place(struct place *pl)
{
	Dwarf_Addr addr = (Dwarf_Addr)(uintptr_t)pl->pc;
	Dwfl_Module *mod = symbols() ? dwfl_addrmodule(symbols(), addr) : NULL;
	size_t n;
	struct lines l = {open_memstream(&pl->all_text, &n), open_memstream(&pl->text, &n), pl->pc};

	if (l.all && l.shown && !(mod && write_inlined(&l, mod, addr)))
		write_frame(&l, mod ? dwfl_module_addrname(mod, addr) : NULL, NULL,
					mod ? dwfl_module_info(mod, NULL, NULL, NULL, NULL, NULL, NULL, NULL) : "?", 0);
	if (l.all)
		fclose(l.all);
	if (l.shown)
		fclose(l.shown);
}

static const char *text_of(const char *pc, bool all_frames)
{
	struct place *pl = place_of(pc);

	if (!pl->text || !pl->all_text)
		write_place(pl);

	const char *text = all_frames ? pl->all_text : pl->text;

	return text ? text : "(out of memory)\n";
}

/* ---- Printing ----------------------------------------------------------------------------------- */

static void print_head(const struct g *gp, const char *state)
{
	/* Who dies in a blocking call runs, for people. */
	bool waits = gp && g_waits(atm_load_acq(&gp->state)) && gp->parked_at && strcmp(state, "running") != 0;
	int64_t ns = waits ? clock_now() - gp->parked_at : 0;

	if (!gp) {
		fprintf(stderr, "\nthread [%s]:\n", state);
		return;
	}
	fprintf(stderr, "\ncoroutine %llu [%s", (unsigned long long)gp->id, state);
	if (ns >= 60000000000)
		fprintf(stderr, ", %lld minutes", (long long)(ns / 60000000000));
	fprintf(stderr, "%s]:", gp->locked_m ? ", locked to thread" : "");
	if (gp->name && !(gp->flags & G_MAIN))
		fprintf(stderr, " %s", gp->name);
	if (waits && ns < 60000000000)
		fprintf(stderr, "%s for %.3f s", gp->name && !(gp->flags & G_MAIN) ? "," : "", (double)(ns > 0 ? ns : 0) / 1e9);
	fputc('\n', stderr);
}

/* `created by NAME in coroutine N`, and where. */
static void print_creator(const struct g *gp, bool all_frames)
{
	const char *text = text_of((const char *)gp->created_at - 1, true);
	const char *end = strstr(text, "(...)\n");

	if (!end)
		return;
	fprintf(stderr, "created by %.*s", (int)(end - text), text);
	if (gp->parent_id)
		fprintf(stderr, " in coroutine %llu", (unsigned long long)gp->parent_id);
	end += strlen("(...)");

	const char *stop = strchr(end + 1, '\n'); /* of several functions there the innermost is enough */

	fprintf(stderr, "%.*s\n", (int)(stop ? stop - end : 0), end);
}

void traceback_print(const struct g *gp, const char *state, const void **pcs, int n, bool all_frames)
{
	bool any = all_frames;

	print_head(gp, state);
	if (!pcs)
		fputs("\tcoroutine running on other thread; stack unavailable\n", stderr);
	for (int i = 0; i < n && !any; i++)
		any = text_of(pcs[i], false)[0];
	all_frames = all_frames || !any; /* nothing but the library's: then those */
	for (int i = 0; i < n; i++) {
		if (n > FRAMES_HEAD + FRAMES_TAIL && i == FRAMES_HEAD) {
			fprintf(stderr, "...%d frames elided...\n", n - FRAMES_HEAD - FRAMES_TAIL);
			i = n - FRAMES_TAIL;
		}
		fputs(text_of(pcs[i], all_frames), stderr);
	}
	if (gp && gp->created_at)
		print_creator(gp, all_frames);
}
