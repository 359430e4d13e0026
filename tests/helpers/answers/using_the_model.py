import cv2
import numpy as np


def area(mask, shape, spacing):
    return mask.sum() * np.prod(np.multiply(shape, spacing) / mask.shape) / 100


def one_by_one(mask, shape, spacing):
    whole = shape[0] * spacing[0] * shape[1] * spacing[1]
    return whole * mask.mean() / 100


def enlarged(mask, shape, spacing):
    """As large as the file: sides that are not multiples make it a little off."""
    file = cv2.resize(mask.astype(np.uint8), shape[::-1], interpolation=cv2.INTER_NEAREST)
    return file.sum() * np.prod(spacing) / 100


def area_of_one_axis(axis):
    def answer(mask, shape, spacing):
        return mask.sum() * (shape[axis] * spacing[axis] / mask.shape[axis]) ** 2 / 100

    return answer


def look_clockwise(ask, image):
    return np.rot90(ask(np.rot90(image, 3)))


def look_with_flips(ask, image):
    """A quarter turn is a transposition and a flip."""
    return ask(image.T[::-1])[::-1].T


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


def risk_at(constant):
    return lambda confidence, dice, _: surest_first(confidence, dice, constant)


def every_gap(one, other, images):
    return np.array([other(image) - one(image) for image in images])


