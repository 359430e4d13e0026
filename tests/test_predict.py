"""From a file to a mask, areas, its quality and warnings: by hand, and on simulated X-rays."""

from dataclasses import replace

import cv2
import keras
import numpy as np
import pytest
from keras import layers, ops
from sets import radiograph

from lungseg_utils import predict as predict_module
from lungseg_utils.metrics import dice
from lungseg_utils.phantom import simulate
from lungseg_utils.predict import (
    BATCH,
    TRANSFORMS,
    Prediction,
    Transform,
    all_probabilities,
    best_orientation,
    mask_from_square,
    predict,
    predict_mask,
    predict_probability,
    predict_squares,
    squares_for,
)
from lungseg_utils.unet import build_unet


@pytest.mark.parametrize("copy", TRANSFORMS)
def test_what_was_moved_comes_back(copy):
    blob = cv2.GaussianBlur(np.random.default_rng(0).random((64, 64), np.float32), (0, 0), 4)
    same_tones = copy._replace(gamma=1.0)
    back = same_tones.undo(same_tones.apply(blob), blob)
    inside = slice(8, -8)
    assert np.abs(back - blob)[inside, inside].max() < 0.01
    assert np.abs(same_tones.apply(blob) - blob)[inside, inside].max() > 0.01 or copy.gamma != 1


def test_a_shift_by_hand():
    image = np.arange(16, dtype=np.float32).reshape(4, 4)
    down = Transform(down=0.25)
    np.testing.assert_array_equal(down.apply(image), np.vstack([np.zeros((1, 4)), image[:3]]))
    back = down.undo(down.apply(image), np.full((4, 4), -1, np.float32))
    np.testing.assert_array_equal(back[:3], image[:3])
    np.testing.assert_array_equal(back[3], -1)  # lost below the border: the plain answer stays


def test_tones_change_and_places_do_not():
    image = np.full((8, 8), 0.25, np.float32)
    np.testing.assert_allclose(Transform(gamma=0.5).apply(image), 0.5)


@pytest.mark.parametrize("size", [15, 16])
def test_a_copy_is_turned_and_enlarged_about_the_centre(size):
    image = np.random.default_rng(0).random((size, size)).astype(np.float32)
    np.testing.assert_allclose(Transform(rotation=90).apply(image), np.rot90(image), atol=1e-4)
    alike = np.mean([np.rot90(image, k) for k in range(4)], axis=0, dtype=np.float32)
    for zoom in (0.8, 1.5):
        larger = Transform(zoom=zoom).apply(alike)
        np.testing.assert_allclose(larger, np.rot90(larger), atol=0.02)


def network(function, size=64):
    inputs = keras.Input((size, size, 1))
    return keras.Model(inputs, function(inputs))


def test_an_identity_network_is_undone():
    image = cv2.GaussianBlur(simulate(5, 0, 64).image / np.float32(255), (0, 0), 3)
    copies = [copy._replace(gamma=1.0) for copy in TRANSFORMS]
    found = all_probabilities([network(keras.layers.Identity())], [image], copies)
    assert found.shape == (1 + len(TRANSFORMS), 64, 64)
    np.testing.assert_array_equal(found[0], image)
    assert np.abs(found[1:] - found[0])[:, 8:-8, 8:-8].max() < 0.03


def test_networks_of_two_sizes_meet_at_the_larger():
    models = [network(keras.layers.Identity(), size) for size in (32, 64)]
    found = all_probabilities(models, squares_for(models, radiograph((50, 70))), transforms=())
    assert found.shape == (2, 64, 64)
    assert np.abs(found[0] - found[1]).mean() < 0.05


LUNGS = np.zeros((20, 20), np.float32)
LUNGS[2:12, 2:6] = LUNGS[2:12, 10:14] = 1  # 40 pixels each
LEAST = np.log(predict_module.LEAST_ERROR)


def found_of(square=LUNGS, second=LUNGS, seen=0 * LUNGS):
    return Prediction((20, 20), None, square, second, seen, (), 0.5)


