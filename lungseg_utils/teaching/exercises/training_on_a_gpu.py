"""Exercises of notebook 04."""

import numpy as np

from lungseg_utils.teaching.exercises.core import (
    by_name,
    exercise,
    expect,
    read_array,
    read_letters,
    read_number,
    read_numbers,
)
from lungseg_utils.teaching.exercises.films import Rehashed


@exercise(
    objective="train a model by gradient descent with nothing but NumPy",
    expects="a function of w, b, x, y and rate that returns the new (w, b)",
    hint="First p from the old w and b, then both gradients from p, then both steps.",
    answer="""
    def one_step(w, b, x, y, rate):
        p = 1 / (1 + np.exp(-(w * x + b)))
        return w - rate * np.mean((p - y) * x), b - rate * np.mean(p - y)
    """,
)
def one_step(answer):
    rng = np.random.default_rng(0)
    for w, b, rate, count in ((0.5, -0.3, 1.7, 50), (-3.0, 1.5, 0.5, 80)):
        x, y = rng.uniform(0, 1, count), rng.uniform(0, 1, count) < 0.3
        found = answer(w, b, x, y.astype(float), rate)
        found = read_numbers(by_name(found, "wb"), 2, "two numbers: the new w and b")
        p, still = 1 / (1 + np.exp(-(w * x + b))), np.array([w, b])
        step = rate * _slopes(p - y, x)
        late = 1 / (1 + np.exp(-((w - step[0]) * x + b)))
        squared = 2 * (p - y) * p * (1 - p)
        in_turn = np.array([w - step[0], b - rate * np.mean(late - y)])
        sums = f"the sum over the pixels makes the step {count} times too long: take the mean"
        faults = {
            "you went uphill: subtract the gradient": still + step,
            sums: still - count * step,
            "return w first, then b": (still - step)[::-1],
            "w has its own gradient: the mean of (p - y) times x": still - step[1],
            "b moved with the new w: take both gradients first, then both steps": in_turn,
            "the sigmoid is missing: p is a probability": still - rate * _slopes(w * x + b - y, x),
            "that is the gradient of the squared error": still - rate * _slopes(squared, x),
            "p is a probability: do not round it": still - rate * _slopes(np.round(p) - y, x),
            "multiply both gradients by the rate": still - step / rate,
        }
        for fault, result in faults.items():
            expect(not np.allclose(found, result), fault)
        said = f"one step from ({w}, {b}) gives {found.round(3)}, not {(still - step).round(3)}"
        expect(np.allclose(found, still - step), said)


def _slopes(error: np.ndarray, x: np.ndarray) -> np.ndarray:
    return np.array([np.mean(error * x), np.mean(error)])


@exercise(
    objective="tell whether a network waits for its images, and make it stop waiting",
    expects="a function of two times in seconds, loading and computing, that returns one share",
    hint="A batch takes as long as the slower of the two. How long is the network idle?",
    answer="""
    def waiting_share(loading, computing):
        return max(loading - computing, 0) / max(loading, computing)
    """,
)
def waiting_share(answer):
    for loading, computing in ((3.0, 1.0), (0.5, 0.4), (1.0, 4.0), (2.0, 2.0), (8.0, 0.5)):
        what = "one number, the share of the time that the network waits"
        share = read_number(answer(loading, computing), what, share=True)
        slower = max(loading, computing)
        said = f"loading {loading} s, computing {computing} s: {share:.2f}"
        both = loading / (loading + computing)
        expect(not np.isclose(share, both), f"{said}; but loading and computing overlap")
        expect(share >= 0, f"{said}; a waiting time is never negative")
        longer = loading > computing and np.isclose(share, (loading - computing) / computing)
        expect(not longer, f"{said}; divide by the time that a batch takes, here that of loading")
        busy = loading > computing and np.isclose(share, computing / slower)
        expect(not busy, f"{said}; that is the share in which the network works")
        wanted = max(loading - computing, 0) / slower
        expect(np.isclose(share, wanted), f"{said}; of {slower} s, how many is the network idle?")


