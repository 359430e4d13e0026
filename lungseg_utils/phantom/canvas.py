"""Patient millimetres on a pixel grid: fill an outline, draw a tube, carry a smooth layer over.

x runs to the right of the picture (the patient's left) from the midline, y runs down from the top
of the lungs. Points are float arrays (n, 2) of (x, y) in mm.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import repeat

import cv2
import numpy as np

STEP = 2.0  # mm of the grid on which smooth layers are computed
LEFT, TOP = -340.0, -190.0  # mm of that grid's corner
CORNER = np.array([LEFT, TOP], np.float32)[:, None, None]
MASK_GRID = 0.25  # mm of the grid on which masks are drawn
UNBEND = 4  # repetitions; each leaves about a sixth of the error of the one before


@dataclass(frozen=True)
class Bend:
    """A smooth bend of the whole body: no two people have one shape.

    A point of the picture at x shows the anatomy of x + sum of size * sin(wave . x + phase), with
    `size` float (n, 2) in mm, `wave` float (n, 2) in radians a mm and `phase` float (n,). The sum
    of |size| |wave| must stay below 1, so that nothing folds over.
    """

    size: np.ndarray
    wave: np.ndarray
    phase: np.ndarray

    def shift(self, points: np.ndarray) -> np.ndarray:
        """Where points (n, 2) of the picture, in mm, take their anatomy from, less the points."""
        return np.sin(points @ self.wave.T + self.phase) @ self.size


STRAIGHT = Bend(np.zeros((1, 2)), np.zeros((1, 2)), np.zeros(1))


@dataclass(frozen=True)
class View:
    """A pixel grid of (height, width), and the way from patient mm to its pixels.

    The body is bent, then `matrix`, float (2, 3), is an affine map from mm to pixels.
    """

    shape: tuple[int, int]
    matrix: np.ndarray
    bend: Bend = STRAIGHT

    def pixels(self, points: np.ndarray) -> np.ndarray:
        """Pixel coordinates (n, 2) of points (n, 2) in mm."""
        bent = points
        if self.bend is not STRAIGHT:
            for _ in range(UNBEND):  # x = anatomy - shift(x), by repetition
                bent = points - self.bend.shift(bent)
        return bent @ self.matrix[:, :2].T + self.matrix[:, 2]

    @cached_property
    def places(self) -> np.ndarray:
        """Patient mm (x, y) at the centre of each pixel, float32 (2, height, width)."""
        inverse = np.linalg.inv(self.matrix[:, :2])
        rows, columns = np.arange(self.shape[0]), np.arange(self.shape[1])
        down = inverse[:, 1:] * rows - (inverse @ self.matrix[:, 2])[:, None]  # (2, height)
        right = inverse[:, :1] * columns  # (2, width)
        found = down[:, :, None].astype(np.float32) + right[:, None].astype(np.float32)
        a, b = (self.bend.wave @ down + self.bend.phase[:, None]).T, self.bend.wave @ right
        # sin(a + b) = sin a cos b + cos a sin b: each wave is two outer products
        waves = np.vstack([np.cos(b), np.sin(b)]).astype(np.float32)
        for axis, size in zip(found, self.bend.size.T, strict=True):
            axis += np.hstack([np.sin(a) * size, np.cos(a) * size]).astype(np.float32) @ waves
        return found

    def draw(self, layer: np.ndarray, outlines: Sequence, values: Iterable[float]) -> None:
        """Fill outlines given in mm with a value each, in place, on a uint8 layer."""
        ends = np.cumsum([len(points) for points in outlines])
        fixed = np.round(self.pixels(np.concatenate(outlines)) * 16).astype(np.int32)
        for start, end, value in zip([0, *ends], ends, values, strict=False):
            cv2.fillPoly(layer, [fixed[start:end]], float(value), cv2.LINE_AA, 4)

    def fill(self, *outlines: np.ndarray) -> np.ndarray:
        """Coverage, float32 in [0, 1], of the union of outlines given in mm."""
        layer = np.zeros(self.shape, np.uint8)
        self.draw(layer, outlines, repeat(255))
        return layer.astype(np.float32) / 255

    def area(self, outline: np.ndarray, *without: np.ndarray) -> np.ndarray:
        """Pixels, bool, at least half covered by what is inside one outline and outside others.

        Drawn on a grid of about 0.25 mm, since OpenCV's outlines run half a pixel too wide.
        """
        times = max(1, round(self.pixel_mm / MASK_GRID))
        matrix = self.matrix * times
        matrix[:, 2] += (times - 1) / 2
        fine = View((self.shape[0] * times, self.shape[1] * times), matrix, self.bend)
        layer = np.zeros(fine.shape, np.uint8)
        for points, value in ((outline, 255), *((points, 0) for points in without)):
            fixed = np.round(fine.pixels(points) * 16).astype(np.int32)
            cv2.fillPoly(layer, [fixed], value, cv2.LINE_8, 4)
        return cv2.resize(layer, self.shape[::-1], interpolation=cv2.INTER_AREA) > 127

    def carry(self, layer: np.ndarray) -> np.ndarray:
        """A float32 layer on the smooth grid, seen in this view; 0 outside that grid."""
        x, y = (self.places - CORNER) / np.float32(STEP)
        return cv2.remap(layer.astype(np.float32), x, y, cv2.INTER_LINEAR)

    @property
    def pixel_mm(self) -> float:
        """Side of a square as large as one pixel, in mm."""
        return float(abs(np.linalg.det(self.matrix[:, :2])) ** -0.5)


GRID = View((350, 340), np.array([[1 / STEP, 0, -LEFT / STEP], [0, 1 / STEP, -TOP / STEP]]))
X, Y = np.meshgrid(
    (np.arange(340) * STEP + LEFT).astype(np.float32),
    (np.arange(350) * STEP + TOP).astype(np.float32),
)


def mm(x: float, y: float) -> np.ndarray:
    """A point or an offset (2,) in mm."""
    return np.array([x, y])


def smooth(points: list, closed: bool = False, pieces: int = 8) -> np.ndarray:
    """Catmull-Rom curve through control points (n, 2); float (n * pieces or so, 2)."""
    p = np.asarray(points, float)
    around = np.vstack([p[-1:], p, p[:2]]) if closed else np.vstack([p[:1], p, p[-1:]])
    a, b, c, d = around[:-3, None], around[1:-2, None], around[2:-1, None], around[3:, None]
    t = np.linspace(0, 1, pieces, endpoint=False)[None, :, None]
    curve = b + t / 2 * (c - a + t * (2 * a - 5 * b + 4 * c - d + t * (3 * (b - c) + d - a)))
    return np.vstack([curve.reshape(-1, 2), p[:1] if closed else p[-1:]])


def ribbon(line: np.ndarray, width) -> np.ndarray:
    """Outline (2 n, 2) of a band along a line (n, 2), of a width in mm for all or each point.

    Leading axes of both are kept, for many bands at a time.
    """
    along = np.empty_like(line, float)
    along[..., 1:-1, :] = line[..., 2:, :] - line[..., :-2, :]
    along[..., 0, :] = line[..., 1, :] - line[..., 0, :]
    along[..., -1, :] = line[..., -1, :] - line[..., -2, :]
    along /= np.sqrt((along**2).sum(-1, keepdims=True)) + 1e-9
    across = np.stack([-along[..., 1], along[..., 0]], -1) * (np.asarray(width) / 2)[..., None]
    return np.concatenate([line + across, (line - across)[..., ::-1, :]], -2)


def outset(outline: np.ndarray, reach: float) -> np.ndarray:
    """An outline (n, 2), clockwise as it is seen, moved outwards by `reach` mm."""
    along = np.roll(outline, -1, 0) - np.roll(outline, 1, 0)
    across = np.column_stack([along[:, 1], -along[:, 0]])
    return outline + reach * across / (np.hypot(*across.T)[:, None] + 1e-9)


def ellipse(centre: tuple, radii: tuple, angle: float = 0.0) -> np.ndarray:
    """Outline (40, 2) of an ellipse with centre and radii in mm, turned by an angle in radians."""
    turn = np.linspace(0, 2 * np.pi, 40, endpoint=False)
    x, y = radii[0] * np.cos(turn), radii[1] * np.sin(turn)
    cos, sin = np.cos(angle), np.sin(angle)
    return np.column_stack([centre[0] + x * cos - y * sin, centre[1] + x * sin + y * cos])


def inflate(outline: np.ndarray, radius: float) -> np.ndarray:
    """Relative thickness in [0, 1] on the smooth grid of a body rounded over `radius` mm."""
    inside = (GRID.fill(outline) > 0.5).astype(np.uint8)
    depth = cv2.distanceTransform(inside, cv2.DIST_L2, 5) * (STEP / radius)
    return cv2.GaussianBlur(np.sqrt(1 - (1 - depth.clip(0, 1)) ** 2), (0, 0), 0.8)


def noise(rng: np.random.Generator, shape: tuple[int, int], scale: float) -> np.ndarray:
    """Smooth float32 noise of mean 0 and deviation 1, with lumps of about `scale` pixels."""
    small = [max(2, round(n / scale) + 2) for n in shape]
    lumps = rng.standard_normal(small, dtype=np.float32)
    return cv2.resize(lumps, shape[::-1], interpolation=cv2.INTER_CUBIC)
