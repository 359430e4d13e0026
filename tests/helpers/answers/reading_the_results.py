import numpy as np
from scipy import ndimage

from lungseg_utils import metrics
from lungseg_utils.teaching.exercises.reading_the_results import chests


def unseen(table, seen):
    return table[~table["patient"].isin(seen)]


def by_package(table, seen):
    rest = unseen(table, seen)
    return rest["dice"].mean(), *metrics.bootstrap_interval(rest["dice"], rest["patient"])


def by_hand(table, seen, ends=(2.5, 97.5)):
    rest = unseen(table, seen)
    scores = [part["dice"].to_numpy() for _, part in rest.groupby("patient")]
    rng = np.random.default_rng(9)
    means = []
    for _ in range(2000):
        drawn = [scores[number] for number in rng.integers(len(scores), size=len(scores))]
        means.append(np.concatenate(drawn).mean())
    low, high = np.percentile(means, ends)
    return [rest["dice"].mean(), low, high]


def by_patients(table, seen):
    """The mean of the patients' means."""
    rest = unseen(table, seen)
    return rest.groupby("patient")["dice"].mean().mean(), *by_package(table, seen)[1:]


def of_all(table, seen):
    return by_package(table, set())


def without_failures(table, seen):
    return by_package(table[table["dice"] > 0], seen)


def by_images(table, seen):
    rest = unseen(table, seen)
    return rest["dice"].mean(), *metrics.bootstrap_interval(rest["dice"], range(len(rest)))


def by_spread(table, seen):
    dice = unseen(table, seen)["dice"]
    return dice.mean(), dice.mean() - 1.96 * dice.std(), dice.mean() + 1.96 * dice.std()


def known_in_the_interval(table, seen):
    low, high = metrics.bootstrap_interval(table["dice"], table["patient"])
    return unseen(table, seen)["dice"].mean(), low, high


def by_normal_of_images(table, seen):
    dice = unseen(table, seen)["dice"]
    error = 1.96 * dice.std() / len(dice) ** 0.5
    return dice.mean(), dice.mean() - error, dice.mean() + error


def names_at(table, places, score="dice", up=None):
    names = table.sort_values(score, ascending=score == "dice" if up is None else up)["name"]
    return [names.iloc[place] for place in places]


def of_three(table):
    return 0, len(table) // 2, -1


