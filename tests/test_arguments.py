"""Every argument of every public function matters: change it, and something else comes out."""

import hashlib
import inspect
import re
from dataclasses import fields, is_dataclass, replace
from importlib import import_module
from pathlib import Path

import keras
import numpy as np
import pandas as pd
import pytest
import tensorflow as tf
from hostile import picture
from sets import NAMES, bare_record, lungs, numbered_squares, radiograph, write_png, write_set

import lungseg_utils
from lungseg_utils import cluster, images, pipeline, readings, results, squares, start, types, unet
from lungseg_utils.augmentation import MILD, STRONG
from lungseg_utils.masks import lung_areas
from lungseg_utils.predict import TRANSFORMS, predict
from lungseg_utils.radiographs import load_records
from lungseg_utils.recipes import COURSE, FOR_SIMULATED
from lungseg_utils.start import Course

PACKAGE = Path(lungseg_utils.__file__).parent
MODULES = sorted(path.stem for path in PACKAGE.glob("*.py") if not path.stem.startswith("__"))

IMAGE = radiograph().astype(np.float32)
OTHER = IMAGE[::-1].copy()
LEFT, RIGHT = lungs()
BOTH = LEFT | RIGHT
SHIFTED = np.roll(BOTH, 2, axis=0)
UPPER = LEFT & (np.arange(24) < 12)[:, None]
ALL = slice(None)
WIDE, TALL = (1.0, 2.0), (2.0, 1.0)
RECORDS = [bare_record(f"p{number:02}", label=number % 2) for number in range(40)]
SAME = [bare_record(f"p{number:02}", f"p{number // 2:02}") for number in range(40)]
TABLE = pd.DataFrame({
    "name": list("abcd"), "patient": list("aabc"), "label": [0, 1, 1, 0], "sex": list("FFMM"),
    "dice": [0.9, 0.8, 0.7, 0.95],
})  # fmt: skip
OTHER_TABLE = TABLE.assign(dice=[0.5, 0.8, 0.7, 0.95])
SQUARES, OTHER_SQUARES = numbered_squares(6, 16), numbered_squares(6, 32)
TRUE, PREDICTED = BOTH[None, ..., None], np.full((1, *BOTH.shape, 1), 0.4, np.float32)
HALF = np.where(BOTH, np.float32(0.7), np.float32(0.2))[None, ..., None]
GROUPS = list("aabbcc")
VALUES = [0.1, 0.9, 0.5, 0.6, 0.7, 0.75]


def network(power: int, size: int = 16, channels: int = 1) -> keras.Model:
    inputs = keras.Input((size, size, channels))
    return keras.Model(inputs, inputs[..., :1] ** power)


