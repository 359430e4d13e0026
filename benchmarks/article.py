"""The article's own split: its saved predictions and the course's network, image by image.

    python benchmarks/article.py FOLDER TEST_SCORES.csv

FOLDER has the Montgomery radiographs, TEST_SCORES.csv what the article's predictions score. Each
network is trained twice: on the article's training images, and without those whose patients are
also in its validation or test images. Writes benchmarks/article.json; what was trained before is
read back.
"""

import json
import sys
from functools import partial

import pandas as pd
from crossvalidate import train_mean
from facts import FOLDER, facts

from lungseg_utils import start
from lungseg_utils.metrics import bootstrap_interval
from lungseg_utils.predict import predict_mask
from lungseg_utils.pretrained import load_pretrained
from lungseg_utils.radiographs import load_records
from lungseg_utils.recipes import BEST, COURSE
from lungseg_utils.results import evaluate
from lungseg_utils.splits import Split, article_split
from lungseg_utils.start import load_tensorflow, pick_precision
from lungseg_utils.types import Record

NETWORKS = {  # recipes, and whether they begin with the simulated weights
    "course, random start": ((COURSE,), False),
    "course, simulated start": ((COURSE,), True),
    "best, simulated start": (BEST, True),
}
SCORES = ("dice", "iou", "hd95_mm", "assd_mm")
SCORED = {"hard_dice": "article_dice", "hard_iou": "article_iou",
          "hd95_mm": "article_hd95_mm", "assd_mm": "article_assd_mm"}  # fmt: skip


def without_leaks(split: Split) -> Split:
    """The split without the validation records whose patients are tested, and without the training
    records whose patients are in another part.
    """
    validation = _without_patients(split.validation, split.test)
    train = _without_patients(split.train, validation + split.test)
    return Split(train, validation, split.test)


def _without_patients(records: tuple[Record, ...], others: tuple[Record, ...]) -> tuple:
    elsewhere = {record.patient for record in others}
    return tuple(record for record in records if record.patient not in elsewhere)


def measure(split: Split, name: str) -> pd.DataFrame:
    """Train one of the networks on a split, and score its test images at the size of the files."""
    recipes, simulated = NETWORKS[name]
    weights = load_pretrained("simulated").get_weights() if simulated else []
    model, _ = train_mean(recipes, weights, split, start.home() / "article")
    return evaluate(partial(predict_mask, model), split.test)


def compare(ours: pd.DataFrame, theirs: pd.DataFrame) -> dict:
    """Both on the images that both scored: means, gains, and who is better on how many."""
    both = ours.merge(theirs, on="name")
    gain = both["dice"] - both["article_dice"]
    low, high = bootstrap_interval(gain, both["patient"])
    return {
        "images": len(both),
        "all_test_images": {"images": len(ours), "dice": float(ours["dice"].mean())},
        "ours": {score: float(both[score].mean()) for score in SCORES},
        "article": {score: float(both[f"article_{score}"].mean()) for score in SCORES},
        "gain": {"mean": float(gain.mean()), "low": low, "high": high},
        "better_on": int((gain > 0).sum()),
        "rows": both[["name", "dice", "article_dice"]].round(4).to_dict(orient="records"),
    }


def main(folder: str, scores: str) -> None:
    """Measure, and write the file."""
    theirs = pd.read_csv(scores).dropna().rename(columns=SCORED)
    theirs["name"] = theirs["file"].str.removesuffix(".png")
    split = article_split(load_records(folder))
    splits = {"as the article split": split, "without leaks": without_leaks(split)}
    found = {}
    for title, parts in splits.items():
        found[title] = {"training_images": len(parts.train), "networks": {}}
        for name in NETWORKS:
            one = found[title]["networks"][name] = compare(measure(parts, name), theirs)
            print(f"{title}, {name}: Dice {one['ours']['dice']:.4f}, the article "
                  f"{one['article']['dice']:.4f}, better on {one['better_on']}")  # fmt: skip
    content = {"splits": found, "precision": pick_precision(), **facts()}
    (FOLDER / "article.json").write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit("usage: python benchmarks/article.py FOLDER TEST_SCORES.csv")
    load_tensorflow()
    main(*sys.argv[1:])
