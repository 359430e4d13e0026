import numpy as np


def sigmoid(logit):
    return 1 / (1 + np.exp(-logit))


def step(w, b, x, y, rate, *, sign=-1, count=np.mean, p=sigmoid):
    error = p(w * x + b) - y
    return w + sign * rate * count(error * x), b + sign * rate * count(error)


def of_squared_error(w, b, x, y, rate):
    p = sigmoid(w * x + b)
    slope = 2 * (p - y) * p * (1 - p)
    return w - rate * np.mean(slope * x), b - rate * np.mean(slope)


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


def by_share_of_pictures(patients, share, seed):
    people, patients = list(np.unique(patients)), np.array(patients)
    np.random.default_rng(seed).shuffle(people)
    while np.isin(patients, people).mean() > share:
        people.pop()
    return np.isin(patients, people)


def by_picture(patients, share, seed):
    return np.random.default_rng(seed).permutation(len(patients)) < share * len(patients)


def always_the_first(patients, share, seed):
    people = sorted(set(patients))
    return np.isin(patients, people[: round(share * len(people))])


def by_hash(patients, share, seed):
    people = list(set(patients))
    np.random.default_rng(seed).shuffle(people)
    tested = set(people[: round(share * len(people))])
    return np.array([one in tested for one in patients])


def by_first_seen(patients, share, seed):
    people = list(dict.fromkeys(map(str, patients)))
    order = np.random.default_rng(seed).permutation(len(people))
    tested = {people[number] for number in order[: int(share * len(people) + 0.5)]}
    return [one in tested for one in patients]


def in_loops(w, b, x, y, rate):
    errors = [sigmoid(w * one + b) - true for one, true in zip(x, y, strict=True)]
    of_w = sum(error * one for error, one in zip(errors, x, strict=True)) / len(x)
    return [float(w - rate * of_w), float(b - rate * sum(errors) / len(errors))]


def by_tanh(w, b, x, y, rate):
    error = (1 + np.tanh((w * x + b) / 2)) / 2 - y
    return np.float64(w - rate * (error @ x) / x.size), np.float64(b - rate * error.mean())


def by_union(truth, p):
    return [
        1 - ((one * other).sum() + 1) / ((one + other - one * other).sum() + 1)
        for one, other in zip(truth, p, strict=True)
    ]


def in_one_order(images, masks, seed):
    order = np.random.default_rng(seed).permutation(len(images))
    return images[order], masks[order]


def by_pairs(images, masks, seed):
    pairs = list(zip(images, masks, strict=True))
    np.random.default_rng(seed).shuffle(order := list(range(len(pairs))))
    return [np.stack(one) for one in zip(*(pairs[number] for number in order), strict=True)]


def by_keys(images, masks, seed):
    order = np.argsort(np.random.default_rng(seed).random(len(images)))
    return images.take(order, axis=0), masks.take(order, axis=0)


def twice_the_seed(images, masks, seed):
    for one in (images, masks):
        np.random.default_rng(seed).shuffle(one)
    return images, masks


def two_orders(images, masks, seed):
    rng = np.random.default_rng(seed)
    return images[rng.permutation(len(images))], masks[rng.permutation(len(masks))]


def drawn_again(images, masks, seed):
    order = np.random.default_rng(seed).integers(0, len(images), len(images))
    return images[order], masks[order]


def turned(images, masks, seed):
    return np.roll(images, seed + 1, axis=0), np.roll(masks, seed + 1, axis=0)


def ordered(order):
    return lambda images, masks, seed: (images[order], masks[order])


def images_alone(images, masks, seed):
    return in_one_order(images, masks, seed)[0], masks


def early_average(rates, losses):
    lowest = int(np.argmin(losses))
    return np.geomspace(rates[lowest] / 100, rates[lowest], 3)[1]


