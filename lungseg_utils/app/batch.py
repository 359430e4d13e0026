"""X-rays by the thousand, from files to masks, pictures and a table.

While the networks look at one X-ray, the next is read and the last is written, each by a thread of
its own; no more than these three are in memory.
"""

import contextlib
import csv
import errno
import json
import os
import re
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import chain, pairwise
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np

from lungseg_utils.app.jobs import ROWS, Job, find_jobs, without_formula
from lungseg_utils.images import read_xray
from lungseg_utils.overlay import draw
from lungseg_utils.predict import Network, Prediction, predict
from lungseg_utils.types import DataError, NotAnXray, Xray, written_whole

MASKS, OVERLAYS, TABLE = "masks", "overlays", "scores.csv"
LUNG_COLUMNS = {"left": "image_left_patient_right", "right": "image_right_patient_left"}
TABLE_COLUMNS = (
    "file", "error", "warnings", "quality",
    *(f"{lung}_{unit}" for lung in LUNG_COLUMNS.values() for unit in ("px", "cm2")),
    "height", "width", "row_mm", "column_mm", "threshold", "network", "target",
)  # fmt: skip
READ = "cannot be read{}: export it again"
SEEN = "cannot be processed{}: export it again"
WRITTEN = "has a mask that cannot be written{}: rename the file"
# of the disk that is written to, where no other file would fare better
FATAL = {errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EROFS, errno.EIO}
NOT_UTF8 = re.compile("[\ud800-\udc7f\udd00-\udfff]")  # the rest stands for a byte of a name


class Settings(NamedTuple):
    """What every mask of a run depends on: the threshold, and the networks by name and version."""

    threshold: float
    network: str


class Plan(NamedTuple):
    """What is left to do; how many files are done, of no known kind, and known to be no X-rays."""

    jobs: list[Job]
    finished: int
    unknown: int
    left_out: int


def open_table(paths: Sequence[Path], out: Path, settings: Settings) -> Plan:
    """Make `out`, or go on with it, and see what is left to do for these files and folders: the
    jobs that have no row and mask in `out`, of this version of the file and from these settings.
    """
    ours = out, out / MASKS, out / OVERLAYS
    for folder in ours:
        folder.mkdir(parents=True, exist_ok=True)
    kept = {row["file"]: row for row in _rows(out) if not row["error"]}
    jobs, unknown = find_jobs(paths, ours, {name: row["target"] for name, row in kept.items()})
    left = [job for job in jobs if not _finished(job, kept.get(job.name), out, settings)]
    for job in left:
        kept.pop(job.name, None)
    with written_whole(out / ROWS) as part:
        part.write_text("".join(json.dumps(row) + "\n" for row in kept.values()))
    left_out = sum("left_out" in kept.get(job.name, ()) for job in jobs)
    return Plan(left, len(jobs) - len(left) - left_out, unknown, left_out)


def predict_files(
    jobs: Sequence[Job], models: Sequence[Network], out: Path, settings: Settings
) -> Iterator[dict]:
    """Look at the X-rays in turn; yields each one's row once its mask and picture stand in `out`.

    The mask is cut from the first network's own answer; the others tell how far to trust it. A file
    that fails, in whatever way, has a row with its `error`, and one of a folder that holds no X-ray
    is `left_out`.
    Raises: OSError if `out` cannot be written, which no other file would change.
    """
    pending: Future | None = None
    with ThreadPoolExecutor(1) as reader, ThreadPoolExecutor(1) as writer:
        coming = (reader.submit(_read, job.path) for job in jobs)  # asked for one ahead, no more
        for job, (first, _) in zip(jobs, pairwise(chain(coming, [None])), strict=True):
            stamp, xray = first.result()
            seen = _tried(job.path, SEEN, _ask, xray, models, settings)
            if pending:
                yield pending.result()
            pending = writer.submit(_write, job, stamp, seen, out, settings)
            del xray, seen  # so that they leave memory when the writer is done
        if pending:
            yield pending.result()


def close_table(out: Path) -> None:
    """Write scores.csv from scores.jsonl: a row a file, the areas of each lung in columns."""
    rows = [_flat(row) for row in _rows(out) if "left_out" not in row]
    how = {"newline": "", "encoding": "utf-8", "errors": "surrogateescape"}  # of odd names
    with written_whole(out / TABLE) as part, part.open("w", **how) as file:
        table = csv.DictWriter(file, TABLE_COLUMNS, lineterminator="\n")
        table.writeheader()
        table.writerows(rows)


def _rows(out: Path) -> Iterator[dict]:
    """Rows of scores.jsonl, the last one of each file; one that was damaged is left out."""
    found = {}
    with contextlib.suppress(FileNotFoundError), (out / ROWS).open("rb") as file:
        for line in file:
            with contextlib.suppress(ValueError, LookupError, TypeError, RecursionError):
                row = json.loads(line)
                _flat(row)
                if not {"..", os.sep} & set(Path(row["target"]).parts):
                    found[row["file"]] = row
    yield from found.values()


def _finished(job: Job, row: dict | None, out: Path, settings: Settings) -> bool:
    stamp = _stamp(job.path)
    if not row or not stamp or not stamp.items() <= row.items():
        return False
    if "left_out" in row:
        return not job.named
    made = os.path.isfile(out / MASKS / f"{job.target}.png")
    return made and settings._asdict().items() <= row.items()


