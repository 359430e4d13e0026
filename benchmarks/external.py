"""The weights that ship, scored on sets they have never seen.

    python benchmarks/external.py NAME=FOLDER [NAME=FOLDER ...]

writes benchmarks/external.json: for each set in the Montgomery layout every score with its
interval, by label where it is known, for the network trained on Montgomery and for the one that saw
simulated radiographs only.
"""

import json
import sys

from facts import FOLDER, facts
from transfer import parse, score_sets

from lungseg_utils.pretrained import SHIPPED, load_pretrained
from lungseg_utils.start import load_tensorflow


def main(sets: dict[str, str]) -> None:
    """Score, and write the file."""
    found = {name: score_sets(load_pretrained(name), sets) for name in SHIPPED}
    content = {"weights": found, **facts()}
    (FOLDER / "external.json").write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    load_tensorflow()
    main(parse(sys.argv[1:]))
