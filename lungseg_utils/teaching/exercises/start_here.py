"""Exercises of notebook 00."""

from collections.abc import Mapping
from functools import lru_cache
from pathlib import PurePosixPath

import numpy as np

from lungseg_utils.phantom import Phantom, simulate
from lungseg_utils.teaching.exercises.core import (
    exercise,
    expect,
    read_mask,
    read_number,
    read_numbers,
)

GOOD_DICE = 0.9
MEANT = {"LUNGSEG_SCALE": "ci", "LUNGSEG_DATA": "mine"}


@exercise(
    objective="say which data and which size of run your copy of the course uses, and choose "
    "others",
    expects="a dict of environment variables and their values",
    hint="The table under “What the course chose” has one row for each of the two wishes.",
    answer="""
    answer = {"LUNGSEG_SCALE": "ci", "LUNGSEG_DATA": "mine"}
    """,
)
def settings(answer):
    expect(isinstance(answer, Mapping), 'expected a dict, such as {"NAME": "value"}')
    turned = MEANT.keys() & set(map(str, answer.values()))
    expect(not turned, "the name of a variable comes first, and its value after the colon")
    given = {str(name).strip(): _plain(value) for name, value in answer.items()}
    small = next((name for name in given if name != name.upper()), "")
    expect(not small, f"names of environment variables are in capitals: {small.upper()}")
    swapped = given.get("LUNGSEG_HOME") == "mine"
    expect(not swapped, "LUNGSEG_HOME says where results are kept; X-rays are read from elsewhere")
    for name, value in MEANT.items():
        kind = "data" if "DATA" in name else "size"
        expect(name in given, f"nothing in it says which {kind} to use: set {name}")
        found = given[name].lower() if kind == "size" else given[name]
        expect(found == value, f'{name} should be "{value}", and yours is "{given[name]}"')
    others = ", ".join(sorted(given.keys() - MEANT.keys()))
    expect(not others, f"the task does not ask for {others}: leave it out")


def _plain(value) -> str:
    """A value without blanks, quotes, a leading "./" and a closing slash."""
    return str(PurePosixPath(str(value).strip(" \t\"'").replace("\\", "/")))


def lit_lungs() -> list[tuple[np.ndarray, np.ndarray]]:
    """Images float32 and masks bool, each of another shape, for `brightness`."""
    rng, pairs = np.random.default_rng(0), []
    for shape, share in (((4, 6), 0.3), ((7, 5), 0.7)):
        image = rng.uniform(size=shape).astype(np.float32)
        pairs.append((image, rng.uniform(size=shape) < share))
    return pairs


@exercise(
    objective="pick the lungs out of an X-ray with a mask, and compare their brightness with the "
    "rest",
    expects="a function of an image (height, width) and a mask of its shape",
    hint="`image[lungs]` holds only the pixels where `lungs` is True; `~lungs` is the rest.",
    answer="""
    def brightness(image, lungs):
        return image[lungs].mean(), image[~lungs].mean()
    """,
)
def brightness(answer):
    for image, lungs in lit_lungs():
        said = "two numbers: the mean inside the mask, and the mean outside it"
        found = read_numbers(answer(image, lungs), 2, said)
        inside, outside = image[lungs].mean(), image[~lungs].mean()
        turned = np.allclose(found, (outside, inside), atol=1e-4)
        expect(not turned, "the right numbers in the other order: inside comes first")
        thinned = np.isclose(found, ((image * lungs).mean(), (image * ~lungs).mean()), atol=1e-4)
        expect(
            not thinned.any(), "pixels multiplied by 0 still count in the mean: pick them instead"
        )
        whole = np.isclose(found, image.mean(), atol=1e-4).any()
        expect(not whole, "one of yours is the mean of the whole image: leave out the other part")
        medians = np.median(image[lungs]), np.median(image[~lungs])
        expect(not np.allclose(found, medians, atol=1e-4), "those are medians, not means")
        close = np.isclose(found, (inside, outside), atol=1e-4)
        expect(close[0], f"the mean inside should be {inside:.4f}, and yours is {found[0]:.4f}")
        expect(close[1], f"the mean outside should be {outside:.4f}, and yours is {found[1]:.4f}")


@exercise(
    objective='show why "lung is what is dark" is not enough',
    expects="a function of an image (height, width) in [0, 1] and a threshold",
    hint="Compare the whole array at once: `image < threshold` is an array of True and False.",
    answer="""
    def dark_pixels(image, threshold):
        return image < threshold
    """,
)
def dark_pixels(answer):
    image = np.array([[0.1, 0.4], [0.5, 0.9], [0.2, 0.7]], np.float32)
    found = read_mask(answer(image, 0.5), image.shape)
    expect(not np.array_equal(found, image > 0.5), "that marks the bright pixels; air is dark")
    expect(not found[1, 0], "a pixel of exactly the threshold is not darker than it")
    expect(np.array_equal(found, image < 0.5), "mark the pixels below the threshold, no others")
    dim = np.linspace(0, 1, 12, dtype=np.float32).reshape(3, 4)
    for threshold in (0.2, 0.8, 0.3):
        dim[1, 1] = threshold - 1e-3
        found = read_mask(answer(dim, threshold), dim.shape)
        finest = f"{threshold - 1e-3:.3f} is darker than {threshold}: do not round the grey values"
        expect(found[1, 1], finest)
        right = np.array_equal(found, dim < threshold)
        expect(right, f"with the threshold {threshold} it is wrong: use the one that is given")
    dim = dim / 2
    right = np.array_equal(read_mask(answer(dim, 0.4), dim.shape), dim < 0.4)
    expect(right, "on a dim image it is wrong: compare the grey values as they are")


