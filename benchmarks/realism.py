"""What tells a simulated X-ray from a real one, in simple statistics.

    python benchmarks/realism.py FOLDER

compares the training part of the radiographs in FOLDER, in the Montgomery layout, with as many
simulated ones: contrasts of organs, the histogram, texture at four scales, sharpness of borders.
The held-out parts are not opened. Writes benchmarks/realism.json: percentiles of each statistic,
the area under the ROC curve of each by itself, and that of a logistic regression on all, in five
folds with no patient in two. An area of .5 means that the two cannot be told apart.
"""

import sys
import tempfile
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
from facts import FOLDER, facts
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import GroupKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from lungseg_utils.masks import read_pair
from lungseg_utils.phantom import write_phantom_set
from lungseg_utils.radiographs import load_records
from lungseg_utils.results import write_json
from lungseg_utils.splits import split_by_patient
from lungseg_utils.squares import to_square
from lungseg_utils.types import Record

SIZE, COUNT, SEED = 256, 138, 7
SCALES = (0.7, 1.4, 2.8, 5.6, 11.2)  # pixels of SIZE: the limits of four bands of texture
PERCENTILES = (5, 25, 50, 75, 95)


def regions(lungs: np.ndarray) -> dict[str, np.ndarray]:
    """Where the organs are, bool (SIZE, SIZE) each, by the lungs' mask alone."""
    rows, columns = np.nonzero(lungs)
    top, bottom = rows.min(), rows.max()
    height, y, x = bottom - top, *np.mgrid[:SIZE, :SIZE]
    level = (y - top) / height
    middle = np.zeros_like(lungs)
    for row in range(top, bottom + 1):  # the widest gap between two runs of lung
        at = np.flatnonzero(lungs[row])
        gaps = np.diff(at)
        if len(gaps) and gaps.max() > 1:
            begin = at[gaps.argmax()]
            middle[row, begin + 1 : begin + gaps.max()] = True
    inner = cv2.erode(lungs.astype(np.uint8), np.ones((7, 7))) > 0
    left = x < (columns.min() + columns.max()) / 2
    outside = (x < columns.min() - 3) | (x > columns.max() + 3)
    return {
        "lung": inner,
        "image left lung": inner & left,
        "image right lung": inner & ~left,
        "upper third of lung": inner & (level < 1 / 3),
        "lower third of lung": inner & (level > 2 / 3),
        "heart": middle & (level > 0.5) & (level < 0.8),
        "upper mediastinum": middle & (level > 0.1) & (level < 0.4),
        "belly": (y > bottom + 5) & (x > columns.min()) & (x < columns.max()),
        "chest wall": outside & (level > 0.4) & (level < 0.7),
        "shoulders": outside & (level < 0.1) & (level > -0.2),
    }


def statistics(image: np.ndarray, lungs: np.ndarray) -> dict[str, float]:
    """Numbers of one radiograph, float32 in [0, 1] and bool, both (SIZE, SIZE)."""
    places = regions(lungs)
    mean = {name: image[place].mean() if place.any() else np.nan for name, place in places.items()}
    found = {"lung": mean["lung"], "deviation in lung": image[places["lung"]].std()}
    for organ in ("heart", "upper mediastinum", "belly", "chest wall", "shoulders"):
        found[f"{organ} against lung"] = mean[organ] - mean["lung"]
    found["one lung against the other"] = mean["image left lung"] - mean["image right lung"]
    found["top of lung against base"] = mean["upper third of lung"] - mean["lower third of lung"]
    found["mean"], found["deviation"] = image.mean(), image.std()
    for share in (5, 25, 75, 95):
        found[f"percentile {share}"] = np.percentile(image, share)
    counts = np.bincount((image * 255).astype(int).ravel(), minlength=256) / image.size
    found["entropy"] = -(counts * np.log2(counts, where=counts > 0, out=0 * counts)).sum()
    found["black"], found["white"] = (image < 0.02).mean(), (image > 0.98).mean()
    blurred = [cv2.GaussianBlur(image, (0, 0), scale) for scale in SCALES]
    for number, (fine, coarse) in enumerate(pairwise(blurred), start=1):
        for organ in ("lung", "heart"):
            chosen = places[organ]
            texture = (fine - coarse)[chosen].std() if chosen.any() else np.nan
            found[f"texture {number} in {organ}"] = texture
    across, down = (cv2.Sobel(blurred[0], -1, *way) for way in ((1, 0), (0, 1)))
    inside = places["lung"]
    found["level edges in lung"] = np.log(down[inside].std() / across[inside].std())
    rim = cv2.morphologyEx(lungs.astype(np.uint8), cv2.MORPH_GRADIENT, np.ones((3, 3))) > 0
    steep = np.hypot(across, down)
    found["sharpness of the border"] = steep[rim].mean() / image.std()
    found["sharpness elsewhere"] = steep[~rim].mean() / image.std()
    return {name: float(value) for name, value in found.items()}


def table(records: list[Record]) -> pd.DataFrame:
    """The statistics of radiographs, a row each, and whose they are."""
    rows = []
    for record in records:
        image, lungs = read_pair(record)
        square, mask = to_square(image, SIZE), to_square(lungs.astype(np.float32), SIZE) >= 0.5
        rows.append({"patient": record.patient, **statistics(square, mask)})
    return pd.DataFrame(rows)


def main(folder: str) -> None:
    """Compare, and write the file."""
    real = table(split_by_patient(load_records(folder)).train)
    with tempfile.TemporaryDirectory() as home:
        root = write_phantom_set(Path(home) / "set", COUNT, 512, SEED)
        simulated = table(load_records(root)[: len(real)])
    both = pd.concat([real, simulated], ignore_index=True)
    truth = np.repeat([0, 1], [len(real), len(simulated)])
    numbers = both.drop(columns="patient")
    numbers = numbers.fillna(numbers.median())
    model = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=5000))
    guessed = cross_val_predict(model, numbers, truth, groups=both["patient"], cv=GroupKFold(5),
                                method="predict_proba")[:, 1]  # fmt: skip
    rows = {
        name: {
            "real": np.nanpercentile(real[name], PERCENTILES).tolist(),
            "simulated": np.nanpercentile(simulated[name], PERCENTILES).tolist(),
            "area": max(area := roc_auc_score(truth, numbers[name]), 1 - area),
        }
        for name in numbers
    }
    rows = dict(sorted(rows.items(), key=lambda row: -row[1]["area"]))
    content = {"images": len(real), "percentiles": PERCENTILES, "statistics": rows,
               "area_of_all": float(roc_auc_score(truth, guessed)), **facts()}  # fmt: skip
    write_json(FOLDER / "realism.json", content)
    for name, row in rows.items():
        sides = ("  ".join(f"{one:6.3f}" for one in row[side]) for side in ("real", "simulated"))
        print(f"{name:28} {row['area']:.2f}   {'   |   '.join(sides)}")
    print(f"all {len(rows)} together: {content['area_of_all']:.3f}")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python benchmarks/realism.py FOLDER")
    main(sys.argv[1])
