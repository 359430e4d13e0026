"""Exercises of notebook 09."""

import json

import numpy as np

from lungseg_utils.teaching.exercises.core import (
    by_name,
    exercise,
    expect,
    read_array,
    read_names,
    read_number,
)


@exercise(
    objective="find what limits a row of computers: their processors or the folder they read from",
    expects="a function of workers, seconds, megabytes and folder that returns files a second",
    hint="How many files a second could the workers take? How many could the folder deliver?",
    answer="""
    def files_a_second(workers, seconds, megabytes, folder):
        return min(workers / seconds, folder / megabytes)
    """,
)
def files_a_second(answer):
    for workers, seconds, megabytes, folder in (
        (2, 0.1, 0.2, 100), (40, 0.05, 10, 100), (8, 0.5, 8, 200), (64, 0.25, 0.5, 50),
        (1, 2, 9, 9),
    ):  # fmt: skip
        busy, delivered = workers / seconds, folder / megabytes
        found = read_number(
            answer(workers, seconds, megabytes, folder), "one number, files a second"
        )
        said = (
            f"{workers} workers, {seconds} s and {megabytes} MB a file, {folder} MB/s from the "
            f"folder: {found:.4g} files a second"
        )
        right = min(busy, delivered)
        faults = {
            "that is one worker: multiply by their number": min(1 / seconds, delivered),
            "reading and computing overlap, so their times do not add up": 1
            / (1 / busy + 1 / delivered),
            "that is what the workers could do; the folder may not deliver it": busy,
            "that is what the folder could deliver; the workers may not keep up": delivered,
            "that is seconds a file, not files a second": 1 / right,
            "the folder is shared: more workers do not make it faster": min(
                busy, workers * delivered
            ),
        }
        _expect(found, right, faults, f"{said}; ", f"{said}, not {right:.4g}")


def _expect(found, right, faults: dict, begins: str, otherwise: str) -> None:
    """Raise `NotYet` unless `found` is right, with the fault that would make it, if one does."""
    if not np.allclose(found, right):
        for fault, result in faults.items():
            expect(not np.allclose(found, result), begins + fault)
        expect(False, otherwise)


@exercise(
    objective="stop a long run at any moment, lose nothing that was finished, and go on",
    expects="a function of files and text that returns the names that are still to do",
    hint="`text.splitlines()`, and `json.loads` in a `try`: a cut line raises a ValueError.",
    answer="""
    import json

    def left_to_do(files, text):
        done = set()
        for line in text.splitlines():
            try:
                done.add(json.loads(line)["file"])
            except ValueError:  # cut off in the middle
                pass
        return [name for name in files if name not in done]
    """,
)
def left_to_do(answer):
    files = [f"{number:02d}.png" for number in range(8)]
    lines = [json.dumps({"file": name, "pixels": 100}) for name in files]
    cases = {
        "an empty ledger": ("", files),
        "three whole lines": ("\n".join(lines[:3]) + "\n", files[3:]),
        "lines in another order": ("\n".join([lines[5], lines[1]]) + "\n", [*files[:1], *files[2:5],
                                                                          *files[6:]]),
        "a last line cut in its number": ("\n".join(lines[:4])[:-2], files[3:]),
        "a last line cut in its name": ("\n".join([*lines[:2], '{"file": "02']), files[2:]),
        "a cut line that a later run went on behind": (
            "\n".join([lines[0], lines[1][:9], lines[2]]) + "\n", [files[1], *files[3:]]),
        "a file that is there twice": ("\n".join([lines[0], lines[0]]) + "\n", files[1:]),
        "all of them": ("\n".join(lines) + "\n", []),
    }  # fmt: skip
    for name, (text, right) in cases.items():
        given = answer(files, text)
        found = [] if _is_empty(given) else read_names(given, "names of files")
        again, lost = sorted(set(found) - set(right)), sorted(set(right) - set(found))
        doubt = "; it was cut off, so it was never finished" if "cut" in name else ""
        expect(not lost, f"{name}: {', '.join(lost[:3])} would never be done{doubt}")
        expect(not again, f"{name}: {', '.join(again[:3])} would be done twice")
        expect(len(found) == len(right), f"{name}: a name comes twice")
        ordered = isinstance(given, set | frozenset) or found == right
        expect(ordered, f"{name}: keep the order of `files`")


def _is_empty(given) -> bool:
    return not isinstance(given, str) and hasattr(given, "__len__") and len(given) == 0


@exercise(
    objective="choose how much work to hand out at once",
    expects="a function of size, files, overhead, kills and seconds that returns seconds",
    hint="How many shards are there? How much of a shard is done, on average, when it is killed?",
    answer="""
    def wasted(size, files, overhead, kills, seconds):
        return files / size * overhead + kills * size / 2 * seconds
    """,
)
def wasted(answer):
    for size, files, overhead, kills, seconds in (
        (100, 1e6, 0.01, 20, 0.25), (1, 1e4, 0.01, 20, 0.25), (5000, 1e6, 0.5, 3, 0.1),
        (10, 1000, 1, 0, 2), (200, 1e5, 0, 7, 0.1),
    ):  # fmt: skip
        handed, lost = files / size * overhead, kills * size / 2 * seconds
        what = "one number, seconds"
        found = read_number(answer(size, files, overhead, kills, seconds), what)
        said = f"shards of {size}: {found:,.4g} s"
        faults = {
            "a kill comes in the middle of a shard on average: half of it is lost": handed
            + 2 * lost,
            "the overhead is paid once a shard, not once a file": files * overhead + lost,
            "only the handing out is counted; a kill loses work as well": handed,
            "only the kills are counted; each shard also has its overhead": lost,
            "a kill loses half a shard of files: multiply by the seconds of each": handed
            + kills * size / 2,
            "each kill loses half a shard, and there are several": handed + size / 2 * seconds,
            "the work itself is not wasted: leave it out": handed + lost + files * seconds,
        }
        right = handed + lost
        _expect(found, right, faults, f"{said}; ", f"{said}, not {right:,.4g}")


