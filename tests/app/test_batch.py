"""Which files are looked at and what their masks are called; what is done, and what a row holds."""

import errno
import hashlib
import io
import json
import os
import shutil
import socket
import struct
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from hostile import picture
from PIL import Image as Pillow
from systems import link, pipe

from lungseg_utils.app import batch
from lungseg_utils.app import jobs as jobs_module
from lungseg_utils.app.batch import Plan, open_table, predict_files
from lungseg_utils.app.jobs import Job, find_jobs
from lungseg_utils.app.table import Rows, Settings, close_table, without_formula
from lungseg_utils.app.texts import explained
from lungseg_utils.images import read_xray
from lungseg_utils.masks import LungArea
from lungseg_utils.predict import Prediction
from lungseg_utils.types import DataError, NotAnXray

CHEST = picture()()
JPEG = picture(kind=".jpg")()
SETTINGS = Settings(0.5, "a network")


def filled(folder: Path, *names: str, content: bytes = CHEST) -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return folder


def found_in(*given, **more) -> tuple[list[Job], int]:
    jobs, left_out = find_jobs(*given, **more)
    return list(jobs), left_out


def planned(*given) -> Plan:
    plan = open_table(*given)
    return plan._replace(jobs=list(plan.jobs))


def targets(*paths: Path, **more) -> dict[str, str]:
    jobs, _ = find_jobs(paths, **more)
    return {job.path.name: job.target for job in jobs}


TARGETS = {
    "endings fall off": ({"a.png": "a", "b.JPG": "b", "c.tiff": "c", "d.dcm": "d"}, 0),
    "unless two files share a name": ({"a.png": "a.png", "a.jpg": "a.jpg", "b.png": "b"}, 0),
    "also one that differs in capitals": ({"A.png": "A.png", "a.jpg": "a.jpg"}, 0),
    "a name like another's target": ({"a.png": "a.png", "a.jpg": "a.jpg", "a.png.png": "a.png-2"},
                                     0),
    "other endings stay": ({"a.1.2": "a.1.2", "b": "b"}, 0),
    "hidden files are nobody's": ({"a.png": "a", ".b.png": None, ".c/d.png": None}, 0),
    "a named file and its folder": ({"x.png/y.png": "x.png-2/y", "x.jpg": "x"}, 0),
    "also in capitals": ({"X.PNG/y.png": "X.PNG-2/y", "x.jpg": "x"}, 0),
    "a folder like another's new name": ({"x.png/y.png": "x.png-2/y",
                                          "x.png-2/y.png": "x.png-2/y-2"}, 0),
    "an index is no X-ray": ({"DICOMDIR": None, "a/dicomdir": None, "a/x.png": "a/x"}, 2),
    "folders keep their place": ({"x/a.png": "x/a", "x/y/a.png": "x/y/a", "a.png": "a"}, 0),
}  # fmt: skip


@pytest.mark.parametrize("case", TARGETS)
def test_targets_are_the_names_below_the_folder(case, tmp_path):
    files, left_out = TARGETS[case]
    jobs, others = found_in([filled(tmp_path, *files)])
    found = {job.path.relative_to(tmp_path).as_posix(): job.target for job in jobs}
    assert found == {name: target for name, target in files.items() if target}
    assert others == left_out
    assert [job.name for job in jobs] == [str(job.path) for job in jobs]


def test_what_is_no_x_ray_is_counted_and_left_out(tmp_path):
    filled(tmp_path, "a.png", "b.txt", "c")
    filled(tmp_path, "text.txt", "none", content=b"the lungs are clear")
    filled(tmp_path, "text.png", content=b"named like one: its row says what it is")
    assert found_in([tmp_path])[1] == 2
    assert targets(tmp_path) == {"a.png": "a", "b.txt": "b.txt", "c": "c", "text.png": "text"}


def test_a_file_of_no_known_name_that_cannot_be_read_is_left_out(tmp_path, monkeypatch):
    filled(tmp_path, "a.png", "b")

    def refuse(path, *_, **__):
        raise PermissionError(13, "not yours", str(path))

    monkeypatch.setattr(Path, "open", refuse)
    jobs, left_out = found_in([tmp_path])
    assert [job.target for job in jobs] == ["a"] and left_out == 1


@pytest.mark.parametrize("named", [False, True])
def test_what_has_no_size_is_not_opened(named, tmp_path, monkeypatch):
    """As /proc/kmsg, which waits for ever."""
    filled(tmp_path, "a.png", "b", content=b"")
    monkeypatch.setattr(Path, "open", None)
    jobs, left_out = found_in([tmp_path / "a.png"] if named else [tmp_path])
    assert [job.path.name for job in jobs] == ["a.png"] and left_out == (not named)
    _, failure = batch._read(jobs[0].path)
    says = f"{tmp_path / 'a.png'} is empty: fetch or export it again"
    assert str(failure) == says and type(failure) is DataError


