"""Work in shards: nothing is lost and nothing is done twice, whatever is killed."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import cloudpickle
import numpy as np
import pytest
from distributed import KilledWorker
from hostile import picture

from lungseg_utils.app import shards
from lungseg_utils.app.batch import EVERYTHING, open_table, predict_files
from lungseg_utils.app.networks import name_networks
from lungseg_utils.app.table import Rows, Settings, close_table
from lungseg_utils.cluster import SHARD, each_shard, in_shards, open_client

cloudpickle.register_pickle_by_value(sys.modules[__name__])
COMMAND = [sys.executable, "-m", "lungseg_utils", "predict"]
BROKEN = 7


def test_shards_hold_all_in_order_and_no_more_is_taken_than_asked_for():
    taken = []
    shards = in_shards((taken.append(one) or one for one in range(10)), 4)
    assert next(shards) == [0, 1, 2, 3] and taken == [0, 1, 2, 3]
    assert list(shards) == [[4, 5, 6, 7], [8, 9]]
    assert list(in_shards([])) == [] and len(next(in_shards(range(10**9)))) == SHARD


@pytest.fixture(scope="module")
def client():
    with open_client(2) as client:
        client.wait_for_workers(2, timeout=60)
        yield client


KILL = getattr(signal, "SIGKILL", signal.SIGTERM)  # which on Windows kills as well


def squares(shard: list[int]) -> list[int]:
    if 13 in shard:
        os.kill(os.getpid(), KILL)
    return [one**2 for one in shard]


def test_each_shard_comes_once_with_what_was_made_of_it(client):
    found = list(each_shard(client, squares, in_shards(range(100, 150), 7)))
    assert sorted(one for shard, _ in found for one in shard) == list(range(100, 150))
    assert all(made == [one**2 for one in shard] for shard, made in found)
    assert list(each_shard(client, squares, [])) == []


def test_what_kills_its_worker_is_found_and_takes_no_other_with_it(client):
    found = list(each_shard(client, squares, in_shards(range(30), 10)))
    assert sorted(one for shard, _ in found for one in shard) == list(range(30))
    killers = [shard for shard, made in found if isinstance(made, KilledWorker)]
    assert killers == [[13]]
    assert all(made == [one**2 for one in shard] for shard, made in found if shard != [13])


def test_few_shards_are_in_hand_at_a_time(client):
    taken = []
    shards = in_shards((taken.append(one) or one for one in range(1000, 1100)), 1)
    for done, _ in enumerate(each_shard(client, squares, shards), start=1):
        assert len(taken) <= done + 4
    assert done == 100


def test_what_the_work_raises_is_raised(client):
    with pytest.raises(ZeroDivisionError):
        list(each_shard(client, lambda shard: 1 / 0, [[1]]))


@pytest.fixture(scope="module")
def many(tmp_path_factory):
    """A folder of X-rays, one of them cut short, and what one process makes of it."""
    root = tmp_path_factory.mktemp("many")
    folder = root / "in"
    folder.mkdir()
    for number in range(24):
        content = picture(lambda image, k=number: np.roll(image, k, axis=1))()
        (folder / f"{number:02}.png").write_bytes(content[:500] if number == BROKEN else content)
    run(folder, root / "alone", code=1)
    return folder, root / "alone"


def run(folder: Path, out: Path, *options: str, code: int = 1, env=None) -> str:
    env = {**os.environ, **(env or {})}
    ran = subprocess.run([*COMMAND, folder, "-o", out, *options], capture_output=True, text=True,
                         cwd=folder.parent, env=env, timeout=200)  # fmt: skip
    assert ran.returncode == code, ran.stderr[-2000:]
    return ran.stdout + ran.stderr


def assert_same(one: Path, other: Path) -> None:
    """Rows, masks and outlines to the last byte, and nothing left behind."""
    texts = [
        sorted((out / "scores.csv").read_text(encoding="utf-8").splitlines())
        for out in (one, other)
    ]
    assert texts[0] == texts[1]
    rows = [sorted(map(json.dumps, Rows(out))) for out in (one, other)]
    assert rows[0] == rows[1]
    for kind in ("masks", "overlays"):
        names = [sorted(path.name for path in (out / kind).iterdir()) for out in (one, other)]
        assert names[0] == names[1]
        assert all((one / kind / name).read_bytes() == (other / kind / name).read_bytes()
                   for name in names[0])  # fmt: skip
    assert not (other / "shards").exists() and not list(other.rglob(".part-*"))


def test_two_workers_leave_what_one_process_does(many, tmp_path):
    folder, alone = many
    said = run(folder, tmp_path / "out", "--workers", "2")
    assert_same(alone, tmp_path / "out")
    assert "23 new masks" in said and "http://127.0.0.1:" in said
    assert f"{folder / '07.png'} is cut short" in said
    again = run(folder, tmp_path / "out", "--workers", "2")
    assert "0 new masks" in again and "done before: 23" in again, "but for the broken one"


def test_a_table_is_in_parquet_too(many, tmp_path):
    pandas = pytest.importorskip("pandas")
    folder, _ = many
    run(folder, tmp_path / "out", "--workers", "1", "--masks", "rle", "--overlays", "none")
    table = pandas.read_parquet(tmp_path / "out" / "scores.parquet").set_index("file")
    wanted = pandas.read_csv(tmp_path / "out" / "scores.csv").set_index("file")
    assert table["rle"].notna().sum() == 23 and not list(tmp_path.rglob("out/masks/*"))
    for column in ("quality", "image_left_patient_right_px", "height"):
        np.testing.assert_allclose(table[column], wanted.loc[table.index, column])
    assert table["error"].notna().sum() == 1


@contextlib.contextmanager
def started(*words: object, cwd: Path):
    process = subprocess.Popen([sys.executable, "-m", *map(str, words)], cwd=cwd,
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)  # fmt: skip
    try:
        yield process
    finally:
        process.kill()
        process.wait()


@pytest.fixture
def joined(tmp_path):
    """A scheduler and two workers, started by hand elsewhere: its address, and the processes."""
    place = tmp_path / "elsewhere"
    place.mkdir()
    with contextlib.ExitStack() as stack:
        file = place / "scheduler.json"
        what = "--host", "127.0.0.1", "--port", "0", "--no-dashboard", "--scheduler-file", file
        scheduler = stack.enter_context(started("distributed.cli.dask_scheduler", *what, cwd=place))
        wait_for(file.exists)
        address = json.loads(file.read_text(encoding="utf-8"))["address"]
        worker = "distributed.cli.dask_worker", address, "--nthreads", "1", "--no-dashboard"
        workers = [stack.enter_context(started(*worker, "--no-nanny", cwd=place)) for _ in range(2)]
        yield address, scheduler, workers


def wait_for(happens, seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not happens():
        assert time.monotonic() < end
        time.sleep(0.05)


def test_a_cluster_that_is_there_is_joined_and_a_worker_s_death_loses_nothing(
    many, joined, tmp_path
):
    folder, alone = many
    address, _, (first, _) = joined
    out = tmp_path / "out"
    command = [*COMMAND, folder, "-o", out, "--cluster", address]
    with subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE) as process:
        wait_for(lambda: list(out.rglob("masks/*.png")))
        first.kill()
        assert process.wait(200) == 1, process.stderr.read()
    assert_same(alone, out)


def test_a_scheduler_that_dies_ends_the_command_with_a_sentence(many, joined, tmp_path):
    folder, alone = many
    address, scheduler, _ = joined
    out = tmp_path / "out"
    command = [*COMMAND, folder, "-o", out, "--cluster", address]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        wait_for(lambda: list(out.rglob("masks/*.png")))
        scheduler.kill()
        assert process.wait(200) == 64
        said = process.stderr.read()
    assert "is gone: start it, and the same command goes on" in said
    run(folder, out)
    assert_same(alone, out)


def test_nobody_at_the_address_is_a_sentence(many, tmp_path):
    said = run(many[0], tmp_path / "out", "--cluster", "tcp://127.0.0.1:9", code=64)
    assert "tcp://127.0.0.1:9" in said and "Traceback" not in said


@pytest.mark.parametrize("content, says", [
    (None, "there is no file {}: name one with SLURMCluster's arguments"),
    *((text, "{} has no arguments of SLURMCluster (") for text in ("a: 1", "[1]", '{"core": 1}')),
])  # fmt: skip
def test_settings_of_slurm_that_cannot_be_read_are_named(content, says, many, tmp_path):
    file = tmp_path / "slurm.json"
    if content:
        file.write_text(content, encoding="utf-8")
    said = run(many[0], tmp_path / "out", "--cluster", f"slurm:{file}", code=64)
    assert f"lungseg: {says.format(file)}" in said


@pytest.mark.parametrize("options", [(), ("--workers", "2")])
def test_a_command_that_is_killed_goes_on(options, many, tmp_path):
    folder, alone = many
    out = tmp_path / "out"
    command = [*COMMAND, folder, "-o", out, *options]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
        rows = "shards/[!.]*.jsonl" if options else "scores.jsonl"
        wait_for(lambda: any(path.stat().st_size for path in out.glob(rows)))
        process.kill()
    wait_for(lambda: not busy(out))
    kept = {row["file"] for row in Rows(out) if not row["error"]}
    assert 0 < len(kept) < 24
    dates = {path: path.stat().st_mtime_ns for path in (out / "masks").iterdir()
             if str(folder / path.name) in kept}  # fmt: skip
    said = run(folder, out, *options)
    assert f"done before: {len(kept)};" in said
    assert {path: path.stat().st_mtime_ns for path in dates} == dates, "what was done is left alone"
    assert_same(alone, out)


def busy(out: Path) -> bool:
    """Whether something still writes there."""

    def state():
        return {(path, path.stat().st_mtime_ns) for path in out.rglob("*") if path.exists()}

    before = state()
    time.sleep(1)
    return state() != before


KILLER = """
import os, signal
from lungseg_utils import images
from lungseg_utils.app import batch
read = images.read_xray
def killing(path):
    if path.name == "11.png":
        os.kill(os.getpid(), getattr(signal, "SIGKILL", signal.SIGTERM))
    return read(path)
