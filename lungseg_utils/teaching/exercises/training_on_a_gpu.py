"""Exercises of notebook 04."""

import numpy as np

from lungseg_utils.teaching.exercises.core import exercise, expect


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
    for w, b, rate in ((0.0, 0.0, 2.0), (-3.0, 1.5, 0.5)):
        x, y = rng.uniform(0, 1, 50), rng.uniform(0, 1, 50) < 0.3
        found = np.asarray(answer(w, b, x, y.astype(float), rate), float)
        expect(found.shape == (2,), f"return two numbers, w and b, not {found.shape}")
        p = 1 / (1 + np.exp(-(w * x + b)))
        step = rate * np.array([np.mean((p - y) * x), np.mean(p - y)])
        new_w, still = w - step[0], np.array([w, b])
        late = 1 / (1 + np.exp(-(new_w * x + b)))
        faults = {
            "you went uphill: subtract the gradient": still + step,
            "the sum over the pixels makes the step 50 times too long: take the mean": still
            - 50 * step,
            "w has its own gradient: the mean of (p - y) times x": still - step[1],
            "b moved with the new w: take both gradients first, then both steps": np.array(
                [new_w, b - rate * np.mean(late - y)]
            ),
            "the sigmoid is missing: p is a probability": still
            - rate * np.array([np.mean((w * x + b - y) * x), np.mean(w * x + b - y)]),
            "the step has not the length of the rate": still - step / rate,
        }
        for fault, result in faults.items():
            expect(not np.allclose(found, result), fault)
        expect(np.allclose(found, still - step), f"from ({w}, {b}) it leads to {found.round(3)}")


@exercise(
    objective="tell whether a network waits for its images, and make it stop waiting",
    expects="a function of two times a batch, in seconds",
    hint="A batch takes as long as the slower of the two. How long is the network idle?",
    answer="""
    def waiting_share(loading, computing):
        return max(loading - computing, 0) / max(loading, computing)
    """,
)
def waiting_share(answer):
    for loading, computing in ((3.0, 1.0), (0.5, 0.4), (1.0, 4.0), (2.0, 2.0)):
        share, slower = float(answer(loading, computing)), max(loading, computing)
        said = f"loading {loading} s, computing {computing} s: {share:.2f}"
        both = loading / (loading + computing)
        expect(not np.isclose(share, both), f"{said}; but the two go on at the same time")
        expect(share >= 0, f"{said}; nothing waits for less than no time")
        late = loading > computing
        longer = late and np.isclose(share, (loading - computing) / computing)
        expect(not longer, f"{said}; divide by the time that a batch takes, loading's")
        busy = late and np.isclose(share, computing / slower)
        expect(not busy, f"{said}; that is the share in which the network works")
        wanted = max(loading - computing, 0) / slower
        expect(np.isclose(share, wanted), f"{said}; of {slower} s, how many is the network idle?")


@exercise(
    objective="compute the losses of this course, and say what each pulls on",
    expects="a function of truth and p, both (n, height, width)",
    hint="Sum over the axes (1, 2). Those of either: of one plus of the other, less ...",
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
    truth[2], p = 0, rng.uniform(0, 1, (3, 6, 5))
    p[2] = 0
    found = np.asarray(answer(truth, p), float)
    expect(found.shape == (3,), f"one loss for each of 3 images, not {found.shape}")
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
    expect(
        np.allclose(found, right), f"the losses are {right.round(3)}, and yours {found.round(3)}"
    )


@exercise(
    objective="find a learning rate, and let it rise and fall over the training",
    expects="a function of rates and losses that returns one rate",
    hint="The loss is lowest where training is about to break. Where does it fall fastest?",
    answer="""
    def pick_rate(rates, losses):
        return rates[np.argmin(losses)] / 5
    """,
)
def pick_rate(answer):
    for low, best in ((1e-4, 1e-2), (1e-3, 0.1), (2e-5, 4e-3)):
        rates = np.geomspace(1e-6, 1, 121)
        fall = np.clip(np.log(rates / low) / np.log(best / low), 0, 1)
        rise = np.clip(np.log10(rates / best), 0, None)
        losses = 0.7 - 0.5 * (1 - np.cos(np.pi * fall)) / 2 + 2 * rise**2
        rate = float(answer(rates, losses))
        said = f"where the loss is lowest at {best:g} you take {rate:.2g}"
        expect(rates[0] <= rate <= rates[-1], f"{said}, a rate that was not tried")
        expect(rate <= 1.5 * best, f"{said}: there the loss rises again")
        expect(rate <= 0.6 * best, f"{said}: that is on the brink, keep a distance")
        expect(
            rate >= low * 1.5, f"{said}: there the loss does not fall yet, it would take forever"
        )


@exercise(
    objective="find a learning rate, and let it rise and fall over the training",
    expects="a function of step, steps, warmup and peak",
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
        found = np.array([float(answer(step, steps, warmup, peak)) for step in asked]) / peak
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
        expect(
            np.allclose(found, right), f"on the way down it is {found[4]:.3f}, not {right[4]:.3f}"
        )


@exercise(
    objective="split by patient, and say what a leak is worth",
    expects="a function of patients, share and seed that returns a bool array",
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
    patients = [f"P{number % 15:02d}" for number in range(60)]
    for share in (0.2, 0.5):
        tested = np.asarray(answer(list(patients), share, 0))
        expect(tested.shape == (60,), f"one answer for each of 60 pictures, not {tested.shape}")
        expect(
            tested.dtype == bool, f"True for the test part, False for the rest; not {tested.dtype}"
        )
        split = {one for one, test in zip(patients, tested, strict=True) if test}
        both = split & {one for one, test in zip(patients, tested, strict=True) if not test}
        expect(
            not both,
            f"{len(both)} patients have pictures in both parts, {min(both, default='')} one",
        )
        expect(0 < tested.sum() < 60, f"{tested.sum()} of 60 pictures are in the test part")
        near = abs(tested.mean() - share) < 0.11
        expect(near, f"{tested.mean():.0%} of the pictures are in the test part, not {share:.0%}")
        again = np.asarray(answer(list(patients), share, 0))
        expect(np.array_equal(tested, again), "the same seed must give the same split")
        others = [np.asarray(answer(list(patients), share, seed)) for seed in range(1, 6)]
        luck = any(not np.array_equal(tested, other) for other in others)
        expect(luck, "another seed gives the same split: draw by chance")


@exercise(
    objective="stop a training at any moment, lose nothing, and go on",
    expects='a set of letters, such as {"a", "e"}',
    hint="Ask of each: would the next step come out otherwise without it?",
    answer='answer = {"a", "b", "c"}',
)
def what_to_keep(answer):
    letters = {str(letter).strip().lower() for letter in answer}
    missing = {
        "a": "without the weights all is lost",
        "b": "AdamW steps by what it remembers; without its memory the next step is another one",
        "c": "without the count of epochs, order, copies and learning rate begin anew",
    }
    extra = {
        "d": "what the network says of the validation images can be had again from its weights",
        "e": "a picture of the curves changes no step; it is drawn from the history",
    }
    for letter, fault in missing.items():
        expect(letter in letters, fault)
    for letter, fault in extra.items():
        expect(letter not in letters, fault)
    expect(letters == set(missing), "answer with letters from a to e")
