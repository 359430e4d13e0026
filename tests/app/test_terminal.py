"""The terminal's door: what it writes, what it says, and what it survives."""

import contextlib
import csv
import errno
import functools
import json
import os
import re
import signal
import subprocess
import sys
import time
import warnings
from functools import partial
from pathlib import Path

import cv2
import keras
import numpy as np
import pytest
from hostile import INPUTS, dicom, picture
from scipy import ndimage
from sets import write_set
from systems import pipe, posix
from tqdm import tqdm

from lungseg_utils import losses
from lungseg_utils.app import arguments, batch, doctor, terminal
from lungseg_utils.app import networks as networks_module
from lungseg_utils.app.jobs import find_jobs
from lungseg_utils.app.networks import OnnxNetwork, load_networks, load_own
from lungseg_utils.app.table import FORMULA, TABLE_COLUMNS, Rows
from lungseg_utils.app.terminal import main
from lungseg_utils.images import decode_xray, read_image, read_xray
from lungseg_utils.masks import lung_areas, read_lungs
from lungseg_utils.metrics import dice
from lungseg_utils.phantom import RARE
from lungseg_utils.predict import predict, predict_mask
from lungseg_utils.pretrained import (
    MONTGOMERY,
    SHIPPED,
    SIMULATED,
    load_pretrained,
    pretrained_facts,
)
from lungseg_utils.radiographs import load_records
from lungseg_utils.recipes import COURSE_AT
from lungseg_utils.types import NotAnXray

CHEST = picture()()
USING = Path(__file__).resolve().parents[2] / "USING.md"
COMMANDS = "predict", "report", "serve", "doctor", "download", "phantom", "train", "evaluate"


