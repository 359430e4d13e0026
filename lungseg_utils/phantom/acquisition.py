"""The field of view, its borders, and what is written on the film."""

import cv2
import numpy as np

from .canvas import View
from .person import Person
from .ranges import BORDERS, LONG, MARKS, RIMS, SHARES, SHORT, SPACING_MM

LYING = "lying child", "bedside"


def native_size(who: Person, rng: np.random.Generator) -> tuple[int, int]:
    """Native (width, height) in pixels; broad chests are more often taken across the film, and the
    film of some rare kinds is cut to the patient.
    """
    if "film_height" in who.p:
        sides = 2 * who.half * who.film_width, who.H * who.film_height
        return tuple(round(side / SPACING_MM) for side in sides)
    upright = SHARES["portrait"] + 0.004 * (290 - 2 * who.half)
    return (SHORT, LONG) if rng.random() < upright else (LONG, SHORT)


def place(who: Person, native: tuple[int, int], shape: tuple[int, int]) -> View:
    """Where the patient falls on the film, which is stretched to `shape` (height, width)."""
    wide, tall = native[0] * SPACING_MM, native[1] * SPACING_MM
    angle = np.radians(who.rotation)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    spare = max(tall - 1.1 * who.H, 0) * (1 - who.grown) * 0.3
    room = max(wide / 2 - 1.08 * who.half - 6, 0)
    aside = who.off_centre if who.kind == "cropped" else np.clip(who.off_centre, -room, room)
    shift = np.array([wide / 2 + aside, who.apex_at * tall + spare])
    stretch = np.array([[shape[1] / wide], [shape[0] / tall]])
    matrix = np.hstack([turn, shift[:, None]]) * stretch
    matrix[:, 2] -= 0.5  # the first pixel's centre is 0, its outer edge -0.5
    return View(shape, matrix, who.bend)


def cut(picture: np.ndarray, edge: np.ndarray, rim: float) -> None:
    """Put a border, in place, where `edge` (pixels beyond the border) is above 0; a bright rim."""
    if rim:
        glow = 0.97 * np.exp(np.minimum(edge + rim, 0) / (2 * rim))
        np.maximum(picture, glow, out=picture)
    picture[edge > 0] = 0.0


def borders(picture: np.ndarray, lungs: np.ndarray, rng: np.random.Generator) -> None:
    """Collimator and film edges, in place, outside the lungs, bool (height, width)."""
    height, width = picture.shape
    down, across = np.flatnonzero(lungs.any(1)), np.flatnonzero(lungs.any(0))
    rows, columns = np.indices(picture.shape, dtype=np.float32)
    rim = height / 512 * RIMS[rng.choice(len(RIMS))].even(rng) * (rng.random() < SHARES["rimmed"])
    slant = np.tan(np.radians(rng.normal(0, 0.8)))
    if rng.random() < SHARES["lower_border"]:
        bottom = max(BORDERS["lower"].even(rng) * height, down[-1] + 0.02 * height)
        cut(picture, rows - bottom - slant * (columns - width / 2), rim)
    sides = (
        (columns - width, width, width - across[-1]),
        (-columns - 1, width, across[0]),
        (-rows - 1, height, down[0]),
    )
    for edge, size, room in sides:
        if rng.random() < SHARES["other_border"]:
            tilted = edge + slant * 0.5 * (rows + columns - size)
            cut(picture, tilted + min(BORDERS["other"].even(rng) * size, room), rim)


def letter(picture: np.ndarray, text: str, at: tuple, tall: float, box: bool) -> None:
    """Write, in place: white letters, or black ones in a white box; `tall` in pixels."""
    scale, thick = tall / 21, max(1, round(tall / 9))
    (wide, high), below = cv2.getTextSize(text, cv2.FONT_HERSHEY_DUPLEX, scale, thick)
    x, y = int(at[0]), int(at[1])
    ink = np.zeros(picture.shape, np.uint8)
    cv2.putText(ink, text, (x, y), cv2.FONT_HERSHEY_DUPLEX, scale, 255, thick, cv2.LINE_AA)
    if box:
        pad = max(2, round(tall / 5))
        top, left = max(y - high - pad, 0), max(x - pad, 0)
        picture[top : y + pad + below // 3, left : x + wide + pad] = 1.0
        picture *= 1 - ink / 255
    else:
        np.maximum(picture, ink / np.float32(255), out=picture)


def side_text(picture: np.ndarray, rng: np.random.Generator) -> None:
    """Small print up the right margin, in place."""
    height, width = picture.shape
    turned = np.zeros((max(height // 16, 8), height), np.float32)
    for line, text in enumerate(("SIMULATED", "NOT A PATIENT")):
        at = MARKS["print_start"].even(rng) * height, (2.6 + 2.6 * line) * height / 128
        letter(turned, text, at, height / 64, False)
    turned = np.roll(turned, int(MARKS["print_shift"].even(rng) * height), axis=1)
    left = int(MARKS["print_x"].even(rng) * width)
    spot = picture[:, left : left + len(turned)]
    np.maximum(spot, 0.9 * turned.T[:, ::-1][:, : spot.shape[1]], out=spot)


def blanked(picture: np.ndarray, rng: np.random.Generator) -> None:
    """A corner where the patient's name was blacked out, or a blank label, in place."""
    height, width = picture.shape
    wide, tall = (MARKS["blank_size"].even(rng, 2) * [width, 0.4 * height]).astype(int)
    lefts = MARKS["blank_left"].even(rng), MARKS["blank_right"].even(rng)
    left = int(rng.choice(lefts) * width)
    top = int(rng.choice((0.0, 0.0, 0.93)) * height)
    picture[top : top + tall, left : left + wide] = rng.choice((0.0, 0.0, 0.97))


def marks(picture: np.ndarray, rng: np.random.Generator, kind: str = "") -> None:
    """The side marker, the projection's label and small print, in place."""
    height, width = picture.shape
    tall = height / 512 * MARKS["letters"].even(rng)
    if rng.random() < SHARES["blanked"]:
        blanked(picture, rng)
    if rng.random() < SHARES["side_marked"]:
        at = MARKS["side_x"].even(rng) * width, MARKS["side_y"].even(rng) * height
        letter(picture, "R", at, tall, False)
    if rng.random() < SHARES["labelled"]:
        box = rng.random() < SHARES["boxed"]
        x, y = MARKS["label_x"].even(rng), MARKS["label_y"].even(rng)
        projection, posture = ("AP", "SUPINE") if kind in LYING else ("PA", "ERECT")
        letter(picture, projection, ((x + 0.03) * width, y * height), 0.75 * tall, box)
        letter(picture, posture, (x * width, (y + 0.052) * height), 0.75 * tall, box)
    if rng.random() < SHARES["printed"]:
        side_text(picture, rng)
