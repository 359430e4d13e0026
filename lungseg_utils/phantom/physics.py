"""From attenuation to grey: Beer-Lambert, a spectrum, scatter, blur, photons and film."""

import cv2
import numpy as np

from .canvas import View, noise
from .ranges import PICTURE, SHARES


def transmit(attenuation: np.ndarray) -> np.ndarray:
    """Share of the beam that passes; two energies, so that thick and hard parts are compressed."""
    return 0.5 * np.exp(-1.18 * attenuation) + 0.5 * np.exp(-0.82 * attenuation)


def add_scatter(primary: np.ndarray, share: float, reach: float) -> np.ndarray:
    """The beam and what tissue scatters, spread over `reach` pixels; air scatters nothing."""
    small = cv2.resize(primary, None, fx=0.125, fy=0.125, interpolation=cv2.INTER_AREA)
    spread = cv2.GaussianBlur(1.5 * small * (1 - small), (0, 0), max(reach / 8, 0.8))
    return primary + share * cv2.resize(spread, primary.shape[::-1], interpolation=cv2.INTER_LINEAR)


def add_noise(beam: np.ndarray, photons: float, rng: np.random.Generator) -> np.ndarray:
    """Photon noise (Poisson, as its normal limit), and the grain of screen and film."""
    quantum = rng.standard_normal(beam.shape, dtype=np.float32) * np.sqrt(beam / photons)
    return (beam + 0.8 * quantum + 0.004 * beam * noise(rng, beam.shape, 1.6)).clip(1e-4)


def develop(dense: np.ndarray, lungs: np.ndarray, draw: dict[str, float]) -> np.ndarray:
    """Film and the reader's window: grey in [0, 1], little light is white.

    The film is exposed for the lungs; the window sets their darkest parts and the densest part.
    """
    grey = draw["lung_grey"]
    anchor = np.median(dense[lungs][::7]) - np.log(grey / (1 - grey)) / draw["gradient"]
    white = 1 / (1 + np.exp(-draw["gradient"] * (dense - anchor)))
    full = draw["white"] * np.percentile(white[::5, ::5], 99)
    black = (np.percentile(white[lungs][::7], 5) - draw["black"] * full) / (1 - draw["black"])
    return ((white - black) / (full - black)).clip(0, 1)


def enhance(dense: np.ndarray, draw: dict[str, float], pixel_mm: float) -> np.ndarray:
    """Digital processing: less of the broad shades, more of the detail."""
    small = cv2.resize(dense, None, fx=0.125, fy=0.125, interpolation=cv2.INTER_AREA)
    broad = cv2.GaussianBlur(small, (0, 0), draw["detail_reach"] / pixel_mm / 8)
    broad = cv2.resize(broad, dense.shape[::-1], interpolation=cv2.INTER_LINEAR)
    return dense + draw["detail"] * (dense - broad) - draw["harmony"] * (broad - broad.mean())


def expose(
    attenuation: np.ndarray,
    lungs: np.ndarray,
    view: View,
    rng: np.random.Generator,
    inverted: bool = False,
) -> np.ndarray:
    """The radiograph, float32 (height, width) in [0, 1], of a summed attenuation."""
    draw = {name: limits.draw(rng) for name, limits in PICTURE.items()}
    beam = transmit(draw["kilovolt_contrast"] * attenuation)
    beam = cv2.GaussianBlur(beam, (0, 0), max(draw["blur"] / view.pixel_mm, 0.3))
    beam = add_scatter(beam, draw["scatter"], draw["scatter_reach"] / view.pixel_mm)
    beam = add_noise(beam, draw["photons"] * view.pixel_mm**2 * 2, rng)
    heel = draw["heel"] * np.linspace(0.5, -0.5, beam.shape[1], dtype=np.float32)
    dense = heel - np.log(beam)
    if rng.random() < SHARES["digital"]:
        dense = enhance(dense, draw, view.pixel_mm)
    picture = develop(dense, lungs, draw)
    return 1 - picture if inverted else picture
