"""Notebook 06: the table of scores, one row per image, with means and intervals."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from tqdm import tqdm

from lungseg_utils.masks import read_pair
from lungseg_utils.metrics import SCORES, bootstrap_interval, score
from lungseg_utils.squares import to_native
from lungseg_utils.types import Image, Mask, Record, written_whole

if TYPE_CHECKING:  # `lungseg evaluate` takes no pandas
    import pandas as pd

Segment = Callable[[Image], Mask]


def evaluate(segment: Segment, records: Sequence[Record]) -> "pd.DataFrame":
    """The rows of `score_records` as a table."""
    import pandas as pd

    return pd.DataFrame(score_records(segment, records))


def score_records(segment: Segment, records: Sequence[Record]) -> list[dict]:
    """Score a method on each record, against its reference mask, at that mask's own size, in mm.

    Args: `segment` takes a float32 image (height, width) in [0, 1] and returns a bool mask of that
        shape: `functools.partial(predict_mask, model)` for a network, any function for a baseline.
    Returns: one row an image: name, patient, label, sex, age and the scores of `metrics.score`.
    """
    rows = []
    for record in tqdm(records, "scoring", leave=False, unit="image", disable=None):
        image, reference = read_pair(record)
        known = {name: getattr(record, name) for name in ("name", "patient", "label", "sex", "age")}
        rows.append(known | score(segment(image), reference, record.spacing_mm))
    return rows


def summarise(table: "pd.DataFrame") -> "pd.DataFrame":
    """The means of `mean_scores`, a row for each score, with columns mean, low and high."""
    import pandas as pd

    return pd.DataFrame.from_dict(mean_scores(table.to_dict(orient="records")), orient="index")


def mean_scores(rows: Sequence[dict]) -> dict[str, dict[str, float]]:
    """Mean over images of each score, with its 95 % bootstrap interval over patients.

    Args: `rows` of `score_records`.
    Returns: mean, low and high by score; distances that some image lacks are left out.
    """
    found, patients = {}, [row["patient"] for row in rows]
    for name in SCORES:
        values = np.array([row.get(name, np.nan) for row in rows])
        if len(values) and not np.isnan(values).any():
            low, high = bootstrap_interval(values, patients)
            found[name] = {"mean": float(values.mean()), "low": low, "high": high}
    return found


def by_group(table: "pd.DataFrame", column: str) -> "pd.DataFrame":
    """Mean Dice in each group of a column (label, sex, ...), with n and its interval.

    Returns: one row a group, columns n (images), mean, low and high; what is unknown is a group.
    """
    import pandas as pd

    rows = {}
    for group, part in table.groupby(column, dropna=False):
        ends = bootstrap_interval(part["dice"], part["patient"])
        rows[group] = len(part), part["dice"].mean(), *ends
    index = pd.Index(list(rows), name=column)
    return pd.DataFrame(list(rows.values()), index, ["n", "mean", "low", "high"])


def mean_shape(masks: np.ndarray) -> Segment:
    """A baseline that does not look: the pixels that are lung in most training masks.

    Args: `masks` shares of lung (n, size, size). Returns: a method for `evaluate`.
    """
    share = masks.mean(axis=0)
    return lambda image: to_native(share, image.shape) > 0.5


def write_results(path: Path | str, table: "pd.DataFrame", data: str, scale: str) -> None:
    """Keep the scores of a course's run as JSON: the summary, in words too, and a row an image."""
    rows = table.to_dict(orient="records")
    content = {
        "data": data,
        "scale": scale,
        "test_images": len(table),
        "test_patients": int(table["patient"].nunique()),
        "scores": {
            name: {"title": SCORES[name].title, "unit": SCORES[name].unit, **row}
            for name, row in mean_scores(rows).items()
        },
        "images": rows,
    }
    write_json(path, content)


def write_json(path: Path | str, content: dict) -> None:
    """Write numbers of NumPy's types too; an infinite one as "inf", one that is missing as null."""
    with written_whole(Path(path)) as part:
        text = json.dumps(_plain(content), indent=1, allow_nan=False)
        part.write_text(text + "\n", encoding="utf-8")


def _plain(value):
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if isinstance(value, float | np.floating):
        return None if np.isnan(value) else float(value) if np.isfinite(value) else "inf"
    return value.item() if isinstance(value, np.generic) else value
