"""Exercises of notebook 06."""

import numpy as np
import pandas as pd

from lungseg_utils import metrics
from lungseg_utils.teaching.exercises.core import exercise, expect

FAIR = "score a method on patients it has never seen, and put an interval around the mean"
WORTH = "say what a score is worth, beside methods that learn little or nothing and beside a hand"
CAUSE = "find the worst, the median and the best case, and a failure's cause by experiment"
GROUPS = "read a table of subgroups, patients first"
COMPARE = "tell which published numbers yours may be compared with, and which not"

# why the notebook's published numbers a to f may not be held against its own; c and d may
OTHER = {
    "a": "a is soft: it measures hesitation as well",
    "b": "b is pooled: large lungs count more there",
    "e": "e is another exam: other images, so another difficulty",
    "f": "f chose its threshold by the references of the test images",
}


@exercise(
    objective=FAIR,
    expects="a function of a table and a set of patients",
    hint='`table["patient"].isin(seen)` marks the rows to leave out; `metrics.bootstrap_interval` '
    "takes the scores and the patients of the rest.",
    answer="""
    from lungseg_utils import metrics

    def honest_mean(table, seen):
        unseen = table[~table["patient"].isin(seen)]
        low, high = metrics.bootstrap_interval(unseen["dice"], unseen["patient"])
        return unseen["dice"].mean(), low, high
    """,
)
def honest_mean(answer):
    for seed in (0, 1):
        rng = np.random.default_rng(seed)
        patients = np.repeat([f"P{number}" for number in range(12)], 4)
        dice = np.repeat(rng.uniform(0.8, 0.97, 12), 4) + rng.normal(0, 0.002, 48)
        dice[:12], dice[20:24] = 0.995, 0.0  # three patients known by heart, one lost
        table, seen = pd.DataFrame({"patient": patients, "dice": dice}), {"P0", "P1", "P2"}
        found = np.asarray(answer(table, seen), float).ravel()
        expect(len(found) == 3, "return three numbers: the mean, and both ends of its interval")
        expect(not np.isclose(found[0], dice.mean()), "patients seen in training are in your mean")
        failure = "images of Dice 0 are missing from your mean: a failure counts"
        expect(not np.isclose(found[0], dice[dice > 0][12:].mean()), failure)
        expect(np.isclose(found[0], dice[12:].mean()), "the mean is of all unseen images")
        means = rng.choice(dice[12:].reshape(9, 4), (4000, 9)).mean(axis=(1, 2))
        ends = [metrics.bootstrap_interval(dice[12:], patients[12:]),
                np.percentile(means, (2.5, 97.5))]  # fmt: skip
        wider, narrower = np.ptp(ends, axis=1)
        words = "your interval draws images: four images of one patient tell little more than one"
        of_images = metrics.bootstrap_interval(dice[12:], range(36))
        expect(not np.allclose(found[1:], of_images, atol=0.01), words)
        expect(found[2] - found[1] > 0.8 * narrower, words)
        words = "too wide: the mean wobbles less than single images do"
        expect(found[2] - found[1] < 1.25 * wider, words)
        close = [np.allclose(found[1:], one, atol=0.2 * np.ptp(one)) for one in ends]
        expect(any(close), f"the interval is about {ends[0][0]:.3f} to {ends[0][1]:.3f}")


def chests() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """What a combination gets to see: shares of lung (64, 64), and of ten chests the dark pixels
    and the reference, both bool (10, 64, 64).
    """
    rng = np.random.default_rng(3)
    row, column = np.mgrid[:64, :64] / 64
    masks = []
    for _ in range(50):
        (tall, wide), (down, across) = rng.uniform((0.26, 0.1), (0.4, 0.17)), rng.normal(0, 0.05, 2)
        sides = [((row - 0.45 - down) / tall) ** 2 + ((column - x - across) / wide) ** 2 < 1
                 for x in (0.28, 0.72)]  # fmt: skip
        masks.append(sides[0] | sides[1])
    masks = np.array(masks)
    ribs = np.abs((row * 64) % 9 - rng.uniform(0, 9, (10, 1, 1))) < 1.5
    belly = ((row - 0.85) / 0.1) ** 2 + (
        (column - rng.uniform(0.3, 0.7, (10, 1, 1))) / 0.2
    ) ** 2 < 1
    arms = (column < 0.08) | (column > 0.92)
    return masks[10:].mean(axis=0), (masks[:10] & ~ribs) | belly | arms, masks[:10]


@exercise(
    objective=WORTH,
    expects="a function of the dark pixels and the shares of lung",
    hint="Where lungs are common, believe the share even if the pixel is bright; where they are "
    "rare, believe nobody; in between let the darkness decide.",
    answer="""
    def combine(dark, share):
        return (dark & (share > 0.2)) | (share > 0.8)
    """,
)
def combine(answer):
    share, darks, references = chests()

    def mean(masks):
        return np.mean([metrics.dice(*pair) for pair in zip(masks, references, strict=True)])

    masks = [np.asarray(answer(dark, share)) for dark in darks]
    first = masks[0]
    expect(first.shape == share.shape, f"a mask of shape {share.shape}, not {first.shape}")
    expect(first.dtype == bool, f"a mask is bool, and yours is {first.dtype}")
    parents = {"the dark pixels": mean(darks), "the mean shape": mean([share > 0.5] * len(darks))}
    yours, better = mean(masks), max(parents, key=parents.get)
    told = ", ".join(f"{name} {value:.3f}" for name, value in parents.items())
    expect(yours > parents[better], f"your mean Dice is {yours:.3f}, no better than {told}")
    little = f"your {yours:.3f} beats both parents ({told}), but by less than 0.05: go on"
    expect(yours > parents[better] + 0.05, little)


