"""What sharing `lungseg predict` among workers costs, gains and survives.

    python benchmarks/cluster.py [rates] [kills] [curve]

writes these parts, or all, in benchmarks/cluster.json: files a second on one worker and on two,
with the networks that ship, and how many cores they kept busy; for 20,000 files of 512 pixels, 200
of them damaged and 3 that kill the process that reads them, whether the table is the same after ten
workers and three commands were killed on the way; seconds and memory of client, scheduler and
workers for 10^3 to 10^5 small files. In the last two a stand-in takes the place of the networks, so
that what is measured is all the rest.
"""

import json
import os
import random
import resource
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import cv2
import psutil
from facts import FOLDER, facts

from lungseg_utils.phantom import simulate

PATIENTS, BROKEN, KILLERS = 20, 200, 3
RATE_FILES, COUNTS, MANY = 400, (1_000, 10_000, 100_000), 20_000
WORKERS_KILLED, COMMANDS_KILLED = 10, 3
STAND_IN = """
import os, signal
import numpy as np
from lungseg_utils import images
from lungseg_utils.app import batch
from lungseg_utils.predict import Prediction
def killing(path):
    if path.name.startswith("killer"):
        os.kill(os.getpid(), signal.SIGKILL)
    return images.read_xray(path)
def predict(models, image, spacing_mm, threshold, notes):
    square = np.tile(np.float32([[0, 1, 0, 1]]), (4, 1)).repeat(16, 0).repeat(16, 1)
    return Prediction(image.shape, spacing_mm, square, square, square, tuple(notes), threshold)
batch.read_xray, batch.predict = killing, predict
"""