def test_files_that_are_named_are_taken_as_they_are_and_once(tmp_path):
    filled(tmp_path, "a.png", content=b"")
    file, gone = tmp_path / "a.png", tmp_path / "gone.txt"
    jobs, left_out = found_in([file, gone, file])
    assert jobs == [Job(file, str(file), "a", True), Job(gone, str(gone), "gone.txt", True)]
    assert left_out == 0


def test_of_several_folders_each_gives_its_name(tmp_path):
    one, other = filled(tmp_path / "one", "a.png"), filled(tmp_path / "other", "x/a.png")
    assert [job.target for job in found_in([one, other])[0]] == ["one/a", "other/x/a"]
    assert [job.target for job in found_in([one])[0]] == ["a"]


@pytest.mark.parametrize("given", [("", "a.png"), ("a.png", ""), ("", "x", "a.png")])
def test_what_is_named_and_lies_in_a_folder_too_is_looked_at_once(given, tmp_path):
    folder = filled(tmp_path / "in", "a.png", "x/b.png")
    jobs, _ = found_in([folder / name for name in given])
    assert sorted((job.path.name, job.named) for job in jobs) == [("a.png", True), ("b.png", False)]
    assert len({job.target for job in jobs}) == 2


def test_a_pattern_finds_files_as_a_shell_does(tmp_path):
    filled(tmp_path, "w1/a.png", "w2/x/a.png", "w2/b.dcm", "w[1].png")
    jobs, left_out = found_in([tmp_path / "w*/**/*.png"])
    assert [(job.target, job.named) for job in sorted(jobs)] == [("w1/a", True), ("w2/x/a", True)]
    assert left_out == 0
    assert targets(tmp_path / "w[1].png") == {"w[1].png": "w[1]"}, "a file of that name comes first"
    (none,), _ = found_in([tmp_path / "q*.png"])
    assert none.path == tmp_path / "q*.png", "its row says that there is no such file"


def test_a_list_of_files_is_read_a_line_a_path(tmp_path, monkeypatch):
    filled(tmp_path, "in/p1/1.png", "in/p2/1.png", "in/p2/gone")
    (tmp_path / "list.txt").write_text(
        f"in/p1/1.png\n\n{tmp_path}/in/p2/1.png\r\n in/no.png \n", encoding="utf-8"
    )
    monkeypatch.chdir(tmp_path / "in")
    jobs, left_out = found_in([Path(f"@{tmp_path / 'list.txt'}")])
    assert [job.target for job in jobs] == ["p1/1", "p2/1", "in/no"]
    assert all(job.named for job in jobs) and left_out == 0
    assert jobs[0].path == tmp_path / "in/p1/1.png", "from the list's own folder"
    filled(tmp_path / "in", "in/p1/1.png")
    assert found_in([Path("@../list.txt")])[0][0].path == Path("in/p1/1.png"), "or the current one"


def test_a_column_of_a_table_is_a_list(tmp_path):
    filled(tmp_path, "a.png", "b, c.png", "table.csv")
    (tmp_path / "table.csv").write_text(
        '\ufeffid,path\n1,a.png\n2,"b, c.png"\n3,\n', encoding="utf-8"
    )
    assert targets(Path(f"@{tmp_path / 'table.csv'}:path")) == {"a.png": "a", "b, c.png": "b, c"}
    with pytest.raises(ValueError, match=r"has no column name: choose one of \['id', 'path'\]"):
        found_in([Path(f"@{tmp_path / 'table.csv'}:name")])
    with pytest.raises(FileNotFoundError, match=r"there is no list .*none\.txt: name"):
        found_in([Path(f"@{tmp_path / 'none.txt'}")])
    filled(tmp_path, "@x.png")
    assert targets(tmp_path / "@x.png") == {"@x.png": "@x"}


def test_no_folder_of_masks_holds_very_many(tmp_path, monkeypatch):
    monkeypatch.setattr(jobs_module, "MOST_TOGETHER", 5)
    names = [f"{number}.png" for number in range(6)]
    filled(tmp_path, *names, *(f"five/{name}" for name in names[:5]))
    found = [job.target for job in found_in([tmp_path])[0]]
    assert len(set(found)) == 11 and all(one.startswith("five/") for one in found[6:])
    for name, target in zip(names, found, strict=False):
        part = target.split("/")[0]
        assert len(part) == 2 and set(part) <= set("0123456789abcdef")
        assert part == hashlib.sha256(name.removesuffix(".png").encode()).hexdigest()[:2]
    assert [jobs_module._part("x", count) for count in (10, 600, 10_000)] == ["2d", "2d", "2d7"]


LONG = {
    "as long as may be": ("x" * 251 + ".png", "x" * 251),
    "a suffix that is no known one": ("x" * 255, "x" * 242 + "-"),
    "letters of three bytes": ("\u80f8" * 85, "\u80f8" * 80 + "-"),
    "letters of four bytes": ("\U0001fac1" * 63, "\U0001fac1" * 60 + "-"),
    "bytes that are no text": ("\udcff" + "y" * 254, "y" * 241 + "-"),
}  # fmt: skip


