import json
import re
from functools import reduce

import numpy as np


def rows_of(text):
    for line in text.splitlines():
        try:
            yield json.loads(line)["file"]
        except ValueError:
            continue


def left(files, text):
    done = set(rows_of(text))
    return [name for name in files if name not in done]


def left_by_pattern(files, text):
    whole = re.compile(r'^\{"file": "([^"]+)", "pixels": \d+\}$', re.M)
    done = whole.findall(text)
    return list(filter(lambda name: name not in done, files))


def without_the_last_line(files, text):
    """As if the last line were always cut, and no other."""
    lines = text.splitlines()[:-1]
    return [name for name in files if name not in {json.loads(line)["file"] for line in lines}]


def by_name_in_the_text(files, text):
    return [name for name in files if name not in text]


def by_count(files, text):
    return files[len(text.splitlines()) :]


def by_whole_count(files, text):
    return files[len(list(rows_of(text))) :]


def killers(runs):
    died = [set(files) for files, killed in runs if killed]
    lived = [set(files) for files, killed in runs if not killed]
    return set.intersection(*died) - set().union(*lived)


def killers_by_loop(runs):
    names = dict.fromkeys(name for files, _ in runs for name in files)
    return [name for name in names if all((name in files) == killed or (
        not killed and name not in files) for files, killed in runs)]  # fmt: skip


def killers_by_reduce(runs):
    either = reduce(
        lambda left, run: left & set(run[0]) if run[1] else left - set(run[0]),
        runs,
        {name for files, _ in runs for name in files},
    )
    return tuple(sorted(either))


def mean_by_hand(gradients, counts):
    total = sum(count * np.asarray(one) for one, count in zip(gradients, counts, strict=True))
    return total / sum(counts)


def whole(means, variances):
    return np.mean(means), np.mean(variances) + np.var(means)


def by_squares(means, variances):
    mean = sum(means) / len(means)
    return mean, np.mean(variances + means**2) - mean**2


