"""The scores in outputs/results.json: in words, and as a page with the pictures."""

import json
from html import escape
from pathlib import Path

STYLE = """body { font: 1rem/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto;
  padding: 0 1rem } img { max-width: 100% } td, th { padding: .2rem 1rem .2rem 0;
  text-align: left }"""


def rows(results: dict) -> list[tuple[str, str, str]]:
    """Title, mean and 95 % interval of each score; one that was not measured is left out."""
    found = []
    for score in results["scores"].values():
        if score.get("mean") is not None:
            unit = f" {score['unit']}".rstrip()
            between = [score.get("low"), score.get("high")]
            interval = "" if None in between else " to ".join(map(_number, between)) + unit
            title = score["title"][0].upper() + score["title"][1:]
            found.append((title, _number(score["mean"]) + unit, interval))
    return found


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
