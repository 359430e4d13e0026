"""Deliberate faults, one put into the package at a time.

Each replaces a function before any test imports it, as a careless edit would. By hand:
`python -c "import faults; faults.run_test_with('lungs_are_added', 'folder')"` in this folder.
"""

import faulthandler
import os
import sys
from contextlib import contextmanager
from dataclasses import replace
from importlib import import_module
from pathlib import Path

import cv2
import numpy as np
import pytest

TESTS = Path(__file__).parents[1]


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
    def paired(images, masks, faults):
        found = [list(one.values()) for one in masks]
        turned = [one[1:] + one[:1] for one in found]
        yield from zip(images, zip(*turned, strict=True), strict=True)

    radiographs._pairs = paired


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


def a_file_s_time_counts_in_whole_seconds(squares):
    def digest(records):
        times = [int(record.image_path.stat().st_mtime) for record in records]
        return "-".join(map(str, times))

    squares._files_digest = digest


def the_best_epoch_is_chosen_by_the_training_loss(training):
    training.Run.best_epoch = property(
        lambda run: min(run.history, key=lambda row: row["loss"])["epoch"]
    )


def precision_is_left_out_of_a_training_s_name(training):
    digest = training._digest
    training._digest = lambda recipe, precision, *more: digest(recipe, "", *more)


def the_precision_that_was_asked_for_is_ignored(unet):
    build = unet.build_unet
    unet.build_unet = lambda *arguments: build(*arguments[:5])


def the_upper_end_of_the_interval_is_one_off(metrics):
    def interval(values, groups):
        values = np.asarray(values, float)
        _, place = np.unique(groups, return_inverse=True)
        sums, sizes = np.bincount(place, values), np.bincount(place)
        rng = np.random.default_rng(metrics.BOOTSTRAP_SEED)
        drawn = rng.integers(len(sums), size=(metrics.ROUNDS, len(sums)))
        means = np.sort(sums[drawn].sum(axis=1) / sizes[drawn].sum(axis=1))
        cut = int((1 - metrics.CONFIDENCE_LEVEL) / 2 * metrics.ROUNDS)
        return float(means[cut]), float(means[-max(cut, 1)])

    metrics.bootstrap_interval = interval


def the_spacing_of_the_patient_comes_first(header):
    header.SPACINGS = header.SPACINGS[::-1]


def padding_counts_for_the_contrast(greys):
    greys._unpadded = lambda header, pixels, bits: None


def row_and_column_are_swapped_in_the_table(table):
    flat = table._flat

    def swapped(row):
        found = flat(row)
        return found | {"row_mm": found["column_mm"], "column_mm": found["row_mm"]}

    table._flat = swapped