RIGHT = {
    "one_step": [
        step,
        by_matrix,
        in_loops,
        by_tanh,
        lambda *given: dict(zip("bw", step(*given)[::-1], strict=True)),
    ],
    "waiting_share": [
        lambda loading, computing: max(loading - computing, 0) / max(loading, computing),
        lambda loading, computing: max(0, 1 - computing / loading),
        lambda loading, computing: np.float32(loading > computing) * (1 - computing / loading),
    ],
    "jaccard_loss": [jaccard, by_image, by_union],
    "pick_rate": [lambda rates, losses: rates[np.argmin(losses)] / 10, steepest, early_average],
    "rate_at": [
        rising,
        rise_and_fall,
        lambda *given: np.float64(rising(*given)),
    ],
    "diagnose": [
        "dbc",
        ["d", "b", "c"],
        {"A": "d", "B": "b", "C": "c"},
        {"C": "c", "A": "d", "B": "b"},
        "A: d, B: b, C: c",
        "(d), (b), (c)",
    ],
    "shuffle_together": [
        in_one_order,
        by_pairs,
        by_keys,
        twice_the_seed,
        lambda *given: (one for one in in_one_order(*given)),
        lambda *given: dict(zip(("masks", "images"), in_one_order(*given)[::-1], strict=True)),
    ],
    "split_patients": [drawn, in_turns, by_first_seen],
    "what_to_keep": [{"a", "b", "c"}, ["c", "A", "b"], "abc", "a, b and c"],
}
WRONG = {
    "one_step": [
        (lambda *given: step(*given)[::-1], "w first"),
        (lambda w, b, x, y, rate: (w, b), "one step from"),
        (lambda w, b, x, y, rate: step(w, 0, x, y, rate), "one step from"),
        (lambda *given: step(*given, sign=1), "uphill"),
        (lambda *given: step(*given, count=np.sum), "50 times too long"),
        (lambda *given: step(*given, p=lambda logit: logit), "sigmoid is missing"),
        (in_turn, "b moved with the new w"),
        (without_x, "times x"),
        (lambda w, b, x, y, rate: step(w, b, x, y, 1), "by the rate"),
        (lambda *given: step(*given)[0], "two numbers"),
        (of_squared_error, "the squared error"),
        (lambda *given: step(*given, p=lambda logit: logit > 0), "do not round it"),
    ],
    "waiting_share": [
        (lambda loading, computing: 0, "idle"),
        (lambda loading, computing: 2 / 3, "idle"),
        (lambda loading, computing: max(loading - computing, 0), "divide by"),
        (lambda loading, computing: loading > computing, "expected one number"),
        (lambda loading, computing: (loading, computing), "expected one number"),
        (lambda loading, computing: loading / (loading + computing), "overlap"),
        (lambda loading, computing: 1 - computing / loading, "never negative"),
        (
            lambda loading, computing: max(loading - computing, 0) / computing,
            "the time that a batch takes",
        ),
        (lambda loading, computing: min(computing / loading, 1), "the network works"),
    ],
    "jaccard_loss": [
        (lambda truth, p: jaccard(truth, p).mean(), "one loss for each"),
        (lambda truth, p: jaccard(truth, p, axis=(0, 1)), "one loss for each"),
        (dice, "Dice loss"),
        (lambda truth, p: 1 - jaccard(truth, p), "1 minus that"),
        (lambda truth, p: jaccard(truth, p, share=0), "counted twice"),
        (lambda truth, p: jaccard(truth, p > 0.5), "no slope"),
        (lambda truth, p: jaccard(truth, p, axis=None), "one loss for each"),
        (lambda truth, p: jaccard(truth, p)[:, None], "losses of the shape (3,), not (3, 1)"),
        (lambda truth, p: jaccard(truth, p, smoothing=0), "divide by zero"),
        (lambda truth, p: jaccard(truth, p, smoothing=5), "and yours"),
    ],
    "pick_rate": [
        (lambda rates, losses: 2e-3, "you return"),
        (lambda rates, losses: 5e-4, "you return"),
        (lambda rates, losses: np.median(rates), "you return"),
        (lambda rates, losses: rates[np.argmax(losses)], "rises again"),
        (lambda rates, losses: rates[np.argmin(losses)] / 1000, "forever"),
        (lambda rates, losses: rates[np.argmin(losses)], "too close"),
        (lambda rates, losses: rates[-1], "rises again"),
        (lambda rates, losses: rates[0], "forever"),
        (lambda rates, losses: np.min(losses), "rises again"),
        (lambda rates, losses: np.argmin(losses), "not tried"),
    ],
    "rate_at": [
        (lambda step, steps, warmup, peak: rising(step, steps, warmup, 1), "of the peak"),
        (lambda step, steps, warmup, peak: rising(step, steps, 10, peak), "begins there"),
        (lambda step, steps, warmup, peak: peak * (1 + np.cos(np.pi * step / steps)) / 2, "begins"),
        (lambda step, steps, warmup, peak: (step, peak), "expected one number"),
        (lambda step, steps, warmup, peak: peak, "begins with"),
        (early, "the fall begins there"),
        (straight, "straight line"),
        (lambda step, steps, warmup, peak: peak * min(step / warmup, 1), "is left"),
        (lambda step, steps, warmup, peak: peak * np.sin(np.pi * step / steps), "warm-up"),
    ],
    "split_patients": [
        (by_hash, "sort it"),
        (by_picture, "in both parts"),
        (by_share_of_pictures, "patients are tested, not 40%"),
        (always_the_first, "draw by chance"),
        (lambda patients, share, seed: drawn(patients, share, None), "the same seed"),
        (lambda patients, share, seed: ~drawn(patients, share, seed), "are tested"),
        (lambda patients, share, seed: np.unique(patients)[:3], "one answer for each"),
        (lambda patients, share, seed: np.zeros(len(patients), bool), "0 of 60"),
        (lambda patients, share, seed: drawn(patients, share, seed).astype(int), "True for test"),
    ],
    "what_to_keep": [
        ("abcde", "can be computed again"),
        (["d", "e"], "weights"),
        ({"b", "c"}, "weights"),
        ({"a", "c"}, "would differ"),
        ({"a", "b"}, "begin again"),
        ({"a", "b", "c", "d"}, "can be computed again"),
        ({"a", "b", "c", "e"}, "changes no step"),
        ({"a", "b", "c", "z"}, "from a to e"),
    ],
    "diagnose": [
        ("bdc", "A is not (b)"),
        ("dcb", "B is not (c)"),
        ("dbd", "C is not (d)"),
        ("cbd", "A is not (c)"),
        ("eee", "A is not (e)"),
        ("abc", "A is not (a)"),
        ("db", "three letters"),
        ({"d", "b", "c"}, "set"),
        ("dbz", "none"),
    ],
    "shuffle_together": [
        (two_orders, "one order for both"),
        (images_alone, "one order for both"),
        (drawn_again, "exactly once"),
        (turned, "neighbours"),
        (ordered(slice(None)), "still the old one"),
        (ordered(slice(None, None, -1)), "another seed"),
        (lambda images, masks, seed: in_one_order(images, masks, 0), "another seed"),
        (lambda images, masks, seed: in_one_order(images, masks, None), "the same seed"),
        (lambda images, masks, seed: in_one_order(images, masks, seed)[0], "images and masks"),
        (lambda images, masks, seed: in_one_order(images, masks, seed)[::-1], "unchanged"),
        (lambda images, masks, seed: (images[1:], masks[1:]), "all 20"),
    ],
}
