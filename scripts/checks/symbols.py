# SPDX-License-Identifier: MIT
"""symbols.py library=FILE headers=FOLDER - what the shared library shows to the programs that link it."""

import os
import re
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from tap import Tap  # noqa: E402

shared, headers = [a.split("=", 1)[1] for a in sys.argv[1:3]]
tap = Tap()


def exported():
	out = subprocess.run(["nm", "-D", "--defined-only", shared], capture_output=True, text=True, check=True)
	return {line.split()[-1].split("@")[0] for line in out.stdout.splitlines()}


@tap.case
def the_shared_library_exports_only_its_own_names():
	names = exported()
	assert names, "nothing is exported"
	strange = sorted(n for n in names if not re.match(r"wend__?\w", n))
	assert not strange, "exported: " + ", ".join(strange)


@tap.case
def every_declared_function_is_exported():
	names, missing = exported(), []
	for f in sorted(os.listdir(headers)):
		with open(os.path.join(headers, f), encoding="utf-8") as src:
			text = re.sub(r"/\*.*?\*/", "", src.read(), flags=re.S)
		text = re.sub(r"^\s*#.*?(?<!\\)$", "", text, flags=re.M | re.S)
		for m in re.finditer(r"WEND_API\b[^;{]*?\b(wend_\w+)\s*\(", text):
			if m.group(1) not in names:
				missing.append("%s (%s)" % (m.group(1), f))
	assert not missing, "declared but not in the library: " + ", ".join(missing)


tap.run()
