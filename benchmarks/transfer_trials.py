"""What each part of the simulation is worth: trainings without it, scored on real radiographs.

    python benchmarks/transfer_trials.py NAME=FOLDER [NAME=FOLDER ...]

writes benchmarks/transfer_trials.json, a row a trial, and goes on where it was stopped. Each trial
leaves out one thing of a smaller version of benchmarks/transfer.py.
"""

import json
import shutil
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from unittest.mock import patch

from facts import FOLDER, facts
from transfer import parse, score_sets, train_on_simulated

from lungseg_utils import start
from lungseg_utils.augmentation import MILD
from lungseg_utils.phantom import acquisition, ranges
from lungseg_utils.phantom.ranges import Range
from lungseg_utils.recipes import FOR_SIMULATED
from lungseg_utils.start import load_tensorflow

IMAGES = 432
FILE = FOLDER / "transfer_trials.json"


def fixed(table: dict[str, Range], **values: float) -> ExitStack:
    """Ranges that hold one value each, for as long as the context lasts."""
    stack = ExitStack()
    stack.enter_context(patch.dict(table, {k: Range(v, v, "", "") for k, v in values.items()}))
    return stack


def middles(table: dict[str, Range]) -> dict[str, float]:
    """The middle of each range."""
    return {name: (limits.low + limits.high) / 2 for name, limits in table.items()}


@contextmanager
def one_film() -> Iterator[None]:
    """Every radiograph exposed, developed and windowed alike."""
    with fixed(ranges.PICTURE, **middles(ranges.PICTURE)), patch.dict(ranges.SHARES, digital=0):
        yield


@contextmanager
def bare_film() -> Iterator[None]:
    """No collimator, marker, label or print."""
    with patch.object(acquisition, "borders"), patch.object(acquisition, "marks"):
        yield


QUICK = replace(FOR_SIMULATED, epochs=10)
WHOLE = "everything"
# name: (the radiographs, what is done to the simulation, the recipe)
TRIALS = {
    WHOLE: (WHOLE, ExitStack, QUICK),
    "mild copies": (WHOLE, ExitStack, replace(QUICK, augmentation=MILD)),
    "one film": ("film", one_film, QUICK),
    "one shape of body": ("shape", lambda: fixed(ranges.BEND, strain=0), QUICK),
    "no haze at the hila": ("haze", lambda: fixed(ranges.PERSON, haze=0), QUICK),
    "no bones": ("bones", lambda: fixed(ranges.PERSON, bone=0), QUICK),
    "no disease": ("disease", lambda: patch.dict(ranges.SHARES, abnormal=0), QUICK),
    "no muscles or breasts": (
        "muscles",
        lambda: fixed(ranges.PERSON, muscle=0, breast_depth=0),
        QUICK,
    ),
    "no borders or labels": ("borders", bare_film, QUICK),
    "no vessels": ("vessels", lambda: fixed(ranges.PERSON, markings=0), QUICK),
    "one density of heart": ("heart", lambda: fixed(ranges.PERSON, heart_density=0.9), QUICK),
    "192 pixels, not 128": (WHOLE, ExitStack, replace(QUICK, size=192)),
}


def run(name: str, sets: dict[str, str]) -> dict:
    """One trial's row."""
    radiographs, change, recipe = TRIALS[name]
    folder = start.home() / "trials" / radiographs
    with change():
        trained, seconds = train_on_simulated(folder, recipe, IMAGES)
    scores = {
        key: value["scores"]["dice"] for key, value in score_sets(trained.model, sets).items()
    }
    if radiographs != WHOLE:
        shutil.rmtree(folder)
    return {"name": name, "seconds": sum(seconds.values()), "dice": scores}


def main(sets: dict[str, str]) -> None:
    """Run what has not been run, and write the file after each trial."""
    content = json.loads(FILE.read_text(encoding="utf-8")) if FILE.exists() else {"trials": []}
    done = {row["name"] for row in content["trials"]}
    for name in TRIALS:
        if name not in done:
            print(name)
            content["trials"].append(run(name, sets))
            content |= {"images": IMAGES, "epochs": QUICK.epochs, "size": QUICK.size, **facts()}
            FILE.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    load_tensorflow()
    main(parse(sys.argv[1:]))
