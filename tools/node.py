"""Finds Node.js and fetches the packages that build the site; the course itself needs neither."""

import shutil
import subprocess

from tools.installation import ROOT, Stop

SITE = ROOT / "site"
PACKAGES = SITE / "node_modules"
OLDEST = 20


def set_up() -> None:
    """Fetch what package-lock.json names, unless that was done.

    Raises: Stop with a sentence if Node.js is missing or too old, or npm cannot fetch them.
    """
    node, npm = shutil.which("node"), shutil.which("npm")
    if not node or not npm:
        raise Stop(f"The site needs Node.js {OLDEST} or newer, with npm; install it first")
    version = subprocess.check_output([node, "--version"], text=True).strip()
    if int(version.lstrip("v").split(".")[0]) < OLDEST:
        raise Stop(f"Node.js {version} is too old for the site, which needs {OLDEST} or newer")
    lock, done = SITE / "package-lock.json", PACKAGES / "course-stamp.txt"
    if not done.exists() or done.read_bytes() != lock.read_bytes():
        print("Fetching what builds the site", flush=True)
        if subprocess.call([npm, "ci", "--ignore-scripts", "--loglevel=error"], cwd=SITE):
            raise Stop("npm could not fetch what builds the site; connect to the network first")
        shutil.copy(lock, done)
