"""Scores of a tiny written set: the table, its summary, its groups, and the file of results."""

import json
import re
import sys
from functools import partial

import cv2
import numpy as np
import pandas as pd
import pytest

from lungseg_utils import results
from lungseg_utils.masks import read_lungs
from lungseg_utils.metrics import SCORES, assd, bootstrap_interval, dice
from lungseg_utils.radiographs import load_records
from lungseg_utils.squares import to_square
from tools import scores

SHAPES = {
    "SIM_0001_0": (40, 48),
    "SIM_0002_1": (48, 40),
    "SIM_0003_0": (44, 44),
    "SIM_0004_1": (40, 48),
}
PATIENT_AND_SEX = {
    "SIM_0001_0": ("one", "F"),
    "SIM_0002_1": ("two", "M"),
    "SIM_0003_0": ("three (same pt as SIM_0001_0)", "F"),
    "SIM_0004_1": ("four", "O"),
}


def lungs(shape):
    """Two rectangles, (image left, image right)."""
    height, width = shape
    masks = np.zeros((2, height, width), bool)
    masks[0, height // 4 : -6, 5 : width // 3] = True
    masks[1, height // 4 : -6, width // 2 : -7] = True
    return masks


def write(path, pixels):
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), pixels)


@pytest.fixture
def write_set(tmp_path):
    """Write the set, where lungs are black on grey; with native sizes, or with no spacing known."""

    def _write(spacing=True):
        rows = ["file,native_width,native_height,native_spacing_mm"]
        for name, shape in SHAPES.items():
            masks, ramp = lungs(shape), np.arange(shape[1]) % 40
            write(tmp_path / "CXR_png" / f"{name}.png", np.where(masks.any(axis=0), 20, 180) + ramp)
            for side, mask in zip(("left", "right"), masks, strict=True):
                write(tmp_path / "ManualMask" / f"{side}Mask" / f"{name}.png", 255 * mask)
            reading, sex = PATIENT_AND_SEX[name]
            (tmp_path / "ClinicalReadings").mkdir(exist_ok=True)
            (tmp_path / "ClinicalReadings" / f"{name}.txt").write_text(
                f"Patient's Sex: {sex}\nPatient's Age: 040Y\n{reading}\n",
                encoding="utf-8",
            )
            rows.append(f"{name},{shape[1] * 10},{shape[0] * 20},0.1")
        if spacing:
            (tmp_path / "metadata.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
        return load_records(tmp_path)

    return _write


def darkness(image):
    return image < 0.5


def nothing(image):
    return np.zeros(image.shape, bool)


def test_perfect_method(write_set):
    records = write_set()
    table = results.evaluate(darkness, records)
    assert list(table["name"]) == list(SHAPES)
    assert list(table["patient"]) == ["SIM_0001_0", "SIM_0002_1", "SIM_0001_0", "SIM_0004_1"]
    assert list(table["sex"]) == ["F", "M", "F", "O"]
    assert list(table["label"]) == [0, 1, 0, 1]
    assert list(table["age"]) == [40] * 4
    perfect = pd.Series(
        {"dice": 1, "iou": 1, "precision": 1, "recall": 1, "hd95_mm": 0, "assd_mm": 0, "nsd_2mm": 1}
    )
    assert (table[list(SCORES)] == perfect).all(axis=None)
    summary = results.summarise(table)
    assert list(summary.index) == list(SCORES)
    assert all((summary[column] == perfect).all() for column in ("mean", "low", "high"))


def test_empty_method_fails_in_full(write_set):
    table = results.evaluate(nothing, write_set())
    assert (table["dice"] == 0).all()
    assert (table["hd95_mm"] == np.inf).all()
    assert results.summarise(table).loc["assd_mm", "mean"] == np.inf


def test_distances_use_each_files_own_spacing(write_set):
    """One row too many at the top of each lung: 20 native rows of 0.1 mm each lie between."""

    def one_row_more(image):
        mask = darkness(image)
        return mask | np.roll(mask, -1, axis=0)

    table = results.evaluate(one_row_more, write_set())
    assert table["hd95_mm"].tolist() == pytest.approx([2.0] * 4)


def test_mean_shape(write_set):
    records = write_set()
    masks = np.stack([to_square(read_lungs(record), 32) for record in records])
    table = results.evaluate(results.mean_shape(masks), records)
    assert table["dice"].between(0.8, 0.999).all()
    shape = results.mean_shape(masks[:1])(np.zeros((64, 32), np.float32))
    assert shape.shape == (64, 32) and shape.dtype == bool
    assert dice(to_square(shape, 32), masks[0]) > 0.97


def test_a_majority_makes_the_mean_shape():
    masks = np.zeros((4, 2, 2), np.float32)
    masks[:3, 0, 0] = masks[:2, 1, 1] = 1
    shape = results.mean_shape(masks)(np.zeros((2, 2), np.float32))
    assert shape.tolist() == [[True, False], [False, False]], "half of them is no majority"


def test_a_method_must_return_a_mask(write_set):
    with pytest.raises(ValueError, match="not bool"):
        results.evaluate(lambda image: image, write_set())


def test_progress_is_shown_in_a_terminal_and_leaves_nothing(write_set, capsys, monkeypatch):
    records = write_set()
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    results.evaluate(nothing, records)
    shown = capsys.readouterr().err
    assert "scoring: " in shown and "/4 [" in shown and "image/s" in shown
    assert shown.endswith("\r")
    monkeypatch.setattr(sys.stderr, "isatty", lambda: False)
    results.evaluate(nothing, records)
    assert capsys.readouterr().err == ""


@pytest.fixture
def table():
    return pd.DataFrame(
        {
            "name": list("abcd"),
            "patient": ["p", "q", "p", "r"],
            "label": [0, 1, 0, None],
            "sex": ["F", "M", "F", "F"],
            "age": [30.0, None, 31.0, 50.0],
            "dice": [0.9, 0.8, 0.94, 0.0],
            "iou": [0.8, 0.7, 0.9, 0.0],
            "hd95_mm": [3.0, 9.0, 5.0, np.inf],
            "assd_mm": [1.0, np.nan, 1.0, 1.0],
        }
    )


def test_summary_is_the_mean_over_images_with_its_interval(table):
    summary = results.summarise(table)
    assert list(summary.index) == ["dice", "iou", "hd95_mm"]  # an ASSD is missing, so no mean of it
    assert summary.loc["dice", "mean"] == pytest.approx(2.64 / 4)
    assert tuple(summary.loc["dice", ["low", "high"]]) == bootstrap_interval(
        table["dice"], table["patient"]
    )
    assert summary.loc["hd95_mm", "mean"] == np.inf


def test_the_unknown_are_a_group(table):
    by_label = results.by_group(table, "label")
    assert by_label["n"].tolist() == [2, 1, 1]
    table["label"] = None
    assert results.by_group(table, "label")["n"].tolist() == [4]


def test_results_are_kept_as_json(table, tmp_path):
    path = tmp_path / "new" / "results.json"
    results.write_results(path, table, "tiny set", "ci")

    def refuse(constant):
        raise AssertionError(f"{constant} is not JSON")

    kept = json.loads(path.read_text(encoding="utf-8"), parse_constant=refuse)
    assert (kept["data"], kept["scale"]) == ("tiny set", "ci")
    assert (kept["test_images"], kept["test_patients"]) == (4, 3)
    said = {"title": "Dice", "unit": ""}
    assert kept["scores"]["dice"] == said | results.summarise(table).loc["dice"].to_dict()
    assert (kept["scores"]["hd95_mm"]["title"], kept["scores"]["hd95_mm"]["unit"]) == ("HD95", "mm")
    assert kept["scores"]["hd95_mm"]["mean"] == "inf"
    assert [row["name"] for row in kept["images"]] == list("abcd")
    assert kept["images"][3]["hd95_mm"] == "inf"
    assert kept["images"][1]["age"] is None and kept["images"][3]["label"] is None
    assert kept["images"][1]["assd_mm"] is None


def test_course_reads_what_is_kept(table, tmp_path):
    results.write_results(tmp_path / "results.json", table, "tiny set", "ci")
    lines = scores.headlines(json.loads((tmp_path / "results.json").read_text(encoding="utf-8")))
    assert lines[0].startswith("Dice 0.660 (95 % interval 0.")
    assert lines[0].endswith(") on 4 test images of 3 patients")
    assert re.fullmatch(r"HD95 \D*inf.* \(95 % interval \d.* to inf.*\)", lines[2])
    page = scores.write_page(tmp_path, []).read_text(encoding="utf-8")
    assert re.search(r"<td>HD95.*<td>inf", page)


def test_without_spacing_there_are_no_distances(write_set, tmp_path):
    table = results.evaluate(darkness, write_set(spacing=False))
    assert not {"hd95_mm", "assd_mm", "nsd_2mm"} & set(table)
    results.write_results(tmp_path / "results.json", table, "tiny set", "ci")
    kept = json.loads((tmp_path / "results.json").read_text(encoding="utf-8"))
    assert list(kept["scores"]) == ["dice", "iou", "precision", "recall"]
    assert len(scores.headlines(kept)) == 4


def test_the_same_table_gives_the_same_file(table, tmp_path):
    keep = partial(results.write_results, table=table, data="tiny set", scale="ci")
    keep(tmp_path / "first.json")
    keep(tmp_path / "second.json")
    assert (tmp_path / "first.json").read_bytes() == (tmp_path / "second.json").read_bytes()


def test_every_column_of_the_scores_by_hand(write_set):
    """One row of pixels too many above, of 2 mm each; none of the lung is left out."""
    records = write_set()[:1]

    def one_row_more(image):
        mask = darkness(image)
        return mask | np.roll(mask, -1, axis=0)

    (row,) = results.evaluate(one_row_more, records).to_dict(orient="records")
    left, right = lungs(SHAPES["SIM_0001_0"])
    rows, lung = 24, 11 + 17  # of pixels: 10 to 33 are lung, 5 to 15 and 24 to 40 across
    true, found = rows * lung, (rows + 1) * lung
    assert (left | right).sum() == true
    exact = assd(one_row_more(~(left | right)), left | right, records[0].spacing_mm)
    assert row == {
        "name": "SIM_0001_0", "patient": "SIM_0001_0", "label": 0, "sex": "F", "age": 40.0,
        "dice": pytest.approx(2 * true / (true + found)), "iou": pytest.approx(true / found),
        "precision": pytest.approx(true / found), "recall": 1.0,
        "hd95_mm": pytest.approx(2.0), "assd_mm": pytest.approx(exact), "nsd_2mm": 1.0,
    }  # fmt: skip


def test_scores_of_a_set_are_the_summary_and_every_row(table, tmp_path):
    rows = table.to_dict(orient="records")
    means = results.mean_scores(rows)
    results.write_json(tmp_path / "scores.json", means | {"images": rows})
    kept = json.loads((tmp_path / "scores.json").read_text(encoding="utf-8"))
    assert kept["dice"] == means["dice"] == results.summarise(table).loc["dice"].to_dict()
    assert list(kept) == ["dice", "iou", "hd95_mm", "images"] and len(kept["images"]) == 4
    assert kept["images"][0] == {"name": "a", "patient": "p", "label": 0, "sex": "F", "age": 30,
                                 "dice": 0.9, "iou": 0.8, "hd95_mm": 3, "assd_mm": 1}  # fmt: skip


def test_groups_by_hand(table):
    by_sex = results.by_group(table, "sex")
    women = table[table["sex"] == "F"]
    low, high = bootstrap_interval(women["dice"], women["patient"])
    assert by_sex.loc["F"].to_dict() == {"n": 3, "mean": pytest.approx(1.84 / 3), "low": low,
                                         "high": high}  # fmt: skip
    assert by_sex.loc["M"].to_dict() == {"n": 1, "mean": 0.8, "low": 0.8, "high": 0.8}
    assert list(by_sex) == ["n", "mean", "low", "high"] and by_sex.index.name == "sex"


@pytest.mark.parametrize(
    "value, text",
    [(np.float32(0.5), "0.5"), (np.inf, '"inf"'), (-np.inf, '"inf"'), (np.nan, "null"),
     (np.int64(3), "3"), (np.bool_(True), "true"), ("a", '"a"'), (None, "null"), (2, "2"),
     ([np.float64(1), [np.nan]], "[\n  1.0,\n  [\n   null\n  ]\n ]"),
     ({1: np.inf}, '{\n  "1": "inf"\n }')],
)  # fmt: skip
def test_json_holds_every_kind_of_number(value, text, tmp_path):
    results.write_json(tmp_path / "one.json", {"key": value})
    assert (tmp_path / "one.json").read_text(encoding="utf-8") == f'{{\n "key": {text}\n}}\n'
