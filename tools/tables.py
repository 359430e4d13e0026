"""The benchmarks' files as rows of the tables in README, model card and notebooks."""

import re
from collections.abc import Iterable

import pandas as pd

from lungseg_utils.metrics import SCORES
from lungseg_utils.results import mean_scores

LEAST_DICE = 0.9
OBJECTIVES = "| notebook | after it you can | exercises that test it |"
TIMINGS = "| notebook | to run, EPYC | Xeon | to read | exercises |"
SHOWN = "dice", "iou", "hd95_mm", "assd_mm"


def benchmark_row(content: dict) -> str:
    """The README's line on one benchmarks/laptop_*.json."""
    cells = [content["name"], f"{content['images']['test']} of {content['test_patients']} patients"]
    return _line(*cells, *_scores(content["scores"]), f"{content['seconds']['training']:.0f} s")


def transfer_rows(content: dict) -> list[str]:
    """A line for each real set of benchmarks/transfer.json."""
    return [
        _line(name, f"{one['images']} of {one['patients']} patients", *_scores(one["scores"]))
        for name, one in content["sets"].items()
    ]


def trial_rows(content: dict) -> list[str]:
    """A line for each of transfer_trials.json: Dice on each set, less that of the first one."""
    first, *others = content["trials"]
    lines = [_line(first["name"], *(f"{one['mean']:.3f}" for one in first["dice"].values()))]
    for trial in others:
        changes = [one["mean"] - first["dice"][name]["mean"] for name, one in trial["dice"].items()]
        lines.append(_line(trial["name"], *(f"{change:+.3f}" for change in changes)))
    return lines


def mixing_rows(content: dict) -> list[str]:
    """A line for each count of training images of benchmarks/mixing.json."""
    curve = {(one["count"], one["start"]): one for one in content["curve"]}
    return [
        _line(
            str(gain["count"]),
            _interval(curve[gain["count"], "random"], "dice", ".3f"),
            _interval(curve[gain["count"], "simulated"], "dice", ".3f"),
            _interval(gain, "gain", "+.3f"),
        )
        for gain in content["gains"]
    ]


def crossvalidation_row(content: dict) -> str:
    """The line on one benchmarks/crossvalidate_*.json."""
    dice, *others = _scores(content["scores"])
    images = pd.DataFrame(content["rows"]).groupby("name")["dice"].mean()  # over the seeds
    below = f"{(images < LEAST_DICE).sum()} of {len(images)}"
    median, seconds = f"{content['median_dice']:.4f}", f"{content['training_seconds']:.0f} s"
    return _line(content["recipe"], content["start"], dice, median, below, *others, seconds)


def held_out_sentence(content: dict) -> str:
    """The scores of the weights that ship, which are those of the first fold of
    benchmarks/crossvalidate_shipped_simulated.json.
    """
    rows = [row for row in content["rows"] if row["fold"] == 0]
    dice, far = (
        _interval(one, "mean", form)
        for one, form in zip(
            (mean_scores(rows)[name] for name in ("dice", "hd95_mm")), (".4f", ".1f"), strict=True
        )
    )
    least = min(row["dice"] for row in rows)
    return f"Dice {dice}, the lowest {least:.3f}; HD95 {far} mm."


def subgroup_rows(content: dict) -> list[str]:
    """A line for each subgroup of a benchmarks/crossvalidate_*.json."""
    names = {"label 0": "normal", "label 1": "tuberculosis", "sex F": "women", "sex M": "men",
             "sex O": "other sex", "age_40_or_more False": "younger than 40 years",
             "age_40_or_more True": "40 years or older",
             "under_18 True": "younger than 18 years",
             "under_18 False": "18 years or older"}  # fmt: skip
    return [
        _line(names[f"{column} {group}"], str(one["n"]), _interval(one, "mean", ".4f"))
        for column, groups in content["dice_by"].items()
        for group, one in groups.items()
    ]


def article_rows(content: dict) -> list[str]:
    """A line for each network on each split of benchmarks/article.json."""
    lines = []
    for title, split in content["splits"].items():
        for name, one in split["networks"].items():
            ours, theirs = ([_form(side, score) for score in ("dice", "hd95_mm", "assd_mm")]
                            for side in (one["ours"], one["article"]))  # fmt: skip
            better = f"{one['better_on']} of {one['images']}"
            lines.append(_line(f"{title} ({split['training_images']})", name, *ours, better))
    return [_line("the article's predictions", "", *theirs, ""), *lines]


def external_rows(content: dict) -> list[str]:
    """A line for each set and network of benchmarks/external.json."""
    return [
        _line(weights, name, str(one["images"]), *_scores(one["scores"]))
        for weights, sets in content["weights"].items()
        for name, one in sets.items()
    ]


def across_rows(content: dict) -> list[str]:
    """A line for each set of benchmarks/across.json."""
    start = f"course, trained on {content['trained_on']}"
    return [
        _line(start, name, str(one["images"]), *_scores(one["scores"]))
        for name, one in content["sets"].items()
    ]


