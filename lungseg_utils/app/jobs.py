"""Which files to look at, and what their masks are called."""

import contextlib
import csv
import errno
import glob
import hashlib
import math
import os
import pickle
import sqlite3
import stat
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial, reduce
from itertools import chain, count
from pathlib import Path
from typing import NamedTuple

from lungseg_utils.app.table import ROWS, Rows, without_formula
from lungseg_utils.images import FORMATS, HEAD, format_of

LIST = "@"  # stands before the name of a list of files
LONGEST = 251  # bytes of a name, which a disk takes together with .png
MOST_TOGETHER = 10_000  # files in a folder, beyond which some disks become slow


class Job(NamedTuple):
    """One X-ray to look at: its path, what the table calls it, the name of its mask and its picture
    without .png, and whether it was named rather than found in a folder.
    """

    path: Path
    name: str
    target: str
    named: bool = False


class Jobs:
    """Jobs in their order, in a temporary file: a million of them take no memory."""

    def __init__(self, jobs: Iterable[Job]) -> None:
        self._file, self._count = tempfile.TemporaryFile(), 0  # noqa: SIM115
        for self._count, job in enumerate(jobs, start=1):
            pickle.dump(tuple(job), self._file)

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[Job]:
        self._file.seek(0)
        for _ in range(self._count):
            yield Job(*pickle.load(self._file))


class _Source(NamedTuple):
    """A file to look at, its name below what was given, and whether it was named itself."""

    path: Path
    relative: Path
    named: bool


def find_jobs(
    paths: Sequence[Path], ours: Iterable[Path] = (), rows: Rows | None = None
) -> tuple[Iterator[Job], int]:
    """The X-rays of files, of folders, below which every file of a known format counts, of patterns
    as `*.dcm`, and of lists, as `listed` takes them behind an @.

    Targets are the names of the files below their folder, and differ even where capitals and
    suffixes do not count; files of a folder that has very many are spread over sub-folders. No file
    or folder is one that stops the search.
    Args: `ours`, folders not to look into; `rows` of files that have their target already.
    Returns: the jobs, and how many files are of no such kind.
    """
    disk, unknown = sqlite3.connect(""), 0  # a file of its own, deleted with it
    disk.execute("CREATE TABLE sources (path BLOB PRIMARY KEY, source BLOB, bare TEXT, home TEXT,"
                 " named INT)")  # fmt: skip
    disk.execute("CREATE INDEX names ON sources (bare)")
    ours = {os.path.realpath(path) for path in ours}
    for one in _sources(paths, ours):
        if one is None:
            unknown += 1
            continue
        bare = _folded(_bare(one.relative))
        values = pickle.dumps(one.path), pickle.dumps(one), bare, _folded(one.relative.parent)
        disk.execute("INSERT INTO sources VALUES (?, ?, ?, ?, ?) ON CONFLICT (path) DO UPDATE"
                     " SET named = max(named, excluded.named)", (*values, one.named))  # fmt: skip
    return _named(disk, rows or Rows()), unknown


def _named(disk: sqlite3.Connection, rows: Rows) -> Iterator[Job]:
    """The sources in turn, each with a target of its own."""
    crowded = dict(disk.execute(
        "SELECT home, count(*) FROM sources GROUP BY home HAVING count(*) > ?", (MOST_TOGETHER,)
    ))  # fmt: skip
    disk.execute("CREATE TABLE used (target TEXT PRIMARY KEY)")

    def is_used(target: str) -> bool:
        asked = "SELECT 1 FROM used WHERE target = ?", (_folded(target),)
        return rows.has_target(target) or disk.execute(*asked).fetchone() is not None

    for source, bare, home, named in disk.execute(
        "SELECT source, bare, home, named FROM sources ORDER BY rowid"
    ):
        path, relative, _ = pickle.loads(source)
        name, known = without_formula(str(path)), None
        if found := rows.get(name):
            known = found["target"]
        alike = "SELECT count(*) FROM (SELECT 1 FROM sources WHERE bare = ? LIMIT 2)"
        wanted = relative if disk.execute(alike, (bare,)).fetchone()[0] > 1 else _bare(relative)
        if home in crowded:
            wanted = wanted.with_name(_part(wanted.name, crowded[home])) / wanted.name
        target = known or _free(wanted, is_used)
        disk.execute("INSERT OR IGNORE INTO used VALUES (?)", (_folded(target),))
        yield Job(path, name, target, bool(named))


