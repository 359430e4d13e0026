"""Does a 95 % interval hold the truth 95 times in 100? Simulated on the project's own scores.

    python benchmarks/coverage.py

takes the out-of-fold scores of the Montgomery set in benchmarks/crossvalidate_*.json for all the
patients there are, draws studies of 13, 28 and 138 of them, and counts how often the interval of
each method holds the mean of all. Writes benchmarks/coverage.json: the coverage, the shares that
lie wholly above and wholly below the mean, and the median width.

The methods: percentiles of resampled means (Efron and Tibshirani, An Introduction to the
Bootstrap, 1993, chapter 13); BCa (Efron 1987, in SciPy); Student's t; the studentised bootstrap
(Davison and Hinkley, Bootstrap Methods and their Application, 1997, chapter 5.2); and what the
package gives, `metrics.bootstrap_interval`: that with tails cut at n / (n + 100) of 2.5 %.
"""

import json
from functools import partial
from unittest import mock

import numpy as np
import scipy.stats
from facts import FOLDER, facts
from tqdm import tqdm

from lungseg_utils import metrics
from lungseg_utils.results import write_json

SIZES = (13, 28, 138)
STUDIES, ROUNDS = 500, 2000
TAIL = (1 - metrics.CONFIDENCE_LEVEL) / 2


def percentile(values: np.ndarray) -> tuple[float, float]:
    """Of the resampled means, between which 95 % of them lie."""
    means = np.random.default_rng(0).choice(values, (ROUNDS, len(values))).mean(axis=1)
    return np.quantile(means, [TAIL, 1 - TAIL])


def bca(values: np.ndarray) -> tuple[float, float]:
    """Bias-corrected and accelerated."""
    found = scipy.stats.bootstrap((values,), np.mean, n_resamples=ROUNDS, method="BCa")
    return found.confidence_interval


def student(values: np.ndarray) -> tuple[float, float]:
    """Of a normal law."""
    return scipy.stats.t.interval(
        metrics.CONFIDENCE_LEVEL, len(values) - 1, values.mean(), scipy.stats.sem(values)
    )


def package(values: np.ndarray, few: float = metrics.FEW_PATIENTS) -> tuple[float, float]:
    """What the package gives."""
    with mock.patch.object(metrics, "FEW_PATIENTS", few):
        return metrics.bootstrap_interval(values, np.arange(len(values)))


METHODS = {
    "percentile": percentile,
    "BCa": bca,
    "Student's t": student,
    "studentised": partial(package, few=0),
    "package": package,
}


def populations() -> dict[str, np.ndarray]:
    """Scores of all patients, an image each: of two networks, and what one gains on the other."""
    best, plain = (
        json.loads((FOLDER / f"crossvalidate_{name}.json").read_text(encoding="utf-8"))["rows"]
        for name in ("best_simulated", "course_random")
    )
    dice, other = (np.array([row["dice"] for row in rows]) for rows in (best, plain))
    return {
        "Dice": dice,
        "Dice, random start": other,
        "HD95 (mm)": np.array([row["hd95_mm"] for row in best]),
        "Dice gained by the simulated start": dice - other,
    }


def coverage(scores: np.ndarray, size: int) -> dict[str, dict[str, float]]:
    """How each method fares in studies of that many patients."""
    rng, truth = np.random.default_rng(size), scores.mean()
    studies = rng.choice(scores, (STUDIES, size))
    found = {}
    for name, method in METHODS.items():
        low, high = np.array([method(study) for study in tqdm(studies, name, leave=False)]).T
        found[name] = {
            "coverage": np.mean((low <= truth) & (truth <= high)),
            "above": np.mean(low > truth),
            "below": np.mean(high < truth),
            "width": np.median(high - low),
        }
    return found


def main() -> None:
    """Simulate, and write the file."""
    metrics.ROUNDS = ROUNDS
    found = {
        name: {str(size): coverage(scores, size) for size in SIZES}
        for name, scores in populations().items()
    }
    write_json(FOLDER / "coverage.json", {"studies": STUDIES, "scores": found, **facts()})
    for name, sizes in found.items():
        for size, methods in sizes.items():
            line = ", ".join(f"{key} {one['coverage']:.3f}" for key, one in methods.items())
            print(f"{name}, {size} patients: {line}")


if __name__ == "__main__":
    main()
