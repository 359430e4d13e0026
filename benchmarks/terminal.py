"""What `lungseg predict` costs: at its start, for a native file, and for thousands.

    python benchmarks/terminal.py FOLDER

writes benchmarks/terminal.json: for the native files of FOLDER, in the Montgomery layout, seconds
from the start of the program to the end of its work, of one file and of all, and the largest
difference in Dice between the masks in files and `predict_mask`; for 200 and for 2,000 simulated
files, one in fifty of them broken, the masks, the errors and the most memory in use.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median

import cv2
import numpy as np
from facts import FOLDER, facts

from lungseg_utils.images import read_image
from lungseg_utils.masks import read_lungs
from lungseg_utils.metrics import dice
from lungseg_utils.phantom import simulate
from lungseg_utils.predict import predict_mask
from lungseg_utils.pretrained import load_pretrained
from lungseg_utils.radiographs import load_records
from lungseg_utils.start import load_tensorflow

REPEATS = 3
PATIENTS, SIZE, BROKEN_EVERY = 20, 512, 50
# A process is born with the most memory of its parent, and this one has TensorFlow in it.
LAUNCHER = """
import resource, subprocess, sys, time
began = time.perf_counter()
code = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL).returncode
seconds = time.perf_counter() - began
print(seconds, code, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
"""


def run(paths: list[Path], out: Path) -> dict:
    """One run of the command: its seconds, exit code and most memory in MB."""
    command = [sys.executable, "-m", "lungseg_utils", "predict", *map(str, paths), "-o", str(out)]
    said = subprocess.run(
        [sys.executable, "-c", LAUNCHER, *command], capture_output=True, text=True
    )
    seconds, code, memory = said.stdout.split()[-3:]
    return {
        "seconds": float(seconds),
        "exit_code": int(code),
        "most_memory_mb": int(memory) / (2**20 if sys.platform == "darwin" else 2**10),
    }


def native(root: str, out: Path) -> dict:
    """Start-up, seconds a file, and the difference in Dice, on native files."""
    records = load_records(root)
    paths = [record.image_path for record in records]
    rounds = []
    for number in range(REPEATS):
        one = run(paths[:1], out / f"one{number}")["seconds"]
        all_ = run(paths, out / f"all{number}")["seconds"]
        each = (all_ - one) / (len(paths) - 1)
        rounds.append({"start_seconds": one - each, "seconds_a_file": each})
        print(rounds[-1])
    network, differences = load_pretrained(), []
    for record in records:
        lungs = read_lungs(record)
        file = cv2.imread(str(out / "all0" / "masks" / f"{record.name}.png"), cv2.IMREAD_UNCHANGED)
        scored = dice(predict_mask(network, read_image(record.image_path)), lungs)
        differences.append(abs(dice(file > 0, lungs) - scored))
    return {
        "files": len(paths),
        **{key: median(row[key] for row in rounds) for key in rounds[0]},
        "rounds": rounds,
        "largest_difference_in_dice": max(differences),
    }


def write_files(folder: Path, count: int) -> None:
    """`count` simulated X-rays that differ in noise; one in fifty is cut in half."""
    folder.mkdir()
    patients = [simulate(7, index, SIZE).image for index in range(PATIENTS)]
    for number in range(count):
        noise = np.random.default_rng(number).integers(0, 5, (SIZE, SIZE), np.uint8)
        content = cv2.imencode(".png", cv2.add(patients[number % PATIENTS], noise))[1].tobytes()
        if number % BROKEN_EVERY == BROKEN_EVERY - 1:
            content = content[: len(content) // 2]
        (folder / f"{number:05}.png").write_bytes(content)


def thousands(count: int, work: Path) -> dict:
    """One run over `count` files."""
    write_files(work / f"in{count}", count)
    out = work / f"out{count}"
    result = run([work / f"in{count}"], out)
    rows = [
        json.loads(line) for line in (out / "scores.jsonl").read_text(encoding="utf-8").splitlines()
    ]
    result |= {
        "files": count,
        "masks": len(list((out / "masks").iterdir())),
        "errors": sum(bool(row["error"]) for row in rows),
    }
    print(result)
    return result


def main(root: str) -> None:
    """Measure, and write the file."""
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        content = {
            "native": native(root, work),
            "thousands": [thousands(count, work) for count in (200, 2000)],
            **facts(),
        }
    (FOLDER / "terminal.json").write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python benchmarks/terminal.py FOLDER")
    load_tensorflow()
    main(sys.argv[1])
