import numpy as np
from scipy import ndimage

from lungseg_utils import metrics


def unseen(table, seen):
    return table[~table["patient"].isin(seen)]


def by_package(table, seen):
    rest = unseen(table, seen)
    return rest["dice"].mean(), *metrics.bootstrap_interval(rest["dice"], rest["patient"])


def by_hand(table, seen):
    rest = unseen(table, seen)
    scores = [part["dice"].to_numpy() for _, part in rest.groupby("patient")]
    rng = np.random.default_rng(9)
    means = []
    for _ in range(2000):
        drawn = [scores[number] for number in rng.integers(len(scores), size=len(scores))]
        means.append(np.concatenate(drawn).mean())
    low, high = np.percentile(means, [2.5, 97.5])
    return [rest["dice"].mean(), low, high]


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


def names_at(table, places, key="dice"):
    return [table.sort_values(key)["name"].iloc[place] for place in places]


def by_argsort(table):
    order = np.argsort(table["dice"].to_numpy())
    return table["name"].to_numpy()[order[[0, len(order) // 2, -1]]]


def middle_row(table):
    worst, _, best = by_argsort(table)
    return worst, table["name"].iloc[len(table) // 2], best


def by_label(table):
    ordered = table.sort_values("dice")["name"]
    return ordered.loc[0], ordered.loc[len(ordered) // 2], ordered.loc[len(ordered) - 1]


def greatest(before, without):
    return max(without, key=without.get)


def by_gain(before, without):
    gains = {part: dice - before for part, dice in without.items() if dice - before >= 0.01}
    return max(gains, key=gains.get) if gains else "unknown"


def people(table, column, fewest):
    return {group for group, part in table.groupby(column) if len(set(part["patient"])) < fewest}


RIGHT = {
    "honest_mean": [by_package, by_hand],
    "combine": [
        lambda dark, share: (dark & (share > 0.2)) | (share > 0.8),
        lambda dark, share: share + 0.45 * dark > 0.7,
        lambda dark, share: ndimage.median_filter((share + 0.4 * dark > 0.65), 3),
    ],
    "three_cases": [lambda table: names_at(table, (0, len(table) // 2, -1)), by_argsort],
    "cause": [
        by_gain,
        lambda before, without: (
            greatest(before, without) if max(without.values()) >= before + 0.01 else "unknown"
        ),
    ],
    "thin_groups": [
        people,
        lambda table, column, fewest: [
            group
            for group in table[column].unique()
            if table[table[column] == group].drop_duplicates("patient").shape[0] < fewest
        ],
    ],
    "comparable": ["cd", ["c", "d"], "C, D"],
}
WRONG = {
    "honest_mean": [
        (of_all, "seen in training"),
        (without_failures, "a failure counts"),
        (by_images, "four images of one patient"),
        (by_spread, "too wide"),
        (lambda table, seen: unseen(table, seen)["dice"].mean(), "three numbers"),
        (lambda table, seen: (unseen(table, seen)["dice"].median(), 0.7, 0.9), "all unseen"),
    ],
    "combine": [
        (lambda dark, share: dark, "no better"),
        (lambda dark, share: share > 0.5, "no better"),
        (lambda dark, share: dark & (share > 0.2), "no better"),
        (lambda dark, share: dark * share, "bool"),
        (lambda dark, share: (dark | (share > 0.7)) & (share > 0.5), "by less than 0.05"),
        (lambda dark, share: (dark & (share > 0.2)).mean(), "shape"),
    ],
    "three_cases": [
        (lambda table: names_at(table, (-1, len(table) // 2, 0)), "the order"),
        (middle_row, "sort first"),
        (lambda table: names_at(table, (-1, len(table) // 2, 0), "hd95_mm"), "by Dice"),
        (by_label, "by Dice"),
        (lambda table: names_at(table, (0, -1)), "three names"),
    ],
    "cause": [
        (lambda before, without: "disease", "believe the experiment"),
        (greatest, "none of these gains"),
        (
            lambda before, without: (
                max(without, key=lambda part: abs(without[part] - before))
                if max(abs(dice - before) for dice in without.values()) >= 0.01
                else "unknown"
            ),
            "the network needs it",
        ),
        (lambda before, without: min(without, key=without.get), "helps most"),
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
    ],
    "comparable": [
        ("acd", "soft"),
        ("bcd", "pooled"),
        ("cde", "another exam"),
        ("cdf", "chose its threshold"),
        ("c", "d is IoU"),
        ("d", "comparison"),
    ],
}