RIGHT = {
    "readable": [
        lambda stored, bits, inverted: abs(inverted - stored / (2**bits - 1)),
        lambda stored, bits, inverted: np.float32(
            (2**bits - 1 - stored.astype(int) if inverted else stored) / (2**bits - 1)
        ),
        lambda stored, bits, inverted: np.interp(
            stored, (0, 2**bits - 1), (1, 0) if inverted else (0, 1)
        ),
        lambda stored, bits, inverted: [
            [abs(inverted - int(one) / (2**bits - 1)) for one in row] for row in stored
        ],
    ],
    "area_cm2": [
        area,
        one_by_one,
        enlarged,
        lambda mask, shape, spacing: [np.float64(area(mask, shape, spacing))],
        lambda mask, shape, spacing: f"{area(mask, shape, spacing):.4f}",
        lambda mask, shape, spacing: f"{area(mask, shape, spacing):.2f} cm²",
    ],
    "second_look": [
        look_clockwise,
        look_with_flips,
        lambda ask, image: np.rot90(ask(np.rot90(image)), 3),
        lambda ask, image: np.rot90(ask(np.rot90(image)), axes=(1, 0)).tolist(),
    ],
    "joint_mask": [
        lambda probabilities: np.mean(probabilities, axis=0) > 0.5,
        lambda probabilities: sum(probabilities) > len(probabilities) / 2,
        lambda probabilities: (sum(probabilities) / len(probabilities) > 0.5).tolist(),
    ],
    "risk": [
        surest_first,
        risk_of(lambda confidence, dice: np.argsort(-confidence)),
        lambda *given: f"{100 * surest_first(*given):.6f} %",
        lambda confidence, dice, coverage: np.array(
            [np.mean((1 - dice)[confidence >= np.quantile(confidence, 1 - coverage)])]
        ),
    ],
    "largest_difference": [
        by_loop,
        lambda one, other, images: np.max([np.abs(other(i) - one(i)) for i in images]),
        lambda *given: [np.abs(every_gap(*given)).max()],
    ],
    "claim": ["d", " D ", "(d)", "d)", ["d"], {"D."}, np.array("d"), "answer: d"],
}
WRONG = {
    "readable": [
        (lambda stored, bits, inverted: stored / (2**bits - 1), "swapped"),
        (lambda stored, bits, inverted: 1 - stored / (2**bits - 1), "swapped"),
        (lambda stored, bits, inverted: abs(inverted - stored / 255), "not within"),
        (lambda stored, bits, inverted: abs(inverted - stored / stored.max()), "this file"),
        (lambda stored, bits, inverted: abs(inverted - stored / 2**bits), "less 1"),
        (
            lambda stored, bits, inverted: abs(inverted - stored / np.iinfo(stored.dtype).max),
            "uses only 10 bits",
        ),
        (lambda stored, bits, inverted: stored, "fractions"),
        (lambda stored, bits, inverted: stored // (2**bits - 1), "fractions"),
        (lambda stored, bits, inverted: (stored / (2**bits - 1)).T, "shape"),
        (lambda stored, bits, inverted: np.full(stored.shape, 0.5), "first pixel"),
        (lambda stored, bits, inverted: "grey", "one number a pixel"),
    ],
    "area_cm2": [
        (lambda mask, shape, spacing: mask.sum(), "number of pixels"),
        (lambda mask, shape, spacing: 100 * area(mask, shape, spacing), "100 mm²"),
        (lambda mask, shape, spacing: 10 * area(mask, shape, spacing), "not 10"),
        (lambda mask, shape, spacing: mask.sum() * np.prod(spacing) / 100, "fewer and larger"),
        (area_of_one_axis(0), "use the columns too"),
        (area_of_one_axis(1), "not square"),
        (lambda mask, shape, spacing: area(mask, shape, (1, 1)), "use the spacing"),
        (lambda mask, shape, spacing: area(mask | True, shape, spacing), "whole picture"),
        (lambda mask, shape, spacing: 1.1 * area(mask, shape, spacing), "your answer is"),
        (lambda mask, shape, spacing: 1.002 * area(mask, shape, spacing), "283.048 cm²"),
        (lambda mask, shape, spacing: mask, "the area in cm²"),
        (lambda mask, shape, spacing: mask.sum() * mask.sum() / 0 * 0, "nan"),
    ],
    "second_look": [
        (lambda ask, image: ask(image), "turn it first"),
        (lambda ask, image: ask(np.rot90(image)), "still turned"),
        (lambda ask, image: ask(np.rot90(image, -1)), "still turned"),
        (lambda ask, image: np.rot90(ask(np.rot90(image))), "turned on"),
        (lambda ask, image: np.rot90(ask(np.rot90(image, -1)), -1), "turned on"),
        (lambda ask, image: image, "never asked"),
        (lambda ask, image: ask(np.rot90(image)).T, "lie over"),
        (lambda ask, image: ask(image[::-1])[::-1], "by a quarter"),
        (lambda ask, image: np.rot90(ask(np.rot90(image, 2)), 2), "by a quarter"),
        (lambda ask, image: (ask(image) + look_clockwise(ask, image)) / 2, "second answer alone"),
        (lambda ask, image: look_clockwise(ask, image) > 0.5, "lie over"),
    ],
    "joint_mask": [
        (lambda p: (p > 0.5).mean(axis=0) > 0.5, "vote"),
        (lambda p: np.median(p, axis=0) > 0.5, "vote"),
        (lambda p: (p > 0.5).any(axis=0), "any answer"),
        (lambda p: (p > 0.5).all(axis=0), "all answers"),
        (lambda p: p.sum(axis=0) > 0.5, "cut the sum"),
        (lambda p: p[0] > 0.5, "first answer"),
        (lambda p: p[-1] > 0.5, "last answer"),
        (lambda p: p.mean(axis=0), "a mask is bool"),
        (lambda p: (p.mean(axis=0) > 0.5).astype(np.uint8), "a mask is bool"),
        (lambda p: p > 0.5, "one mask for all"),
        (lambda p: p.mean(axis=1) > 0.5, "one mask for all"),
        (lambda p: p.mean(axis=0) > 0.4, "above 0.5"),
        (lambda p: p.sum(axis=0) / 3 > 0.5, "above 0.5"),
        (lambda p: p.mean(axis=0) < 0.5, "changed places"),
    ],
    "risk": [
        (risk_of(lambda confidence, dice: np.argsort(confidence)), "least sure"),
        (risk_of(lambda confidence, dice: np.argsort(-dice)), "nobody knows"),
        (lambda confidence, dice, coverage: 1 - dice.mean(), "all images"),
        (lambda *all_three: 1 - surest_first(*all_three), "that is Dice"),
        (risk_of(lambda confidence, dice: np.arange(len(dice))), "first images"),
        (lambda confidence, dice, share: surest_first(confidence, dice, 1 - share), "go back"),
        (lambda confidence, dice, share: surest_first(confidence, confidence, share), "confidence"),
        (
            lambda confidence, dice, coverage: (
                1 - dice[np.argsort(-confidence)[round(coverage * len(dice)) :]].mean()
            ),
            "sent back",
        ),
        (risk_at(0.8), "kept"),
        (risk_at(0.4), "kept"),
        (lambda confidence, dice, coverage: 1 - dice, "one number"),
        (
            lambda confidence, dice, coverage: (
                1 - np.median(dice[np.argsort(-confidence)[: round(coverage * len(dice))]])
            ),
            "mean Dice",
        ),
    ],
    "largest_difference": [
        (lambda *given: np.mean(np.abs(every_gap(*given))), "mean difference"),
        (lambda *given: np.max(every_gap(*given)), "np.abs"),
        (lambda *given: np.max(-every_gap(*given)), "np.abs"),
        (lambda one, other, images: by_loop(one, other, images[:1]), "first image"),
        (lambda one, other, images: by_loop(one, other, images[-1:]), "last image"),
        (lambda one, other, images: by_loop(one, other, images[::2]), "largest difference is"),
        (lambda *given: np.abs(every_gap(*given)).sum(), "sum"),
        (lambda *given: np.abs(every_gap(*given)).min(), "smallest"),
        (lambda *given: np.abs(every_gap(*given).mean(axis=0)).max(), "averaged"),
        (lambda *given: np.abs(every_gap(*given)).max(axis=(1, 2)).mean(), "averaged"),
        (
            lambda one, other, images: max(abs(one(i).max() - other(i).max()) for i in images),
            "pixel by pixel",
        ),
        (lambda *given: np.abs(every_gap(*given)).max(axis=(1, 2)), "one number"),
        (lambda one, other, images: np.abs(one(images) - other(images)).max(), "one image at a"),
        (lambda one, other, images: 1e-3, "largest difference is"),
    ],
    "claim": [("a", "volume"), ("B", "breath"), ("(c)", "nothing of health"), ("e", "two sources"),
              ("f", "letters from a to e"), ("c and d", "one letter"), ({"a", "d"}, "one letter"),
              (4, "letters from a to e"), (["d", "d"], "one letter"), ("not d", "not")],
}  # fmt: skip
