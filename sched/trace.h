/* SPDX-License-Identifier: MIT
 *
 * sched/trace.h - the scheduler's events as USDT probes: one `nop` each, with a note in the ELF file that
 * says where the arguments are. Nothing is tested, loaded or stored while nobody listens; perf,
 * bpftrace, SystemTap and gdb put a breakpoint there when they do:
 *
 *     bpftrace -e 'usdt:./program:wend:park { @[arg1] = count(); }' -c ./program
 *
 *   spawn(P, G)  G was started; its creator runs on P       run(P, G)    G is put on P's CPU
 *   yield(P, G)  G gives way                                park(P, G)   G blocks; its wait reason is set
 *   ready(P, G)  G was made ready from P                    steal(P, G)  P took G from another P
 *   end(P, G)    G ends                                    block(P, G)  G blocks its thread and gives P away
 *
 * P and G are the addresses of the control blocks.
 */
#ifndef SCHED_TRACE_H
#define SCHED_TRACE_H

#include <sys/sdt.h>

#define TRACE(event, pp, gp) DTRACE_PROBE2(wend, event, (pp), (gp))

#endif