def two_masks() -> tuple[np.ndarray, np.ndarray]:
    """A prediction of six pixels and a reference of four, bool (4, 5), that share three."""
    prediction, reference = np.zeros((2, 4, 5), bool)
    prediction[:2, :3] = reference[0, 1:] = reference[1, 2] = True
    return prediction, reference


@exercise(
    objective="compare two masks by their Dice coefficient",
    expects="a number",
    hint="Count three things: the pixels of the first, those of the second, those of both at once.",
    answer="""
    answer = 2 * 3 / (6 + 4)
    """,
)
def dice_by_hand(answer):
    share = read_number(answer, "one number, the Dice coefficient", share=True)
    expect(share <= 1, "Dice is never above 1: twice the shared pixels are at most all of both")
    expect(not np.isclose(share, 0.3), "shared pixels count twice, since they are in both masks")
    expect(
        not np.isclose(share, 3 / 7, atol=1e-3),
        "you divided by the pixels marked in either mask; Dice adds up the pixels of both, 6 and 4",
    )
    one_sided = np.isclose(share, (3 / 6, 3 / 4), atol=1e-3).any()
    expect(not one_sided, "you divided by the pixels of one mask: both go into the sum below")
    counted = np.isclose(share, 16 / 20, atol=1e-3)
    expect(not counted, "black pixels on which both agree do not count in Dice")
    right = np.isclose(share, 0.6, atol=1e-3)
    expect(right, f"{share:g} is not the Dice: they share 3 pixels, and have 6 and 4")


def _dice(prediction: np.ndarray, reference: np.ndarray) -> float:
    return 2 * (prediction & reference).sum() / (prediction.sum() + reference.sum())


@exercise(
    objective='show why "lung is what is dark" is not enough',
    expects="a function of an image and its reference",
    hint="Try many thresholds between 0 and 1 and keep the Dice of each. `np.argmax` gives the "
    "index of the largest.",
    answer="""
    def best_threshold(image, lungs):
        thresholds, scores = np.linspace(0, 1, 101), []
        for threshold in thresholds:
            dark = image < threshold
            scores.append(2 * (dark & lungs).sum() / (dark.sum() + lungs.sum()))
        return thresholds[np.argmax(scores)]
    """,
)
def best_threshold(answer):
    for name, (image, lungs) in _greys().items():
        threshold = _of_pair(answer(image, lungs), image, lungs)
        expect(0 <= threshold <= 1, f"it returns {threshold:g}: grey values run from 0 to 1")
        tried = np.linspace(0, 1, 401)
        scores = [_dice(image < other, lungs) for other in tried]
        score, best = _dice(image < threshold, lungs), max(scores)
        expect(
            score > best - 0.01,
            f"on the {name} picture your threshold {threshold:.3f} gives a Dice of {score:.3f}, "
            f"but {tried[np.argmax(scores)]:.3f} gives {best:.3f}",
        )


def _of_pair(found, image: np.ndarray, lungs: np.ndarray) -> float:
    """The threshold that was returned, alone or with its Dice."""
    numbers = read_numbers(found, what="one number, the threshold")
    expect(len(numbers) in (1, 2), f"expected one threshold, and yours are {len(numbers)} numbers")
    threshold, score = numbers[0], numbers[-1]
    alone = len(numbers) == 1 or np.isclose(_dice(image < threshold, lungs), score, atol=1e-3)
    expect(alone, "expected one number, the threshold; yours are two: return the threshold alone")
    return float(threshold)


def _greys() -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Noisy pictures with a darker square in them; two have bright bone round the tissue, so that
    no mean leads to the best threshold, and in the last one lungs are few.
    """
    rng, pictures = np.random.default_rng(1), {}
    for name, (lung, tissue, bone, noise, side) in {
        "dim": (0.15, 0.45, 0.45, 0.06, 12),
        "bright": (0.6, 0.85, 0.85, 0.06, 12),
        "bony": (0.2, 0.4, 0.95, 0.05, 20),
        "crowded": (0.4, 0.52, 0.52, 0.08, 10),
    }.items():
        lungs = np.zeros((40, 40), bool)
        lungs[12 : 12 + side, 10 : 10 + side] = True
        image = np.where(lungs, lung, tissue)
        image[:, 32:] = bone
        pictures[name] = np.clip(image + rng.normal(0, noise, lungs.shape), 0, 1), lungs
    return pictures


@exercise(
    objective="call a trained network on X-rays that it has never seen",
    expects="a function of an image (height, width) in [0, 1]",
    hint="Two calls are enough, and both are in a cell above: load the network, let it predict.",
    answer="""
    from lungseg_utils.pretrained import load_pretrained
    from lungseg_utils.predict import predict_mask

    def find_lungs(image):
        return predict_mask(load_pretrained(), image)
    """,
)
def find_lungs(answer):
    for number, patient in enumerate(_new_patients(), start=1):
        image = patient.image.astype(np.float32) / 255
        found = read_mask(answer(image), image.shape)
        score = _dice(found, patient.mask_left | patient.mask_right)
        expect(
            score > GOOD_DICE,
            f"on new X-ray {number} of 2 its Dice is {score:.2f}; it must be above {GOOD_DICE}",
        )


@lru_cache
def _new_patients() -> tuple[Phantom, ...]:
    """Two simulated patients, of a seed that no set of the course has."""
    return tuple(simulate(seed=2022, index=index, size=192) for index in (2, 5))