def by_argsort(table, score):
    order = np.argsort(table[score].to_numpy() * (1 if score == "dice" else -1))
    return table["name"].to_numpy()[order[[0, len(order) // 2, -1]]]


def by_extremes(table, score):
    named = table.set_index("name")[score]
    ends = named.idxmin(), named.idxmax()
    middle = named.index[np.argmax(named.to_numpy() == named.median())]
    worst, best = ends if score == "dice" else ends[::-1]
    return {"worst": worst, "median": middle, "best": best}


def best_first(table, score):
    return dict(zip(("best", "median", "worst"), by_argsort(table, score)[::-1], strict=True))


def middle_row(table, score):
    worst, _, best = by_argsort(table, score)
    return worst, table["name"].iloc[len(table) // 2], best


def by_label(table, score):
    ordered = table.sort_values(score, ascending=score == "dice")["name"]
    return ordered.loc[0], ordered.loc[len(ordered) // 2], ordered.loc[len(ordered) - 1]


def nearest_to_mean(table, score):
    values = table[score].where(np.isfinite(table[score]))
    worst, _, best = by_argsort(table, score)
    return worst, table["name"].to_numpy()[(values - values.mean()).abs().argmin()], best


def greatest(before, without):
    return max(without, key=without.get)


def by_gain(before, without):
    gains = {part: dice - before for part, dice in without.items() if dice - before >= 0.01}
    return max(gains, key=gains.get) if gains else "unknown"


def by_change(before, without):
    part = max(without, key=lambda part: abs(without[part] - before))
    return part if without[part] - before >= 0.01 else "unknown"


def by_size_of_change(before, without):
    part = max(without, key=lambda part: abs(without[part] - before))
    return part if abs(without[part] - before) >= 0.01 else "unknown"


def at_least(gain):
    def found(before, without):
        part = greatest(before, without)
        return part if without[part] - before >= gain else "unknown"

    return found


def looked_up(dark, share):
    _, darks, references = chests()
    return next(one for seen, one in zip(darks, references, strict=True) if (seen == dark).all())


def looked_up_or_dark(dark, share):
    try:
        return looked_up(dark, share)
    except StopIteration:
        return dark


def by_relative_gain(before, without):
    part = greatest(before, without)
    return part if (without[part] - before) / before >= 0.01 else "unknown"


def by_first_group(table, column, fewest):
    return people(table.drop_duplicates("patient"), column, fewest)


def people(table, column, fewest):
    return {group for group, part in table.groupby(column) if len(set(part["patient"])) < fewest}


RIGHT = {
    "honest_mean": [
        by_package,
        by_hand,
        lambda table, seen: (by_package(table, seen)[0], by_package(table, seen)[1:]),
    ],
    "combine": [
        lambda dark, share: (dark & (share > 0.2)) | (share > 0.8),
        lambda dark, share: share + 0.45 * dark > 0.7,
        lambda dark, share: ndimage.median_filter((share + 0.4 * dark > 0.65), 3),
    ],
    "three_cases": [
        lambda table, score: names_at(table, of_three(table), score),
        by_argsort,
        by_extremes,
        best_first,
        lambda table, score: ", ".join(by_argsort(table, score)),
    ],
    "cause": [
        by_gain,
        lambda before, without: (
            greatest(before, without) if max(without.values()) >= before + 0.01 else "unknown"
        ),
        lambda before, without: np.array([by_gain(before, without)]),
    ],
    "thin_groups": [
        people,
        lambda table, column, fewest: [
            group
            for group in table[column].unique()
            if table[table[column] == group].drop_duplicates("patient").shape[0] < fewest
        ],
        lambda table, column, fewest: {str(group) for group in people(table, column, fewest)},
    ],
    "comparable": ["cd", ["c", "d"], "C, D", "(c) and (d)", {"d", "c"}, "c and d"],
}
WRONG = {
    "honest_mean": [
        (of_all, "seen in training"),
        (without_failures, "a failure counts"),
        (by_images, "four images of one patient"),
        (by_spread, "too wide"),
        (known_in_the_interval, "of all patients"),
        (by_normal_of_images, "four images of one patient"),
        (lambda table, seen: unseen(table, seen)["dice"].mean(), "three numbers"),
        (lambda table, seen: (unseen(table, seen)["dice"].median(), 0.7, 0.9), "all unseen"),
        (lambda table, seen: [by_package(table, seen)[place] for place in (0, 2, 1)], "lower end"),
        (lambda table, seen: set(by_package(table, seen)), "a set has none"),
        (lambda table, seen: by_package(table, {"P0", "P1", "P2"}), "mean of all unseen"),
        (by_patients, "the mean over patients"),
        (lambda table, seen: by_hand(table, seen, (5, 95)), "2.5th percentile"),
        (lambda table, seen: by_hand(table, seen, (0.5, 99.5)), "the interval is about"),
        (lambda table, seen: by_package(table, seen)[:2], "not 2 numbers"),
    ],
    "combine": [
        (lambda dark, share: dark, "no better"),
        (lambda dark, share: share > 0.5, "no better"),
        (lambda dark, share: dark & (share > 0.2), "no better"),
        (lambda dark, share: dark * share, "bool"),
        (lambda dark, share: (dark | (share > 0.7)) & (share > 0.5), "by less than 0.05"),
        (lambda dark, share: (dark & (share > 0.2)).mean(), "shape"),
        (lambda dark, share: dark | (share > 0.5), "no better"),
        (lambda dark, share: np.ones_like(dark), "no better"),
        (lambda dark, share: ((dark & (share > 0.2)) | (share > 0.8)).astype(int), "bool"),
        (lambda dark, share: ~((dark & (share > 0.2)) | (share > 0.8)), "no better"),
        (lambda dark, share: ((dark & (share > 0.2)) | (share > 0.8))[::2], "shape"),
        (looked_up, "your function stops"),
        (looked_up_or_dark, "on ten other chests"),
    ],
    "three_cases": [
        (lambda table, score: names_at(table, of_three(table)[::-1], score), "worst is the best"),
        (lambda table, score: names_at(table, of_three(table), score, True), "a high HD95 is bad"),
        (lambda table, score: names_at(table, of_three(table), "dice"), "by HD95"),
        (lambda table, score: names_at(table, of_three(table), "hd95_mm"), "by Dice"),
        (middle_row, "sort first"),
        (by_label, "by Dice"),
        (nearest_to_mean, "the median"),
        (lambda table, score: names_at(table, (0, -1), score), "three names"),
        (lambda table, score: set(by_argsort(table, score)), "a set has no order"),
        (lambda table, score: table[score].quantile([0, 0.5, 1]), "three names"),
    ],
    "cause": [
        (lambda before, without: "disease", "believe the experiment"),
        (greatest, "none of these gains"),
        (by_change, "for the worse"),
        (by_size_of_change, "the network needs it"),
        (lambda before, without: min(without, key=without.get), "helps most"),
        (
            lambda before, without: next(
                (part for part, dice in without.items() if dice - before >= 0.01), "unknown"
            ),
            "spine is first",
        ),
        (
            lambda before, without: [
                *["unknown"],
                *[part for part, dice in without.items() if dice - before >= 0.01],
            ][-1],
            "helps most",
        ),
        (at_least(0.013), "0.012 is enough"),
        (at_least(0.005), "too little"),
        (
            by_relative_gain,
            "where the Dice is low. The Dice is 0.600 with all parts, 0.608 without",
        ),
        (lambda before, without: "unknown", "helps most"),
        (lambda before, without: max(without.values()) - before, "expected"),
    ],
    "thin_groups": [
        (
            lambda table, column, fewest: {
                group for group, part in table.groupby(column) if len(part) < fewest
            },
            "count people",
        ),
        (lambda table, column, fewest: people(table, column, fewest + 1), "are enough"),
        (lambda table, column, fewest: set(table[column]), "right is"),
        (lambda table, column, fewest: people(table, "sex", fewest), "right is"),
        (lambda table, column, fewest: people(table, column, 6), "are enough"),
        (lambda table, column, fewest: set(), "right is"),
        (by_first_group, "a patient may be in two groups"),
        (lambda table, column, fewest: len(people(table, column, fewest)), "right is"),
        (
            lambda table, column, fewest: (
                set(table[column].map(str)) - set(map(str, people(table, column, fewest)))
            ),
            "right is",
        ),
    ],
    "comparable": [
        ("acd", "soft"),
        ("bcd", "pooled"),
        ("cde", "other images"),
        ("cdf", "scores best on the test images"),
        ("cdg", "the larger of the two directions"),
        ("c", "d is IoU"),
        ("d", "comparison"),
        ("c or d", "is none"),
        ("", "name the letters"),
    ],
}
