"""Decoded once, and batches that depend on seed, epoch and step alone."""

import numpy as np
import pytest
import tensorflow as tf
from sets import numbered_squares

from lungseg_utils.augmentation import MILD, STRONG, augment
from lungseg_utils.pipeline import training_batches
from lungseg_utils.squares import Squares

SIZE = 64
COUNT = 10


@pytest.fixture(scope="module")
def squares():
    return numbered_squares(COUNT, SIZE)


def batches(squares, epochs, batch_size=5, seed=5, **settings):
    dataset = training_batches(squares, batch_size, epochs, seed, **settings)
    return [(image.numpy(), mask.numpy()) for image, mask in dataset]


def order(squares, epochs, **settings):
    """The numbers of the images, batch by batch."""
    found = batches(squares, epochs, augmentation=None, **settings)
    return [tuple(np.rint(image[:, 0, 0, 0] * COUNT).astype(int)) for image, _ in found]


def assert_equal(found, expected):
    assert len(found) == len(expected)
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(one[0], other[0])
        np.testing.assert_array_equal(one[1], other[1])


def test_resumed_training_sees_what_an_uninterrupted_one_would(squares):
    whole = batches(squares, range(5), batch_size=3)
    assert_equal(batches(squares, range(3, 5), batch_size=3), whole[3 * 3 :])
    assert_equal(batches(squares, range(5), batch_size=3), whole)


def test_another_seed_gives_another_order(squares):
    assert order(squares, range(2), seed=1) != order(squares, range(2), seed=2)


def test_every_seed_epoch_and_step_changes_an_image_in_another_way(squares):
    same = Squares(*(np.repeat(array[:1], COUNT, axis=0)
                     for array in (squares.images, squares.masks)))  # fmt: skip
    found = [image for seed in (1, 2) for batch, _ in batches(same, range(2), seed=seed)
             for image in batch]  # fmt: skip
    assert len({image.tobytes() for image in found}) == len(found) == 2 * 2 * COUNT


def test_each_epoch_has_its_own_order_and_every_image_once(squares):
    found = order(squares, range(8))
    epochs = [one + other for one, other in zip(found[::2], found[1::2], strict=True)]
    assert len(set(epochs)) == 8
    assert all(sorted(epoch) == list(range(COUNT)) for epoch in epochs)


def test_last_smaller_batch_is_left_out_and_not_always_the_same(squares):
    found = order(squares, range(12), batch_size=4)
    assert [len(batch) for batch in found] == [4, 4] * 12
    left_out = [set(range(COUNT)) - {*one, *other}
                for one, other in zip(found[::2], found[1::2], strict=True)]  # fmt: skip
    assert all(len(places) == 2 for places in left_out)
    assert len(set.union(*left_out)) > COUNT / 2


def test_batch_larger_than_the_set_is_the_set(squares):
    assert [len(batch) for batch in order(squares, range(2), batch_size=99)] == [COUNT, COUNT]


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("augmentation", [None, MILD, STRONG])
def test_batches_are_what_the_network_takes(channels, augmentation, squares):
    settings = {"channels": channels, "augmentation": augmentation}
    dataset = training_batches(squares, 5, range(2), **settings)
    assert dataset.element_spec[0].shape == (5, SIZE, SIZE, channels)
    for image, mask in dataset.as_numpy_iterator():
        assert (image.shape, image.dtype) == ((5, SIZE, SIZE, channels), np.float32)
        assert (mask.shape, mask.dtype) == ((5, SIZE, SIZE, 1), np.float32)
        assert 0 <= image.min() < image.max() <= 1
        assert (mask.min(), mask.max()) == (0, 1)
        assert (image == image[..., :1]).all()


def test_copies_are_those_of_the_augmentation_that_was_asked_for(squares):
    """By default the mild one, of seed 0, in one channel."""
    plain = training_batches(squares, 5, range(1), augmentation=None)
    key = tf.zeros(2, tf.int64)
    for settings in ({}, {"augmentation": STRONG}):
        found = training_batches(squares, 5, range(1), **settings)
        for step, (copy, original) in enumerate(zip(found, plain, strict=True)):
            seed = tf.random.experimental.stateless_fold_in(key, tf.constant(step, tf.int64))
            expected = augment(*original, seed, settings.get("augmentation", MILD))
            assert_equal([copy], [expected])


def test_without_augmentation_the_images_are_as_they_were(squares):
    found = batches(squares, range(2), augmentation=None)
    for chosen, (image, mask) in zip(order(squares, range(2)), found, strict=True):
        np.testing.assert_array_equal(image[..., 0], squares.images[list(chosen)])
        np.testing.assert_array_equal(mask[..., 0], squares.masks[list(chosen)])
