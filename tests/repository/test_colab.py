"""What the course does on Colab's machines, as far as that shows without Colab's versions.

The rest takes an environment of its own and minutes: python3 course.py test --colab
"""

import json
import re
import shutil
import sys
import zipfile
from fnmatch import fnmatch
from pathlib import Path
from types import SimpleNamespace

import h5py
import nbformat
import numpy as np
import pytest
import tensorflow
from packaging.requirements import Requirement
from packaging.version import Version
from trainings import TINY, assert_same_weights, discs

from lungseg_utils import start
from lungseg_utils.training import train
from tools import colab, machines, notebooks, versions

ROOT = notebooks.ROOT
PROJECT = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
LISTS = re.findall(r"^(?:dependencies|course) = \[(.+?)^\]", PROJECT, re.M | re.S)
RANGES = [Requirement(text) for text in re.findall(r'"(.+?)"', "".join(LISTS))]


@pytest.fixture
def machine(monkeypatch):
    """Pretend that this machine has these devices and this processor."""

    def pretend(devices: list[dict], flags: str = ""):
        monkeypatch.setattr(
            tensorflow.config,
            "list_physical_devices",
            lambda kind: devices if kind == "GPU" else [SimpleNamespace(name="CPU:0")],
        )
        monkeypatch.setattr(tensorflow.config.experimental, "get_device_details", lambda one: one)
        told = f"flags : fpu {flags}\n"
        processor = SimpleNamespace(exists=lambda: True, read_text=lambda encoding: told)
        monkeypatch.setattr(start, "Path", lambda path: processor)

    return pretend


T4 = {"device_name": "Tesla T4", "compute_capability": (7, 5)}
A100 = {"device_name": "NVIDIA A100-SXM4-40GB", "compute_capability": (8, 0)}


@pytest.mark.parametrize(
    ("devices", "precision"),
    [([T4], "mixed_float16"),
     ([{"device_name": "Tesla V100", "compute_capability": (7, 0)}], "mixed_float16"),
     ([A100], "mixed_bfloat16"),
     ([{"device_name": "NVIDIA L4", "compute_capability": (8, 9)}], "mixed_bfloat16"),
     ([{"device_name": "NVIDIA H100", "compute_capability": (9, 0)}], "mixed_bfloat16"),
     ([{"device_name": "Tesla P100", "compute_capability": (6, 0)}], "float32"),
     ([{"device_name": "METAL"}], "float32"),
     ([{"compute_capability": None}], "float32"),
     ([T4, A100], "mixed_float16")],
    ids=["T4", "V100", "A100", "L4", "H100", "P100", "no capability", "None", "the first of two"],
)  # fmt: skip
def test_precision_follows_the_gpu(devices, precision, machine):
    machine(devices, flags="amx_bf16")
    assert start.pick_precision() == precision


@pytest.mark.parametrize(
    ("flags", "precision"),
    [
        ("avx2 avx512f", "float32"),
        ("amx_bf16", "mixed_bfloat16"),
        ("avx512_bf16", "mixed_bfloat16"),
    ],
)
def test_precision_without_a_gpu_follows_the_processor(flags, precision, machine):
    machine([], flags)
    assert start.pick_precision() == precision


def test_precision_where_the_system_does_not_tell(monkeypatch):
    monkeypatch.setattr(tensorflow.config, "list_physical_devices", lambda kind: [])
    monkeypatch.setattr(start, "Path", lambda path: Path("/no/such/file"))
    assert start.pick_precision() == "float32"


def train_in_float16(folder, report=lambda recipe, history: None):
    return train(TINY, discs(18, 1), discs(5, 2), folder, start.FLOAT16, report)


def state(trained) -> list[np.ndarray]:
    """The optimiser's variables: its memory of gradients, its steps, the scale of the loss."""
    return [np.asarray(one) for one in trained.model.optimizer.variables]


