"""Trains the networks that come with the package, and writes them to lungseg_utils/weights.

    python benchmarks/weights.py simulated
    python benchmarks/weights.py montgomery FOLDER

The first is the network of benchmarks/transfer.py. The second begins with it, is trained with the
recipes BEST on the Montgomery set in FOLDER, the test records of the course's split held out, and
is then mixed with what it began with. It is the first fold of benchmarks/crossvalidate.py, and is
read back where that has run.
"""

import argparse
from dataclasses import asdict

from crossvalidate import WATCHED, train_mean
from facts import facts
from transfer import IMAGES, VALIDATION, train_on_simulated

from lungseg_utils import start
from lungseg_utils.pretrained import (
    MONTGOMERY,
    SHARE,
    load_pretrained,
    mean_weights,
    save_pretrained,
)
from lungseg_utils.pretrained import SIMULATED as SIMULATED_NAME
from lungseg_utils.radiographs import load_records
from lungseg_utils.recipes import BEST, SIMULATED, pick_precision
from lungseg_utils.splits import split_by_patient


def simulated() -> None:
    """The network that saw simulated radiographs only."""
    trained, seconds = train_on_simulated(start.home() / "transfer")
    known = {"trained_on": f"{IMAGES - VALIDATION} simulated radiographs", "seconds": seconds}
    known |= {"precision": pick_precision(), **facts()}
    save_pretrained(trained.model, SIMULATED_NAME, SIMULATED, known)


def montgomery(folder: str) -> None:
    """The network for real radiographs."""
    split = split_by_patient(load_records(folder))
    first = load_pretrained(SIMULATED_NAME).get_weights()
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
    parser.add_argument("name", choices=(SIMULATED_NAME, MONTGOMERY))
    parser.add_argument("folder", nargs="?", help="the Montgomery set, for the second")
    chosen = parser.parse_args()
    if chosen.name == MONTGOMERY and not chosen.folder:
        parser.error("name the folder of the Montgomery set")
    montgomery(chosen.folder) if chosen.name == MONTGOMERY else simulated()
