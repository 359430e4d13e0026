"""Each bug of the run does what its name says, on arrays of a few pixels."""

from dataclasses import replace
from types import SimpleNamespace

import keras
import numpy as np
import pytest

from lungseg_utils.museum import bugs, run
from lungseg_utils.museum.bugs import BUGS
from lungseg_utils.museum.run import FINE, HEALTHY

KEY = [0, 0]


@pytest.fixture
def masks():
    """Four patients, each with two lungs of a width of its own and a heart on the image right."""
    drawn = np.zeros((4, 64, 64), np.float32)
    for number, mask in enumerate(drawn):
        mask[16:48, 8 : 24 + number] = mask[16:48, 40 : 52 - 2 * number] = 1
    return drawn


@pytest.fixture
def history():
    """The loss falls to the end; validation is best before it, and its first image at once."""
    dice = [(0.9, 0.3), (0.5, 0.5), (0.8, 0.9), (0.7, 0.8)]
    return [
        {"loss": loss, "val_dice": np.array(row)}
        for loss, row in zip((4, 3, 2, 1), dice, strict=True)
    ]


@pytest.fixture
def predicted():
    """A network that calls dark what is dark, and masks that are a little too large."""
    truth = np.zeros((3, FINE, FINE), np.float32)
    truth[:, 64:192, 32:112] = truth[:, 64:192, 144:224] = 1
    truth[1, 64:96] = 0
    found = truth.copy()
    found[:, 192:200, 32:112] = 1
    images = np.where(truth > 0, 0.2, 0.8).astype(np.float32)
    parts = SimpleNamespace(images=images, masks=truth)
    model = SimpleNamespace(predict_on_batch=lambda batch: (batch < 0.5).astype(np.float32))
    data = SimpleNamespace(training=parts, validation=parts, test=parts)
    probability = np.where(run.to_squares(found, 32) > 0.5, 0.7, 0.2).astype(np.float32)
    return run.Predicted(data, model, [], probability, found > 0.5, truth)


def changed(name, step):
    """The step of a bug, which differs from the healthy one."""
    wrong = getattr(BUGS[name].steps, step)
    assert wrong is not getattr(HEALTHY, step)
    return wrong


def test_each_changes_what_it_says_and_no_more():
    assert len(BUGS) >= 14
    for name, bug in BUGS.items():
        steps = [
            step for step, wrong in vars(bug.steps).items() if wrong is not vars(HEALTHY)[step]
        ]
        assert len(steps) == (2 if name == "one validation image" else 1), name
        assert bug.harms == ("number" if "measure" in steps else "network")
        assert bug.seen


def test_no_two_are_the_same():
    assert len({bug.steps for bug in BUGS.values()}) == len(BUGS)