def test_signs_of_a_bad_mask_by_hand():
    np.testing.assert_allclose(found_of().signs, [1, LEAST, LEAST, 0])
    second = LUNGS.copy()
    second[2:12, 2:4] = 0  # 60 pixels left of 80
    assert np.exp(found_of(second=second).signs[1]) == pytest.approx(1 - 120 / 140 + 0.003)
    hesitant = LUNGS * np.float32(0.8) + np.float32(0.1)  # 0.9 in 80 pixels, 0.1 in 320
    soft = 2 * 72 / (72 + 32 + 80)
    assert np.exp(found_of(hesitant).signs[2]) == pytest.approx(1 - soft + 0.003)
    seen = np.full((20, 20), 0.9, np.float32)
    seen[2:12, 2:6], seen[2:12, 10:14] = 0.3, 0.7
    assert found_of(seen=seen).signs[3] == pytest.approx(0.4)


def test_signs_are_those_of_the_mask_that_is_delivered():
    square = LUNGS * np.float32(0.9)
    square[2:12, 14:18] = 0.4  # lung at a lower threshold
    square[18, 18] = 0.9  # a speck, which no mask keeps
    assert found_of(square).signs[1] == pytest.approx(LEAST)
    assert np.exp(replace(found_of(square), threshold=0.3).signs[1]) == pytest.approx(
        1 - 160 / 200 + 0.003
    )


def test_quality_falls_with_every_sign(monkeypatch):
    one_side = np.zeros((20, 20), np.float32)
    one_side[:, 10:] = 0.8
    best = found_of().quality
    for worse in (found_of(second=1 - LUNGS), found_of(0.6 * LUNGS + 0.2), found_of(seen=one_side)):
        assert 0 <= worse.quality < best <= 1
    monkeypatch.setattr(predict_module, "WEIGHTS", np.array([np.log(0.1), 0, 0, 0]))
    assert found_of().quality == pytest.approx(1 + 0.003 - 0.1)


def test_of_an_empty_mask_nothing_is_expected():
    found = found_of(0 * LUNGS)
    assert found.quality is None and found.signs is None
    assert found.warnings == ("hardly any lung was found: is this a chest X-ray?",)


@pytest.mark.parametrize("others", [1, 2])
def test_the_second_opinion_is_that_of_the_others(others, monkeypatch):
    monkeypatch.setattr(predict_module, "_orientation_warnings", lambda *_: [])
    answers = np.random.default_rng(2).random((3, 16, 16), np.float32)
    first, *rest = map(says, answers[: 1 + others])
    found = predict([first, *rest], grey(20, 30), (1, 2))
    np.testing.assert_array_equal(found.square, answers[0])
    assert [len(batch) for batch in first.seen] == [1], "of copies it is not asked"
    expected = all_probabilities(rest, [found.seen] * others).mean(axis=0)
    np.testing.assert_allclose(found.second, expected)
    assert found.shape == (20, 30) and found.spacing_mm == (1, 2) and found.threshold == 0.5
    low = replace(found, threshold=0.3)
    assert low.threshold == 0.3 and low.square is found.square
    np.testing.assert_array_equal(low.mask, mask_from_square(answers[0], (20, 30), 0.3))


def test_the_second_opinion_of_one_network_is_its_own_on_copies(monkeypatch):
    monkeypatch.setattr(predict_module, "_orientation_warnings", lambda *_: [])
    found, image = predict([Fake()], grey(16, 16)), grey(16, 16)
    np.testing.assert_array_equal(found.square, image)
    np.testing.assert_allclose(found.second, all_probabilities([Fake()], [image]).mean(axis=0))


def test_a_smaller_second_network_is_compared_at_the_size_of_the_first(monkeypatch):
    monkeypatch.setattr(predict_module, "_orientation_warnings", lambda *_: [])
    half = np.zeros((16, 16), np.float32)
    half[:, :8] = 1
    large = cv2.resize(half, (32, 32), interpolation=cv2.INTER_NEAREST)
    found = predict([says(large), says(half)], grey(64, 64))
    assert found.second.shape == found.seen.shape == (32, 32)
    np.testing.assert_array_equal(found.second[8:-8, 8:-8] > 0.5, large[8:-8, 8:-8] > 0.5)


def test_a_simulated_patient(trained, patient):
    image, truth = patient.image / np.float32(255), patient.mask_left | patient.mask_right
    found = predict(trained, image, (1.4, 1.7))
    assert dice(found.mask, truth) > 0.93
    assert found.quality > 0.9
    assert [area.side for area in found.areas] == ["left", "right"]
    assert sum(area.pixels for area in found.areas) == found.mask.sum()
    assert (found.square.shape, found.square.dtype) == ((128, 128), np.float32)


