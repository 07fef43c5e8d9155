# SPDX-License-Identifier: MIT
"""Files that are written whole or not at all."""
import os


def write(path, text):
    """A reader never sees half a file, and a full disk leaves none."""
    try:
        with open(path + ".new", "w", encoding="utf-8") as f:
            f.write(text)
        os.replace(path + ".new", path)
    except OSError:
        if os.path.exists(path + ".new"):
            os.unlink(path + ".new")
        raise


def unwritable(folder):
    """The error that keeps results out of the folder, or None: to be told before minutes of measuring, not after."""
    try:
        os.makedirs(folder, exist_ok=True)
        write(os.path.join(folder, "try"), "a page of text\n" * 256)
        os.unlink(os.path.join(folder, "try"))
    except OSError as e:
        return e
    return None
