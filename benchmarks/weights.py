"""Trains the networks that come with the package, and writes them to lungseg_utils/weights.

    python benchmarks/weights.py simulated
    python benchmarks/weights.py second
    python benchmarks/weights.py montgomery FOLDER

The first is the network of benchmarks/transfer.py; the second, smaller, has learned from other
simulated radiographs and began with other weights. The third begins with the first, is trained with
the recipes BEST on the Montgomery set in FOLDER, the test records of the course's split held out,
and is then mixed with what it began with. It is the first fold of benchmarks/crossvalidate.py, and
is read back where that has run.
"""

import argparse
import hashlib
import json
from dataclasses import asdict, replace

import keras
from crossvalidate import SHARE, WATCHED, mean_weights, train_mean
from facts import facts
from transfer import IMAGES, SEED, VALIDATION, train_on_simulated

from lungseg_utils import start
from lungseg_utils.app.export import write_onnx
from lungseg_utils.pretrained import FOLDER, MONTGOMERY, SECOND, SIMULATED, load_pretrained
from lungseg_utils.radiographs import load_records
from lungseg_utils.recipes import BEST, FOR_SIMULATED, Recipe
from lungseg_utils.splits import split_by_patient
from lungseg_utils.start import pick_precision

# The second opinion has nothing in common with the others, and costs little time.
FOR_SECOND, SECOND_SEED = replace(FOR_SIMULATED, name="second", filters=8, seed=1), 12


def save_pretrained(model: keras.Model, name: str, recipe: Recipe, facts: dict) -> None:
    """Write the pair of files. Kernels are rounded to 16 bits; the rest, which is small and may be
    large in value, is kept in 32.
    """
    FOLDER.mkdir(exist_ok=True)
    path = FOLDER / f"{name}.onnx"
    write_onnx(model, path, half=True)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    content = facts | {"recipe": asdict(recipe), "sha256": digest}
    (FOLDER / f"{name}.json").write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def simulated(name: str) -> None:
    """One of the networks that saw simulated radiographs only."""
    recipe, seed = {SIMULATED: (FOR_SIMULATED, SEED), SECOND: (FOR_SECOND, SECOND_SEED)}[name]
    folder = start.home() / ("transfer" if name == SIMULATED else name)
    trained, seconds = train_on_simulated(folder, recipe, IMAGES, seed)
    known = {"trained_on": f"{IMAGES - VALIDATION} simulated radiographs", "seconds": seconds}
    known |= {"precision": pick_precision(), **facts()}
    save_pretrained(trained.model, name, recipe, known)


def montgomery(folder: str) -> None:
    """The network for real radiographs."""
    split = split_by_patient(load_records(folder))
    first = load_pretrained(SIMULATED).get_weights()
    model, seconds = train_mean(BEST, first, split, start.home() / "crossvalidate")
    model.set_weights(mean_weights([model.get_weights(), first], [SHARE, 1 - SHARE]))
    learned = split.train + split.validation[WATCHED:]
    known = {
        "trained_on": f"{len(learned)} radiographs of the Montgomery County X-ray set",
        "credit": "U.S. National Library of Medicine",
        "mean_of": [asdict(recipe) for recipe in BEST],
        "share_of_them": SHARE,
        "seconds": seconds,
        "held_out": [record.name for record in split.test],
        "watched": [record.name for record in split.validation],
        "precision": pick_precision(),
        **facts(),
    }
    save_pretrained(model, MONTGOMERY, BEST[0], known)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("name", choices=(SIMULATED, SECOND, MONTGOMERY))
    parser.add_argument("folder", nargs="?", help="the Montgomery set, for the last")
    chosen = parser.parse_args()
    if chosen.name == MONTGOMERY and not chosen.folder:
        parser.error("name the folder of the Montgomery set")
    start.load_tensorflow()
    montgomery(chosen.folder) if chosen.name == MONTGOMERY else simulated(chosen.name)
