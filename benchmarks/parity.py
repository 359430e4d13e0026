"""Does training and answering in 16 bits cost anything?

    python benchmarks/parity.py FOLDER

trains COURSE from the simulated start on the first fold, once in float32 and once in the precision
that this machine is fastest in, and scores both networks in both. Writes benchmarks/parity.json.
"""

import json
import sys
from functools import partial

from facts import FOLDER, facts

from lungseg_utils import start
from lungseg_utils.metrics import bootstrap_interval
from lungseg_utils.predict import predict_mask
from lungseg_utils.pretrained import load_pretrained
from lungseg_utils.radiographs import load_records
from lungseg_utils.recipes import COURSE
from lungseg_utils.results import evaluate
from lungseg_utils.splits import split_by_patient
from lungseg_utils.squares import load_squares
from lungseg_utils.start import load_tensorflow, pick_precision
from lungseg_utils.training import train
from lungseg_utils.unet import build_unet


def main(folder: str) -> None:
    """Measure, and write the file."""
    home, split = start.home() / "crossvalidate", split_by_patient(load_records(folder))
    squares = [load_squares(part, COURSE.size, home / "cache")
               for part in (split.train, split.validation)]  # fmt: skip
    weights = load_pretrained("simulated").get_weights()
    precisions = ("float32", pick_precision())
    rows, tables = [], {}
    for trained_in in precisions:
        trained = train(COURSE, *squares, home / "runs", trained_in, start=weights)
        seconds = sum(row["seconds"] for row in trained.history)
        for scored_in in precisions:
            model = build_unet(
                COURSE.size, filters=COURSE.filters, depth=COURSE.depth, precision=scored_in
            )
            model.set_weights(trained.model.get_weights())
            table = evaluate(partial(predict_mask, model), split.test)
            tables[trained_in, scored_in] = table
            row = {"trained_in": trained_in, "scored_in": scored_in, "training_seconds": seconds}
            rows.append(row | {"dice": float(table["dice"].mean())})
            print(rows[-1])
    exact, rounded = (tables[name, name] for name in precisions)
    gain = rounded["dice"] - exact["dice"]
    low, high = bootstrap_interval(gain, exact["patient"])
    change = {"mean": float(gain.mean()), "low": low, "high": high}
    content = {"rows": rows, "change": change, **facts()}
    (FOLDER / "parity.json").write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python benchmarks/parity.py FOLDER")
    load_tensorflow()
    main(sys.argv[1])