@pytest.mark.parametrize("case", LONG)
def test_a_name_that_is_too_long_with_png_is_cut_between_letters(case, tmp_path):
    name, begins = LONG[case]
    ((_, target),) = targets(filled(tmp_path, name)).items()
    assert target.startswith(begins) and len(target) - len(begins) == 8 * begins.endswith("-")
    filled(tmp_path / "out", f"{target}.png")


def test_names_that_are_cut_alike_stay_two_and_twins_are_numbered(tmp_path):
    long = "x" * 254
    found = targets(
        filled(tmp_path, f"{long}a", f"{long}b", f"{'y' * 251}.png", f"{'y' * 251}.jpg")
    )
    assert len({target.lower() for target in found.values()}) == 4
    filled(tmp_path / "out", *(f"{target}.png" for target in found.values()))
    same = [filled(tmp_path / place / "in", f"{long}a") for place in "pqr"]
    jobs, _ = found_in(same)
    assert len({job.target for job in jobs}) == 3
    filled(tmp_path / "other", *(f"{job.target}.png" for job in jobs))


@pytest.mark.parametrize("given", ["..png", ".png", ".", "..", "/", "a/..", ""])
def test_any_name_can_be_given(given, tmp_path, monkeypatch):
    """Files of such names are not there; a folder's name may be no name of a mask."""
    empty = tmp_path / "in" / "empty"
    empty.mkdir(parents=True)
    monkeypatch.chdir(empty)
    monkeypatch.setattr(os, "walk", lambda top, **_: [(top, [], [])])
    assert len(found_in([Path(given), tmp_path / "x.png"])[0]) in (1, 2)


def fail_for(monkeypatch, owner, function: str, name: str, error: Exception) -> None:
    """Have a function that takes a path raise an error for the files of this name."""
    whole = getattr(owner, function)

    def failing(path, *more, **named):
        if Path(path).name == name:
            raise error
        return whole(path, *more, **named)

    monkeypatch.setattr(owner, function, failing)


def os_error(number: int) -> OSError:
    return OSError(number, os.strerror(number), "somewhere")


FOUND_AS = {  # what is said of the files b.png and b that cannot be processed: a row, or left out
    "not permitted": (errno.EACCES, ["b.png"]),
    "a name that is too long": (errno.ENAMETOOLONG, ["b.png"]),
    "a disk that fails": (errno.EIO, ["b.png"]),
    "gone by now": (errno.ENOENT, []),
    "a link to itself": (errno.ELOOP, []),
}


@pytest.mark.parametrize("case", FOUND_AS)
def test_a_file_that_cannot_be_looked_at_stops_no_search(case, tmp_path, monkeypatch):
    number, names = FOUND_AS[case]
    filled(tmp_path, "a.png", "b.png", "b", "c.png")
    for name in ("b.png", "b"):
        fail_for(monkeypatch, Path, "stat", name, os_error(number))
    jobs, left_out = found_in([tmp_path])
    assert [job.path.name for job in jobs] == ["a.png", *names, "c.png"]
    assert left_out == 2 - len(names)


@pytest.mark.parametrize("error, rows", [
    (os_error(errno.ENOENT), []), (os_error(errno.EACCES), ["x"]), (os_error(errno.EIO), ["x"]),
    (OSError(errno.EIO, "while it was listed"), ["in"]),
])  # fmt: skip
def test_a_folder_that_cannot_be_listed_has_a_row_unless_it_is_gone(
    error, rows, tmp_path, monkeypatch
):
    folder = filled(tmp_path / "in", "a.png", "x/b.png", "y/c.png")
    error.filename = str(folder / "x") if error.filename else None
    fail_for(monkeypatch, os, "scandir", "x", error)
    jobs, left_out = found_in([folder])
    assert [job.path.name for job in jobs] == ["a.png", "c.png", *rows] and left_out == 0


def test_what_is_no_file_is_left_out(tmp_path, monkeypatch):
    filled(tmp_path, "a.png")
    pipe(tmp_path / "pipe.png")
    monkeypatch.chdir(tmp_path)  # on macOS the name of a socket has room for 104 bytes
    with socket.socket(socket.AF_UNIX) as door:
        door.bind("door.png")
    (tmp_path / "link.png").symlink_to("a.png")
    (tmp_path / "itself.png").symlink_to("itself.png")
    (tmp_path / "around").symlink_to("about")
    (tmp_path / "about").symlink_to("around")
    (tmp_path / "up").symlink_to(".")
    jobs, left_out = found_in([tmp_path], ours=[tmp_path / "around", tmp_path / "not there"])
    assert [job.path.name for job in jobs] == ["a.png", "link.png"] and left_out == 5


def test_folders_of_one_name_have_each_its_masks(tmp_path):
    folders = [filled(tmp_path / place, "a.png") for place in ("x/Set", "y/Set", "z/set")]
    assert [job.target for job in found_in(folders)[0]] == [
        "Set/a.png", "Set/a.png-2", "set/a.png-3"
    ]  # fmt: skip


