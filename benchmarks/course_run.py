"""How long `python3 course.py run` takes, installed and from an empty folder.

    python benchmarks/course_run.py [CHECKOUT ...]

runs this checkout, or those that are named in turn, on the simulated set at laptop size. Writes to
benchmarks/course_run.json, in a row for each processor and commit: the wall time in seconds, the
processor's own (user and system), and what each notebook took. For a machine with nothing else to
do.
"""

import json
import os
import re
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from facts import FOLDER, facts

PATH = FOLDER / "course_run.json"
NOTEBOOK = re.compile(r"of \d+  (\w+) ran in (?:(\d+) min )?(\d+) s")


def run(checkout: Path) -> dict:
    """One run; its commit, and its seconds."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    with tempfile.TemporaryDirectory() as home:
        env = os.environ | {"LUNGSEG_HOME": home, "LUNGSEG_SCALE": "laptop"}
        env.pop("LUNGSEG_DATA", None)
        began = time.perf_counter()
        call = [sys.executable, "course.py", "run"]
        said = subprocess.run(call, cwd=checkout, env=env, capture_output=True, text=True)
        wall = time.perf_counter() - began
    if said.returncode:
        sys.exit(said.stdout + said.stderr)
    spent = resource.getrusage(resource.RUSAGE_CHILDREN)
    describe = ["git", "-C", str(checkout), "rev-parse", "--short", "HEAD"]
    return {
        "commit": subprocess.check_output(describe, text=True).strip(),
        "wall_seconds": round(wall),
        "processor_seconds": round(
            spent.ru_utime + spent.ru_stime - before.ru_utime - before.ru_stime
        ),
        "notebooks": {
            name: 60 * int(minutes or 0) + int(seconds)
            for name, minutes, seconds in NOTEBOOK.findall(said.stdout + said.stderr)
        },
    }


def main(checkouts: list[Path]) -> None:
    """Measure, and add to the file."""
    about = facts()
    kept = json.loads(PATH.read_text(encoding="utf-8")) if PATH.exists() else []
    for checkout in checkouts:
        found = {"processor": about["processor"], "versions": about["versions"], **run(checkout)}
        print(json.dumps(found))
        key = found["processor"], found["commit"]
        kept = [row for row in kept if (row["processor"], row["commit"]) != key] + [found]
        PATH.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main([Path(one) for one in sys.argv[1:]] or [FOLDER.parent])
