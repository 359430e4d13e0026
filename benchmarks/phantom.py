"""How fast radiographs are simulated, and that memory does not grow with their number.

    python benchmarks/phantom.py

writes benchmarks/phantom.json. For a machine with nothing else to do.
"""

import json
import resource
import sys
import tempfile
import time
from pathlib import Path

from facts import FOLDER, facts

from lungseg_utils.phantom import simulate, write_phantom_set

COUNT, MORE = 138, 414


def seconds_and_peak(folder: Path, count: int) -> dict[str, float]:
    """Wall seconds of writing a set at 512 pixels, and the most memory used so far, in MB."""
    began = time.perf_counter()
    write_phantom_set(folder / str(count), count)
    unit = 2**20 if sys.platform == "darwin" else 2**10
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit
    return {"images": count, "seconds": time.perf_counter() - began, "peak_mb": peak}


def main() -> None:
    """Measure, and write the file."""
    began = time.perf_counter()
    for index in range(10):
        simulate(1, index)
    one = (time.perf_counter() - began) / 10
    with tempfile.TemporaryDirectory() as folder:
        sets = [seconds_and_peak(Path(folder), count) for count in (COUNT, MORE)]
    content = {"seconds_for_one": one, "sets": sets, **facts()}
    (FOLDER / "phantom.json").write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    print(f"one: {one:.3f} s; {sets}")


if __name__ == "__main__":
    main()
