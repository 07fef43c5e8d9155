# SPDX-License-Identifier: MIT
"""The last line of `make test` says what happened, whatever happened."""

import os
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
CHECKS = os.path.join(os.path.dirname(os.path.dirname(HERE)), "scripts", "checks")
sys.path.insert(0, CHECKS)
from tap import Tap  # noqa: E402

tap = Tap()


def case(name, out, good=True, status="run", why="SKIP_RETURN_CODE=77"):
	failure = "" if good or status != "run" else '<failure message="x"/>'
	skipped = '<skipped message="%s"/>' % why if status == "notrun" else ""
	return ('<testcase name="%s" status="%s">%s%s<system-out>%s</system-out></testcase>'
			% (name, "fail" if failure else status, failure, skipped, out))


def summary(*cases, builds=()):
	with tempfile.NamedTemporaryFile("w", suffix=".xml") as f:
		f.write("<testsuite>%s</testsuite>" % "".join(cases))
		f.flush()
		words = ["%s=" % b for b in builds] + (["p=" + f.name] if cases or not builds else [])
		r = subprocess.run([sys.executable, os.path.join(CHECKS, "summary.py")] + words,
				capture_output=True, text=True)
	assert not r.stderr, r.stderr
	return r.returncode, r.stdout.splitlines()[-1], r.stdout


@tap.case
def cases_of_all_programs_are_added_up():
	status, line, _ = summary(case("a", "1..2\nok 1 - x\nok 2 - y\n"), case("b", "1..1\nok 1 - z\n"))
	assert (status, line) == (0, "3 passed, 0 failed"), (status, line)


@tap.case
def a_program_that_does_not_speak_tap_is_one_test():
	assert summary(case("a", "hello"))[:2] == (0, "1 passed, 0 failed")
	assert summary(case("a", "hello", good=False))[:2] == (1, "0 passed, 1 failed")


@tap.case
def failures_are_named():
	status, line, out = summary(case("a", "1..2\nok 1 - x\nnot ok 2 - broken\n", good=False))
	assert (status, line) == (1, "1 passed, 1 failed"), (status, line)
	assert "p: a: broken" in out, out


@tap.case
def skipped_cases_are_counted_apart():
	status, line, _ = summary(case("a", "1..2\nok 1 - x\nok 2 - y # SKIP why\n"))
	assert (status, line) == (0, "1 passed, 0 failed, 1 skipped"), (status, line)


@tap.case
def a_program_that_skips_itself_is_skipped_and_one_that_is_missing_failed():
	assert summary(case("a", "x"), case("b", "", status="notrun"))[:2] == (0, "1 passed, 0 failed, 1 skipped")
	missing = case("b", "", status="notrun", why="Unable to find executable: b")
	assert summary(case("a", "x"), missing)[:2] == (1, "1 passed, 1 failed")


@tap.case
def a_case_that_never_reported_failed():
	assert summary(case("a", "1..3\nok 1 - x\n", good=False))[:2] == (1, "1 passed, 2 failed")
	assert summary(case("a", "1..3\nok 1 - x\n"))[:2] == (1, "1 passed, 2 failed")


@tap.case
def a_program_that_fails_after_its_last_case_failed():
	assert summary(case("a", "1..1\nok 1 - x\n", good=False))[:2] == (1, "1 passed, 1 failed")


@tap.case
def a_build_that_fails_failed():
	assert summary(builds=["tsan"])[:2] == (1, "0 passed, 1 failed")
	assert summary(case("a", "x"), builds=["tsan"])[:2] == (1, "1 passed, 1 failed")


@tap.case
def nothing_tested_is_a_failure():
	assert summary()[:2] == (1, "0 passed, 1 failed")


tap.run()