def write_files(folder: Path, count: int, size: int, broken: int = 0, killers: int = 0) -> Path:
    """Simulated X-rays by the thousand, a hundredth of a folder's name in each sub-folder."""
    contents = [cv2.imencode(".png", simulate(7, index, max(size, 64)).image)[1].tobytes()
                for index in range(PATIENTS)]  # fmt: skip
    bad = set(random.Random(1).sample(range(count), broken + killers))
    killing = set(sorted(bad)[:: max(1, len(bad) // killers)][:killers]) if killers else set()
    for number in range(count):
        place = folder / f"{number // 1000:03}"
        place.mkdir(parents=True, exist_ok=True)
        content = contents[number % PATIENTS]
        if number in bad and number not in killing:
            content = content[: len(content) // 2]
        name = f"killer{number}" if number in killing else f"{number:06}"
        (place / f"{name}.png").write_bytes(content)
    return folder


def command(folder: Path, out: Path, *options: str) -> list[str]:
    """The command line."""
    return [sys.executable, "-m", "lungseg_utils", "predict", str(folder), "-o", str(out), *options]


def environment(work: Path) -> dict[str, str]:
    """An environment in which Dask's workers have the stand-in."""
    (work / "stand_in.py").write_text(STAND_IN, encoding="utf-8")
    return {**os.environ, "DASK_DISTRIBUTED__WORKER__PRELOAD": str(work / "stand_in.py")}


def rates(work: Path) -> dict:
    """Files a second with the networks that ship; what starts and ends a run is taken off."""
    few, many = (write_files(work / f"rate{n}", n, 512) for n in (RATE_FILES // 8, RATE_FILES))
    found, busy = {}, {}
    for workers in (1, 2):
        seconds, cores = [], []
        for folder in (few, many):
            since, before = time.perf_counter(), used_by_children()
            out = work / f"out{workers}{folder.name}"
            subprocess.run(command(folder, out, "--workers", str(workers)), check=True,
                           stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)  # fmt: skip
            seconds.append(time.perf_counter() - since)
            cores.append(used_by_children() - before)
        busy[str(workers)] = (cores[1] - cores[0]) / (seconds[1] - seconds[0])
        found[str(workers)] = (RATE_FILES - RATE_FILES // 8) / (seconds[1] - seconds[0])
    return {"files_a_second": found, "ratio": found["2"] / found["1"], "cores_busy": busy}


def used_by_children() -> float:
    """Seconds of processor time of the processes that were begun here and have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


class Memory(threading.Thread):
    """The most memory of processes in MB, looked at ten times a second until `ended` is set."""

    def __init__(self, **processes: list[psutil.Process]) -> None:
        super().__init__(daemon=True)
        self.processes, self.most = processes, dict.fromkeys(processes, 0.0)
        self.ended = threading.Event()

    def run(self) -> None:
        """Look, until told to end."""
        while not self.ended.wait(0.1):
            for name, ones in self.processes.items():
                for one in ones:
                    if one.is_running():
                        used = one.memory_info().rss / 1e6
                        self.most[name] = max(self.most[name], used)


def curve(count: int, workers: int, work: Path) -> dict:
    """Seconds and memory of a run on a cluster that was started by hand."""
    folder = work / f"small{count}"
    if not folder.exists():
        write_files(folder, count, 64)
    file = work / f"scheduler{count}{workers}.json"
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "env": environment(work)}
    dask = [sys.executable, "-m", "distributed.cli.dask_scheduler", "--host", "127.0.0.1",
            "--port", "0", "--no-dashboard", "--scheduler-file", str(file)]  # fmt: skip
    started = [subprocess.Popen(dask, **quiet)]
    while not file.exists():
        time.sleep(0.1)
    address = json.loads(file.read_text(encoding="utf-8"))["address"]
    worker = [sys.executable, "-m", "distributed.cli.dask_worker", address, "--nthreads", "1",
              "--no-dashboard", "--no-nanny", "--preload", str(work / "stand_in.py")]  # fmt: skip
    started += [subprocess.Popen(worker, **quiet) for _ in range(workers)]
    what = "--cluster", address, "--masks", "none", "--overlays", "none"
    since = time.perf_counter()
    client = subprocess.Popen(command(folder, work / f"o{count}{workers}", *what), **quiet)
    one, *others = [psutil.Process(process.pid) for process in started]
    memory = Memory(client=[psutil.Process(client.pid)], scheduler=[one], worker=others)
    memory.start()
    client.wait()
    seconds, cpu = time.perf_counter() - since, sum(one.cpu_times()[:2])
    memory.ended.set()
    for process in started:
        process.kill()
    tasks = -(-count // 200)
    return {"files": count, "workers": workers, "seconds": seconds, "most_memory_mb": memory.most,
            "scheduler_cpu_seconds": cpu, "shards": tasks}  # fmt: skip


def kills(work: Path) -> dict:
    """The table of an undisturbed run, and of one on whose way workers and commands are killed."""
    folder = write_files(work / "many", MANY, 512, BROKEN, KILLERS)
    said = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "env": environment(work)}
    options = "--workers", "2", "--overlays", "none"
    since = time.perf_counter()
    subprocess.run(command(folder, work / "calm", *options), **said)
    alone = time.perf_counter() - since
    chance, killed = random.Random(2), {"workers": 0, "commands": 0}
    each = MANY // (2 * (WORKERS_KILLED + COMMANDS_KILLED))  # masks between two kills
    since, wild, code = time.perf_counter(), work / "wild", -signal.SIGKILL
    while code == -signal.SIGKILL:
        process = subprocess.Popen(command(folder, wild, *options), **said)
        before = masks_in(wild)
        while (code := process.poll()) is None:
            time.sleep(0.5)
            if masks_in(wild) - before >= each:
                kill_something(process, killed, chance)
                before = masks_in(wild)
    tables = [sorted((work / name / "scores.csv").read_text(encoding="utf-8").splitlines())
              for name in ("calm", "wild")]  # fmt: skip
    rows = [line for line in tables[1] if not line.startswith("file,")]
    return {
        "files": MANY,
        "rows": len(rows),
        "files_in_rows": len({row.split(",")[0] for row in rows}),
        "errors": sum(row.split(",")[1] != "" for row in rows),
        "killed": killed,
        "same_table": tables[0] == tables[1],
        "masks": [masks_in(work / name) for name in ("calm", "wild")],
        "seconds": {"undisturbed": alone, "disturbed": time.perf_counter() - since},
    }


def masks_in(out: Path) -> int:
    """How many masks there are."""
    return sum(not name.startswith(".") for _, _, names in os.walk(out / "masks") for name in names)


def kill_something(
    process: subprocess.Popen, killed: dict[str, int], chance: random.Random
) -> None:
    """A worker, or after every third one the command."""
    if killed["workers"] >= 3 * (killed["commands"] + 1) and killed["commands"] < COMMANDS_KILLED:
        process.kill()
        killed["commands"] += 1
    elif killed["workers"] < WORKERS_KILLED:
        children = psutil.Process(process.pid).children(recursive=True)
        if workers := [one for one in children if "spawn_main" in " ".join(one.cmdline())]:
            chance.choice(workers).kill()
            killed["workers"] += 1


def main(*parts: str) -> None:
    """Measure, and write the file."""
    path = FOLDER / "cluster.json"
    content = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    measured = {
        "rates": rates,
        "kills": kills,
        "curve": lambda work: [curve(count, n, work) for count in COUNTS for n in (1, 2)],
    }
    for part in parts or measured:
        with tempfile.TemporaryDirectory() as name:
            content[part] = measured[part](Path(name))
        path.write_text(json.dumps({**content, **facts()}, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
