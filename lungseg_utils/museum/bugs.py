"""Silent bugs of public segmentation code, each switched on by its name.

Each function is one step of `run.Steps` as somebody wrote it. None of them raises an error.
Images and masks are float32, (n, FINE, FINE) where read and (n, size, size, 1) where moved.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import cv2
import keras
import numpy as np
import pandas as pd
from tqdm import tqdm

from lungseg_utils.augmentation import augment
from lungseg_utils.losses import dice_loss
from lungseg_utils.metrics import bootstrap_interval
from lungseg_utils.predict import THRESHOLD

from . import run
from .run import FINE, HEALTHY, SEEDS, Museum, Outcome, Predicted, Steps

Array = np.ndarray
Epochs = Sequence[dict]
KERNEL = 7  # of 256 pixels, as 15 of the 512 at which public code dilates
BRIGHTEST = 80  # grey values added at most


def dilated(masks: Array) -> Array:
    """Lungs drawn larger, to be on the safe side."""
    return np.stack([cv2.dilate(mask, np.ones((KERNEL, KERNEL))) for mask in masks])


def left_at_255(masks: Array) -> Array:
    """The grey values of the file: 0 and 255."""
    return 255 * masks


def grown(images: Array, masks: Array, key: list[int]) -> tuple:
    """Masks moved with bilinear interpolation, and every pixel above 0 called lung."""
    images, masks = augment(images, masks, key)
    return images, keras.ops.cast(masks > 0, "float32")


def shuffled(images: Array, masks: Array, seed: int) -> tuple[Array, Array]:
    """Two lists of files, each in the order in which the disk names them, zipped."""
    order = np.random.default_rng(seed).permutation(len(masks))
    return images, masks[np.roll(order, 1)[np.argsort(order)]]  # none keeps its own


def mask_left_behind(images: Array, masks: Array, key: list[int]) -> tuple:
    """The image moved, its mask not."""
    return augment(images, masks, key)[0], masks


def mirrored(images: Array, masks: Array, key: list[int]) -> tuple:
    """Half of the chests mirrored, image and mask alike, the heart on the wrong side."""
    images, masks = (np.array(array) for array in augment(images, masks, key))
    chosen = np.random.default_rng(key).random(len(images)) < 0.5
    images[chosen], masks[chosen] = images[chosen, :, ::-1], masks[chosen, :, ::-1]
    return images, masks


def brightened_in_uint8(images: Array, masks: Array, key: list[int]) -> tuple:
    """A random brightness, added in 8 bits: what exceeds 255 wraps to 0."""
    images, masks = augment(images, masks, key)
    draw = np.random.default_rng(key).integers(0, BRIGHTEST, (len(images), 1, 1, 1), np.uint8)
    return ((255 * np.asarray(images)).astype(np.uint8) + draw) / np.float32(255), masks


def sigmoid_twice(y_true, y_pred) -> keras.KerasTensor:
    """The course's loss, told `from_logits=True` by a network that ends in a sigmoid."""
    # written out, since Keras on TensorFlow recognises a sigmoid's own output and corrects the loss
    crossentropy = keras.losses.binary_crossentropy(y_true, keras.ops.sigmoid(y_pred))
    return keras.ops.mean(crossentropy, axis=(1, 2)) + dice_loss(y_true, y_pred)


def in_training(model: keras.Model, images: Array) -> Array:
    """BatchNorm left in training mode: each image is normalised by itself."""
    one_by_one = [model(image[None, ..., None], training=True) for image in images]
    return np.concatenate(one_by_one)[..., 0]


def divided_twice(model: keras.Model, images: Array) -> Array:
    """Images in [0, 1], divided by 255 once more on their way in."""
    return run.probabilities(model, images / 255)


def left_mirrored(model: keras.Model, images: Array) -> Array:
    """The mean of two predictions, the second of a mirrored image and never mirrored back."""
    return (run.probabilities(model, images) + run.probabilities(model, images[:, :, ::-1])) / 2


