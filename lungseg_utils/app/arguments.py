"""What may be typed behind an option.

Each raises an ArgumentTypeError, of one sentence, for anything else.
"""

import argparse
import contextlib
import os
from pathlib import Path

from lungseg_utils.start import bare_path


def typed(text: str) -> Path:
    """A path as somebody typed it: quotes around it, file:// and ~ do no harm."""
    if not (bare := bare_path(text)):
        raise argparse.ArgumentTypeError("a path is empty: name a file or a folder")
    return Path(text if os.path.exists(text) else os.path.expanduser(bare))


def file_to_write(text: str) -> Path:
    """A path where a file is, or can be."""
    if os.path.exists(path := typed(text)) and not os.path.isfile(path):
        raise argparse.ArgumentTypeError(f"{path} is a folder or a device: name a file")
    return path


def share(text: str) -> float:
    """A number between 0 and 1."""
    with contextlib.suppress(ValueError):
        if 0 < (value := float(text.replace(",", "."))) < 1:  # a comma, as in half of Europe
            return value
    raise argparse.ArgumentTypeError(f"{text} is not between 0 and 1")


def overlays(text: str) -> str:
    """Which outlines to draw: all, none, or worst:N."""
    if text in ("all", "none") or (text[:6] == "worst:" and text[6:].isdecimal()):
        return text
    raise argparse.ArgumentTypeError(f"{text} is none of all, none and worst:N")


def count(text: str) -> int:
    """A whole number of 1 or more."""
    if text.isdecimal() and int(text):
        return int(text)
    raise argparse.ArgumentTypeError(f"{text} is no number of 1 or more")
