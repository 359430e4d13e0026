"""Which files are looked at and what their masks are called; what is done, and what a row holds."""

import json
import os
from pathlib import Path

import numpy as np
import pytest
from hostile import picture

from lungseg_utils.app import batch
from lungseg_utils.app.batch import Settings, close_table, open_table, predict_files
from lungseg_utils.app.jobs import Job, find_jobs, without_formula
from lungseg_utils.masks import LungArea
from lungseg_utils.predict import Prediction

CHEST = picture()()
JPEG = picture(kind=".jpg")()
SETTINGS = Settings(0.5, "a network")


def filled(folder: Path, *names: str, content: bytes = CHEST) -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return folder


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
    "folders keep their place": ({"x/a.png": "x/a", "x/y/a.png": "x/y/a", "a.png": "a"}, 0),
}  # fmt: skip


@pytest.mark.parametrize("case", TARGETS)
def test_targets_are_the_names_below_the_folder(case, tmp_path):
    files, left_out = TARGETS[case]
    jobs, others = find_jobs([filled(tmp_path, *files)])
    found = {job.path.relative_to(tmp_path).as_posix(): job.target for job in jobs}
    assert found == {name: target for name, target in files.items() if target}
    assert others == left_out
    assert [job.name for job in jobs] == [str(job.path) for job in jobs]


def test_what_is_no_x_ray_is_counted_and_left_out(tmp_path):
    filled(tmp_path, "a.png", "b.txt", "c")
    filled(tmp_path, "text.txt", "none", content=b"the lungs are clear")
    filled(tmp_path, "text.png", content=b"named like one: its row says what it is")
    assert find_jobs([tmp_path])[1] == 2
    assert targets(tmp_path) == {"a.png": "a", "b.txt": "b.txt", "c": "c", "text.png": "text"}


def test_a_file_of_no_known_name_that_cannot_be_read_is_left_out(tmp_path, monkeypatch):
    filled(tmp_path, "a.png", "b")

    def refuse(path, *_, **__):
        raise PermissionError(13, "not yours", str(path))

    monkeypatch.setattr(Path, "open", refuse)
    jobs, left_out = find_jobs([tmp_path])
    assert [job.target for job in jobs] == ["a"] and left_out == 1


def test_files_that_are_named_are_taken_as_they_are_and_once(tmp_path):
    filled(tmp_path, "a.png", content=b"")
    file, gone = tmp_path / "a.png", tmp_path / "gone.txt"
    jobs, left_out = find_jobs([file, gone, file])
    assert jobs == [Job(file, str(file), "a"), Job(gone, str(gone), "gone.txt")]
    assert left_out == 0


def test_of_several_folders_each_gives_its_name(tmp_path):
    one, other = filled(tmp_path / "one", "a.png"), filled(tmp_path / "other", "x/a.png")
    assert [job.target for job in find_jobs([one, other])[0]] == ["one/a", "other/x/a"]
    assert [job.target for job in find_jobs([one])[0]] == ["a"]


def test_folders_of_one_name_have_each_its_masks(tmp_path):
    folders = [filled(tmp_path / place, "a.png") for place in ("x/Set", "y/Set", "z/set")]
    assert [job.target for job in find_jobs(folders)[0]] == [
        "Set/a.png", "Set/a.png-2", "set/a.png-3"
    ]  # fmt: skip


def test_folders_of_one_s_own_are_not_looked_into(tmp_path):
    filled(tmp_path, "a.png", "out/b.png", "out/deep/c.png", "other/d.png")
    assert set(targets(tmp_path, ours=[tmp_path / "out"])) == {"a.png", "d.png"}
    assert len(targets(tmp_path)) == 4


def test_targets_that_are_taken_stay_so(tmp_path):
    filled(tmp_path, "a.png", "b.png")
    taken = {str(tmp_path / "a.png"): "before", "/elsewhere/b.png": "B"}
    assert targets(tmp_path, taken=taken) == {"a.png": "before", "b.png": "b-2"}


@pytest.mark.parametrize(
    "cell, safe",
    [("=1", "./=1"), ("+1", "./+1"), ("-1", "./-1"), ("@a", "./@a"), ("a=1", "a=1"), ("", ""),
     (-1, -1), (None, None), (0.5, 0.5)],
)  # fmt: skip
def test_a_cell_that_a_spreadsheet_would_compute_is_a_path(cell, safe):
    assert without_formula(cell) == safe


def row(name: str, **changed) -> dict:
    return {"file": name, "error": "", "target": Path(name).stem, **SETTINGS._asdict(), **changed}


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
    jobs, finished, _ = open_table([folder], out, settings)
    found = [job.path.name for job in jobs]
    assert finished == 3 - len(found)
    assert kept(out) == [name for name in map(os.path.basename, names) if name not in found]
    return found


def test_what_has_a_row_and_a_mask_is_done(done):
    assert left(done) == []


