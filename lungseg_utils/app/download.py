"""The Montgomery County chest X-ray set, fetched once, file by file, and verified.

Its owner asks users not to pass it on (`terms`), so it cannot come with the course.
"""

import os
import re
import shutil
import zipfile
import zlib
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

import pooch
import requests
from tqdm import tqdm

from lungseg_utils import __version__
from lungseg_utils.app.texts import explained
from lungseg_utils.types import DataError, counted

ADDRESSES = (  # a folder on a server, ending in "/", or an archive, ending in its checksum
    "https://data.lhncbc.nlm.nih.gov/public/Tuberculosis-Chest-X-ray-Datasets/"
    "Montgomery-County-CXR-Set/MontgomerySet/",
    "http://openi.nlm.nih.gov/imgs/collections/NLM-MontgomeryCXRSet.zip"
    "#sha256=54601e952315d8f67383e9202a6e145997ade429f54f7e0af44b4e158714f424",
)
ARCHIVE_MARK = "#sha256="
ARCHIVE_LIMIT = 2**30  # bytes; the files in it have 618 million
MANIFEST = Path(__file__).parents[1] / "data" / "montgomery_sha256.txt"
READING_LIMIT = 4096  # bytes; the longest of the set has 373
READING = re.compile(rb"Patient's Sex:\s*[FMO]\s+Patient's Age:\s*\d+[YMWD]\s[\t\r\n -~]*")
STAGING = ".incomplete"  # a folder below the root, there only while the set is not whole
CONNECTIONS = 4
NOT_THERE = 401, 403, 404, 410
TIMEOUT = (10, 30)  # seconds to wait for a connection, and for more data
RETRIES = 2  # of a request
MOST_FAILURES = 5  # in a row, after which an address is taken for dead
AGENT = f"lungseg-utils/{__version__} (a course; fetches the Montgomery set once)"
REQUEST_HEADERS = {"User-Agent": AGENT, "Accept-Encoding": "identity"}
# of a file with other content, and of zipfile for a member that is missing, encrypted or cut
ALTERED = (ValueError, KeyError, RuntimeError, EOFError, zipfile.BadZipFile, zlib.error)


@dataclass(frozen=True)
class Part:
    """One file of the set."""

    path: str  # below the root, with forward slashes
    size: int  # bytes; for a reading the most it may have
    sha256: str | None  # None: a clinical reading, known by its form only

    def is_whole(self, file: Path) -> bool:
        """Whether `file` is there and is this part, by size and checksum or by form."""
        if not file.is_file():
            return False
        size = file.stat().st_size
        if self.sha256 is None:
            return size <= self.size and bool(READING.fullmatch(file.read_bytes()))
        return size == self.size and pooch.file_hash(file) == self.sha256


def read_manifest() -> tuple[Part, ...]:
    """The 414 PNG files of the set and, after them, the clinical reading of each image."""
    rows = [line.split() for line in MANIFEST.read_text(encoding="ascii").splitlines()]
    pictures = [Part(path, int(size), sha256) for sha256, size, path in rows]
    names = [Path(part.path).stem for part in pictures if part.path.startswith("CXR_png/")]
    readings = [Part(f"ClinicalReadings/{name}.txt", READING_LIMIT, None) for name in names]
    return tuple(pictures + readings)


def _bytes_of(parts: Sequence[Part]) -> int:
    return sum(part.size for part in parts if part.sha256)


def terms() -> str:
    """What the owner of the set asks of anyone who downloads it, and how large it is."""
    parts = read_manifest()
    return f"""\
The Montgomery County chest X-ray set: {len(parts)} files, {_bytes_of(parts) / 1e6:.0f} MB.
Its owner, the U.S. National Library of Medicine, asks everyone who uses it:
- do not redistribute it: anyone who needs it downloads it from the library;
- give credit to the National Library of Medicine, National Institutes of Health, Bethesda, MD,
  USA, and to the Department of Health and Human Services, Montgomery County, MD, USA;
- cite Jaeger et al. 2014, https://doi.org/10.1109/TMI.2013.2284099, and
  Candemir et al. 2014, https://doi.org/10.1109/TMI.2013.2290491."""


def _fetch(root: Path, url: str, part: Part, progressbar: bool = False) -> Path:
    """Leave the part, checked, in the staging folder."""
    known = {"registry": {part.path: part.sha256}, "urls": {part.path: url}}
    files = pooch.create(root / STAGING, "", retry_if_failed=RETRIES, **known)
    return Path(files.fetch(part.path, downloader=partial(_get, part, progressbar)))


def _place(root: Path, url: str, part: Part) -> None:
    """Fetch one file; its final name appears when it is whole, in one step."""
    os.replace(_fetch(root, url, part), root / part.path)


