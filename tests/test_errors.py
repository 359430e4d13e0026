"""What is refused, and the whole sentence that the reader sees."""

from pathlib import Path

import keras
import numpy as np
import pytest
from sets import bare_record, numbered_squares

from lungseg_utils import metrics, pretrained, start, training
from lungseg_utils.app import networks
from lungseg_utils.recipes import COURSE
from lungseg_utils.splits import split_by_patient
from lungseg_utils.types import DataError
from lungseg_utils.unet import build_unet

MASK, GREY, TALL = np.ones((4, 4), bool), np.ones((4, 4), np.uint8), np.ones((3, 4), bool)
SPACING = 1.0, 1.0
NOT_BOOL = "the masks are uint8 and bool, not bool: threshold first"
BOOL_AND_GREY = "the masks are bool and uint8, not bool: threshold first"
SHAPES = "the masks differ in shape: (4, 4) and (3, 4)"
PAIRS = [metrics.dice, metrics.iou, metrics.precision, metrics.recall]
SPACED = [metrics.surface_distances, metrics.hd, metrics.hd95, metrics.assd, metrics.nsd]
FEW = [bare_record(f"p{number}") for number in range(9)]


def a_file(folder: Path) -> Path:
    (folder / "a.keras").write_bytes(b"no network")
    return folder / "a.keras"


def a_model(folder: Path, shape: tuple, layer: keras.layers.Layer) -> Path:
    inputs = keras.Input(shape)
    keras.Model(inputs, layer(inputs)).save(folder / "a.keras")
    return folder / "a.keras"


def saved(shape: tuple, layer: keras.layers.Layer):
    return lambda folder: networks.load_own(a_model(folder, shape, layer))


CASES = {
    **{f"{one.__name__} of numbers": (lambda _, one=one: one(GREY, MASK), ValueError, NOT_BOOL)
       for one in PAIRS},
    **{f"{one.__name__} of a number": (lambda _, one=one: one(MASK, GREY), ValueError,
                                       BOOL_AND_GREY) for one in PAIRS},
    **{f"{one.__name__} of shapes": (lambda _, one=one: one(MASK, TALL), ValueError, SHAPES)
       for one in PAIRS},
    **{f"{one.__name__} of shapes": (lambda _, one=one: one(MASK, TALL, SPACING), ValueError,
                                     SHAPES) for one in SPACED},
    "pooled Dice of shapes": (lambda _: metrics.pooled_dice([MASK], [TALL]), ValueError, SHAPES),
    "soft Dice of numbers": (lambda _: metrics.soft_dice(GREY, GREY), ValueError,
                             "the reference is uint8, not bool: threshold it first"),
    "soft Dice of shapes": (lambda _: metrics.soft_dice(GREY, TALL), ValueError,
                            "the shapes differ: (4, 4) and (3, 4)"),
    "an interval of nothing": (lambda _: metrics.bootstrap_interval([], []), ValueError,
                               "an interval takes at least one value, and none that is NaN"),
    "an interval of NaN": (lambda _: metrics.bootstrap_interval([1, np.nan], "ab"), ValueError,
                           "an interval takes at least one value, and none that is NaN"),
    "a split of few": (lambda _: split_by_patient(FEW), ValueError,
                       "a split needs at least ten patients; here are 9"),
    "a fold that is none": (lambda _: split_by_patient(FEW, fold=5), ValueError,
                            "there is no fold 5: choose one from 0 to 4"),
    "a fold before the first": (lambda _: split_by_patient(FEW, fold=-1), ValueError,
                                "there is no fold -1: choose one from 0 to 4"),
    "a size that cannot be halved": (lambda _: build_unet(36, depth=3), ValueError,
                                     "size 36 cannot be halved 3 times: use a multiple of 8"),
    "squares of another size": (
        lambda folder: training.train(COURSE, numbered_squares(2, 16), None, folder), ValueError,
        "the squares measure 16, not 192"),
    "weights that are not there": (
        lambda _: pretrained.load_pretrained("none"), ValueError,
        'there are no weights named "none": choose one of montgomery, second, simulated'),
    "a network that is not there": (
        lambda folder: networks.load_own(folder / "gone"), FileNotFoundError,
        "there is no file {folder}/gone: train one with lungseg train"),
    "the name of a network that is not there": (
        lambda folder: networks.name_networks(folder / "gone"), FileNotFoundError,
        "there is no file {folder}/gone: train one with lungseg train"),
    "a file that is no network": (
        lambda folder: networks.load_own(a_file(folder)), DataError,
        f"{{folder}}/a.keras is not a network that Keras {keras.__version__} can read"),
    "a network that makes no picture": (
        saved((8, 8, 1), keras.layers.Flatten()), DataError,
        "{folder}/a.keras makes (None, 64) of (None, 8, 8, 1): no mask"),
    "a network of oblong pictures": (
        saved((8, 4, 1), keras.layers.Identity()), DataError,
        "{folder}/a.keras makes (None, 8, 4, 1) of (None, 8, 4, 1): no mask"),
    "a network that makes two masks": (
        saved((8, 8, 2), keras.layers.Identity()), DataError,
        "{folder}/a.keras makes (None, 8, 8, 2) of (None, 8, 8, 2): no mask"),
    "a network of no pictures": (
        saved((8,), keras.layers.Identity()), DataError,
        f"{{folder}}/a.keras is not a network that Keras {keras.__version__} can read"),
    "a size of run that is none": (lambda _: start.begin(scale="huge"), ValueError,
                                   'LUNGSEG_SCALE is "huge": set it to ci, laptop or gpu'),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_what_is_refused_is_told_in_these_words(case, tmp_path):
    call, kind, sentence = CASES[case]
    with pytest.raises(kind) as caught:
        call(tmp_path)
    assert type(caught.value) is kind
    assert str(caught.value) == sentence.format(folder=tmp_path)
