"""One page on a folder of masks: how many, how good, what was warned of, and the worst of them."""

import base64
import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from html import escape
from pathlib import Path
from string import Template

import numpy as np

from lungseg_utils.app.batch import as_jpeg, write_png
from lungseg_utils.app.networks import load_networks, name_networks
from lungseg_utils.app.table import OVERLAYS, Rows
from lungseg_utils.images import read_xray
from lungseg_utils.overlay import draw, outlined, to_grey_picture
from lungseg_utils.predict import Prediction, predict
from lungseg_utils.types import Xray, counted, written_whole

REPORT = "report.html"
WORST, OUTLINE_SIDE = 100, 400  # outlines, and the longer side of each in pixels
BINS, WIDE, TALL, MARGIN = 20, 320, 130, 18  # of a histogram, the rest in pixels
ANY_NUMBER = re.compile(r"\d[\d.]*%?")


def draw_worst(out: Path, count: int, own: Path | None = None) -> None:
    """Draw the outlines of the masks from which least is expected, in the folder overlays."""
    for row, xray, found in _looked_at_again(Rows(out).worst(count), own):
        write_png(out / OVERLAYS / f"{row['target']}.png", draw(xray.image, found))


def _looked_at_again(
    rows: Sequence[dict], own: Path | None
) -> Iterator[tuple[dict, Xray, Prediction]]:
    """Those whose files are still there, and whose masks the same networks made."""
    networks = name_networks(own)
    models = load_networks(own) if any(row["network"] == networks for row in rows) else []
    for row in rows:
        if row["network"] == networks:
            with suppress(Exception):  # a file may cause errors of any kind
                xray = read_xray(Path(row["file"]))
                what = xray.image, xray.spacing_mm, row["threshold"], xray.notes
                yield row, xray, predict(models, *what)


def write_report(out: Path, own: Path | None = None) -> Path:
    """Make the page of what `lungseg predict` left in `out`.

    Raises: FileNotFoundError if there are no rows.
    """
    rows = Rows(out)
    told = _tables(rows)
    worst = [_as_figure(*one) for one in _looked_at_again(rows.worst(WORST), own)]
    told |= {
        "summary": f"{escape(str(out))}, threshold and network as in scores.csv",
        "told": f"{counted(len(worst), 'outline')}, the worst first. One is left out if its file is"
        " gone or another network made the mask.",
        "worst": "".join(worst),
    }
    template = Template((Path(__file__).parent / "report.html").read_text(encoding="utf-8"))
    with written_whole(out / REPORT) as part:
        part.write_text(template.substitute(told), encoding="utf-8", errors="replace")
    return out / REPORT


def _tables(rows: Rows) -> dict[str, str]:
    counts, warnings, errors = Counter(), Counter(), Counter()
    quality, shares, areas = [], [], []
    for row in rows:
        counts["a mask" if row["target"] else "an error" if row["error"] else "no X-ray"] += 1
        if row["error"]:
            before, _, reason = row["error"].rpartition(os.path.basename(row["file"]))
            missing = before.startswith("there is no")
            errors[_kind(("no file" if missing else "a file") + reason)] += 1
        if row["target"]:
            warnings.update({_kind(one) for one in row["warnings"]})
            quality.append(np.nan if row["quality"] is None else row["quality"])
            hundredth = row["height"] * row["width"] / 100
            shares += [lung["px"] / hundredth for lung in row["lungs"]]
            areas += [lung["cm2"] or np.nan for lung in row["lungs"]]
    if not counts:
        raise FileNotFoundError("there are no rows: name the OUT of an earlier lungseg predict")
    none = "<tr><td>none</td></tr>"
    return {
        "title": f"Lungs found in {counted(sum(counts.values()), 'file')}",
        "counts": _table((f"with {kind}", count) for kind, count in counts.most_common()),
        "histograms": histogram("expected Dice", quality)
        + histogram("area of a lung, % of the picture", shares)
        + histogram("area of a lung, cm²", areas),
        "warnings": _table(warnings.most_common()) or none,
        "errors": _table(errors.most_common()) or none,
    }


def _kind(sentence: str) -> str:
    """A sentence without its numbers, so that alike ones are counted together."""
    return ANY_NUMBER.sub("N", sentence)


def _table(rows: Iterable[tuple[str, int]]) -> str:
    return "".join(f"<tr><td>{escape(name)}</td><td>{count:,}</td></tr>" for name, count in rows)


def _as_figure(row: dict, xray: Xray, found: Prediction) -> str:
    picture = outlined(to_grey_picture(xray.image, xray.spacing_mm, OUTLINE_SIDE), found.mask)
    content = base64.b64encode(as_jpeg(picture)).decode()
    expected = "no lung found" if row["quality"] is None else f"expected Dice {row['quality']:.2f}"
    said = escape("; ".join([expected, *row["warnings"]]))
    return (
        f'<figure><img alt="{said}" src="data:image/jpeg;base64,{content}">'
        f"<figcaption>{escape(row['file'])}<br>{said}</figcaption></figure>"
    )


def histogram(name: str, values: Sequence[float]) -> str:
    """A histogram as a figure of HTML; NaNs are counted in its caption."""
    known = np.array([value for value in values if np.isfinite(value)])
    missing = len(values) - len(known)
    told = f"{name}: {counted(len(known), 'value')}" + f", {missing} unknown" * bool(missing)
    if not len(known):
        return f"<figure><figcaption>{told}</figcaption></figure>"
    heights, edges = np.histogram(known, BINS)
    step, scale = WIDE / BINS, (TALL - 2 * MARGIN) / heights.max()
    bars = "".join(
        f'<rect x="{step * number + 1:.1f}" y="{TALL - MARGIN - scale * height:.1f}"'
        f' width="{step - 2:.1f}" height="{scale * height:.1f}"><title>{edges[number]:.3g} to'
        f" {edges[number + 1]:.3g}: {height}</title></rect>"
        for number, height in enumerate(heights)
    )
    line = f'<line x1="0" x2="{WIDE}" y1="{TALL - MARGIN}" y2="{TALL - MARGIN}"/>'
    ends = (
        f'<text x="0" y="{TALL - 4}">{edges[0]:.3g}</text><text x="{WIDE}" y="{TALL - 4}"'
        f' text-anchor="end">{edges[-1]:.3g}</text><text x="0" y="11">{heights.max():,}</text>'
    )
    told = f"{told}, median {np.median(known):.3g}"
    return (
        f'<figure><svg viewBox="0 0 {WIDE} {TALL}" role="img" aria-label="{told}">{bars}{line}'
        f"{ends}</svg><figcaption>{told}</figcaption></figure>"
    )
