"""Notebook 05: how good a mask is, by overlap and by distance.

Masks are bool (height, width). Overlaps compare pixels, distances compare outlines, in mm. Two
empty masks agree (overlap 1, distance 0); where only one is empty the overlap is 0 and the distance
infinite, and such a failure stays in every mean. Tables and pages show the scores of `SCORES`.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple

import numpy as np
import scipy  # whose parts are loaded where they are used: to predict takes none

from lungseg_utils.types import Mask, Spacing

CONFIDENCE_LEVEL, ROUNDS, BOOTSTRAP_SEED = 0.95, 10_000, 0
FEW_PATIENTS = 100  # patients, with which a tail loses half of what it does with very many


def dice(prediction: Mask, reference: Mask) -> float:
    """Dice coefficient of two bool masks: twice the shared pixels over the sum of both (1945).

    Raises: ValueError if the masks are not bool or differ in shape; so do all of this module.
    """
    shared, predicted, true = _count(prediction, reference)
    return _ratio(2 * shared, predicted + true, predicted == true == 0)


def iou(prediction: Mask, reference: Mask) -> float:
    """IoU (Jaccard index) of two bool masks: shared pixels over the pixels of either."""
    shared, predicted, true = _count(prediction, reference)
    return _ratio(shared, predicted + true - shared, predicted == true == 0)


def precision(prediction: Mask, reference: Mask) -> float:
    """Share of the predicted pixels that are lung; 0 where nothing was predicted but lung is."""
    shared, predicted, true = _count(prediction, reference)
    return _ratio(shared, predicted, predicted == true == 0)


def recall(prediction: Mask, reference: Mask) -> float:
    """Share of the lung's pixels that were predicted; 0 where there is no lung but a prediction."""
    shared, predicted, true = _count(prediction, reference)
    return _ratio(shared, true, predicted == true == 0)


def soft_dice(probability: np.ndarray, reference: Mask) -> float:
    """Dice on probabilities in [0, 1], not thresholded: the article's headline number.

    Args: `probability` float (height, width), `reference` bool (height, width).
    It falls with every hesitant pixel, so it cannot be compared with a Dice of masks.
    """
    if reference.dtype != bool:
        raise ValueError(f"the reference is {reference.dtype}, not bool: threshold it first")
    if probability.shape != reference.shape:
        raise ValueError(f"the shapes differ: {probability.shape} and {reference.shape}")
    total = float(probability.sum() + reference.sum())
    return 2 * float(probability[reference].sum()) / total if total else 1.0


def pooled_dice(predictions: Sequence[Mask], references: Sequence[Mask]) -> float:
    """Dice of all images laid side by side as one: large lungs count more, a failure hides."""
    counts = [_count(*pair) for pair in zip(predictions, references, strict=True)]
    shared, predicted, true = np.sum(counts, axis=0)
    return _ratio(2 * shared, predicted + true, predicted == true == 0)


def surface_distances(
    prediction: Mask, reference: Mask, spacing_mm: Spacing
) -> tuple[np.ndarray, np.ndarray]:
    """Distance in mm from each outline pixel to the nearest one of the other mask.

    Args: bool masks (height, width); `spacing_mm` the (row, column) size of a pixel.
    Returns: (prediction to reference, reference to prediction), one float for each outline pixel;
        [0.0] twice if both masks are empty, [inf] twice if one is.
    """
    _, predicted, true = _count(prediction, reference)
    if not predicted or not true:
        distance = np.array([0.0 if predicted == true else np.inf])
        return distance, distance
    box = scipy.ndimage.find_objects((prediction | reference).astype(np.uint8))[0]
    forth, back = (np.argwhere(_outline(one[box])) * spacing_mm for one in (prediction, reference))
    return scipy.spatial.KDTree(back).query(forth)[0], scipy.spatial.KDTree(forth).query(back)[0]


def hd(prediction: Mask, reference: Mask, spacing_mm: Spacing) -> float:
    """Hausdorff distance in mm: the farthest that any part of one outline is from the other."""
    return float(np.concatenate(surface_distances(prediction, reference, spacing_mm)).max())


def hd95(prediction: Mask, reference: Mask, spacing_mm: Spacing) -> float:
    """95th percentile in mm of the surface distances of both directions taken together."""
    return _hd95(*surface_distances(prediction, reference, spacing_mm))


def assd(prediction: Mask, reference: Mask, spacing_mm: Spacing) -> float:
    """Average symmetric surface distance in mm: the mean over the pixels of both outlines.

    Heimann et al. 2009, doi 10.1109/TMI.2009.2013851. Others, such as MedPy before 0.5.2, take the
    mean of the two directions' means, which differs where one outline is longer.
    """
    return _assd(*surface_distances(prediction, reference, spacing_mm))


def nsd(prediction: Mask, reference: Mask, spacing_mm: Spacing, tolerance_mm: float = 2.0) -> float:
    """Normalised surface distance: the share of both outlines within the tolerance of the other.

    Counted by outline pixel; Nikolov et al. 2021, doi 10.2196/26151, weight by length.
    """
    return _nsd(*surface_distances(prediction, reference, spacing_mm), tolerance_mm)