def lowest_training_loss(history: Epochs) -> int:
    """The epoch with the lowest loss on the training images."""
    return int(np.argmin([row["loss"] for row in history]))


def lowest_dice(history: Epochs) -> int:
    """The "best" epoch of a callback that treats every measure as a loss."""
    return int(np.argmin([row["val_dice"].mean() for row in history]))


def first_of_equals(history: Epochs) -> int:
    """No validation image: each epoch scores 0, and none is better than the first."""
    return int(np.argmax([sum(row["val_dice"][:0]) for row in history]))


def one_image(history: Epochs) -> int:
    """The epoch with the highest Dice on one validation image."""
    return int(np.argmax([row["val_dice"][0] for row in history]))


def its_score(predicted: Predicted) -> Array:
    """The Dice of that image, at that epoch, as the score of the network."""
    best = max(row["val_dice"][0] for row in predicted.history)
    return np.full(len(predicted.masks), best)


def moved(predicted: Predicted) -> Array:
    """The test images run through the augmentation of the training."""
    test = predicted.data.test
    images, masks = augment(test.images[..., None], test.masks[..., None], [0, 0])
    return _dice_of_other(predicted, np.asarray(images)[..., 0], np.asarray(masks)[..., 0])


def rescaled(predicted: Predicted) -> Array:
    """Each part normalised with its own mean and spread, the test part too."""
    training, test = predicted.data.training.images, predicted.data.test.images
    images = (test - test.mean()) / test.std() * training.std() + training.mean()
    return _dice_of_other(predicted, images, predicted.labels)


def best_cuts(predicted: Predicted) -> Array:
    """For each test image the threshold that gives it the highest Dice."""
    fine = run.to_squares(predicted.probability, FINE)
    cuts = np.linspace(0.05, 0.95, 19)
    return np.max([run.overlap(fine > cut, predicted.labels) for cut in cuts], axis=0)


def above_one(predicted: Predicted) -> Array:
    """The usual formula, with masks of 0 and 1 and labels of 0 and 255."""
    return run.overlap(predicted.masks, 255 * predicted.labels)


def sums_in_uint8(predicted: Predicted) -> Array:
    """Masks and labels of 0 and 255 in 8 bits, where 255 times 255 is 1."""
    pair = (255 * (one >= 0.5).astype(np.uint8) for one in (predicted.masks, predicted.labels))
    return run.overlap(*pair)


def small(predicted: Predicted) -> Array:
    """Masks and labels compared on the network's square."""
    labels = run.to_squares(predicted.labels, predicted.probability.shape[1])
    return run.overlap(predicted.probability > THRESHOLD, labels >= 0.5)


def _dice_of_other(predicted: Predicted, images: Array, labels: Array) -> Array:
    squares = run.to_squares(images, predicted.probability.shape[1])
    found = run.probabilities(predicted.model, squares)
    return run.overlap(run.masks_of(found), labels >= 0.5)


@dataclass(frozen=True)
class Bug:
    """A bug: the stage of a run in which it is made, where the like was seen, and the steps that
    it changes.
    """

    stage: str
    seen: str
    steps: Steps

    @property
    def harms(self) -> str:
        """The "network" (Dice is lost), or the "number" that is reported of it."""
        return "network" if self.steps.measure is HEALTHY.measure else "number"


def _bug(stage: str, seen: str, **changed: Callable) -> Bug:
    return Bug(stage, seen, replace(HEALTHY, **changed))


