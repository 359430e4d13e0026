"""Deliberate faults, one put into the package at a time: `pytest -p faults` with FAULT=name.

Each replaces a function before any test imports it, as a careless edit would.
"""

import os
from dataclasses import replace
from importlib import import_module

import cv2
import numpy as np


def dice_counts_the_shared_pixels_once(metrics):
    def dice(prediction, reference):
        return float((prediction & reference).sum() / (prediction.sum() + reference.sum()))

    metrics.dice = dice


def distances_are_in_pixels(metrics):
    distances = metrics.surface_distances
    metrics.surface_distances = lambda prediction, reference, _: distances(
        prediction, reference, (1.0, 1.0)
    )


def empty_masks_are_left_out(metrics):
    score = metrics._hd95

    def finite(*distances):
        return float(np.nan_to_num(score(*distances), posinf=0.0))

    metrics._hd95 = finite
    metrics.SCORES["hd95_mm"] = metrics.SCORES["hd95_mm"]._replace(compute=finite)


def intervals_draw_images_not_patients(metrics):
    interval = metrics.bootstrap_interval
    metrics.bootstrap_interval = lambda values, groups, *more, **named: interval(
        values, range(len(values)), *more, **named
    )


def lungs_are_added(masks):
    masks.merge_masks = lambda image_left, image_right: image_left ^ image_right


def every_touched_pixel_is_lung(squares):
    stretch = squares.to_square
    squares.to_square = lambda array, size: (
        stretch(array.astype(np.float32), size) > 0 if array.dtype == bool else stretch(array, size)
    )


def masks_come_back_by_the_nearest_pixel(squares):
    def to_native(probability, shape):
        return cv2.resize(probability, shape[::-1], interpolation=cv2.INTER_NEAREST)

    squares.to_native = to_native


def pixels_are_taken_for_squares(masks):
    area = masks.lung_area_cm2
    masks.lung_area_cm2 = lambda mask, spacing_mm: area(mask, (spacing_mm[0], spacing_mm[0]))


def patients_are_split_by_image(splits):
    split = splits.split_by_patient

    def split_by_image(records, seed=0, fold=0):
        known = {record.name: record for record in records}
        parts = split([replace(record, patient=record.name) for record in records], seed, fold)
        return splits.Split(
            *(tuple(known[one.name] for one in part) for part in vars(parts).values())
        )

    splits.split_by_patient = split_by_image


def masks_are_paired_in_the_folders_order(radiographs):
    def paired(images, folder, suffix):
        found = list(radiographs._files(folder, suffix).values())
        return dict(zip(images, found[1:] + found[:1], strict=False))

    radiographs._paired = paired


def sixteen_bits_are_read_as_eight(images):
    images.read_image = lambda path: (
        cv2.imread(str(path), cv2.IMREAD_GRAYSCALE).astype(np.float32) / 255
    )


def the_mask_stays_where_it_was(augmentation):
    augment = augmentation.augment
    augmentation.augment = lambda image, mask, *more: (augment(image, mask, *more)[0], mask)


def the_loss_pools_the_batch(losses):
    losses.smoothed_dice = lambda y_true, y_pred: 1 - losses.article_dice_loss(y_true, y_pred)


def a_resumed_training_forgets_its_weights(training):
    load = training.Run.load

    def forget(run, epoch):
        fresh = [array.copy() for array in run.model.get_weights()]
        load(run, epoch)
        run.model.set_weights(fresh)

    training.Run.load = forget


def the_test_uses_the_statistics_of_the_batch(predict):
    def on_square(model, image):
        square = predict.to_square(image, model.input_shape[1])
        batch = np.repeat(square[None, :, :, None], model.input_shape[-1], axis=-1)
        return np.asarray(model(batch, training=True))[0, :, :, 0]

    predict._on_square = on_square


def failures_are_left_out_of_the_table(results):
    summarise = results.summarise
    results.summarise = lambda table: summarise(table[table["dice"] > 0])


# the module that each fault is put into, and the test that watches over it
FAULTS = {
    dice_counts_the_shared_pixels_once: (
        "metrics",
        "test_metrics.py::test_overlaps_of_a_grid_by_hand",
    ),
    distances_are_in_pixels: ("metrics", "test_metrics.py::test_distances_of_a_grid_by_hand"),
    empty_masks_are_left_out: ("metrics", "test_metrics.py::test_one_empty_is_failure"),
    intervals_draw_images_not_patients: (
        "metrics",
        "test_metrics.py::test_interval_draws_patients_not_images",
    ),
    lungs_are_added: ("masks", "test_masks.py::test_merge_by_hand"),
    every_touched_pixel_is_lung: (
        "squares",
        "test_squares.py::test_square_and_back_keep_the_area",
    ),
    masks_come_back_by_the_nearest_pixel: (
        "squares",
        "test_squares.py::test_square_and_back_keep_the_area",
    ),
    pixels_are_taken_for_squares: ("masks", "test_masks.py::test_area_by_hand"),
    patients_are_split_by_image: ("splits", "test_splits.py::test_patients_stay_together"),
    masks_are_paired_in_the_folders_order: (
        "radiographs",
        "test_radiographs.py::test_records_are_sorted_and_whole",
    ),
    sixteen_bits_are_read_as_eight: (
        "images",
        "test_images.py::test_image_is_the_same_in_every_format",
    ),
    the_mask_stays_where_it_was: (
        "augmentation",
        "test_augmentation.py::test_image_and_mask_move_alike",
    ),
    the_loss_pools_the_batch: (
        "losses",
        "test_losses.py::test_dice_loss_is_one_minus_soft_dice_of_each_image",
    ),
    a_resumed_training_forgets_its_weights: (
        "training",
        "test_training.py::test_killed_and_resumed_ends_at_the_same_weights",
    ),
    the_test_uses_the_statistics_of_the_batch: (
        "predict",
        "test_predict.py::test_prediction_uses_moving_averages_and_leaves_them_alone",
    ),
    failures_are_left_out_of_the_table: (
        "results",
        "test_results.py::test_empty_method_fails_in_full",
    ),
}


def pytest_configure():
    for fault, (module, _) in FAULTS.items():
        if fault.__name__ == os.environ.get("FAULT"):
            fault(import_module(f"lungseg_utils.{module}"))