def test_the_first_network_has_the_last_word(trained, patient):
    """The mask is the one that `predict_mask` gives and the benchmarks score."""
    image = patient.image / np.float32(255)
    np.testing.assert_array_equal(predict(trained, image).mask, predict_mask(trained[0], image))


def test_a_lower_threshold_finds_more(trained, patient):
    image = patient.image / np.float32(255)
    low, high = (predict(trained, image, threshold=threshold).mask for threshold in (0.2, 0.8))
    assert low.sum() > high.sum() and (low | high == low).all()


@pytest.mark.parametrize(
    "change, says",
    [(lambda image: image[::-1, ::-1], "by 180 degrees"),
     (np.rot90, "by 270 degrees"),
     (lambda image: np.rot90(image, -1), "by 90 degrees"),
     (lambda image: 1 - image, "inverted")],
)  # fmt: skip
def test_what_is_turned_or_inverted_is_told(change, says, trained, patient):
    image = np.ascontiguousarray(change(patient.image / np.float32(255)))
    found = predict(trained, image)
    assert says in " ".join(found.warnings)


def test_what_is_no_chest_is_not_trusted(trained):
    noise = np.random.default_rng(1).random((90, 120), np.float32)
    found = predict(trained, noise)
    assert found.warnings and (found.quality or 0) < 0.9


def grey(*shape):
    """Random grey levels in [0, 1]."""
    return np.random.default_rng(0).uniform(0, 1, shape).astype(np.float32)


def run(model, batch):
    return ops.convert_to_numpy(model(batch, training=False))


@pytest.mark.parametrize("shape", [(50, 70), (71, 40), (32, 32), (20, 24)])
@pytest.mark.parametrize("channels", [1, 3])
def test_predicts_at_the_image_s_own_shape(shape, channels):
    model = build_unet(32, channels, 2, 2)
    image = grey(*shape)
    probability = predict_probability(model, image)
    mask = predict_mask(model, image)
    assert probability.shape == mask.shape == shape
    assert probability.dtype == np.float32
    assert 0 <= probability.min() <= probability.max() <= 1
    assert mask.dtype == bool
    assert predict_mask(model, image, (90, 60)).shape == (90, 60)


def test_prediction_is_the_network_s_own_at_the_network_s_size():
    """Three channels are the grey image three times; nothing is resized where the size fits."""
    model = build_unet(32, 3, 2, 2)
    image = grey(32, 32)
    expected = run(model, np.stack([image] * 3, axis=-1)[None])[0, :, :, 0]
    assert np.allclose(predict_probability(model, image), expected, atol=1e-6)


def test_prediction_uses_moving_averages_and_leaves_them_alone():
    model = build_unet(32, filters=2, depth=2)
    image = grey(32, 32)
    before = model.get_weights()
    assert np.array_equal(predict_probability(model, image), predict_probability(model, image))
    assert all(map(np.array_equal, before, model.get_weights()))
    trained = ops.convert_to_numpy(model(image[None, :, :, None], training=True))
    assert not np.allclose(trained[0, :, :, 0], predict_probability(model, image), atol=1e-3)


def test_a_mask_keeps_its_place_on_the_way_there_and_back():
    """A network that hands the image through must give a non-square image back in place."""
    inputs = keras.Input((32, 32, 1))
    model = keras.Model(inputs, layers.Identity()(inputs))
    image = np.zeros((64, 128), np.float32)
    image[8:24, 80:120] = 1
    mask = predict_mask(model, image)
    rows, columns = np.nonzero(mask)
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (8, 23, 80, 119)


class Fake:
    """A network that remembers what it is shown; `says` makes a probability of a square."""

    def __init__(self, says=lambda square: square, size=16, channels=1):
        self.says, self.input_shape, self.seen = says, (None, size, size, channels), []

    def predict_on_batch(self, batch):
        self.seen.append(batch)
        return np.stack([self.says(square[..., 0])[..., None] for square in batch])


def says(answer):
    """A network that gives one answer to every image."""
    return Fake(lambda square: answer, size=len(answer))