# numbers are those of GitHub issues and pull requests, in which somebody found one of the kind
BUGS = {
    "dilated labels": _bug("labels", "notebooks on Montgomery", label=dilated),
    "labels of 0 and 255": _bug("labels", "milesial/Pytorch-UNet #84", label=left_at_255),
    "blurred masks cut above 0": _bug("labels", "shekkizh/FCN.tensorflow #4", move=grown),
    "unsorted files zipped": _bug("pairs", "scripts on Montgomery", pair=shuffled),
    "image moved, mask not": _bug("pairs", "aleju/imgaug #132", move=mask_left_behind),
    "mirrored chests": _bug("pairs", "jrzech/reproduce-chexnet #3", move=mirrored),
    "brightened in uint8": _bug("pairs", "tensorpack/tensorpack #614", move=brightened_in_uint8),
    "a sigmoid too many": _bug("training", "lovedlim/tensorflow #2", loss=sigmoid_twice),
    "kept by training loss": _bug("training", "mehta-lab/microDL #23", keep=lowest_training_loss),
    "kept by lowest Dice": _bug("training", "mila-iqia/cookiecutter-pyml #119", keep=lowest_dice),
    "no validation image": _bug("training", "milesial/Pytorch-UNet #308", keep=first_of_equals),
    "one validation image": _bug(
        "training", "milesial/Pytorch-UNet #106", keep=one_image, measure=its_score
    ),
    "BatchNorm in training": _bug("predicting", "milesial/Pytorch-UNet #31", predict=in_training),
    "divided by 255 twice": _bug("predicting", "jakeret/tf_unet #224", predict=divided_twice),
    "mirrored and not back": _bug("predicting", "ENHANCE-PET/MOOSE #232", predict=left_mirrored),
    "augmented test part": _bug(
        "measuring", "udacity/deep-learning-v2-pytorch #132", measure=moved
    ),
    "normalised by test part": _bug("measuring", "EricGuo5513/HumanML3D #28", measure=rescaled),
    "a threshold for each image": _bug("measuring", "iolag/UPD_study #4", measure=best_cuts),
    "Dice above 1": _bug("measuring", "milesial/Pytorch-UNet #271", measure=above_one),
    "sums in uint8": _bug("measuring", "ultralytics/ultralytics #15808", measure=sums_in_uint8),
    "measured on squares": _bug("measuring", "huyquoctrinh/MetaPolyp-CBMS2023 #1", measure=small),
}


def all_outcomes(museum: Museum) -> dict[str, Outcome]:
    """The outcome of each bug, by name; what was made before is read back."""
    names = tqdm(BUGS, "museum", leave=False, unit="bug", disable=None)
    return {name: museum.outcome(name, BUGS[name].steps) for name in names}


def costs(museum: Museum, outcomes: dict[str, Outcome]) -> pd.DataFrame:
    """What each bug costs, one row each, with a 95 % paired interval over patients.

    Cost is Dice lost against the healthy run where the network is harmed, and reported minus true
    Dice where the number is. It is beyond chance if the interval leaves zero out and, where another
    network was measured, it is larger than the range of the healthy run's means over `SEEDS`. HD95
    is left out where the set has no spacing.
    """
    healthy = [museum.outcome("healthy", seed=seed) for seed in SEEDS]
    spread = np.ptp([outcome.dice.mean() for outcome in healthy])
    rows = {}
    for name, outcome in outcomes.items():
        harms = BUGS[name].harms
        lost, wrong = healthy[0].dice - outcome.dice, outcome.reported - outcome.dice
        cost = lost if harms == "network" else wrong
        low, high = bootstrap_interval(cost, museum.data.patients)
        least = spread if harms == "network" else 0
        rows[name] = {
            "harms": harms,
            "true Dice": outcome.dice.mean(),
            "reported Dice": outcome.reported.mean(),
            "HD95 (mm)": outcome.hd95_mm.mean(),
            "cost": cost.mean(),
            "low": low,
            "high": high,
            "beyond chance": bool(abs(cost.mean()) > least and (low > 0 or high < 0)),
        }
    table = pd.DataFrame.from_dict(rows, orient="index")
    return table if museum.data.in_mm else table.drop(columns="HD95 (mm)")
