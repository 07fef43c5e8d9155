# SPDX-License-Identifier: MIT
"""summary.py PRESET=JUNIT_FILE... - adds up the cases of all test programs into one last line,
"N passed, N failed[, N skipped]". An empty file name stands for a build that failed.

A test program that speaks TAP counts as as many tests as its plan says; a case that it promised but
never reported counts as failed, and so does the program itself when it fails without naming a case.
Any other program counts as one."""

import re
import sys
import xml.etree.ElementTree as tree

LINE = re.compile(r"^(not )?ok \d+(?: - )?(.*?)(# SKIP.*)?$")
PLAN = re.compile(r"^1\.\.(\d+)")


def count(case):
	"""passed, names of the failed, names and reasons of the skipped, for one test program"""
	name = case.get("name")
	text = case.findtext("system-out") or ""
	good = case.get("status") == "run" and case.find("failure") is None
	if case.find("skipped") is not None or case.get("status") in ("notrun", "disabled"):
		message = case.find("skipped")
		why = message.get("message", "") if message is not None else ""
		if case.get("status") == "disabled" or "SKIP_RETURN_CODE" in why:
			return 0, [], [name]
		return 0, ["%s: %s" % (name, why or "did not run")], []
	planned = None
	passed, failed, skipped = 0, [], []
	for line in text.splitlines():
		plan = PLAN.match(line)
		if plan and planned is None:
			planned = int(plan.group(1))
			continue
		hit = LINE.match(line)
		if hit and planned is not None:
			label = "%s: %s" % (name, hit.group(2).strip())
			if hit.group(1):
				failed.append(label)
			elif hit.group(3):
				skipped.append("%s (%s)" % (label, hit.group(3)[6:].strip()))
			else:
				passed += 1
	if planned is None:
		return (1, [], []) if good else (0, [name], [])
	for _ in range(planned - passed - len(failed) - len(skipped)):
		failed.append(name + ": a case that was never reported")
	if not good and not failed:
		failed.append(name)
	return passed, failed, skipped


def main():
	passed, failed, skipped = 0, [], []
	for word in filter(None, sys.argv[1:]):
		preset, path = word.split("=", 1)
		if not path:
			failed.append(preset + ": does not build")
			continue
		cases = tree.parse(path).getroot().iter("testcase")
		seen = 0
		for case in cases:
			seen += 1
			p, f, s = count(case)
			passed += p
			failed += [preset + ": " + x for x in f]
			skipped += [preset + ": " + x for x in s]
		if not seen:
			failed.append(preset + ": no test ran")
	if not passed and not failed:
		failed.append("nothing was tested")
	for x in skipped:
		print("skipped  " + x)
	for x in failed:
		print("FAILED   " + x)
	line = "%d passed, %d failed" % (passed, len(failed))
	print(line + (", %d skipped" % len(skipped) if skipped else ""))
	return 1 if failed else 0


sys.exit(main())
