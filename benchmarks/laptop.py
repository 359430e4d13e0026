"""Trains the course's network at the size of run and scores its test images once.

    LUNGSEG_DATA=folder python benchmarks/laptop.py NAME

writes benchmarks/laptop_NAME.json: scores with intervals, seconds, versions, processor and commit.
A training that has run before on the same images is read back, with the seconds it took.
"""

import json
import sys
import time
from functools import partial

from facts import FOLDER, facts

from lungseg_utils import start
from lungseg_utils.predict import predict_mask
from lungseg_utils.recipes import COURSE_AT
from lungseg_utils.results import evaluate, mean_shape, summarise
from lungseg_utils.splits import split_by_patient
from lungseg_utils.squares import load_squares
from lungseg_utils.start import pick_precision
from lungseg_utils.training import train_course


def main(name: str) -> None:
    """Measure, and write the file."""
    course = start.begin()
    recipe, split = COURSE_AT[course.scale], split_by_patient(course.records)
    decoding, reading = (_seconds(lambda: _squares(course, split, recipe)) for _ in range(2))
    trained = train_course(course)
    scores = evaluate(partial(predict_mask, trained.model), split.test)
    blind = evaluate(mean_shape(_squares(course, split, recipe).masks), split.test)
    content = {
        "name": name,
        "data": course.data,
        "scale": course.scale,
        "seed": recipe.seed,
        "images": {part: len(getattr(split, part)) for part in ("train", "validation", "test")},
        "test_patients": int(scores["patient"].nunique()),
        "scores": summarise(scores).to_dict(orient="index"),
        "mean_shape_scores": summarise(blind).to_dict(orient="index"),
        "seconds": {
            "training": sum(row["seconds"] for row in trained.history),
            "squares_first_time": decoding,
            "squares_from_cache": reading,
        },
        "precision": pick_precision(),
        **facts(),
    }
    path = FOLDER / f"laptop_{name}.json"
    path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    print(f"benchmarks/{path.name}: Dice {scores['dice'].mean():.4f}")


def _squares(course, split, recipe):
    return load_squares(split.train, recipe.size, course.home / "cache")


def _seconds(call) -> float:
    began = time.perf_counter()
    call()
    return time.perf_counter() - began


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python benchmarks/laptop.py NAME")
    main(sys.argv[1])