def _folded(text: object) -> str:
    return ascii(str(text).lower())


def _part(name: str, together: int) -> str:
    """The sub-folder of a file whose folder holds this many: two hexadecimal digits or more."""
    digits = max(2, math.ceil(math.log(2 * together / MOST_TOGETHER, 16)))
    return hashlib.sha256(os.fsencode(name)).hexdigest()[:digits]


def listed(source: str) -> Iterator[Path]:
    """The paths in a text file, one a line, or in a column of a CSV file: `table.csv:column`.

    A path that leads nowhere from the current folder is taken from the list's own.
    Raises: FileNotFoundError; ValueError if there is no such column.
    """
    name, _, column = source.rpartition(":") if not os.path.exists(source) else (source, "", "")
    if not os.path.isfile(name):
        raise FileNotFoundError(f"there is no list {source}: name a text file, or TABLE.csv:COLUMN")
    with open(name, encoding="utf-8-sig", errors="surrogateescape", newline="") as file:
        table = csv.DictReader(file) if column else ({"": line} for line in file)
        if column and column not in (table.fieldnames or ()):
            raise ValueError(f"{name} has no column {column}: choose one of {table.fieldnames}")
        for row in table:
            if found := (row[column] or "").strip():
                beside = Path(name).parent / found
                yield beside if not os.path.exists(found) and beside.exists() else Path(found)


def _below_their_common_folder(paths: Callable[[], Iterator[Path]]) -> Iterator[_Source]:
    folders = [os.path.dirname(os.path.abspath(next(paths(), "")))]
    common = reduce(lambda one, path: os.path.commonpath([one, os.path.abspath(path)]), paths(),
                    folders[0])  # fmt: skip
    for path in paths():
        yield _Source(path, Path(os.path.relpath(os.path.abspath(path), common)), True)


def _sources(paths: Sequence[Path], ours: set[str]) -> Iterator[_Source | None]:
    """Files, and folders that cannot be listed; None for a file that is no X-ray."""
    given = dict.fromkeys(paths)
    for path in given:
        if not os.path.isdir(path):
            other = "" if os.path.lexists(path) else str(path)
            if other.startswith(LIST):
                yield from _below_their_common_folder(partial(listed, other[1:]))
            elif glob.has_magic(other) and next(_matching(other), None):
                yield from _below_their_common_folder(partial(_matching, other))
            else:
                yield _Source(path, Path(path.name), True)
            continue
        prefix = Path() if len(given) == 1 else Path(os.path.basename(os.path.realpath(path)))
        for file in _below(path, ours):
            if file:
                yield _Source(file, prefix / file.relative_to(path), False)
            else:
                yield None


def _matching(pattern: str) -> Iterator[Path]:
    found = glob.iglob(pattern, recursive=True)
    return (Path(one) for one in found if os.path.isfile(one))


def _below(folder: Path, ours: set[str]) -> Iterator[Path | None]:
    """X-rays below a folder, None for each other file, and folders that cannot be listed."""
    faults = []
    for place, folders, names in os.walk(folder, onerror=faults.append):
        folders[:] = sorted(
            name for name in folders
            if not name.startswith(".") and os.path.realpath(os.path.join(place, name)) not in ours
            and not os.path.exists(os.path.join(place, name, ROWS))
        )  # fmt: skip
        for file in (Path(place, name) for name in sorted(names) if not name.startswith(".")):
            yield file if _may_be_xray(file) else None
    # one that is gone by now is nobody's
    closed = [one for one in faults if not isinstance(one, FileNotFoundError)]
    yield from (Path(one.filename or folder) for one in closed)


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


def _bare(relative: Path) -> Path:
    is_plain = _is_known(relative.suffix) and relative.stem.strip(".")
    return relative.with_suffix("") if is_plain else relative


def _free(wanted: Path, is_used: Callable[[str], bool]) -> str:
    wishes = chain([wanted], (Path(f"{wanted}-{number}") for number in count(2)))
    return next(target for target in map(_fitting, wishes) if not is_used(target))


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
