"""Notebook 01: whether a set is in order, all its faults at once."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import pandas as pd

from lungseg_utils.images import read_xray
from lungseg_utils.masks import LEAST_COVER, MOST_COVER, read_mask
from lungseg_utils.radiographs import Set, find_set
from lungseg_utils.splits import LEAST_PATIENTS
from lungseg_utils.types import DataError, Fault, Mask, Record

SIDE = 64  # pixels of the small copies that are compared
# Of 385 real and 40 simulated X-rays no two patients' copies correlate above .87; the same X-ray
# brightened, or as a JPEG of quality 50, does at .96 and more.
SAME_PICTURE = 0.92
# Of the same X-rays each has a lung whose share of darker pixels, `_darker_share`, is .69 or more,
# but for two simulated ones with both lungs white; inverted, nearly all have less than .6.
LEAST_DARKER = 0.66
RING = 9  # pixels
MOST_NAMED = 5  # files of one fault


class Look(NamedTuple):
    """A record's image as a small copy, None if it cannot be read, and what is wrong with it."""

    small: np.ndarray | None
    faults: tuple[Fault, ...]


def check_set(folder: Path | str) -> Set:
    """As `find_set`, with all that is wrong with its images and masks too, each of which is read.

    Raises: as `find_set`.
    """
    found = find_set(folder)
    with ThreadPoolExecutor() as pool:
        looks = list(pool.map(_look, found.records))
    faults = [fault for look in looks for fault in look.faults]
    faults += _same_pictures(found.records, looks)
    faults += _too_few(Path(folder), found.records)
    return found._replace(faults=(*found.faults, *faults))


def table(faults: Sequence[Fault]) -> pd.DataFrame:
    """File, fault and remedy in rows, what stops first; faults of one kind of many files in one."""
    rows: dict[tuple, list[str]] = {}
    for one in sorted(faults, key=lambda one: not one.stops):
        rows.setdefault((one.fault, one.remedy, one.stops), []).append(
            "/".join(one.file.parts[-2:])
        )
    kept = []
    for kind, files in rows.items():
        many = len(files) > MOST_NAMED
        named = [f"{files[0]} and {len(files) - 1} more"] if many else files
        kept += [(file, *kind) for file in named]
    return pd.DataFrame(kept, columns=["file", "fault", "remedy", "stops"])


def summary(found: Set) -> str:
    """What a set holds, and what is unknown of it, in a few lines."""
    records = found.records
    unknown = {
        "spacing": sum(one.spacing_mm is None for one in records),
        "sex": sum(not one.sex for one in records),
        "age": sum(one.age is None for one in records),
        "label": sum(one.label is None for one in records),
        "reading": sum(not one.reading for one in records),
    }
    missing = ", ".join(f"{name} of {count}" for name, count in unknown.items() if count)
    return "\n".join([
        f"layout: {found.layout.name}",
        f"{len(records)} images with masks, of {len({one.patient for one in records})} patients",
        f"{found.without_mask} images without a mask are left out",
        f"unknown: {missing or 'nothing'}",
    ])  # fmt: skip


def _look(record: Record) -> Look:
    faults, masks = [], []
    try:
        xray = read_xray(record.image_path)
        small = cv2.resize(xray.image, (SIDE, SIDE), interpolation=cv2.INTER_AREA)
        faults += [_fault(record.image_path, f"{record.image_path} {note}: look at it", False)
                   for note in xray.notes]  # fmt: skip
    except (DataError, OSError) as error:
        small = None
        faults.append(_fault(record.image_path, error))
    for path in record.mask_paths:
        try:
            masks.append(read_mask(path, record.shape))
        except (DataError, OSError) as error:
            faults.append(_fault(path, error))
    if len(masks) == len(record.mask_paths):
        faults += _of_masks(record, masks, small)
    return Look(small, tuple(faults))


def _fault(path: Path, sentence: Exception | str, stops: bool = True) -> Fault:
    """A fault from a sentence: the file, what is wrong with it, a colon, and the remedy."""
    if isinstance(sentence, OSError) and sentence.filename:
        return Fault(path, "cannot be opened", "check its permissions")
    said, _, remedy = str(sentence).rpartition(": ")
    return Fault(path, said.removeprefix(str(path)).strip(), remedy, stops)