@pytest.fixture(scope="module", autouse=True)
def networks():
    """The networks that ship, loaded and compiled once for all runs in this process."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(networks_module, "OnnxNetwork", functools.cache(OnnxNetwork))
        yield


@pytest.fixture(scope="module")
def odd(tmp_path_factory):
    """A folder of all odd files, and what `lungseg predict` made of it: folder, OUT, rows."""
    root = tmp_path_factory.mktemp("odd")
    folder, out = root / "in", root / "out"
    folder.mkdir()
    for one in INPUTS:
        (folder / one.name).write_bytes(one.content())
    failed = sum(bool(one.error) for one in INPUTS)
    files = sorted(map(str, folder.iterdir()))
    assert main(["predict", *files, "-o", str(out)]) == min(failed, 63)
    assert sorted(path.name for path in root.iterdir()) == ["in", "out"]
    assert len(files) == len(INPUTS)
    return folder, out, {Path(row["file"]).name: row for row in rows(out)}


def rows(out: Path) -> list[dict]:
    return [
        json.loads(line) for line in (out / "scores.jsonl").read_text(encoding="utf-8").splitlines()
    ]


def table(out: Path) -> list[dict]:
    with (out / "scores.csv").open(newline="", encoding="utf-8", errors="surrogateescape") as file:
        return list(csv.DictReader(file))


def read(path: Path) -> np.ndarray:
    return cv2.imread(str(path), cv2.IMREAD_UNCHANGED)


def parts(out: Path) -> list[Path]:
    return list(out.rglob(".part-*"))


@pytest.mark.parametrize("one", INPUTS, ids=lambda one: one.name)
def test_every_odd_file_has_its_row_and_its_sentence(one, odd):
    folder, out, found = odd
    row, target = found[one.name], out / "masks" / f"{found[one.name]['target']}.png"
    if one.error:
        assert one.error in row["error"] and one.name in row["error"]
        assert "\n" not in row["error"] and row["target"] == "" and len(row["error"]) < 400
    else:
        assert row["error"] == "" and any(one.warning in text for text in [*row["warnings"], ""])
        assert bool(one.warning) == bool(row["warnings"]), row["warnings"]
        assert read(target).shape == read_xray(folder / one.name).image.shape
        assert read(out / "overlays" / f"{row['target']}.png").ndim == 3


def test_of_a_folder_what_is_broken_has_an_error_and_a_mask_is_left_out(tmp_path, capsys):
    folder, out = tmp_path / "in", tmp_path / "out"
    folder.mkdir()
    mask = cv2.imencode(".png", np.eye(64, dtype=np.uint8) * 255)[1].tobytes()
    for name, content in {"empty.png": b"", "text.dcm": b"text", "mask.png": mask}.items():
        (folder / name).write_bytes(content)
    for _ in range(2):
        assert main(["predict", str(folder), "-o", str(out)]) == 2
        assert "left out, since they are masks, reports or indexes: 1\n" in capsys.readouterr().err
        found = {Path(row["file"]).name: row for row in rows(out)}
        assert found["mask.png"]["left_out"] and not found["mask.png"]["error"]
        assert [Path(row["file"]).name for row in table(out)] == ["empty.png", "text.dcm"]


def test_the_page_on_using_it_quotes_what_is_said():
    text = " ".join(USING.read_text(encoding="utf-8").split("## Odd files")[1].split())
    quoted = re.findall(r"`FILE (.*?)`", text)
    assert len(quoted) >= 4 and set(quoted) <= {one.error for one in INPUTS}
    assert len(INPUTS) > 70 and "`tests/helpers/hostile.py`" in text


def test_the_row_and_the_mask_are_the_package_s(odd):
    folder, out, found = odd
    row = found["plain.dcm"]
    image, spacing_mm, _ = read_xray(folder / "plain.dcm")
    mask = read(out / "masks" / f"{row['target']}.png")
    assert set(np.unique(mask)) == {0, 255}
    np.testing.assert_array_equal(mask > 0, predict_mask(load_pretrained(MONTGOMERY), image))
    models = [load_pretrained(name) for name in SHIPPED]
    prediction = predict(models, image, spacing_mm)
    assert row["quality"] == pytest.approx(prediction.quality, abs=1e-4)
    for lung, area in zip(row["lungs"], lung_areas(mask > 0, spacing_mm), strict=True):
        assert lung["px"] == area.pixels and lung["cm2"] == pytest.approx(area.cm2, abs=0.01)
        assert {lung["image_side"], lung["patient_side"]} == {"left", "right"}
    assert row["spacing_mm"] == [1.4, 1.7] and (row["height"], row["width"]) == (256, 256)
    by_name = {Path(line["file"]).name: line for line in table(out)}
    line = by_name["plain.dcm"]
    half = (mask[:, :128] > 0).sum()
    assert int(line["image_left_patient_right_px"]) == pytest.approx(half, rel=0.02)
    assert float(line["image_right_patient_left_cm2"]) == row["lungs"][1]["cm2"]
    assert by_name["plain.png"]["image_right_patient_left_cm2"] == ""
    assert len(by_name) == len(INPUTS) and "side view" in by_name["side.dcm"]["warnings"]


def test_the_overlay_shows_the_outline(odd):
    _, out, found = odd
    overlay = read(out / "overlays" / f"{found['plain.dcm']['target']}.png")
    assert (overlay == (0, 159, 230)).all(axis=2).sum() > 500


def test_what_is_done_is_not_done_again_and_what_changed_is(tmp_path, capsys):
    folder, out = tmp_path / "in", tmp_path / "out"
    folder.mkdir()
    for name in ("a.png", "b.png"):
        (folder / name).write_bytes(CHEST)
    (folder / "c.png").write_bytes(b"not yet")
    command = ["predict", str(folder), "-o", str(out)]
    assert main(command) == 1
    made = (out / "masks/a.png").stat().st_mtime_ns
    (folder / "c.png").write_bytes(CHEST)
    os.utime(folder / "b.png", (time.time() + 9, time.time() + 9))
    with (out / "scores.jsonl").open("a", encoding="utf-8") as file:
        file.write('{"file": "cut o')  # as a machine that lost its power leaves it
    assert main(command) == 0
    said = capsys.readouterr()
    assert "done before: 1;" in said.err and "2 new masks in" in said.out
    assert (out / "masks/a.png").stat().st_mtime_ns == made
    assert [row["error"] for row in rows(out)] == [""] * 3 == [row["error"] for row in table(out)]
    assert main(command) == 0
    assert "0 new masks in" in capsys.readouterr().out, "a file of the future is done once"
    old = folder / "old.png"
    old.write_bytes(picture(lambda image: image[:, ::-1])())
    os.utime(old, (1, 1))
    old.replace(folder / "b.png")  # as cp -p and rsync do
    assert main(command) == 0
    assert "1 new mask in" in capsys.readouterr().out
    assert main([*command, "--threshold", "0.3"]) == 0
    assert [row["threshold"] for row in table(out)] == ["0.3"] * 3


def test_a_run_that_is_stopped_leaves_nothing_half_written_and_goes_on(tmp_path):
    folder, out = tmp_path / "in", tmp_path / "out"
    folder.mkdir()
    for number in range(20):
        (folder / f"{number:02}.png").write_bytes(CHEST)
    posix("sends no Ctrl-C to one program alone")
    command = [sys.executable, "-m", "lungseg_utils", "predict", str(folder), "-o", str(out)]
    process = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # a shell lets its background jobs, and their children, ignore Ctrl-C
        preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL),
    )
    while not (out / "scores.jsonl").exists() or len(rows_so_far(out)) < 3:
        assert process.poll() is None
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=120)
    assert (process.returncode, said) == (130, "lungseg: stopped; what was finished is kept\n")
    before = [row["target"] for row in rows(out)]
    assert 3 <= len(before) < 20 and parts(out) == []
    assert len(table(out)) == len(before) == len(list((out / "masks").iterdir()))
    assert all(read(out / "masks" / f"{name}.png").shape == (256, 256) for name in before)
    assert main(["predict", str(folder), "-o", str(out)]) == 0
    assert [row["target"] for row in rows(out)] == [f"{number:02}" for number in range(20)]


def rows_so_far(out: Path) -> list[str]:
    return (out / "scores.jsonl").read_text(encoding="utf-8").splitlines()


NAMES = ["new\nline.png", "esc\x1b[31mape.png", "=cmd|calc.png", "brust röntgen 胸部.png",
         "x" * 251 + ".png", "twin.png", "twin.jpg", "TWIN.tif", "dots.1.2.3", "'; rm -rf.png",
         "$(touch owned).png", "twin.png-2.png", "bytes\udcff.png"]  # fmt: skip


def test_odd_names_stay_within_out_and_have_targets_of_their_own(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folder, out = tmp_path / "in", tmp_path / "out"
    (folder / "below").mkdir(parents=True)
    pipe(folder / "pipe.png")
    names = NAMES if sys.platform == "linux" else NAMES[:-1]  # macOS has no bytes that are no text
    for name in names:
        (folder / name).write_bytes(CHEST)
    (folder / "below" / "twin.png").write_bytes(CHEST)
    (folder / "bad\x1b[2Jname.png").write_bytes(b"")
    (folder / "notes.txt").write_text("the lungs are clear", encoding="utf-8")
    (folder / ".hidden.png").write_bytes(CHEST)
    (folder / "folder.png").mkdir()
    (folder / "loop").symlink_to(folder)
    (folder / "dangling.png").symlink_to(folder / "nowhere")
    assert main(["predict", "in", "-o", "out"]) == 1
    said = capsys.readouterr()
    assert "left out, because their type is unknown: 3\n" in said.err  # notes, pipe, dangling
    assert "\x1b" not in said.err + said.out and "bad\\x1b[2Jname.png" in said.err
    found = rows(out)
    assert {Path(row["file"]).name for row in found} == {*names, "twin.png", "bad\x1b[2Jname.png"}
    masks = [path for path in (out / "masks").rglob("*") if path.is_file()]
    assert len(masks) == len(names) + 1 == len({str(path).lower() for path in masks})
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in", "out"]
    assert main(["predict", "in", "-o", "out"]) == 1
    assert f"done before: {len(names) + 1};" in capsys.readouterr().err


def test_a_name_that_a_spreadsheet_would_compute_is_quoted(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("=1+1.png").write_bytes(CHEST)
    assert main(["predict", "=1+1.png", "-o", "out"]) == 0
    assert [row["file"] for row in table(Path("out"))] == ["./=1+1.png"]


def test_files_of_several_folders_do_not_meet(tmp_path):
    for place in ("one/set", "two/set"):
        (tmp_path / place).mkdir(parents=True)
        (tmp_path / place / "a.png").write_bytes(CHEST)
    jobs, left_out = find_jobs([tmp_path / "one/set", tmp_path / "two/set", tmp_path / "gone.png"])
    assert [job.target for job in jobs] == ["set/a.png", "set/a.png-2", "gone"] and not left_out
    taken = Rows()
    taken.put({"file": str(tmp_path / "one/set/a.png"), "target": "a"})
    again, _ = find_jobs([tmp_path / "two/set"], rows=taken)
    assert [job.target for job in again] == ["a-2"]


def test_a_folder_that_must_not_be_opened_has_a_row(tmp_path, monkeypatch):
    (tmp_path / "in" / "closed").mkdir(parents=True)
    (tmp_path / "in" / "a.png").write_bytes(CHEST)
    scandir = os.scandir

    def guarded(path):
        if Path(path).name == "closed":
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", guarded)
    assert main(["predict", str(tmp_path / "in"), "-o", str(tmp_path / "out")]) == 1
    errors = [row["error"] for row in rows(tmp_path / "out")]
    assert errors == ["", f"{tmp_path / 'in' / 'closed'} cannot be opened: check its permissions"]


def test_out_may_lie_in_the_folder(tmp_path):
    (tmp_path / "a.png").write_bytes(CHEST)
    for _ in range(2):
        assert main(["predict", str(tmp_path), "-o", str(tmp_path)]) == 0
    assert [Path(row["file"]).name for row in rows(tmp_path)] == ["a.png"]


@pytest.mark.parametrize(
    "arguments, says",
    [(["empty", "-o", "out"], "no PNG, JPEG, TIFF or DICOM file was found"),
     (["a.png", "-o", "a.png"], "a.png cannot be written (File exists): free some space"),
     (["a.png", "-o", "a.png/out"], "a.png/out cannot be written (Not a directory): free"),
     (["a.png", "-o", "loop"], "loop cannot be written (File exists): free some space"),
     (["a.png", "-o", "closed"], "closed cannot be written (File exists): free some space"),
     (["a.png", "-o", "out", "--network", "none.keras"], "there is no file none.keras"),
     (["a.png", "-o", "out", "--network", "a.png"], "a.png is not a network that Keras")],
)  # fmt: skip
def test_what_stops_a_run_is_said_in_one_line(arguments, says, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    Path("empty").mkdir()
    Path("closed").mkdir()
    Path("closed/masks").touch()
    posix("says it in other words")
    Path("loop").symlink_to("loop")
    Path("a.png").write_bytes(CHEST)
    assert main(["predict", *arguments]) == 64
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 1 and said[0].startswith("lungseg: ") and says in said[0]
    with pytest.raises((ValueError, OSError)):
        main(["predict", "--debug", *arguments])


ROOM = "free some space, or use another folder"


def test_a_full_disk_stops_the_run(tmp_path, monkeypatch, capsys):
    for name in ("a.png", "b.png", "c.png"):
        (tmp_path / name).write_bytes(CHEST)
    whole = batch.write_png

    def full(path, *rest):
        if path.name == "b.png":
            raise OSError(errno.ENOSPC, "No space left on device", str(path))
        whole(path, *rest)

    monkeypatch.setattr(batch, "write_png", full)
    out = tmp_path / "out"
    assert main(["predict", str(tmp_path), "-o", str(out)]) == 64
    said = capsys.readouterr().err.splitlines()[-1]
    assert said == f"lungseg: {out} cannot be written (No space left on device): {ROOM}"
    assert [row["target"] for row in rows(out)] == ["a"] and len(table(out)) == 1


def test_many_failures_do_not_overflow_the_exit_code(tmp_path):
    for number in range(300):
        (tmp_path / f"{number}.png").write_bytes(b"")
    assert main(["predict", str(tmp_path), "-o", str(tmp_path / "out")]) == 63


def test_a_network_of_one_s_own(tmp_path, monkeypatch, capsys):
    """`train` keeps what `predict` and `evaluate` take."""
    network = load_pretrained(SIMULATED)
    network.compile(keras.optimizers.AdamW(), losses.dice_loss)
    network.optimizer.build(network.trainable_variables)
    monkeypatch.setattr("lungseg_utils.training.train_course", lambda _: Trained(network))
    monkeypatch.setattr("lungseg_utils.start.begin", lambda *_: None)
    kept, xray = tmp_path / "kept" / "mine.keras", tmp_path / "a.dcm"
    assert main(["train", "-o", str(kept)]) == 0
    assert sorted(kept.parent.iterdir()) == [kept, kept.with_suffix(".onnx")]
    assert main(["train", "-o", str(tmp_path / "mine.h5")]) == 1
    said = capsys.readouterr()
    assert "does not end in .keras" in said.err
    light = kept.with_suffix(".onnx")
    assert said.out.splitlines()[-1] == (
        f"The network is in {kept}, and a copy for prediction only is in {light}"
    )
    size, weights = kept.stat().st_size, 4 * network.count_params()
    assert weights < size < 1.2 * weights, "the optimiser is kept too"
    assert not keras.saving.load_model(kept).compiled, "its loss is needed to open it"
    xray.write_bytes(dicom()())
    image = read_xray(xray).image
    for own in (kept, light):
        out = tmp_path / own.suffix
        assert main(["predict", str(xray), "-o", str(out), "--network", str(own)]) == 0
        np.testing.assert_array_equal(read(out / "masks/a.png") > 0, predict_mask(network, image))


class Trained:
    def __init__(self, model):
        self.model = model


def test_a_network_that_makes_no_mask_is_refused(tmp_path):
    inputs = keras.Input((8, 8, 1))
    keras.Model(inputs, keras.layers.Flatten()(inputs)).save(tmp_path / "flat.keras")
    with pytest.raises(ValueError, match="no mask"):
        load_own(tmp_path / "flat.keras")


def test_doctor_tells_what_is_missing_and_what_to_do(monkeypatch, tmp_path, capsys):
    monkeypatch.delenv("LUNGSEG_DATA", raising=False)
    monkeypatch.setenv("LUNGSEG_HOME", str(tmp_path))
    assert main(["doctor"]) == 0
    said = capsys.readouterr().out
    for name in ("Python", "tensorflow", "opencv-python", "device", "memory", "networks"):
        assert f"ok  {name}" in said
    assert "lungseg download" in said
    monkeypatch.setattr(doctor, "_version", lambda name: None)
    monkeypatch.setenv("LUNGSEG_DATA", str(tmp_path / "gone"))
    assert main(["doctor"]) == 1
    said = capsys.readouterr().out
    for extra in ("course", "dicom"):
        assert f'pip install "lungseg-utils[{extra}]"' in said
    assert "set LUNGSEG_DATA to another folder" in said


def test_without_pydicom_a_dicom_file_says_what_to_install(monkeypatch, tmp_path):
    (tmp_path / "a.dcm").write_bytes(dicom()())
    monkeypatch.setitem(sys.modules, "pydicom", None)
    with pytest.raises(ValueError, match=r'pip install "lungseg-utils\[dicom\]"'):
        read_xray(tmp_path / "a.dcm")


@pytest.mark.real
def test_native_files_score_as_the_benchmarks_score_them(real_data, tmp_path):
    """The mask in the file has the Dice of `predict_mask`, at 20 megapixels."""
    network = load_pretrained(MONTGOMERY)
    records = load_records(real_data / "montgomery_full")[::6]
    files = [str(record.image_path) for record in records]
    assert main(["predict", *files, "-o", str(tmp_path)]) == 0
    for record in records:
        lungs, mask = read_lungs(record), read(tmp_path / "masks" / f"{record.name}.png") > 0
        expected = dice(predict_mask(network, read_image(record.image_path)), lungs)
        assert dice(mask, lungs) == pytest.approx(expected, abs=1e-6) and expected > 0.9


@pytest.mark.parametrize(
    ("command", "says"),
    [(["phantom", "FOLDER"], "holds other files: name a folder that is new or empty"),
     (["phantom", "FOLDER/new", "--count", "0"], "use 1 or more, of 64"),
     (["phantom", "FOLDER/file.txt/set"], "Not a directory"),
     (["phantom", "FOLDER/file.txt"], "file.txt cannot be written (Not a directory): free"),
     (["phantom", "FOLDER/new", "--size", "many"], "a size or a seed is wrong: use 0 or more"),
     (["phantom", "FOLDER/new", "--seed=-1"], "a size or a seed is wrong: use 0 or more"),
     (["download", "FOLDER/file.txt"], "file.txt cannot be written (Not a directory): free"),
     (["evaluate", "FOLDER/set", "--json", "FOLDER/file.txt/x"],
      "file.txt/x cannot be written (File exists): free some space, or use another folder")],
)  # fmt: skip
def test_terminal_says_in_one_line_what_failed(command, says, tmp_path, capsys):
    (tmp_path / "file.txt").write_text("mine", encoding="utf-8")
    write_set(tmp_path / "set")
    assert main([word.replace("FOLDER", str(tmp_path)) for word in command]) == 1
    said = capsys.readouterr()
    assert "Traceback" not in said.out
    last = said.err.splitlines()[-1]
    assert last.startswith("lungseg: ")
    assert says in last
    assert (tmp_path / "file.txt").read_text(encoding="utf-8") == "mine"


def test_terminal_downloads_to_where_the_course_looks(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("LUNGSEG_HOME", str(tmp_path))
    monkeypatch.setattr("lungseg_utils.app.download.download", lambda folder: folder)
    assert main(["download"]) == 0
    folder = tmp_path / "data" / "montgomery"
    assert capsys.readouterr().out == f"The radiographs are in {folder}\n"


@pytest.mark.parametrize(
    ("arguments", "code"), [(["--help"], 0), ([], 64), (["upload"], 64), (["predict"], 64)]
)
def test_terminal_explains_itself(arguments, code, capsys):
    with pytest.raises(SystemExit) as stopped:
        main(arguments)
    assert stopped.value.code == code
    said = "".join(capsys.readouterr())
    assert "lungseg" in said and "Traceback" not in said
    if not code:
        assert all(f"  {name}  " in said for name in COMMANDS)
        assert max(map(len, said.splitlines())) <= 100


@pytest.mark.parametrize("name", ["=1+1.png", "+a.png", "-b.png", "@c.png"])
def test_no_cell_of_the_table_is_computed(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path(name).write_bytes(b"")
    assert main(["predict", "-o", "out", "--", name]) == 1
    (row,) = table(Path("out"))
    assert row["file"] == f"./{name}" and row["error"].startswith(f"./{name} is empty")
    Path(name).write_bytes(CHEST)
    assert main(["predict", "-o", "out", "--", name]) == 0
    (row,) = table(Path("out"))
    assert not [cell for cell in row.values() if cell.startswith(FORMULA)]


def test_every_column_of_the_table(tmp_path):
    """Each against what the file and the mask say, worked out here."""
    content, out = dicom(ImagerPixelSpacing=[0.5, 1.25], ViewPosition="LL")(), tmp_path / "out"
    (tmp_path / "one.dcm").write_bytes(content)
    assert main(["predict", str(tmp_path), "-o", str(out), "--threshold", "0.4"]) == 0
    (row,) = table(out)
    xray = decode_xray(content, "one")
    found = predict(load_networks(), xray.image, xray.spacing_mm, threshold=0.4)
    mask = read(out / "masks/one.png") > 0
    pieces, count = ndimage.label(mask)
    centres = ndimage.center_of_mass(mask, pieces, [1, 2])
    left, right = sorted((1, 2), key=lambda number: centres[number - 1][1])
    px = {
        side: int((pieces == number).sum()) for side, number in (("left", left), ("right", right))
    }
    sums = [pretrained_facts(name)["sha256"][:8] for name in SHIPPED]
    assert count == 2 and list(row) == list(TABLE_COLUMNS)
    assert row == {
        "file": str(tmp_path / "one.dcm"),
        "error": "",
        "warnings": "; ".join([*found.warnings, *xray.notes]),
        "quality": str(round(found.quality, 4)),
        "image_left_patient_right_px": str(px["left"]),
        "image_left_patient_right_cm2": str(round(px["left"] * 0.5 * 1.25 / 100, 2)),
        "image_right_patient_left_px": str(px["right"]),
        "image_right_patient_left_cm2": str(round(px["right"] * 0.5 * 1.25 / 100, 2)),
        "height": str(xray.image.shape[0]),
        "width": str(xray.image.shape[1]),
        "row_mm": "0.5",
        "column_mm": "1.25",
        "threshold": "0.4",
        "network": f"montgomery {sums[0]} + second {sums[1]}",
        "target": "one",
    }
    assert "side view" in row["warnings"]


def test_another_network_does_its_own(tmp_path, capsys):
    """And so does another version of the one that ships, or other weights under the same name."""
    own, out = tmp_path / "mine.keras", tmp_path / "out"
    (tmp_path / "a.png").write_bytes(CHEST)
    command = ["predict", str(tmp_path / "a.png"), "-o", str(out)]
    load_pretrained(SIMULATED).save(own)
    made = []
    for options in ([], ["--network", str(own)], ["--network", str(own)], []):
        assert main([*command, *options]) == 0
        made.append("1 new mask in" in capsys.readouterr().out)
    assert made == [True, True, False, True]
    before = table(out)[0]["network"]
    keras.utils.set_random_seed(0)
    network = load_pretrained(SIMULATED)
    network.set_weights([weights * 0.9 for weights in network.get_weights()])
    network.save(own)
    assert main([*command, "--network", str(own)]) == 0
    after = table(out)[0]["network"]
    assert after.startswith("mine.keras ") and "+ second " in after and before != after


def test_a_mask_that_cannot_be_written_leaves_the_old_one_whole(tmp_path, monkeypatch):
    path = tmp_path / "masks" / "a.png"
    mask = np.eye(9, dtype=bool)
    batch.write_png(path, mask)

    def half(path, content):
        path.write_text("half", encoding="utf-8")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", half)
    with pytest.raises(OSError, match="No space"):
        batch.write_png(path, ~mask)
    assert (read(path) > 0).tolist() == mask.tolist() and list(path.parent.iterdir()) == [path]


def commands() -> dict:
    """The parser of each command, by name."""
    (action,) = [one for one in terminal._parser()._actions if one.dest == "command"]
    return action.choices


def test_the_page_on_using_it_has_every_option():
    listed = [
        f"| `{name}` | `{', '.join(one.option_strings) or one.metavar or one.dest.upper()}` "
        f"| {one.help} |"
        for name, parser in commands().items() for one in parser._actions
        if one.dest not in ("help", "debug")
    ]  # fmt: skip
    lines = USING.read_text(encoding="utf-8").splitlines()
    begin = lines.index("| command | option | what it is |") + 2
    assert lines[begin : begin + len(listed) + 1] == [*listed, ""]


PREDICT = {"paths": [Path("a")], "out": Path("c"), "threshold": None, "network": None,
           "masks": "png", "overlays": "all", "workers": None, "cluster": None,
           "dry_run": False}  # fmt: skip
DEFAULTS = {
    "predict a b -o c": {**PREDICT, "paths": [Path("a"), Path("b")]},
    "predict a --out c --threshold 0.25 --network n": {
        **PREDICT, "threshold": 0.25, "network": Path("n")},
    "predict a --out c --threshold 0,25": {**PREDICT, "threshold": 0.25},
    "predict a -o c --masks rle --overlays worst:5 --workers 3 --cluster tcp://x:1 --dry-run": {
        **PREDICT, "masks": "rle", "overlays": "worst:5", "workers": 3, "cluster": "tcp://x:1",
        "dry_run": True},
    "report c": {"out": Path("c"), "network": None},
    "report c --network n": {"out": Path("c"), "network": Path("n")},
    "serve": {"no_browser": False},
    "serve --no-browser": {"no_browser": True},
    "doctor": {},
    "download": {"folder": None},
    "download f": {"folder": Path("f")},
    "phantom f": {"folder": Path("f"), "count": 138, "size": "512", "bits": 8, "seed": 0,
                  "rare": False, "lung_behind_heart": False},
    "phantom f --count 1 --size native --bits 12 --seed 3 --rare --lung-behind-heart": {
        "folder": Path("f"), "count": 1, "size": "native", "bits": 12, "seed": 3,
        "rare": True, "lung_behind_heart": True},
    "train": {"out": Path("lungs.keras"), "data": None, "scale": None},
    "train -o o --data d --scale ci": {"out": Path("o"), "data": Path("d"), "scale": "ci"},
    "evaluate r": {"root": Path("r"), "json": None, "network": None},
    "evaluate r --json j --network n": {
        "root": Path("r"), "json": Path("j"), "network": Path("n")},
}  # fmt: skip


@pytest.mark.parametrize("debug", [False, True])
@pytest.mark.parametrize("line", DEFAULTS)
def test_what_is_not_said_is_this(line, debug):
    found = vars(terminal._parser().parse_args(line.split() + ["--debug"] * debug))
    name = line.split()[0]
    assert found.pop("run") is getattr(terminal, f"_{name}")
    assert found == {"command": name, "debug": debug, **DEFAULTS[line]}


@pytest.mark.parametrize(
    "line, says",
    [("predict a", "the following arguments are required: -o/--out; see lungseg predict --help"),
     ("predict -o b", "the following arguments are required: FILE; see lungseg predict --help"),
     ("predict a -o b --threshold 0", "argument --threshold: 0 is not between 0 and 1; see"),
     ("predict a -o b --threshold 1", "argument --threshold: 1 is not between 0 and 1; see"),
     ("predict a -o b --threshold x", "argument --threshold: x is not between 0 and 1; see"),
     ("predict a -o b --threshold 1,4", "argument --threshold: 1,4 is not between 0 and 1; see"),
     ("predict a -o b --workers 0", "argument --workers: 0 is no number of 1 or more; see"),
     ("predict a -o b --overlays worst", "argument --overlays: worst is none of all, none and"),
     ("predict a -o b --masks tiff", "argument --masks: invalid choice: 'tiff'"),
     ("evaluate x --json /", "argument --json: / is a folder or a device: name a file; see"),
     ("evaluate x --json /dev/null", "argument --json: /dev/null is a folder or a device: name"),
     ("train -o /dev", "argument -o/--out: /dev is a folder or a device: name a file; see"),
     ("train --scale huge", "argument --scale: invalid choice: 'huge'"),
     ("", "the following arguments are required: COMMAND; see lungseg --help")],
)  # fmt: skip
def test_a_command_that_is_wrong_is_told_in_one_line(line, says, capsys):
    with pytest.raises(SystemExit) as stopped:
        main(line.split())
    (said,) = capsys.readouterr().err.splitlines()
    assert stopped.value.code == 64 and said.startswith(f"lungseg: {says}")


@pytest.mark.parametrize("name", COMMANDS)
def test_help_begins_with_what_the_command_does(name):
    parser = commands()[name]
    (action,) = [one for one in terminal._parser()._actions if one.dest == "command"]
    (said,) = [one.help for one in action._choices_actions if one.dest == name]
    assert parser.description == f"{said[0].upper()}{said[1:]}."
    assert parser.prog == f"lungseg {name}" and parser.formatter_class is terminal.RAW
    assert parser.epilog == (terminal.PREDICT if name == "predict" else "")
    assert f"lungseg {name}" in USING.read_text(encoding="utf-8")


DOES = {
    "predict": "find the lungs in X-rays",
    "report": "make a page of what `predict` found: counts, and the worst masks",
    "serve": "open the page that finds lungs in your browser",
    "doctor": "say what is installed and found, and what to do about the rest",
    "download": "fetch the Montgomery County X-ray set",
    "phantom": "write a set of simulated radiographs",
    "train": "train the course's network, or continue a stopped training",
    "evaluate": "score a network on a folder with masks",
}


def test_help_says_what_each_command_does(capsys):
    with pytest.raises(SystemExit):
        main(["--help"])
    said = capsys.readouterr().out
    assert all(re.search(rf"^ +{name} +{does}$", said, re.M) for name, does in DOES.items())
    for name in DOES:
        with pytest.raises(SystemExit):
            main([name, "--help"])
        assert re.search("--debug +show where an error came from$", capsys.readouterr().out, re.M)


@pytest.mark.parametrize("scale", COURSE_AT)
def test_a_training_is_of_any_size_of_the_course(scale):
    assert terminal._parser().parse_args(["train", "--scale", scale]).scale == scale


def test_help_of_the_whole_has_the_examples():
    whole = terminal._parser()
    assert (whole.prog, whole.epilog) == ("lungseg", terminal.OVERVIEW)
    assert whole.description == terminal.__doc__ and whole.formatter_class is terminal.RAW


@pytest.mark.parametrize(
    "error, code, says",
    [(KeyboardInterrupt(), 130, "stopped; what was finished is kept"),
     (ValueError("a \x1b[2J\nname"), 1, "a \\x1b[2J\\nname"),
     (OSError(28, "No space left"), 1,
      "the disk cannot be opened or written (No space left): check permissions and space"),
     (PermissionError(13, "Permission denied", "f"), 1,
      "f cannot be opened or written (Permission denied): check permissions and space"),
     (OSError(21, "Is a directory", "part", None, "g"), 1,
      "g cannot be opened or written (Is a directory): check permissions and space"),
     (ImportError("no module"), 1, "no module")],
)  # fmt: skip
def test_what_ends_a_command_is_said_in_one_line(error, code, says, monkeypatch, capsys):
    def fail():
        raise error

    monkeypatch.setattr(doctor, "examine", fail)
    assert main(["doctor"]) == code
    assert capsys.readouterr().err == f"lungseg: {says}\n"
    with pytest.raises(type(error)) if code == 1 else contextlib.nullcontext():
        main(["doctor", "--debug"])


def test_nothing_is_said_where_nobody_reads_any_more(monkeypatch, capfd):
    """As in `lungseg ... | head`: what is still in the buffer goes nowhere, too."""
    monkeypatch.setattr(sys, "stdout", os.fdopen(1, "w", closefd=False, encoding="utf-8"))

    def fail():
        print("for nobody")
        raise BrokenPipeError

    monkeypatch.setattr(doctor, "examine", fail)
    assert main(["doctor"]) == 1
    sys.stdout.flush()
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("debug", [False, True])
def test_warnings_of_readers_are_for_whoever_looks_for_an_error(debug, monkeypatch):
    finding = doctor.Finding("a name", "fine")

    def examine():
        warnings.warn("odd", stacklevel=1)
        return [finding]

    monkeypatch.setattr(doctor, "examine", examine)
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        assert main(["doctor"] + ["--debug"] * debug) == 0
    assert len(told) == debug


def test_networks_are_loaded_where_there_is_something_to_do(tmp_path, monkeypatch):
    (tmp_path / "a.png").write_bytes(CHEST)
    predict_it = ["predict", str(tmp_path / "a.png"), "-o", str(tmp_path / "out")]
    bars = []

    def bar(**options):
        bars.append(options)
        return tqdm(**options)

    monkeypatch.setattr("lungseg_utils.app.predict_command.tqdm", bar)
    assert main(predict_it) == 0
    monkeypatch.setattr("lungseg_utils.app.predict_command.load_networks", None)
    assert main(predict_it) == 0
    assert bars == [{"total": count, "unit": " X-rays", "disable": None} for count in (1, 0)]


def test_a_dry_run_says_what_a_run_would_take_and_writes_nothing(tmp_path, capsys):
    for number in range(60):
        (tmp_path / "in").mkdir(exist_ok=True)
        (tmp_path / "in" / f"{number}.png").write_bytes(CHEST)
    out = tmp_path / "out"
    predict_it = ["predict", str(tmp_path / "in"), "-o", str(out)]
    assert main([*predict_it, "--dry-run"]) == 0 and not out.exists()
    said = capsys.readouterr().out
    found = re.match(
        r"60 files: about ([\d.]+) seconds on 1 worker, and ([\d.]+) GB \(from 50", said
    )
    assert found, said
    assert main(predict_it) == 0
    written = sum(path.stat().st_size for path in out.rglob("*.png"))
    assert 0.7 < 1e9 * float(found[2]) / written < 1.3
    assert main([*predict_it, "--dry-run"]) == 0
    assert capsys.readouterr().out.splitlines()[-1].startswith("0 files: about 0.0 seconds")


def test_an_error_of_the_program_itself_is_not_hidden(monkeypatch):
    monkeypatch.setattr(doctor, "examine", lambda: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        main(["doctor"])


def test_what_was_done_is_counted(tmp_path, capsys):
    out = tmp_path / "out"
    for name, content in {"a.png": CHEST, "b.png": b"", "c.txt": b"text"}.items():
        (tmp_path / name).write_bytes(content)
    assert main(["predict", str(tmp_path), "-o", str(out)]) == 1
    said = capsys.readouterr()
    rows = f"all rows are in {out / 'scores.csv'}"
    assert said.out == f"1 new mask in {out / 'masks'}, 1 error; {rows}\n"
    lines = [line for line in said.err.splitlines() if line.startswith("lungseg")]
    assert lines[0] == "lungseg: done before: 0; left out, because their type is unknown: 1"
    assert lines[1].startswith(f"lungseg: {tmp_path / 'b.png'} is empty") and len(lines) == 2
    os.remove(tmp_path / "c.txt")
    os.remove(tmp_path / "b.png")
    assert main(["predict", str(tmp_path), "-o", str(out)]) == 0
    said = capsys.readouterr()
    assert said.err == "lungseg: done before: 1; left out, because their type is unknown: 0\n"
    assert said.out.startswith("0 new masks in ")


def test_what_is_no_x_ray_is_counted_at_the_end(tmp_path, capsys, monkeypatch):
    """And is read once; one that was named has an error."""
    folder, out, asked = tmp_path / "in", tmp_path / "out", []
    folder.mkdir()
    for name in ("a.png", "a_mask.png", "b_mask.png"):
        (folder / name).write_bytes(CHEST)

    def read(path):
        asked.append(path.name)
        if "mask" in path.name:
            raise NotAnXray(f"{path} is a mask: choose an X-ray")
        return read_xray(path)

    monkeypatch.setattr(batch, "read_xray", read)
    for _ in range(2):
        assert main(["predict", str(folder), "-o", str(out)]) == 0
        said = capsys.readouterr().err.splitlines()
        assert said[-1] == "lungseg: left out, since they are masks, reports or indexes: 2"
    assert asked == ["a.png", "a_mask.png", "b_mask.png"]
    assert [Path(row["file"]).name for row in table(out)] == ["a.png"]
    assert main(["predict", str(folder / "a_mask.png"), "-o", str(out)]) == 1
    assert "a_mask.png is a mask: choose an X-ray" in capsys.readouterr().err
    assert [bool(row["error"]) for row in table(out)] == [False, True]
    (folder / "a.png").unlink()
    (out / "scores.jsonl").unlink()
    for _ in range(2):
        assert main(["predict", str(folder), "-o", str(out)]) == 0
        assert "reports or indexes: 2\n" in capsys.readouterr().err


@pytest.mark.parametrize("options", [[], ["--debug"]])
def test_a_file_that_breaks_the_reader_is_one_row(options, tmp_path, monkeypatch, capsys):
    for name in ("a.png", "b.png", "c.png"):
        (tmp_path / name).write_bytes(CHEST)

    def read(path):
        return read_xray(path) if path.name != "b.png" else {}["Rows"]

    monkeypatch.setattr(batch, "read_xray", read)
    assert main(["predict", str(tmp_path), "-o", str(tmp_path / "out"), *options]) == 1
    says = f"{tmp_path / 'b.png'} cannot be read: export it again"
    assert [row["error"] for row in table(tmp_path / "out")] == ["", says, ""]
    assert f"lungseg: {says}\n" in capsys.readouterr().err


@pytest.fixture
def opened(tmp_path, monkeypatch):
    """What the default browser is asked to open. Nothing is asked yet, and nothing is at home."""
    asked = []
    monkeypatch.setattr("webbrowser.open", asked.append)
    monkeypatch.setenv("LUNGSEG_HOME", str(tmp_path / "a home"))
    return asked


def test_the_page_opens_in_the_browser_where_it_is_wanted(opened, tmp_path, capsys):
    page = tmp_path.resolve() / "a home" / "site" / "lungseg.html"
    page.parent.mkdir(parents=True)
    page.write_text("<!doctype html>", encoding="utf-8")
    for options, asked in (["--no-browser"], []), ([], [page.as_uri()]):
        assert main(["serve", *options]) == 0
        assert capsys.readouterr() == (f"The page is {page}\n", "")
        assert opened == asked
    assert opened[0].startswith("file:///") and opened[0].endswith("/a%20home/site/lungseg.html")


@pytest.mark.parametrize("options", [[], ["--no-browser"]], ids=["to open", "to print"])
def test_a_page_that_is_not_built_is_told_with_where_to_get_it(options, opened, tmp_path, capsys):
    (tmp_path / "a home" / "site" / "lungseg.html").mkdir(parents=True)  # a folder is no page
    assert main(["serve", *options]) == 1
    says = (
        "lungseg: there is no page yet: python3 course.py site builds it, or get lungseg.html "
        "from https://github.com/lungseg-course/lungseg/releases\n"
    )
    assert capsys.readouterr() == ("", says) and opened == []
    with pytest.raises(FileNotFoundError):
        main(["serve", *options, "--debug"])


def test_a_simulated_set_is_written_as_it_was_asked_for(monkeypatch, capsys):
    asked = []

    def write(folder, *more):
        asked.append((folder, *more))
        return "there"

    monkeypatch.setattr("lungseg_utils.phantom.write_phantom_set", write)
    assert main(["phantom", "f", "--count", "3", "--size", "99", "--bits", "12"]) == 0
    assert main(["phantom", "f", "--size", "native", "--seed", "4"]) == 0
    assert main(["phantom", "f", "--rare", "--lung-behind-heart"]) == 0
    plain, folder = (None, False), Path("f")
    assert asked == [(folder, 3, 99, 0, 12, *plain), (folder, 138, None, 4, 8, *plain),
                     (folder, 138, 512, 0, 8, RARE, True)]  # fmt: skip
    assert capsys.readouterr().out == "The radiographs are in there\n" * 3


@pytest.mark.parametrize("options", [[], ["--debug"]])
def test_the_command_says_what_it_says_and_not_what_c_does(options, monkeypatch, capfd):
    def work():
        print("the answer")
        print("a name \u00fc \udcff", file=sys.stderr)
        os.write(2, b"from C\n")
        return 3

    def leave(code):
        raise SystemExit(code)

    stderr, screen = sys.stderr, os.dup(2)
    monkeypatch.setattr(terminal, "main", work)
    monkeypatch.setattr(os, "_exit", leave)
    monkeypatch.setattr(sys, "argv", ["lungseg", "doctor", *options])
    monkeypatch.setattr(sys, "stderr", open(os.dup(2), "w", errors="replace", encoding="utf-8"))  # noqa: SIM115
    try:
        with pytest.raises(SystemExit) as left:
            terminal.run()
        assert sys.stderr.encoding.lower() == "utf-8"
    finally:
        os.dup2(screen, 2)
        os.close(screen)
        sys.stderr = stderr
    said = capfd.readouterr()
    assert (left.value.code, said.out) == (3, "the answer\n")
    assert said.err == ("from C\na name \u00fc ?\n" if options else "a name \u00fc \\udcff\n")


@pytest.mark.parametrize(
    "typed", ["'{}'", '"{}"', " {} ", "{}", "“{}”", "« {} »", "\u2018{}\u2019"]
)
def test_a_path_is_taken_as_it_is_meant(typed, tmp_path, monkeypatch):
    assert arguments.typed(typed.format(tmp_path)) == tmp_path
    monkeypatch.setenv("HOME", str(tmp_path))
    assert arguments.typed(typed.format("~/x")) == tmp_path / "x"
    for before in ("file://", "file:", "file://localhost"):
        assert arguments.typed(f"{before}{tmp_path}/a%20b.png") == tmp_path / "a b.png"
    monkeypatch.chdir(tmp_path)
    (tmp_path / "'odd'").mkdir()
    assert arguments.typed("'odd'") == Path("'odd'"), "what is there is meant"


def test_an_empty_path_is_not_the_current_folder(capsys):
    with pytest.raises(SystemExit):
        main(["predict", "", "-o", "x"])
    assert "a path is empty: name a file or a folder" in capsys.readouterr().err
