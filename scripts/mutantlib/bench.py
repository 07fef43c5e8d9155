# SPDX-License-Identifier: MIT
"""Compiles and runs mutants beside a build that stands."""

import hashlib
import json
import os
import re
import shlex
import subprocess
import tempfile
import time

from mutantlib.places import ROOT, TESTS, digest

ROUNDS = [0.2, 0.8, 3, 12, 30]  # seconds for each case; what is easy to find is found in the first
EXPLAINED = 10                  # seconds for one that is said to survive
PATIENCE = 900                  # seconds until a case is taken for hanging


def output_of(*command):
	return subprocess.run(command, check=True, text=True, capture_output=True).stdout


class Program:
	"""A model test as it was built: how it is linked, its cases, the files of the archive that it contains."""

	def __init__(self, build, test, members):
		self.name, self.path = test, os.path.join(build, "tests", test)
		command = output_of("ninja", "-C", build, "-t", "commands", test).strip().split("\n")[-1]
		self.link = shlex.split(re.sub(r"^: && | && :$", "", command))
		self.objects = [a for a in self.link if a.endswith(".o")]
		self.cases = output_of(self.path, "--list").split()
		mine = defined([self.path], "TtDdBbRr")[self.path]
		stand_ins = set().union(*defined([os.path.join(build, o) for o in self.objects], "TDBR").values())
		# A stand-in takes all the names of the file that it stands for, so that is not in the program.
		self.members = {source for source, names in members.items() if names <= mine and not names & stand_ins}


def defined(files, kinds):
	"""What each of these object files defines."""
	names = {f: set() for f in files}
	for line in output_of("nm", "-A", "--defined-only", *files).splitlines():
		file, _, symbol = line.partition(":")
		kind, name = symbol.split()[-2:]
		if kind in kinds:
			names[file].add(name)
	return names


