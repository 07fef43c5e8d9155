# SPDX-License-Identifier: MIT
"""Faults that are planted into a copy of the sources, to see whether the gate finds them. Nothing of this is in the
product: a fault is a few lines put at a known place of a function."""
import os
import shutil
import subprocess

# What is planted. The delay is a chain of additions on the pointer that the function goes on with, so that
# the processor cannot do it beside other work.
WAKE = """	{
		extern void wake_one(void);
		struct m *planted = enter();

		if (planted && planted->p) {
			STAT(planted->p, wakes);
			wake_one();
		}
		leave_any(planted);
	}
"""
SYSCALL = """	{
		extern int getppid(void);

		getppid();
	}
"""
ALLOCATION = """	{
		void *planted = malloc(32);

		__asm__ volatile("" : "+r"(planted));
		free(planted);
	}
"""
INSTRUCTIONS = '	__asm__ volatile("nop\\n\\tnop");\n'
DELAY = '	__asm__ volatile(".rept %d\\n\\tadd $0, %%0\\n\\t.endr" : "+r"(pp) : : "cc");\n'

# name: (file, text before, text after, what stands between them, rows that must show it, by which measure)
FAULTS = {
    "yield +5%": ("sched/loop.c", "	struct p *pp = mp->p;\n", "	struct g *next = pick(pp);\n", DELAY,
                  ("yield/2",), "cpu"),
    "send +1 wake": ("sync/chan.c", "void wend_chan_send(wend_chan *c, const void *elem)\n{\n", "", WAKE,
                     ("chan/hop", "chan/pair"), "wakes"),
    "lock +1 syscall": ("sync/mutex.c", "void wend_mutex_lock(wend_mutex *mu)\n{\n", "", SYSCALL,
                        ("mutex/alone",), "syscalls"),
    "get +1 allocation": ("sync/pool.c", "void *wend_pool_get(wend_pool *p)\n{\n", "", ALLOCATION,
                          ("pool/get_put",), "allocations"),
    "acquire +2 instructions": ("sync/sem.c", "void wend_sem_acquire(wend_sem *sem, int64_t n)\n{\n", "",
                                INSTRUCTIONS, ("sem/alone",), "instructions"),
}
DELAY_STEPS = 3  # additions: about 5 % of a yield on a Zen core; power calibrates it


def plant(root, name, steps=DELAY_STEPS):
    """Changes the file below root."""
    path, before, after, what, _, _ = FAULTS[name]
    path = os.path.join(root, path)
    with open(path, encoding="utf-8") as f:
        text = f.read()
    if text.count(before + after) != 1:
        raise ValueError("%s: %r is there %d times; '%s' is planted at one place" % (
            path, before + after, text.count(before + after), name))
    if what is DELAY:
        what %= steps
    with open(path, "w", encoding="utf-8") as f:
        f.write(text.replace(before + after, before + what + after))


def copy(root, to):
    """The tracked files of the working tree as they are now, in a folder of their own."""
    names = subprocess.run(["git", "-C", root, "ls-files", "-z"], capture_output=True, check=True,
                           text=True).stdout.split("\0")
    for name in filter(None, names):
        source, target = os.path.join(root, name), os.path.join(to, name)
        if not os.path.exists(source):
            continue
        os.makedirs(os.path.dirname(target), exist_ok=True)
        with open(source, "rb") as f:
            new = f.read()
        try:
            with open(target, "rb") as f:
                if f.read() == new:
                    continue  # what has not changed is not built again
        except OSError:
            pass
        shutil.copy(source, target)