def test_folders_of_one_s_own_are_not_looked_into(tmp_path):
    filled(tmp_path, "a.png", "out/b.png", "out/deep/c.png", "other/d.png")
    assert set(targets(tmp_path, ours=[tmp_path / "out"])) == {"a.png", "d.png"}
    assert len(targets(tmp_path)) == 4


def test_targets_that_are_taken_stay_so(tmp_path):
    filled(tmp_path, "a.png", "b.png")
    taken = Rows()
    taken.put({"file": str(tmp_path / "a.png"), "target": "before"})
    taken.put({"file": "/elsewhere/b.png", "target": "B"})
    assert targets(tmp_path, rows=taken) == {"a.png": "before", "b.png": "b-2"}


@pytest.mark.parametrize(
    "cell, safe",
    [("=1", "./=1"), ("+1", "./+1"), ("-1", "./-1"), ("@a", "./@a"), ("a=1", "a=1"), ("", ""),
     (-1, -1), (None, None), (0.5, 0.5)],
)  # fmt: skip
def test_a_cell_that_a_spreadsheet_would_compute_is_a_path(cell, safe):
    assert without_formula(cell) == safe


WHOLE = {"warnings": [], "quality": 1.0, "lungs": [], "height": 2, "width": 3,
         "spacing_mm": None}  # fmt: skip


def row(name: str, **changed) -> dict:
    stamp = batch.stamp_of(Path(name))
    given = {"file": name, "error": "", "target": Path(name).stem, **SETTINGS._asdict()}
    return {**given, **stamp, **WHOLE, **changed}


@pytest.fixture
def done(tmp_path):
    """A folder of three X-rays and an OUT in which all are done."""
    folder, out = filled(tmp_path / "in", "a.png", "b.png", "c.png"), tmp_path / "out"
    filled(out / "masks", "a.png", "b.png", "c.png")
    names = [str(folder / f"{letter}.png") for letter in "abc"]
    write_rows(out, [row(name) for name in names])
    return folder, out, names


def write_rows(out: Path, rows: list, end: str = "") -> None:
    lines = (json.dumps(one) + "\n" for one in rows)
    (out / "scores.jsonl").write_text("".join(lines) + end, encoding="utf-8")


def kept(out: Path) -> list[str]:
    lines = (out / "scores.jsonl").read_text(encoding="utf-8").splitlines()
    return [Path(json.loads(line)["file"]).name for line in lines]


def left(done, settings=SETTINGS) -> list[str]:
    """The files that are still to do; the others keep their rows."""
    folder, out, names = done
    plan = planned([folder], out, settings)
    found = [job.path.name for job in plan.jobs]
    assert plan[1:] == (3 - len(found), 0, 0)
    assert kept(out) == [name for name in map(os.path.basename, names) if name not in found]
    return found


def test_what_has_a_row_and_a_mask_is_done(done):
    assert left(done) == []


def test_what_lacks_its_mask_is_done_again(done):
    (done[1] / "masks" / "b.png").unlink()
    assert left(done) == ["b.png"]


def test_without_the_masks_all_is_done_again(done):
    shutil.rmtree(done[1] / "masks")
    assert left(done) == ["a.png", "b.png", "c.png"]


@pytest.mark.parametrize("seconds", [10**9, 4 * 10**9])
def test_a_file_of_any_date_is_done_once(seconds, done):
    folder, out, names = done
    os.utime(folder / "b.png", (seconds, seconds))
    write_rows(out, [row(name) for name in names])
    os.utime(out / "masks" / "b.png", (2 * 10**9, 2 * 10**9))
    assert left(done) == []


VERSIONS = {
    "one that is older": ({"seconds": 1}, ["b.png"]),
    "one of the future": ({"seconds": 4 * 10**9}, ["b.png"]),
    "a longer one of the same date": ({"content": CHEST + b"more"}, ["b.png"]),
    "the same": ({}, []),
}


@pytest.mark.parametrize("case", VERSIONS)
def test_another_version_of_a_file_is_done_again(case, done):
    changed, again = VERSIONS[case]
    path = done[0] / "b.png"
    date = path.stat().st_mtime_ns
    path.write_bytes(changed.get("content", CHEST))
    date = 10**9 * changed["seconds"] if "seconds" in changed else date
    os.utime(path, ns=(date, date))
    assert left(done) == again


def test_what_a_killed_command_had_half_written_is_removed_after_an_hour(done):
    _, out, _ = done
    for number, folder in enumerate((out, out / "masks", out / "overlays")):
        filled(folder, f".part-{number}.png", f".part-{number}-young.png", ".other.png")
        for path, age in ((f".part-{number}.png", 3700), (".other.png", 3700)):
            os.utime(folder / path, times=(time.time() - age,) * 2)
    assert left(done) == []
    names = sorted(path.name for path in out.rglob(".*"))
    assert names == [*[".other.png"] * 3, *(f".part-{number}-young.png" for number in range(3))]


