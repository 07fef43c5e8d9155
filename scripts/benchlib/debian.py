# SPDX-License-Identifier: MIT
"""Debian's Python packages from whatever `python3` comes first in PATH."""
import importlib.util
import os
import sys

SYSTEM = "/usr/bin/python3"


def need(module):
    """Goes on under the system's Python if this one lacks a module that apt installs there. Comes
    back otherwise, whether the module is there or not."""
    if importlib.util.find_spec(module) or os.environ.get("WEND_PYTHON") == SYSTEM or \
            not os.access(SYSTEM, os.X_OK):
        return
    sys.stdout.flush()
    os.execve(SYSTEM, [SYSTEM, "-B", *sys.argv], dict(os.environ, WEND_PYTHON=SYSTEM))