def files_are_written_in_place(batch):
    @contextmanager
    def written(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        yield path

    batch.written_whole = written


def cells_are_written_as_they_are(table):
    table.without_formula = lambda cell: cell


def another_network_finds_its_work_done(batch):
    finished = batch._finished

    def by_threshold(job, row, out, settings, kept):
        known = row and settings._replace(network=row["network"])
        return finished(job, row, out, known or settings)

    batch._finished = by_threshold


def the_seed_does_not_reach_the_training(run):
    train = run.Museum._train
    run.Museum._train = lambda museum, steps, seed, parts: train(museum, steps, 0, parts)


def one_folder_serves_all_counts_of_simulated_images(phantom):
    write = phantom.write_phantom_set
    phantom.write_phantom_set = lambda folder, **options: write(
        folder.parent / "simulated", **options
    )


def a_tilde_is_a_folder(start):
    start.disk = lambda: Path(os.environ["LUNGSEG_HOME"]).resolve()


def a_lone_lung_takes_its_side_from_the_height(masks):
    areas = masks.lung_areas

    def by_height(mask, spacing_mm=None):
        found = areas(mask, spacing_mm)
        if len(found) == 1:
            right = np.argwhere(mask)[:, 1].mean() >= mask.shape[0] / 2
            found = (replace(found[0], side="right" if right else "left"),)
        return found

    masks.lung_areas = by_height


def a_fold_that_there_is_not_is_the_first(splits):
    split = splits.split_by_patient
    splits.split_by_patient = lambda records, seed=0, fold=0: split(records, seed, int(fold) % 5)


def ten_bits_are_read_as_twelve(grey):
    grey.DEPTHS = (8, 12, 16)


def the_threshold_is_left_out_of_the_second_cut(predict):
    cut = predict.mask_from_square
    predict.mask_from_square = lambda probability, shape, *_: cut(probability, shape)


def the_outline_is_drawn_in_blue(overlay):
    outlined = overlay.outlined
    overlay.outlined = lambda grey, mask: outlined(grey, mask)[..., ::-1]


def the_validation_curve_is_the_training_s(plots):
    curves = plots.learning_curves

    def same(history, epochs):
        rows = [row | {f"val_{key}": row[key] for key in ("loss", "dice")} for row in history]
        return curves(rows, epochs)

    plots.learning_curves = same


def the_prediction_is_named_the_reference(plots):
    compare = plots.comparison
    plots.comparison = lambda image, reference, prediction, *more: compare(
        image, prediction, reference, *more
    )


def an_infinite_distance_is_written_as_missing(results):
    plain = results._plain
    results._plain = lambda value: None if value == np.inf else plain(value)


def a_browser_opens_though_none_is_wanted(terminal):
    serve = terminal._serve

    def open_anyway(chosen):
        chosen.no_browser = False
        serve(chosen)

    terminal._serve = open_anyway


def run_lengths_are_counted_down_the_columns(runs):
    to_runs = runs.to_runs
    runs.to_runs = lambda mask: to_runs(np.ascontiguousarray(mask.T))


def the_worst_masks_are_the_best(table):
    worst = table.Rows.worst
    table.Rows.worst = lambda rows, count: worst(rows, 10**9)[::-1][:count]


def checksums_are_not_compared(download):
    whole = download.Part.is_whole
    download.Part.is_whole = lambda part, file: (
        whole(replace(part, sha256=None), file)
        or (file.exists() and file.stat().st_size == part.size)
    )


def all_is_well_whatever_is_missing(doctor):
    doctor.examine = lambda: [doctor.Finding("Python", "3")]


def failures_do_not_show_in_the_exit_code(terminal):
    predict = terminal._predict
    terminal._predict = lambda chosen: min(predict(chosen), 0)


def any_answer_passes(core):
    core.Exercise.verdict = lambda exercise, answer=None: (core.PASSED, "well done")


def a_pass_is_forgotten(core):
    core._remember = lambda name: None


def left_and_right_masks_change_places(dataset):
    write = dataset.write_phantom
    dataset.write_phantom = lambda root, index, phantom: write(
        root, index, replace(phantom, mask_left=phantom.mask_right, mask_right=phantom.mask_left)
    )


def a_bug_of_the_museum_does_nothing(bugs):
    bug = bugs.BUGS["dilated labels"]
    bugs.BUGS["dilated labels"] = replace(
        bug, steps=replace(bug.steps, label=lambda masks: masks.copy())
    )


def sums_may_be_done_in_any_order(start):
    start.make_reproducible = lambda seed: import_module("keras").utils.set_random_seed(seed)


def an_old_gpu_computes_in_bfloat16(start):
    start.FLOAT16 = "mixed_bfloat16"


def the_warm_up_takes_half_of_the_steps(recipes):
    recipes.WARMUP_SHARE = 0.5


def the_loss_that_was_asked_for_is_ignored(training):
    training.LOSSES = dict.fromkeys(training.LOSSES, training.LOSSES["bce_dice"])


def every_epoch_has_one_order(pipeline):
    batches = pipeline.training_batches

    def first_again(squares, batch_size, epochs, *more, **named):
        first = batches(squares, batch_size, range(1), *more, **named)
        return first.repeat(len(epochs))

    pipeline.training_batches = first_again


def a_turn_is_told_the_other_way_round(predict):
    best = predict.best_orientation

    def mirrored(*arguments):
        quarters, inverted = best(*arguments)
        return -quarters % 4, inverted

    predict.best_orientation = mirrored


def copies_are_not_moved_back(predict):
    predict.Transform.undo = lambda transform, probability, plain: probability


def months_are_taken_for_years(readings):
    readings.YEARS_PER_UNIT["M"] = 1.0


def white_is_taken_for_black_in_a_tiff(images):
    images.PHOTOMETRIC = 0


def the_slope_is_not_applied(greys):
    greys._rescaled = lambda header, levels: (levels, False, False)


def a_damaged_network_is_loaded(pretrained):
    facts = pretrained.pretrained_facts

    def forged(name):
        content = (pretrained.FOLDER / f"{name}.onnx").read_bytes()
        return facts(name) | {"sha256": pretrained.hashlib.sha256(content).hexdigest()}

    pretrained.pretrained_facts = forged


def a_half_written_file_is_left_behind(types):
    @contextmanager
    def written(path):
        part = path.with_name(f".part{path.suffix}")
        yield part
        part.replace(path)

    types.written_whole = written


def two_files_of_one_name_share_a_mask(jobs):
    jobs._free = lambda wanted, is_used: wanted.as_posix()


def an_unknown_age_matches_nothing(reading):
    reading.EVERY_AGE = (0, 150)


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
    a_file_s_time_counts_in_whole_seconds: (
        "squares",
        "test_squares.py::test_a_nanosecond_newer_is_another_file",
    ),
    the_best_epoch_is_chosen_by_the_training_loss: (
        "training",
        "test_training.py::test_the_best_epoch_is_the_one_of_the_lowest_validation_loss",
    ),
    precision_is_left_out_of_a_training_s_name: (
        "training",
        "test_training.py::test_what_a_training_depends_on_is_in_its_name",
    ),
    the_precision_that_was_asked_for_is_ignored: (
        "unet",
        "test_pretrained.py::test_a_network_computes_in_the_precision_that_was_asked_for",
    ),
    the_upper_end_of_the_interval_is_one_off: (
        "metrics",
        "test_metrics.py::test_the_ends_of_the_interval_are_these_two_of_the_sorted_means",
    ),
    the_spacing_of_the_patient_comes_first: (
        "dicom.header",
        "dicom/test_dicom.py::test_the_spacing_on_the_detector_comes_first",
    ),
    padding_counts_for_the_contrast: (
        "dicom.greys",
        "dicom/test_dicom.py::test_padding_is_black_and_is_as_stored",
    ),
    row_and_column_are_swapped_in_the_table: (
        "app.table",
        "app/test_terminal.py::test_every_column_of_the_table",
    ),
    files_are_written_in_place: (
        "app.batch",
        "app/test_terminal.py::test_a_mask_that_cannot_be_written_leaves_the_old_one_whole",
    ),
    cells_are_written_as_they_are: (
        "app.table",
        "app/test_terminal.py::test_no_cell_of_the_table_is_computed",
    ),
    another_network_finds_its_work_done: (
        "app.batch",
        "app/test_terminal.py::test_another_network_does_its_own",
    ),
    the_seed_does_not_reach_the_training: (
        "museum.run",
        "museum/test_run.py::test_the_seed_reaches_every_step_and_the_order",
    ),
    one_folder_serves_all_counts_of_simulated_images: (
        "phantom",
        "test_start.py::test_each_size_of_run_has_its_own_simulated_set",
    ),
    a_tilde_is_a_folder: ("start", "test_start.py::test_a_home_may_be_named_in_short"),
    a_lone_lung_takes_its_side_from_the_height: (
        "masks",
        "test_masks.py::test_one_lung_belongs_to_its_side",
    ),
    a_fold_that_there_is_not_is_the_first: (
        "splits",
        "test_splits.py::test_a_fold_that_there_is_not_is_refused",
    ),
    ten_bits_are_read_as_twelve: (
        "grey",
        "test_images.py::test_every_depth_gives_the_same_image",
    ),
    the_threshold_is_left_out_of_the_second_cut: (
        "predict",
        "test_predict.py::test_a_lower_threshold_finds_more",
    ),
    failures_are_left_out_of_the_table: (
        "results",
        "test_results.py::test_empty_method_fails_in_full",
    ),
    the_outline_is_drawn_in_blue: (
        "overlay",
        "test_overlay.py::test_the_outline_is_dashed_along_the_mask_whatever_its_size",
    ),
    the_validation_curve_is_the_training_s: (
        "teaching.plots",
        "teaching/test_plots.py::test_learning_curves_are_the_history",
    ),
    the_prediction_is_named_the_reference: (
        "teaching.plots",
        "teaching/test_plots.py::test_comparison_shows_both_masks_and_both_outlines",
    ),
    an_infinite_distance_is_written_as_missing: (
        "results",
        "test_results.py::test_results_are_kept_as_json",
    ),
    a_browser_opens_though_none_is_wanted: (
        "app.terminal",
        "app/test_terminal.py::test_the_page_opens_in_the_browser_where_it_is_wanted",
    ),
    run_lengths_are_counted_down_the_columns: (
        "app.runs",
        "app/test_runs.py::test_they_are_those_of_chexmask",
    ),
    the_worst_masks_are_the_best: (
        "app.table",
        "app/test_report.py::test_the_worst_outlines_are_drawn_and_no_others",
    ),
    checksums_are_not_compared: (
        "app.download",
        "app/test_download.py::test_a_damaged_file_on_disk_is_replaced",
    ),
    all_is_well_whatever_is_missing: (
        "app.doctor",
        "app/test_terminal.py::test_doctor_tells_what_is_missing_and_what_to_do",
    ),
    failures_do_not_show_in_the_exit_code: (
        "app.terminal",
        "app/test_terminal.py::test_a_folder_that_must_not_be_opened_has_a_row",
    ),
    any_answer_passes: (
        "teaching.exercises.core",
        "teaching/test_exercises.py::test_wrong_answers_are_told_what_is_wrong",
    ),
    a_pass_is_forgotten: (
        "teaching.exercises.core",
        "teaching/test_exercises.py::test_progress_is_remembered_and_told",
    ),
    left_and_right_masks_change_places: (
        "phantom.dataset",
        "phantom/test_phantom.py::test_a_written_set_reads_as_the_montgomery_layout",
    ),
    a_bug_of_the_museum_does_nothing: (
        "museum.bugs",
        "museum/test_bugs.py::test_dilated_labels_are_larger_all_around",
    ),
    sums_may_be_done_in_any_order: ("start", "test_start.py::test_sums_are_done_in_one_order"),
    an_old_gpu_computes_in_bfloat16: ("start", "test_start.py::test_precision_follows_the_gpu"),
    the_warm_up_takes_half_of_the_steps: (
        "recipes",
        "test_recipes.py::test_learning_rate_warms_up_and_decays_to_zero",
    ),
    the_loss_that_was_asked_for_is_ignored: (
        "training",
        "test_training.py::test_every_setting_reaches_the_network_and_its_optimiser",
    ),
    every_epoch_has_one_order: (
        "pipeline",
        "test_pipeline.py::test_each_epoch_has_its_own_order_and_every_image_once",
    ),
    a_turn_is_told_the_other_way_round: (
        "predict",
        "test_predict.py::test_what_is_turned_or_inverted_is_told",
    ),
    copies_are_not_moved_back: ("predict", "test_predict.py::test_an_identity_network_is_undone"),
    months_are_taken_for_years: ("readings", "test_radiographs.py::test_age_is_in_years"),
    white_is_taken_for_black_in_a_tiff: (
        "images",
        "test_images.py::test_where_white_is_zero_a_tiff_is_turned",
    ),
    the_slope_is_not_applied: (
        "dicom.greys",
        "dicom/test_dicom.py::test_the_first_window_that_shows_the_picture_is_applied",
    ),
    a_damaged_network_is_loaded: (
        "pretrained",
        "test_pretrained.py::test_a_damaged_file_is_refused",
    ),
    a_half_written_file_is_left_behind: (
        "types",
        "test_types.py::test_an_error_leaves_the_old_file_as_it_was",
    ),
    two_files_of_one_name_share_a_mask: (
        "app.jobs",
        "app/test_terminal.py::test_files_of_several_folders_do_not_meet",
    ),
    an_unknown_age_matches_nothing: (
        "teaching.scenes.reading",
        "teaching/test_scenes.py::test_matching_nothing_asked_keeps_all",
    ),
}


def run_test_with(name: str, folder: Path) -> None:
    """In a process of its own: put a fault in and run its test. `said` in `folder` is the output,
    and the exit code is pytest's.
    """
    fault, (module, test) = next(item for item in FAULTS.items() if item[0].__name__ == name)
    os.environ["LUNGSEG_HOME"] = str(folder)
    with open(Path(folder, "said"), "w", encoding="utf-8") as sys.stdout:
        faulthandler.dump_traceback_later(240, exit=True, file=sys.stdout)  # where it hangs
        # it would look five times for garbage in all of TensorFlow
        options = ["-q", "-x", "-p", "no:cacheprovider", "-p", "no:unraisableexception"]
        # where CI is set, pytest compares what differs at any length: minutes for a file's bytes
        options += ["--assert=plain", "--rootdir", str(TESTS.parent)]
        code = pytest.main([*options, str(TESTS / test)], [Planted(fault, module)])
    sys.exit(int(code))


class Planted:
    """A plugin of pytest: puts a fault in once conftest.py has set TensorFlow's variables."""

    def __init__(self, fault, module):
        self.fault, self.module = fault, module

    def pytest_sessionstart(self):
        self.fault(import_module(f"lungseg_utils.{self.module}"))