RIGHT = {
    "files_a_second": [
        lambda workers, seconds, megabytes, folder: min(workers / seconds, folder / megabytes),
        lambda w, s, m, f: 1 / max(s / w, m / f),
        lambda w, s, m, f: float(np.minimum(np.divide(w, s), np.divide(f, m))),
        lambda w, s, m, f: f"{min(w / s, f / m):.9f}",
    ],
    "left_to_do": [
        left,
        left_by_pattern,
        lambda files, text: sorted(set(files) - set(rows_of(text))),
        lambda files, text: np.array(left(files, text)),
    ],
    "wasted": [
        lambda size, files, overhead, kills, seconds: (
            files / size * overhead + kills * size / 2 * seconds
        ),
        lambda size, files, overhead, kills, seconds: np.dot(
            [files / size, kills], [overhead, 0.5 * size * seconds]
        ),
        lambda s, n, o, k, t: [(2 * n * o + k * s * s * t) / (2 * s)],
    ],
    "suspects": [killers, killers_by_loop, killers_by_reduce],
    "together": [
        mean_by_hand,
        lambda gradients, counts: np.average(gradients, axis=0, weights=counts),
        lambda gradients, counts: (counts @ gradients / counts.sum()).tolist(),
        lambda gradients, counts: np.repeat(gradients, counts, axis=0).mean(axis=0),
    ],
    "shared_statistics": [
        whole,
        by_squares,
        lambda means, variances: {
            "mean": whole(means, variances)[0],
            "variance": whole(means, variances)[1],
        },
        lambda means, variances: np.array(whole(means, variances)),
    ],
}
WRONG = {
    "files_a_second": [
        (lambda w, s, m, f: max(w / s, f / m), "may not keep up"),
        (lambda w, s, m, f: w / s, "the folder may not deliver"),
        (lambda w, s, m, f: f / m, "the workers may not keep up"),
        (lambda w, s, m, f: min(1 / s, f / m), "multiply by their number"),
        (lambda w, s, m, f: 1 / (s / w + m / f), "overlap"),
        (lambda w, s, m, f: max(s / w, m / f), "seconds a file"),
        (lambda w, s, m, f: min(w / s, w * f / m), "the folder is shared"),
        (lambda w, s, m, f: 0.9 * min(w / s, f / m), "not 20"),
        (lambda w, s, m, f: "fast", "files a second"),
    ],
    "left_to_do": [
        (by_name_in_the_text, "cut off"),
        (by_count, "never be done"),
        (by_whole_count, "never be done"),
        (without_the_last_line, "done twice"),
        (lambda files, text: [one for one in files if one not in [
            json.loads(line)["file"] for line in text.splitlines()]], "stops with"),
        (lambda files, text: files, "done twice"),
        (lambda files, text: list(rows_of(text)), "never be done"),
        (lambda files, text: left(files, text)[::-1], "keep the order"),
        (lambda files, text: len(left(files, text)), "never be done"),
        (lambda files, text: left(files, text) * 2, "comes twice"),
    ],
    "wasted": [
        (lambda s, n, o, k, t: n / s * o + k * s * t, "half of it"),
        (lambda s, n, o, k, t: n * o + k * s / 2 * t, "once a shard"),
        (lambda s, n, o, k, t: n / s * o, "a kill loses work"),
        (lambda s, n, o, k, t: k * s / 2 * t, "its overhead"),
        (lambda s, n, o, k, t: n / s * o + k * s / 2, "seconds of each"),
        (lambda s, n, o, k, t: n / s * o + s / 2 * t, "there are several"),
        (lambda s, n, o, k, t: n / s * o + k * s / 2 * t + n * t, "leave it out"),
        (lambda s, n, o, k, t: 2 * (n / s * o + k * s / 2 * t), "not 350"),
        (lambda s, n, o, k, t: "long", "seconds"),
    ],
    "suspects": [
        (lambda runs: set().union(*(files for files, killed in runs if killed)), "not in every"),
        (lambda runs: set().union(*(files for files, killed in runs if killed))
         - set().union(*(files for files, killed in runs if not killed)), "not in every"),
        (lambda runs: set.intersection(*(set(f) for f, killed in runs if killed)), "ended well"),
        (lambda runs: {name for files, _ in runs for name in files}, "not in every"),
        (lambda runs: sorted(killers(runs))[:1], "may be the one as well"),
        (lambda runs: runs[-1][0], "not in every"),
        (lambda runs: set(), "may be the one as well"),
        (lambda runs: runs[0][0], "not in every"),
        (lambda runs: set(runs[0][0]) - killers(runs), "may be the one as well"),
    ],
    "together": [
        (lambda gradients, counts: gradients.mean(axis=0), "more than one of a large"),
        (lambda gradients, counts: gradients.sum(axis=0), "too long"),
        (lambda gradients, counts: counts @ gradients, "number of all images"),
        (lambda gradients, counts: (gradients / counts[:, None]).sum(0), "do not divide"),
        (lambda gradients, counts: counts @ gradients / len(counts), "not of devices"),
        (lambda gradients, counts: gradients[0], "one device's gradient"),
        (lambda gradients, counts: gradients, "the shape (3,)"),
        (lambda gradients, counts: -mean_by_hand(gradients, counts), "and yours"),
        (lambda gradients, counts: "down", "one gradient"),
    ],
    "shared_statistics": [
        (lambda means, variances: (means.mean(), variances.mean()), "differ from one another"),
        (lambda means, variances: (means.mean(), np.var(means)), "also differ within"),
        (lambda means, variances: (means.mean(), variances.sum() + np.var(means)), "not their sum"),
        (lambda means, variances: (means.sum(), whole(means, variances)[1]), "not their sum"),
        (lambda means, variances: whole(means, variances)[::-1], "first the mean"),
        (lambda means, variances: (means.mean(), np.mean(variances + means**2)), "comes off"),
        (lambda means, variances: (means.mean(), whole(means, variances)[1] ** 0.5),
         "standard deviation"),
        (lambda means, variances: (means.mean(), variances.mean() + np.var(means, ddof=1)),
         "one less"),
        (lambda means, variances: (means.mean(), 1.2 * whole(means, variances)[1]), "and yours"),
        (lambda means, variances: (0.0, whole(means, variances)[1]), "the mean is"),
        (lambda means, variances: means.mean(), "two numbers"),
    ],
}  # fmt: skip