def test_what_lacks_its_mask_is_done_again(done):
    (done[1] / "masks" / "b.png").unlink()
    assert left(done) == ["b.png"]


@pytest.mark.parametrize("later, again", [(-1, []), (0, []), (1, ["b.png"])])
def test_what_is_newer_than_its_mask_is_done_again(later, again, done):
    folder, out, _ = done
    os.utime(out / "masks" / "b.png", (10**9, 10**9))
    os.utime(folder / "a.png", (1, 1))
    os.utime(folder / "b.png", (10**9 + later, 10**9 + later))
    assert left(done) == again


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


def test_rows_of_files_that_are_gone_are_kept(done):
    folder, out, _ = done
    (folder / "a.png").unlink()
    jobs, finished, left_out = open_table([folder], out, SETTINGS)
    assert (jobs, finished, left_out) == ([], 2, 0) and kept(out) == ["a.png", "b.png", "c.png"]


def test_a_mask_keeps_its_name_when_a_file_of_the_same_name_comes_later(done):
    folder, out, _ = done
    filled(folder, "a.jpg")
    jobs, finished, _ = open_table([folder], out, SETTINGS)
    assert [(job.path.name, job.target) for job in jobs] == [("a.jpg", "a.jpg")] and finished == 3


def test_out_may_lie_in_a_folder_that_is_not_there_yet(tmp_path):
    folder, out = filled(tmp_path / "in", "a.png"), tmp_path / "new" / "out"
    assert open_table([folder], out, SETTINGS)[1:] == (0, 0) and out.is_dir()


FOUND = Prediction((2, 3), (0.5, 0.25), np.zeros((2, 2)), np.zeros((2, 2)), 0.987654,
                   ("a note",), 0.5)  # fmt: skip


def test_a_row_holds_what_was_found(monkeypatch):
    areas = (LungArea("left", 4, 0.126), LungArea("right", 5, None))
    monkeypatch.setitem(FOUND.__dict__, "areas", areas)
    monkeypatch.setattr(Prediction, "warnings", ("first", "second"))
    assert batch._facts(FOUND) == {
        "warnings": ["first", "second"],
        "confidence": 0.9877,
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
    known = row("b.png", warnings=["one", "two"], confidence=0.5, lungs=lungs, height=2, width=3)
    write_rows(tmp_path, [row("a.png", error="it is empty", target=""), known])
    close_table(tmp_path)
    head, *lines = (tmp_path / "scores.csv").read_text(encoding="utf-8").splitlines()
    assert head == (
        "file,error,warnings,confidence,image_left_patient_right_px,image_left_patient_right_cm2,"
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


@pytest.mark.parametrize(
    "error, says",
    [(MemoryError(), "{} does not fit into memory: export it smaller"),
     (PermissionError(13, "Permission denied"), "{}: Permission denied"),
     (OSError("no such device"), "no such device"), (ValueError("it is empty"), "it is empty")],
    ids=str,
)  # fmt: skip
def test_whatever_a_file_causes_is_one_sentence(error, says, monkeypatch, tmp_path):
    def fail(path):
        raise error

    monkeypatch.setattr(batch, "read_xray", fail)
    path = tmp_path / "a.png"
    assert batch._read(path) == says.format(path)
    assert batch._read(tmp_path) == f"{tmp_path} cannot be opened: check its permissions"


def test_files_are_looked_at_in_turn_with_their_settings(monkeypatch, tmp_path):
    """One is read ahead of the networks, and each has its row before the next but one is begun."""
    filled(tmp_path, "a.png", "c.png")
    asked, out = [], tmp_path / "out"
    open_table([], out, SETTINGS)

    def predict(models, image, spacing_mm, joint, threshold, notes):
        asked.append((models, image.shape, spacing_mm, joint, threshold, notes))
        return FOUND

    monkeypatch.setattr(batch, "predict", predict)
    monkeypatch.setattr(batch, "draw", lambda image, found: np.zeros((*image.shape, 3), np.uint8))
    jobs = [Job(tmp_path / f"{letter}.png", letter, f"t/{letter}") for letter in "abc"]
    settings = Settings(0.25, "these")
    rows = list(predict_files(jobs, ["a model"], out, settings))
    assert asked == [(["a model"], (256, 256), None, False, 0.25, ())] * 2
    assert [one["file"] for one in rows] == list("abc") == kept(out)
    assert rows[1] == {"file": "b", "error": f"there is no file {jobs[1].path}: check the path",
                       "target": "", "threshold": 0.25, "network": "these"}  # fmt: skip
    assert rows[0]["target"] == "t/a" and rows[0].items() >= settings._asdict().items()
    for folder in ("masks", "overlays"):
        assert sorted(path.name for path in (out / folder / "t").iterdir()) == ["a.png", "c.png"]
    assert list(predict_files([], [], out, settings)) == []
