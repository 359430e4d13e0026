from pathlib import Path

import cv2
import numpy as np

from lungseg_utils.predict import predict_mask
from lungseg_utils.pretrained import load_pretrained


def by_search(image, lungs):
    best = (0, 0.0)
    for threshold in np.unique(image):
        dark = image < threshold
        best = max(best, (2 * (dark & lungs).sum() / (dark.sum() + lungs.sum()), threshold))
    return best[1]


def by_steps(image, lungs):
    def score(threshold):
        dark = image < threshold
        return 2 * (dark * lungs).sum() / (dark.sum() + lungs.sum())

    return max(np.arange(0, 1, 0.02), key=score)


def by_the_network(image):
    return predict_mask(load_pretrained(), image)


def by_the_other_network(image):
    return predict_mask(load_pretrained("simulated"), image)


def with_its_dice(image, lungs):
    threshold = by_steps(image, lungs)
    dark = image < threshold
    return threshold, 2 * (dark & lungs).sum() / (dark.sum() + lungs.sum())


def most_pixels_right(image, lungs):
    return max(np.linspace(0, 1, 101), key=lambda one: ((image < one) == lungs).mean())


def most_lung_found(image, lungs):
    return max(np.linspace(0, 1, 101), key=lambda one: ((image < one) & lungs).sum())


def halfway(image, lungs):
    return (image[lungs].mean() + image[~lungs].mean()) / 2


def opposite(image, lungs):
    return 1 - by_search(image, lungs)


def dilated(image):
    return cv2.dilate(by_the_network(image).astype(np.uint8), np.ones((31, 31))) > 0