@pytest.mark.parametrize("settings", [SETTINGS._replace(threshold=0.4),
                                      SETTINGS._replace(network="another")])  # fmt: skip
def test_another_threshold_or_network_does_all_again(settings, done):
    assert left(done, settings) == ["a.png", "b.png", "c.png"]


def test_what_had_an_error_is_tried_again(done):
    _, out, names = done
    write_rows(out, [row(names[0]), row(names[1], error="it is empty"), row(names[2])])
    assert left(done) == ["b.png"]


def test_the_last_row_of_a_file_counts_and_broken_ones_do_not(done):
    _, out, names = done
    rows = [row(names[0], error="once"), row(names[0]), [1], {"no": "file"}, row(names[1]), None]
    write_rows(out, rows, end='{"file": "cut o')
    assert left(done) == ["c.png"]


DAMAGED = {
    "no text": b"\xff\xfe\x00{}",
    "other bytes within": b'{"file": "\xff\x80", "error": ""}',
    "half a character": b'{"file": "a\\ud8',
    "too deep": b"[" * 100_000,
    "a number of many digits": b'{"file": ' + b"9" * 5000 + b"}",
    "a null": b"\x00" * 50,
    **{f"no {key}": {key: None} for key in row("a")},
    "a list for a file": {"file": ["a"]},
    "a number for a mask": {"target": 3},
    "a mask outside": {"target": "../b"},
    "a mask anywhere": {"target": "/tmp/b"},
    "a lung on no side": {"lungs": [{"image_side": "up", "px": 1, "cm2": 1}]},
    "a lung of no area": {"lungs": [{"image_side": "left"}]},
    "no lungs at all": {"lungs": 5},
    "warnings that are numbers": {"warnings": [1]},
    "a spacing of one number": {"spacing_mm": [1]},
    "the row of another time": {"bytes": 1},
}


@pytest.mark.parametrize("case", DAMAGED)
def test_of_a_damaged_row_the_file_is_done_again(case, done):
    _, out, names = done
    change, whole = DAMAGED[case], row(names[1])
    if isinstance(change, dict):
        ((key, value),) = change.items()
        bad = {**whole, key: value} if value is not None else without(whole, key)
        change = json.dumps(bad).encode()
    lines = [json.dumps(row(names[0])).encode(), change, json.dumps(row(names[2])).encode()]
    (out / "scores.jsonl").write_bytes(b"\n".join(lines) + b"\n")
    close_table(out)
    assert left(done) == ["b.png"]


def without(whole: dict, key: str) -> dict:
    return {name: value for name, value in whole.items() if name != key}


def test_a_row_with_half_a_character_does_not_stop_the_table(tmp_path):
    write_rows(tmp_path, [row("\ud800a\udcff.png")])
    close_table(tmp_path)
    assert b"\n?a\xff.png," in (tmp_path / "scores.csv").read_bytes().replace(b"\r", b"")


def test_rows_of_files_that_are_gone_are_kept(done):
    folder, out, _ = done
    (folder / "a.png").unlink()
    assert planned([folder], out, SETTINGS) == Plan([], 2, 0, 0) and kept(out) == [
        "a.png",
        "b.png",
        "c.png",
    ]


def test_a_mask_keeps_its_name_when_a_file_of_the_same_name_comes_later(done):
    folder, out, _ = done
    filled(folder, "a.jpg")
    plan = planned([folder], out, SETTINGS)
    assert [(job.path.name, job.target) for job in plan.jobs] == [("a.jpg", "a.jpg")]
    assert plan.finished == 3


def test_out_may_lie_in_a_folder_that_is_not_there_yet(tmp_path):
    folder, out = filled(tmp_path / "in", "a.png"), tmp_path / "new" / "out"
    assert planned([folder], out, SETTINGS)[1:] == (0, 0, 0) and out.is_dir()


def no_xray(path) -> None:
    raise NotAnXray(f"{path} is a mask: choose an X-ray")


def test_what_is_no_x_ray_of_a_folder_is_left_out_and_read_once(done, monkeypatch):
    folder, out, _ = done
    filled(folder, "mask.png")
    monkeypatch.setattr(batch, "read_xray", no_xray)
    plan = planned([folder], out, SETTINGS)
    (found,) = predict_files(plan.jobs, [], out, SETTINGS)
    path = folder / "mask.png"
    known = {"file": str(path), "error": "", "target": "", **SETTINGS._asdict()}
    said = f"{path} is a mask: choose an X-ray"
    assert found == {**known, **batch.stamp_of(path), "left_out": said}
    close_table(out)
    assert len((out / "scores.csv").read_text(encoding="utf-8").splitlines()) == 4, (
        "a head and three X-rays"
    )
    assert planned([folder], out, SETTINGS) == Plan([], 3, 0, 1)
    others = planned([folder], out, SETTINGS._replace(network="another"))
    assert (len(others.jobs), others.left_out) == (3, 1), "a mask for every network"
    os.utime(path, (1, 1))
    assert [job.path for job in planned([folder], out, SETTINGS).jobs][-1] == path


