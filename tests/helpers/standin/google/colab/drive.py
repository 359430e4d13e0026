"""A Google Drive that is a folder: COLAB_STANDIN, the root of a machine that does not exist."""

import os
from pathlib import Path


def mount(mountpoint, force_remount=False, timeout_ms=120000, readonly=False):
    """Have MyDrive appear at the mountpoint. The real one asks for consent first."""
    if " " in mountpoint:
        raise ValueError("Mountpoint must not contain a space.")
    place = Path(os.environ["COLAB_STANDIN"]) / mountpoint.strip("/") / "MyDrive"
    if place.is_dir() and not force_remount:
        print(f"Drive already mounted at {mountpoint}")
    else:
        place.mkdir(parents=True, exist_ok=True)
        print(f"Mounted at {mountpoint}")
    from lungseg_utils import start

    start.DRIVE = place  # no process may make /content on a machine that is not Colab


def flush_and_unmount(timeout_ms=24 * 60 * 60 * 1000):
    """Nothing waits to be written to a folder."""
