"""Scores at the size of the detector: networks see small copies, references are whole."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import keras
import pandas as pd
from tqdm import tqdm

from lungseg_utils.images import read_image
from lungseg_utils.masks import measure_mask, read_lungs
from lungseg_utils.metrics import score
from lungseg_utils.predict import predict_mask
from lungseg_utils.radiographs import NATIVE_FILES
from lungseg_utils.types import Record

SPACING_MM = NATIVE_FILES["MCUCXR_"][0]


def score_at_native_size(
    model: keras.Model, records: Sequence[Record], masks: Path | str
) -> pd.DataFrame:
    """One row an image: what is known of it, and the scores against the masks as distributed.

    `masks` is a folder with leftMask and rightMask; the network's probability is brought to their
    size before the threshold.
    """
    rows = []
    for record in tqdm(records, "scoring", leave=False, unit="image"):
        paths = tuple(
            Path(masks) / side / f"{record.name}.png" for side in ("leftMask", "rightMask")
        )
        lungs = read_lungs(replace(record, mask_paths=paths, shape=measure_mask(paths[0])))
        mask = predict_mask(model, read_image(record.image_path), lungs.shape)
        known = {name: getattr(record, name) for name in ("name", "patient", "label", "sex", "age")}
        rows.append(known | score(mask, lungs, (SPACING_MM, SPACING_MM)))
    return pd.DataFrame(rows)