def test_what_is_no_x_ray_and_was_named_has_an_error(done, monkeypatch):
    folder, out, _ = done
    path = filled(folder, "mask.png") / "mask.png"
    monkeypatch.setattr(batch, "read_xray", no_xray)
    for given in ([folder], [path], [folder, path], [path]):
        plan = planned(given, out, SETTINGS)
        (found,) = predict_files(plan.jobs, [], out, SETTINGS)
        named = path in given
        assert bool(found["error"]) == named and ("left_out" in found) == (not named)


FOUND = Prediction((2, 3), (0.5, 0.25), np.zeros((2, 2)), np.zeros((2, 2)),
                   np.zeros((2, 2)), ("a note",), 0.5)  # fmt: skip


def test_a_row_holds_what_was_found(monkeypatch):
    areas = (LungArea("left", 4, 0.126), LungArea("right", 5, None))
    monkeypatch.setitem(FOUND.__dict__, "areas", areas)
    monkeypatch.setattr(Prediction, "warnings", ("first", "second"))
    monkeypatch.setattr(Prediction, "quality", 0.987654)
    assert batch._facts(FOUND) == {
        "warnings": ["first", "second"],
        "quality": 0.9877,
        "lungs": [
            {"image_side": "left", "patient_side": "right", "px": 4, "cm2": 0.13},
            {"image_side": "right", "patient_side": "left", "px": 5, "cm2": None},
        ],
        "height": 2,
        "width": 3,
        "spacing_mm": (0.5, 0.25),
    }


def test_a_table_has_a_row_a_file_and_empty_cells_where_nothing_is_known(tmp_path):
    lungs = [{"image_side": "right", "patient_side": "left", "px": 5, "cm2": None}]
    known = row("b.png", warnings=["one", "two"], quality=0.5, lungs=lungs)
    write_rows(tmp_path, [row("a.png", error="it is empty", target=""), known])
    close_table(tmp_path)
    head, *lines = (tmp_path / "scores.csv").read_text(encoding="utf-8").splitlines()
    assert head == (
        "file,error,warnings,quality,image_left_patient_right_px,image_left_patient_right_cm2,"
        "image_right_patient_left_px,image_right_patient_left_cm2,height,width,row_mm,column_mm,"
        "threshold,network,target"
    )
    assert lines == [
        "a.png,it is empty,,,,,,,,,,,0.5,a network,",
        "b.png,,one; two,0.5,,,5,,2,3,,,0.5,a network,b",
    ]


def test_a_table_of_nothing_has_its_columns(tmp_path):
    close_table(tmp_path)
    assert (tmp_path / "scores.csv").read_text(encoding="utf-8").startswith("file,error,")


CHECK = "{} cannot be opened: check its permissions"
AGAIN = "{} cannot be read: export it again"
READING = {  # what reading may raise, and the sentence
    MemoryError(): "{} does not fit into memory: export it smaller",
    os_error(errno.EACCES): CHECK,
    os_error(errno.EPERM): CHECK,
    os_error(errno.EIO): "{} cannot be read (Input/output error): export it again",
    os_error(errno.ENAMETOOLONG): "{} cannot be read (File name too long): export it again",
    os_error(errno.ENOSPC): "{} cannot be read (No space left on device): export it again",
    os_error(errno.ENOENT): "there is no file {}: check the path",
    FileNotFoundError("there is none"): "there is no file {}: check the path",
    OSError("unrecognized data stream"): AGAIN,
    DataError("it is empty"): "it is empty",
    **{error: AGAIN for error in (
        RecursionError("deep"), KeyError("Rows"), TypeError("no int"), struct.error("4 bytes"),
        ValueError("bad"), AttributeError("x"), IndexError("3"), ZeroDivisionError("0"),
        OverflowError("big"), EOFError("end"), AssertionError(), NotImplementedError(),
        UnicodeDecodeError("ascii", b"\xff", 0, 1, "no"), StopIteration(), RuntimeError("odd"),
        SyntaxError("x"), BufferError("x"), ImportError("x"), Exception("any"))},
}  # fmt: skip


@pytest.mark.parametrize("error", READING, ids=repr)
def test_whatever_reading_a_file_causes_is_one_sentence(error, monkeypatch, tmp_path):
    filled(tmp_path, "a.png", "b.png", "c.png")
    fail_for(monkeypatch, batch, "read_xray", "b.png", error)
    rows = run(tmp_path, monkeypatch)
    assert [bool(one["error"]) for one in rows] == [False, True, False]
    assert rows[1]["error"] == READING[error].format(tmp_path / "b.png")


LOOKING = {  # what the networks or the drawing may raise
    MemoryError(): "{} does not fit into memory: export it smaller",
    **{error: "{} cannot be processed: export it again" for error in (
        ValueError("bad"), RecursionError("deep"), KeyError("x"), TypeError("x"))},
}  # fmt: skip


