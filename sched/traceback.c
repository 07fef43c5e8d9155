/* SPDX-License-Identifier: MIT */
#include "sched/traceback.h"

#include <elfutils/libdwfl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/fatal.h"
#include "sched/sched_priv.h"

#define FRAMES_HEAD 50 /* of a deep stack the innermost and the outermost are shown, */
#define FRAMES_TAIL 10 /* as a runaway recursion has thousands of the same */

/* ---- Walking ------------------------------------------------------------------------------------ */

__attribute__((no_sanitize("address"))) int traceback_walk(const void *pc, const void *fp,
															 const char *lo, const char *hi,
															 const void **pcs, int max)
{
	int n = 0;

	if (pc)
		pcs[n++] = pc;
	while (n < max && (const char *)fp >= lo && (const char *)fp + 16 <= hi &&
		   ((uintptr_t)fp & 7) == 0) {
		const void *const *frame = fp;

		if (!frame[1])
			break;
		pcs[n++] = frame[1];
		if (frame[0] <= fp) /* frames grow upwards, or the chain is broken */
			break;
		fp = frame[0];
	}
	return n;
}

int traceback_parked(const struct g *gp, const void **pcs, int max)
{
	return traceback_walk(gp->ctx.ip, gp->ctx.bp, gp->lo, g_stack_top((struct g *)gp), pcs, max);
}

/* ---- Symbols ------------------------------------------------------------------------------------ */

/* Never over the network: no find_debuginfo that asks a server. */
static int no_debuginfo(Dwfl_Module *mod, void **data, const char *name, Dwarf_Addr base,
						const char *file, const char *link, GElf_Word crc, char **out)
{
	return -1;
}

static Dwfl *open_symbols(void)
{
	static const Dwfl_Callbacks callbacks = {
		.find_elf = dwfl_linux_proc_find_elf,
		.find_debuginfo = no_debuginfo,
	};
	Dwfl *dwfl = dwfl_begin(&callbacks);

	if (dwfl && (dwfl_linux_proc_report(dwfl, getpid()) != 0 ||
				 dwfl_report_end(dwfl, NULL, NULL) != 0)) {
		dwfl_end(dwfl);
		dwfl = NULL;
	}
	return dwfl;
}

/* One frame as Go prints it: a line with the function, a line with the place. */
static void print_frame(Dwfl *dwfl, const void *pc, bool is_return)
{
	GElf_Addr addr = (GElf_Addr)(uintptr_t)pc - is_return; /* the call, not what follows it */
	Dwfl_Module *mod = dwfl ? dwfl_addrmodule(dwfl, addr) : NULL;
	const char *name = mod ? dwfl_module_addrname(mod, addr) : NULL;
	Dwfl_Line *line = mod ? dwfl_module_getsrc(mod, addr) : NULL;
	int number = 0;
	const char *file = line ? dwfl_lineinfo(line, NULL, &number, NULL, NULL, NULL) : NULL;

	fprintf(stderr, "%s(...)\n", name ? name : "?");
	if (file)
		fprintf(stderr, "\t%s:%d %p\n", file, number, pc);
	else
		fprintf(stderr, "\t%s %p\n", mod ? dwfl_module_info(mod, NULL, NULL, NULL, NULL, NULL, NULL, NULL) : "?", pc);
}

void traceback_print(const struct g *gp, const char *state, const void **pcs, int n)
{
	static Dwfl *dwfl; /* only the dying thread prints */

	if (!dwfl)
		dwfl = open_symbols();
	if (gp)
		fprintf(stderr, "\ncoroutine %llu [%s]%s%s%s:\n", (unsigned long long)gp->id, state,
				gp->name ? " (" : "", gp->name ? gp->name : "", gp->name ? ")" : "");
	else
		fprintf(stderr, "\nthread [%s]:\n", state);
	for (int i = 0; i < n; i++) {
		if (n > FRAMES_HEAD + FRAMES_TAIL && i == FRAMES_HEAD) {
			fprintf(stderr, "...%d frames elided...\n", n - FRAMES_HEAD - FRAMES_TAIL);
			i = n - FRAMES_TAIL;
		}
		print_frame(dwfl, pcs[i], i > 0);
	}
	if (gp && gp->created_at) {
		fprintf(stderr, "created by ");
		print_frame(dwfl, gp->created_at, true);
	}
}
