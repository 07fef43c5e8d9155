# SPDX-License-Identifier: MIT
"""The workflows under .github, and the one of the example project: what a hosted runner would stumble over, and
what must never be given away. Commands that they name must exist here."""
import glob
import os
import re
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, os.path.join(ROOT, "scripts", "checks"))
sys.path.insert(0, os.path.join(ROOT, "scripts"))
sys.dont_write_bytecode = True
from benchlib import debian  # noqa: E402
from tap import Tap  # noqa: E402

debian.need("yaml")
import yaml  # noqa: E402

tap = Tap()
OURS = sorted(glob.glob(os.path.join(ROOT, ".github", "workflows", "*.yml")))
EXAMPLE = os.path.join(ROOT, "tests", "install", "gated", ".github", "workflows", "bench.yml")
PRESETS = os.path.join(ROOT, "CMakePresets.json")


def load(path):
	with open(path, encoding="utf-8") as f:
		data = yaml.safe_load(f)
	# `on` is a truth value in YAML 1.1.
	data["on"] = data.pop(True, data.get("on"))
	return data


def steps(workflow):
	for name, job in workflow["jobs"].items():
		for step in job["steps"]:
			yield name, job, step


def targets():
	text = open(os.path.join(ROOT, "Makefile"), encoding="utf-8").read()
	return set(re.findall(r"^([a-z-]+):", text, re.M))


def wrong_with(workflow):
	"""What is wrong with a workflow, as lines of text."""
	found = []
	triggers = workflow["on"]
	names = {triggers} if isinstance(triggers, str) else set(triggers)
	if "pull_request_target" in names:
		found.append("pull_request_target runs strangers' code with the repository's rights")
	rights = workflow.get("permissions")
	if not isinstance(rights, dict):
		found.append("no permissions: the default may be all of them")
	elif "pull_request" in names and "write" in rights.values():
		found.append("strangers' code with the right to write")
	for name, job in workflow["jobs"].items():
		if "timeout-minutes" not in job:
			found.append("%s: no end to it" % name)
		if "write" in (job.get("permissions") or {}).values() and "pull_request" in names and \
				"github.event_name" not in str(job.get("if")):
			found.append("%s: strangers' code with the right to write" % name)
	for name, job in workflow["jobs"].items():
		deep = [s for s in job["steps"] if (s.get("with") or {}).get("fetch-depth") == 0]
		if any("bench-check" in s.get("run", "") for s in job["steps"]) and not deep:
			found.append("%s: bench-check without fetch-depth: 0, so without its base" % name)
	for name, job, step in steps(workflow):
		run = step.get("run", "")
		if "uses" in step and not re.search(r"@v\d|@[0-9a-f]{40}$", step["uses"]):
			found.append("%s: %s without a version" % (name, step["uses"]))
		for value in re.findall(r"\$\{\{(.*?)\}\}", run):
			if re.search(r"\.(title|body|ref|head_ref|label|login|name)\b", value) or "inputs." in value:
				found.append("%s: %s stands in a script, where it is run" % (name, value.strip()))
		shell = re.sub(r"\$\{\{.*?\}\}", "x", run)
		r = subprocess.run(["bash", "-n"], input=shell, capture_output=True, text=True)
		if r.returncode:
			found.append("%s: %s" % (name, r.stderr.strip()))
		for script in re.findall(r"(?:^|\s)(\.ci/\w+|scripts/[\w/-]+)", run):
			if not os.access(os.path.join(ROOT, script), os.X_OK):
				found.append("%s: there is no %s" % (name, script))
		for target in re.findall(r"(?:^|\s)make (?:-C \S+ )?([a-z-]+)", shell.replace("make x", "")):
			if target not in targets():
				found.append("%s: there is no `make %s`" % (name, target))
	return found


@tap.case
def workflows_are_well():
	assert OURS
	for path in OURS + [EXAMPLE]:
		found = wrong_with(load(path))
		assert not found, "%s:\n%s" % (os.path.relpath(path, ROOT), "\n".join(found))


@tap.case
def the_matrix_has_every_preset_that_make_test_has():
	matrix = load(os.path.join(ROOT, ".github", "workflows", "ci.yml"))["jobs"]["test"]["strategy"]["matrix"]
	script = open(os.path.join(ROOT, "scripts", "test"), encoding="utf-8").read()
	assert matrix["preset"] == re.search(r"PRESETS:-([a-z ]+)\}", script).group(1).split(), matrix


@tap.case
def long_runs_name_real_targets():
	nightly = load(os.path.join(ROOT, ".github", "workflows", "nightly.yml"))
	for words in nightly["jobs"]["long"]["strategy"]["matrix"]["make"]:
		assert words.split()[0] in targets(), words


@tap.case
def each_fault_is_found():
	def of(**changes):
		job = {"timeout-minutes": 1, "steps": [{"run": "true"}]}
		job.update(changes.pop("job", {}))
		return dict({"on": {"pull_request": None}, "permissions": {"contents": "read"}, "jobs": {"j": job}}, **changes)

	assert wrong_with(of()) == []
	for workflow in (of(on={"pull_request_target": None}), of(permissions=None), of(permissions={"contents": "write"}),
			of(job={"timeout-minutes": 1, "permissions": {"contents": "write"}}),
			of(job={"steps": [{"uses": "some/action@main"}]}), of(job={"steps": [{"run": "if true; then"}]}),
			of(job={"steps": [{"run": "echo ${{ github.event.pull_request.title }}"}]}),
			of(job={"steps": [{"run": "scripts/nothing"}]}),
			of(job={"steps": [{"run": "scripts/bench-check --clean"}]}), of(job={"steps": [{"run": "make nothing"}]})):
		assert wrong_with(workflow), workflow
	without_end = of()
	del without_end["jobs"]["j"]["timeout-minutes"]
	assert wrong_with(without_end)


tap.run()
