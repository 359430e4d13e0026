"""X-rays by the thousand, from files to masks, pictures and a table.

While the networks look at one X-ray, the next is read and the last is written, each by a thread of
its own; no more than these three are in memory.
"""

import contextlib
import csv
import json
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import keras
import numpy as np
from PIL import Image as Pillow

from lungseg_utils.app.jobs import Job, find_jobs, without_formula
from lungseg_utils.images import read_xray
from lungseg_utils.overlay import draw
from lungseg_utils.predict import Prediction, predict
from lungseg_utils.types import Xray, written_whole

MASKS, OVERLAYS, ROWS, TABLE = "masks", "overlays", "scores.jsonl", "scores.csv"
LUNG_COLUMNS = {"left": "image_left_patient_right", "right": "image_right_patient_left"}
TABLE_COLUMNS = (
    "file", "error", "warnings", "confidence",
    *(f"{lung}_{unit}" for lung in LUNG_COLUMNS.values() for unit in ("px", "cm2")),
    "height", "width", "row_mm", "column_mm", "threshold", "network", "target",
)  # fmt: skip


class Settings(NamedTuple):
    """What every mask of a run depends on: the threshold, and the networks by name and version."""

    threshold: float
    network: str


def open_table(paths: Sequence[Path], out: Path, settings: Settings) -> tuple[list[Job], int, int]:
    """Make `out`, or go on with it, and see what is left to do for these files and folders.

    Returns: the jobs that have no row and mask in `out` from these settings; how many have; how
        many files are no X-rays by name or content.
    """
    out.mkdir(parents=True, exist_ok=True)
    kept = {row["file"]: row for row in _rows(out) if not row["error"]}
    ours = out, out / MASKS, out / OVERLAYS
    jobs, left_out = find_jobs(paths, ours, {name: row["target"] for name, row in kept.items()})
    left = [job for job in jobs if not _finished(job, kept.get(job.name), out, settings)]
    for job in left:
        kept.pop(job.name, None)
    with written_whole(out / ROWS) as part:
        part.write_text("".join(json.dumps(row) + "\n" for row in kept.values()))
    return left, len(jobs) - len(left), left_out


def predict_files(
    jobs: Sequence[Job], models: Sequence[keras.Model], out: Path, settings: Settings
) -> Iterator[dict]:
    """Look at the X-rays in turn; yields each one's row once its mask and picture stand in `out`.

    The mask is cut from the first network's own answer; the others tell how far to trust it. A file
    that cannot be read has a row with its `error`, and the next one follows.
    Raises: OSError if `out` cannot be written, which no other file would change.
    """
    pending: Future | None = None
    with ThreadPoolExecutor(1) as reader, ThreadPoolExecutor(1) as writer:
        for job, xray in _read_ahead(jobs, reader):
            found = None
            if isinstance(xray, Xray):
                found = predict(
                    models, xray.image, xray.spacing_mm, False, settings.threshold, xray.notes
                )
            if pending:
                yield pending.result()
            pending = writer.submit(_write, job, xray, found, out, settings)
        if pending:
            yield pending.result()


def close_table(out: Path) -> None:
    """Write scores.csv from scores.jsonl: a row a file, the areas of each lung in columns."""
    # a name that is no Unicode keeps its bytes
    how = {"mode": "w", "newline": "", "encoding": "utf-8", "errors": "surrogateescape"}
    with written_whole(out / TABLE) as part, part.open(**how) as file:
        table = csv.DictWriter(file, TABLE_COLUMNS)
        table.writeheader()
        table.writerows(map(_flat, _rows(out)))


def _rows(out: Path) -> Iterator[dict]:
    """Rows of scores.jsonl, the last one of each file; a line that was cut off is left out."""
    found = {}
    with contextlib.suppress(FileNotFoundError), (out / ROWS).open(encoding="utf-8") as file:
        for line in file:
            with contextlib.suppress(ValueError, KeyError, TypeError):
                row = json.loads(line)
                found[row["file"]] = row
    yield from found.values()


def _finished(job: Job, row: dict | None, out: Path, settings: Settings) -> bool:
    if not row or not settings._asdict().items() <= row.items():
        return False
    with contextlib.suppress(OSError):
        made = (out / MASKS / f"{job.target}.png").stat().st_mtime
        return made >= job.path.stat().st_mtime
    return False


def _read_ahead(
    jobs: Sequence[Job], reader: ThreadPoolExecutor
) -> Iterator[tuple[Job, Xray | str]]:
    coming = reader.submit(_read, jobs[0].path) if jobs else None
    for place, job in enumerate(jobs, start=1):
        xray = coming.result()
        coming = reader.submit(_read, jobs[place].path) if place < len(jobs) else None
        yield job, xray


def _read(path: Path) -> Xray | str:
    """The X-ray, or one line on why there is none."""
    try:
        if path.is_dir():
            return f"{path} cannot be opened: check its permissions"
        return read_xray(path)
    except MemoryError:
        return f"{path} does not fit into memory: export it smaller"
    except OSError as error:
        return f"{path}: {error.strerror}" if error.strerror else str(error)
    except ValueError as error:
        return str(error)


def _write(
    job: Job, xray: Xray | str, found: Prediction | None, out: Path, settings: Settings
) -> dict:
    row = {"file": job.name, "error": "", "target": "", **settings._asdict()}
    if found is None:
        row["error"] = xray
    else:
        row |= {"target": job.target, **_facts(found)}
        _write_png(out / MASKS / f"{job.target}.png", found.mask)
        _write_png(out / OVERLAYS / f"{job.target}.png", draw(xray.image, found))
    with (out / ROWS).open("a", encoding="utf-8") as file:
        file.write(json.dumps(row) + "\n")
    return row


def _facts(found: Prediction) -> dict:
    height, width = found.shape
    return {
        "warnings": list(found.warnings),
        "confidence": round(found.confidence, 4),
        "lungs": [
            {"image_side": area.side, "patient_side": area.patient_side, "px": area.pixels,
             "cm2": area.cm2 and round(area.cm2, 2)}
            for area in found.areas
        ],
        "height": height,
        "width": width,
        "spacing_mm": found.spacing_mm,
    }  # fmt: skip


def _flat(row: dict) -> dict:
    """A row of scores.jsonl as one of scores.csv."""
    flat = {key: row.get(key, "") for key in TABLE_COLUMNS}
    flat["warnings"] = "; ".join(row.get("warnings", ()))
    flat["row_mm"], flat["column_mm"] = row.get("spacing_mm") or ("", "")
    for lung in row.get("lungs", ()):
        for unit in ("px", "cm2"):
            flat[f"{LUNG_COLUMNS[lung['image_side']]}_{unit}"] = lung[unit]
    return {key: without_formula(value) for key, value in flat.items()}


def _write_png(path: Path, pixels: np.ndarray) -> None:
    """A bool mask becomes a PNG of 1 bit."""
    with written_whole(path) as part:
        Pillow.fromarray(pixels).save(part, compress_level=1)
