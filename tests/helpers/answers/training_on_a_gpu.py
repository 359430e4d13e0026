import numpy as np


def sigmoid(logit):
    return 1 / (1 + np.exp(-logit))


def step(w, b, x, y, rate, *, sign=-1, count=np.mean, p=sigmoid):
    error = p(w * x + b) - y
    return w + sign * rate * count(error * x), b + sign * rate * count(error)


def by_matrix(w, b, x, y, rate):
    features = np.column_stack([x, np.ones_like(x)])
    old = np.array([w, b])
    return old - rate * features.T @ (sigmoid(features @ old) - y) / len(x)


def in_turn(w, b, x, y, rate):
    w = w - rate * np.mean((sigmoid(w * x + b) - y) * x)
    return w, b - rate * np.mean(sigmoid(w * x + b) - y)


def without_x(w, b, x, y, rate):
    slope = np.mean(sigmoid(w * x + b) - y)
    return w - rate * slope, b - rate * slope


def jaccard(truth, p, *, share=1, smoothing=1, axis=(1, 2)):
    shared = (truth * p).sum(axis=axis)
    either = truth.sum(axis=axis) + p.sum(axis=axis) - share * shared
    with np.errstate(invalid="ignore"):
        return 1 - (shared + smoothing) / (either + smoothing)


def by_image(truth, p):
    return np.array(
        [jaccard(one[None], other[None])[0] for one, other in zip(truth, p, strict=True)]
    )


def dice(truth, p):
    return 1 - (2 * (truth * p).sum((1, 2)) + 1) / ((truth + p).sum((1, 2)) + 1)


def steepest(rates, losses):
    return rates[np.argmin(np.gradient(losses))]


def rising(step, steps, warmup, peak):
    share = np.clip((step - warmup) / (steps - warmup), 0, 1)
    return peak * min(step / warmup, (1 + np.cos(np.pi * share)) / 2)


def rise_and_fall(step, steps, warmup, peak):
    if step < warmup:
        return step / warmup * peak
    return peak * np.cos(np.pi / 2 * (step - warmup) / (steps - warmup)) ** 2


def early(step, steps, warmup, peak):
    return peak * min(step / warmup, 1) * (1 + np.cos(np.pi * step / steps)) / 2


def straight(step, steps, warmup, peak):
    return peak * min(step / warmup, (steps - step) / (steps - warmup))


def in_turns(patients, share, seed):
    people = sorted(set(patients))
    np.random.default_rng(seed).shuffle(people)
    tested = set(people[: round(share * len(people))])
    return np.array([one in tested for one in patients])


def drawn(patients, share, seed):
    people = np.unique(patients)
    rng = np.random.default_rng(seed)
    return np.isin(patients, rng.choice(people, round(share * len(people)), replace=False))


def by_picture(patients, share, seed):
    return np.random.default_rng(seed).permutation(len(patients)) < share * len(patients)


def always_the_first(patients, share, seed):
    people = sorted(set(patients))
    return np.isin(patients, people[: round(share * len(people))])


RIGHT = {
    "one_step": [step, by_matrix],
    "waiting_share": [
        lambda loading, computing: max(loading - computing, 0) / max(loading, computing),
        lambda loading, computing: max(0, 1 - computing / loading),
    ],
    "jaccard_loss": [jaccard, by_image],
    "pick_rate": [lambda rates, losses: rates[np.argmin(losses)] / 10, steepest],
    "rate_at": [rising, rise_and_fall],
    "split_patients": [drawn, in_turns],
    "what_to_keep": [{"a", "b", "c"}, ["c", "A", "b"], "abc"],
}
WRONG = {
    "one_step": [
        (lambda *given: step(*given, sign=1), "uphill"),
        (lambda *given: step(*given, count=np.sum), "50 times too long"),
        (lambda *given: step(*given, p=lambda logit: logit), "sigmoid is missing"),
        (in_turn, "b moved with the new w"),
        (without_x, "times x"),
        (lambda w, b, x, y, rate: step(w, b, x, y, 1), "length of the rate"),
        (lambda *given: step(*given)[0], "two numbers"),
    ],
    "waiting_share": [
        (lambda loading, computing: loading / (loading + computing), "at the same time"),
        (lambda loading, computing: 1 - computing / loading, "less than no time"),
        (
            lambda loading, computing: max(loading - computing, 0) / computing,
            "the time that a batch takes",
        ),
        (lambda loading, computing: min(computing / loading, 1), "the network works"),
    ],
    "jaccard_loss": [
        (dice, "Dice loss"),
        (lambda truth, p: 1 - jaccard(truth, p), "1 minus that"),
        (lambda truth, p: jaccard(truth, p, share=0), "counted twice"),
        (lambda truth, p: jaccard(truth, p > 0.5), "no slope"),
        (lambda truth, p: jaccard(truth, p, axis=None), "one loss for each"),
        (lambda truth, p: jaccard(truth, p, smoothing=0), "divide by zero"),
        (lambda truth, p: jaccard(truth, p, smoothing=5), "and yours"),
    ],
    "pick_rate": [
        (lambda rates, losses: rates[np.argmin(losses)], "brink"),
        (lambda rates, losses: rates[-1], "rises again"),
        (lambda rates, losses: rates[0], "forever"),
        (lambda rates, losses: np.min(losses), "rises again"),
        (lambda rates, losses: np.argmin(losses), "not tried"),
    ],
    "rate_at": [
        (lambda step, steps, warmup, peak: peak, "begins with"),
        (early, "the fall begins there"),
        (straight, "straight line"),
        (lambda step, steps, warmup, peak: peak * min(step / warmup, 1), "is left"),
        (lambda step, steps, warmup, peak: peak * np.sin(np.pi * step / steps), "warm-up"),
    ],
    "split_patients": [
        (by_picture, "in both parts"),
        (always_the_first, "draw by chance"),
        (lambda patients, share, seed: drawn(patients, share, None), "the same seed"),
        (lambda patients, share, seed: ~drawn(patients, share, seed), "of the pictures are in"),
        (lambda patients, share, seed: np.unique(patients)[:3], "one answer for each"),
        (lambda patients, share, seed: np.zeros(len(patients), bool), "0 of 60"),
        (lambda patients, share, seed: drawn(patients, share, seed).astype(int), "True for"),
    ],
    "what_to_keep": [
        ({"b", "c"}, "weights"),
        ({"a", "c"}, "another one"),
        ({"a", "b"}, "begin anew"),
        ({"a", "b", "c", "d"}, "can be had again"),
        ({"a", "b", "c", "e"}, "changes no step"),
        ({"a", "b", "c", "z"}, "from a to e"),
    ],
}