@exercise(
    objective="compute the losses of this course, and say what each pulls on",
    expects="a function of truth and p, both (n, height, width), that returns n losses",
    hint="Sum over the axes (1, 2). The pixels of either: truth plus p, minus what is shared.",
    answer="""
    def jaccard_loss(truth, p):
        shared = (truth * p).sum(axis=(1, 2))
        either = truth.sum(axis=(1, 2)) + p.sum(axis=(1, 2)) - shared
        return 1 - (shared + 1) / (either + 1)
    """,
)
def jaccard_loss(answer):
    rng = np.random.default_rng(1)
    truth = (rng.uniform(0, 1, (3, 6, 5)) < 0.4).astype(float)
    p = rng.uniform(0, 1, (3, 6, 5))
    truth[2] = p[2] = 0
    found = read_array(answer(truth, p), (3,), "losses", "one loss for each of 3 images: ")
    expect(np.isfinite(found).all(), "an empty lung and no answer divide by zero: add 1 to both")
    shared, total = (truth * p).sum((1, 2)), (truth + p).sum((1, 2))
    hard = (truth * (p > 0.5)).sum((1, 2)), (truth + (p > 0.5)).sum((1, 2))
    right = 1 - (shared + 1) / (total - shared + 1)
    faults = {
        "that is the Dice loss: Jaccard counts the shared pixels once": 1
        - (2 * shared + 1) / (total + 1),
        "it grows as the answer gets better: a loss is 1 minus that": 1 - right,
        "the shared pixels are counted twice among those of either": 1 - (shared + 1) / (total + 1),
        "after a threshold there is no slope: use the probabilities": 1
        - (hard[0] + 1) / (hard[1] - hard[0] + 1),
    }
    for fault, result in faults.items():
        expect(not np.allclose(found, result), fault)
    said = f"the losses are {right.round(3)}, and yours {found.round(3)}"
    expect(np.allclose(found, right), said)


@exercise(
    objective="find a learning rate, and let it rise and fall over the training",
    expects="a function of rates and losses that returns one learning rate",
    hint="The loss is lowest where training is about to break. Where does it fall fastest?",
    answer="""
    def pick_rate(rates, losses):
        return rates[np.argmin(losses)] / 5
    """,
)
def pick_rate(answer):
    for low, best in ((1e-5, 1e-3), (1e-3, 0.1), (0.02, 2.0), (2e-5, 4e-3)):
        rates = np.geomspace(1e-7, 10, 121)
        fall = np.clip(np.log(rates / low) / np.log(best / low), 0, 1)
        rise = np.clip(np.log10(rates / best), 0, None)
        losses = 0.7 - 0.5 * (1 - np.cos(np.pi * fall)) / 2 + 2 * rise**2
        rate = read_number(answer(rates, losses), "one number, a learning rate")
        said = f"where the loss is lowest at {best:g} you return {rate:.2g}"
        expect(rates[0] <= rate <= rates[-1], f"{said}, a rate that was not tried")
        expect(rate <= 1.5 * best, f"{said}: there the loss rises again")
        expect(rate <= 0.6 * best, f"{said}: that is too close to where the loss rises again")
        expect(rate >= 1.5 * low, f"{said}: there the loss hardly falls, it would take forever")


