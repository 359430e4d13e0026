"""The scores in outputs/results.json: in words, and as a page with the pictures."""

import json
from collections.abc import Sequence
from html import escape
from pathlib import Path

SCORES = {
    "dice": "Dice",
    "iou": "IoU",
    "precision": "Precision",
    "recall": "Recall",
    "hd95_mm": "HD95",
    "assd_mm": "ASSD",
    "nsd_2mm": "NSD at 2 mm",
}
FORMS = {"dice": ".4f", "iou": ".4f", "hd95_mm": ".1f", "assd_mm": ".2f"}
STYLE = """body { font: 1rem/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto;
  padding: 0 1rem } img { max-width: 100% } td, th { padding: .2rem 1rem .2rem 0;
  text-align: left }"""


def rows(results: dict) -> list[tuple[str, str, str]]:
    """Title, mean and 95 % interval of each score; one that was not measured is left out."""
    found = []
    for name, title in SCORES.items():
        score = results["scores"].get(name) or {}
        if score.get("mean") is not None:
            unit = " mm" if name.endswith("_mm") else ""
            between = [score.get("low"), score.get("high")]
            interval = "" if None in between else " to ".join(map(_number, between)) + unit
            found.append((title, _number(score["mean"]) + unit, interval))
    return found


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
    seconds = f"{content['training_seconds']:.0f} s"
    return _line(content["recipe"], content["start"], *_scores(content["scores"]), seconds)


def label_rows(content: dict) -> list[str]:
    """A line for normal and one for abnormal images of a benchmarks/crossvalidate_*.json."""
    names = {"0": "normal", "1": "tuberculosis"}
    return [
        _line(names[label], str(one["n"]), _interval(one, "mean", ".4f"))
        for label, one in content["dice_by_label"].items()
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
    return [_line("the article's", "the article's", *theirs, ""), *lines]


def external_rows(content: dict) -> list[str]:
    """A line for each set and network of benchmarks/external.json."""
    return [
        _line(weights, name, str(one["images"]), *_scores(one["scores"]))
        for weights, sets in content["weights"].items()
        for name, one in sets.items()
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


def recipe_trial_rows(table: list[dict], names: Sequence[str]) -> list[str]:
    """A line for each named row of benchmarks/trials.csv."""
    found = {row["trial"]: row for row in table}
    columns = ("dice", "hd95_mm", "assd_mm", "seconds")
    return [_line(name, *(found[name][column] for column in columns)) for name in names]


def _seconds(value: float | None) -> str:
    return "not reached" if value is None else f"{value:.0f} s"


def _times(value: float | None) -> str:
    return "" if value is None else f"{value:.0f}"


def _form(scores: dict, name: str) -> str:
    return format(scores[name], FORMS[name])


def _scores(scores: dict) -> list[str]:
    return [_interval(scores[name], "mean", form) for name, form in FORMS.items()]


def _interval(score: dict, name: str, form: str) -> str:
    mean, low, high = (format(score[key], form) for key in (name, "low", "high"))
    return f"{mean} ({low} to {high})"


def _line(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def tested(results: dict) -> str:
    """What the scores were measured on: 'on 28 test images of 27 patients'."""
    return f"on {results['test_images']} test images of {results['test_patients']} patients"


def headlines(results: dict) -> list[str]:
    """The scores in words, one line each."""
    lines = [
        f"{title} {mean}" + (f" (95 % interval {interval})" if interval else "")
        for title, mean, interval in rows(results)
    ]
    lines[:1] = [f"{first} {tested(results)}" for first in lines[:1]]
    return lines


def write_page(home: Path, notebooks: list[Path]) -> Path:
    """Write home/index.html: the scores, the pictures in home, and links to the notebooks."""
    parts = ["<h1>The lungs in chest X-rays: what this run gave</h1>"]
    path = home / "results.json"
    if path.exists():
        parts.append(_table(json.loads(path.read_text(encoding="utf-8"))))
    parts += [
        f'<p><img src="{escape(picture.name)}" alt="Results: {escape(picture.stem)}"></p>'
        for picture in sorted(home.glob("*.png"))
    ]
    parts += ["<h2>The notebooks, as they ran</h2><ol start=0>"]
    parts += [
        f'<li><a href="notebooks/{one.stem}.html">{one.stem[3:].replace("_", " ")}</a></li>'
        for one in notebooks
    ]
    page = home / "index.html"
    page.write_text(
        "<!doctype html>\n<html lang=en><meta charset=utf-8><title>lungseg: results"
        f"</title>\n<style>{STYLE}</style>\n" + "\n".join([*parts, "</ol></html>\n"]),
        encoding="utf-8",
    )
    return page


def _number(value: float | str) -> str:
    return f"{float(value):.3f}"  # an infinite distance is kept as the text "inf"


def _table(results: dict) -> str:
    body = "\n".join(
        f"<tr><td>{title}<td>{mean}<td>{interval}" for title, mean, interval in rows(results)
    )
    data, scale = escape(str(results.get("data"))), escape(str(results.get("scale")))
    return (
        f"<p>Measured {tested(results)}. Data: {data}. Size of run: {scale}.</p>\n"
        f"<table><tr><th>Score<th>Mean<th>95 % interval\n{body}</table>"
    )
