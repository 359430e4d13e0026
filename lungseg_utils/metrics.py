"""Room 05: how good is a mask?

Masks are bool (height, width). Overlaps compare pixels, distances compare outlines, in mm. Two
empty masks agree (overlap 1, distance 0); where only one is empty the overlap is 0 and the distance
infinite, and such a failure stays in every mean.
"""

from collections.abc import Sequence

import numpy as np
from scipy import ndimage
from scipy.spatial import KDTree

Spacing = tuple[float, float]


def dice(prediction: np.ndarray, reference: np.ndarray) -> float:
    """Dice coefficient of two bool masks: twice the shared pixels over the sum of both (1945).

    Raises: ValueError if the masks are not bool or differ in shape; so do all of this module.
    """
    shared, predicted, true = _count(prediction, reference)
    return _ratio(2 * shared, predicted + true, predicted == true == 0)


def iou(prediction: np.ndarray, reference: np.ndarray) -> float:
    """IoU (Jaccard index) of two bool masks: shared pixels over the pixels of either."""
    shared, predicted, true = _count(prediction, reference)
    return _ratio(shared, predicted + true - shared, predicted == true == 0)


def precision(prediction: np.ndarray, reference: np.ndarray) -> float:
    """Share of the predicted pixels that are lung; 0 where nothing was predicted but lung is."""
    shared, predicted, true = _count(prediction, reference)
    return _ratio(shared, predicted, predicted == true == 0)


def recall(prediction: np.ndarray, reference: np.ndarray) -> float:
    """Share of the lung's pixels that were predicted; 0 where there is no lung but a prediction."""
    shared, predicted, true = _count(prediction, reference)
    return _ratio(shared, true, predicted == true == 0)


def soft_dice(probability: np.ndarray, reference: np.ndarray) -> float:
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


def pooled_dice(predictions: Sequence[np.ndarray], references: Sequence[np.ndarray]) -> float:
    """Dice of all images laid side by side as one: large lungs count more, a failure hides."""
    counts = [_count(*pair) for pair in zip(predictions, references, strict=True)]
    shared, predicted, true = np.sum(counts, axis=0)
    return _ratio(2 * shared, predicted + true, predicted == true == 0)


def surface_distances(
    prediction: np.ndarray, reference: np.ndarray, spacing_mm: Spacing
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
    box = ndimage.find_objects((prediction | reference).astype(np.uint8))[0]
    outlines = (_outline(mask[box]) for mask in (prediction, reference))
    forth, back = (np.argwhere(outline) * np.asarray(spacing_mm) for outline in outlines)
    return KDTree(back).query(forth)[0], KDTree(forth).query(back)[0]


def hd(prediction: np.ndarray, reference: np.ndarray, spacing_mm: Spacing) -> float:
    """Hausdorff distance in mm: the farthest that any part of one outline is from the other."""
    return float(np.concatenate(surface_distances(prediction, reference, spacing_mm)).max())


def hd95(prediction: np.ndarray, reference: np.ndarray, spacing_mm: Spacing) -> float:
    """95th percentile in mm of the surface distances of both directions taken together."""
    return _hd95(*surface_distances(prediction, reference, spacing_mm))


def assd(prediction: np.ndarray, reference: np.ndarray, spacing_mm: Spacing) -> float:
    """Average symmetric surface distance in mm: the mean over the pixels of both outlines.

    Heimann et al. 2009, doi 10.1109/TMI.2009.2013851. Others, such as MedPy before 0.5.2, take the
    mean of the two directions' means, which differs where one outline is longer.
    """
    return _assd(*surface_distances(prediction, reference, spacing_mm))


def nsd(
    prediction: np.ndarray, reference: np.ndarray, spacing_mm: Spacing, tolerance_mm: float = 2.0
) -> float:
    """Normalised surface distance: the share of both outlines within the tolerance of the other.

    Counted by outline pixel; Nikolov et al. 2021, doi 10.2196/26151, weight by length.
    """
    return _nsd(*surface_distances(prediction, reference, spacing_mm), tolerance_mm)


def score(
    prediction: np.ndarray, reference: np.ndarray, spacing_mm: Spacing | None
) -> dict[str, float]:
    """All scores of one image; the distances are left out where the spacing is not known."""
    scores = {
        "dice": dice(prediction, reference),
        "iou": iou(prediction, reference),
        "precision": precision(prediction, reference),
        "recall": recall(prediction, reference),
    }
    if spacing_mm is not None:
        distances = surface_distances(prediction, reference, spacing_mm)
        scores["hd95_mm"] = _hd95(*distances)
        scores["assd_mm"] = _assd(*distances)
        scores["nsd_2mm"] = _nsd(*distances, 2.0)
    return scores


def bootstrap_interval(
    values: Sequence[float],
    groups: Sequence[str],
    level: float = 0.95,
    rounds: int = 10_000,
    seed: int = 0,
) -> tuple[float, float]:
    """Percentile bootstrap interval of the mean over images, resampling whole groups (patients).

    Args: one value and one group for each image. Returns: (low, high).
    Raises: ValueError if there is no value, or one is NaN.
    Source: Efron and Tibshirani, An Introduction to the Bootstrap, 1993, chapter 13.
    """
    values = np.asarray(values, float)
    if not len(values) or np.isnan(values).any():
        raise ValueError("an interval takes at least one value, and none that is NaN")
    _, place = np.unique(groups, return_inverse=True)
    sums, sizes = np.bincount(place, values), np.bincount(place)
    drawn = np.random.default_rng(seed).integers(len(sums), size=(rounds, len(sums)))
    means = np.sort(sums[drawn].sum(axis=1) / sizes[drawn].sum(axis=1))
    # a mean of the sorted ones, not a value between two: one of the two may be infinite
    cut = int((1 - level) / 2 * rounds)
    return float(means[cut]), float(means[-1 - cut])


def _count(prediction: np.ndarray, reference: np.ndarray) -> tuple[int, int, int]:
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


def _outline(mask: np.ndarray) -> np.ndarray:
    # erosion takes what lies beyond the array as background: its border is outline too
    return mask & ~ndimage.binary_erosion(mask)


def _hd95(forth: np.ndarray, back: np.ndarray) -> float:
    distances = np.concatenate([forth, back])
    return float(np.percentile(distances, 95)) if np.isfinite(distances).all() else float("inf")


def _assd(forth: np.ndarray, back: np.ndarray) -> float:
    return float(np.concatenate([forth, back]).mean())


def _nsd(forth: np.ndarray, back: np.ndarray, tolerance_mm: float) -> float:
    return float((np.concatenate([forth, back]) <= tolerance_mm).mean())