@exercise(
    objective=CAUSE,
    expects="a function of a table of scores",
    hint='Sort by "dice", then take the first name, the one in the middle and the last, by place '
    "(`iloc`), not by label.",
    answer="""
    def three_cases(table):
        names = table.sort_values("dice")["name"]
        return names.iloc[0], names.iloc[len(names) // 2], names.iloc[-1]
    """,
)
def three_cases(answer):
    for count, seed in ((7, 0), (31, 1)):
        rng = np.random.default_rng(seed)
        dice = np.r_[0.0, rng.permutation(np.linspace(0.5, 0.99, count - 1) ** 2)]
        names = [f"case {number}" for number in rng.permutation(count)]
        table = pd.DataFrame({"name": names, "dice": dice, "hd95_mm": rng.uniform(2, 20, count)})
        table.loc[0, "hd95_mm"] = np.inf
        table = table.sample(frac=1, random_state=seed)
        found = [str(name) for name in answer(table)]
        expect(len(found) == 3, "return three names: worst, median, best")
        right = list(table.sort_values("dice")["name"].iloc[[0, count // 2, -1]])
        expect(found != right[::-1], "the order is worst, median, best")
        by_place = "your median is the middle row of the table as it stands: sort first"
        middle = [right[0], table["name"].iloc[count // 2], right[2]]
        expect(found != middle or found == right, by_place)
        for name, yours, ours in zip(("worst", "median", "best"), found, right, strict=True):
            expect(yours == ours, f"the {name} by Dice is {ours}, not {yours}")


@exercise(
    objective=CAUSE,
    expects="a function of a Dice and a dict of Dice by part",
    hint="Subtract `before` from each value. The largest gain names the suspect, if it is at least "
    "0.01.",
    answer="""
    def cause(before, without):
        part = max(without, key=without.get)
        return part if without[part] - before >= 0.01 else "unknown"
    """,
)
def cause(answer):
    collapse = {"hila": 0.940, "disease": 0.981, "ribs": 0.939}
    expect(answer(0.940, collapse) == "disease", "the part whose absence helps most is the cause")
    miliary = {"disease": 0.956, "hila": 0.968, "ribs": 0.965}
    words = "an ill patient, but without the disease the mask is no better: believe the experiment"
    expect(answer(0.955, miliary) == "hila", words)
    normal = {"disease": 0.964, "hila": 0.966, "clavicles": 0.963}
    words = 'none of these gains reaches 0.01: such a cause is "unknown"'
    expect(answer(0.964, normal) == "unknown", words)
    needed = {"belly": 0.700, "spine": 0.951, "ribs": 0.949}
    words = "without the belly the mask is much worse: the network needs it, so it is no cause"
    expect(answer(0.950, needed) == "unknown", words)


@exercise(
    objective=GROUPS,
    expects="a function of a table, a column and a number",
    hint='`table.groupby(column)["patient"].nunique()` counts people; n counts images.',
    answer="""
    def thin_groups(table, column, fewest):
        people = table.groupby(column)["patient"].nunique()
        return set(people.index[people < fewest])
    """,
)
def thin_groups(answer):
    rows = [("F", 1, f"P{n}", 0.97) for n in range(9)] + [("M", 1, "Q", 0.98)] * 12
    rows += [("M", 0, f"R{n}", 0.9) for n in range(4)] + [("O", 0, f"S{n}", 0.8) for n in range(3)]
    table = pd.DataFrame(rows, columns=["sex", "label", "patient", "dice"])
    for column, fewest in (("sex", 6), ("sex", 5), ("label", 8), ("sex", 4), ("label", 11)):
        people = table.groupby(column)["patient"].nunique()
        images = table.groupby(column)["patient"].size()
        found, right = set(answer(table, column, fewest)), set(people.index[people < fewest])
        here = f"by {column}, with {fewest} patients asked for, you name {_names(found)}"
        counted = found == set(images.index[images < fewest]) != right
        expect(not counted, f"{here}: a group may have many images of few people; count people")
        exactly = found == set(people.index[people <= fewest]) != right
        expect(not exactly, f"{here}: {fewest} patients are enough where {fewest} are asked for")
        expect(found == right, f"{here}: right is {_names(right)}")


def _names(groups: set) -> str:
    return ", ".join(sorted(map(str, groups))) or "none"


@exercise(
    objective=COMPARE,
    expects='letters such as "ab"',
    hint="Ours is hard, by image, at a threshold fixed beforehand. A number may be another score, "
    "if this notebook has that score as well; it may not be another ruler or another exam.",
    answer='answer = "cd"',
)
def comparable(answer):
    chosen = set("".join(answer).lower()) & set("abcdef")
    expect(len(chosen) > 0, "name the letters of the numbers that ours may be held against")
    for letter in sorted(chosen & OTHER.keys()):
        expect(False, f"{OTHER[letter]}, so it may not be held against ours")
    expect("c" in chosen, "c differs from ours in nothing but the method: that is a comparison")
    expect("d" in chosen, "d is IoU, and the table above has the IoU of the same images too")