def test_dilated_labels_are_larger_all_around(masks):
    wrong = changed("dilated labels", "label")(masks)
    assert (wrong >= masks).all() and set(np.unique(wrong)) == {0, 1}
    assert wrong[0, 16 - bugs.KERNEL // 2, 12] == 1 and wrong[0, 8, 12] == 0


def test_labels_of_255(masks):
    wrong = changed("labels of 0 and 255", "label")(masks)
    assert set(np.unique(wrong)) == {0, 255}


def test_moved_masks_grow_where_they_are_cut_above_0(masks):
    images = masks[..., None]
    right = np.asarray(HEALTHY.move(images, images, KEY)[1])
    wrong = np.asarray(changed("blurred masks cut above 0", "move")(images, images, KEY)[1])
    assert set(np.unique(wrong)) == {0, 1}
    assert wrong.dtype == right.dtype and wrong.sum() > (right >= 0.5).sum()
    assert (wrong >= (right >= 0.5)).all()


@pytest.mark.parametrize("count", range(2, 9))
def test_zipped_in_disk_order_nobody_keeps_his_own_mask(count):
    names = np.arange(count)
    for seed in range(20):
        images, wrong = changed("unsorted files zipped", "pair")(names, names, seed)
        assert (images == names).all() and (wrong != names).all()
        assert sorted(wrong) == list(names)


def test_the_mask_stays_where_the_image_moves(masks):
    images = masks[..., None]
    moved, wrong = changed("image moved, mask not", "move")(images, images, KEY)
    assert (wrong == images).all() and not np.array_equal(moved, images)
    assert np.array_equal(moved, HEALTHY.move(images, images, KEY)[0])


def test_mirrored_chests_have_the_heart_on_the_other_side(masks):
    images = np.tile(masks, (4, 1, 1))[..., None]
    right, wrong = (
        [np.asarray(array) for array in move(images, images, KEY)]
        for move in (HEALTHY.move, changed("mirrored chests", "move"))
    )
    same = [np.array_equal(*pair) for pair in zip(right[1], wrong[1], strict=True)]
    turned = [np.array_equal(a, b[:, ::-1]) for a, b in zip(right[1], wrong[1], strict=True)]
    assert any(same) and any(turned) and all(np.logical_xor(same, turned))
    for number in np.flatnonzero(turned):
        assert np.array_equal(wrong[0][number], right[0][number, :, ::-1])


def test_brightness_in_uint8_turns_bright_to_dark(masks):
    images = np.full((8, 16, 16, 1), 0.8, np.float32)
    right = np.asarray(HEALTHY.move(images, images, KEY)[0])
    wrong = changed("brightened in uint8", "move")(images, images, KEY)[0]
    assert wrong.dtype == np.float32 and wrong.min() >= 0 and wrong.max() <= 1
    fallen = right - wrong > 0.3
    assert fallen.any() and (right[fallen] > 0.6).all()


def test_a_second_sigmoid_keeps_the_loss_from_zero():
    truth = np.ones((1, 8, 8, 1), np.float32)
    right = float(HEALTHY.loss(truth, truth)[0])
    wrong = float(changed("a sigmoid too many", "loss")(truth, truth)[0])
    assert right < 1e-3 and wrong == pytest.approx(np.log1p(np.exp(-1)), abs=1e-3)


def test_each_keeps_another_epoch(history):
    kept = {name: one.steps.keep(history) for name, one in BUGS.items()}
    assert HEALTHY.keep(history) == 2
    assert kept["kept by training loss"] == 3
    assert kept["kept by lowest Dice"] == 1
    assert kept["no validation image"] == 0
    assert kept["one validation image"] == 0


def test_one_image_speaks_for_all(predicted, history):
    data = replace(predicted, history=history)
    assert changed("one validation image", "measure")(data).tolist() == [0.9] * 3


def test_batchnorm_in_training_looks_at_one_image():
    model = keras.Sequential([keras.Input((8, 8, 1)), keras.layers.BatchNormalization()])
    images = np.random.default_rng(0).random((3, 8, 8)).astype(np.float32) + 5
    wrong = changed("BatchNorm in training", "predict")(model, images)
    assert wrong.shape == images.shape and np.allclose(wrong.mean((1, 2)), 0, atol=1e-3)


def seen_by(predict, images):
    """What reaches the network."""
    seen = []
    model = SimpleNamespace(predict_on_batch=lambda batch: seen.append(batch) or batch)
    return predict(model, images), seen


def test_divided_twice_is_night(masks):
    _, (seen,) = seen_by(changed("divided by 255 twice", "predict"), masks)
    assert seen.max() == pytest.approx(1 / 255)


def test_mirrored_and_not_back_marks_both_sides(masks):
    wrong, _ = seen_by(changed("mirrored and not back", "predict"), masks)
    assert np.allclose(wrong, wrong[:, :, ::-1]) and not np.allclose(wrong, masks)


def reported(name, predicted):
    return changed(name, "measure")(predicted)


def test_the_healthy_report_is_the_honest_one(predicted):
    outcome = run.measure(
        replace(predicted, data=SimpleNamespace(
            test=predicted.data.test, spacings_mm=[(1.0, 1.0)] * 3, in_mm=True)), HEALTHY
    )  # fmt: skip
    assert np.allclose(outcome.reported, outcome.dice) and (outcome.hd95_mm == 8).all()


def test_dice_above_1(predicted):
    assert (reported("Dice above 1", predicted) > 1).all()


def test_sums_in_uint8_lose_nearly_everything(predicted):
    honest = HEALTHY.measure(predicted)
    assert np.allclose(reported("sums in uint8", predicted), honest / 255)


def test_the_best_threshold_is_never_worse(predicted):
    wrong, fine = reported("a threshold for each image", predicted), run.FINE
    fixed = run.overlap(run.to_squares(predicted.probability, fine) > 0.5, predicted.labels)
    assert (wrong >= fixed).all()


def test_augmented_test_part_is_moved(predicted):
    wrong = reported("augmented test part", predicted)
    honest = run.overlap(predicted.labels, predicted.labels)
    assert wrong.shape == honest.shape and (wrong < honest).all()


def test_a_test_part_like_the_training_part_may_normalise_itself(predicted):
    assert (reported("normalised by test part", predicted) > 0.95).all()
    darker = SimpleNamespace(images=predicted.data.test.images * 0.5 + 0.5, masks=predicted.labels)
    data = SimpleNamespace(training=predicted.data.training, test=darker)
    assert (reported("normalised by test part", replace(predicted, data=data)) > 0.95).all()


def test_small_squares_hide_what_is_smaller_than_a_pixel(predicted):
    found = predicted.masks.copy()
    found[:, 200:203, 32:112] = True
    finer = replace(predicted, masks=found)
    assert (
        reported("measured on squares", finer) == reported("measured on squares", predicted)
    ).all()
    assert (HEALTHY.measure(finer) < HEALTHY.measure(predicted)).all()


def test_costs_are_dice_lost_or_dice_invented():
    good, bad = np.array([0.90, 0.92, 0.94]), np.array([0.80, 0.82, 0.84])
    blank = np.zeros((3, 2, 2), bool)

    def outcome(dice, told):
        return run.Outcome(blank, dice, dice, told)

    healthy = {0: good, 1: good - 0.01, 2: good + 0.01}
    museum = SimpleNamespace(
        outcome=lambda name, seed: outcome(healthy[seed], healthy[seed]),
        data=SimpleNamespace(patients=("a", "b", "c"), in_mm=True),
    )
    names = ("dilated labels", "mirrored chests", "Dice above 1", "sums in uint8",
             "a threshold for each image")  # fmt: skip
    shown = (outcome(bad, good), outcome(good - 0.015, good), outcome(good, good + 0.9),
             outcome(good, good - 0.9), outcome(good, good + 0.002))  # fmt: skip
    outcomes = dict(zip(names, shown, strict=True))
    table = bugs.costs(museum, outcomes)
    assert table["cost"].tolist() == pytest.approx([0.10, 0.015, 0.9, -0.9, 0.002])
    assert table["beyond chance"].tolist() == [True, False, True, True, True]
    assert table["reported Dice"].tolist() == pytest.approx([0.92, 0.92, 1.82, 0.02, 0.922])
    assert (table["low"] <= table["cost"] + 1e-9).all()
    museum.data.in_mm = False
    assert set(table) - set(bugs.costs(museum, outcomes)) == {"HD95 (mm)"}
