"""How long the notebooks take: seconds to run each, one after another, and minutes to work through.

python benchmarks/notebooks.py [FOLDER]   writes benchmarks/notebooks.json

FOLDER keeps what the notebooks make; without it they start from nothing, as a learner does. Always
the simulated set, laptop size. Minutes are counted, not observed: 150 words, 12 lines of code or 2
figures a minute, 5 minutes an exercise.
"""

import os
import re
import sys
import tempfile
import time
from pathlib import Path

import nbformat
from facts import facts

from lungseg_utils.results import write_json
from tools import forms, notebooks

WORDS, LINES, FIGURES, EXERCISE = 150, 12, 2, 5  # a minute, and minutes


def minutes(notebook: nbformat.NotebookNode) -> dict[str, int]:
    """What there is to read, and how many minutes it takes with and without the exercises."""
    code = "\n".join(forms.code_lines(notebook))
    words, lines = forms.prose_words(notebook), len(forms.code_lines(notebook))
    figures = code.count("plots.show(")
    exercises = len(re.findall(r"^exercise\.\w+\.check", code, re.M))
    return {
        "words": words,
        "lines": lines,
        "figures": figures,
        "exercises": exercises,
        "reading_minutes": round(words / WORDS + lines / LINES + figures / FIGURES),
        "exercise_minutes": exercises * EXERCISE,
    }


def main(home: str) -> None:
    os.environ |= {"LUNGSEG_HOME": home, "LUNGSEG_SCALE": "laptop", "TF_CPP_MIN_LOG_LEVEL": "3"}
    os.environ.pop("LUNGSEG_DATA", None)
    rows, chosen = {}, notebooks.paths()
    for number, path in enumerate(chosen, start=1):
        notebook, began = nbformat.read(path, as_version=4), time.perf_counter()
        fault = notebooks.execute(notebook, path.stem, f"{number} of {len(chosen)}")
        if fault:
            sys.exit(f"{path.name}: {fault}")
        rows[path.stem] = {"run_seconds": round(time.perf_counter() - began)} | minutes(notebook)
    write_json(Path(__file__).with_suffix(".json"), {**facts(), "notebooks": rows})


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as nothing:
        main(str(Path(sys.argv[1]).resolve()) if len(sys.argv) > 1 else nothing)
