"""How long the notebooks take, in benchmarks/notebooks.json: measured by `course.py store`.

Seconds are of one run each, one after another, from an empty folder, on the simulated set at laptop
size. Minutes are counted, not observed: 150 words, 12 lines of code or 2 figures a minute, and 5
minutes an exercise.
"""

import json
import re

import nbformat

from benchmarks.facts import facts
from tools import forms
from tools.installation import ROOT

FILE, SLOWER = (ROOT / "benchmarks" / f"{name}.json" for name in ("notebooks", "course_run"))
WORDS, LINES, FIGURES = 150, 12, 2  # a minute
EXERCISE = 5  # minutes


def count(notebook: nbformat.NotebookNode) -> dict[str, int]:
    """What there is to read and to do, and the minutes that it takes."""
    lines, words = forms.code_lines(notebook), forms.prose_words(notebook)
    figures = sum("plots.show(" in line for line in lines)
    exercises = sum(bool(re.match(r"exercise\.\w+\.check\(", line)) for line in lines)
    return {
        "words": words,
        "lines": len(lines),
        "figures": figures,
        "exercises": exercises,
        "reading_minutes": round(words / WORDS + len(lines) / LINES + figures / FIGURES),
        "exercise_minutes": exercises * EXERCISE,
    }


def write(rows: dict[str, dict]) -> None:
    """Keep one row a notebook, with the versions and the processor they were measured with."""
    content = {**facts(), "notebooks": rows}
    FILE.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def read() -> dict[str, dict]:
    """The rows as they were last written."""
    return json.loads(FILE.read_text(encoding="utf-8"))["notebooks"]


def slower() -> dict:
    """The last run that benchmarks/course_run.py timed, on a slower processor."""
    return json.loads(SLOWER.read_text(encoding="utf-8"))[-1]
