"""What odd grey values cost: Dice on the same X-rays as they are, and as people store them.

    python benchmarks/greys.py NAME=FOLDER ...

writes benchmarks/greys.json: for each set and each way to store its X-rays the mean Dice of the
course's network, how far it is from that of the files as they are, the largest loss of an image,
how many lose more than .05 without a note, and the share of files with a note. Each set is one that
`load_records` reads, its files of 8 bits.
"""

import json
import sys

import cv2
import numpy as np
from facts import FOLDER, facts
from tqdm import tqdm

from lungseg_utils.grey import scaled
from lungseg_utils.masks import read_lungs
from lungseg_utils.metrics import dice
from lungseg_utils.predict import predict_mask
from lungseg_utils.pretrained import load_pretrained
from lungseg_utils.radiographs import load_records
from lungseg_utils.types import Stored

SILENT = 0.05  # of Dice, a loss that a note must tell


def twelve(pixels: np.ndarray) -> np.ndarray:
    """8 bits as a detector's 12, with grain in the lower four."""
    grain = np.random.default_rng(0).integers(0, 16, pixels.shape, np.uint16)
    return pixels.astype(np.uint16) * 16 + grain


def hot(pixels: np.ndarray) -> np.ndarray:
    pixels[5, 7], pixels[100, 100] = 65535, 40000
    return pixels


def label(pixels: np.ndarray, value: int) -> np.ndarray:
    height, width = pixels.shape
    pixels[height // 20 : height // 8, width // 20 : width // 6] = value
    return pixels


def border(pixels: np.ndarray, value: int) -> np.ndarray:
    wide = pixels.shape[0] // 50
    for edge in (np.s_[:wide], np.s_[-wide:], np.s_[:, :wide], np.s_[:, -wide:]):
        pixels[edge] = value
    return pixels


def text(pixels: np.ndarray, value: int) -> np.ndarray:
    """Letters with smooth edges in two corners."""
    height, width = pixels.shape
    drawn = np.zeros(pixels.shape, np.uint8)
    for left, row in ((width // 20, height // 8), (width // 2, height - height // 20)):
        cv2.putText(drawn, "R 12345", (left, row), 0, width / 400, 255, max(1, width // 150))
    share = cv2.GaussianBlur(drawn, (0, 0), height / 500) / 255
    return (pixels * (1 - share) + value * share).astype(pixels.dtype)


def smooth(pixels: np.ndarray) -> np.ndarray:
    """As a smaller copy, made larger again: nothing in it has a sharp edge."""
    blurred = cv2.GaussianBlur(pixels.astype(np.float32), (0, 0), pixels.shape[0] / 500)
    return blurred.round().astype(pixels.dtype)


def clip(pixels: np.ndarray, low: int, high: int) -> np.ndarray:
    return np.uint8(255 * np.clip((pixels.astype(float) - low) / (high - low), 0, 1))


def rectangle(pixels: np.ndarray, value: int) -> np.ndarray:
    """One over a part of the lung at image left, as where a name was painted over."""
    height, width = pixels.shape
    pixels[int(0.35 * height) : int(0.6 * height), int(0.15 * width) : int(0.4 * width)] = value
    return pixels


def broken_off(pixels: np.ndarray) -> np.ndarray:
    """Grey below the middle, as decoders fill what is missing."""
    pixels[len(pixels) // 2 :] = 128
    return pixels


STORED = {
    "as they are": lambda pixels: pixels,
    "12 bits in 16": twelve,
    "8 bits shifted by 2": lambda pixels: pixels.astype(np.uint16) << 2,
    "8 bits shifted by 6": lambda pixels: pixels.astype(np.uint16) << 6,
    "two hot pixels": lambda pixels: hot(twelve(pixels)),
    "a label of 65535": lambda pixels: label(twelve(pixels), 65535),
    "a border of 65535": lambda pixels: border(twelve(pixels), 65535),
    "12 bits // 4 + 30000": lambda pixels: twelve(pixels) // 4 + 30000,
    "that with a black border": lambda pixels: border(twelve(pixels) // 4 + 30000, 0),
    "12 bits - 2000, signed": lambda pixels: twelve(pixels).astype(np.int16) - np.int16(2000),
    "a third of the contrast": lambda pixels: (pixels // 3 + 100).astype(np.uint8),
    "a third, and a white label": lambda pixels: label(pixels // 3, 255),
    "smooth letters of 65535": lambda pixels: text(twelve(pixels), 65535),
    "a smooth border of 65535": lambda pixels: smooth(border(twelve(pixels), 65535)),
    "a smooth black border": lambda pixels: smooth(border(twelve(pixels) // 4 + 30000, 0)),
    "a third, and smooth letters": lambda pixels: text(pixels // 3, 255),
    "half, and a smooth border": lambda pixels: smooth(border(pixels // 2, 255)),
    "black below 140 of 255": lambda pixels: clip(pixels, 140, 255),
    "black below 170 of 255": lambda pixels: clip(pixels, 170, 255),
    "white above 128 of 255": lambda pixels: clip(pixels, 0, 128),
    "white above 100 of 255": lambda pixels: clip(pixels, 0, 100),
    "black below 100, white above 160": lambda pixels: clip(pixels, 100, 160),
    "a white rectangle": lambda pixels: rectangle(pixels, 255),
    "a black rectangle": lambda pixels: rectangle(pixels, 0),
    "a grey lower half": broken_off,
    "1.3 times, overflown": lambda pixels: (pixels * 1.3).astype(np.uint8),
    "1.6 times, overflown": lambda pixels: (pixels * 1.6).astype(np.uint8),
    "false colours": lambda pixels: cv2.applyColorMap(pixels, cv2.COLORMAP_JET),
    "floating point": lambda pixels: pixels * np.float32(17.3) - 500,
}


def measure_set(folder: str) -> dict:
    """Dice of each way to store the X-rays of a set."""
    model, scores = load_pretrained(), {name: [] for name in STORED}
    for record in tqdm(load_records(folder), folder):
        pixels = cv2.imread(str(record.image_path), cv2.IMREAD_UNCHANGED)
        lungs = read_lungs(record)
        for name, store in STORED.items():
            xray = scaled(Stored(store(pixels.copy())), record.name)
            scores[name].append((dice(predict_mask(model, xray.image), lungs), bool(xray.notes)))
    plain = np.array(scores["as they are"])[:, 0]
    return {name: row(np.array(found), plain) for name, found in scores.items()}


def row(found: np.ndarray, plain: np.ndarray) -> dict:
    """One line of the table; `found` has a Dice and whether there was a note for each image."""
    losses = plain - found[:, 0]
    return {
        "images": len(found),
        "dice": round(float(found[:, 0].mean()), 5),
        "change": round(float(-losses.mean()), 5),
        "largest_loss": round(float(losses.max()), 5),
        "silent_losses": int(((losses > SILENT) & (found[:, 1] == 0)).sum()),
        "with_a_note": round(float(found[:, 1].mean()), 3),
    }


if __name__ == "__main__":
    sets = dict(one.split("=", 1) for one in sys.argv[1:])
    content = {name: measure_set(folder) for name, folder in sets.items()} | {"run": facts()}
    (FOLDER / "greys.json").write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
