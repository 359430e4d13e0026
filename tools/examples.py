"""X-rays to try the page in the browser with, simulated: no patient is shown."""

from collections.abc import Callable
from functools import cache
from typing import NamedTuple

import cv2
import numpy as np

from lungseg_utils.phantom import simulate
from lungseg_utils.types import Xray

SIZE, SEED = 1024, 11
FILM_MM = 0.0875  # a pixel of the simulated film at its native size


class Example(NamedTuple):
    """An X-ray with a name, one sentence on what is to be seen, and the function that makes it."""

    name: str
    says: str
    xray: Callable[[], Xray]

    @property
    def file(self) -> str:
        """The name of its file on the page."""
        return f"{self.name.lower().replace(' ', '_').replace('-', '_')}.png"


@cache
def patient(index: int) -> Xray:
    """A simulated patient, float32 (SIZE, SIZE)."""
    phantom = simulate(SEED, index, SIZE)
    sides = phantom.native_height, phantom.native_width
    return Xray(phantom.image / np.float32(255), tuple(FILM_MM * side / SIZE for side in sides))


def turned(xray: Xray) -> Xray:
    """The same X-ray, turned by 90 degrees clockwise."""
    return xray._replace(image=np.rot90(xray.image, -1).copy(), spacing_mm=xray.spacing_mm[::-1])


@cache
def report() -> Xray:
    """A page of text, as scanned into many an archive: no X-ray at all."""
    page = np.tile(np.linspace(60, 255, 960)[:, None], (1, 800)).astype(np.uint8)  # lit from below
    for row in range(90, 940, 60):
        cv2.putText(page, "No effusion. Lungs clear.", (40, row), 0, 1.6, 0, 4, cv2.LINE_AA)
    return Xray(page / np.float32(255))


EXAMPLES = (
    Example("Normal", "a simulated patient with nothing to see in the lungs", lambda: patient(30)),
    Example(
        "Effusion",
        "a simulated patient with fluid round the patient's right lung",
        lambda: patient(146),
    ),
    Example("Turned", "a simulated patient, turned by 90 degrees", lambda: turned(patient(28))),
    Example("No X-ray", "a page of text", report),
)