def time_rows(content: dict) -> list[str]:
    """A line for each target of benchmarks/time_to_dice.json."""
    course, article = content["course"], content["article"]["seconds_to"]
    return [
        _line(
            target,
            *(_seconds(course[name]["seconds_to"][target]) for name in ("random", "simulated")),
            _seconds(article[target]),
            *(_times(content["times_sooner"][name][target]) for name in ("random", "simulated")),
        )
        for target in article
    ]


def inference_rows(content: dict) -> list[str]:
    """A line for each engine of benchmarks/inference.json, in milliseconds."""
    stages = ("read", "resize", "network", "resize_back", "whole")
    return [
        _line(name, *(f"{1000 * one[stage]:.0f}" for stage in stages),
              f"{one['least_dice_with_keras']:.4f}")
        for name, one in content["warm"].items()
    ]  # fmt: skip


def quality_sentences(content: dict) -> dict[str, str]:
    """What is said of benchmarks/quality.json: how good the warning is, with all pictures and with
    those as they are; the order it puts them in; and which way up they are.
    """

    def share(one, name):
        part = one[name]
        low, high = (round(100 * part[end]) for end in ("low", "high"))
        return f"{part['share']:.0%} of the {part['of']} {{}} ({low} to {high} %)"

    def hints(one):
        return sum(count for said, count in one["warnings"].items() if "it looks" in said)

    whole, plain = content["together"]["all"], content["together"]["unspoilt"]
    caught, found = (
        share(one, "caught").format("with a Dice below 0.95") for one in (whole, plain)
    )
    jsrt = content["sets"]["JSRT"]["unspoilt"]["caught"]
    accused, doubted = (share(one, "accused").format("above 0.97") for one in (whole, plain))
    risks = [
        f"{one['mean_risk']['surest_first']:.3f} against {one['mean_risk']['best']:.3f} "
        f"({title}; {one['mean_risk']['random']:.3f} in random order)"
        for title, one in zip(("Montgomery", "JSRT"), content["sets"].values(), strict=True)
    ]
    changes = content["together"]["changes"]
    turned = [changes[way] for way in ("upside down", "on its side", "inverted")]
    right, wrong = changes["as it is"], hints(changes["as it is"])
    faint = changes["too faint"]
    return {
        "warning": f"Of {whole['images']} real X-rays, {whole['images'] - plain['images']} of them "
        f"spoilt on purpose, it caught {caught} and wrongly doubted {accused}. Of the "
        f"{plain['images']} that were not spoilt, it caught {found}, on JSRT alone "
        f"{round(jsrt['share'] * jsrt['of'])} of {jsrt['of']}, and doubted {doubted}",
        "risk": f"{risks[0]} and {risks[1]}",
        "turned": f"On {right['images']} real X-rays, unspoilt, it gave {wrong or 'no'} wrong "
        f"{'hint' if wrong == 1 else 'hints'} of rotation or inversion, and it noticed "
        f"{sum(map(hints, turned))} of the "
        f"{sum(one['images'] for one in turned)} that had been turned upside down, laid on their "
        f"side or inverted. On {faint['images']} made too faint it gave {hints(faint)} wrong hints",
    }


def cluster_sentences(content: dict) -> list[str]:
    """What USING.md says of cluster.json."""
    rate, busy = content["rates"]["files_a_second"], content["rates"]["cores_busy"]
    kills, killed = content["kills"], content["kills"]["killed"]
    few, many = content["curve"][1], content["curve"][-1]
    least, most = few["most_memory_mb"], many["most_memory_mb"]
    each = 1000 * (many["scheduler_cpu_seconds"] - few["scheduler_cpu_seconds"])
    each /= many["shards"] - few["shards"]
    same = "the same table as" if kills["same_table"] else "another table than"
    return [
        f"one worker takes {rate['1']:.1f} files of 512 pixels a second and keeps {busy['1']:.1f} "
        f"cores busy, since it reads and writes while the network looks; two take {rate['2']:.1f} "
        f"and keep {busy['2']:.1f} busy.",
        "With a stand-in for the networks, "
        f"{kills['files']:,} files, {kills['errors']} of them with errors, left {same} an "
        f"undisturbed run after {killed['workers']} workers and {killed['commands']} commands had "
        "been killed on the way.",
        f"From {few['files']:,} to {many['files']:,} files the memory of the command rose from "
        f"{least['client']:.0f} to {most['client']:.0f} MB and that of the scheduler from "
        f"{least['scheduler']:.0f} to {most['scheduler']:.0f} MB; the scheduler spent "
        f"{each:.0f} ms on a shard.",
        f"So an hour of such a computer is enough for {3600 * rate['2']:,.0f} files; "
        f"a million take {1e6 / rate['2'] / 3600:.0f} hours, and a hundred million "
        f"{1e8 / rate['2'] / 3600:,.0f}.",
    ]


