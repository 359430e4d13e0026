"""Copies of images and masks: moved alike, within their limits."""

from dataclasses import replace

import numpy as np
import pytest
import tensorflow as tf
from sets import numbered_squares

from lungseg_utils.augmentation import MILD, STRONG, augment
from lungseg_utils.metrics import dice
from lungseg_utils.squares import Squares

SIZE, COUNT = 64, 10


@pytest.fixture(scope="module")
def squares():
    return numbered_squares(COUNT, SIZE)


def augmented(squares, seed=0, largest=MILD):
    """Pictures of the masks themselves, augmented as images and as masks; bool (n, s, s) both."""
    masks = tf.constant(squares.masks[..., None])
    image, mask = augment(masks, masks, tf.constant([seed, 0], tf.int64), largest)
    return image.numpy()[..., 0] >= 0.5, mask.numpy()[..., 0] >= 0.5


@pytest.mark.parametrize("largest", [MILD, replace(STRONG, gamma=0, brightness=0, shade=0)])
def test_image_and_mask_move_alike(largest, squares):
    for seed in range(20):
        images, masks = augmented(squares, seed, largest)
        assert min(dice(*pair) for pair in zip(images, masks, strict=True)) > 0.97


def test_augmented_images_differ_from_each_other_and_from_the_first(squares):
    same = Squares(squares.images, np.repeat(squares.masks[:1], COUNT, axis=0))
    moved = np.concatenate([augmented(same, seed)[1] for seed in range(3)])
    scores = [dice(mask, same.masks[0] >= 0.5) for mask in moved]
    assert len(set(scores)) > 25
    assert 0.5 < min(scores) < 0.85 < max(scores)


def test_moves_are_within_their_limits(squares):
    masks = np.concatenate([augmented(squares, seed)[1] for seed in range(20)])
    before = np.concatenate([squares.masks] * 20)
    zoom = np.sqrt(before.mean(axis=(1, 2)) / masks.mean(axis=(1, 2)))
    assert 0.82 < zoom.min() < 0.9 and 1.1 < zoom.max() < 1.2
    centres = np.array([np.argwhere(mask).mean(axis=0) for mask in masks]) / SIZE
    assert np.abs(centres - 0.5).max() < 0.14
    assert np.abs(centres.mean(axis=0) - 0.5).max() < 0.02


@pytest.mark.parametrize("largest", [MILD, STRONG])
def test_nothing_drawn_is_nothing_changed(largest, squares, monkeypatch):
    monkeypatch.setattr(tf.random, "stateless_uniform", lambda shape, *_: tf.zeros(shape))
    image = tf.constant(squares.images[..., None])
    mask = tf.constant(squares.masks[..., None])
    found = augment(image, mask, tf.constant([0, 0], tf.int64), largest)
    np.testing.assert_allclose(found[0], image, atol=1e-6)
    np.testing.assert_array_equal(found[1], mask)
