"""The README's numbers come from files that a command wrote, and its links lead somewhere."""

import json
import re
from pathlib import Path

import nbformat
import pytest

from tools.scores import benchmark_row, mixing_rows, transfer_rows, trial_rows

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
LAST_LESSON = ROOT / "notebooks" / "06_reading_the_results.ipynb"
BENCHMARKS = sorted((ROOT / "benchmarks").glob("laptop_*.json"))


def test_there_are_benchmarks():
    assert {path.stem for path in BENCHMARKS} >= {"laptop_simulated", "laptop_montgomery"}


@pytest.mark.parametrize("path", BENCHMARKS, ids=lambda path: path.stem)
def test_numbers_come_from_the_benchmark_files(path):
    assert benchmark_row(json.loads(path.read_text())) in README.splitlines()


SIMULATION = {"transfer": transfer_rows, "transfer_trials": trial_rows, "mixing": mixing_rows}
MEASURED = [name for name in SIMULATION if (ROOT / "benchmarks" / f"{name}.json").exists()]


@pytest.mark.parametrize("name", MEASURED)
def test_numbers_of_the_simulation_come_from_the_benchmark_files(name):
    content = json.loads((ROOT / "benchmarks" / f"{name}.json").read_text(encoding="utf-8"))
    rows = set(SIMULATION[name](content))
    assert rows and rows <= set(documents()[LAST_LESSON].splitlines())
    assert name != "transfer" or rows <= set(README.splitlines())


def documents() -> dict[Path, str]:
    texts = {path: path.read_text(encoding="utf-8") for path in ROOT.glob("*.md")}
    for path in (ROOT / "notebooks").glob("*.ipynb"):
        cells = nbformat.read(path, as_version=4).cells
        texts[path] = "\n".join(cell.source for cell in cells if cell.cell_type == "markdown")
    return texts


def test_links_within_the_repository_lead_somewhere():
    broken = [
        (path.name, target)
        for path, text in documents().items()
        for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", text)
        if "://" not in target and not (path.parent / target).exists()
    ]
    assert broken == []
