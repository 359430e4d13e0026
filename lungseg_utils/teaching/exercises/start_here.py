"""Exercises of notebook 00."""

from functools import lru_cache

import numpy as np

from lungseg_utils.phantom import Phantom, simulate
from lungseg_utils.teaching.exercises.core import NotYet, exercise, expect

GOOD_DICE = 0.9
MEANT = {"LUNGSEG_SCALE": "ci", "LUNGSEG_DATA": "mine"}


@exercise(
    objective="say which data and which size of run your copy of the course uses, and choose "
    "others",
    expects="a dict of environment variables and their values",
    hint="The table under “What was picked for you” has one row for each of the two wishes.",
    answer="""
    answer = {"LUNGSEG_SCALE": "ci", "LUNGSEG_DATA": "mine"}
    """,
)
def settings(answer):
    given = {str(name).strip(): str(value).rstrip("/") for name, value in answer.items()}
    swapped = given.get("LUNGSEG_HOME") == "mine"
    expect(not swapped, "LUNGSEG_HOME says where results are kept; X-rays are read from elsewhere")
    for name, value in MEANT.items():
        expect(name in given, f"nothing in it says which {'data' if 'DATA' in name else 'size'}")
        expect(given[name] == value, f'{name} should be "{value}", and yours is "{given[name]}"')
    others = ", ".join(given.keys() - MEANT.keys())
    expect(not others, f"nobody asked for {others}: leave it out")


def lit_lungs() -> list[tuple[np.ndarray, np.ndarray]]:
    """Images float32 and masks bool, each of another shape, for `brightness`."""
    rng, pairs = np.random.default_rng(0), []
    for shape in ((4, 6), (7, 5)):
        image = rng.uniform(size=shape).astype(np.float32)
        pairs.append((image, rng.uniform(size=shape) < 0.3))
    return pairs


@exercise(
    objective="pick the lungs out of an X-ray with a mask, and compare their brightness with the "
    "rest",
    expects="a function of an image (height, width) and a mask of its shape",
    hint="`image[lungs]` holds only the pixels where `lungs` is True, and `~lungs` turns it round.",
    answer="""
    def brightness(image, lungs):
        return image[lungs].mean(), image[~lungs].mean()
    """,
)
def brightness(answer):
    for image, lungs in lit_lungs():
        found = answer(image, lungs)
        expect(np.size(found) == 2, "return two numbers: the mean inside, the mean outside")
        inside, outside = image[lungs].mean(), image[~lungs].mean()
        turned = np.allclose(found, (outside, inside), atol=1e-4)
        expect(not turned, "the right numbers in the other order: inside comes first")
        thinned = np.allclose(found, ((image * lungs).mean(), (image * ~lungs).mean()), atol=1e-4)
        expect(not thinned, "pixels multiplied by 0 still count in the mean: pick, do not multiply")
        whole = np.isclose(found[1], image.mean(), atol=1e-4)
        expect(not whole, "outside means without the lungs, and yours is the whole image's mean")
        expect(np.allclose(found, (inside, outside), atol=1e-4), "these are not the two means")


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
    image = np.array([[0.1, 0.4], [0.5, 0.9]], np.float32)
    found = np.asarray(answer(image, 0.5))
    expect(found.shape == image.shape, f"one answer a pixel: {image.shape}, not {found.shape}")
    expect(found.dtype == bool, f"a mask is bool, True or False, and yours is {found.dtype}")
    expect(not np.array_equal(found, image > 0.5), "that marks the bright pixels; air is dark")
    expect(not found[1, 0], "a pixel of exactly the threshold is not darker than it")
    expect(np.array_equal(found, image < 0.5), "mark the pixels below the threshold, no others")
    dim = np.linspace(0, 1, 12, dtype=np.float32).reshape(3, 4)
    for threshold in (0.2, 0.8):
        right = np.array_equal(np.asarray(answer(dim, threshold)), dim < threshold)
        expect(right, f"with the threshold {threshold} it goes wrong: use the one that is given")


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
    share = float(answer)
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
    expect(np.isclose(share, 0.6, atol=1e-3), f"{share:g} is not it: the masks share 3 pixels")


def _dice(prediction: np.ndarray, reference: np.ndarray) -> float:
    return 2 * (prediction & reference).sum() / (prediction.sum() + reference.sum())


@exercise(
    objective='show why "lung is what is dark" is not enough',
    expects="a function of an image and its reference",
    hint="Try many thresholds between 0 and 1, keep each one's Dice, and take the place of the "
    "largest with `np.argmax`.",
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
        threshold = float(answer(image, lungs))
        expect(0 <= threshold <= 1, f"it returns {threshold:g}: grey values run from 0 to 1")
        tried = np.linspace(0, 1, 201)
        scores = [_dice(image < other, lungs) for other in tried]
        score, best = _dice(image < threshold, lungs), max(scores)
        expect(
            score > best - 0.01,
            f"on the {name} picture your threshold {threshold:.2f} gives a Dice of {score:.2f}, "
            f"{tried[np.argmax(scores)]:.2f} one of {best:.2f}",
        )


def _greys() -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Noisy pictures with a darker square in them, one dim and one bright."""
    rng, lungs = np.random.default_rng(1), np.zeros((24, 24), bool)
    lungs[6:18, 6:18] = True
    tissue = {"dim": (0.15, 0.45), "bright": (0.6, 0.85)}
    return {
        name: (np.clip(np.where(lungs, *greys) + rng.normal(0, 0.06, lungs.shape), 0, 1), lungs)
        for name, greys in tissue.items()
    }


@exercise(
    objective="call a trained network on X-rays that it has never seen",
    expects="a function of an image (height, width) in [0, 1]",
    hint="Two calls do it, and both stand in a cell above: load the network, let it predict.",
    answer="""
    from lungseg_utils.pretrained import load_pretrained
    from lungseg_utils.predict import predict_mask

    def find_lungs(image):
        return predict_mask(load_pretrained(), image)
    """,
)
def find_lungs(answer):
    for number, stranger in enumerate(_strangers(), start=1):
        image = stranger.image.astype(np.float32) / 255
        found = np.asarray(answer(image))
        if found.shape != image.shape:
            raise NotYet(f"the mask must have the image's shape {image.shape}, not {found.shape}")
        expect(found.dtype == bool, f"a mask is bool, and yours is {found.dtype}")
        score = _dice(found, stranger.mask_left | stranger.mask_right)
        expect(
            score > GOOD_DICE,
            f"on stranger {number} of 2 its Dice is {score:.2f}, and {GOOD_DICE} is asked for",
        )


@lru_cache
def _strangers() -> tuple[Phantom, ...]:
    """Two simulated patients, of a seed that no set of the course has."""
    return tuple(simulate(seed=2022, index=index, size=192) for index in (2, 5))
