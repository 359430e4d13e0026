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

WORKERS = 2  # batches prepared at a time
LARGEST_UINT16 = 65535
MAX_ROTATION = math.radians(12)
MAX_ZOOM = 0.15  # share of the size
MAX_SHIFT = 0.08  # share of the size
MAX_LOG_GAMMA = 0.4
MAX_CONTRAST = 0.2
MAX_NOISE = 0.03  # standard deviation, where the image spans 0 to 1


@dataclass(frozen=True)
class Squares:
    """Images float32 (n, size, size) in [0, 1] and their masks bool (n, size, size)."""

    images: np.ndarray
    masks: np.ndarray


def load_squares(records: Sequence[Record], size: int, folder: Path | str) -> Squares:
    """Images and masks of the records, stretched to (size, size) pixels.

    Decoded the first time and kept in `folder`; read from there as long as no file has changed.
    Raises: as `read_image` and `read_mask`.
    """
    path = Path(folder) / f"squares-{size}-{_fingerprint(records)}.npz"
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
        return Squares(kept["images"].astype(np.float32) / LARGEST_UINT16, kept["masks"])


def training_batches(
    squares: Squares,
    batch_size: int,
    epochs: range,
    seed: int = 0,
    channels: int = 1,
    augmented: bool = True,
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
        mask = tf.cast(tf.gather(masks, chosen), tf.float32)[..., None]
        if augmented:
            key = tf.random.experimental.stateless_fold_in([seed, epoch], step)
            image, mask = augment(image, mask, key)
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


def augment(image: tf.Tensor, mask: tf.Tensor, seed: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Another plausible acquisition of the same patients, the image and its mask moved alike.

    Args: float32 (n, s, s, 1) both, the image in [0, 1]; `seed` int64 (2,).
    Returns: the same shapes. Turned, zoomed and shifted about the centre (the mask by nearest
        neighbour, so that it stays binary), then gamma, contrast and noise on the image alone.
    """
    seeds = tf.random.experimental.stateless_split(seed, 3)
    count = tf.shape(image)[0]
    moves = _projections(tf.random.stateless_uniform((count, 4), seeds[0], -1, 1), image.shape[1])
    image, mask = _move(image, moves, "BILINEAR"), _move(mask, moves, "NEAREST")
    tones = tf.random.stateless_uniform((count, 3, 1, 1, 1), seeds[1], -1, 1)
    image = image ** tf.exp(MAX_LOG_GAMMA * tones[:, 0])
    image = (image - 0.5) * (1 + MAX_CONTRAST * tones[:, 1]) + 0.5
    noise = tf.random.stateless_normal(tf.shape(image), seeds[2])
    return tf.clip_by_value(image + MAX_NOISE * tf.abs(tones[:, 2]) * noise, 0, 1), mask


def _projections(draws: tf.Tensor, size: int) -> tf.Tensor:
    # the eight numbers of ImageProjectiveTransformV3 map a place of the output to one of the input
    angle, zoom = MAX_ROTATION * draws[:, 0], 1 + MAX_ZOOM * draws[:, 1]
    cos, sin = zoom * tf.cos(angle), zoom * tf.sin(angle)
    centre = (size - 1) / 2
    across = centre + MAX_SHIFT * size * draws[:, 2] - centre * (cos - sin)
    down = centre + MAX_SHIFT * size * draws[:, 3] - centre * (sin + cos)
    zero = tf.zeros_like(cos)
    return tf.stack([cos, -sin, across, sin, cos, down, zero, zero], axis=1)


def _move(batch: tf.Tensor, moves: tf.Tensor, interpolation: str) -> tf.Tensor:
    return tf.raw_ops.ImageProjectiveTransformV3(
        images=batch,
        transforms=moves,
        output_shape=tf.shape(batch)[1:3],
        fill_value=0.0,
        interpolation=interpolation,
        fill_mode="CONSTANT",
    )


def _square_pair(record: Record, size: int) -> tuple[np.ndarray, np.ndarray]:
    image = to_square(read_image(record.image_path), size)
    mask = to_square(read_lungs(record), size)
    return (image * LARGEST_UINT16).round().astype(np.uint16), mask


def _fingerprint(records: Sequence[Record]) -> str:
    digest = hashlib.sha256()
    for record in records:
        for path in (record.image_path, record.mask_left_path, record.mask_right_path):
            facts = path.stat()
            digest.update(f"{path} {facts.st_size} {facts.st_mtime_ns}\n".encode())
    return digest.hexdigest()[:16]
