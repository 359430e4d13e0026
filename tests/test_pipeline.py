"""Decoded once, and batches that depend on seed, epoch and step alone."""

import os
from dataclasses import replace

import numpy as np
import pytest
import tensorflow as tf
from sets import NAMES, lungs, radiograph, write_pictures, write_set

from lungseg_utils import pipeline
from lungseg_utils.masks import read_lungs, to_square
from lungseg_utils.metrics import dice
from lungseg_utils.pipeline import Squares, augment, load_squares, training_batches
from lungseg_utils.radiographs import load_records, read_image
from lungseg_utils.recipes import MILD, STRONG

SIZE = 64
COUNT = 10


@pytest.fixture
def records(tmp_path):
    return load_records(write_set(tmp_path / "set"))


@pytest.fixture
def no_decoder(monkeypatch):
    """Whatever decodes from here on fails."""

    def decode(*_):
        raise AssertionError("decoded again")

    return lambda: [monkeypatch.setattr(pipeline, name, decode)
                    for name in ("read_image", "read_lungs")]  # fmt: skip


@pytest.fixture(scope="module")
def squares():
    """Ten images, each with its own number in its first pixel."""
    shape = (SIZE, SIZE)
    images = np.stack([radiograph(shape, tilt=3 * index) for index in range(COUNT)])
    images[:, 0, 0] = np.arange(COUNT) / COUNT
    masks = np.stack([np.logical_or(*lungs(shape, tilt=3 * index)) for index in range(COUNT)])
    return Squares(images.astype(np.float32), masks.astype(np.float32))


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


def test_squares_are_the_files_squared(records, tmp_path):
    found = load_squares(records, 16, tmp_path / "cache")
    assert (found.images.shape, found.images.dtype) == ((4, 16, 16), np.float32)
    assert (found.masks.shape, found.masks.dtype) == ((4, 16, 16), np.float32)
    for record, image, mask in zip(records, found.images, found.masks, strict=True):
        expected = to_square(read_image(record.image_path), 16)
        np.testing.assert_allclose(image, expected, atol=1 / 65535)
        whole = read_lungs(record)
        np.testing.assert_allclose(mask, to_square(whole.astype(np.float32), 16), atol=1 / 65535)
        assert mask.mean() == pytest.approx(whole.mean(), rel=1e-3), "the area is another one"
        assert ((mask > 0.01) & (mask < 0.99)).any(), "outlines run along whole pixels"


def test_second_call_decodes_nothing(records, tmp_path, no_decoder):
    first = load_squares(records, 16, tmp_path)
    no_decoder()
    second = load_squares(records, 16, str(tmp_path))
    np.testing.assert_array_equal(first.images, second.images)
    np.testing.assert_array_equal(first.masks, second.masks)
    for other, size in ((records, 17), (records[:3], 16), (records[::-1], 16)):
        with pytest.raises(AssertionError, match="decoded again"):
            load_squares(other, size, tmp_path)


@pytest.mark.parametrize("which", ["image_path", "mask_left_path", "mask_right_path"])
def test_a_changed_file_is_decoded_again(which, records, tmp_path):
    first = load_squares(records, 16, tmp_path / "cache")
    write_pictures(tmp_path / "other", NAMES[1], tilt=60)
    changed = getattr(records[1], which)
    before = changed.stat()
    new = tmp_path / "other" / changed.relative_to(tmp_path / "set")
    changed.write_bytes(new.read_bytes())
    os.utime(changed, ns=(before.st_atime_ns, before.st_mtime_ns + 1))
    second = load_squares(records, 16, tmp_path / "cache")
    kind = "images" if which == "image_path" else "masks"
    differ = (getattr(first, kind) != getattr(second, kind)).any(axis=(1, 2))
    assert differ.tolist() == [False, True, False, False]


def test_a_file_of_another_time_is_decoded_again(records, tmp_path, no_decoder):
    load_squares(records, 16, tmp_path)
    os.utime(records[2].mask_left_path, ns=(0, 0))
    no_decoder()
    with pytest.raises(AssertionError, match="decoded again"):
        load_squares(records, 16, tmp_path)


def test_a_crash_while_writing_leaves_no_cache(records, tmp_path, monkeypatch):
    def crash(file, **_):
        file.write(b"half")
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(np, "savez", crash)
        with pytest.raises(KeyboardInterrupt):
            load_squares(records, 16, tmp_path / "cache")
    assert not list((tmp_path / "cache").glob("*.npz"))
    assert len(load_squares(records, 16, tmp_path / "cache").images) == 4
    assert len(list((tmp_path / "cache").iterdir())) == 1


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


def test_without_augmentation_the_images_are_as_they_were(squares):
    found = batches(squares, range(2), augmentation=None)
    for chosen, (image, mask) in zip(order(squares, range(2)), found, strict=True):
        np.testing.assert_array_equal(image[..., 0], squares.images[list(chosen)])
        np.testing.assert_array_equal(mask[..., 0], squares.masks[list(chosen)])


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
