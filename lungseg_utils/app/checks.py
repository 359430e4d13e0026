"""Whether a set is in order, all its faults at once: `lungseg check`, and notebook 01."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import product
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

from lungseg_utils.images import read_xray
from lungseg_utils.masks import LEAST_COVER, LEAST_SHARE, read_mask
from lungseg_utils.radiographs import MOST_NAMED, Set, fault_of, find_set
from lungseg_utils.splits import LEAST_PATIENTS
from lungseg_utils.types import DataError, Fault, Mask, Record, counted

SIDE = 64  # pixels of the small copies that are compared
MOST_CUT = 3  # pixels that one copy may lack at each side of the other
# Of 385 real and 120 simulated X-rays no two patients' copies correlate above .93, however they are
# cut or mirrored; the same X-ray brightened, as a JPEG of quality 60, at .98 and more, and cut by
# up to 4 % at each side as well at .94 and more.
SAME_PICTURE = 0.935
# Of the same X-rays each has a lung whose `_darker_share` is .62 or more, but for inverted ones, of
# which one in 500 has .58.
LEAST_DARKER = 0.58
RIM = 5  # pixels
# No mask has a larger share turned than as it is; of those turned before, 99 of 100 by this more.
CLEARLY_DARKER = 0.05
TURNED = {
    "mirrored": np.fliplr, "upside down": np.flipud,
    **{f"turned by {90 * times} degrees": partial(np.rot90, k=times) for times in (2, 1, 3)},
    "with rows and columns exchanged": np.transpose,
}  # fmt: skip
MOST_SPECKS = 0.001  # of a mask; the reference masks have at most a tenth of it, in one piece
# the side of the image on which the first of two masks lies, by its folder: the second name is of
# the patient's side, https://www.isi.uu.nl/Research/Databases/SCR/data.php
SIDES = {"leftmask": "left", "left lung": "right"}


def check_set(folder: Path | str) -> Set:
    """As `find_set`, and raises what that does; faults of images and masks are included."""
    found = find_set(folder)
    with ThreadPoolExecutor() as pool:
        looks = list(pool.map(_look, found.records))
    faults = [fault for _, its in looks for fault in its]
    faults += _same_pictures(found.records, [small for small, _ in looks])
    patients = len({record.patient for record in found.records})
    if patients < LEAST_PATIENTS:
        said = f"has {counted(patients, 'patient')}, and a split takes {LEAST_PATIENTS}"
        remedy = "add more to train; to evaluate, one is enough"
        faults.append(Fault(Path(folder), said, remedy, False))
    return found._replace(faults=(*found.faults, *faults))


class Line(NamedTuple):
    """A fault as it is shown; `file` names the first of many that have it."""

    file: str
    fault: str
    remedy: str
    stops: bool


def table(faults: Sequence[Fault]) -> list[Line]:
    """What stops first; faults of one kind of many files in one line."""
    kinds: dict[tuple, list[str]] = {}
    for file, *kind in sorted(faults, key=lambda one: not one.stops):
        kinds.setdefault(tuple(kind), []).append("/".join(file.parts[-2:]))
    found = []
    for kind, files in kinds.items():
        more = f"{files[0]} (and {len(files) - 1} more)"
        named = files if len(files) <= MOST_NAMED else [more]
        found += [Line(file, *kind) for file in named]
    return found


def summary(found: Set) -> str:
    """What a set holds, and what is unknown of it, in a few lines."""
    records = found.records
    lines = [
        f"layout: {found.layout.name}",
        f"{counted(len(records), 'image')} with masks, of "
        f"{counted(len({one.patient for one in records}), 'patient')}",
    ]
    if found.without_mask:
        lines.append(f"left out, without a mask: {counted(found.without_mask, 'image')}")
    facts = "spacing_mm", "sex", "age", "label", "reading"
    unknown = {fact: sum(getattr(one, fact) in (None, "") for one in records) for fact in facts}
    named = [f"{fact.removesuffix('_mm')} of {count}" for fact, count in unknown.items() if count]
    return "\n".join([*lines, f"unknown: {', '.join(named) or 'nothing'}"])


def _look(record: Record) -> tuple[np.ndarray | None, list[Fault]]:
    """A record's image as a small copy, None if it cannot be read, and what is wrong with it."""
    faults: list[Fault] = []

    def tried(read: Callable, path: Path, *more) -> object:
        try:
            return read(path, *more)
        except (DataError, OSError) as error:
            faults.append(fault_of(error, [path]))

    xray = tried(read_xray, record.image_path)
    small = xray and cv2.resize(xray.image, (SIDE, SIDE), interpolation=cv2.INTER_AREA)
    for note in xray.notes if xray else ():
        faults.append(Fault(record.image_path, f"may be odd: {note}", "look at it", False))
    masks = [tried(read_mask, path, record.shape) for path in record.mask_paths]
    if all(mask is not None for mask in masks):
        faults += _of_masks(record, masks, small)
    return small, faults