def cluster_rows(content: dict) -> list[str]:
    """What notebook 09 shows of cluster.json."""
    rate, busy = content["rates"]["files_a_second"], content["rates"]["cores_busy"]
    few, many, kills = content["curve"][1], content["curve"][-1], content["kills"]
    memory = [one["most_memory_mb"] for one in (few, many)]
    killed = f"{kills['killed']['workers']} workers and {kills['killed']['commands']} commands"
    counts = f"{few['files']:,} and {many['files']:,} files, networks replaced by a stand-in"
    command, scheduler = ([one[name] for one in memory] for name in ("client", "scheduler"))
    hours = [f"{count / rate['2'] / 3600:,.0f}" for count in (1e6, 1e8)]
    return [
        _line("files of 512 pixels a second, one worker and two", _pair(rate.values(), ".1f")),
        _line("processor cores they keep busy", _pair(busy.values(), ".1f")),
        _line("files an hour, two workers", f"{3600 * rate['2']:,.0f}"),
        _line("hours for a million files, and for a hundred million", " and ".join(hours)),
        _line(f"memory of the command, {counts}", _pair(command, ".0f", "MB")),
        _line("memory of the scheduler, likewise", _pair(scheduler, ".0f", "MB")),
        _line(f"table of {kills['files']:,} files, likewise, after {killed} were killed",
              "the same" if kills["same_table"] else "another"),
    ]  # fmt: skip


def _pair(values: Iterable[float], form: str, unit: str = "") -> str:
    return f"{' and '.join(format(one, form) for one in values)} {unit}".rstrip()


def machine_rows(content: dict) -> list[str]:
    """A line for each way of benchmarks/machines.json: whether it works, and what happened."""
    lines = []
    for row in content["rows"]:
        what = f"stops with `{row['said']}`" if "Error: " in row["said"] else row["said"]
        if row["works"]:
            what = f"no weight is more than {row['largest_difference']:.0e} from one process's"
        if "killed" in row["way"]:
            what = f"{row['seconds']:.0f} s later the other one {what}; both have to start again"
        lines.append(_line(row["way"], "yes" if row["works"] else "no", what))
    return lines


def recipe_trial_row(row: dict[str, str]) -> str:
    """The line on one row of benchmarks/trials.csv."""
    cells = (row[column] for column in ("dice", "hd95_mm", "assd_mm", "seconds"))
    return _line(f"*{row['trial']}*", *cells)


def search_rows(rows: list[dict[str, str]]) -> list[str]:
    """A line for each row of benchmarks/trials.csv that has three seeds."""
    return [
        _line(
            f"*{row['trial']}*",
            row["dice"],
            f"{row['gain']} ({row['low']} to {row['high']})" if row["gain"] else "",
            row["hd95_mm"],
            row["assd_mm"],
        )
        for row in rows
        if row["seeds"] == "3"
    ]


def objective_rows() -> list[str]:
    """A line for each objective of each notebook: the exercises that test it."""
    from lungseg_utils.teaching.exercises import NOTEBOOKS, exercises_of

    lines = []
    for number, notebook in enumerate(NOTEBOOKS):
        objectives: dict[str, list[str]] = {}
        for one in exercises_of(notebook):
            objectives.setdefault(one.objective, []).append(f"`{one.name}`")
        lines += [_line(f"{number:02d}", text, ", ".join(names))
                  for text, names in objectives.items()]  # fmt: skip
    return lines


def timing_rows(rows: dict, slower: dict) -> list[str]:
    """A line for each notebook of `timings.read()`, and its seconds in `timings.slower()`."""
    other = {name: f"{seconds} s" for name, seconds in slower.items()}
    return [
        _line(name.replace("_", " "), f"{one['run_seconds']} s", other.get(name, "not timed"),
              f"{one['reading_minutes']} min",
              f"{one['exercises']}, {one['exercise_minutes']} min")
        for name, one in rows.items()
    ]  # fmt: skip


def replace_rows(text: str, header: str, rows: list[str]) -> str:
    """The page with other rows in the table whose header line is `header`.

    Raises: ValueError if there is no such table.
    """
    table = re.compile(rf"(^{re.escape(header)}\n\|[-|: ]+\n)(?:^\|.*\n)*", re.M)
    if not table.search(text):
        raise ValueError(f"the page has no table with the header {header}")
    return table.sub(lambda found: found[1] + "".join(f"{row}\n" for row in rows), text)


def _seconds(value: float | None) -> str:
    return "not reached" if value is None else f"{value:.0f} s"


def _times(value: float | None) -> str:
    return "" if value is None else f"{value:.0f}"


def _form(scores: dict, name: str) -> str:
    return format(scores[name], _digits(name))


def _scores(scores: dict) -> list[str]:
    return [_interval(scores[name], "mean", _digits(name)) for name in SHOWN]


def _digits(name: str) -> str:
    # methods differ in the fourth digit of a Dice, and in none of a distance
    return f".{SCORES[name].digits + (SCORES[name].unit == '')}f"


def _interval(score: dict, name: str, form: str) -> str:
    mean, low, high = (format(score[key], form) for key in (name, "low", "high"))
    return f"{mean} ({low} to {high})"


def _line(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"