@exercise(
    objective="find a learning rate, and let it rise and fall over the training",
    expects="a function of step, steps, warmup and peak that returns one learning rate",
    hint="After the warm-up the share (step - warmup) / (steps - warmup) goes from 0 to 1.",
    answer="""
    def rate_at(step, steps, warmup, peak):
        if step < warmup:
            return peak * step / warmup
        share = (step - warmup) / (steps - warmup)
        return peak * (1 + np.cos(np.pi * share)) / 2
    """,
)
def rate_at(answer):
    for steps, warmup, peak in ((100, 10, 2e-3), (60, 20, 0.1)):
        asked = [0, warmup // 2, warmup, (steps + warmup) // 2, steps - 5, steps]
        what = "one number, the learning rate at that step"
        found = [read_number(answer(step, steps, warmup, peak), what) / peak for step in asked]
        share = (np.array(asked) - warmup) / (steps - warmup)
        right = np.where(share < 0, np.array(asked) / warmup, (1 + np.cos(np.pi * share)) / 2)
        expect(np.isclose(found[0], 0), f"it begins with {found[0]:.2f} of the peak, not with 0")
        top = f"at the end of the warm-up it is {found[2]:.2f} of the peak: the fall begins there"
        expect(np.isclose(found[2], 1), top)
        half = f"half way through the warm-up it is {found[1]:.2f} of the peak, not 0.50"
        expect(np.isclose(found[1], right[1]), half)
        expect(np.isclose(found[5], 0), f"after the last step {found[5]:.2f} of the peak is left")
        straight = np.allclose(found[3:], 1 - share[3:])
        expect(not straight, "that falls along a straight line, not along a cosine")
        said = f"on the way down it is {found[4]:.3f}, not {right[4]:.3f}"
        expect(np.allclose(found, right), said)


@exercise(
    objective="train a network by hand, and diagnose a training from its curves",
    expects='the three letters for A, B and C in this order, such as "abc"',
    hint="Which training loss falls lowest? Which training starts worse than an untrained network?",
    answer='answer = "dbc"',
)
def diagnose(answer):
    letters = read_letters(answer, in_order=True)
    expect(len(letters) == 3, f"expected three letters, for A, B and C, not {len(letters)}")
    for letter, (sick, right, seen) in zip(letters, _SICK, strict=True):
        expect(letter == right, f"{sick} is not ({letter}): {seen}")


_SICK = (
    ("A", "d", "its training loss falls at first and then stays high, like its validation loss"),
    ("B", "b", "its first losses are far above those of an untrained network, and it stays bad"),
    ("C", "c", "its training loss falls below the healthy one's, its validation loss does not"),
)


@exercise(
    objective="train a network by hand, and diagnose a training from its curves",
    expects="a function of images, masks and seed that returns both in a new order",
    hint="Draw one order, `np.random.default_rng(seed).permutation(...)`, and use it twice.",
    answer="""
    def shuffle_together(images, masks, seed):
        order = np.random.default_rng(seed).permutation(len(images))
        return images[order], masks[order]
    """,
)
def shuffle_together(answer):
    for count in (20, 33):
        images = np.random.default_rng(count).uniform(0, 1, (count, 2, 3))
        masks, orders = images > 0.5, []
        masks[:, 0, 0] = np.arange(count) % 2
        for seed in (0, 0, 1, 2):
            pair = list(by_name(answer(images, masks, seed), ("images", "masks")))
            expect(len(pair) == 2, "return images and masks")
            said = f"return all {count} images and all {count} masks: "
            shuffled, theirs = (read_array(one, images.shape, said=said) for one in pair)
            equal = (shuffled[:, None] == images[None]).all(axis=(2, 3))
            expect((equal.sum(0) == 1).all(), "each image must come exactly once, unchanged")
            orders.append(order := equal.argmax(1))
            paired = (theirs == masks[order]).all()
            expect(paired, "masks no longer belong to their images: use one order for both")
        expect(np.array_equal(orders[0], orders[1]), "the same seed must give the same order")
        expect((orders[0] != np.arange(count)).any(), "the order is still the old one")
        others = (orders[1] != orders[2]).any() and (orders[2] != orders[3]).any()
        expect(others, "another seed gives the same order: draw from the seed")
        moved = np.unique(np.abs(np.diff(orders[0])))
        expect(len(moved) > 3, "neighbours stay neighbours: draw a random order")


@exercise(
    objective="split by patient, and say what a leak is worth",
    expects="a function of patients, share and seed that returns one bool for each picture",
    hint="Draw some of `np.unique(patients)`, then mark every picture whose patient was drawn.",
    answer="""
    def split_patients(patients, share, seed):
        people = np.unique(patients)
        rng = np.random.default_rng(seed)
        drawn = rng.choice(people, round(share * len(people)), replace=False)
        return np.isin(patients, drawn)
    """,
)
def split_patients(answer):
    order = np.random.default_rng(0).permutation(60) % 15
    for letter, share, more in (("P", 0.2, 0), ("P", 0.5, 0), ("S", 0.4, 60)):
        patients = [f"{letter}{number:02d}" for number in [*order, *[99] * more]]
        count, people = len(patients), set(patients)
        tested = np.asarray(answer(patients, share, 0))
        expect(tested.shape == (count,), f"one answer for each of {count}, not {tested.shape}")
        expect(tested.dtype == bool, f"True for test, False for the rest; not {tested.dtype}")
        test, rest = (set(np.array(patients)[part]) for part in (tested, ~tested))
        expect(not test & rest, f"{len(test & rest)} patients have pictures in both parts")
        expect(0 < tested.sum() < count, f"{tested.sum()} of {count} pictures are in the test part")
        again, *others = (np.asarray(answer(patients, share, seed)) for seed in (0, *range(1, 6)))
        for split in (tested, *others):
            drawn = len(set(np.array(patients)[split]))
            near = abs(drawn - share * len(people)) <= 1
            expect(near, f"{drawn} of {len(people)} patients are tested, not {share:.0%}")
        expect(np.array_equal(tested, again), "the same seed must give the same split")
        luck = len({tuple(one) for one in others}) > 2
        expect(luck, "another seed gives the same split: draw by chance")
        hashed = np.asarray(answer([Rehashed(one) for one in patients], share, 0))
        moved = hashed.sum() > 0 and not np.array_equal(tested, hashed)
        expect(not moved, "a set's order changes with each start of Python: sort it")


@exercise(
    objective="stop a training at any moment, lose nothing, and go on",
    expects='a set of letters, such as {"a", "e"}',
    hint="Ask of each: would the next step be different without it?",
    answer='answer = {"a", "b", "c"}',
)
def what_to_keep(answer):
    letters = set(read_letters(answer))
    reasons = {
        "a": "without the weights everything learned is lost",
        "b": "AdamW's step depends on its memory; without it the next step would differ",
        "c": "without the count of epochs, order, augmentation and rate begin again",
        "d": "the answers on the validation images can be computed again from the weights",
        "e": "a picture of the curves changes no step; it is drawn from the history",
    }
    for letter, reason in reasons.items():
        expect((letter in letters) == (letter in "abc"), reason)
