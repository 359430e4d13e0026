"""The lung finder in a browser, and what it says of a file."""

from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

from lungseg_utils.metrics import dice
from lungseg_utils.predict import Prediction, predict
from lungseg_utils.types import Mask, Xray

SECONDS = 1000  # in milliseconds, as Playwright counts
PATIENCE = 10 * SECONDS  # that any file may take
OPENING = 60 * SECONDS  # on the slowest machine
NOTHING = "\u2013"


class Said(NamedTuple):
    """What the page says of an X-ray."""

    areas: dict[str, tuple[int, float | None]]
    warnings: list[str]
    quality: float | None
    error: str


class Finder:
    """A window with the lung finder."""

    def __init__(self, page, expect) -> None:
        self.page, self.expect = page, expect

    def open(self, address: str) -> "Finder":
        """Open the page, and wait until it has found the lungs of its own example."""
        self.page.goto(address)
        self.expect(self["status"]).to_have_text("Example “Normal”: two outlines", timeout=OPENING)
        return self

    def __getitem__(self, name: str):
        return self.page.locator(f"#{name}")

    def offer(self, *files: Path | tuple[str, bytes]) -> None:
        """Choose files, by their paths or as names with contents."""
        kind = "application/octet-stream"
        given = [one if isinstance(one, Path) else {"name": one[0], "mimeType": kind,
                 "buffer": one[1]} for one in files]  # fmt: skip
        self["file"].set_input_files(given)

    def ask(self, file: Path | tuple[str, bytes], patience: int = PATIENCE) -> Said:
        """What the page says of one file."""
        self.offer(file)
        self.expect(self["wait"]).to_be_hidden(timeout=patience)
        return self.said()

    def said(self) -> Said:
        """What the page says now."""
        areas = {}
        for line in self.page.locator("#areas tr").all():
            title, _, pixels, cm2 = line.locator("th, td").all_inner_texts()
            if pixels not in ("none", NOTHING):
                known = None if cm2 == "unknown" else float(cm2)
                areas[title.removeprefix("image ")] = int(pixels.replace(",", "")), known
        quality = self["quality"].inner_text()
        warnings = self.page.locator("#warnings li").all_inner_texts()
        error = self["error"].inner_text()
        return Said(areas, warnings, None if quality == NOTHING else float(quality), error)

    def mask(self) -> Mask:
        """The mask that the page lets its reader download."""
        with self.page.expect_download() as caught:
            self["mask"].click()
        content = np.frombuffer(Path(caught.value.path()).read_bytes(), np.uint8)
        return cv2.imdecode(content, cv2.IMREAD_UNCHANGED) > 0


def differences(said: Said, mask: Mask, found: Prediction) -> dict[str, float | bool]:
    """How far the page is from `predict`: Dice of the masks, the largest difference of an area in
    shares of it, of the quality, and whether the warnings are alike.
    """
    expected = {area.side: area.pixels for area in found.areas}
    assert said.areas.keys() == expected.keys()
    areas = [abs(said.areas[side][0] - pixels) / pixels for side, pixels in expected.items()]
    return {
        "dice": dice(mask, found.mask),
        "area": max(areas, default=0.0),
        "quality": abs((said.quality or 0) - (found.quality or 0)),
        "same_warnings": said.warnings == list(found.warnings),
    }


def compared(finder: Finder, networks, file: Path | tuple[str, bytes], xray: Xray) -> dict:
    """As `differences`, for a file and what Python reads from it."""
    said = finder.ask(file, OPENING)
    assert not said.error
    found = predict(networks, xray.image, xray.spacing_mm, notes=xray.notes)
    return differences(said, finder.mask(), found)
