"""X-rays by the thousand, from files to masks, pictures and a table.

While the networks look at one X-ray, the next is read and the last is written, each by a thread of
its own; no more than these three are in memory.
"""

import contextlib
import errno
import json
import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import chain, pairwise, tee
from pathlib import Path
from typing import Any, NamedTuple, TextIO

import cv2
import numpy as np

from lungseg_utils.app.jobs import Job, Jobs, find_jobs
from lungseg_utils.app.runs import to_runs
from lungseg_utils.app.table import MASKS, OVERLAYS, ROWS, SHARDS, Rows, Settings
from lungseg_utils.images import read_xray
from lungseg_utils.overlay import draw
from lungseg_utils.predict import Network, Prediction, predict
from lungseg_utils.types import DataError, NotAnXray, Xray, written_whole

READ = "cannot be read{}: export it again"
SEEN = "cannot be processed{}: export it again"
WRITTEN = "has a mask that cannot be written{}: rename the file"
LONGEST_WRITE = 3600  # seconds
# of the disk that is written to, where no other file would fare better
FATAL = {errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EROFS, errno.EIO}


class Kept(NamedTuple):
    """What is kept beside the rows: `masks` as png files, as rle in the rows, or none; and whether
    a picture of each outline.
    """

    masks: str = "png"
    overlays: bool = True


EVERYTHING = Kept()


class Plan(NamedTuple):
    """What is left to do; how many files are done, of no known kind, and known to be no X-rays."""

    jobs: Jobs
    finished: int
    unknown: int
    left_out: int


def open_table(
    paths: Sequence[Path],
    out: Path,
    settings: Settings,
    kept: Kept = EVERYTHING,
) -> Plan:
    """Make `out`, or go on with it, and see what is left to do for what `find_jobs` finds: the
    jobs that have no row and mask in `out`, of this version of the file and from these settings.
    """
    ours = out, out / MASKS, out / OVERLAYS, out / SHARDS
    for folder in ours[:3]:
        folder.mkdir(parents=True, exist_ok=True)
        for part in folder.glob(".part-*"):  # of `written_whole`, by a command that was killed
            with contextlib.suppress(OSError):
                if time.time() - part.stat().st_mtime > LONGEST_WRITE:
                    part.unlink()
    rows, finished, left_out = Rows(out), 0, 0
    for file in [row["file"] for row in rows if row["error"]]:
        rows.drop(file)
    found, unknown = find_jobs(paths, ours, rows)

    def left() -> Iterator[Job]:
        nonlocal finished, left_out
        for job in found:
            row = rows.get(job.name)
            if not _finished(job, row, out, settings, kept):
                yield job
            elif "left_out" in row:
                left_out += 1
            else:
                finished += 1

    jobs = Jobs(left())
    for job in jobs:
        rows.drop(job.name)
    rows.write(out)
    return Plan(jobs, finished, unknown, left_out)


def predict_files(
    jobs: Iterable[Job],
    models: Sequence[Network],
    out: Path,
    settings: Settings,
    kept: Kept = EVERYTHING,
    ledger: Path | None = None,
) -> Iterator[dict]:
    """Look at the X-rays in turn; yields each one's row once its mask and picture stand in `out`
    and the row in `ledger`, which is scores.jsonl unless given.

    The mask is cut from the first network's own answer; the others tell how far to trust it. A file
    that fails, in whatever way, has a row with its `error`, and one of a folder that holds no X-ray
    is `left_out`.
    Raises: OSError if `out` cannot be written, which no other file would change.
    """
    pending: Future | None = None
    jobs, ahead = tee(jobs)
    with (
        ThreadPoolExecutor(1) as reader,
        ThreadPoolExecutor(1) as writer,
        (ledger or out / ROWS).open("a", encoding="utf-8") as file,
    ):
        coming = (reader.submit(_read, job.path) for job in ahead)  # asked for one ahead, no more
        for job, (first, _) in zip(jobs, pairwise(chain(coming, [None])), strict=True):
            stamp, xray = first.result()
            seen = _tried(job.path, SEEN, _ask, xray, models, settings)
            if pending:
                yield pending.result()
            row = {"file": job.name, "error": "", "target": "", **settings._asdict(), **stamp}
            pending = writer.submit(_write, job, row, seen, out, kept, file)
            del xray, seen  # so that they leave memory when the writer is done
        if pending:
            yield pending.result()


