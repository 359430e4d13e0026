"""The download, against a server on this machine that does everything a server can do wrong."""

import hashlib
import io
import shutil
import stat
import subprocess
import sys
import zipfile
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import urlsplit

import pytest
import requests
from loopback import Loopback
from tqdm import tqdm

from lungseg_utils.app import download as module
from lungseg_utils.app.download import DataError, download, read_manifest, terms

NAMES = tuple(f"MCUCXR_{number:04}_{number % 2}" for number in range(5))
FOLDERS = ("CXR_png", "ManualMask/leftMask", "ManualMask/rightMask")
PICTURES = {
    f"{folder}/{name}.png": hashlib.sha512(f"{folder}{name}".encode()).digest() * 50
    for folder in FOLDERS
    for name in NAMES
}
READING = b"Patient's Sex: F \nPatient's Age: 027Y\nnormal\n"
FILES = PICTURES | {f"ClinicalReadings/{name}.txt": READING for name in NAMES}
FIRST = "CXR_png/MCUCXR_0000_0.png"
TEXT = "ClinicalReadings/MCUCXR_0000_0.txt"


@pytest.fixture(autouse=True)
def waits(monkeypatch):
    """No proxy in between, and the pauses between two tries are listed rather than slept."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    pauses = []
    monkeypatch.setattr("pooch.core.time", SimpleNamespace(sleep=pauses.append))
    return pauses


@pytest.fixture
def manifest(tmp_path, monkeypatch):
    rows = [f"{hashlib.sha256(b).hexdigest()} {len(b)} {p}" for p, b in PICTURES.items()]
    path = tmp_path / "manifest.txt"
    path.write_text("\n".join(rows) + "\n", encoding="utf-8")
    monkeypatch.setattr(module, "MANIFEST", path)
    return path


@pytest.fixture
def server():
    with Loopback({"/" + path: body for path, body in FILES.items()}) as running:
        yield running


@pytest.fixture
def fetch(tmp_path, manifest, monkeypatch):
    def run(*addresses, retries=0, fault=""):
        wait = 0.5 if fault in ("stall", "late") else 10
        monkeypatch.setattr(module, "ADDRESSES", addresses)
        monkeypatch.setattr(module, "TIMEOUT", (wait, wait))
        monkeypatch.setattr(module, "RETRIES", retries)
        return download(tmp_path / "set")

    return run


def files_of(root):
    """Path below the root -> bytes, of the files a reader of the folder would see."""
    found = {path.relative_to(root).as_posix(): path for path in Path(root).rglob("*")}
    return {
        name: path.read_bytes()
        for name, path in found.items()
        if path.is_file() and not name.startswith(module.STAGING)
    }


def make_zip(members):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, body in members:
            archive.writestr(name, body)
    return buffer.getvalue()


def whole_zip(extra=()):
    return make_zip([(f"MontgomerySet/{p}", b) for p, b in FILES.items()] + list(extra))


def zip_server(body, always=""):
    return Loopback({"/set.zip": body}, always)


def zip_address(running, body):
    return f"{running.address}set.zip#sha256={hashlib.sha256(body).hexdigest()}"


# A good server


def test_a_good_server_gives_the_whole_set(fetch, server, tmp_path):
    assert fetch(server.address) == tmp_path / "set"
    assert files_of(tmp_path / "set") == FILES
    assert not (tmp_path / "set" / module.STAGING).exists()


def test_what_a_killed_run_left_is_cleared_where_nothing_is_missing(fetch, server, tmp_path):
    """Else the set counts as one that is not whole."""
    root = fetch(server.address)
    (root / module.STAGING).mkdir()
    assert fetch(server.address) == root
    assert not (root / module.STAGING).exists()


def test_a_second_run_asks_for_nothing(fetch, server, capsys):
    root = fetch(server.address)
    assert "do not redistribute" in capsys.readouterr().out
    asked = server.asked.copy()
    assert fetch(server.address) == root
    assert server.asked == asked and max(asked.values()) == 1
    assert capsys.readouterr().out == ""


def test_it_asks_politely(fetch, server):
    server.pause = 0.1
    fetch(server.address)
    assert server.most_busy == 4
    assert server.agents == {module.REQUEST_HEADERS["User-Agent"]}
    assert "lungseg-utils" in module.REQUEST_HEADERS["User-Agent"]


def test_redirects_are_followed(fetch, server):
    server.files |= {"/elsewhere" + path: body for path, body in server.files.items()}
    for path in FILES:
        server.faults["/" + path] = ["redirect"]
    assert files_of(fetch(server.address)) == FILES


def test_a_redirect_without_end_is_an_error(fetch, server):
    server.faults["/" + FIRST] = ["loop"] * 40
    with pytest.raises(DataError, match="no connection, or it stalled"):
        fetch(server.address)


def test_progress_is_in_bytes(fetch, server, capsys):
    fetch(server.address)
    shown = capsys.readouterr().err
    assert "48.0k/48.0k" in shown and shown.startswith(f"\r{urlsplit(server.address).netloc}: ")
    assert "B/s]" in shown and shown.count("\n") == 1, "one bar for all files"


# Faults of one file


@pytest.mark.parametrize("path", [FIRST, TEXT])
@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("404", "not there"),
        ("500", "the server answers 500"),
        ("truncate", "was lost"),
        ("drop", "not what the manifest lists"),
        ("corrupt", "not what the manifest lists"),
        ("stall", "stalled"),
        ("late", "stalled"),
        ("endless", "not what the manifest lists"),
    ],
)
def test_a_fault_leaves_the_file_out_and_the_next_run_fetches_it_alone(
    fetch, server, tmp_path, path, fault, words
):
    server.faults["/" + path] = [fault]
    with pytest.raises(DataError) as caught:
        fetch(server.address, fault=fault)
    message = str(caught.value)
    assert "still missing: 1 (" in message and f"{path} (" in message and words in message
    assert server.address in message and "run the download again" in message
    assert files_of(tmp_path / "set") == {p: b for p, b in FILES.items() if p != path}

    server.asked.clear()
    assert files_of(fetch(server.address)) == FILES
    assert server.asked == {"/" + path: 1}


@pytest.mark.parametrize("fault", ["500", "truncate", "drop", "corrupt"])
def test_a_failed_request_is_repeated_after_a_growing_pause(fetch, server, waits, fault):
    server.faults["/" + FIRST] = [fault, fault]
    assert files_of(fetch(server.address, retries=2)) == FILES
    assert server.asked["/" + FIRST] == 3 and waits == [1, 2]


def test_a_file_that_is_not_there_is_not_asked_for_again(fetch, server, waits):
    server.faults["/" + FIRST] = ["404"]
    with pytest.raises(DataError, match="not there"):
        fetch(server.address, retries=2)
    assert server.asked["/" + FIRST] == 1 and waits == []


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>Patient's Sex: F</html>",
        READING + bytes([0]),
        READING + "\u00e9".encode(),
        READING + b"x" * 5000,
        b"Patient's Sex: F \n",
        READING.replace(b": F", b": ?"),
        READING.replace(b"027Y", b"old"),
    ],
)
def test_a_reading_must_look_like_one(fetch, server, tmp_path, body):
    server.files["/" + TEXT] = body
    with pytest.raises(DataError, match=TEXT):
        fetch(server.address)
    assert not (tmp_path / "set" / TEXT).exists()


@pytest.mark.parametrize("path", [FIRST, TEXT])
def test_a_damaged_file_on_disk_is_replaced(fetch, server, path):
    root = fetch(server.address)
    (root / path).write_bytes(FILES[path][::-1])
    server.asked.clear()
    assert files_of(fetch(server.address)) == FILES
    assert server.asked == {"/" + path: 1}


# Faults of a server


def test_a_server_that_dies_half_way_is_left_alone_and_taken_up_again(fetch, server, tmp_path):
    for path in list(FILES)[4:]:
        server.faults["/" + path] = ["stall"]
    with pytest.raises(DataError, match="still missing: 16 "):
        fetch(server.address, fault="stall")
    kept = files_of(tmp_path / "set")
    assert kept == dict(list(FILES.items())[:4])
    assert sum(server.asked.values()) < len(FILES)

    server.faults.clear()
    server.asked.clear()
    assert files_of(fetch(server.address)) == FILES
    assert set(server.asked) == {"/" + path for path in FILES if path not in kept}


def test_the_second_address_helps_out_where_the_first_is_dead(fetch, server):
    with Loopback({}) as dead:
        address = dead.address
    assert files_of(fetch(address, server.address)) == FILES


def test_the_second_address_is_asked_only_for_what_the_first_lacks(fetch, server):
    with Loopback({p: b for p, b in server.files.items() if p != "/" + FIRST}) as first:
        assert files_of(fetch(first.address, server.address)) == FILES
    assert server.asked == {"/" + FIRST: 1}


def test_all_addresses_dead_is_one_sentence(fetch, tmp_path):
    with Loopback({}) as dead:
        address = dead.address
    with pytest.raises(DataError) as caught:
        fetch(address, f"{address}set.zip#sha256=00")
    message = str(caught.value)
    assert f"still missing: {len(FILES)} (" in message and "\n" not in message
    assert f"from {address} " in message and f"from {address}set.zip the archive" in message
    assert "by hand" in message and str(tmp_path / "set") in message
    assert files_of(tmp_path / "set") == {}


# The archive


def test_the_archive_is_the_fall_back(fetch, server, tmp_path, capsys):
    server.always = "404"
    body = whole_zip()
    with zip_server(body) as running:
        assert files_of(fetch(server.address, zip_address(running, body))) == FILES
    assert not (tmp_path / "set" / module.STAGING).exists()
    assert f"/{tqdm.format_sizeof(module.ARCHIVE_LIMIT)} [" in capsys.readouterr().err


@pytest.mark.parametrize("fault", ["404", "500", "truncate", "corrupt", "stall", "drop", "endless"])
def test_a_bad_archive_gives_no_file(fetch, tmp_path, monkeypatch, fault):
    monkeypatch.setattr(module, "ARCHIVE_LIMIT", 10**6)
    body = whole_zip()
    with (
        zip_server(body, fault) as running,
        pytest.raises(DataError, match=r"set\.zip the archive \("),
    ):
        fetch(zip_address(running, body), fault=fault)
    assert files_of(tmp_path / "set") == {}


def test_something_else_than_a_zip_is_an_error(fetch, tmp_path):
    with zip_server(b"hello") as running, pytest.raises(DataError, match="the archive"):
        fetch(zip_address(running, b"hello"))
    assert files_of(tmp_path / "set") == {}


def symlink_member(name, target):
    link = zipfile.ZipInfo(name)
    link.create_system = 3
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    return link, target


def test_an_archive_can_write_nothing_but_the_files_of_the_manifest(fetch, tmp_path):
    outside = tmp_path / "outside"
    extra = [
        ("../outside", b"x"),
        ("MontgomerySet/../../outside", b"x"),
        ("MontgomerySet/CXR_png/../../../outside", b"x"),
        ("MontgomerySet\\..\\..\\outside", b"x"),
        (str(outside), b"x"),
        ("C:\\outside", b"x"),
        ("C:outside", b"x"),
        ("//server/outside", b"x"),
        ("MontgomerySet/extra.txt", b"x"),
        ("MontgomerySet/CXR_png/MCUCXR_0009_0.png", b"x"),
        ("MontgomerySet/CXR_png/Thumbs.db", b"x"),
        ("other/readme.txt", b"x"),
        symlink_member("MontgomerySet/link", str(tmp_path)),
        ("MontgomerySet/link/outside", b"x"),
    ]
    body = whole_zip(extra)
    before = set(tmp_path.iterdir())
    with zip_server(body) as running:
        assert files_of(fetch(zip_address(running, body))) == FILES
    assert set(tmp_path.iterdir()) - before == {tmp_path / "set"}
    assert not any(path.is_symlink() for path in tmp_path.rglob("*"))


@pytest.mark.parametrize(
    "member",
    [
        symlink_member(f"MontgomerySet/{FIRST}", "/etc/passwd"),
        (f"MontgomerySet/{FIRST}", PICTURES[FIRST] + b"more"),
        (f"MontgomerySet/{FIRST}", bytes(50_000_000)),
        (f"MontgomerySet/{FIRST}", PICTURES[FIRST][:-1]),
        (f"MontgomerySet/{FIRST.lower()}", PICTURES[FIRST]),
        (f"MontgomerySet/{FIRST}/", b""),
        (f"../MontgomerySet/{FIRST}", PICTURES[FIRST]),
        (FIRST, PICTURES[FIRST]),
        (f"MontgomerySet/{TEXT}", READING + b"x" * 5000),
        symlink_member(f"MontgomerySet/{TEXT}", "/etc/passwd"),
    ],
)
def test_a_forged_member_is_left_out(fetch, tmp_path, member):
    name = member[0] if isinstance(member[0], str) else member[0].filename
    forged = TEXT if name.endswith("txt") else FIRST
    others = [(f"MontgomerySet/{p}", b) for p, b in FILES.items() if p != forged]
    body = make_zip([*others, member])
    with zip_server(body) as running, pytest.raises(DataError, match=f"zip {forged}"):
        fetch(zip_address(running, body))
    assert files_of(tmp_path / "set") == {p: b for p, b in FILES.items() if p != forged}
    assert not any(path.is_symlink() for path in tmp_path.rglob("*"))


def test_a_member_is_read_no_further_than_the_manifest_says(fetch, tmp_path, monkeypatch):
    asked_for = []

    class Watched(zipfile.ZipExtFile):
        def read(self, n=-1):
            asked_for.append(n)
            return super().read(n)

    monkeypatch.setattr(zipfile, "ZipExtFile", Watched)
    body = whole_zip()
    with zip_server(body) as running:
        fetch(zip_address(running, body))
    assert min(asked_for) > 0 and max(asked_for) <= module.READING_LIMIT + 1


def test_a_member_damaged_in_the_archive_is_left_out(fetch, tmp_path):
    body = bytearray(whole_zip())
    at = body.index(FIRST.encode()) + len(FIRST)
    body[at + 10 : at + 30] = bytes(20)
    with zip_server(bytes(body)) as running, pytest.raises(DataError, match=f"zip {FIRST}"):
        fetch(zip_address(running, bytes(body)))
    assert FIRST not in files_of(tmp_path / "set")


# The disk, and being killed


def test_a_file_gets_its_name_in_one_step(fetch, server, tmp_path, monkeypatch):
    def crash(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(module.os, "replace", crash)
    with pytest.raises(OSError, match=r"No space left on device\): free some space"):
        fetch(server.address)
    assert files_of(tmp_path / "set") == {}


def test_a_file_in_place_of_the_folder_is_one_sentence(fetch, server, tmp_path):
    (tmp_path / "set").write_text("not a folder", encoding="utf-8")
    with pytest.raises(OSError, match="use another folder"):
        fetch(server.address)


KILLED = """
import sys
from pathlib import Path
from lungseg_utils.app import download as module
module.ADDRESSES, module.MANIFEST = sys.argv[2:-1], Path(sys.argv[-1])
module.TIMEOUT, module.RETRIES = (5, 15), 0
module.download(sys.argv[1])
"""


@pytest.mark.parametrize("archive", [False, True])
def test_killed_in_the_middle_it_leaves_whole_files_only(
    fetch, server, tmp_path, manifest, archive
):
    body = whole_zip()
    with zip_server(body) as running:
        stalling = running if archive else server
        stalling.faults["/set.zip" if archive else "/" + FIRST] = ["stall"]
        address = zip_address(running, body) if archive else server.address
        command = [sys.executable, "-c", KILLED, tmp_path / "set", address, manifest]
        process = subprocess.Popen(list(map(str, command)), stderr=subprocess.DEVNULL)
        try:
            assert stalling.stalled.wait(15)
        finally:
            process.kill()
            process.wait(10)
        left = files_of(tmp_path / "set")
        assert FIRST not in left and left.items() <= FILES.items()
        assert files_of(fetch(address)) == FILES
    assert not (tmp_path / "set" / module.STAGING).exists()


# What is committed, and the real set


def test_the_committed_manifest_and_the_terms():
    parts = read_manifest()
    assert len(module.MANIFEST.read_text(encoding="utf-8").splitlines()) == 414
    assert len({part.path for part in parts}) == 414 + 138
    assert sum(part.path.startswith("ClinicalReadings/") for part in parts) == 138
    for folder in FOLDERS:
        assert sum(part.path.startswith(folder + "/MCUCXR_") for part in parts) == 138
    text = terms()
    for words in ("618 MB", "do not redistribute", "National Library of Medicine",
                  "Department of Health and Human Services", "Montgomery County",
                  "10.1109/TMI.2013.2284099", "10.1109/TMI.2013.2290491"):  # fmt: skip
        assert words in text


def test_the_addresses_are_the_library_s_own():
    folder, archive = module.ADDRESSES
    assert folder.startswith("https://data.lhncbc.nlm.nih.gov/")
    assert folder.endswith("/MontgomerySet/")
    assert archive.startswith("http://openi.nlm.nih.gov/") and len(archive.split("=")[1]) == 64


@pytest.mark.real
def test_the_manifest_agrees_with_the_one_of_the_real_set(real_data):
    given = (real_data / "montgomery_sha256.txt").read_text(encoding="utf-8").splitlines()
    rows = {f"{p.sha256} {p.size} MontgomerySet/{p.path}" for p in read_manifest() if p.sha256}
    assert rows == {line for line in given if line.endswith(".png")}


@pytest.mark.real
def test_every_real_reading_passes(real_data):
    readings = [part for part in read_manifest() if part.sha256 is None]
    root = real_data / "montgomery_512"
    assert [part.path for part in readings if not part.is_whole(root / part.path)] == []


@pytest.mark.real
def test_real_files_come_through(real_data, tmp_path, monkeypatch):
    full = real_data / "montgomery_full"
    bodies = {"/" + p.relative_to(full).as_posix(): p.read_bytes() for p in full.rglob("*.*")}
    names = [p.name for p in (full / "CXR_png").iterdir()]
    rows = module.MANIFEST.read_text(encoding="utf-8").splitlines()
    manifest = tmp_path / "manifest.txt"
    manifest.write_text(
        "\n".join(row for row in rows if row.endswith(tuple(names))), encoding="utf-8"
    )
    monkeypatch.setattr(module, "MANIFEST", manifest)
    try:
        with Loopback(bodies) as running:
            monkeypatch.setattr(module, "ADDRESSES", [running.address])
            found = files_of(download(tmp_path / "set"))
        assert {"/" + path: body for path, body in found.items()} == bodies
    finally:
        shutil.rmtree(tmp_path / "set", ignore_errors=True)  # real X-rays do not lie about


@pytest.mark.parametrize(
    ("error", "reason"),
    [(FileNotFoundError("x"), "not there"), (ValueError("x"), "not what the manifest lists"),
     (zipfile.BadZipFile("x"), "not what the manifest lists"),
     (requests.ConnectionError("x"), "no connection, or it stalled or was lost"),
     (requests.HTTPError(response=SimpleNamespace(status_code=500)), "the server answers 500")],
)  # fmt: skip
def test_why_a_file_could_not_be_fetched_is_told_in_words(error, reason):
    def fail():
        raise error

    assert module._problem("a file", fail) == f"a file ({reason})"
    assert module._problem("a file", lambda: "fetched") == ""


def test_what_is_still_missing_is_told_with_two_reasons_for_each_address(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "ADDRESSES", ("http://a/", "http://b.zip#sha256=0#1"))
    monkeypatch.setattr(module, "_from_folder", lambda *_: ["", "p (w)", "", "q (x)", "r (y)"])
    monkeypatch.setattr(module, "_from_archive", lambda *_: ["the archive (z)"])
    missing = [module.Part(f"CXR_png/{name}.png", 1, "0") for name in "pqr"]
    with pytest.raises(DataError) as caught:
        module._fetch_all(tmp_path, missing)
    assert str(caught.value) == (
        "files of the Montgomery set still missing: 3 (from http://a/ p (w), q (x); from "
        "http://b.zip the archive (z)); run the download again, which continues where it "
        f"stopped, or fetch them by hand from http://a/ into {tmp_path}"
    )


def test_a_reading_may_have_as_many_bytes_as_its_limit(tmp_path):
    part = module.Part("a.txt", 60, None)
    start = b"Patient's Sex: F \nPatient's Age: 027Y\n"
    for size in (59, 60, 61):
        (tmp_path / "a.txt").write_bytes(start.ljust(size))
        assert part.is_whole(tmp_path / "a.txt") == (size <= 60)


def test_how_many_files_are_there_already_is_said_first(tmp_path, monkeypatch, capsys):
    parts = [module.Part(name, 1, None) for name in "abc"]
    monkeypatch.setattr(module, "read_manifest", lambda: parts)
    monkeypatch.setattr(module.Part, "is_whole", lambda part, file: part.path == "a")
    monkeypatch.setattr(module, "_fetch_all", lambda root, missing: None)
    assert module.download(tmp_path) == tmp_path
    assert capsys.readouterr().out.endswith(f"\nAlready in {tmp_path}: 1 file.\n")