@pytest.mark.parametrize("step", ["predict", "draw"])
@pytest.mark.parametrize("error", LOOKING, ids=repr)
def test_whatever_looking_at_a_file_causes_is_one_sentence(error, step, monkeypatch, tmp_path):
    filled(tmp_path, "a.png", "b.png", "c.png")
    rows = run(tmp_path, monkeypatch, **{step: error})
    says = LOOKING[error].format(tmp_path / "b.png")
    assert [one["error"] for one in rows] == ["", says, ""]
    assert sorted(path.name for path in (tmp_path / "out").rglob("b.png")) == []
    assert len(run(tmp_path, monkeypatch)) == 1, "the same command goes on"


WRITING = {  # what a disk may say of one name
    errno.ENAMETOOLONG: "File name too long", errno.EINVAL: "Invalid argument",
    errno.EILSEQ: "Invalid or incomplete multibyte or wide character",
    errno.EISDIR: "Is a directory", errno.ENOTDIR: "Not a directory", errno.EEXIST: "File exists",
    errno.ELOOP: "Too many levels of symbolic links", errno.EPERM: "Operation not permitted",
}  # fmt: skip


@pytest.mark.parametrize("number", WRITING, ids=errno.errorcode.get)
def test_a_name_that_the_disk_refuses_has_a_row(number, monkeypatch, tmp_path):
    filled(tmp_path, "a.png", "b.png", "c.png")
    fail_for(monkeypatch, batch, "write_png", "b.png", os_error(number))
    says = f"{tmp_path / 'b.png'} has a mask that cannot be written ({os.strerror(number)}): rename"
    assert [one["error"] for one in run(tmp_path, monkeypatch)] == ["", f"{says} the file", ""]


@pytest.mark.parametrize("number", sorted(batch.FATAL), ids=errno.errorcode.get)
def test_a_disk_that_takes_no_more_ends_the_run(number, monkeypatch, tmp_path):
    filled(tmp_path, "a.png", "b.png", "c.png")
    fail_for(monkeypatch, batch, "write_png", "b.png", os_error(number))
    with pytest.raises(OSError) as caught:
        run(tmp_path, monkeypatch)
    assert caught.value.errno == number and kept(tmp_path / "out") == ["a.png"]
    why = os.strerror(number)
    said = f"{tmp_path} cannot be written ({why}): free some space, or use another folder"
    with pytest.raises(OSError) as told, explained(tmp_path):
        raise os_error(number)
    assert str(told.value) == said


@pytest.mark.parametrize("error", [BrokenPipeError(errno.EPIPE, "x"), OSError("our own words")])
def test_what_is_not_of_the_disk_is_as_it_was(error, tmp_path):
    with pytest.raises(OSError) as caught, explained(tmp_path):
        raise error
    assert caught.value is error


def test_a_path_that_is_too_long_has_a_row(monkeypatch, tmp_path):
    """Below OUT it would have more than 4096 bytes."""
    if sys.platform != "linux":
        pytest.skip("other systems take no paths that are nearly as long")
    monkeypatch.chdir(tmp_path)
    place = Path(*["d" * 200] * 19)
    filled(tmp_path, "a.png")
    deep = filled(tmp_path, *(str(Path(*place.parts[:depth], "x.png")) for depth in (1, 19)))
    out = tmp_path / ("o" * 200) / ("p" * 200)
    plan = planned([Path(".")], out, SETTINGS)
    faked(monkeypatch)
    rows = list(predict_files(plan.jobs, [], out, SETTINGS))
    assert [bool(one["error"]) for one in rows] == [False, False, True] and deep == tmp_path
    assert "(File name too long): rename the file" in rows[-1]["error"]


CHANGES = {
    "gone": (lambda path: None, "there is no file {}: check the path"),
    "a folder": (Path.mkdir, CHECK),
    "a pipe": (pipe, "there is no file {}: check the path"),
    "a link to itself": (lambda path: link(path, path.name), "{}"),
}


@pytest.mark.parametrize("case", CHANGES)
def test_what_changes_between_finding_and_reading_has_a_row(case, monkeypatch, tmp_path):
    make, says = CHANGES[case]
    filled(tmp_path, "a.png", "b.png", "c.png")
    plan = planned([tmp_path], tmp_path / "out", SETTINGS)
    (tmp_path / "b.png").unlink()
    make(tmp_path / "b.png")
    faked(monkeypatch)
    rows = list(predict_files(plan.jobs, [], tmp_path / "out", SETTINGS))
    assert [bool(one["error"]) for one in rows] == [False, True, False]
    assert says.format(tmp_path / "b.png") in rows[1]["error"]


def test_a_file_that_changes_while_it_is_read_is_done_again(monkeypatch, tmp_path):
    filled(tmp_path, "a.png", "b.png")

    def read(path):
        found = read_xray(path)
        if path.name == "b.png" and path.read_bytes() == CHEST:
            path.write_bytes(CHEST + b"more")
        return found

    monkeypatch.setattr(batch, "read_xray", read)
    assert len(run(tmp_path, monkeypatch)) == 2
    assert [Path(one["file"]).name for one in run(tmp_path, monkeypatch)] == ["b.png"]
    assert run(tmp_path, monkeypatch) == []


