# SPDX-License-Identifier: MIT
"""Test output for checks written in Python: Tap() collects cases and prints them in the same form as
the test programs in C."""

import sys
import traceback


class Tap:
	def __init__(self):
		self.cases = []

	def case(self, fn, name=None):
		"""Decorator or call: registers fn, which fails by raising, as a case."""
		self.cases.append((name or fn.__name__, fn))
		return fn

	def run(self):
		failed = 0
		wanted = [a for a in sys.argv[1:] if not a.startswith("-") and "=" not in a]
		cases = [c for c in self.cases if not wanted or c[0] in wanted]
		print("1..%d" % len(cases))
		for n, (name, fn) in enumerate(cases, 1):
			try:
				fn()
				print("ok %d - %s" % (n, name))
			except Skip as why:
				print("ok %d - %s # SKIP %s" % (n, name, why))
			except Exception as error:  # a broken check is a failed one
				text = str(error) if isinstance(error, AssertionError) else traceback.format_exc()
				print("\n".join("# " + line for line in text.splitlines()))
				print("not ok %d - %s" % (n, name))
				failed += 1
			sys.stdout.flush()
		sys.exit(1 if failed else 0)


class Skip(Exception):
	pass
