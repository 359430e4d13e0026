"""Copies of images and masks: moved alike, within their limits."""

from dataclasses import fields, replace

import cv2
import numpy as np
import pytest
import tensorflow as tf
from sets import numbered_squares

from lungseg_utils.augmentation import MILD, STRONG, Augmentation, augment
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


NONE = Augmentation(*[0.0] * 11)


def drawn(monkeypatch, image, largest, draw=1.0):
    """The copy of an image, and of itself as a mask, when every draw is `draw` and all noise 2."""
    monkeypatch.setattr(tf.random, "stateless_uniform", lambda shape, *_: tf.fill(shape, draw))
    monkeypatch.setattr(tf.random, "stateless_normal", lambda shape, *_: tf.fill(shape, 2.0))
    batch = tf.constant(image, tf.float32)[None, ..., None]
    found = augment(batch, batch, tf.constant([0, 0], tf.int64), replace(NONE, **largest))
    return [one.numpy()[0, ..., 0] for one in found]


RAMP = np.linspace(0.1, 0.9, 16, dtype=np.float32)[None].repeat(16, 0)
TONES = {
    "gamma": (0.4, 1.0, lambda x: x ** np.exp(0.4)),
    "gamma the other way": (0.4, -1.0, lambda x: x ** np.exp(-0.4)),
    "contrast": (0.2, 1.0, lambda x: (x - 0.5) * 1.2 + 0.5),
    "contrast the other way": (0.2, -1.0, lambda x: (x - 0.5) * 0.8 + 0.5),
    "brightness": (0.12, 1.0, lambda x: np.clip(x + 0.12, 0, 1)),
    "brightness the other way": (0.12, -1.0, lambda x: np.clip(x - 0.12, 0, 1)),
}


@pytest.mark.parametrize("case", TONES)
def test_tones_by_hand(case, monkeypatch):
    largest, draw, expected = TONES[case]
    image, mask = drawn(monkeypatch, RAMP, {case.split()[0]: largest}, draw)
    np.testing.assert_allclose(image, expected(RAMP), atol=1e-5)
    np.testing.assert_allclose(mask, RAMP, atol=1e-6)


def blurred(image):
    """The mean of three by three pixels, twice, of those that there are at the border."""
    for _ in range(2):
        image = cv2.blur(np.pad(image, 1), (3, 3))[1:-1, 1:-1] / cv2.blur(
            np.pad(np.ones_like(image), 1), (3, 3))[1:-1, 1:-1]  # fmt: skip
    return image


@pytest.mark.parametrize("draw", [1.0, -1.0, 0.5])
def test_sharpness_adds_fine_detail_or_takes_it_out(draw, monkeypatch):
    spot = RAMP.copy()
    spot[8, 8] += 0.2
    image, mask = drawn(monkeypatch, spot, {"sharpness": 0.5}, draw)
    expected = np.clip(spot + 0.5 * draw * (spot - blurred(spot)), 0, 1)
    np.testing.assert_allclose(image, expected, atol=1e-5)
    np.testing.assert_allclose(mask, spot, atol=1e-6)


@pytest.mark.parametrize("draw", [1.0, -1.0])
def test_shade_and_noise_by_hand(draw, monkeypatch):
    """A shade of equal numbers is a brightness; noise is as strong whichever sign is drawn."""
    image, mask = drawn(monkeypatch, RAMP, {"shade": 0.12}, draw)
    np.testing.assert_allclose(image, np.clip(RAMP + 0.12 * draw * 2, 0, 1), atol=1e-4)
    np.testing.assert_allclose(mask, RAMP, atol=1e-6)
    image, mask = drawn(monkeypatch, RAMP, {"noise": 0.03}, draw)
    np.testing.assert_allclose(image, np.clip(RAMP + 0.03 * 2, 0, 1), atol=1e-5)
    np.testing.assert_allclose(mask, RAMP, atol=1e-6)


def test_every_change_is_drawn_by_itself(monkeypatch):
    """And a shift twice: copies move across without moving down."""
    spot = RAMP.copy()
    spot[5:8, 9:12] += 0.2
    batch = tf.constant(spot)[None, ..., None]
    monkeypatch.setattr(tf.random, "stateless_normal", lambda shape, *_: tf.fill(shape, 2.0))

    def copy(largest, drawn):
        """The copy where of the twelve draws only this one is not zero."""
        draws = iter(np.eye(13, 12, dtype=np.float32)[drawn].reshape(2, 6))

        def uniform(shape, *_):
            return tf.broadcast_to(next(draws).reshape(6, *[1] * (len(shape) - 1)), shape)

        monkeypatch.setattr(tf.random, "stateless_uniform", uniform)
        return augment(batch, batch, tf.constant([0, 0], tf.int64), largest)[0].numpy()

    drawn_by = {}
    for kind in fields(Augmentation):
        largest = replace(NONE, **{kind.name: 0.1 if kind.name != "rotation" else 10})
        still = copy(largest, 12)
        found = [number for number in range(12) if not np.array_equal(copy(largest, number), still)]
        drawn_by[kind.name] = found
    assert {name for name, numbers in drawn_by.items() if len(numbers) != 1} == {"shift"}
    every = [number for numbers in drawn_by.values() for number in numbers]
    assert len(drawn_by["shift"]) == 2 and sorted(every) == list(range(12))
    across, down = (copy(replace(NONE, shift=0.25), one)[0] for one in drawn_by["shift"])
    np.testing.assert_allclose(across[:, :12, 0], spot[:, 4:], atol=1e-5)
    np.testing.assert_allclose(down[:12, :, 0], spot[4:], atol=1e-5)