SQUARE = np.asarray(SQUARES.images[0])


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Two sets, two pictures, and folders to write to."""
    root = tmp_path_factory.mktemp("arguments")
    write_set(root / "one", NAMES)
    write_set(root / "two", NAMES[:3])
    for name, pixels in (("one", LEFT), ("two", RIGHT)):
        write_png(root / f"{name}.png", pixels.astype(np.uint8) * 255)
    write_png(root / "wide.png", np.zeros((3, 5), np.uint8))
    return root


def whole(path):
    with types.written_whole(path) as part:
        part.write_text("all", encoding="utf-8")
    return [str(one) for one in path.parent.rglob("*") if one.read_text(encoding="utf-8") == "all"]


def with_faults(function):
    """What a function returns, and what it adds to `faults`."""

    def called(faults, **more):
        faults = list(faults)
        return function(**more, faults=faults), faults

    return called


def drawn(seed):
    start.make_reproducible(seed)
    return np.random.random(), np.asarray(keras.random.uniform((2,)))


def cases(files: Path) -> dict[str, list[tuple]]:
    """By function: the arguments of a call, those that are changed one at a time and, where it is
    not the function itself, what is called.
    """
    one, two = (load_records(files / name) for name in ("one", "two"))
    texts = sorted((files / "one" / "ClinicalReadings").iterdir())
    (files / "one.jpg").write_bytes(picture(kind=".jpg")())
    row = {"epoch": 1, "seconds": 1.0, "loss": 1.0, "val_loss": 2.0, "val_dice": 0.5}
    masks = {"prediction": BOTH, "reference": SHIFTED}
    other_masks = {"prediction": UPPER, "reference": LEFT}
    spaced = {**masks, "spacing_mm": WIDE}
    other_spaced = {**other_masks, "spacing_mm": TALL}
    soft = {"y_true": TRUE, "y_pred": HALF}
    other_soft = {"y_true": ~TRUE, "y_pred": PREDICTED}
    simulated = Course((), "simulated set", "laptop", files)
    first, second = network(1), network(3)
    seen, other_seen = (predict([model], IMAGE) for model in (first, second))
    pngs = {"path": files / "one.png"}, {"path": files / "two.png"}
    return {
        "types.counted": [({"count": 1, "noun": "image"}, {"count": 2, "noun": "mask"})],
        "types.written_whole": [({"path": files / "a" / "x"}, {"path": files / "b" / "x"}, whole)],
        "start.begin": [({"data_folder": files / "one", "scale": "ci"},
                         {"data_folder": files / "two", "scale": "laptop"})],
        "start.setting": [({"name": "LUNGSEG_SCALE"}, {"name": "LUNGSEG_NOTHING"})],
        "start.bare_path": [({"text": "'one'"}, {"text": "file:///two"})],
        "start.typed_path": [({"text": "'one'"}, {"text": "two"})],
        "start.make_reproducible": [({"seed": 1}, {"seed": 2}, drawn)],
        "images.read_xray": [pngs],
        "images.read_image": [pngs],
        "images.existing": [pngs],
        "images.measure_xray": [(pngs[0], {"path": files / "wide.png"})],
        "images.open_picture": [
            ({"file": files / "one.png", "name": "a", "formats": ["JPEG"]},
             {"file": files / "one.jpg", "name": "b", "formats": ["PNG"]},
             lambda file, **more: images.open_picture(file=file.open("rb"), **more).size)
        ],
        "images.decode_xray": [({"content": b"", "name": "a"},
                                {"content": picture()(), "name": "b"})],
        "grey.scaled": [({"stored": types.Stored(np.zeros((2, 2), np.uint8)), "name": "a"},
                         {"stored": types.Stored(np.eye(2, dtype=np.uint8)), "name": "b"})],
        "images.format_of": [({"head": b"none", "size": 4},
                              {"head": b"\xff\xd8\xff", "size": 2 * 2048**2})],
        **{f"radiographs.{name}": [({"root": files / "one"}, {"root": files / "two"})]
           for name in ("load_records", "load_set", "find_set")},
        "radiographs.fault_of": [
            ({"error": ValueError(f"{files} is odd: mend it"), "files": [files]},
             {"error": ValueError(f"{files} is empty: mend it"), "files": [files / "one"]})
        ],
        "readings.stem": [pngs],
        "readings.read_clinical": [
            ({"path": texts[0], "faults": []}, {"path": texts[1], "faults": [1]}, with_faults(
                readings.read_clinical))],
        "readings.read_metadata": [
            ({"path": files / "one" / "metadata.csv", "images": {}, "faults": []},
             {"path": files / "none.csv", "images": {"MCUCXR_0001_0": texts[0]}, "faults": [1]},
             with_faults(readings.read_metadata))],
        "readings.group_patients": [
            ({"names": {"a_1": 0, "a_2": 0, "b_1": 0}, "root": files, "faults": [],
              "known": {"a_1": {}, "a_2": {}, "b_1": {}}},
             {"names": {"a_1": 0, "a_2": 0}, "root": files / "one", "faults": [1],
              "known": {"a_1": {"patient": "x"}, "a_2": {"patient": "x"}, "b_1": {}}},
             with_faults(readings.group_patients))],
        "splits.split_by_patient": [({"records": RECORDS, "seed": 0, "fold": 0},
                                     {"records": SAME, "seed": 1, "fold": 1})],
        "splits.article_split": [({"records": RECORDS}, {"records": RECORDS[:30]})],
        "splits.subsample": [({"records": RECORDS, "count": 9}, {"records": SAME, "count": 8})],
        "masks.read_mask": [(pngs[0] | {"shape": None}, pngs[1] | {"shape": (12, 16)})],
        "masks.measure_mask": [(pngs[0], {"path": files / "wide.png"})],
        "masks.read_sides": [({"record": one[0]}, {"record": one[1]})],
        "masks.split_sides": [({"lungs": BOTH}, {"lungs": SHIFTED})],
        "masks.merge_masks": [({"image_left": LEFT, "image_right": RIGHT},
                               {"image_left": SHIFTED, "image_right": SHIFTED})],
        "masks.read_lungs": [({"record": one[0]}, {"record": one[1]})],
        "masks.read_pair": [({"record": one[0]}, {"record": one[1]})],
        "masks.keep_two_lungs": [({"mask": BOTH}, {"mask": LEFT})],
        "masks.lung_area_cm2": [({"mask": BOTH, "spacing_mm": (1, 1)},
                                 {"mask": LEFT, "spacing_mm": WIDE})],
        "masks.lung_areas": [({"mask": BOTH, "spacing_mm": None},
                              {"mask": LEFT, "spacing_mm": WIDE})],
        "masks.mask_warnings": [({"mask": BOTH, "areas": lung_areas(BOTH), "shown": (ALL, ALL)},
                                 {"mask": np.ones_like(BOTH), "areas": lung_areas(LEFT),
                                  "shown": (ALL, slice(*np.flatnonzero(BOTH.any(0))[[0, 3]]))})],
        "cluster.in_shards": [({"items": [1, 2, 3], "size": 2}, {"items": [4, 5], "size": 1},
                               lambda **more: list(cluster.in_shards(**more)))],
        "squares.to_square": [({"array": IMAGE, "size": 16}, {"array": OTHER, "size": 8})],
        "squares.to_native": [({"probability": SQUARE, "shape": (9, 7)},
                               {"probability": 1 - SQUARE, "shape": (7, 9)})],
        "squares.between_borders": [({"square": np.eye(9, dtype=np.float32), "shape": (9, 7)},
                                     {"square": np.tri(9, 7, -3), "shape": (7, 9)})],
        "squares.load_squares": [
            ({"records": one, "size": 16, "folder": files / "cache"},
             {"records": one[:2], "size": 8}),
            ({"records": one, "size": 16, "folder": files / "cache"},
             {"folder": files / "other"},
             lambda folder, **more: squares.load_squares(folder=folder, **more)
             and sorted(map(str, folder.iterdir()))),
        ],
        "unet.build_unet": [
            ({"size": 16, "channels": 1, "filters": 2, "depth": 2, "momentum": 0.9,
              "precision": "float32"},
             {"size": 32, "channels": 3, "filters": 4, "depth": 1, "momentum": 0.5,
              "precision": "mixed_bfloat16"},
             lambda **options: told(unet.build_unet(**options))[:2])
        ],
        "recipes.steps_per_epoch": [({"recipe": COURSE, "images": 97},
                                     {"recipe": replace(COURSE, batch_size=4), "images": 9})],
        "recipes.learning_rates": [({"recipe": COURSE, "images": 97},
                                    {"recipe": FOR_SIMULATED, "images": 9})],
        "augmentation.augment": [
            ({"image": SQUARES.images[..., None], "mask": SQUARES.masks[..., None],
              "seed": tf.constant([1, 2], tf.int64), "largest": MILD},
             {"image": 1 - SQUARES.images[..., None], "mask": 1 - SQUARES.masks[..., None],
              "seed": tf.constant([1, 3], tf.int64), "largest": STRONG})
        ],
        "pipeline.training_batches": [
            ({"squares": SQUARES, "batch_size": 2, "epochs": range(2), "seed": 0, "channels": 1,
              "augmentation": None},
             {"squares": OTHER_SQUARES, "batch_size": 3, "epochs": range(1, 3), "seed": 1,
              "channels": 3, "augmentation": MILD},
             lambda **options: list(pipeline.training_batches(**options).as_numpy_iterator()))
        ],
        "losses.smoothed_dice": [(soft, other_soft)],
        "losses.dice_loss": [(soft, other_soft)],
        "losses.bce_dice_loss": [(soft, other_soft)],
        "losses.article_dice_loss": [(soft, other_soft)],
        "losses.hard_dice": [(soft, other_soft)],
        "training.print_progress": [
            ({"recipe": COURSE, "history": [row]},
             {"recipe": FOR_SIMULATED, "history": [row | {"loss": 3.0}]})
        ],
        "training.head_start": [({"course": simulated},
                                 {"course": Course((), "mine", "laptop", files)})],
        "pretrained.load_pretrained": [
            ({"name": "montgomery", "size": None, "precision": "float32"},
             {"name": "simulated", "size": 64, "precision": "mixed_bfloat16"})
        ],
        **{f"pretrained.pretrained_{what}": [({"name": "montgomery"}, {"name": "simulated"})]
           for what in ("facts", "file")},
        **{f"metrics.{name}": [(masks, other_masks)]
           for name in ("dice", "iou", "precision", "recall")},
        "metrics.soft_dice": [({"probability": HALF[0, ..., 0], "reference": BOTH},
                               {"probability": PREDICTED[0, ..., 0], "reference": LEFT})],
        "metrics.pooled_dice": [({"predictions": [BOTH, LEFT], "references": [SHIFTED, LEFT]},
                                 {"predictions": [BOTH, RIGHT], "references": [BOTH, LEFT]})],
        **{f"metrics.{name}": [(spaced, other_spaced)]
           for name in ("surface_distances", "hd", "hd95", "assd")},
        "metrics.nsd": [({**spaced, "tolerance_mm": 2.0}, {**other_spaced, "tolerance_mm": 1.0})],
        "metrics.score": [(spaced, other_spaced | {"spacing_mm": None})],
        "metrics.bootstrap_interval": [({"values": VALUES, "groups": GROUPS},
                                        {"values": [*VALUES[:5], 0.2], "groups": list("abcdef")})],
        "results.evaluate": [({"segment": lambda image: image > 0.5, "records": one},
                              {"segment": lambda image: image > 0.3, "records": two})],
        "results.score_records": [({"segment": lambda image: image > 0.5, "records": one},
                                   {"segment": lambda image: image > 0.3, "records": two})],
        "results.mean_scores": [({"rows": TABLE.to_dict("records")},
                                 {"rows": OTHER_TABLE.to_dict("records")})],
        "results.summarise": [({"table": TABLE}, {"table": OTHER_TABLE})],
        "results.by_group": [({"table": TABLE, "column": "sex"},
                              {"table": OTHER_TABLE, "column": "label"})],
        "results.mean_shape": [
            ({"masks": SQUARES.masks}, {"masks": 1 - SQUARES.masks},
             lambda masks: results.mean_shape(masks)(IMAGE))
        ],
        "results.write_results": [
            ({"path": files / "r.json", "table": TABLE, "data": "a set", "scale": "ci"},
             {"table": OTHER_TABLE, "data": "another", "scale": "gpu"},
             lambda path, **more: results.write_results(path, **more) or path.read_bytes())
        ],
        "results.write_json": [
            ({"path": files / "j.json", "content": {"a": 1}}, {"content": {"a": 2}},
             lambda path, content: results.write_json(path, content) or path.read_bytes())
        ],
        "predict.predict_probability": [({"model": first, "image": IMAGE},
                                         {"model": second, "image": OTHER})],
        "predict.predict_mask": [({"model": first, "image": IMAGE, "shape": None},
                                  {"model": second, "image": OTHER, "shape": (9, 7)})],
        "predict.mask_from_square": [
            ({"probability": SQUARE, "shape": (20, 20), "threshold": 0.5},
             {"probability": 1 - SQUARE, "shape": (9, 7), "threshold": 0.3})
        ],
        "predict.predict": [
            ({"models": [first, second], "image": IMAGE, "spacing_mm": None,
              "threshold": 0.5, "notes": ()},
             {"models": [second, first][:1], "image": OTHER, "spacing_mm": WIDE,
              "threshold": 0.3, "notes": ("a note",)})
        ],
        "predict.squares_for": [({"models": [first], "image": IMAGE},
                                 {"models": [network(1, 8)], "image": OTHER})],
        "predict.all_probabilities": [
            ({"models": [first], "squares": [SQUARE], "transforms": TRANSFORMS},
             {"models": [second], "squares": [1 - SQUARE], "transforms": TRANSFORMS[:1]})
        ],
        "predict.predict_squares": [({"model": first, "squares": SQUARES.images},
                                     {"model": second, "squares": SQUARES.images[::-1]})],
        "predict.best_orientation": [
            ({"models": [sure_of(ramp())], "squares": [ramp()]},
             {"models": [sure_of(ramp()[::-1])], "squares": [ramp()[::-1].copy()]})
        ],
        "overlay.to_grey_picture": [({"image": IMAGE, "spacing_mm": None, "side": 80},
                                     {"image": OTHER, "spacing_mm": WIDE, "side": 60})],
        "overlay.outlined": [({"grey": (255 * IMAGE).astype(np.uint8), "mask": BOTH},
                              {"grey": (255 * OTHER).astype(np.uint8), "mask": LEFT})],
        "overlay.draw": [({"image": IMAGE, "prediction": seen, "side": 80},
                          {"image": OTHER, "prediction": other_seen, "side": 60})],
    }  # fmt: skip


# whole functions, by the tests that show it; and arguments that only say where something is written
ELSEWHERE = {
    "start.shared_among": "two_devices_end_at_the_weights_of_one",
    "cluster.open_client": "a_cluster_that_is_there_is_joined_and_a_worker_s_death_loses_nothing",
    "cluster.each_shard": "each_shard_comes_once_with_what_was_made_of_it",
    "training.train": "what_a_training_depends_on_is_in_its_name",
    "training.train_course": "a_training_on_simulated_images_has_no_head_start",
}
PLACES = {f"results.{name}(path)" for name in ("write_results", "write_json")}


def ramp() -> np.ndarray:
    """A picture with one bright edge, at the top."""
    return np.repeat(np.linspace(1, 0, 16, dtype=np.float32)[:, None], 16, axis=1)


def sure_of(image: np.ndarray) -> keras.Model:
    """A network that sees lung where the image is bright, too."""
    inputs = keras.Input((16, 16, 1))
    return keras.Model(inputs, inputs * keras.ops.convert_to_tensor(image[None, ..., None]))


def told(value) -> object:
    """What can be compared: equal for what is alike, whatever it is."""
    if isinstance(value, keras.Model):
        layers = re.sub(r"_\d+\b", "", value.to_json())  # Keras counts their names up
        return value.input_shape, layers, told(value.get_weights())
    if isinstance(value, pd.DataFrame):
        return value.to_json()
    if isinstance(value, keras.optimizers.schedules.LearningRateSchedule):
        return str(value.get_config())
    if tf.is_tensor(value):
        value = value.numpy()
    if isinstance(value, np.ndarray):
        return value.shape, str(value.dtype), hashlib.sha256(value.tobytes()).hexdigest()
    if is_dataclass(value):
        return [told(getattr(value, one.name)) for one in fields(value)]
    if isinstance(value, list | tuple):
        return [told(one) for one in value]
    return str(value)


def outcome(function, arguments, capsys):
    """What a call gives, says, or is refused with."""
    capsys.readouterr()
    try:
        found = told(function(**arguments))
    except (ValueError, OSError) as error:
        found = str(error)
    printed = "\n".join(
        line for line in capsys.readouterr().out.splitlines() if "Ready in" not in line
    )
    return found, printed


def public_functions() -> dict[str, object]:
    found = {}
    for name in MODULES:
        module = import_module(f"lungseg_utils.{name}")
        for word, value in vars(module).items():
            own = inspect.isfunction(value) and value.__module__ == module.__name__
            public = not word.startswith("_") and "__" not in word
            if own and public and inspect.signature(value).parameters:
                found[f"{name}.{word}"] = value
    return found


FUNCTIONS = public_functions()


@pytest.fixture(scope="module")
def known(files):
    return cases(files)


def test_every_argument_of_every_public_function_is_changed(known):
    listed = {
        f"{name}({argument})"
        for name, calls in known.items() for _, changed, *_ in calls for argument in changed
    }  # fmt: skip
    there = {
        f"{name}({argument})"
        for name, function in FUNCTIONS.items() if name not in ELSEWHERE
        for argument in inspect.signature(function).parameters
    }  # fmt: skip
    assert listed == there - PLACES
    files = (f"test_{name}.py" for name in ("training", "devices", "cluster"))
    tests = "".join((Path(__file__).parent / name).read_text(encoding="utf-8") for name in files)
    assert all(f"def test_{name}(" in tests for name in ELSEWHERE.values())


@pytest.mark.parametrize("name", sorted(FUNCTIONS.keys() - ELSEWHERE.keys()))
def test_another_argument_gives_another_result(name, known, capsys, tmp_path):
    for arguments, changed, *called in known[name]:
        function = called[0] if called else FUNCTIONS[name]
        before = outcome(function, arguments, capsys)
        assert outcome(function, arguments, capsys) == before
        for argument, other in changed.items():
            found = outcome(function, {**arguments, argument: other}, capsys)
            assert found != before, argument