def faked(monkeypatch, **errors: Exception) -> None:
    """Networks that find the same in every file, but for the errors of steps at the second."""
    made = {"predict": FOUND, "draw": np.zeros((2, 3, 3), np.uint8)}

    def step(name):
        asked = []

        def do(*_):
            asked.append(name)
            if name in errors and len(asked) == 2:
                raise errors[name]
            return made[name]

        return do

    for name in made:
        monkeypatch.setattr(batch, name, step(name))


def run(folder: Path, monkeypatch, **errors: Exception) -> list[dict]:
    """The rows of a run with networks that find the same in every file."""
    faked(monkeypatch, **errors)
    plan = planned([folder], folder / "out", SETTINGS)
    return list(predict_files(plan.jobs, [], folder / "out", SETTINGS))


KEPT = {
    "run lengths": (batch.Kept("rle", False), []),
    "areas alone": (batch.Kept("none", False), []),
    "outlines alone": (batch.Kept("none", True), ["overlays"]),
    "all": (batch.Kept(), ["masks", "overlays"]),
}


@pytest.mark.parametrize("case", KEPT)
def test_no_more_is_kept_than_was_asked_for(case, monkeypatch, tmp_path):
    kept, folders = KEPT[case]
    filled(tmp_path, "a.png")
    faked(monkeypatch)
    monkeypatch.setitem(FOUND.__dict__, "mask", np.array([[0, 1, 1], [1, 0, 0]], bool))
    plan = planned([tmp_path], tmp_path / "out", SETTINGS, kept)
    (row,) = predict_files(plan.jobs, [], tmp_path / "out", SETTINGS, kept)
    assert sorted(path.parent.name for path in (tmp_path / "out").rglob("a.png")) == folders
    assert row.get("rle") == ("2 3" if kept.masks == "rle" else None)
    assert planned([tmp_path], tmp_path / "out", SETTINGS, kept).jobs == []
    for other, lacks in (("png", "masks" not in folders), ("rle", kept.masks != "rle")):
        again = planned([tmp_path], tmp_path / "out", SETTINGS, batch.Kept(other, False)).jobs
        assert bool(again) == lacks
        if again:
            return


def test_files_are_looked_at_in_turn_with_their_settings(monkeypatch, tmp_path):
    """One is read ahead of the networks, and each has its row before the next but one is begun."""
    filled(tmp_path, "a.png", "c.png")
    asked, out = [], tmp_path / "out"
    planned([], out, SETTINGS)

    def predict(models, image, spacing_mm, threshold, notes):
        asked.append((models, image.shape, spacing_mm, threshold, notes))
        return FOUND

    monkeypatch.setattr(batch, "predict", predict)
    monkeypatch.setattr(batch, "draw", lambda image, found: np.zeros((*image.shape, 3), np.uint8))
    jobs = [Job(tmp_path / f"{letter}.png", letter, f"t/{letter}") for letter in "abc"]
    settings = Settings(0.25, "these")
    rows = list(predict_files(jobs, ["a model"], out, settings))
    assert asked == [(["a model"], (256, 256), None, 0.25, ())] * 2
    assert [one["file"] for one in rows] == list("abc") == kept(out)
    assert rows[0].items() >= batch.stamp_of(tmp_path / "a.png").items() != set()
    assert rows[1] == {"file": "b", "error": f"there is no file {jobs[1].path}: check the path",
                       "target": "", "threshold": 0.25, "network": "these"}  # fmt: skip
    assert rows[0]["target"] == "t/a" and rows[0].items() >= settings._asdict().items()
    for folder in ("masks", "overlays"):
        assert sorted(path.name for path in (out / folder / "t").iterdir()) == ["a.png", "c.png"]
    assert list(predict_files([], [], out, settings)) == []


def test_an_earlier_out_within_a_folder_is_not_looked_into(tmp_path):
    filled(tmp_path, "a.png", "found/overlays/a.png", "found/scores.jsonl", "other/b.png")
    assert targets(tmp_path) == {"a.png": "a", "b.png": "other/b"}


def test_a_name_of_dots_is_kept_whole(tmp_path):
    assert targets(filled(tmp_path, "x/...png", "x/b.png")) == {"b.png": "x/b"}
    (job,) = found_in([tmp_path / "x" / "...png"])[0]
    assert job.target == "...png"


def test_pictures_and_masks_are_read_back_as_they_were():
    noise = np.random.default_rng(0)
    picture = noise.integers(0, 256, (37, 53, 3), dtype=np.uint8)
    read = Pillow.open(io.BytesIO(batch.as_png(picture)))
    assert read.mode == "RGB" and np.array_equal(read, picture)
    mask = noise.random((37, 53)) < 0.5
    read = Pillow.open(io.BytesIO(batch.as_png(mask)))
    assert read.mode == "1" and np.array_equal(read, mask)  # 1 bit
