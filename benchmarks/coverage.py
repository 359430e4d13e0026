"""Does a 95 % interval hold the truth 95 times in 100? Simulated on the project's own scores.

    python benchmarks/coverage.py

takes the out-of-fold scores of the Montgomery set in benchmarks/crossvalidate_*.json for all the
patients there are, draws studies of 13, 28 and 138 of them, and counts how often the interval of
each method holds the mean of all. Writes benchmarks/coverage.json: the coverage, the shares that
lie wholly above and wholly below the mean, and the median width.

The methods: percentiles of resampled means, which `metrics.bootstrap_interval` gives; BCa (Efron
1987, in SciPy); Student's t; the studentised bootstrap (bootstrap-t: Davison and Hinkley,
Bootstrap Methods and their Application, 1997, chapter 5.2); and that with tails cut at
n / (n + 100) of 2.5 %, since a small study most often lacks the rare bad patients.
"""

import json

import numpy as np
import scipy.stats
from facts import FOLDER, facts
from tqdm import tqdm

from lungseg_utils import metrics
from lungseg_utils.results import write_json

SIZES = (13, 28, 138)
STUDIES, ROUNDS = 500, 2000
TAIL = (1 - metrics.CONFIDENCE_LEVEL) / 2
FEW = 100


def percentile(values: np.ndarray) -> tuple[float, float]:
    """What the package gives."""
    return metrics.bootstrap_interval(values, np.arange(len(values)))


def bca(values: np.ndarray) -> tuple[float, float]:
    """Bias-corrected and accelerated."""
    found = scipy.stats.bootstrap((values,), np.mean, n_resamples=ROUNDS, method="BCa")
    return found.confidence_interval


def student(values: np.ndarray) -> tuple[float, float]:
    """Of a normal law."""
    return scipy.stats.t.interval(
        metrics.CONFIDENCE_LEVEL, len(values) - 1, values.mean(), scipy.stats.sem(values)
    )


def studentised(values: np.ndarray, tail: float = TAIL) -> tuple[float, float]:
    """Each resampled mean's distance from the mean, in its own standard errors."""
    drawn = np.random.default_rng(0).choice(values, (ROUNDS, len(values)))
    errors = scipy.stats.sem(drawn, axis=1)
    differ = errors > 0
    distances = (drawn.mean(axis=1) - values.mean())[differ] / errors[differ]
    low, high = np.quantile(distances, [tail, 1 - tail]) * scipy.stats.sem(values)
    return values.mean() - high, values.mean() - low


def cut_by_patients(values: np.ndarray) -> tuple[float, float]:
    """The same, its tails cut later the fewer patients there are."""
    return studentised(values, TAIL * len(values) / (len(values) + FEW))


METHODS = {
    "percentile": percentile,
    "BCa": bca,
    "Student's t": student,
    "studentised": studentised,
    "studentised, cut by patients": cut_by_patients,
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
