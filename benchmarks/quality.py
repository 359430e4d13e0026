"""What the expected Dice and the warnings of `predict` are worth, and the fit behind them.

    python benchmarks/quality.py FOLDER NAME=FOLDER [NAME=FOLDER ...]

The first folder has the Montgomery set. Its 138 images are looked at by the networks of
benchmarks/crossvalidate.py (recipe shipped, simulated start) that did not learn from them;
simulated patients, ordinary ones and those of each rare kind, by the networks that ship. Each third
image is seen once more, spoilt in one of seven ways. `predict.WEIGHTS` is a ridge regression of
log(1 - Dice) on `Prediction.signs` of all these. It is tested on Montgomery, each fold by a fit
without it, and on the sets NAME, which play no part in any fit. Writes benchmarks/quality.json: the
weights, how well the expected Dice tells masks below .95, how many of them are warned of and how
many of those above .97, with intervals by Wilson; what is said of each kind of image; the mean risk
over all coverages, beside a random and the best possible order; the smallest lungs of each set.
"""

import sys
from collections import Counter
from collections.abc import Iterator, Sequence

import cv2
import numpy as np
import pandas as pd
from crossvalidate import train_fold
from facts import FOLDER, facts
from scipy.stats import binomtest
from sklearn.metrics import roc_auc_score
from tqdm import tqdm
from transfer import parse

from lungseg_utils.app.networks import load_networks
from lungseg_utils.images import read_image
from lungseg_utils.masks import read_lungs, read_mask
from lungseg_utils.metrics import dice
from lungseg_utils.phantom import RARE, simulate
from lungseg_utils.predict import LEAST_ERROR, LEAST_QUALITY, WEIGHTS, Network, predict
from lungseg_utils.pretrained import SIMULATED, load_pretrained
from lungseg_utils.radiographs import load_records
from lungseg_utils.results import write_json
from lungseg_utils.splits import FOLDS, split_by_patient
from lungseg_utils.start import load_tensorflow
from lungseg_utils.types import Image, Mask, Record