def _of_masks(record: Record, masks: Sequence[Mask], small: np.ndarray | None) -> list[Fault]:
    path, lungs = record.mask_paths[0], np.logical_or.reduce(masks)
    if not lungs.any():
        return [Fault(path, "is all black, it marks nothing", "draw it, or take the image out")]
    found, cover = [], lungs.mean()
    if cover > MOST_COVER:
        found.append(Fault(path, f"marks most of the picture, {cover:.0%}", "invert it"))
    if cover < LEAST_COVER:
        found.append(Fault(path, f"marks hardly anything, {cover:.1%}", "look at it", False))
    found += _of_sides(record, masks)
    if small is not None and not _darker(small, lungs):
        said = "outlines what is as bright as its surroundings"
        remedy = "see whether the image is inverted, the mask another's, or both lungs diseased"
        found.append(Fault(path, said, remedy, False))
    return found


def _of_sides(record: Record, masks: Sequence[Mask]) -> list[Fault]:
    black = [path for path, mask in zip(record.mask_paths, masks, strict=True) if not mask.any()]
    if black:
        return [Fault(black[0], "is all black", "fine if that lung was removed", False)]
    if len(masks) == 2 and np.array_equal(*masks):
        remedy = "draw a lung in each, or keep one file for both"
        return [Fault(record.mask_paths[0], "is the same as the mask of the other lung", remedy)]
    columns = [np.nonzero(mask)[1].mean() for mask in masks]
    first = record.mask_paths[0]
    if first.parent.name == "leftMask" and columns != sorted(columns):
        remedy = "swap the two masks, or turn the image back"
        return [Fault(first, "lies on the right of the image", remedy)]
    return []


def _darker(small: np.ndarray, lungs: Mask) -> bool:
    """Whether at least one lung is darker than its surroundings, as air is."""
    size = small.shape[::-1]
    inside = cv2.resize(lungs.astype(np.float32), size, interpolation=cv2.INTER_AREA) > 0.5
    if not inside.any():
        return True
    at_left = np.arange(SIDE) < np.nonzero(inside)[1].mean()
    return any(_darker_share(small, inside & side) >= LEAST_DARKER for side in (at_left, ~at_left))


def _darker_share(small: np.ndarray, inside: Mask) -> float:
    """The share of pairs of a pixel in a mask and one around it in which it is the darker one."""
    around = cv2.dilate(inside.astype(np.uint8), np.ones((RING, RING), np.uint8)) > inside
    if not inside.any() or not around.any():
        return 0.0
    return np.searchsorted(np.sort(small[inside]), small[around]).mean() / inside.sum()


def _same_pictures(records: Sequence[Record], looks: Sequence[Look]) -> list[Fault]:
    """Pictures that come twice, or nearly, under the names of different patients."""
    read = [(record, look.small) for record, look in zip(records, looks, strict=True)
            if look.small is not None]  # fmt: skip
    if not read:
        return []
    detail = np.array([_detail(small) for _, small in read]).reshape(len(read), -1)
    alike = np.triu(detail @ detail.T, 1) / SIDE**2
    found = []
    for one, other in np.argwhere(alike > SAME_PICTURE):
        (first, small), (second, copy) = read[one], read[other]
        if np.array_equal(small, copy):
            said = f"is the same picture as {first.image_path.name}"
            found.append(Fault(second.image_path, said, "remove one of them"))
        elif first.patient != second.patient:
            said = f"is nearly the same picture as {first.image_path.name}"
            remedy = "give both the same patient in metadata.csv, or remove one of them"
            found.append(Fault(second.image_path, said, remedy, False))
    return found


def _detail(small: np.ndarray) -> np.ndarray:
    """What distinguishes one chest from another: the edges, with mean 0 and variance 1."""
    edges = small - cv2.GaussianBlur(small, (0, 0), 3)
    return (edges - edges.mean()) / (edges.std() + 1e-9)


def _too_few(folder: Path, records: Sequence[Record]) -> list[Fault]:
    patients = len({record.patient for record in records})
    if patients >= LEAST_PATIENTS:
        return []
    said = f"has {patients} patients, and a split takes {LEAST_PATIENTS}"
    return [Fault(folder, said, "add some to train; to evaluate, one is enough", False)]
