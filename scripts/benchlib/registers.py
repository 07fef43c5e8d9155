# SPDX-License-Identifier: MIT
"""How many registers a coroutine switch saves, counted from the machine code that was measured.

The inline switch of sched/ctx.h loads the address of the instruction behind its own indirect jump
(where the coroutine will go on), stores what it saves into the coroutine's record, loads the other
record and jumps. That pair, a `lea` whose target is the end of a `jmp *%reg`, is found nowhere else
in a function, so the stores between the two are what the switch saves."""
import re
import shutil
import subprocess

# Where the library switches: giving way, and waiting.
FUNCTIONS = ("wend_yield", "wend__g_park")
LINE = re.compile(r"^\s*([0-9a-f]+):\s+(\S+)\s*(.*)$")
RESUME = re.compile(r"\(%rip\),(%\w+)\s+#\s+([0-9a-f]+)")
STORE = re.compile(r"^(%\w+),(-?(?:0x)?[0-9a-f]*\(%\w+\))$")


def disassemble(program, function, objdump):
    out = subprocess.run([objdump, "-d", "--no-show-raw-insn", "--disassemble=" + function,
                          program], capture_output=True, text=True, timeout=60, check=True).stdout
    return [m.groups() for m in map(LINE.match, out.splitlines()) if m]


def count(instructions):
    """(registers that the switches of a function save, registers it pushes like any other function);
    None where it has no inline switch."""
    found, pushed = [], 0
    for i, (_, op, args) in enumerate(instructions):
        if op == "push" and not found:
            pushed += 1
        resume = RESUME.search(args) if op == "lea" else None
        if not resume:
            continue
        saved = set()
        for j in range(i + 1, min(i + 40, len(instructions))):
            address, op2, args2 = instructions[j]
            store = STORE.match(args2) if op2.startswith("mov") else None
            if store:
                saved.add(store.group(2))
            if op2 in ("jmp", "notrack") and "*%" in args2:
                after = instructions[j + 1][0] if j + 1 < len(instructions) else None
                if after and int(after, 16) == int(resume.group(2), 16):
                    found.append(len(saved))
                break
    return (max(found), pushed) if found else None


def facts(program, build):
    """What the report says of registers, from the code where objdump is, else as the source says."""
    stated = build.get("switch_registers")
    if stated is None:
        return {}
    out = {"switch_registers_stated": stated,
           "switch_registers_source": "as sched/ctx.h says, not counted",
           "switch_registers_note": "as sched/ctx.h says; objdump, which could count them, is not "
                                    "installed"}
    objdump = shutil.which("objdump")
    if not objdump:
        return out
    counted = {}
    try:
        for function in FUNCTIONS:
            c = count(disassemble(program, function, objdump))
            if c:
                counted[function] = c
    except (OSError, subprocess.SubprocessError):
        pass
    if not counted:
        out["switch_registers_note"] = "as sched/ctx.h says; no switch was found in the machine code"
        return out
    names = " and ".join(counted)
    pushed = sorted({c[1] for c in counted.values()})
    out.update({
        "switch_registers": str(max(c[0] for c in counted.values())),
        "switch_registers_source": "counted from the code",
        "switch_registers_note":
            "stores before the jump, counted in the machine code of %s; around it the function "
            "pushes %s more, as any function in C does that uses them"
            % (names, " to ".join(str(n) for n in (pushed[:1] + pushed[1:][-1:]))),
    })
    return out