def test_squares_are_shown_in_batches_of_one_length_and_in_all_channels():
    model, squares = Fake(channels=3), grey(9, 16, 16)
    np.testing.assert_array_equal(predict_squares(model, squares), squares)
    assert [len(batch) for batch in model.seen] == [4, 4, 1] and BATCH == 4
    for batch, first in zip(model.seen, (0, 4, 8), strict=True):
        np.testing.assert_array_equal(batch, np.stack([squares[first : first + 4]] * 3, axis=-1))


def test_each_network_sees_the_image_at_its_own_size_made_small_once(monkeypatch):
    made = []
    shrink = predict_module.to_square
    monkeypatch.setattr(
        predict_module, "to_square", lambda image, size: made.append(size) or shrink(image, size)
    )
    sizes = 12, 8, 12
    found = squares_for([Fake(size=size) for size in sizes], grey(30, 20))
    assert [len(square) for square in found] == [*sizes] and sorted(made) == [8, 12]
    np.testing.assert_array_equal(found[0], shrink(grey(30, 20), 12))


def test_a_large_image_is_passed_over_once(monkeypatch):
    """The mean of means is that of the pixels; 24 is the least that 12 and 8 divide."""
    seen, image = [], grey(101, 77)
    shrink = predict_module.to_square
    monkeypatch.setattr(
        predict_module, "to_square", lambda one, size: seen.append(one.shape) or shrink(one, size)
    )
    found = squares_for([Fake(size=12), Fake(size=8)], image)
    assert seen == [(101, 77), (24, 24), (24, 24)]
    for square, size in zip(found, (12, 8), strict=True):
        np.testing.assert_allclose(square, shrink(image, size), atol=1e-6)


def test_plain_answers_come_before_those_of_their_copies():
    one, other = Fake(lambda square: 0 * square + 0.25), Fake(lambda square: 0 * square + 0.75)
    copies = [Transform(rotation=3), Transform(down=0.1)]
    found = all_probabilities([one, other], [grey(16, 16)] * 2, copies)
    assert found.shape == (6, 16, 16) and found.dtype == np.float32
    assert found[:, 8, 8].tolist() == [0.25] * 3 + [0.75] * 3
    (batch,) = one.seen
    np.testing.assert_array_equal(batch[0, ..., 0], grey(16, 16))
    for shown, copy in zip(batch[1:, ..., 0], copies, strict=True):
        np.testing.assert_array_equal(shown, copy.apply(grey(16, 16)))


TOP = np.linspace(1, 0, 16, dtype=np.float32)[:, None].repeat(16, 1)
LIKES = {  # how sure a network is whose lungs are bright and above
    "upright": (TOP, (0, False)), "turned": (np.rot90(TOP), (3, False)),
    "on its head": (np.rot90(TOP, 2), (2, False)), "the other way": (np.rot90(TOP, 3), (1, False)),
}  # fmt: skip


@pytest.mark.parametrize("case", LIKES)
def test_the_orientation_is_the_one_of_which_networks_are_surest(case):
    image, expected = LIKES[case]
    sure = Fake(lambda square: (0.5 + 0.4 * (square * TOP)).astype(np.float32))
    assert best_orientation([sure], [np.ascontiguousarray(image)]) == expected
    negative = Fake(lambda square: np.where(square > 0.5, np.float32(0.51), np.float32(0.99)))
    dark = np.full((16, 16), 0.9, np.float32)
    assert best_orientation([negative], [dark])[1] is True


@pytest.mark.parametrize(
    "last, all_of_them, said, asked",
    [((0, False), None, [], [1]),
     ((1, False), (0, False), [], [1, 2]),
     ((1, False), (3, False), ["it looks rotated: try rotating it by 270 degrees counterclockwise"],
      [1, 2]),
     ((0, True), (0, True), ["it looks inverted: air should be dark"], [1, 2]),
     ((2, True), (2, True), ["it looks rotated: try rotating it by 180 degrees",
                             "it looks inverted: air should be dark"], [1, 2])],
)  # fmt: skip
def test_all_networks_are_asked_where_the_last_one_doubts(
    last, all_of_them, said, asked, monkeypatch
):
    counts = []

    def best(models, squares):
        assert models == ["one", "other"][-len(models) :] and len(models) == len(squares)
        counts.append(len(models))
        return last if len(counts) == 1 else all_of_them

    monkeypatch.setattr(predict_module, "best_orientation", best)
    assert predict_module._orientation_warnings(["one", "other"], [1, 2]) == said
    assert counts == asked