GOOD = 0.97  # a Dice above which a warning is an accusation
SEED, ORDINARY, OF_A_KIND, SIZE = 77, 60, 30, 256  # simulated patients whom no network has seen
EACH = 3  # every third image is spoilt as well
RIDGE = 0.01
AS_IT_IS = "as it is"
MOVES = {
    "upside down": lambda array: array[::-1, ::-1],
    "on its side": np.rot90,
    "mirrored": np.fliplr,
    "cropped": lambda array: array[len(array) // 4 :],
}
TONES = {
    "inverted": lambda image: 1 - image,
    "too faint": lambda image: 0.45 + 0.1 * image,
    "blurred": lambda image: cv2.GaussianBlur(image, (0, 0), len(image) / 40),
}
WAYS = [*MOVES, *TONES]


def spoil(way: str, image: Image, lungs: Mask) -> tuple[Image, Mask]:
    """Both, changed in one of `WAYS`."""
    change = (MOVES | TONES)[way]
    truth = MOVES[way](lungs) if way in MOVES else lungs
    return np.ascontiguousarray(change(image)), np.ascontiguousarray(truth)


def look(
    models: Sequence[Network], images: Iterator[tuple[Image, Mask]], part: int | str
) -> pd.DataFrame:
    """A row for each image and each spoilt one: Dice, signs, warnings."""
    rows = []
    for place, (image, lungs) in enumerate(tqdm(images, str(part), leave=False)):
        views = {AS_IT_IS: (image, lungs)}
        if place % EACH == 0:
            way = WAYS[place // EACH % len(WAYS)]
            views[way] = spoil(way, image, lungs)
        for change, (seen, truth) in views.items():
            said = predict(models, seen)
            rows.append((part, change, dice(said.mask, truth), said.signs, said.warnings))
    return pd.DataFrame(rows, columns=["part", "change", "dice", "signs", "warnings"])


def of(records: Sequence[Record]) -> Iterator[tuple[Image, Mask]]:
    """Images and masks of records."""
    return ((read_image(one.image_path), read_lungs(one)) for one in records)


def of_kind(kind: str) -> Iterator[tuple[Image, Mask]]:
    """Images and masks of simulated patients."""
    for index in range(OF_A_KIND if kind else ORDINARY):
        one = simulate(SEED, index, SIZE, kind=kind)
        yield one.image / np.float32(255), one.mask_left | one.mask_right


def fit(table: pd.DataFrame) -> np.ndarray:
    """The weights of the signs, by ridge regression."""
    signs, errors = np.stack(table["signs"]), np.log(1 - table["dice"] + LEAST_ERROR)
    return np.linalg.solve(signs.T @ signs + RIDGE * np.eye(len(signs.T)), signs.T @ errors)


def expected(table: pd.DataFrame, weights: np.ndarray) -> np.ndarray:
    """The expected Dice of each row by these weights, as `Prediction.quality`."""
    return (1 + LEAST_ERROR - np.exp(np.stack(table["signs"]) @ weights)).clip(0, 1)


def share(hits: np.ndarray) -> dict:
    """How many of these, with Wilson's interval."""
    if not len(hits):
        return {"of": 0}
    low, high = binomtest(int(hits.sum()), len(hits)).proportion_ci(method="wilson")
    return {"of": len(hits), "share": float(hits.mean()), "low": low, "high": high}


def judge(table: pd.DataFrame) -> dict:
    """How well the expected Dice tells bad masks from good ones."""
    bad, good = table["dice"] < LEAST_QUALITY, table["dice"] > GOOD
    warned = table["expected"] < LEAST_QUALITY
    both = bad.any() and not bad.all()
    return {
        "images": len(table),
        "dice": {"mean": table["dice"].mean(), "median": table["dice"].median()},
        "area_under_curve": float(roc_auc_score(bad, -table["expected"])) if both else None,
        "caught": share(warned[bad]),
        "accused": share(warned[good]),
        "mean_error": float((table["expected"] - table["dice"]).abs().mean()),
    }


def mean_risk(scores: np.ndarray, order: np.ndarray) -> float:
    """Mean over all coverages of 1 minus the mean Dice of those kept."""
    risks = np.cumsum(1 - scores[order]) / np.arange(1, len(scores) + 1)
    return float(risks.mean())


def summary(table: pd.DataFrame) -> dict:
    """The numbers of one set."""
    changes = {
        name: {
            "images": len(part),
            "dice": part["dice"].mean(),
            "expected": part["expected"].mean(),
            "warned": int((part["warnings"].str.len() > 0).sum()),
            "warnings": Counter(one.split(":")[0] for said in part["warnings"] for one in said),
        }
        for name, part in table.groupby("change", sort=False)
    }
    scores, sure = table["dice"].to_numpy(), table["expected"].to_numpy()
    risk = {
        "random": float(1 - scores.mean()),
        "surest_first": mean_risk(scores, np.argsort(-sure, kind="stable")),
        "best": mean_risk(scores, np.argsort(-scores, kind="stable")),
    }
    unspoilt = judge(table[table["change"] == AS_IT_IS])
    return {"all": judge(table), "unspoilt": unspoilt, "changes": changes, "mean_risk": risk}


def smallest(records: Sequence[Record]) -> dict[str, float]:
    """The least share of a picture that both lungs cover, and the least lung beside the other."""
    areas = np.array([[read_mask(path).mean() for path in one.mask_paths] for one in records])
    return {
        "masks": len(areas),
        "least_cover": float(areas.sum(axis=1).min()),
        "least_ratio": float((areas.min(axis=1) / areas.max(axis=1)).min()),
    }


def main(folder: str, sets: dict[str, str]) -> None:
    """Measure, fit, and write the file."""
    models, records = load_networks(), load_records(folder)
    start, tables = load_pretrained(SIMULATED).get_weights(), []
    for fold in range(FOLDS):
        split = split_by_patient(records, fold=fold)
        network, _ = train_fold("shipped", start, split)
        tables.append(look([network, *models[1:]], of(split.test), fold))
    tables += [look(models, of_kind(kind), kind or "ordinary") for kind in ("", *RARE)]
    learned = pd.concat(tables)
    learned = learned[learned["signs"].notna()]  # of an empty mask nothing is expected
    weights, real = fit(learned), learned["part"].isin(range(FOLDS))
    learned["expected"] = expected(learned, weights)
    for fold in range(FOLDS):
        here = learned["part"] == fold
        learned.loc[here, "expected"] = expected(learned[here], fit(learned[~here]))
    tested, small = {"montgomery": learned[real]}, {"montgomery": smallest(records)}
    for name, path in sets.items():
        table = look(models, of(load_records(path)), name)
        table = table[table["signs"].notna()]
        tested[name] = table.assign(expected=expected(table, weights))
        small[name] = smallest(load_records(path))
    simulated = learned[~real & (learned["change"] == AS_IT_IS)]
    content = {
        "weights": weights.round(3).tolist(),
        "weights_in_use": WEIGHTS.tolist(),
        "together": summary(pd.concat(tested.values())),
        "sets": {name: small[name] | summary(table) for name, table in tested.items()},
        "simulated": {kind: judge(part) for kind, part in simulated.groupby("part", sort=False)},
        **facts(),
    }
    write_json(FOLDER / "quality.json", content)
    print(weights.round(3), content["together"]["all"], content["together"]["unspoilt"], sep="\n")


if __name__ == "__main__":
    load_tensorflow()
    main(sys.argv[1], parse(sys.argv[2:]))
