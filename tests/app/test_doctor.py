"""What `lungseg doctor` finds, one thing at a time, and what it says to do."""

import os
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from packaging.specifiers import SpecifierSet
from sets import write_set

from lungseg_utils.app import doctor
from lungseg_utils.app.doctor import Finding
from lungseg_utils.app.terminal import main
from lungseg_utils.types import DataError

WANTED = SpecifierSet(">=2.20,<3")


@pytest.mark.parametrize(
    "installed, expected",
    [({"one": "2.20"}, Finding("one", "2.20")),
     ({"one": "2.21rc1"}, Finding("one", "2.21rc1")),
     ({"one-headless": "2.5"}, Finding("one", "2.5", 'pip install "one<3,>=2.20"')),
     ({"one-headless": "2.30"}, Finding("one", "2.30")),
     ({"one": "3.0"}, Finding("one", "3.0", 'pip install "one<3,>=2.20"')),
     ({}, Finding("one", "missing", 'pip install "one<3,>=2.20"'))],
)  # fmt: skip
def test_a_package_is_there_and_of_a_version_that_fits(installed, expected, monkeypatch):
    monkeypatch.setattr(doctor, "_version", installed.get)
    assert doctor._package("one", WANTED) == expected


def test_every_package_of_the_course_is_looked_for(monkeypatch):
    requires = ["one>=2", "two<5", 'three>=1; extra == "lab"', 'four>=1; extra == "course"']
    monkeypatch.setattr(doctor.metadata, "requires", lambda name: {doctor.PACKAGE: requires}[name])
    monkeypatch.setattr(doctor, "_version", lambda name: "2.0")
    found = doctor._packages()
    python = ".".join(map(str, sys.version_info[:3]))
    light = [Finding("Python", python), Finding("one", "2.0"), Finding("two", "2.0")]
    assert found == [*light, Finding("four", "2.0")]
    versions = {"one": "2.0", "two": "2.0"}
    monkeypatch.setattr(doctor, "_version", versions.get)  # and no TensorFlow
    assert doctor._packages() == light
    monkeypatch.setattr(doctor.metadata, "requires", lambda name: None)
    assert doctor._packages() == found[:1]


def test_versions_are_those_of_what_is_installed():
    assert doctor._version("pytest") == pytest.__version__
    assert doctor._version("no-such-package") is None


def test_extras_are_named_with_what_they_are_for_and_are_not_needed(monkeypatch):
    monkeypatch.setattr(doctor, "_version", {"pydicom": "3.0", "jupyterlab": "4.1"}.get)
    cluster = 'to share the work of lungseg predict: pip install "lungseg-utils[cluster]"'
    course = 'for the notebooks, and to train: pip install "lungseg-utils[course]"'
    assert doctor._extras() == [
        Finding("tensorflow", "missing", course, needed=False),
        Finding("pydicom", "3.0", needed=False),
        Finding("distributed", "missing", cluster, needed=False),
        Finding("jupyterlab", "4.1", needed=False),
    ]


def tensorflow(*names):
    """TensorFlow with GPUs of these names; None is a GPU that has none."""
    details = dict(enumerate({"device_name": name} if name else {} for name in names))
    return SimpleNamespace(
        config=SimpleNamespace(
            list_physical_devices=lambda kind: list(details) * (kind == "GPU"),
            experimental=SimpleNamespace(get_device_details=details.get),
        )
    )


@pytest.mark.parametrize(
    "names, program, device, remedy",
    [(["Tesla T4", None], True, "Tesla T4, GPU", ""), ([], False, "7 processor cores, no GPU", ""),
     ([], True, "7 processor cores, no GPU",
      'TensorFlow does not see it: pip install "tensorflow[and-cuda]"')],
)  # fmt: skip
def test_the_device_is_named_with_its_precision(names, program, device, remedy, monkeypatch):
    asked = []
    monkeypatch.setitem(sys.modules, "tensorflow", tensorflow(*names))
    monkeypatch.setattr(doctor.shutil, "which", lambda name: asked.append(name) or program)
    monkeypatch.setattr(doctor.os, "cpu_count", lambda: 7)
    monkeypatch.setattr(doctor.start, "pick_precision", lambda: "float99")
    assert doctor._device() == Finding("device", f"{device}; trains in float99", remedy, False)
    assert asked == ["nvidia-smi"]


