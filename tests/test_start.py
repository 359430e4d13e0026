"""The first room and the terminal: what is picked, what is said, and what it costs to import."""

import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import pytest
from sets import NAMES, write_set

import lungseg_utils
from lungseg_utils import start
from lungseg_utils.__main__ import main
from lungseg_utils.radiographs import load_records


@pytest.fixture
def home(tmp_path: Path, monkeypatch) -> Path:
    """An empty home, and no choice made yet."""
    monkeypatch.setenv("LUNGSEG_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("LUNGSEG_SCALE", "ci")
    monkeypatch.delenv("LUNGSEG_DATA", raising=False)
    return tmp_path / "home"


@pytest.fixture
def small_simulation(monkeypatch):
    """What `begin` simulates where it finds no data, made smaller."""
    monkeypatch.setattr(start, "SIMULATED_SIZE", 64)
    monkeypatch.setitem(start.SIMULATED_IMAGES, "ci", 3)


def python(code: str) -> str:
    """What a fresh interpreter prints."""
    root = Path(lungseg_utils.__file__).parent.parent
    return subprocess.check_output([sys.executable, "-c", code], text=True, cwd=root)


def test_import_leaves_tensorflow_alone():
    code = """
        import sys, lungseg_utils.start, lungseg_utils.splits, lungseg_utils.__main__
        print([name for name in ("tensorflow", "keras", "torch", "jax") if name in sys.modules])
    """
    assert python(dedent(code)) == "[]\n"


def test_import_is_quick():
    code = """
        import time
        began = time.perf_counter()
        import lungseg_utils
        print(time.perf_counter() - began)
    """
    assert min(float(python(dedent(code))) for _ in range(3)) < 0.3


def test_readers_own_data_comes_first(home, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("LUNGSEG_DATA", str(write_set(tmp_path / "my x-rays")))
    course = start.begin()
    assert [record.name for record in course.records] == list(NAMES)
    assert (course.scale, course.home) == ("ci", home)
    said = capsys.readouterr().out
    assert "Data: the set in my x-rays, 4 radiographs of 4 patients.\n" in said
    assert "Size of run: ci." in said
    assert course.data in said


@pytest.mark.parametrize("way", ["my x-rays", "./my x-rays/", "~/my x-rays"])
def test_data_may_be_named_in_short(way, home, tmp_path, monkeypatch, capsys):
    write_set(tmp_path / "my x-rays")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    monkeypatch.setenv("LUNGSEG_DATA", way)
    assert start.begin().records[0].image_path.is_absolute()
    assert "the set in my x-rays" in capsys.readouterr().out


def test_downloaded_set_comes_next_once_it_is_whole(home, small_simulation, capsys):
    folder = write_set(start.montgomery_folder())
    (folder / ".incomplete").mkdir()
    assert start.begin().data == "simulated set"
    (folder / ".incomplete").rmdir()
    assert start.begin().data == "Montgomery County set"
    assert "Data: the Montgomery County set, 4 radiographs" in capsys.readouterr().out


def test_simulated_set_is_made_once(home, small_simulation, capsys):
    course = start.begin()
    assert len(course.records) == 3
    assert course.records[0].image_path.is_relative_to(home / "data")
    made = course.records[0].image_path.stat().st_mtime_ns
    assert start.begin().records == course.records
    assert course.records[0].image_path.stat().st_mtime_ns == made
    assert "Data: the simulated set, 3 radiographs" in capsys.readouterr().out


def test_small_run_takes_some_and_a_full_one_all(home, tmp_path, monkeypatch):
    names = [f"MCUCXR_{number:04}_0" for number in range(45)]
    monkeypatch.setenv("LUNGSEG_DATA", str(write_set(tmp_path / "set", names)))
    counts = {}
    for scale in ("ci", "laptop", "gpu"):
        monkeypatch.setenv("LUNGSEG_SCALE", scale)
        counts[scale] = len(start.begin().records)
    assert counts == {"ci": 40, "laptop": 45, "gpu": 45}


@pytest.mark.parametrize(("found", "scale"), [(None, "laptop"), ("/usr/bin/nvidia-smi", "gpu")])
def test_size_of_run_follows_the_machine(found, scale, home, tmp_path, monkeypatch):
    monkeypatch.setenv("LUNGSEG_DATA", str(write_set(tmp_path / "set")))
    monkeypatch.delenv("LUNGSEG_SCALE")
    monkeypatch.setattr("shutil.which", lambda _: found)
    assert start.begin().scale == scale


@pytest.mark.parametrize("scale", ["CI", "huge", "1"])
def test_unknown_size_of_run_is_refused(scale, home, monkeypatch):
    monkeypatch.setenv("LUNGSEG_SCALE", scale)
    with pytest.raises(ValueError, match=f'"{scale}": set it to ci, laptop or gpu'):
        start.begin()
    assert not home.exists()


def test_home_without_a_variable_is_outputs_of_the_checkout(monkeypatch):
    monkeypatch.delenv("LUNGSEG_HOME")
    assert start.home() == Path(lungseg_utils.__file__).parent.parent / "outputs"


def test_home_of_an_installed_package_is_the_readers_cache(monkeypatch, tmp_path):
    monkeypatch.delenv("LUNGSEG_HOME")
    monkeypatch.setattr(start, "__file__", str(tmp_path / "lungseg_utils" / "start.py"))
    assert start.home().name.lower().startswith("lungseg")
    assert not start.home().is_relative_to(tmp_path)


def test_terminal_writes_a_simulated_set(tmp_path, capsys):
    folder = tmp_path / "set"
    assert main(["phantom", str(folder), "--count", "2", "--size", "64", "--seed", "7"]) == 0
    assert capsys.readouterr().out == f"The radiographs are in {folder}\n"
    records = load_records(folder)
    assert [record.shape for record in records] == [(64, 64)] * 2
