# SPDX-License-Identifier: MIT
"""Progress for people who wait."""
import shutil
import sys
import time


class Screen:
    """Progress: one line that is rewritten on a terminal, now and then a line elsewhere."""

    def __init__(self, out=sys.stderr):
        self.out, self.tty, self.last = out, out.isatty(), 0.0

    def show(self, text):
        if self.tty:
            self.out.write("\r\x1b[K" + text[:shutil.get_terminal_size().columns - 1])
        elif time.monotonic() - self.last >= 10:
            self.out.write(text + "\n")
            self.last = time.monotonic()
        self.out.flush()

    def end(self):
        if self.tty:
            self.out.write("\r\x1b[K")
            self.out.flush()
