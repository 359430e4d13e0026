"""Which files to look at, and what their masks are called."""

import contextlib
import os
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from lungseg_utils.images import FORMATS, HEAD, format_of

FORMULA = ("=", "+", "-", "@")  # a spreadsheet computes what begins so


class Job(NamedTuple):
    """One X-ray to look at: its path, what the table calls it, and the name of its mask and its
    picture without .png.
    """

    path: Path
    name: str
    target: str


def find_jobs(
    paths: Iterable[Path], ours: Iterable[Path] = (), taken: dict[str, str] | None = None
) -> tuple[list[Job], int]:
    """The X-rays of files and folders, below which every file of a known format counts.

    Targets are the names of the files below their folder, and differ even where capitals and
    suffixes do not count.
    Args: `ours`, folders not to look into; `taken`, targets that have been given, by file.
    Returns: the jobs, and how many files are of no such kind.
    """
    sources, left_out = _sources(list(paths), {path.resolve() for path in ours})
    bare = [_bare(relative) for _, relative in sources]
    alike = Counter(str(one).lower() for one in bare)
    jobs, known = [], taken or {}
    used = {target.lower() for target in known.values()}
    for (path, relative), plain in zip(sources, bare, strict=True):
        name = without_formula(str(path))
        wanted = plain if alike[str(plain).lower()] == 1 else relative
        target = known.get(name) or _free(wanted, used)
        used.add(target.lower())
        jobs.append(Job(path, name, target))
    return jobs, left_out


def _sources(paths: list[Path], ours: set[Path]) -> tuple[list[tuple[Path, Path]], int]:
    found, left_out = [], 0
    for path in dict.fromkeys(paths):
        if not path.is_dir():
            found.append((path, Path(path.name)))
            continue
        prefix = Path() if len(paths) == 1 else Path(path.resolve().name)
        for file in _files_below(path, ours):
            if _may_be_xray(file):
                found.append((file, prefix / file.relative_to(path)))
            else:
                left_out += 1
    return found, left_out


def _files_below(folder: Path, ours: set[Path]) -> Iterator[Path]:
    unreadable: list[OSError] = []
    for place, folders, files in os.walk(folder, onerror=unreadable.append):
        folders[:] = sorted(
            name for name in folders
            if not name.startswith(".") and (Path(place) / name).resolve() not in ours
        )  # fmt: skip
        yield from (Path(place) / name for name in sorted(files) if not name.startswith("."))
    yield from (Path(error.filename) for error in unreadable)


def _may_be_xray(path: Path) -> bool:
    if path.is_dir():
        return True  # one that cannot be listed, to be told so
    if not path.is_file():
        return False  # a pipe or a device, which may never end
    if _is_known(path.suffix):
        return True
    with contextlib.suppress(OSError), path.open("rb") as file:
        return format_of(file.read(HEAD)) is not None
    return False


def _is_known(suffix: str) -> bool:
    return any(suffix.lower() in one.suffixes for one in FORMATS)


def without_formula(cell: object) -> object:
    """A cell of a table in a form that no spreadsheet computes; texts begin with a file's name."""
    return f"./{cell}" if isinstance(cell, str) and cell.startswith(FORMULA) else cell


def _bare(relative: Path) -> Path:
    return relative.with_suffix("") if _is_known(relative.suffix) else relative


def _free(wanted: Path, used: set[str]) -> str:
    target, number = wanted, 1
    while target.as_posix().lower() in used:
        number += 1
        target = wanted.with_name(f"{wanted.name}-{number}")
    return target.as_posix()
