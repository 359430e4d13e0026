"""Notebook 04: random changes to images and masks, within what other X-rays show."""

import math
from dataclasses import dataclass

import tensorflow as tf
from keras import ops


@dataclass(frozen=True)
class Augmentation:
    """How far a copy of a radiograph may be from it: the largest change of each kind.

    Every change is drawn evenly between its negative and itself. `rotation` in degrees; `shift`,
    `zoom` (both ways alike), `stretch` (one way against the other) and `shear` as shares of the
    size; `gamma` as the logarithm of the exponent; `contrast` relative; `brightness`, `shade` (a
    slow change over the picture) and `noise` where the picture spans 0 to 1; `sharpness` 1 doubles
    fine detail, and takes it out where the draw is negative.
    """

    rotation: float
    zoom: float
    shift: float
    gamma: float
    contrast: float
    noise: float
    stretch: float = 0.0
    shear: float = 0.0
    brightness: float = 0.0
    sharpness: float = 0.0
    shade: float = 0.0


MILD = Augmentation(rotation=12, zoom=0.15, shift=0.08, gamma=0.4, contrast=0.2, noise=0.03)
STRONG = Augmentation(
    rotation=12, zoom=0.18, shift=0.09, gamma=0.7, contrast=0.3, noise=0.04, stretch=0.08,
    shear=0.06, brightness=0.12, sharpness=1.0, shade=0.12,
)  # fmt: skip


def augment(
    image: tf.Tensor, mask: tf.Tensor, seed: tf.Tensor, largest: Augmentation = MILD
) -> tuple[tf.Tensor, tf.Tensor]:
    """A copy of each image, and of its mask moved alike.

    Args: float32 (n, s, s, 1) in [0, 1] both; `seed` int64 (2,); `largest` changes.
    Returns: the same shapes. Both moved about the centre, then sharpness, tones, shade and noise on
        the image alone.
    """
    seeds = tf.random.experimental.stateless_split(seed, 4)
    count, size = tf.shape(image)[0], image.shape[1]
    moves = _moves(tf.random.stateless_uniform((6, count), seeds[0], -1, 1), size, largest)
    image, mask = (
        ops.image.affine_transform(one, moves, fill_mode="constant") for one in (image, mask)
    )
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


def _moves(draws: tf.Tensor, size: int, largest: Augmentation) -> tf.Tensor:
    # the eight numbers of affine_transform map a place of the output to one of the input
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
