"""Room 03: the U-Net (Ronneberger et al. 2015, doi 10.1007/978-3-319-24574-4_28)."""

import keras
import numpy as np
from keras import layers

from lungseg_utils.masks import keep_two_lungs, to_native, to_square

THRESHOLD = 0.5  # fixed beforehand, never tuned on the images that are scored


def build_unet(
    size: int,
    channels: int = 1,
    filters: int = 16,
    depth: int = 4,
    momentum: float = 0.9,
    precision: str = "float32",
) -> keras.Model:
    """A U-Net from (n, size, size, channels) in [0, 1] to probabilities (n, size, size, 1).

    Args: `filters` at the first level, doubled at each of `depth` halvings; `momentum` of
        BatchNorm's moving averages; `precision` a Keras dtype policy, such as "mixed_bfloat16".
    Raises: ValueError if `size` cannot be halved `depth` times.
    """
    if size % 2**depth:
        raise ValueError(
            f"size {size} cannot be halved {depth} times: take a multiple of {2**depth}"
        )
    inputs = keras.Input((size, size, channels))
    x, skips = inputs, []
    for level in range(depth):
        x = _convolve_twice(x, filters * 2**level, momentum, precision)
        skips.append(x)
        x = layers.MaxPooling2D(dtype=precision)(x)
    x = _convolve_twice(x, filters * 2**depth, momentum, precision)
    for level in reversed(range(depth)):
        x = layers.Conv2DTranspose(filters * 2**level, 2, strides=2, dtype=precision)(x)
        x = layers.Concatenate(dtype=precision)([x, skips[level]])
        x = _convolve_twice(x, filters * 2**level, momentum, precision)
    # float32: probabilities near 0 and 1 need more digits than 16 bits have
    outputs = layers.Conv2D(1, 1, activation="sigmoid", dtype="float32")(x)
    return keras.Model(inputs, outputs, name="unet")


def build_article_unet() -> keras.Model:
    """The article's network: 512x512x3 input, 64 to 1024 filters, 31,055,297 parameters."""
    return build_unet(512, channels=3, filters=64, momentum=0.99)


def receptive_span(place: int, depth: int) -> tuple[int, int]:
    """First and last pixel of a row on which the answer at pixel `place` of it can depend.

    Walks back through a U-Net of `depth` poolings, from its output to its input: two convolutions
    reach 2 pixels further on either side, an enlarged pixel came from one, a pooled one from two.
    The span may reach beyond the image.
    """
    first = last = place
    for _ in range(depth):
        first, last = (first - 2) // 2, (last + 2) // 2
    first, last = first - 2, last + 2
    for _ in range(depth):
        first, last = 2 * first - 2, 2 * last + 1 + 2
    return first, last


def predict_probability(model: keras.Model, image: np.ndarray) -> np.ndarray:
    """The network's probability of lung, float32, at the image's own (height, width).

    Args: `image` float32 (height, width) in [0, 1], of any size.
    """
    return to_native(_on_square(model, image), image.shape)


def predict_mask(
    model: keras.Model, image: np.ndarray, shape: tuple[int, int] | None = None
) -> np.ndarray:
    """The network's mask, bool (height, width): probability above 0.5, in two pieces at most.

    Args: `image` float32 (height, width) in [0, 1], of any size; `shape` (height, width) of the
        mask, the image's own unless given.
    """
    return mask_from_square(_on_square(model, image), shape or image.shape)


def mask_from_square(
    probability: np.ndarray, shape: tuple[int, int], threshold: float = THRESHOLD
) -> np.ndarray:
    """The mask, bool of `shape`, of a probability float32 (size, size): above the threshold, the
    two largest pieces, their holes filled.
    """
    above = probability > threshold
    lungs = keep_two_lungs(above)
    probability = np.where(above == lungs, probability, lungs.astype(np.float32))
    return to_native(probability, shape) > threshold


def _on_square(model: keras.Model, image: np.ndarray) -> np.ndarray:
    _, size, _, channels = model.input_shape
    square = to_square(image, size)
    batch = np.repeat(square[None, :, :, None], channels, axis=-1)  # (1, size, size, channels)
    return np.asarray(model(batch, training=False))[0, :, :, 0]


def _convolve_twice(x, filters: int, momentum: float, precision: str):
    for _ in range(2):
        x = layers.Conv2D(filters, 3, padding="same", dtype=precision)(x)
        x = layers.BatchNormalization(momentum=momentum, dtype=precision)(x)
        x = layers.Activation("relu", dtype=precision)(x)
    return x