batch.read_xray = killing
"""


def test_a_file_that_kills_its_reader_has_an_error_and_no_other_does(many, tmp_path):
    folder, alone = many
    (tmp_path / "killer.py").write_text(KILLER, encoding="utf-8")
    preload = {"DASK_DISTRIBUTED__WORKER__PRELOAD": str(tmp_path / "killer.py")}
    out = tmp_path / "out"
    said = run(folder, out, "--workers", "2", code=2, env=preload)
    wrong = f"{folder / '11.png'} ends the program that reads it: export it again"
    assert wrong in said
    errors = {Path(row["file"]).name: row["error"] for row in Rows(out) if row["error"]}
    assert sorted(errors) == ["07.png", "11.png"] and errors["11.png"] == wrong
    run(folder, out)  # by a program that can read it
    assert_same(alone, out)


def test_a_network_that_was_trained_anew_is_loaded_anew(monkeypatch):
    loaded = []
    monkeypatch.setattr(shards, "load_networks", lambda own, threads: loaded.append(own) or [own])
    shards._networks.cache_clear()
    for named in ("mine 1234", "mine 1234", "mine 5678"):
        shards._networks(Path("mine.onnx"), named)
    shards._networks.cache_clear()
    assert len(loaded) == 2


@pytest.fixture
def orphan(many, tmp_path, monkeypatch):
    """The rows and OUT of a task whose command is gone; another command begins after the third row,
    with another threshold.
    """
    (folder, _), out, rows = many, tmp_path / "out", []
    old, new = (Settings(threshold, name_networks(None)) for threshold in (0.3, 0.7))

    def slow(*given):
        for row in predict_files(*given):
            rows.append(row)
            yield row
            if len(rows) == 3:
                open_table([folder], out, new)

    jobs = list(open_table([folder], out, old).jobs)
    monkeypatch.setattr(shards, "predict_files", slow)
    with pytest.raises(FileNotFoundError):
        shards.predict_shard(jobs, None, out, old, EVERYTHING)
    return rows, out


def test_rows_of_a_command_that_is_gone_are_not_taken_in(orphan):
    _, out = orphan
    close_table(out)
    assert list(Rows(out)) == [] and not list(out.rglob("*.jsonl"))[1:]


def test_a_task_whose_command_is_gone_ends_when_another_begins(orphan):
    """Else it would write its masks over those of the other command."""
    assert len(orphan[0]) == 4


SBATCH = """#!{python}
import subprocess, sys
quiet = dict(stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
process = subprocess.Popen(["bash", sys.argv[-1]], **quiet)
print("Submitted batch job", process.pid)
"""


def test_jobs_of_slurm_do_the_work(many, tmp_path):
    pytest.importorskip("dask_jobqueue")
    if sys.platform != "linux":
        pytest.skip("Slurm is Linux's, and so is the interface lo")
    folder, alone = many
    place = tmp_path / "bin"
    place.mkdir()
    for name, text in {"sbatch": SBATCH, "scancel": "#!/bin/sh\nkill $1\n"}.items():
        (place / name).write_text(text.format(python=sys.executable), encoding="utf-8")
        (place / name).chmod(0o755)
    settings = {"cores": 1, "processes": 1, "memory": "2GB", "walltime": "00:10:00", "jobs": 2,
                "interface": "lo", "log_directory": str(tmp_path)}  # fmt: skip
    (tmp_path / "slurm.json").write_text(json.dumps(settings), encoding="utf-8")
    path = {"PATH": f"{place}{os.pathsep}{os.environ['PATH']}"}
    run(folder, tmp_path / "out", "--cluster", f"slurm:{tmp_path / 'slurm.json'}", env=path)
    assert_same(alone, tmp_path / "out")


def test_a_ledger_of_a_run_that_was_killed_counts_and_half_a_line_does_not(many, tmp_path):
    folder, alone = many
    out = tmp_path / "out"
    shutil.copytree(alone, out)
    lines = (out / "scores.jsonl").read_text(encoding="utf-8").splitlines(keepends=True)
    (out / "scores.jsonl").write_text("".join(lines[:5]), encoding="utf-8")
    (out / "shards").mkdir()
    (out / "shards" / "abc.jsonl").write_text(
        "".join(lines[5:20]) + lines[20][:30], encoding="utf-8"
    )
    said = run(folder, out)
    assert "done before: 19;" in said
    assert_same(alone, out)
