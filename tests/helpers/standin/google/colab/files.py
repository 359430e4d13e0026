"""Uploads and downloads, which need a browser."""

from pathlib import Path


def upload(target_dir=""):
    """The names and contents of the files that the reader chose: none."""
    return {}


def download(filename):
    """Hand a file to the browser."""
    if not Path(filename).exists():
        raise FileNotFoundError(f"Cannot find file: {filename}")
