"""The losses, against cases worked by hand, Keras's own, and the metric of notebook 05."""

import keras
import numpy as np
import pytest
from keras import ops

from lungseg_utils import losses, metrics


def batch(*images):
    """Images (height, width) as one float32 batch (n, height, width, 1)."""
    return np.array(images, np.float32)[..., None]


def value(tensor):
    return ops.convert_to_numpy(tensor)


# two images of 2 x 2: one half found, one not found at all
TRUE = batch([[1, 1], [0, 0]], [[1, 0], [0, 0]])
PREDICTED = batch([[1, 0], [0, 0]], [[0, 0], [0, 1]])


def random_pair(count=3, size=8):
    rng, shape = np.random.default_rng(0), (count, size, size, 1)
    true = (rng.uniform(0, 1, shape) > 0.6).astype(np.float32)
    return true, rng.uniform(0.01, 0.99, shape).astype(np.float32)


def test_smoothed_dice_by_hand():
    # (2 x 1 + 1) / (2 + 1 + 1) and (2 x 0 + 1) / (1 + 1 + 1): the smoothing is one pixel
    assert np.allclose(value(losses.smoothed_dice(TRUE, PREDICTED)), [3 / 4, 1 / 3])


def test_smoothed_dice_takes_probabilities_as_they_are():
    true, predicted = batch([[1, 1], [0, 0]]), batch([[0.8, 0.6], [0.4, 0.2]])
    # shared 0.8 + 0.6, sum 2 + 2
    assert np.allclose(value(losses.smoothed_dice(true, predicted)), [(2 * 1.4 + 1) / (4 + 1)])


@pytest.mark.parametrize("dtype", [bool, np.uint8, np.float16])
def test_masks_of_any_type_are_taken(dtype):
    assert np.allclose(value(losses.smoothed_dice(TRUE.astype(dtype), PREDICTED)), [3 / 4, 1 / 3])
    assert np.allclose(value(losses.article_dice_loss(TRUE.astype(dtype), PREDICTED)), 1 - 2 / 5)


def test_two_empty_masks_agree():
    nothing = np.zeros((2, 4, 4, 1), np.float32)
    assert np.allclose(value(losses.smoothed_dice(nothing, nothing)), 1)
    assert np.allclose(value(losses.dice_loss(nothing, nothing)), 0)
    assert np.allclose(value(losses.article_dice_loss(nothing, nothing)), 0)


def test_dice_loss_is_one_minus_soft_dice_of_each_image():
    assert np.allclose(value(losses.dice_loss(TRUE, PREDICTED)), [1 / 4, 2 / 3])


def test_article_loss_is_pooled_over_the_batch():
    # all eight pixels as one image: shared 1, sums 3 and 2
    pooled = value(losses.article_dice_loss(TRUE, PREDICTED))
    assert pooled.shape == ()
    assert np.allclose(pooled, 1 - 2 / 5)
    each = [value(losses.article_dice_loss(TRUE[i : i + 1], PREDICTED[i : i + 1])) for i in (0, 1)]
    assert np.allclose(each, [1 - 2 / 3, 1])
    assert not np.isclose(np.mean(each), pooled)


def test_article_loss_is_keras_s_dice():
    true, predicted = random_pair()
    expected = value(keras.losses.Dice()(true, predicted))
    assert np.allclose(value(losses.article_dice_loss(true, predicted)), expected, atol=1e-6)


def test_dice_loss_of_large_images_is_keras_s_dice_of_each():
    true, predicted = random_pair(size=64)
    expected = [
        value(keras.losses.Dice()(t[None], p[None])) for t, p in zip(true, predicted, strict=True)
    ]
    # a smoothing of one pixel in some 3,600 is all that they differ by
    assert np.allclose(value(losses.dice_loss(true, predicted)), expected, atol=3e-4)


def test_bce_dice_loss_by_hand():
    true, predicted = batch([[1, 0]]), batch([[0.5, 0.25]])
    crossentropy = -(np.log(0.5) + np.log(0.75)) / 2
    dice = 1 - (2 * 0.5 + 1) / (1 + 0.75 + 1)
    assert np.allclose(value(losses.bce_dice_loss(true, predicted)), [crossentropy + dice])


def test_bce_dice_loss_is_of_each_image():
    true, predicted = random_pair()
    together = value(losses.bce_dice_loss(true, predicted))
    alone = [
        value(losses.bce_dice_loss(t[None], p[None]))[0]
        for t, p in zip(true, predicted, strict=True)
    ]
    assert together.shape == (3,)
    assert np.allclose(together, alone, atol=1e-6)


def test_crossentropy_part_is_keras_s():
    true, predicted = random_pair()
    rest = value(losses.bce_dice_loss(true, predicted) - losses.dice_loss(true, predicted))
    expected = value(keras.losses.BinaryCrossentropy()(true, predicted))
    assert np.allclose(rest.mean(), expected, atol=1e-6)


@pytest.mark.parametrize("loss", [losses.bce_dice_loss, losses.dice_loss])
def test_a_perfect_mask_costs_nothing_and_the_opposite_much(loss):
    true, _ = random_pair()
    assert np.allclose(value(loss(true, true)), 0, atol=1e-5)
    assert (value(loss(true, 1 - true)) > 0.9).all()


@pytest.mark.parametrize("loss", [losses.bce_dice_loss, losses.dice_loss, losses.article_dice_loss])
def test_a_better_probability_lowers_every_loss(loss):
    """Each pixel alone, moved towards its truth: this is what a gradient follows."""
    true, predicted = random_pair(count=1, size=4)
    before = value(loss(true, predicted)).item()
    for row, column in np.ndindex(4, 4):
        moved = predicted.copy()
        moved[0, row, column] += 0.05 * (true[0, row, column] - predicted[0, row, column])
        assert value(loss(true, moved)).item() < before


def test_losses_stay_finite_at_0_and_1():
    true, _ = random_pair()
    for loss in (losses.bce_dice_loss, losses.dice_loss, losses.article_dice_loss):
        for predicted in (np.zeros_like(true), np.ones_like(true)):
            assert np.isfinite(value(loss(true, predicted))).all()


def test_hard_dice_is_the_metric_s_dice():
    true, predicted = random_pair(size=64)
    found = value(losses.hard_dice(true, predicted))
    expected = [
        metrics.dice(p[:, :, 0] > 0.5, t[:, :, 0] > 0.5)
        for t, p in zip(true, predicted, strict=True)
    ]
    assert found.shape == (3,)
    assert np.allclose(found, expected, atol=5e-4)


def test_hard_dice_sees_only_the_side_of_the_threshold():
    true = batch([[1, 1], [0, 0]])
    timid, bold = batch([[0.51, 0.49], [0.5, 0.1]]), batch([[1, 0], [0, 0]])
    assert np.allclose(value(losses.hard_dice(true, timid)), value(losses.hard_dice(true, bold)))
    assert np.allclose(value(losses.hard_dice(true, timid)), [3 / 4])
    shares = 0.4 + 0.1 * true  # a half is lung, as in a mask that was made smaller
    assert np.allclose(value(losses.hard_dice(shares, timid)), [3 / 4])
