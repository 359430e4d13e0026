"""Trained in one hospital, scored in others: the row that other projects report as well.

    python benchmarks/across.py NAME=FOLDER OTHER=FOLDER [OTHER=FOLDER ...]

trains COURSE, from the simulated start, on every image of the first set, and scores it on the
others, of which it saw nothing. All folders are in the Montgomery layout. Writes
benchmarks/across.json: every score with its interval, by label where it is known.
"""

import json
import sys

from crossvalidate import train_mean
from facts import FOLDER, facts
from transfer import parse, score_sets

from lungseg_utils import start
from lungseg_utils.pretrained import SIMULATED, load_pretrained
from lungseg_utils.radiographs import load_records
from lungseg_utils.recipes import COURSE
from lungseg_utils.splits import Split
from lungseg_utils.start import load_tensorflow, pick_precision


def main(sets: dict[str, str]) -> None:
    """Train, score, and write the file."""
    (name, folder), *others = sets.items()
    records = load_records(folder)
    split = Split(records, records[:1], ())  # nothing is chosen by the one that is watched
    weights = load_pretrained(SIMULATED).get_weights()
    model, _ = train_mean([COURSE], weights, split, start.home() / "across")
    content = {
        "trained_on": name,
        "images": len(records),
        "sets": score_sets(model, dict(others)),
        "precision": pick_precision(),
        **facts(),
    }
    (FOLDER / "across.json").write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    load_tensorflow()
    main(parse(sys.argv[1:]))
