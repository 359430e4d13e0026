import numpy as np


def area(mask, shape, spacing):
    return mask.sum() * np.prod(np.multiply(shape, spacing) / mask.shape) / 100


def one_by_one(mask, shape, spacing):
    whole = shape[0] * spacing[0] * shape[1] * spacing[1]
    return whole * mask.mean() / 100


def look_clockwise(ask, image):
    return np.rot90(ask(np.rot90(image, 3)))


def surest_first(confidence, dice, coverage):
    pairs = sorted(zip(confidence, dice, strict=True), reverse=True)
    kept = [one for _, one in pairs[: round(coverage * len(pairs))]]
    return float(np.mean([1 - one for one in kept]))


def by_loop(one, other, images):
    worst = 0.0
    for image in images:
        worst = max(worst, float(abs(one(image) - other(image)).max()))
    return worst


def risk_of(order):
    def answer(confidence, dice, coverage):
        return 1 - np.mean(dice[order(confidence, dice)[: round(coverage * len(dice))]])

    return answer


RIGHT = {
    "readable": [
        lambda stored, bits, inverted: abs(inverted - stored / (2**bits - 1)),
        lambda stored, bits, inverted: np.float32(
            (2**bits - 1 - stored.astype(int) if inverted else stored) / (2**bits - 1)
        ),
    ],
    "area_cm2": [area, one_by_one],
    "second_look": [look_clockwise, lambda ask, image: np.rot90(ask(np.rot90(image)), 3)],
    "joint_mask": [
        lambda probabilities: np.mean(probabilities, axis=0) > 0.5,
        lambda probabilities: sum(probabilities) > len(probabilities) / 2,
    ],
    "risk": [surest_first, risk_of(lambda confidence, dice: np.argsort(-confidence))],
    "largest_difference": [
        by_loop,
        lambda one, other, images: np.max([np.abs(other(i) - one(i)) for i in images]),
    ],
    "claim": ["d", " D "],
}
WRONG = {
    "readable": [
        (lambda stored, bits, inverted: stored / (2**bits - 1), "swapped"),
        (lambda stored, bits, inverted: stored / 255, "not within"),
        (lambda stored, bits, inverted: stored / stored.max(), "this very file"),
        (lambda stored, bits, inverted: stored / 2**bits, "less one"),
        (lambda stored, bits, inverted: stored, "fractions"),
    ],
    "area_cm2": [
        (lambda mask, shape, spacing: mask.sum(), "number of pixels"),
        (lambda mask, shape, spacing: 100 * area(mask, shape, spacing), "100 mm2"),
        (lambda mask, shape, spacing: mask.sum() * np.prod(spacing) / 100, "fewer and larger"),
        (
            lambda mask, shape, spacing: (
                mask.sum() * (shape[0] * spacing[0] / mask.shape[0]) ** 2 / 100
            ),
            "not square",
        ),
        (lambda mask, shape, spacing: 1.1 * area(mask, shape, spacing), "and you say"),
    ],
    "second_look": [
        (lambda ask, image: ask(image), "turn it first"),
        (lambda ask, image: ask(np.rot90(image)), "still turned"),
        (lambda ask, image: np.rot90(ask(np.rot90(image))), "turned on"),
        (lambda ask, image: image, "never asked"),
        (lambda ask, image: ask(np.rot90(image)).T, "lie over"),
        (lambda ask, image: ask(image[::-1])[::-1], "by a quarter"),
    ],
    "joint_mask": [
        (lambda p: (p > 0.5).mean(axis=0) > 0.5, "vote"),
        (lambda p: (p > 0.5).any(axis=0), "any answer"),
        (lambda p: (p > 0.5).all(axis=0), "all answers"),
        (lambda p: p.mean(axis=0), "cut the mean"),
        (lambda p: p > 0.5, "one mask for all"),
        (lambda p: p.mean(axis=0) > 0.4, "above 0.5"),
    ],
    "risk": [
        (risk_of(lambda confidence, dice: np.argsort(confidence)), "least sure"),
        (risk_of(lambda confidence, dice: np.argsort(-dice)), "nobody knows"),
        (lambda confidence, dice, coverage: 1 - dice.mean(), "all images"),
        (lambda *all_three: 1 - surest_first(*all_three), "that is Dice"),
        (risk_of(lambda confidence, dice: np.arange(len(dice))), "first images"),
        (
            lambda confidence, dice, coverage: (
                1 - np.sort(confidence)[::-1][: round(coverage * len(dice))].mean()
            ),
            "believes",
        ),
    ],
    "largest_difference": [
        (
            lambda one, other, images: np.mean([np.abs(one(i) - other(i)) for i in images]),
            "mean difference",
        ),
        (lambda one, other, images: np.max([other(i) - one(i) for i in images]), "np.abs"),
        (lambda one, other, images: np.abs(one(images[0]) - other(images[0])).max(), "first image"),
        (lambda one, other, images: np.abs(one(images[2]) - other(images[2])).max(), "last image"),
        (lambda one, other, images: sum(np.abs(one(i) - other(i)).sum() for i in images), "sum"),
    ],
    "claim": [("a", "volume"), ("B", "breath"), ("c", "nothing of health"), ("e", "new exam"),
              ("f", "letters a to e")],
}  # fmt: skip
