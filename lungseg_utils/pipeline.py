"""Room 04: from records to batches. The one module that speaks TensorFlow.

Decoding a 20-megapixel PNG takes longer than training on it, so each is decoded once, squared, and
kept (`load_squares`); `training_batches` then feeds the network from memory.
"""

import hashlib
import math
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from tqdm import tqdm

from lungseg_utils.masks import read_lungs, to_square
from lungseg_utils.radiographs import Record, read_image
from lungseg_utils.recipes import MILD, Augmentation

WORKERS = 2  # batches prepared at a time
LARGEST_UINT16 = 65535


@dataclass(frozen=True)
class Squares:
    """Images and masks, both float32 (n, size, size) in [0, 1]; a mask's pixel says what share of
    its area is lung."""

    images: np.ndarray
    masks: np.ndarray


def load_squares(records: Sequence[Record], size: int, folder: Path | str) -> Squares:
    """Images and masks of the records, stretched to (size, size) pixels.

    Decoded the first time and kept in `folder`; read from there as long as no file has changed.
    Raises: as `read_image` and `read_mask`.
    """
    path = Path(folder) / f"shares-{size}-{_fingerprint(records)}.npz"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        with ThreadPoolExecutor() as pool:  # OpenCV releases the interpreter lock
            pairs = pool.map(lambda record: _square_pair(record, size), records)
            pairs = list(tqdm(pairs, "decoding", len(records), leave=False, unit="image"))
        images, masks = (np.stack(arrays) for arrays in zip(*pairs, strict=True))
        part = path.with_suffix(f".{os.getpid()}.part")
        with part.open("wb") as file:
            np.savez(file, images=images, masks=masks)
        part.replace(path)
    with np.load(path) as kept:
        arrays = (kept[name].astype(np.float32) / LARGEST_UINT16 for name in ("images", "masks"))
        return Squares(*arrays)


def training_batches(
    squares: Squares,
    batch_size: int,
    epochs: range,
    seed: int = 0,
    channels: int = 1,
    augmentation: Augmentation | None = MILD,
) -> tf.data.Dataset:
    """Batches of the given epochs in turn: images (b, s, s, channels) and masks (b, s, s, 1).

    Order and augmentation depend on (seed, epoch, step) alone, so that a training that resumes at
    epoch k sees what an uninterrupted one would have seen. The last batch of an epoch is left out
    where it would be smaller than the others; each epoch leaves out other images.
    """
    images, masks = tf.constant(squares.images), tf.constant(squares.masks)
    count, size = len(squares.images), squares.images.shape[1]
    batch_size = min(batch_size, count)

    def indices(epoch):
        order = tf.random.experimental.stateless_shuffle(tf.range(count), seed=[seed, epoch])
        batches = tf.data.Dataset.from_tensor_slices(order).batch(batch_size, drop_remainder=True)
        return batches.enumerate().map(lambda step, chosen: (epoch, step, chosen))

    def load(epoch, step, chosen):
        image = tf.gather(images, chosen)[..., None]
        mask = tf.gather(masks, chosen)[..., None]
        if augmentation:
            key = tf.random.experimental.stateless_fold_in([seed, epoch], step)
            image, mask = augment(image, mask, key, augmentation)
        image = tf.repeat(image, channels, axis=-1)
        return tf.ensure_shape(image, (batch_size, size, size, channels)), mask

    dataset = tf.data.Dataset.range(epochs.start, epochs.stop).flat_map(indices)
    options = tf.data.Options()
    options.threading.private_threadpool_size = WORKERS
    dataset = dataset.map(load, num_parallel_calls=WORKERS, deterministic=True)
    return dataset.prefetch(WORKERS).with_options(options)


def make_reproducible(seed: int) -> None:
    """Have Keras draw the same numbers, and TensorFlow do the same sums, at every run."""
    keras.utils.set_random_seed(seed)
    tf.config.experimental.enable_op_determinism()


def augment(
    image: tf.Tensor, mask: tf.Tensor, seed: tf.Tensor, largest: Augmentation = MILD
) -> tuple[tf.Tensor, tf.Tensor]:
    """Another plausible acquisition of the same patients, the image and its mask moved alike.

    Args: float32 (n, s, s, 1) in [0, 1] both; `seed` int64 (2,); `largest` changes.
    Returns: the same shapes. Both moved about the centre, then sharpness, tones, shade and noise on
        the image alone.
    """
    seeds = tf.random.experimental.stateless_split(seed, 4)
    count, size = tf.shape(image)[0], image.shape[1]
    moves = _projections(tf.random.stateless_uniform((6, count), seeds[0], -1, 1), size, largest)
    image, mask = _move(image, moves), _move(mask, moves)
    tones = tf.random.stateless_uniform((6, count, 1, 1, 1), seeds[1], -1, 1)
    if largest.sharpness:
        blurred = tf.nn.avg_pool2d(tf.nn.avg_pool2d(image, 3, 1, "SAME"), 3, 1, "SAME")
        image = tf.clip_by_value(image + largest.sharpness * tones[0] * (image - blurred), 0, 1)
    image = image ** tf.exp(largest.gamma * tones[1])
    image = (image - 0.5) * (1 + largest.contrast * tones[2]) + 0.5 + largest.brightness * tones[3]
    if largest.shade:
        coarse = tf.random.stateless_normal((count, 4, 4, 1), seeds[2])
        image += largest.shade * tones[4] * tf.image.resize(coarse, (size, size), "bicubic")
    noise = tf.random.stateless_normal(tf.shape(image), seeds[3])
    return tf.clip_by_value(image + largest.noise * tf.abs(tones[5]) * noise, 0, 1), mask


def _projections(draws: tf.Tensor, size: int, largest: Augmentation) -> tf.Tensor:
    # the eight numbers of ImageProjectiveTransformV3 map a place of the output to one of the input
    angle = math.radians(largest.rotation) * draws[0]
    zoom, stretch = largest.zoom * draws[1], largest.stretch * draws[2]
    wide, tall = tf.exp(zoom + stretch), tf.exp(zoom - stretch)
    a, b = wide * tf.cos(angle), -wide * tf.sin(angle) + largest.shear * draws[3]
    c, d = tall * tf.sin(angle), tall * tf.cos(angle)
    centre = (size - 1) / 2
    across = centre + largest.shift * size * draws[4] - centre * (a + b)
    down = centre + largest.shift * size * draws[5] - centre * (c + d)
    zero = tf.zeros_like(a)
    return tf.stack([a, b, across, c, d, down, zero, zero], axis=1)


def _move(batch: tf.Tensor, moves: tf.Tensor) -> tf.Tensor:
    return tf.raw_ops.ImageProjectiveTransformV3(
        images=batch,
        transforms=moves,
        output_shape=tf.shape(batch)[1:3],
        fill_value=0.0,
        interpolation="BILINEAR",
        fill_mode="CONSTANT",
    )


def _square_pair(record: Record, size: int) -> tuple[np.ndarray, np.ndarray]:
    arrays = read_image(record.image_path), read_lungs(record).astype(np.float32)
    return tuple(
        (to_square(array, size) * LARGEST_UINT16).round().astype(np.uint16) for array in arrays
    )


def _fingerprint(records: Sequence[Record]) -> str:
    digest = hashlib.sha256()
    for record in records:
        for path in (record.image_path, record.mask_left_path, record.mask_right_path):
            facts = path.stat()
            digest.update(f"{path} {facts.st_size} {facts.st_mtime_ns}\n".encode())
    return digest.hexdigest()[:16]