def _unpack(root: Path, archive: zipfile.ZipFile, part: Part) -> None:
    """Take one member; the manifest says where it goes and how large it is, not the archive."""
    staged = root / STAGING / "member"
    with archive.open(f"MontgomerySet/{part.path}") as member:
        staged.write_bytes(member.read(part.size + 1))
    if not part.is_whole(staged):
        raise ValueError(f"{part.path} in the archive is not the file of the manifest")
    os.replace(staged, root / part.path)


def _get(part: Part, progressbar: bool, url: str, output: str, files: pooch.Pooch) -> None:
    """What pooch calls: write the answer to `output`, never more than the part may have."""
    with (
        requests.get(url, stream=True, timeout=TIMEOUT, headers=REQUEST_HEADERS) as answer,
        open(output, "wb") as file,
        tqdm(total=part.size, unit="B", unit_scale=True, disable=not progressbar) as bar,
    ):
        if answer.status_code in NOT_THERE:  # else pooch asks again
            raise FileNotFoundError(f"{url} is not there")
        answer.raise_for_status()
        for chunk in answer.iter_content(65536):
            bar.update(file.write(chunk))
            if file.tell() > part.size:
                raise ValueError(f"more than {part.size} bytes were sent")
    if part.sha256 is None and not part.is_whole(Path(output)):
        raise ValueError(f"{url} is not a clinical reading")


def _problem(name: str, action: Callable[[], object]) -> str:
    try:
        action()
        return ""
    except FileNotFoundError:
        reason = "not there"
    except requests.HTTPError as error:
        reason = f"the server answers {error.response.status_code}"
    except requests.RequestException:
        reason = "no connection, or it stalled or was lost"
    except ALTERED:
        reason = "not what the manifest lists"
    return f"{name} ({reason})"


def _from_folder(root: Path, address: str, parts: Sequence[Part]) -> list[str]:
    outcomes = []
    bar = tqdm(total=_bytes_of(parts), unit="B", unit_scale=True, desc=urlsplit(address).netloc)
    with bar, ThreadPoolExecutor(CONNECTIONS) as pool:
        asked = {pool.submit(_place, root, address + part.path, part): part for part in parts}
        try:
            for future in as_completed(asked):
                outcomes.append(_problem(asked[future].path, future.result))
                bar.update(0 if outcomes[-1] else _bytes_of([asked[future]]))
                if len(outcomes) >= MOST_FAILURES and all(outcomes[-MOST_FAILURES:]):
                    break
        finally:
            pool.shutdown(cancel_futures=True)
    return outcomes


def _from_archive(root: Path, address: str, parts: Sequence[Part]) -> list[str]:
    url, _, sha256 = address.partition(ARCHIVE_MARK)
    whole = Part("archive.zip", ARCHIVE_LIMIT, sha256)
    outcomes: list[str] = []

    def unpack_all() -> None:
        with zipfile.ZipFile(_fetch(root, url, whole, progressbar=True)) as archive:
            for part in parts:
                outcomes.append(_problem(part.path, partial(_unpack, root, archive, part)))

    return [_problem("the archive", unpack_all), *outcomes]


def _fetch_all(root: Path, missing: list[Part]) -> None:
    # pooch would make the folders, but two of its threads at once trip over each other there
    for path in {os.path.dirname(part.path) for part in missing}:
        (root / path).mkdir(parents=True, exist_ok=True)
        (root / STAGING / path).mkdir(parents=True, exist_ok=True)
    tried = []
    for address in ADDRESSES:
        fetch = _from_archive if ARCHIVE_MARK in address else _from_folder
        problems = [outcome for outcome in fetch(root, address, missing) if outcome]
        tried.append(f"from {address.partition('#')[0]} {', '.join(problems[:2])}")
        missing = [part for part in missing if not part.is_whole(root / part.path)]
        if not missing:
            return
    raise DataError(
        f"files of the Montgomery set still missing: {len(missing)} ({'; '.join(tried)}); "
        "run the download again, which continues where it stopped, or fetch them by hand "
        f"from {ADDRESSES[0]} into {root}"
    )


def download(root: Path | str) -> Path:
    """Fetch the Montgomery set into a folder; what is already there and whole is kept.

    Shows the `terms` first, and tries the `ADDRESSES` in order. A file appears under its name when
    it has passed, never before: PNG files by the SHA-256 of the manifest, clinical readings, for
    which there is none, by their form.
    Returns: the folder, in a layout of `load_records`.
    Raises: DataError if some files cannot be fetched from any address, OSError if the folder cannot
        be written; run again, it continues where it stopped.
    """
    root = Path(root).expanduser()
    parts = read_manifest()
    missing = [part for part in parts if not part.is_whole(root / part.path)]
    if missing:
        print(f"{terms()}\nAlready in {root}: {counted(len(parts) - len(missing), 'file')}.")
        pooch.get_logger().setLevel("WARNING")
        with explained(root):
            _fetch_all(root, missing)
    shutil.rmtree(root / STAGING, ignore_errors=True)
    return root
