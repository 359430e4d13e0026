"""The map of the package: which module belongs to which notebook, and how long it is.

It stands in README.md and in lungseg_utils/__init__.py; `python -m tools.notebooks head` writes
both anew.
"""

import ast
import re
from pathlib import Path
from typing import NamedTuple

from tools.installation import ROOT

PACKAGE = ROOT / "lungseg_utils"
HEADER = "| notebook | module | what it holds | lines |"
# in the order in which an X-ray, and a learner, meets them
MODULES = (
    "types.py", "start.py", "images.py", "grey.py", "dicom/", "radiographs.py", "readings.py",
    "splits.py", "masks.py", "squares.py", "unet.py", "recipes.py",
    "augmentation.py", "pipeline.py", "losses.py", "training.py", "pretrained.py", "metrics.py",
    "results.py", "museum/", "predict.py", "overlay.py", "cluster.py", "phantom/",
    "teaching/", "app/",
)  # fmt: skip
INTRODUCTION = '''\
"""The package behind the course: a notebook is a chapter, and these modules are its code.

An X-ray goes through them in order: a file becomes an `Xray`, a record, a square array, a batch;
the U-Net makes a probability of it, which becomes a mask at native size, scores and a picture.
The course itself is {lines:,} lines; the folders use it, and it uses none of them but `phantom`.
'''


class Row(NamedTuple):
    """A module, or a folder of them: the notebook it belongs to, or nothing."""

    notebook: str
    name: str
    holds: str
    lines: int


def rows() -> list[Row]:
    """One for each module of `MODULES`, from the first sentence of its docstring."""
    found = []
    for name in MODULES:
        path = PACKAGE / name
        files = sorted(path.rglob("*.py")) if path.is_dir() else [path]
        first = path / "__init__.py" if path.is_dir() else path
        said = ast.get_docstring(ast.parse(first.read_text(encoding="utf-8"))).split("\n\n")[0]
        said = " ".join(said.split()).removesuffix(".")
        said = re.sub(r" \(.* doi .*\)", "", said)
        chapter = re.match(r"Notebook (\d\d): ", said)
        holds = said[chapter.end() :] if chapter else said[0].lower() + said[1:]
        found.append(Row(chapter[1] if chapter else "", name, holds, sum(map(length, files))))
    return found


def length(path: Path) -> int:
    """Lines of a file."""
    return len(path.read_text(encoding="utf-8").splitlines())


def course_lines() -> int:
    """Lines of the modules that stand beside each other: the course itself."""
    return sum(row.lines for row in rows() if row.name.endswith(".py"))


def readme_rows() -> list[str]:
    """The rows of README's table."""
    return [
        f"| {row.notebook} | [`{row.name}`](lungseg_utils/{row.name}) | {row.holds} "
        f"| {row.lines:,} |"
        for row in rows()
    ]


def docstring() -> str:
    """Source of lungseg_utils/__init__.py's docstring."""
    lines = [f"    {row.notebook:2}  {row.name:16} {row.lines:5,}  {row.holds}" for row in rows()]
    return "\n".join([INTRODUCTION.format(lines=course_lines()), *lines, '"""', ""])


def write() -> None:
    """Write the docstring anew, and leave the rest of the file."""
    path = PACKAGE / "__init__.py"
    text = path.read_text(encoding="utf-8")
    end = ast.parse(text).body[0].end_lineno
    rest = "".join(text.splitlines(keepends=True)[end:])
    path.write_text(docstring() + rest, encoding="utf-8")
