# SPDX-License-Identifier: MIT
"""test_probes.py build=FOLDER - the scheduler's USDT probes are in the library, and a debugger that sets a
breakpoint on one stops as often as the event happens."""

import os
import re
import shutil
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, os.path.join(ROOT, "scripts", "checks"))
from tap import Skip, Tap  # noqa: E402

build = dict(a.split("=", 1) for a in sys.argv[1:] if "=" in a)["build"]
EVENTS = {"spawn", "run", "yield", "park", "ready", "steal", "end", "block"}
tap = Tap()


def probes(path):
	"""[(event, argument string)] of provider wend"""
	if not shutil.which("readelf"):
		raise Skip("readelf is not installed")
	text = subprocess.run(["readelf", "-n", "-W", path], capture_output=True, text=True, check=True,
			env={**os.environ, "LC_ALL": "C"}).stdout
	return re.findall(r"Provider: wend\n\s+Name: (\w+)\n.*\n\s+Arguments: (.*)", text)


@tap.case
def the_shared_library_has_every_probe():
	found = {name for name, _ in probes(os.path.join(build, "libwend.so"))}
	assert found == EVENTS, "missing: %s, unknown: %s" % (sorted(EVENTS - found), sorted(found - EVENTS))


@tap.case
def programs_linked_statically_have_every_probe():
	found = {name for name, _ in probes(os.path.join(build, "examples", "spawn"))}
	assert found == EVENTS, "missing: %s" % sorted(EVENTS - found)


@tap.case
def each_probe_has_two_arguments():
	for name, args in probes(os.path.join(build, "libwend.so")):
		assert len(args.split()) == 2, "%s: %s" % (name, args)


@tap.case
def the_documented_probes_are_these():
	text = open(os.path.join(ROOT, "sched", "trace.h"), encoding="utf-8").read()
	named = set(re.findall(r"\b(\w+)\(P, G\)", text))
	assert named == EVENTS, named ^ EVENTS


def hits(event, program):
	"""How often gdb stops at the probe while the program runs, and what it printed."""
	if not shutil.which("gdb"):
		raise Skip("gdb is not installed")
	r = subprocess.run(["gdb", "-nx", "-batch", "-ex", "set confirm off", "-ex", "set debuginfod enabled off",
			"-ex", "handle SIGSEGV nostop noprint pass", "-ex", "break -probe-stap wend:" + event,
			"-ex", "ignore 1 1000000", "-ex", "run", "-ex", "info breakpoints", program],
			capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=90,
			env={**os.environ, "LC_ALL": "C", "WEND_MAXPROCS": "1", "DEBUGINFOD_URLS": ""})
	text = r.stdout + r.stderr
	if re.search(r"ptrace: Operation not permitted|[Cc]ould not trace the inferior", text):
		raise Skip("gdb may not trace here")
	assert "exited normally" in text, text
	hit = re.search(r"already hit (\d+) times?", text)
	return int(hit.group(1)) if hit else 0, r.stdout


@tap.case
def a_debugger_stops_at_each_start_and_end():
	program = os.path.join(build, "examples", "spawn")
	started, out = hits("spawn", program)
	said = len(re.findall(r"^(?:add|inline|child)\b", out, re.M))  # one line per coroutine
	assert said and started == said, "%d of %d stops:\n%s" % (started, said, out)
	ended, _ = hits("end", program)
	assert ended in (said, said + 1), "%d started, %d ended" % (said, ended)  # the main one may be counted


@tap.case
def a_debugger_stops_where_coroutines_block_and_go_on():
	program = os.path.join(build, "examples", "spawn")
	parked, _ = hits("park", program)
	readied, _ = hits("ready", program)
	assert parked == readied == 2, "main waits twice: parked %d times, ready %d times" % (parked, readied)


tap.run()
