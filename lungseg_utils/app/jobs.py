"""Which files to look at, and what their masks are called."""

import contextlib
import errno
import hashlib
import os
import stat
from collections import Counter
from collections.abc import Iterable
from itertools import chain, count
from pathlib import Path
from typing import NamedTuple

from lungseg_utils.images import FORMATS, HEAD, format_of

FORMULA = ("=", "+", "-", "@")  # a spreadsheet computes what begins so
ROWS = "scores.jsonl"  # a folder that has it is the OUT of an earlier run
LONGEST = 251  # bytes of a name, which a disk takes together with .png


class Job(NamedTuple):
    """One X-ray to look at: its path, what the table calls it, the name of its mask and its picture
    without .png, and whether it was named rather than found in a folder.
    """

    path: Path
    name: str
    target: str
    named: bool = False


def find_jobs(
    paths: Iterable[Path], ours: Iterable[Path] = (), taken: dict[str, str] | None = None
) -> tuple[list[Job], int]:
    """The X-rays of files and folders, below which every file of a known format counts.

    Targets are the names of the files below their folder, and differ even where capitals and
    suffixes do not count. No file or folder is one that stops the search.
    Args: `ours`, folders not to look into; `taken`, targets that have been given, by file.
    Returns: the jobs, and how many files are of no such kind.
    """
    given = dict.fromkeys(paths)
    sources, left_out = _sources(list(given), {os.path.realpath(path) for path in ours})
    bare = {path: _bare(relative) for path, relative in sources.items()}
    alike = Counter(str(one).lower() for one in bare.values())
    jobs, known = [], taken or {}
    used = {target.lower() for target in known.values()}
    for path, relative in sources.items():
        name, plain = without_formula(str(path)), bare[path]
        wanted = plain if alike[str(plain).lower()] == 1 else relative
        target = known.get(name) or _free(wanted, used)
        used.add(target.lower())
        jobs.append(Job(path, name, target, path in given))
    return jobs, left_out


def _sources(paths: list[Path], ours: set[str]) -> tuple[dict[Path, Path], int]:
    """Files, and folders that cannot be listed, each with its name below what was given."""
    found, left_out = {}, 0
    for path in paths:
        if not os.path.isdir(path):
            found.setdefault(path, Path(path.name))
            continue
        prefix = Path() if len(paths) == 1 else Path(os.path.basename(os.path.realpath(path)))
        files, closed = _below(path, ours)
        xrays = [file for file in files if _may_be_xray(file)]
        left_out += len(files) - len(xrays)
        for file in xrays + closed:
            found.setdefault(file, prefix / file.relative_to(path))
    return found, left_out


def _below(folder: Path, ours: set[str]) -> tuple[list[Path], list[Path]]:
    """The files below a folder, and the folders that cannot be listed."""
    files, faults = [], []
    for place, folders, names in os.walk(folder, onerror=faults.append):
        folders[:] = sorted(
            name for name in folders
            if not name.startswith(".") and os.path.realpath(os.path.join(place, name)) not in ours
            and not os.path.exists(os.path.join(place, name, ROWS))
        )  # fmt: skip
        files += (Path(place, name) for name in sorted(names) if not name.startswith("."))
    # one that is gone by now is nobody's
    closed = [one for one in faults if not isinstance(one, FileNotFoundError)]
    return files, [Path(one.filename or folder) for one in closed]


def _may_be_xray(path: Path) -> bool:
    try:
        kind = path.stat()
    except OSError as error:  # but for a link that leads nowhere, its row says why
        return _is_known(path.suffix) and error.errno not in (errno.ENOENT, errno.ELOOP)
    if not stat.S_ISREG(kind.st_mode) or path.name.upper() == "DICOMDIR":
        return False  # a pipe or a device may never end
    if _is_known(path.suffix):
        return True
    if kind.st_size:  # else it may be a device of the system, which waits for ever
        with contextlib.suppress(OSError), path.open("rb") as file:
            return format_of(file.read(HEAD), kind.st_size) is not None
    return False


def _is_known(suffix: str) -> bool:
    return any(suffix.lower() in one.suffixes for one in FORMATS)


def without_formula(cell: object) -> object:
    """A cell of a table in a form that no spreadsheet computes; texts begin with a file's name."""
    return f"./{cell}" if isinstance(cell, str) and cell.startswith(FORMULA) else cell


def _bare(relative: Path) -> Path:
    is_plain = _is_known(relative.suffix) and relative.stem.strip(".")
    return relative.with_suffix("") if is_plain else relative


def _free(wanted: Path, used: set[str]) -> str:
    wishes = chain([wanted], (Path(f"{wanted}-{number}") for number in count(2)))
    return next(target for target in map(_fitting, wishes) if target.lower() not in used)


def _fitting(target: Path) -> str:
    """The same with no part too long for a disk, and no folder that a mask's file may be called."""
    *folders, name = target.parts or [""]
    folders = [f"{one}-2" if one.lower().endswith(".png") else one for one in folders]
    return "/".join(map(_shortened, [*folders, name]))


def _shortened(part: str) -> str:
    """A name of `LONGEST` bytes at most; in place of what is cut off, a hash keeps two apart."""
    content = os.fsencode(part)
    if len(content) <= LONGEST:
        return part
    digest = hashlib.sha256(content).hexdigest()[:8]
    return f"{content[: LONGEST - 9].decode(errors='ignore')}-{digest}"