class Bench:
	def __init__(self, build, budget):
		self.build, self.budget = os.path.abspath(build), budget
		self.compile, self.deps, self.programs, self.kills = {}, {}, {}, {}
		with open(os.path.join(self.build, "compile_commands.json"), encoding="utf-8") as f:
			for entry in json.load(f):
				if "WEND_ATOMICS_MODEL" in entry["command"]:
					self.compile[os.path.relpath(entry["file"], ROOT)] = shlex.split(entry["command"])

	def prepare(self, tests):
		subprocess.run(["ninja", "-C", self.build] + sorted(tests), check=True, stdout=subprocess.DEVNULL)
		for line in output_of("ninja", "-C", self.build, "-t", "deps").split("\n\n"):
			head, *files = line.split("\n")
			files = {os.path.relpath(os.path.join(self.build, f.strip()), ROOT) for f in files}
			self.deps[head.split(":")[0]] = {f for f in files if not f.startswith("..")}
		objects = {os.path.join(self.build, o): o for o in self.deps if "wend_model.dir/" in o}
		members = {objects[path].partition(".dir/")[2][:-2]: names for path, names in
				defined([o for o in objects if os.path.exists(o)], "TDBR").items()}
		for test in tests:
			self.programs[test] = Program(self.build, test, members)

	def try_out(self, tests):
		"""A test that fails by itself would kill everything."""
		for test in sorted(tests):
			for memory in (None, "weak"):
				r = subprocess.run(["nice", self.programs[test].path], env=self.environment(0.02, 1, memory), text=True,
						capture_output=True, cwd=self.build)
				if r.returncode:
					return "%s fails as it is:\n%s" % (test, r.stdout)
		return None

	def sources(self, program):
		"""By object file: what the program is made of."""
		found = {}
		for o in program.objects:
			if o in self.deps:
				found[o] = next(f for f in self.deps[o] if f.endswith(".c") and o.endswith("/" + os.path.basename(f) + ".o"))
		for member in program.members:
			found["CMakeFiles/wend_model.dir/%s.o" % member] = member
		return found

	def state(self, mutant):
		"""Of all that decides about it: as long as it is the same, so is the verdict."""
		files = set()
		for test in TESTS[mutant.path]:
			for o in self.sources(self.programs[test]):
				files |= self.deps.get(o, set())
		return hashlib.sha1("".join(digest(f) for f in sorted(files)).encode()).hexdigest()

	def make(self, mutant, program, tmp):
		"""Builds the program with the mutant; an error text, or None."""
		overlay = os.path.join(tmp, "overlay")
		path = os.path.join(overlay, mutant.path)
		os.makedirs(os.path.dirname(path), exist_ok=True)
		with open(path, "w", encoding="utf-8") as f:
			f.write(mutant.text())
		link = list(program.link)
		link[link.index("-o") + 1] = os.path.join(tmp, program.name)
		for object_, source in self.sources(program).items():
			if mutant.path not in self.deps[object_] or source not in self.compile:
				continue
			mine = os.path.join(tmp, source.replace("/", "_") + ".o")
			if not os.path.exists(mine):  # else another test has it, too
				command = list(self.compile[source])
				command[command.index("-o") + 1] = mine
				command[command.index("-c") + 1] = path if source == mutant.path else os.path.join(ROOT, source)
				command[1:1] = ["-I" + overlay, "-w", "-Wno-error"]
				r = subprocess.run(["nice"] + command, cwd=self.build, text=True, capture_output=True)
				if r.returncode:
					return r.stderr
			if object_ in link:
				link[link.index(object_)] = mine
			else:  # before the archive, so that its own is not wanted any more
				link.insert(link.index("-o"), mine)
		r = subprocess.run(["nice"] + link, cwd=self.build, text=True, capture_output=True)
		return r.stderr if r.returncode else None

	def environment(self, seconds, seed, memory=None):
		env = dict(os.environ, MODEL_SECONDS=str(seconds), MODEL_SEED=str(seed), MODEL_BRIEF="1")
		if memory:
			env["MODEL_MEMORY"] = memory
		return env

	def run(self, mutant, hint=None):
		"""(verdict, seconds, how, case): killed, survived, or error."""
		start, built, spent = time.time(), set(), 0
		budget = min(self.budget, EXPLAINED) if mutant.explanation else self.budget
		likely = [c for c in [mutant.case, hint] if c] + self.kills.setdefault(mutant.path, [])
		# What has killed before goes first, and its test, as each has to be built.
		tests = sorted(TESTS[mutant.path], key=lambda t: not likely or likely[0] not in self.programs[t].cases)
		with tempfile.TemporaryDirectory() as tmp:
			for number, seconds in enumerate(ROUNDS):
				for test in tests:
					program = self.programs[test]
					if test not in built:
						error = self.make(mutant, program, tmp)
						if error:
							return "error", time.time() - start, error, None
						built.add(test)
					# Without stores that may be late, orders make no difference: tso.c does not look at them.
					env = self.environment(seconds, number + 1, "weak" if mutant.kind == "order" else None)
					for case in sorted(program.cases, key=lambda c: likely.index(c) if c in likely else len(likely)):
						if spent + seconds > budget:
							return "survived", time.time() - start, "", None
						spent += seconds
						try:
							r = subprocess.run(["nice", os.path.join(tmp, test), case], env=env, text=True,
									timeout=PATIENCE, capture_output=True, cwd=self.build)
						except subprocess.TimeoutExpired:
							return "error", time.time() - start, "%s does not end" % case, None
						if r.returncode:
							self.kills[mutant.path] = [case] + [c for c in self.kills[mutant.path] if c != case]
							why = re.search(r"^# \w+ \((tso|weak)\): (.*)", r.stdout, re.M)
							how = "%s%s" % (case, ", %s: %s" % why.groups() if why else "")
							return "killed", time.time() - start, how, case
		return "survived", time.time() - start, "", None