def test_a_training_in_float16_scales_its_loss_learns_and_resumes(tmp_path):
    undisturbed = train_in_float16(tmp_path / "one")
    assert undisturbed.model.layers[1].compute_dtype == "float16"
    losses = [row["loss"] for row in undisturbed.history]
    assert losses[-1] < 0.9 * losses[0]
    plain = train(TINY, discs(18, 1), discs(5, 2), tmp_path / "plain", report=lambda *_: None)
    assert losses == pytest.approx([row["loss"] for row in plain.history], abs=0.01)

    def stop(recipe, history):
        if len(history) == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train_in_float16(tmp_path / "other", stop)
    resumed = train_in_float16(tmp_path / "other")
    assert_same_weights(undisturbed, resumed)
    optimizer = undisturbed.model.optimizer
    assert float(optimizer.dynamic_scale) >= 2.0**10
    assert int(optimizer.step_counter) == TINY.epochs * (18 // TINY.batch_size)
    assert all(map(np.array_equal, state(undisturbed), state(resumed)))


def test_a_step_too_large_for_float16_is_left_out(tmp_path):
    """An overflow halves the scale and changes nothing else."""
    trained = train_in_float16(tmp_path)
    optimizer, before = trained.model.optimizer, trained.model.get_weights()
    scale = float(optimizer.dynamic_scale)
    huge = [np.full(one.shape, np.inf, np.float32) for one in trained.model.trainable_variables]
    optimizer.apply(huge, trained.model.trainable_variables)
    assert float(optimizer.dynamic_scale) == scale / 2
    assert all(map(np.array_equal, before, trained.model.get_weights()))


@pytest.mark.parametrize("path", notebooks.paths(), ids=lambda path: path.stem)
def test_every_notebook_brings_its_package_along(path):
    cells = nbformat.read(path, as_version=4).cells
    first = next(cell.source for cell in cells if cell.cell_type == "code")
    assert first == notebooks.bootstrap(notebooks.repository())
    assert len(first.splitlines()) <= 5 and "%pip install -q --no-deps git+https://" in first
    assert not any("LUNGSEG_HOME=/content" in cell.source for cell in cells)


def test_package_data_names_every_file():
    """What the wheel leaves out, a checkout has and Colab has not."""
    package = ROOT / "lungseg_utils"
    globs = re.findall(r'"(.+?)"', re.search(r"^lungseg_utils = \[(.+)\]$", PROJECT, re.M)[1])
    files = [
        path for path in package.rglob("*") if path.is_file() and "__pycache__" not in path.parts
    ]
    named = {path.relative_to(package).as_posix(): path for path in files if path.suffix != ".py"}
    assert {Path(name).parts[0] for name in named} >= {"data", "weights"}
    assert [name for name in named if not any(fnmatch(name, glob) for glob in globs)] == []
    folders = {path.parent for path in files if path.suffix == ".py"}
    assert [folder for folder in folders if not (folder / "__init__.py").exists()] == []


def test_a_file_missing_from_the_wheel_is_found(tmp_path):
    sources = colab.copy_sources(tmp_path / "sources")
    files = [path for path in (sources / "lungseg_utils").rglob("*") if path.is_file()]
    with zipfile.ZipFile(tmp_path / "one.whl", "w") as wheel:
        for path in files:
            if path.name != "montgomery.onnx":
                wheel.write(path, path.relative_to(sources))
    lacking = colab.wheel_lacks(tmp_path / "one.whl", sources)
    assert lacking == ["lungseg_utils/weights/montgomery.onnx"]
    assert not any("__pycache__" in path.parts for path in files)


def pins(name: str) -> dict[str, Version]:
    """The versions of a file of constraints, for this Python."""
    lines = (versions.CONSTRAINTS / f"{name}.txt").read_text(encoding="utf-8").splitlines()
    wanted = [Requirement(line) for line in lines if line and not line.startswith("#")]
    return {one.name: Version(str(one.specifier)[2:])
            for one in wanted if not one.marker or one.marker.evaluate()}  # fmt: skip


def test_colab_has_what_the_package_needs():
    there = [one for one in RANGES if one.name not in colab.OURS]
    assert [one.name for one in there if one.name not in colab.NEEDED] == []
    assert [str(one) for one in there if pins("colab")[one.name] not in one.specifier] == []
    assert len(there) == len(RANGES) - len(notebooks.BROUGHT)
    assert [name for name in colab.NEEDED if name not in pins("colab")] == []
    said = {"tensorflow": "2.20.0", "keras": "3.13.2", "numpy": "2.1.3", "ipywidgets": "7.7.1",
            "ipython": "7.34.0", "ipykernel": "6.17.1", "opencv-python": "5.0.0.93"}  # fmt: skip
    assert {name: str(pins("colab")[name]) for name in said} == said


def test_oldest_versions_are_the_lower_ends():
    for one in RANGES:
        lowest = Version(str(one.specifier).removeprefix(">="))
        pin = pins("oldest")[one.name]
        assert pin.release[: len(lowest.release)] == lowest.release, one


OURS = "lungseg-utils @ file:///wheel", "onnx==1.23.2", "onnxruntime==1.32.0"


@pytest.mark.parametrize(
    ("after", "fault"),
    [(["numpy==2.1.3", *OURS], None),
     (["numpy==2.4.6", *OURS], "numpy==2.1.3, numpy==2.4.6"),
     (["numpy==2.1.3", *OURS, "pydicom==3"], "pydicom==3"),
     (["numpy==2.1.3"], "none was added")],
    ids=["the package alone", "a package replaced", "a package more", "nothing installed"],
)  # fmt: skip
def test_a_change_of_colabs_packages_is_found(after, fault, monkeypatch):
    monkeypatch.setattr(colab, "installed", lambda: after)
    if fault is None:
        return colab.only_ours(["numpy==2.1.3"])
    with pytest.raises(colab.Stop, match=re.escape(fault)):
        colab.only_ours(["numpy==2.1.3"])


def end_of_a_training(root: Path, loss: float, weight: float, seconds: float = 1.0) -> Path:
    folder = root / ".cache/lungseg/runs/course-1/epoch-0030"
    folder.mkdir(parents=True)
    (folder / "history.json").write_text(
        json.dumps([{"seconds": seconds, "loss": loss}]), encoding="utf-8"
    )
    with h5py.File(folder / "model.weights.h5", "w") as file:
        file["layers/conv/vars/0"] = np.full(3, weight)
    return root


def test_trainings_that_end_otherwise_are_told_apart(tmp_path):
    one = end_of_a_training(tmp_path / "one", 0.1, 1.0)
    same = end_of_a_training(tmp_path / "same", 0.1, 1.0, seconds=9.0)
    assert machines.different_ends(one, same) == ""
    other = end_of_a_training(tmp_path / "loss", 0.2, 1.0)
    assert "histories" in machines.different_ends(one, other)
    other = end_of_a_training(tmp_path / "weight", 0.1, 1.0 + 1e-6)
    assert "weights" in machines.different_ends(one, other)
    shutil.move(other / ".cache/lungseg/runs/course-1", other / ".cache/lungseg/runs/course-2")
    assert "course-2" in machines.different_ends(one, other)


def test_a_machine_knows_nothing_of_this_one(tmp_path, monkeypatch):
    monkeypatch.setenv("LUNGSEG_DATA", "/mine")
    monkeypatch.setenv("LUNGSEG_HOME", "/mine")
    machine = machines.Machine(tmp_path, Path("/python/bin/python"))
    env = machine.environment()
    assert not {"LUNGSEG_DATA", "LUNGSEG_HOME"} & env.keys()
    assert env["HOME"] == str(tmp_path / "root") and env["PYTHONPATH"].endswith("standin")
    assert list(machine.content.iterdir()) == [] and str(ROOT) not in str(machine.content)


def test_stand_in_has_what_code_for_colab_calls(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(machines.STANDIN))
    from google.colab import files, output

    output.enable_custom_widget_manager()
    assert files.upload() == {}
    with pytest.raises(FileNotFoundError):
        files.download(str(tmp_path / "no.png"))
    for name in [name for name in sys.modules if name.startswith("google.colab")]:
        monkeypatch.delitem(sys.modules, name)