def _of_masks(record: Record, masks: Sequence[Mask], small: np.ndarray | None) -> list[Fault]:
    path, lungs = record.mask_paths[0], np.logical_or.reduce(masks)
    cover, found = lungs.mean(), []
    if not cover:
        return [Fault(path, "is all black: it marks nothing", "draw it, or remove the image")]
    if cover < LEAST_COVER:
        found.append(Fault(path, f"marks hardly anything, {cover:.1%}", "look at it", False))
    pieces = cv2.connectedComponentsWithStats(lungs.view(np.uint8))[2][1:, cv2.CC_STAT_AREA]
    if len(pieces) > 3 or np.sort(pieces)[:-2].sum() > MOST_SPECKS * pieces.sum():
        said = f"has {len(pieces)} pieces, but there are only two lungs"
        found.append(Fault(path, said, "remove specks and frames", False))
    sides = _of_sides(record, masks, lungs)
    return found + (sides or ([] if small is None else _of_place(path, lungs, small)))


def _of_place(path: Path, lungs: Mask, small: np.ndarray) -> list[Fault]:
    """Whether the outlined area is dark, as air is, and no less so than if it were turned."""
    inside = cv2.resize(lungs.astype(np.float32), (SIDE, SIDE), interpolation=cv2.INTER_AREA) > 0.5
    shares = {name: _darker_share(small, turn(inside)) for name, turn in TURNED.items()}
    best = max(shares, key=shares.get)
    if shares[best] > max(LEAST_DARKER, _darker_share(small, inside)) + CLEARLY_DARKER:
        remedy = "turn the masks or the images of the set"
        return [Fault(path, f"fits its image better {best}", remedy, False)]
    at_left = np.arange(SIDE) < SIDE / 2
    sides = inside & at_left, inside & ~at_left
    if not inside.any() or any(_darker_share(small, side) >= LEAST_DARKER for side in sides):
        return []
    remedy = "check whether the image is inverted, the mask another image's, or both lungs diseased"
    return [Fault(path, "outlines what is as bright as its surroundings", remedy, False)]


def _of_sides(record: Record, masks: Sequence[Mask], lungs: Mask) -> list[Fault]:
    black = [path for path, mask in zip(record.mask_paths, masks, strict=True) if not mask.any()]
    if black:
        return [Fault(black[0], "is all black", "fine if that lung was removed", False)]
    if len(masks) == 2 and np.array_equal(*masks):
        remedy = "draw a lung in each, or keep one file for both"
        return [Fault(record.mask_paths[0], "is the same as the mask of the other lung", remedy)]
    first, columns = record.mask_paths[0], [np.nonzero(mask)[1].mean() for mask in masks]
    side = "left" if columns == sorted(columns) else "right"
    if SIDES.get(first.parent.name.lower(), side) != side:
        remedy = "swap the two masks, or turn the image back"
        return [Fault(first, f"lies on the {side} of the image", remedy)]
    halves = [half.sum() for half in np.array_split(lungs, 2, axis=1)]
    if min(halves) < LEAST_SHARE * max(halves):
        said = "marks lung on only one side of the picture"
        return [Fault(first, said, "draw the other lung, unless it was removed", False)]
    return []


def _darker_share(small: np.ndarray, inside: Mask) -> float:
    """The share of pairs of a pixel within a mask's rim and one around it whose first is darker."""
    whole, square = inside.astype(np.uint8), np.ones((RIM, RIM), np.uint8)
    around, within = cv2.dilate(whole, square) > whole, cv2.erode(whole, square) < whole
    if not within.any() or not around.any():
        return 0.0
    return np.searchsorted(np.sort(small[within]), small[around]).mean() / within.sum()


def _same_pictures(records: Sequence[Record], smalls: Sequence[np.ndarray | None]) -> list[Fault]:
    """Duplicate pictures, or nearly so, under the names of different patients."""
    read = [pair for pair in zip(records, smalls, strict=True) if pair[1] is not None]
    if not read:
        return []
    plain = np.array([_details(small)[0] for _, small in read])
    alike = np.array([(plain @ _details(small).T).max(axis=1) > SAME_PICTURE for _, small in read])
    found = []
    for one, other in np.argwhere(np.triu(alike | alike.T, 1)):
        (first, small), (second, copy) = read[one], read[other]
        if np.array_equal(small, copy):
            said = f"is the same picture as {first.image_path.name}"
            found.append(Fault(second.image_path, said, "remove one of them"))
        elif first.patient != second.patient:
            said = f"is nearly the same picture as {first.image_path.name}"
            remedy = "give both the same patient in metadata.csv, or remove one of them"
            found.append(Fault(second.image_path, said, remedy, False))
    return found


def _details(small: np.ndarray) -> np.ndarray:
    """What distinguishes one chest from another, its edges: as they are, cut, and mirrored, a row
    each, whose mean is 0 and whose length is 1.
    """
    edges = small - cv2.GaussianBlur(small, (0, 0), 3)
    cuts = np.array([
        cv2.resize(edges[top : SIDE - bottom, left : SIDE - right], (SIDE // 2, SIDE // 2),
                   interpolation=cv2.INTER_AREA)
        for top, bottom, left, right in product(range(MOST_CUT + 1), repeat=4)
    ])  # fmt: skip
    rows = np.concatenate([cuts, cuts[:, :, ::-1]]).reshape(2 * len(cuts), -1)
    rows -= rows.mean(axis=1, keepdims=True)
    return rows / (np.linalg.norm(rows, axis=1, keepdims=True) + 1e-9)
