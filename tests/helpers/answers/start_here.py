from pathlib import Path

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


RIGHT = {
    "settings": [
        {"LUNGSEG_SCALE": "ci", "LUNGSEG_DATA": "mine"},
        {"LUNGSEG_DATA": Path("mine"), "LUNGSEG_SCALE": "ci"},
        {"LUNGSEG_DATA": "mine/", "LUNGSEG_SCALE": "ci"},
    ],
    "brightness": [
        lambda image, lungs: (image[lungs].mean(), image[~lungs].mean()),
        lambda image, lungs: np.array(
            [np.average(image, weights=part) for part in (lungs, np.logical_not(lungs))]
        ),
    ],
    "dark_pixels": [
        lambda image, threshold: image < threshold,
        lambda image, threshold: np.logical_not(image >= threshold),
    ],
    "dice_by_hand": [0.6, 6 / 10, np.float32(0.6)],
    "best_threshold": [by_search, by_steps],
    "find_lungs": [by_the_network, by_the_other_network],
}
WRONG = {
    "settings": [
        ({"LUNGSEG_SCALE": "ci", "LUNGSEG_HOME": "mine"}, "where results are kept"),
        ({"LUNGSEG_SCALE": "ci"}, "which data"),
        ({"LUNGSEG_DATA": "mine"}, "which size"),
        ({"LUNGSEG_SCALE": "laptop", "LUNGSEG_DATA": "mine"}, 'yours is "laptop"'),
        (
            {"LUNGSEG_SCALE": "ci", "LUNGSEG_DATA": "mine", "LUNGSEG_HOME": "here"},
            "nobody asked for LUNGSEG_HOME",
        ),
        ("LUNGSEG_SCALE=ci", "expected a dict"),
    ],
    "brightness": [
        (lambda image, lungs: (image[~lungs].mean(), image[lungs].mean()), "other order"),
        (lambda image, lungs: ((image * lungs).mean(), (image * ~lungs).mean()), "multiplied by 0"),
        (lambda image, lungs: (image[lungs].mean(), image.mean()), "without the lungs"),
        (lambda image, lungs: image[lungs].mean(), "two numbers"),
        (lambda image, lungs: image[lungs] - image[~lungs], "your function stops"),
    ],
    "dark_pixels": [
        (lambda image, threshold: image > threshold, "bright pixels"),
        (lambda image, threshold: image <= threshold, "exactly the threshold"),
        (lambda image, threshold: (image < threshold).astype(int), "bool"),
        (lambda image, threshold: image < 0.5, "0.2"),
        (lambda image, threshold: (image < threshold).mean(), "one answer a pixel"),
    ],
    "dice_by_hand": [
        (3 / 10, "count twice"),
        (3 / 7, "either mask"),
        (3 / 6, "one mask"),
        (3 / 4, "one mask"),
        (16 / 20, "black pixels"),
        (6 / 4, "never above 1"),
        (6, "never above 1"),
        (0.2, "0.2 is not it"),
    ],
    "best_threshold": [
        (lambda image, lungs: np.median(image), "picture your threshold"),
        (lambda image, lungs: image[lungs].max(), "picture your threshold"),
        (lambda image, lungs: 0.3, "on the bright picture"),
        (lambda image, lungs: 46, "grey values run from 0 to 1"),
    ],
    "find_lungs": [
        (lambda image: image < 0.5, "on stranger 1 of 2"),
        (lambda image: by_the_network(image).astype(float), "bool"),
        (lambda image: by_the_network(image)[:64, :64], "must have the image's shape"),
        (lambda image: ~by_the_network(image), "on stranger 1 of 2"),
    ],
}
