# SPDX-License-Identifier: MIT
"""Checks on the sources: layers, the one door to atomics, public headers, leftovers, scripts.

usage: sources.py [CASE...]. Each check must also find a fault that is planted for it."""

import ast
import os
import re
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from tap import Tap  # noqa: E402

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

# Includes point down only.
RANK = {"base": 0, "atomics": 1, "sched": 2, "sync": 3, "net": 4, "routine": 4, "prof": 5}
ABOVE_ATOMICS = [d for d, r in RANK.items() if r > RANK["atomics"]]
CODE = (".c", ".h", ".cc", ".S")
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', re.M)


def tracked(root):
	"""Files of the tree, without build folders and results."""
	for folder, dirs, files in os.walk(root):
		top = os.path.relpath(folder, root)
		dirs[:] = [d for d in dirs if not d.startswith("build") and d not in (".git", "__pycache__")
				and os.path.join(top, d) not in ("./results", "results")
				and not os.path.exists(os.path.join(folder, d, "CMakeCache.txt"))]
		for f in sorted(files):
			if f == ".git":  # of a linked worktree
				continue
			yield os.path.relpath(os.path.join(folder, f), root)


def read(root, path):
	with open(os.path.join(root, path), encoding="utf-8", errors="replace") as f:
		return f.read()


def code_files(root, folders):
	for path in tracked(root):
		if path.split(os.sep)[0] in folders and path.endswith(CODE):
			yield path


def without_comments(text):
	"""Comments and string contents blanked, line numbers kept."""
	def blank(m):
		s = m.group(0)
		if s[0] in "\"'":
			return s[0] * 2
		return re.sub(r"[^\n]", " ", s)
	return re.sub(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', blank, text,
			flags=re.S)


def layers(root):
	found = []
	for path in code_files(root, RANK):
		own = path.split(os.sep)[0]
		text = re.sub(r"/\*.*?\*/", lambda m: re.sub(r"[^\n]", " ", m.group(0)), read(root, path),
				flags=re.S)
		for m in INCLUDE.finditer(text):
			target = m.group(2)
			top = target.split("/")[0]
			if m.group(1) == '"' and "/" not in target:
				top = own
			if top in RANK and top != own and RANK[top] >= RANK[own]:
				found.append("%s includes %s: %s is not below %s" % (path, target, top, own))
			if top in ("tests", "bench", "examples", "harness"):
				found.append("%s includes %s, which stands above the library" % (path, target))
	return found


def private_headers(root):
	found = []
	for path in tracked(root):
		# An environment of the model checker stands for files of the folder.
		if not path.endswith(CODE) or path.startswith(os.path.join("tests", "model", "env_")):
			continue
		for m in INCLUDE.finditer(read(root, path)):
			target = m.group(2)
			if target.endswith("_priv.h") and os.path.dirname(target) not in ("", os.path.dirname(path)):
				found.append("%s includes %s, which is private to its folder" % (path, target))
	return found


RAW = re.compile(r"\b(ck_pr_\w+|__atomic_\w+|__sync_\w+|_Atomic|volatile|__ATOMIC_\w+)\b|<(stdatomic\.h|ck_pr\.h)>")


def raw_atomics(root):
	found = []
	for path in code_files(root, ABOVE_ATOMICS):
		text = without_comments(read(root, path))
		text = re.sub(r"\b(__asm__|asm|__asm)(\s+)volatile\b", r"\1\2", text)
		for m in RAW.finditer(text):
			line = text.count("\n", 0, m.start()) + 1
			found.append("%s:%d: %s (only atomics/ may use it)" % (path, line, m.group(0)))
	return found


# What users call inline is made of the compiler's atomics, in one header; the other headers build on it.
ATOMIC_HEADER = os.path.join("include", "wend", "atomic.h")
PUBLIC = re.compile(r"\b(ck_\w+|_Atomic|__thread|_Thread_local|thread_local)\b|<(ck_\w+\.h|stdatomic\.h|hwloc\.h)>")