@exercise(
    objective="find the file that kills the program that reads it",
    expects="a function of runs, pairs of files and killed, that returns the suspects",
    hint="A killer is in every shard that died and in none that lived: `&` and `-` of sets.",
    answer="""
    def suspects(runs):
        died = [set(files) for files, killed in runs if killed]
        lived = [set(files) for files, killed in runs if not killed]
        return set.intersection(*died) - set().union(*lived)
    """,
)
def suspects(answer):
    cases = (
        ([("abcd", True)], "abcd"),
        ([("abcd", True), ("bcef", True)], "bc"),
        ([("abcd", True), ("ab", False)], "cd"),
        ([("abcd", True), ("bcef", True), ("cg", False)], "b"),
        ([("ab", False), ("cd", False), ("efgh", True), ("e", False), ("gf", True)], "fg"),
        ([("abc", True), ("a", False), ("b", False), ("c", True)], "c"),
    )
    for runs, right in cases:
        given = answer([([f"{one}.dcm" for one in files], killed) for files, killed in runs])
        found = set() if _is_empty(given) else set(read_names(given, "names of files"))
        found = {one.removesuffix(".dcm") for one in found}
        shown = ", ".join(f"{files} {'killed' if died else 'ended well'}" for files, died in runs)
        for name in sorted(found - set(right)):
            lived = any(name in files for files, died in runs if not died)
            why = "was in a shard that ended well" if lived else "was not in every shard that died"
            expect(False, f"{shown}: {name} {why}")
        missed = sorted(set(right) - found)
        expect(not missed, f"{shown}: {', '.join(missed)} may be the one as well")


@exercise(
    objective="show that several devices learn what one would, and what stands in the way",
    expects="a function of gradients and counts that returns one gradient",
    hint="Each gradient is a mean over `counts` images. What does `np.average` take as weights?",
    answer="""
    def together(gradients, counts):
        return np.average(gradients, axis=0, weights=counts)
    """,
)
def together(answer):
    rng = np.random.default_rng(0)
    for counts in ((4, 4), (4, 4, 2), (1, 7), (8, 8, 8, 3)):
        gradients = rng.normal(size=(len(counts), 3))
        found = answer(gradients.copy(), np.array(counts))
        found = read_array(found, (3,), "numbers", "one gradient of 3 weights: ")
        weights, said = np.array(counts)[:, None], f"devices with {counts} images: "
        right = (gradients * weights).sum(0) / sum(counts)
        faults = {
            "the plain mean counts an image of a small part for more than one of a large": gradients
            .mean(axis=0),
            "the sum of the gradients makes the step as many times too long": gradients.sum(axis=0),
            "divide by the number of all images": (gradients * weights).sum(0),
            "each gradient is a mean already: multiply by its count, do not divide": (
                gradients / weights
            ).sum(0),
            "divide by the number of images, not of devices": (gradients * weights).mean(0),
            "that is one device's gradient; the others saw other images": gradients[0],
        }  # fmt: skip
        otherwise = f"{said}the gradient is {right.round(3)}, and yours {found.round(3)}"
        _expect(found, right, faults, said, otherwise)


@exercise(
    objective="show that several devices learn what one would, and what stands in the way",
    expects="a function of means and variances that returns both of the whole batch",
    hint="The parts also differ from one another: add the variance of their means.",
    answer="""
    def shared_statistics(means, variances):
        return np.mean(means), np.mean(variances) + np.var(means)
    """,
)
def shared_statistics(answer):
    rng = np.random.default_rng(1)
    for parts, apart in ((2, 2.0), (2, 0.0), (4, 1.0), (8, 3.0)):
        values = rng.normal(size=(parts, 50)) + apart * np.arange(parts)[:, None]
        means, variances = values.mean(axis=1), values.var(axis=1)
        given = by_name(answer(means, variances), ("mean", "variance"))
        mean, variance = read_array(given, (2,), "two numbers: the mean and the variance")
        said = f"{parts} devices: "
        expect(not np.isclose(mean, means.sum()), f"{said}the mean of the parts, not their sum")
        swapped = np.isclose(variance, values.mean()) and np.isclose(mean, values.var())
        expect(not swapped, f"{said}first the mean, then the variance")
        expect(np.isclose(mean, values.mean()), f"{said}the mean is {values.mean():.3f}")
        faults = {
            "the parts differ from one another as well: add how far their means lie apart": np.mean(
                variances
            ),
            "that is how far the means lie apart; the values also differ within a part": np.var(
                means
            ),
            "the mean of the variances, not their sum": np.sum(variances) + np.var(means),
            "the square of the mean comes off: `np.var` does it": np.mean(variances)
            + np.mean(means**2),
            "that is the standard deviation: a variance is its square": values.std(),
            "divide by the number of parts, not by one less": np.mean(variances)
            + np.var(means, ddof=1),
        }  # fmt: skip
        otherwise = f"{said}the variance is {values.var():.3f}, and yours {variance:.3f}"
        _expect(variance, values.var(), faults, said, otherwise)