def test_every_draw_is_even_in_its_limits_and_has_its_own_seed(monkeypatch):
    drawn, seeds = [], []
    for name in ("stateless_uniform", "stateless_normal"):
        draw = getattr(tf.random, name)

        def noted(shape, seed, *limits, draw=draw):
            seeds.append(tuple(seed.numpy()))
            drawn.append(draw(shape, seed, *limits).numpy())
            return drawn[-1]

        monkeypatch.setattr(tf.random, name, noted)
    many = tf.zeros((2000, 4, 4, 1))
    augment(many, many, tf.constant([1, 2], tf.int64), STRONG)
    assert len(set(seeds)) == 4
    for even in drawn[:2]:
        assert -1 <= even.min() < -0.99 and 0.99 < even.max() < 1 and abs(even.mean()) < 0.02


def test_tones_follow_each_other_as_it_is_written(monkeypatch):
    """Sharpness, gamma, contrast and brightness, shade, noise; within 0 and 1 after the first and
    at the end.
    """
    largest = dict(sharpness=2, gamma=0.7, contrast=-0.3, brightness=0.05, shade=0.1, noise=0.02)
    spot = RAMP.copy()
    spot[5:8, 9:12] += 0.2
    coarse = np.random.default_rng(0).normal(0, 0.2, (1, 4, 4, 1)).astype(np.float32)
    monkeypatch.setattr(tf.random, "stateless_uniform", lambda shape, *_: tf.fill(shape, 1.0))
    monkeypatch.setattr(
        tf.random, "stateless_normal",
        lambda shape, *_: coarse if tuple(shape) == (1, 4, 4, 1) else tf.fill(shape, 2.0),
    )  # fmt: skip
    batch = tf.constant(spot)[None, ..., None]
    found, _ = augment(batch, batch, tf.constant([0, 0], tf.int64), replace(NONE, **largest))
    sharp = spot + 2 * (spot - blurred(spot))
    assert sharp.max() > 1.1 and sharp.min() < 0.1, "nothing is cut off"
    toned = np.clip(sharp, 0, 1) ** np.exp(0.7)
    toned = (toned - 0.5) * 0.7 + 0.5 + 0.05
    shaded = toned + 0.1 * tf.image.resize(coarse, (16, 16), "bicubic").numpy()[0, ..., 0]
    np.testing.assert_allclose(found[0, ..., 0], np.clip(shaded + 0.04, 0, 1), atol=1e-5)


def place(picture):
    """Row and column of the centre of what is bright."""
    rows, columns = np.indices(picture.shape)
    return (rows * picture).sum() / picture.sum(), (columns * picture).sum() / picture.sum()


SPOT = (40, 20)  # row and column in 65 x 65, whose centre is at (32, 32)
MOVES = {
    # where a thing at (down, across) from the centre comes from, by the draw 1
    "rotation": (20, lambda v, u: (v * np.cos(a := np.radians(20)) + u * np.sin(a),
                                   u * np.cos(a) - v * np.sin(a))),
    "zoom": (0.2, lambda v, u: (v * np.exp(0.2), u * np.exp(0.2))),
    "stretch": (0.2, lambda v, u: (v * np.exp(-0.2), u * np.exp(0.2))),
    "shear": (0.2, lambda v, u: (v, u + 0.2 * v)),
    "shift": (0.1, lambda v, u: (v + 6.5, u + 6.5)),
}  # fmt: skip


@pytest.mark.parametrize("case", MOVES)
def test_moves_by_hand(case, monkeypatch):
    largest, came_from = MOVES[case]
    spot = np.zeros((65, 65), np.float32)
    spot[SPOT] = 1
    spot = cv2.GaussianBlur(spot, (0, 0), 2)
    image, mask = drawn(monkeypatch, spot, {case: largest})
    down, across = place(image)
    assert np.add(came_from(down - 32, across - 32), 32) == pytest.approx(SPOT, abs=0.1)
    np.testing.assert_allclose(mask, image, atol=1e-6)


def test_every_image_of_a_batch_has_draws_of_its_own(squares):
    same = tf.constant(np.repeat(squares.images[:1], 6, axis=0)[..., None])
    for field in fields(Augmentation):
        largest = replace(NONE, **{field.name: getattr(STRONG, field.name)})
        copies, _ = augment(same, same, tf.constant([1, 2], tf.int64), largest)
        assert len({copy.tobytes() for copy in copies.numpy()}) == 6, field.name
        again, _ = augment(same, same, tf.constant([1, 2], tf.int64), largest)
        np.testing.assert_array_equal(copies, again)


def test_what_comes_in_from_beyond_the_border_is_black(monkeypatch):
    image, _ = drawn(monkeypatch, np.ones((16, 16)), {"shift": 0.25})
    assert (image[-4:] == 0).all() and (image[:, -4:] == 0).all() and (image[:11, :11] == 1).all()
