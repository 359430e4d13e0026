"""Run lengths of a mask: the numbers in place of a picture, as other sets of masks have them.

CheXmask (Gaggion et al. 2024, doi 10.1038/s41597-024-03358-1) writes pairs of start and length, the
pixels counted from 1 along the rows. COCO (Lin et al. 2014, arXiv 1405.0312) writes how many pixels
are alike in turn, beginning with those outside, down the columns.
"""

from collections.abc import Sequence

import numpy as np

from lungseg_utils.types import Mask


def to_runs(mask: Mask) -> str:
    """A mask, bool (height, width), as CheXmask writes it: "start length start length ..."."""
    starts, ends = (
        np.flatnonzero(np.diff(mask.ravel(), prepend=False, append=False)).reshape(-1, 2).T
    )
    return " ".join(map(str, np.column_stack([starts + 1, ends - starts]).ravel()))


def from_runs(runs: str | dict, shape: tuple[int, int] | None = None) -> Mask:
    """The mask, bool (height, width), of CheXmask's text, whose `shape` is given, or of COCO's
    `{"size": [height, width], "counts": [...]}`.

    Raises: ValueError if they do not fit the shape.
    """
    if isinstance(runs, dict):
        height, width = runs["size"]
        return _alternating(runs["counts"], height * width).reshape(width, height).T
    starts, lengths = np.array(runs.split(), int).reshape(-1, 2).T
    ends = np.column_stack([starts - 1, starts - 1 + lengths]).ravel()  # of what is outside, inside
    counts = np.diff(ends, prepend=0, append=np.prod(shape))
    return _alternating(counts, int(np.prod(shape))).reshape(shape)


def _alternating(counts: Sequence[int], pixels: int) -> Mask:
    if np.min(counts) < 0 or np.sum(counts) != pixels:
        raise ValueError(f"the run lengths are not those of a mask of {pixels} pixels")
    return np.repeat(np.arange(len(counts)) % 2 == 1, counts)
