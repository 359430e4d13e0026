"""Notebook 04: what training minimizes.

Written in keras.ops, for batches (n, height, width, 1).
"""

from typing import Any

import keras
from keras import ops

from lungseg_utils.predict import THRESHOLD

Tensor = Any  # of whichever backend Keras runs on
SMOOTHING = 1.0  # pixels; keeps an empty mask from dividing by zero
ARTICLE_SMOOTHING = 1e-15


def smoothed_dice(y_true: Tensor, y_pred: Tensor) -> Tensor:
    """Soft Dice of each image of a batch, smoothed, float (n,); differentiable.

    Source: Milletari et al. 2016, doi 10.1109/3DV.2016.79, without the squares.
    """
    axes = (1, 2, 3)
    y_true, y_pred = ops.cast(y_true, "float32"), ops.cast(y_pred, "float32")
    shared = ops.sum(y_true * y_pred, axis=axes)
    total = ops.sum(y_true, axis=axes) + ops.sum(y_pred, axis=axes)
    return (2 * shared + SMOOTHING) / (total + SMOOTHING)


def dice_loss(y_true: Tensor, y_pred: Tensor) -> Tensor:
    """1 - soft Dice of each image, float (n,)."""
    return 1 - smoothed_dice(y_true, y_pred)


def bce_dice_loss(y_true: Tensor, y_pred: Tensor) -> Tensor:
    """Binary cross-entropy (mean over pixels) plus the Dice loss of each image, float (n,).

    The cross-entropy pulls every pixel, the Dice loss weighs lung and background alike.
    """
    y_true, y_pred = ops.cast(y_true, "float32"), ops.cast(y_pred, "float32")
    crossentropy = ops.mean(keras.losses.binary_crossentropy(y_true, y_pred), axis=(1, 2))
    return crossentropy + dice_loss(y_true, y_pred)


def article_dice_loss(y_true: Tensor, y_pred: Tensor) -> Tensor:
    """The article's loss: 1 - soft Dice of the whole batch laid out as one image, a scalar."""
    y_true, y_pred = ops.cast(y_true, "float32"), ops.cast(y_pred, "float32")
    shared, total = ops.sum(y_true * y_pred), ops.sum(y_true) + ops.sum(y_pred)
    return 1 - (2 * shared + ARTICLE_SMOOTHING) / (total + ARTICLE_SMOOTHING)


def hard_dice(y_true: Tensor, y_pred: Tensor) -> Tensor:
    """Dice of each image of a batch after the threshold, float (n,): a metric, not a loss."""
    return smoothed_dice(y_true >= 0.5, ops.cast(y_pred > THRESHOLD, "float32"))


LOSSES = {"bce_dice": bce_dice_loss, "article_dice": article_dice_loss}
