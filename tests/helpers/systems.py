"""What not every system has; a test that asks for what is missing is skipped, and says so."""

import os
import sys
from pathlib import Path

import pytest


def posix(why: str) -> None:
    """Skip the test on Windows, for a reason."""
    if sys.platform == "win32":
        pytest.skip(f"Windows {why}")


def program(path: Path, script: str) -> None:
    """Write a program, a script of the shell."""
    posix("starts no scripts of a shell")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    path.chmod(0o755)


def pipe(path: Path) -> None:
    """Make a pipe, which waits for ever where nobody writes."""
    posix("has no pipes among its files")
    os.mkfifo(path)


def device(path: Path) -> None:
    """Make a link to a device that never ends."""
    posix("has no devices among its files")
    path.symlink_to("/dev/zero")


def link(path: Path, target: str | Path) -> None:
    """Make a link, for which Windows may want rights that the tests do not have."""
    try:
        path.symlink_to(target)
    except OSError as error:
        posix(f"makes no link here ({error})")
        raise