def test_without_tensorflow_the_device_is_not_known(monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorflow", None)
    found = doctor._device()
    assert found.found.startswith("TensorFlow cannot be imported: ")
    assert (found.name, found.remedy, found.needed) == ("device", "install it again", True)


@pytest.mark.parametrize("gb, well", [(3.99, False), (4, True), (16, True)])
def test_memory_is_enough_from_four_gigabytes_on(gb, well, monkeypatch):
    sizes = {"SC_PHYS_PAGES": round(gb * 1e6), "SC_PAGE_SIZE": 1000}
    monkeypatch.setattr(doctor.os, "sysconf", sizes.__getitem__, raising=False)
    remedy = "" if well else "4 GB are needed; close other apps"
    assert doctor._memory() == Finding("memory", f"{gb:.0f} GB", remedy, needed=False)


def test_memory_is_not_known_everywhere(monkeypatch):
    monkeypatch.delattr(doctor.os, "sysconf", raising=False)
    assert doctor._memory() == Finding("memory", "unknown on this system")


@pytest.mark.parametrize("gb, well", [(1.99, False), (2, True), (500, True)])
def test_the_disk_has_room_from_two_gigabytes_on(gb, well, monkeypatch, tmp_path):
    asked = []
    usage = SimpleNamespace(free=round(gb * 1e9))
    monkeypatch.setenv("LUNGSEG_HOME", str(tmp_path / "not" / "there"))
    monkeypatch.setattr(doctor.shutil, "disk_usage", lambda place: asked.append(place) or usage)
    remedy = "" if well else "free some space, or set LUNGSEG_HOME to another folder"
    home = tmp_path.resolve() / "not" / "there"
    assert doctor._home() == Finding("kept in", f"{home}, {gb:.0f} GB free", remedy)
    assert asked == [tmp_path.resolve()]


def test_a_folder_that_cannot_be_written_is_told(monkeypatch, tmp_path):
    asked = []
    monkeypatch.setenv("LUNGSEG_HOME", str(tmp_path))
    monkeypatch.setattr(doctor.os, "access", lambda *what: asked.append(what))
    assert doctor._home().remedy == "cannot be written: set LUNGSEG_HOME to another folder"
    assert asked == [(tmp_path.resolve(), os.W_OK)]


def test_a_home_that_is_a_file_is_told(monkeypatch, tmp_path):
    (tmp_path / "file").touch()
    monkeypatch.setenv("LUNGSEG_HOME", str(tmp_path / "file"))
    place = tmp_path.resolve() / "file"
    said = f"LUNGSEG_HOME is {place}, which is not a folder: fix or unset it"
    assert doctor._home() == Finding("kept in", said, "set LUNGSEG_HOME to another folder")
    assert doctor._xrays().found == said


def test_the_networks_are_named_or_why_they_are_not_there(monkeypatch):
    assert doctor._weights() == Finding("networks", "montgomery, second")
    for error in (DataError("it is damaged"), OSError("it is gone")):

        def load(error=error):
            raise error

        monkeypatch.setattr("lungseg_utils.app.networks.load_networks", load)
        remedy = "pip install --force-reinstall lungseg-utils"
        assert doctor._weights() == Finding("networks", str(error), remedy)


def test_the_x_rays_that_a_notebook_would_take_are_counted(monkeypatch, tmp_path):
    monkeypatch.setenv("LUNGSEG_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("LUNGSEG_DATA", raising=False)
    nothing = Finding("X-rays", "simulated, made when a notebook needs it",
                      "for the real set: lungseg download", needed=False)  # fmt: skip
    assert doctor._xrays() == nothing
    monkeypatch.setenv("LUNGSEG_DATA", "''")
    assert doctor._xrays() == nothing
    monkeypatch.delenv("LUNGSEG_DATA")
    real = write_set(tmp_path / "home" / "data" / "montgomery")
    assert doctor._xrays() == Finding("X-rays", f"4 in {real.resolve()}")
    mine = write_set(tmp_path / "mine").resolve()
    (mine / "metadata.csv").write_text("nothing", encoding="utf-8")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    monkeypatch.setenv("LUNGSEG_DATA", "'~/mine/'")
    remedy = "mend it, or set LUNGSEG_DATA to another folder"
    assert doctor._xrays() == Finding(
        "X-rays",
        f'{mine}/metadata.csv has no column "file": name the columns in line 1, with commas',
        remedy,
    )
    monkeypatch.setenv("LUNGSEG_DATA", str(tmp_path / "gone"))
    assert Path(tmp_path, "gone").name in doctor._xrays().found

    def load(folder):
        raise DataError("one\n  two")

    monkeypatch.setattr(doctor, "load_records", load)
    assert doctor._xrays() == Finding("X-rays", "one two", remedy)


@pytest.mark.parametrize(
    "needed, remedy, code", [(True, "do it", 1), (False, "do it", 0), (True, "", 0)]
)
def test_the_terminal_shows_each_finding_and_fails_for_what_is_needed(
    needed, remedy, code, monkeypatch, capsys
):
    findings = [Finding("a", "one"), Finding("longer", "two", remedy, needed)]
    monkeypatch.setattr(doctor, "examine", lambda: findings)
    assert main(["doctor"]) == code
    shown = ["ok  a       one", f"{'--' if remedy else 'ok'}  longer  two"]
    assert capsys.readouterr().out.splitlines() == shown + ["            -> do it"] * bool(remedy)


def test_everything_is_looked_at_in_turn(monkeypatch):
    names = [finding.name for finding in doctor.examine()]
    assert names[0] == "Python" and names[-5:] == [
        "device", "memory", "kept in", "networks", "X-rays"
    ]  # fmt: skip
    assert names[-8:-5] == ["pydicom", "distributed", "jupyterlab"] and "keras" in names
