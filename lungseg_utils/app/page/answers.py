"""What is done with an X-ray: answered once, then measured and drawn at any threshold."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lungseg_utils.app.batch import as_png
from lungseg_utils.app.networks import load_networks
from lungseg_utils.images import decode_xray
from lungseg_utils.overlay import outlined, to_grey_picture
from lungseg_utils.predict import LEAST_QUALITY, Network, Prediction, predict
from lungseg_utils.types import Xray

PICTURE_SIDE = 960  # pixels of the longer side of the picture that is shown


@dataclass(frozen=True)
class Answer:
    """What is kept of an X-ray: what the networks said, and `preview`, the X-ray as a picture."""

    prediction: Prediction
    preview: np.ndarray

    def report(self, threshold: float) -> dict:
        """All that is said of the X-ray, in the types of JSON."""
        found = self.prediction.at(threshold)
        return {
            "height": found.shape[0],
            "width": found.shape[1],
            "spacing_mm": found.spacing_mm,
            "threshold": threshold,
            "areas": [
                {"image_side": area.side, "patient_side": area.patient_side,
                 "pixels": area.pixels, "cm2": area.cm2}
                for area in found.areas
            ],
            "cover": float(found.mask.mean()),
            "quality": found.quality,
            "reliable": (found.quality or 0) >= LEAST_QUALITY,
            "warnings": found.warnings,
        }  # fmt: skip

    def mask_png(self, threshold: float) -> bytes:
        """The mask as a PNG of 1 bit, of the X-ray's own size."""
        return as_png(self.prediction.at(threshold).mask)

    def overlay_png(self, threshold: float) -> bytes:
        """The picture with the outline on it, as a PNG."""
        return as_png(outlined(self.preview, self.prediction.at(threshold).mask))


class Segmenter:
    """The networks, and what is asked of them."""

    def __init__(self, networks: Sequence[Network]):
        self.networks = networks

    def file(self, content: bytes) -> Answer:
        """The answer to an X-ray's file. Raises: DataError with a sentence."""
        return self.answer(decode_xray(content, "the file"))

    def answer(self, xray: Xray) -> Answer:
        """The first network's answer; the others tell how far to trust it."""
        found = predict(self.networks, xray.image, xray.spacing_mm, notes=xray.notes)
        return Answer(found, to_grey_picture(xray.image, xray.spacing_mm, PICTURE_SIDE))


def warm_networks() -> list[Network]:
    """The networks that come with the package, having seen a picture: the first one takes long."""
    networks = load_networks()
    predict(networks, np.eye(256, dtype=np.float32))
    return networks