def public_headers(root):
	found = []
	for path in code_files(root, ["include"]):
		text = without_comments(read(root, path))
		raw = [] if path == ATOMIC_HEADER else RAW.finditer(re.sub(r"\b(__asm__)(\s+)volatile\b", r"\1\2", text))
		for m in [*PUBLIC.finditer(text), *raw]:
			line = text.count("\n", 0, m.start()) + 1
			found.append("%s:%d: %s does not belong into a public header" % (path, line, m.group(0)))
		for m in INCLUDE.finditer(text):
			if m.group(1) == '"':
				found.append('%s: #include "%s" (users have <wend/...> only)' % (path, m.group(2)))
	return found


# What must not be left in a finished file: reminders, and paths of somebody's own machine.
LEFT = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b|/(?:home|Users)/\w+|/(?:root|work)/\w|\b(?:this|previous|last) session\b|<<<<<<<|>>>>>>>")


def leftovers(root):
	found = []
	for path in tracked(root):
		if path.endswith((".png", ".gz", ".json")) or path == os.path.join("scripts", "checks", "sources.py"):
			continue
		for n, line in enumerate(read(root, path).splitlines(), 1):
			m = LEFT.search(line)
			if m:
				found.append("%s:%d: %s" % (path, n, m.group(0)))
	return found


def licence_lines(root):
	found = []
	for path in tracked(root):
		if path.endswith(CODE + (".py", ".sh", ".cmake", ".go", ".in")) or os.path.basename(path) == "CMakeLists.txt":
			if "SPDX-License-Identifier: MIT" not in "\n".join(read(root, path).splitlines()[:5]):
				found.append(path + ": no SPDX line at the top")
	return found


def scripts_parse(root):
	found = []
	for path in tracked(root):
		full = os.path.join(root, path)
		try:
			first = read(root, path).split("\n", 1)[0]
		except IsADirectoryError:
			continue
		shell = re.match(r"#!\s*(?:/usr/bin/env\s+|/bin/|/usr/bin/)(sh|bash)\b", first)
		if shell:
			r = subprocess.run([shell.group(1), "-n", full], capture_output=True, text=True)
			if r.returncode:
				found.append(r.stderr.strip())
			if not os.access(full, os.X_OK):
				found.append(path + ": a script that is not executable")
		elif path.endswith(".sh"):
			found.append(path + ": no interpreter line")
		if path.endswith(".py") or re.match(r"#!.*python", first):
			try:
				ast.parse(read(root, path))
			except SyntaxError as e:
				found.append("%s:%s: %s" % (path, e.lineno, e.msg))
	return found


CHECKS = [layers, private_headers, raw_atomics, public_headers, leftovers, licence_lines, scripts_parse]

# check -> (file, contents) that it must find fault with, and one that it must pass
PLANTED = {
	layers: ("atomics/x.c", '#include "sched/g.h"\n', '#include "base/x.h"\n'),
	private_headers: ("sync/x.c", '#include "sched/m_priv.h"\n', '#include "sync/m_priv.h"\n'),
	raw_atomics: ("sched/x.c", "volatile int x;\n", '/* volatile */ void f(void) { __asm__ volatile(""); }\n'),
	public_headers: ("include/wend/x.h", "static inline int f(int *x) { return __atomic_load_n(x, 0); }\n", "int wend_x;\n"),
	leftovers: ("docs/x.md", "TO" + "DO: later\n", "to do it later\n"),
	licence_lines: ("base/x.c", "int x;\n", "/* SPDX-License-Identifier: MIT */\nint x;\n"),
	scripts_parse: ("scripts/x", "#!/bin/sh\nif true; then\n", "no script\n"),
}


def self_test(check):
	path, bad, good = PLANTED[check]
	for text, expected in ((bad, True), (good, False)):
		with tempfile.TemporaryDirectory() as root:
			os.makedirs(os.path.dirname(os.path.join(root, path)))
			with open(os.path.join(root, path), "w", encoding="utf-8") as f:
				f.write(text)
			found = check(root)
			assert bool(found) == expected, "%s on %r: %s" % (check.__name__, text, found)


def main():
	tap = Tap()
	for check in CHECKS:
		def clean(check=check):
			found = check(ROOT)
			assert not found, "\n".join(found)
		tap.case(clean, check.__name__)
		tap.case(lambda check=check: self_test(check), check.__name__ + "_finds_a_planted_fault")
	tap.run()


main()
