"""What is done with an X-ray: answered once, then measured and drawn at any threshold."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import keras
import numpy as np

from lungseg_utils.masks import lung_areas
from lungseg_utils.metrics import Spacing
from lungseg_utils.predict import LEAST_CONFIDENCE, mask_warnings, outlined, predict
from lungseg_utils.pretrained import MONTGOMERY, SIMULATED, load_pretrained
from lungseg_utils.unet import mask_from_square
from lungseg_utils.xray import Xray, decode_xray

SIDE = 960  # pixels of the longer side of the picture that is shown


@dataclass(frozen=True)
class Answer:
    """What is kept of an X-ray: `square` float32 (size, size), the network's probability; `shape`
    (height, width) and `spacing_mm` of the X-ray; `preview` uint8 (height, width), in its true
    proportions; `warnings` that hold at every threshold.
    """

    square: np.ndarray
    shape: tuple[int, int]
    spacing_mm: Spacing | None
    preview: np.ndarray
    confidence: float
    warnings: tuple[str, ...]

    def mask(self, threshold: float) -> np.ndarray:
        """Where the lungs are, bool of `shape`."""
        return mask_from_square(self.square, self.shape, threshold)

    def report(self, threshold: float) -> dict:
        """All that is said of the X-ray, in the types of JSON."""
        mask = self.mask(threshold)
        areas = lung_areas(mask, self.spacing_mm)
        return {
            "height": self.shape[0],
            "width": self.shape[1],
            "spacing_mm": self.spacing_mm,
            "threshold": threshold,
            "areas": [
                {"image_side": area.side, "patient_side": area.patient_side,
                 "pixels": area.pixels, "cm2": area.cm2}
                for area in areas
            ],
            "cover": float(mask.mean()),
            "confidence": self.confidence,
            "reliable": self.confidence >= LEAST_CONFIDENCE,
            "warnings": [*mask_warnings(mask, areas), *self.warnings],
        }  # fmt: skip

    def mask_png(self, threshold: float) -> bytes:
        """The mask as a PNG of the X-ray's own size, 0 and 255."""
        return _png(self.mask(threshold).view(np.uint8) * np.uint8(255))

    def overlay_png(self, threshold: float) -> bytes:
        """The picture with the outline on it, as a PNG."""
        image = self.preview / np.float32(255)
        picture = outlined(image, self.mask(threshold), side=SIDE)
        return _png(cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))


class Work:
    """The networks, and what is asked of them."""

    def __init__(self, networks: Sequence[keras.Model]):
        self.networks = networks

    def file(self, content: bytes) -> Answer:
        """The answer to an X-ray's file. Raises: DataError with a sentence."""
        return self.answer(decode_xray(content, "the file"))

    def answer(self, xray: Xray) -> Answer:
        """The first network's answer; the others tell how far to trust it."""
        found = predict(self.networks, xray.image, xray.spacing_mm, joint=False)
        of_the_mask = mask_warnings(found.mask, found.areas)
        nothing = np.zeros((1, 1), bool)
        preview = outlined(xray.image, nothing, xray.spacing_mm, SIDE)[:, :, 0].copy()
        warnings = *found.warnings[len(of_the_mask) :], *xray.notes
        square = found.square.copy()  # alone, without the answers beside it in memory
        return Answer(square, found.mask.shape, xray.spacing_mm, preview, found.confidence,
                      warnings)  # fmt: skip


def load_networks() -> list[keras.Model]:
    """The networks that come with the package, the one that gives the mask first; warm."""
    networks = [load_pretrained(MONTGOMERY), load_pretrained(SIMULATED)]
    predict(networks, np.eye(256, dtype=np.float32))
    return networks


def _png(pixels: np.ndarray) -> bytes:
    return cv2.imencode(".png", pixels)[1].tobytes()
