# SPDX-License-Identifier: MIT
"""scripts/setup on machines that it does not run on: dpkg-query, apt-get, sudo and id are played by small
scripts, and nothing else is in PATH but what the script may rely on."""

import os
import re
import shutil
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, os.path.join(ROOT, "scripts", "checks"))
from tap import Tap  # noqa: E402

SETUP = os.path.join(ROOT, "scripts", "setup")
tap = Tap()


def table():
	text = open(SETUP, encoding="utf-8").read()
	rows = text.split("<<'TABLE'\n")[1].split("\nTABLE\n")[0].splitlines()
	return [row.split(None, 2) for row in rows]


def commands():
	"""{package: the command that is as good} of those that have one."""
	return {name: g.split(":")[1] for name, g, _ in table() if ":" in g}


def run(group, installed=(), root=True, sudo="absent", update=0, install=0, dpkg=True, env=None,
		tools=()):
	"""Returns exit status, stdout, stderr, and the list of apt-get command lines."""
	with tempfile.TemporaryDirectory() as d:
		def play(name, body):
			path = os.path.join(d, name)
			with open(path, "w", encoding="utf-8") as f:
				f.write("#!/bin/sh\n" + body + "\n")
			os.chmod(path, 0o755)

		for tool in ("sh", "awk", "sed", "grep", "cat", "env", "true"):
			os.symlink(shutil.which(tool), os.path.join(d, tool))
		for tool in tools:
			play(tool, "exit 0")
		log = os.path.join(d, "log")
		if dpkg:
			play("dpkg-query", 'for p; do :; done\ncase " %s " in\n*" $p "*) echo installed ;;\n'
					'*" -$p "*) echo config-files ;;\n*) echo "no packages found" >&2; exit 1 ;;\nesac'
					% " ".join(installed))
		play("id", "echo %d" % (0 if root else 1000))
		play("apt-get", 'echo "apt-get $* [$DEBIAN_FRONTEND]" >>%s\ncase "$*" in\n'
				"*update*) exit %d ;;\n*install*) exit %d ;;\nesac" % (log, update, install))
		if sudo == "works":
			play("sudo", 'echo "sudo $*" >>%s\n[ "$1" = -n ] || exit 9\nshift\nexec "$@"' % log)
		elif sudo == "asks":
			play("sudo", "exit 1")
		r = subprocess.run([SETUP, group] if group else [SETUP], capture_output=True, text=True,
				stdin=subprocess.DEVNULL, env={"PATH": d, **(env or {})}, timeout=20)
		calls = open(log, encoding="utf-8").read().splitlines() if os.path.exists(log) else []
		return r.returncode, r.stdout, r.stderr, calls


def of(*groups):
	return [name for name, g, _ in table() if set(g.split(":")[0].split(",")) & set(groups)]


@tap.case
def each_package_is_listed_once_with_group_and_reason():
	rows = table()
	names = [r[0] for r in rows]
	assert len(names) == len(set(names)), "listed twice: %s" % [n for n in names if names.count(n) > 1]
	for row in rows:
		assert len(row) == 3 and len(row[2]) > 8, row
		assert set(row[1].split(":")[0].split(",")) <= {"build", "test", "bench", "check", "report", "optional"}, row


@tap.case
def nothing_missing_needs_no_apt():
	for group in ("build", "test", "bench", "check", "report"):
		status, _, err, calls = run(group, of("build", "test", "bench", "check", "report", "optional"), root=False)
		assert (status, err, calls) == (0, "", []), (group, status, err, calls)


@tap.case
def root_installs_what_is_missing_and_says_why():
	have = [p for p in of("build") if p not in ("libck-dev", "cmake")]
	status, out, _, calls = run("build", have)
	assert status == 0, out
	assert len(calls) == 2, calls
	assert "update" in calls[0] and calls[0].endswith("[noninteractive]"), calls
	assert re.match(r"apt-get install -y .*cmake libck-dev.*\[noninteractive\]", calls[1]), calls
	assert "gcc" not in calls[1], calls
	for name, _, why in table():
		assert (why in out) == (name in ("libck-dev", "cmake")), (name, out)


@tap.case
def removed_but_configured_counts_as_missing():
	have = ["-" + p if p == "cmake" else p for p in of("build")]
	_, _, _, calls = run("build", have)
	assert len(calls) == 2 and "cmake" in calls[1], calls


@tap.case
def each_group_brings_the_build_packages_and_its_own():
	for group in ("build", "test", "bench", "check"):
		_, _, _, calls = run(group, [])
		wanted = set(of("build", group, *(["bench"] if group == "check" else [])))
		got = set(calls[1].split()) & {r[0] for r in table()}
		assert got == wanted, (group, got ^ wanted)


@tap.case
def a_report_needs_no_compiler():
	_, _, _, calls = run("report", [])
	assert set(calls[1].split()) & {r[0] for r in table()} == set(of("report")), calls


@tap.case
def optional_packages_are_installed_by_name_only():
	status, out, _, calls = run("bench", of("build", "bench"), root=False)
	assert (status, out, calls) == (0, "", []), (status, out, calls)
	_, _, _, calls = run("optional", [])
	assert set(calls[1].split()) & {r[0] for r in table()} == set(of("optional")), calls


@tap.case
def a_command_that_is_there_needs_no_package():
	assert commands()["golang-go"] == "go", commands()
	_, _, _, calls = run("optional", [], tools=commands().values())
	assert set(calls[1].split()) & {r[0] for r in table()} == set(of("optional")) - set(commands()), calls


@tap.case
def a_user_with_sudo_goes_through_it_without_being_asked():
	status, _, _, calls = run("build", [], root=False, sudo="works")
	assert status == 0, calls
	assert any(c.startswith("sudo -n env DEBIAN_FRONTEND=noninteractive apt-get") and "install" in c
			for c in calls), calls
	assert sum(c.startswith("apt-get") for c in calls) == 2, calls


@tap.case
def a_user_without_rights_gets_the_command():
	for sudo in ("absent", "asks"):
		have = [p for p in of("build") if p != "ninja-build"]
		status, _, err, calls = run("build", have, root=False, sudo=sudo)
		assert status != 0 and not calls, (status, calls)
		apt = "sudo apt-get" if sudo == "asks" else "apt-get"
		assert ("\n    %s update && %s install -y --no-install-recommends ninja-build\n" % (apt, apt)) in err, err


@tap.case
def a_failing_update_does_not_stop_the_installation():
	status, _, err, calls = run("build", [], update=100)
	assert status == 0 and len(calls) == 2, (status, calls)
	assert "update failed" in err, err


@tap.case
def a_failing_installation_is_an_error_with_the_command():
	status, _, err, _ = run("build", [p for p in of("build") if p != "cmake"], install=100)
	assert status != 0
	assert "apt-get install -y --no-install-recommends cmake" in err, err


@tap.case
def another_distribution_is_told_what_is_needed():
	status, _, err, calls = run("build", dpkg=False)
	assert status != 0 and not calls and "libck-dev" in err, (status, err)
	status, _, err, _ = run("build", dpkg=False, env={"WEND_SETUP": "skip"})
	assert (status, err) == (0, ""), (status, err)


@tap.case
def an_unknown_group_is_a_usage_error():
	status, _, err, calls = run("everything")
	assert status == 64 and "usage:" in err and not calls, (status, err)


tap.run()
