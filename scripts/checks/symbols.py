# SPDX-License-Identifier: MIT
"""symbols.py library=FILE static=FILE headers=FOLDER - what the libraries show to the programs that link
them."""

import os
import re
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from tap import Tap  # noqa: E402

given = dict(a.split("=", 1) for a in sys.argv[1:] if "=" in a)
shared, static, headers = given["library"], given["static"], given["headers"]
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
def the_static_library_defines_only_its_own_names():
	"""A user's function of the same name as an internal one would clash with it, or silently replace it."""
	out = subprocess.run(["nm", "-g", "--defined-only", static], capture_output=True, text=True, check=True)
	names = {f[2] for f in (line.split() for line in out.stdout.splitlines()) if len(f) == 3}
	# What <sys/sdt.h> puts into every object with a probe: weak, hidden, the same everywhere.
	names.discard("_.stapsdt.base")
	assert "wend_run" in names, "nm shows nothing of " + static
	strange = sorted(n for n in names if not re.match(r"wend__?\w", n))
	assert not strange, "global: " + ", ".join(strange)


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