def _count(prediction: Mask, reference: Mask) -> tuple[int, int, int]:
    if prediction.dtype != bool or reference.dtype != bool:
        raise ValueError(
            f"the masks are {prediction.dtype} and {reference.dtype}, not bool: threshold first"
        )
    if prediction.shape != reference.shape:
        raise ValueError(f"the masks differ in shape: {prediction.shape} and {reference.shape}")
    return int((prediction & reference).sum()), int(prediction.sum()), int(reference.sum())


def _ratio(part: int, whole: int, both_empty: bool) -> float:
    if both_empty:
        return 1.0
    return float(part / whole) if whole else 0.0


def _outline(mask: Mask) -> Mask:
    # erosion takes what lies beyond the array as background: its border is outline too
    return mask & ~scipy.ndimage.binary_erosion(mask)


def _hd95(forth: np.ndarray, back: np.ndarray) -> float:
    distances = np.concatenate([forth, back])
    return float(np.percentile(distances, 95)) if np.isfinite(distances).all() else float("inf")


def _assd(forth: np.ndarray, back: np.ndarray) -> float:
    return float(np.concatenate([forth, back]).mean())


def _nsd(forth: np.ndarray, back: np.ndarray, tolerance_mm: float) -> float:
    return float((np.concatenate([forth, back]) <= tolerance_mm).mean())


class Score(NamedTuple):
    """A score of one image, and how it is read.

    `compute` takes the prediction and the reference or, where it is `of_distances`, the two arrays
    of `surface_distances`. Pages show `digits` behind the point.
    """

    title: str
    compute: Callable[..., float]
    unit: str = ""
    digits: int = 3
    more_is_better: bool = True
    of_distances: bool = False


# by the name of the column in every table
SCORES = {
    "dice": Score("Dice", dice),
    "iou": Score("IoU", iou),
    "precision": Score("precision", precision),
    "recall": Score("recall", recall),
    "hd95_mm": Score("HD95", _hd95, "mm", 1, more_is_better=False, of_distances=True),
    "assd_mm": Score("ASSD", _assd, "mm", 2, more_is_better=False, of_distances=True),
    "nsd_2mm": Score("NSD at 2 mm", partial(_nsd, tolerance_mm=2.0), of_distances=True),
}


def score(prediction: Mask, reference: Mask, spacing_mm: Spacing | None) -> dict[str, float]:
    """All `SCORES` of one image; the distances are left out where the spacing is not known."""
    kinds = {False: (prediction, reference)}
    if spacing_mm is not None:
        kinds[True] = surface_distances(prediction, reference, spacing_mm)
    return {
        name: one.compute(*kinds[one.of_distances])
        for name, one in SCORES.items()
        if one.of_distances in kinds
    }


def bootstrap_interval(values: Sequence[float], groups: Sequence[str]) -> tuple[float, float]:
    """95 % interval of the mean over images: a studentised bootstrap over whole patients.

    Each resampled mean's distance is counted in its own standard errors, and of n patients each
    tail loses n / (n + 100) of 2.5 %, since few mostly lack the rare bad ones: see coverage.json.
    Both ends lie within the values; where one is infinite they are percentiles of the means.
    Args: one value and one group, a patient, for each image. Returns: (low, high).
    Raises: ValueError if there is no value, or one is NaN.
    Source: Davison and Hinkley, Bootstrap Methods and their Application, 1997, chapter 5.2.
    """
    values = np.asarray(values, float)
    if not len(values) or np.isnan(values).any():
        raise ValueError("an interval takes at least one value, and none that is NaN")
    _, place = np.unique(groups, return_inverse=True)
    sums, sizes = np.bincount(place, values), np.bincount(place)
    count, tail = len(sums), (1 - CONFIDENCE_LEVEL) / 2
    drawn = np.random.default_rng(BOOTSTRAP_SEED).integers(count, size=(ROUNDS, count))
    if np.isinf(values).any():
        means = np.sort(sums[drawn].sum(axis=1) / sizes[drawn].sum(axis=1))
        cut = int(tail * ROUNDS)  # no value between two: one of them may be infinite
        return float(means[cut]), float(means[-1 - cut])
    mean, drawn = sums.sum() / sizes.sum(), np.vstack([np.arange(count), drawn])
    apart, images = (sums - mean * sizes)[drawn], sizes[drawn]  # the first is as it was measured
    shift = apart.sum(axis=1) / images.sum(axis=1)
    spread = ((apart - shift[:, None] * images) ** 2).sum(axis=1)
    errors = np.sqrt(count / max(count - 1, 1) * spread) / images.sum(axis=1)
    # one patient drawn again and again would have no error at all
    steps = (shift / np.maximum(errors, errors[0] / np.sqrt(count) + 1e-300))[1:]
    tail *= count / (count + FEW_PATIENTS)
    low, high = mean - errors[0] * np.quantile(steps, [1 - tail, tail])
    return float(max(low, values.min())), float(min(high, values.max()))