def one_lung(image):
    found = by_the_network(image)
    found[:, : found.shape[1] // 2] = False
    return found


MINE = {"LUNGSEG_SCALE": "ci", "LUNGSEG_DATA": "mine"}
RIGHT = {
    "settings": [
        MINE,
        {"LUNGSEG_DATA": Path("mine"), "LUNGSEG_SCALE": "ci"},
        {"LUNGSEG_DATA": "mine/", "LUNGSEG_SCALE": "ci"},
        {"LUNGSEG_DATA": "./mine", "LUNGSEG_SCALE": "ci"},
        {"LUNGSEG_DATA": " mine ", "LUNGSEG_SCALE": "CI"},
        {"LUNGSEG_DATA": ".\\mine", "LUNGSEG_SCALE": '"ci"'},
    ],
    "brightness": [
        lambda image, lungs: (image[lungs].mean(), image[~lungs].mean()),
        lambda image, lungs: np.array(
            [np.average(image, weights=part) for part in (lungs, np.logical_not(lungs))]
        ),
        lambda image, lungs: [(image * p).sum() / p.sum() for p in (lungs, ~lungs)],
    ],
    "dark_pixels": [
        lambda image, threshold: image < threshold,
        lambda image, threshold: np.logical_not(image >= threshold),
        lambda image, threshold: np.where(image < threshold, True, False).tolist(),
        lambda image, threshold: np.frompyfunc(lambda one: bool(one < threshold), 1, 1)(image),
    ],
    "dice_by_hand": [0.6, 6 / 10, np.float32(0.6), "3/5", "60 %", [0.6]],
    "best_threshold": [by_search, by_steps, with_its_dice],
    "find_lungs": [
        by_the_network,
        by_the_other_network,
        lambda image: by_the_network(image.copy()).tolist(),
    ],
}
WRONG = {
    "settings": [
        ({"LUNGSEG_SCALE": "ci", "LUNGSEG_HOME": "mine"}, "where results are kept"),
        ({"LUNGSEG_SCALE": "ci"}, "which data"),
        ({"LUNGSEG_DATA": "mine"}, "which size"),
        (MINE | {"LUNGSEG_SCALE": "laptop"}, 'yours is "laptop"'),
        (MINE | {"LUNGSEG_HOME": "here"}, "does not ask for LUNGSEG_HOME"),
        ("LUNGSEG_SCALE=ci", "expected a dict"),
        ({"lungseg_scale": "ci", "LUNGSEG_DATA": "mine"}, "capitals: LUNGSEG_SCALE"),
        ({"LUNGSEG_SCALE": "mine", "LUNGSEG_DATA": "ci"}, 'yours is "mine"'),
        (MINE | {"LUNGSEG_DATA": "data/mine"}, 'yours is "data/mine"'),
        (MINE | {"LUNGSEG_SCALE": True}, 'yours is "True"'),
        ([*MINE], "expected a dict"),
        ({"ci": "LUNGSEG_SCALE", "mine": "LUNGSEG_DATA"}, "variable comes first"),
        ({}, "which size"),
    ],
    "brightness": [
        (lambda image, lungs: (image[~lungs].mean(), image[lungs].mean()), "other order"),
        (lambda image, lungs: ((image * lungs).mean(), (image * ~lungs).mean()), "multiplied by 0"),
        (lambda image, lungs: (image[lungs].mean(), (image * ~lungs).mean()), "multiplied by 0"),
        (lambda image, lungs: (image[lungs].mean(), image.mean()), "the whole image"),
        (lambda image, lungs: image[lungs].mean(), "two numbers"),
        (lambda image, lungs: image[lungs] - image[~lungs], "your function stops"),
        (lambda image, lungs: (np.median(image[lungs]), np.median(image[~lungs])), "medians"),
        (lambda image, lungs: (image[lungs].sum(), image[~lungs].sum()), "the mean inside"),
        (lambda image, lungs: (image[lungs].mean(), image[~lungs].max()), "the mean outside"),
        (lambda image, lungs: {image[lungs].mean(), image[~lungs].mean()}, "a set has none"),
        (lambda image, lungs: (image[lungs], image[~lungs]), "not 24 numbers"),
        ("brightness", "without brackets or quotes"),
        (lambda image, lungs: (0.25, 0.55), "the mean inside"),
        (lambda image, lungs: (image[lungs].mean(), 1 - image[lungs].mean()), "the mean outside"),
    ],
    "dark_pixels": [
        (lambda image, threshold: image > threshold, "bright pixels"),
        (lambda image, threshold: image <= threshold, "exactly the threshold"),
        (lambda image, threshold: (image < threshold).astype(int), "bool"),
        (lambda image, threshold: image < 0.5, "0.2"),
        (lambda image, threshold: (image < threshold).mean(), "a mask of the shape"),
        (lambda image, threshold: (image < threshold).T, "of the shape"),
        (lambda image, threshold: image[image < threshold], "of the shape"),
        (lambda image, threshold: (image < threshold) & (image > 0.15), "below the threshold"),
        (lambda image, threshold: image / image.max() < threshold, "grey values as they are"),
        (lambda image, threshold: np.ones(image.shape, bool), "exactly the threshold"),
        (
            lambda image, threshold: (255 * image).astype(np.uint8) < int(255 * threshold),
            "do not round the grey values",
        ),
        (lambda image, threshold: np.round(image, 1) < threshold, "do not round the grey values"),
    ],
    "dice_by_hand": [
        (3 / 10, "count twice"),
        (3 / 7, "either mask"),
        (3 / 6, "one mask"),
        (3 / 4, "one mask"),
        (16 / 20, "black pixels"),
        (6 / 4, "never above 1"),
        (6, "never above 1"),
        (0.2, "0.2 is not the Dice"),
        ("six tenths", "expected one number"),
        (12 / 21, "not the Dice"),
    ],
    "best_threshold": [
        (lambda image, lungs: np.median(image), "picture your threshold"),
        (lambda image, lungs: image[lungs].max(), "picture your threshold"),
        (lambda image, lungs: 0.3, "picture your threshold"),
        (lambda image, lungs: 46, "grey values run from 0 to 1"),
        (halfway, "picture your threshold"),
        (most_pixels_right, "on the crowded picture"),
        (opposite, "picture your threshold"),
        (most_lung_found, "picture your threshold"),
        (lambda image, lungs: np.quantile(image[lungs], 0.95), "picture your threshold"),
        (lambda image, lungs: np.quantile(image, lungs.mean()), "picture your threshold"),
        (lambda image, lungs: with_its_dice(image, lungs)[::-1], "return the threshold alone"),
        (lambda image, lungs: image < by_search(image, lungs), "one number, the threshold"),
    ],
    "find_lungs": [
        (lambda image: image < 0.5, "on new X-ray 1 of 2"),
        (lambda image: by_the_network(image).astype(float), "bool"),
        (lambda image: by_the_network(image)[:64, :64], "of the shape"),
        (lambda image: ~by_the_network(image), "on new X-ray 1 of 2"),
        (one_lung, "on new X-ray 1 of 2"),
        (dilated, "on new X-ray 1 of 2"),
        (lambda image: by_the_network(image)[::-1], "on new X-ray"),
        (lambda image: np.roll(by_the_network(image), 20, axis=0), "on new X-ray 1 of 2"),
        (lambda image: np.zeros(image.shape, bool), "on new X-ray 1 of 2"),
    ],
}