@pytest.mark.parametrize("quality, warned", [(None, 0), (0.9499, 1), (0.95, 0)])
def test_a_bad_mask_is_warned_of_before_the_notes_of_the_file(quality, warned, monkeypatch):
    monkeypatch.setattr(Prediction, "quality", quality)
    monkeypatch.setattr(predict_module, "mask_warnings", lambda *_: ["it touches"])
    monkeypatch.setattr(predict_module, "_orientation_warnings", lambda *_: ["it looks odd"])
    monkeypatch.setattr(predict_module, "_has_third_lung", lambda mask: False)
    found = predict([Fake(), Fake(lambda square: 1 - square)], grey(20, 30), notes=["a note"])
    said = ["the outline is likely to be wrong: expect a Dice of 0.95"] * warned
    assert found.warnings == ("it touches", *said, "it looks odd", "a note")


@pytest.mark.parametrize("grey_of_rest", [0, 0.5, 1])
@pytest.mark.parametrize("turns, name", enumerate(["bottom", "image right", "top", "image left"]))
def test_a_lung_that_ends_where_the_picture_does_is_warned_of(
    turns, name, grey_of_rest, monkeypatch
):
    """As where the rest of a file did not arrive, and is black."""
    image, answer = grey(320, 320), np.zeros((32, 32), np.float32)
    answer[8:20, 4:12] = answer[8:20, 18:26] = 1
    for rows, warned in ((200, True), (230, False)):
        broken = image.copy()
        broken[rows:] = grey_of_rest
        monkeypatch.setattr(predict_module, "_orientation_warnings", lambda *_: [])
        monkeypatch.setattr(Prediction, "quality", 1.0)
        found = predict([says(np.rot90(answer, turns))], np.rot90(broken, turns)).warnings
        said = f"the mask touches the border ({name}): lung may be cut off"
        assert found == (said,) * warned


@pytest.mark.parametrize("side, warned", [(80, False), (64, True), (40, True)])
def test_a_small_x_ray_on_a_page_is_to_be_cropped_and_not_to_be_turned(side, warned, monkeypatch):
    page = np.ones((128, 128), np.float32)
    page[16 : 16 + side, 24 : 24 + side] = grey(side, side)
    answer = np.zeros((32, 32), np.float32)
    monkeypatch.setattr(predict_module, "_orientation_warnings", lambda *_: ["it looks turned"])
    share = f"{(side / 128) ** 2:.0%}"
    crop = f"the X-ray takes up only {share} of its picture: crop it to the X-ray"
    assert predict([says(answer)], page).notes[0] == (crop if warned else "it looks turned")


@pytest.mark.parametrize("rows, warned", [(0, False), (2, False), (3, True), (20, True)])
def test_a_third_lung_is_warned_of_where_it_is_more_than_a_speck(rows, warned, monkeypatch):
    """Two X-rays in one picture have four lungs, of which a mask keeps two."""
    answer = np.zeros((32, 32), np.float32)
    answer[4:24, 2:8] = answer[4:24, 12:18] = answer[4 : 4 + rows, 22:27] = 0.9  # 120 pixels, 120
    monkeypatch.setattr(predict_module, "_orientation_warnings", lambda *_: [])
    said = "more than two lungs were found: crop it to one X-ray, if it shows several"
    assert predict([says(answer)], grey(20, 30)).notes == (said,) * warned


@pytest.mark.parametrize("threshold", [0.2, 0.8])
def test_pieces_and_holes_are_those_above_the_threshold(threshold):
    """Not those above a half: a speck and a hole that only this threshold sees are gone too."""
    low, high = threshold - 0.1, threshold + 0.1
    square = np.full((32, 32), low, np.float32)
    square[6:26, 3:13] = square[6:26, 19:29] = high
    expected = square > threshold
    square[1, 1] = high
    square[15, 6:8] = low
    np.testing.assert_array_equal(mask_from_square(square, (32, 32), threshold), expected)


def test_a_pixel_at_the_threshold_is_no_lung():
    square = np.full((4, 4), 0.5, np.float32)
    assert not mask_from_square(square, (4, 4)).any()
    assert mask_from_square(square, (4, 4), 0.4999).all()
