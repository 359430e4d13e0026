"""CONTRIBUTING.md keeps its word: to add a thing takes the one line that it names."""

import json
import re
import subprocess
import sys
from types import ModuleType, SimpleNamespace

import cv2
import numpy as np
import pytest
from sets import radiograph, write_set

from lungseg_utils import images, metrics, radiographs, results
from lungseg_utils.app.jobs import find_jobs
from lungseg_utils.museum import bugs, run
from lungseg_utils.teaching import exercises, scenes
from lungseg_utils.teaching.exercises.core import exercise, expect
from lungseg_utils.types import DataError, Stored
from tools import notebooks, scores, tables

TEXT = (notebooks.ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")


@pytest.fixture
def added():
    """Adds a line to a table, for one test."""
    lines = []

    def add(table: list, line) -> None:
        table.append(line)
        lines.append((table, line))

    yield add
    for table, line in lines:
        table.remove(line)


def test_a_format(added, tmp_path):
    def decode(content, name):
        pixels = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_GRAYSCALE)
        return Stored(pixels)

    def size(path):
        return (0, 0), None

    path = tmp_path / "one.bmp"
    path.write_bytes(cv2.imencode(".bmp", np.round(255 * radiograph()).astype(np.uint8))[1])
    (tmp_path / "text.txt").write_text("lungs are clear", encoding="utf-8")
    jobs, left_out = find_jobs([tmp_path])
    assert (list(jobs), left_out) == ([], 2)
    added(images.FORMATS, images.Format("BMP", (".bmp",), (b"BM",), decode, size))
    np.testing.assert_allclose(images.read_xray(path).image, radiograph(), atol=0.01)
    (job,), left_out = find_jobs([tmp_path])
    assert (job.path, job.target, left_out) == (path, "one", 1)
    with pytest.raises(DataError, match="no PNG, JPEG, TIFF, DICOM or BMP file"):
        images.read_xray(tmp_path / "text.txt")


def test_a_layout(added, tmp_path):
    root = write_set(tmp_path)
    expected = [record.name for record in radiographs.load_records(root)]
    for old, new in {
        "CXR_png": "xrays",
        "ManualMask": "masks",
        "ClinicalReadings": "texts",
    }.items():
        (root / old).rename(root / new)
    with pytest.raises(FileNotFoundError):
        radiographs.load_records(root)
    masks = "masks/leftMask", "masks/rightMask"
    layout = radiographs.Layout("a hospital's", "xrays", masks, "texts")
    added(radiographs.LAYOUTS, layout)
    assert [record.name for record in radiographs.load_records(root)] == expected


def test_a_score(monkeypatch, tmp_path):
    def excess(prediction, reference):
        return float(prediction.sum() - reference.sum())

    line = metrics.Score("excess", excess, "px", 0, more_is_better=False)
    monkeypatch.setitem(metrics.SCORES, "excess_px", line)
    records = radiographs.load_records(write_set(tmp_path / "set"))
    table = results.evaluate(lambda image: image < 2, records)
    assert (table["excess_px"] > 0).all() and "excess_px" in results.summarise(table).index
    results.write_results(tmp_path / "results.json", table, "tiny set", "ci")
    kept = json.loads((tmp_path / "results.json").read_text(encoding="utf-8"))
    assert any(said.startswith("Excess") and " px" in said for said in scores.headlines(kept))
    assert scenes.frame.say_scores({"excess_px": 12.4}) == "excess 12 px"
    cases = [scenes.Case(name, *[None] * 4, {"excess_px": value})
             for name, value in (("good", 1.0), ("bad", 9.0))]  # fmt: skip
    assert [case.name for case in scenes.worst_first(cases, "excess_px")] == ["bad", "good"]


def test_a_bug(monkeypatch):
    def empty(masks):
        """Labels lost on their way."""
        return 0 * masks

    monkeypatch.setitem(bugs.BUGS, "empty labels", bugs._bug("labels", "here", label=empty))
    blank, seen = np.zeros((2, 2, 2), bool), []

    def outcome(name, steps=run.HEALTHY, seed=0):
        seen.append(steps.label)
        dice = np.array([0.9, 0.8]) * (name == "healthy")
        return run.Outcome(blank, dice, dice, dice)

    museum = SimpleNamespace(outcome=outcome, data=SimpleNamespace(patients=("a", "b"), in_mm=True))
    outcomes = bugs.all_outcomes(museum)
    assert empty in seen
    row = bugs.costs(museum, outcomes).loc["empty labels"]
    assert row["harms"] == "network" and row["cost"] == pytest.approx(0.85)


def an_exercise(module: str):
    def half(answer):
        expect(answer == 0.5, "not a half")

    half.__module__ = module
    made = exercise("halve a thing", "a number", "One of two.", "answer = 0.5")
    return made(half)


def test_an_exercise(monkeypatch, tmp_path):
    monkeypatch.setenv("LUNGSEG_HOME", str(tmp_path))
    from lungseg_utils.teaching.exercises import start_here

    new = an_exercise(start_here.__name__)
    monkeypatch.setattr(start_here, "half", new, raising=False)
    assert exercises.exercises_of("start_here")[-1] is new
    assert "half" in exercises.progress().loc["00", "still open"]
    new.check(0.5)
    assert "half" not in exercises.progress().loc["00", "still open"]
    assert "| 00 | halve a thing | `half` |" in tables.objective_rows()


def test_a_notebook(monkeypatch, tmp_path):
    monkeypatch.setenv("LUNGSEG_HOME", str(tmp_path))
    module = ModuleType(f"{exercises.__name__}.asking_others")
    module.half = an_exercise(module.__name__)
    monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.setattr(exercises, "NOTEBOOKS", (*exercises.NOTEBOOKS, "asking_others"))
    assert exercises.progress().loc["10"].to_dict() == {
        "notebook": "asking others", "passed": "0 of 1", "still open": "half",
    }  # fmt: skip
    assert tables.objective_rows()[-1] == "| 10 | halve a thing | `half` |"
    monkeypatch.setattr(notebooks, "NOTEBOOKS", tmp_path)
    (tmp_path / "10_asking_others.ipynb").touch()
    assert [path.name for path in notebooks.paths()] == ["10_asking_others.ipynb"]


@pytest.mark.parametrize("name", ["FORMATS", "LAYOUTS", "SCORES", "BUGS", "@exercise", "NOTEBOOKS"])
def test_the_page_names_the_line(name):
    assert f"`{name}`" in TEXT


def test_large_files_have_a_reason():
    if not (notebooks.ROOT / ".git").exists():
        pytest.skip("not a copy that git made")
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=notebooks.ROOT, capture_output=True, text=True, check=True
    )
    paths = [notebooks.ROOT / name for name in listed.stdout.split("\0") if name]
    large = {
        path.relative_to(notebooks.ROOT).as_posix()
        for path in paths
        if path.is_file() and path.stat().st_size > 2_000_000
    }
    section = TEXT.split("## Large files")[1].split("\n## ")[0]
    assert set(re.findall(r"^\| `(\S+)` \| \S", section, re.MULTILINE)) == large
