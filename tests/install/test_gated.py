# SPDX-License-Identifier: MIT
"""test_gated.py build=FOLDER - a project of somebody else's (gated/) is built against an installed wend and gates
its own commits with wend-bench-check: unchanged it passes, an allocation or a slowdown is found and named."""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, os.path.join(ROOT, "scripts", "checks"))
from tap import Skip, Tap  # noqa: E402

BUILD = sys.argv[1].split("=", 1)[1]
tap = Tap()
work = tempfile.TemporaryDirectory()
prefix = os.path.join(work.name, "prefix")
project = os.path.join(work.name, "tally")
SOURCE = os.path.join(project, "src", "tally.c")
LINE = "\tuint64_t h = hash(word);\n"
ENV = {**os.environ, "PATH": os.path.join(prefix, "bin") + os.pathsep + os.environ["PATH"],
       "CMAKE_PREFIX_PATH": prefix, "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_SYSTEM": "/dev/null"}
for name in ("BASE", "BUDGET", "FILTER", "BENCH", "PROCS"):
	ENV.pop(name, None)


def run(*words, cwd=project, status=0):
	r = subprocess.run(words, cwd=cwd, capture_output=True, text=True, timeout=200, env=ENV)
	assert r.returncode == status, "%s: exit status %d\n%s%s" % (" ".join(words), r.returncode, r.stdout, r.stderr)
	return r.stdout + r.stderr


def git(*words):
	return run("git", "-c", "user.name=t", "-c", "user.email=t@example.org", *words)


def commit(text, message):
	with open(SOURCE, "w", encoding="utf-8") as f:
		f.write(text)
	git("add", "-A")
	git("commit", "-q", "--allow-empty", "-m", message)


def original():
	with open(os.path.join(HERE, "gated", "src", "tally.c"), encoding="utf-8") as f:
		text = f.read()
	assert LINE in text
	return text


def result():
	with open(os.path.join(project, "results", "raw", "check.json"), encoding="utf-8") as f:
		return json.load(f)


def need_valgrind():
	if not shutil.which("valgrind"):
		raise Skip("valgrind is not installed")


@tap.case
def builds_against_the_installed_harness():
	run("cmake", "--install", BUILD, "--prefix", prefix, cwd=work.name)
	if not os.path.exists(os.path.join(prefix, "include", "wend", "bench.h")):
		raise AssertionError("bench.h was not installed")
	shutil.copytree(os.path.join(HERE, "gated"), project)
	run("cmake", "-S", ".", "-B", "build", "-G", "Ninja", "--log-level=WARNING")
	run("cmake", "--build", "build")
	rows = run("build/tally-bench", "--bench_list")
	assert '"tally/add"' in rows, rows


@tap.case
def a_project_without_cxx_is_told_so():
	lists = os.path.join(work.name, "c-only", "CMakeLists.txt")
	shutil.copytree(os.path.join(HERE, "gated"), os.path.dirname(lists))
	with open(lists, encoding="utf-8") as f:
		text = f.read()
	with open(lists, "w", encoding="utf-8") as f:
		f.write(text.replace("project(tally C CXX)", "project(tally C)"))
	assert "project(NAME C CXX)" in run("cmake", "-S", ".", "-B", "build", "-G", "Ninja", cwd=os.path.dirname(lists))


@tap.case
def no_source_path_is_left_in_the_installed_tools():
	for folder in ("bin", "share", "include"):
		for where, _, files in os.walk(os.path.join(prefix, folder)):
			for name in files:
				with open(os.path.join(where, name), encoding="utf-8", errors="replace") as f:
					assert ROOT not in f.read(), name


@tap.case
def without_history_it_says_so():
	assert "not a git repository" in run("wend-bench-check", status=2)
	git("init", "-q", "-b", "main")
	commit(original(), "First")
	assert "first commit" in run("wend-bench-check", status=2)


@tap.case
def an_unchanged_project_passes_by_counts():
	need_valgrind()
	commit(original(), "Nothing")
	out = run("wend-bench-check", "--base", "HEAD~1", "--counts-only")
	assert result()["verdict"] == "PASS", out


@tap.case
def an_allocation_is_found_and_named():
	need_valgrind()
	commit(original().replace(LINE, LINE + "\tchar *copy = strdup(word);\n\n\tfree(copy);\n"), "Copies")
	out = run("wend-bench-check", "--base", "HEAD~1", "--counts-only", status=1)
	row = result()["rows"][0]
	assert (row["name"], row["verdict"]) == ("tally/add", "FAIL"), row
	allocations = next(m for m in row["measures"] if m["metric"] == "allocations")
	assert abs(allocations["change"] - 1) < 0.01, allocations
	assert re.search(r"tally/add.*allocations", out), out


@tap.case
def an_accepted_change_is_shown_and_passes():
	need_valgrind()
	git("commit", "-q", "--amend", "-m", "Copies", "-m",
		"Bench-Accept: tally/add +1 allocations words may be freed\nBench-Accept: tally/add +400% the copy")
	out = run("wend-bench-check", "--base", "HEAD~1", "--counts-only")
	assert result()["rows"][0]["accepted"], out
	assert "words may be freed" in out, out


@tap.case
def a_slowdown_is_found_by_turns():
	"""Three times the hashing: no interval of ten rounds hides that."""
	commit(original(), "Back")
	slow = original().replace(LINE, LINE + "\n\tfor (int i = 0; i < 2; i++)\n\t\th ^= hash(word) + i;\n")
	commit(slow.replace("static uint64_t hash", "__attribute__((noinline)) static uint64_t hash"), "Slow")
	path, empty = ENV["PATH"], os.path.join(work.name, "without")
	os.makedirs(empty)
	try:
		# Without valgrind the clock must find it.
		for tool in ("git", "cmake", "ninja", "python3", "sh", "env", "dirname", "readlink", "cc", "gcc", "c++", "g++", "as",
				"ld", "ar", "ranlib", "bash", "pkg-config", "objdump"):
			found = shutil.which(tool, path=path)
			if found:
				os.symlink(found, os.path.join(empty, tool))
		ENV["PATH"] = os.path.join(prefix, "bin") + os.pathsep + empty
		out = run("wend-bench-check", "--base", "HEAD~1", "--budget", "20s", status=1)
	finally:
		ENV["PATH"] = path
	row = result()["rows"][0]
	assert row["verdict"] == "FAIL" and "CPU time" in row["why"], out
	assert not any(m["metric"] == "instructions" for m in row["measures"]), row


tap.run()