def _stamp(path: Path) -> dict[str, int]:
    """What tells a file from another version of it; nothing where it cannot be seen."""
    # that it is newer than its mask would not do: clocks differ, and copies keep their dates
    with contextlib.suppress(OSError, ValueError):
        found = path.stat()
        return {"bytes": found.st_size, "modified": found.st_mtime_ns}
    return {}


def _read(path: Path) -> tuple[dict, Xray | DataError]:
    stamp = _stamp(path)  # first: what changes while it is read is read again
    if os.path.isdir(path):
        return stamp, DataError(_sentence(PermissionError(), path, READ))
    return stamp, _tried(path, READ, read_xray, path)


def _tried(path: Path, says: str, step: Callable, *given: Any) -> Any:
    """What a step gives, or a DataError of this file, which may be that of the step before.

    Raises: OSError if it is not the file's.
    """
    if isinstance(given[0], DataError):
        return given[0]
    try:
        return step(*given)
    except DataError as error:
        return error
    except Exception as error:  # a file may cause errors of any kind
        if says is WRITTEN and getattr(error, "errno", None) in FATAL:
            raise
        return DataError(_sentence(error, path, says))


def _sentence(error: Exception, path: Path, says: str) -> str:
    if isinstance(error, MemoryError):
        return f"{path} does not fit into memory: export it smaller"
    if says is READ and isinstance(error, FileNotFoundError):
        return f"there is no file {path}: check the path"
    if says is READ and isinstance(error, PermissionError):
        return f"{path} cannot be opened: check its permissions"
    reason = getattr(error, "strerror", None)
    return f"{path} {says.format(f' ({reason})' if reason else '')}"


def _ask(xray: Xray, models: Sequence[Network], settings: Settings) -> tuple[Xray, Prediction]:
    return xray, predict(models, xray.image, xray.spacing_mm, settings.threshold, xray.notes)


def _write(
    job: Job, stamp: dict, seen: tuple[Xray, Prediction] | DataError, out: Path, settings: Settings
) -> dict:
    row = {"file": job.name, "error": "", "target": "", **settings._asdict(), **stamp}
    made = _tried(job.path, SEEN, _draw_both, seen)
    facts = _tried(job.path, WRITTEN, _keep, made, out, job.target)
    if not isinstance(facts, DataError):
        row |= {"target": job.target, **facts}
    else:
        left_out = isinstance(facts, NotAnXray) and not job.named
        row["left_out" if left_out else "error"] = str(facts)
    with (out / ROWS).open("a", encoding="utf-8") as file:
        file.write(json.dumps(row) + "\n")
    return row


def _draw_both(seen: tuple[Xray, Prediction]) -> tuple[dict, np.ndarray, np.ndarray]:
    xray, found = seen
    return _facts(found), found.mask, draw(xray.image, found)


def _keep(made: tuple[dict, np.ndarray, np.ndarray], out: Path, target: str) -> dict:
    facts, *pictures = made
    for folder, pixels in zip((MASKS, OVERLAYS), pictures, strict=True):
        _write_png(out / folder / f"{target}.png", pixels)
    return facts


def _facts(found: Prediction) -> dict:
    height, width = found.shape
    return {
        "warnings": list(found.warnings),
        "quality": found.quality and round(found.quality, 4),
        "lungs": [
            {"image_side": area.side, "patient_side": area.patient_side, "px": area.pixels,
             "cm2": area.cm2 and round(area.cm2, 2)}
            for area in found.areas
        ],
        "height": height, "width": width, "spacing_mm": found.spacing_mm,
    }  # fmt: skip


def _flat(row: dict) -> dict:
    """A row of scores.jsonl as one of scores.csv.

    Raises: an error of any kind where the row is not whole.
    """
    given = "file", "error", "target", *Settings._fields
    flat = dict.fromkeys(TABLE_COLUMNS, "") | {key: row[key] for key in given}
    if not row["error"] and "left_out" not in row:
        flat |= {key: row[key] for key in ("quality", "height", "width")}
        flat["warnings"] = "; ".join(row["warnings"])
        flat["row_mm"], flat["column_mm"] = row["spacing_mm"] or ("", "")
        for lung in row["lungs"]:
            for unit in ("px", "cm2"):
                flat[f"{LUNG_COLUMNS[lung['image_side']]}_{unit}"] = lung[unit]
    return {
        key: without_formula(NOT_UTF8.sub("?", value)) if isinstance(value, str) else value
        for key, value in flat.items()
    }


def _write_png(path: Path, pixels: np.ndarray) -> None:
    with written_whole(path) as part:
        part.write_bytes(as_png(pixels))


def as_png(pixels: np.ndarray) -> bytes:
    """RGB, uint8, as the content of a PNG file; a bool mask becomes one of 1 bit."""
    is_mask = pixels.dtype == bool
    shown = pixels.view(np.uint8) if is_mask else pixels[..., ::-1]
    # in the place of a filter sought for each row, which takes longer than all the rest
    one_filter = cv2.IMWRITE_PNG_STRATEGY, cv2.IMWRITE_PNG_STRATEGY_DEFAULT
    settings = *one_filter, cv2.IMWRITE_PNG_BILEVEL, int(is_mask)
    return cv2.imencode(".png", shown, settings)[1].tobytes()