def _finished(job: Job, row: dict | None, out: Path, settings: Settings, kept: Kept) -> bool:
    stamp = stamp_of(job.path)
    if not row or not stamp or not stamp.items() <= row.items():
        return False
    if "left_out" in row:
        return not job.named
    if kept.masks == "png" and not os.path.isfile(out / MASKS / f"{job.target}.png"):
        return False
    return (kept.masks != "rle" or "rle" in row) and settings._asdict().items() <= row.items()


def stamp_of(path: Path) -> dict[str, int]:
    """What tells a file from another version of it; nothing where it cannot be seen."""
    # that it is newer than its mask would not do: clocks differ, and copies keep their dates
    with contextlib.suppress(OSError, ValueError):
        found = path.stat()
        return {"bytes": found.st_size, "modified": found.st_mtime_ns}
    return {}


def _read(path: Path) -> tuple[dict, Xray | DataError]:
    stamp = stamp_of(path)  # first: what changes while it is read is read again
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
    job: Job,
    row: dict,
    seen: tuple[Xray, Prediction] | DataError,
    out: Path,
    kept: Kept,
    ledger: TextIO,
) -> dict:
    made = _tried(job.path, SEEN, _draw, seen, kept)
    facts = _tried(job.path, WRITTEN, _keep, made, out, job.target)
    if not isinstance(facts, DataError):
        row |= {"target": job.target, **facts}
    else:
        left_out = isinstance(facts, NotAnXray) and not job.named
        row["left_out" if left_out else "error"] = str(facts)
    ledger.write(json.dumps(row) + "\n")
    ledger.flush()
    return row


def _draw(seen: tuple[Xray, Prediction], kept: Kept) -> tuple[dict, dict[str, np.ndarray]]:
    """What a row says of a mask, and the pictures to keep by their folder."""
    (xray, found), pictures = seen, {}
    facts = _facts(found)
    if kept.masks == "png":
        pictures[MASKS] = found.mask
    if kept.masks == "rle":
        facts["rle"] = to_runs(found.mask)
    if kept.overlays:
        pictures[OVERLAYS] = draw(xray.image, found)
    return facts, pictures


def _keep(made: tuple[dict, dict[str, np.ndarray]], out: Path, target: str) -> dict:
    facts, pictures = made
    for folder, pixels in pictures.items():
        write_png(out / folder / f"{target}.png", pixels)
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


def write_png(path: Path, pixels: np.ndarray) -> None:
    """A picture as a file, whole or not there."""
    with written_whole(path) as part:
        part.write_bytes(as_png(pixels))


def as_jpeg(pixels: np.ndarray) -> bytes:
    """RGB, uint8, as the content of a JPEG file."""
    return cv2.imencode(".jpg", pixels[..., ::-1])[1].tobytes()


def as_png(pixels: np.ndarray) -> bytes:
    """RGB, uint8, as the content of a PNG file; a bool mask becomes one of 1 bit."""
    is_mask = pixels.dtype == bool
    shown = pixels.view(np.uint8) if is_mask else pixels[..., ::-1]
    # in the place of a filter sought for each row, which takes longer than all the rest
    one_filter = cv2.IMWRITE_PNG_STRATEGY, cv2.IMWRITE_PNG_STRATEGY_DEFAULT
    settings = *one_filter, cv2.IMWRITE_PNG_BILEVEL, int(is_mask)
    return cv2.imencode(".png", shown, settings)[1].tobytes()
