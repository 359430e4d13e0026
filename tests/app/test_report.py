"""The page on a folder of masks says what its rows say."""

import json
import re
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest
from hostile import picture

from lungseg_utils.app.networks import name_networks
from lungseg_utils.app.report import draw_worst, histogram, write_report
from lungseg_utils.app.table import Rows
from lungseg_utils.app.terminal import main

CUT = 6
CHANGES = {
    3: np.rot90,
    5: lambda image: np.random.default_rng(0).integers(0, 256, image.shape, np.uint8),
}


@pytest.fixture(scope="module")
def out(tmp_path_factory):
    """Eight X-rays, some odd, with the outlines of the two worst."""
    root = tmp_path_factory.mktemp("report")
    (root / "in").mkdir()
    for number in range(8):
        change = CHANGES.get(number, lambda image, by=number: np.roll(image, by, axis=1))
        content = picture(change)()
        content = content[:900] if number == CUT else content
        (root / "in" / f"{number}<b>.png").write_bytes(content)
    what = "predict", root / "in", "-o", root / "out", "--overlays", "worst:2"
    assert main(list(map(str, what))) == 1
    return root / "out"


def test_the_worst_outlines_are_drawn_and_no_others(out):
    drawn = sorted(path.stem for path in (out / "overlays").iterdir())
    rows = sorted((row for row in Rows(out) if row["target"]), key=lambda row: row["quality"] or 0)
    assert drawn == sorted(row["target"] for row in rows[:2]) and len(rows) == 7


def test_it_counts_what_the_rows_count(out):
    path = write_report(out)
    text = path.read_text(encoding="utf-8")
    cells = dict(re.findall(r"<tr><td>(.*?)</td><td>(.*?)</td></tr>", text))
    assert cells["with a mask"] == "7" and cells["with an error"] == "1"
    assert cells["a file is cut short: fetch or export it again"] == "1"
    assert any(key.startswith("it looks rotated: try rotating it by N degrees") for key in cells)
    unknown = sum(row["target"] != "" and row["quality"] is None for row in Rows(out))
    assert f"expected Dice: {7 - unknown} values" in text and "not for clinical use" in text
    assert "0&lt;b&gt;.png" in text and "<b>" not in text
    pictures = re.findall(r'<img alt="([^"]*)" src="data:image/jpeg;base64,', text)
    rows = sorted(Rows(out).worst(100), key=lambda row: row["quality"] or 0)
    assert len(pictures) == 7 and all(f"{row['quality']:.2f}" in alt if row["quality"] else True
                                      for row, alt in zip(rows, pictures, strict=True))  # fmt: skip
    assert not re.search(r'(?:src|href)="(?!data:)', text), "nothing is loaded"


def test_outlines_are_as_predict_draws_them(out, tmp_path):
    assert main(["predict", str(out.parent / "in"), "-o", str(tmp_path)]) == 1
    draw_worst(out, 100)
    for path in (tmp_path / "overlays").iterdir():
        assert (out / "overlays" / path.name).read_bytes() == path.read_bytes()


def test_of_another_network_s_masks_no_outline_is_drawn(out, tmp_path):
    lines = (out / "scores.jsonl").read_text(encoding="utf-8").splitlines()
    changed = [json.dumps({**json.loads(line), "network": "another"}) for line in lines]
    (tmp_path / "scores.jsonl").write_text("\n".join(changed) + "\n", encoding="utf-8")
    draw_worst(tmp_path, 5)
    assert not (tmp_path / "overlays").exists()
    assert "0 outlines" in write_report(tmp_path).read_text(encoding="utf-8")


def test_a_file_that_is_gone_has_no_outline(out, tmp_path):
    row = next(row for row in Rows(out) if row["target"])
    gone = {**row, "file": str(tmp_path / "gone.png")}
    (tmp_path / "scores.jsonl").write_text(json.dumps(gone) + "\n", encoding="utf-8")
    draw_worst(tmp_path, 5)
    assert not (tmp_path / "overlays").exists() and row["network"] == name_networks()


def test_a_folder_without_rows_is_named(tmp_path, capsys):
    assert main(["report", str(tmp_path)]) == 1
    assert "there are no rows: name the OUT of an earlier" in capsys.readouterr().err


def test_a_histogram_has_the_counts_of_numpy():
    values = [*np.random.default_rng(0).normal(size=500), np.nan, np.nan]
    figure = ElementTree.fromstring(histogram("a thing", values))
    heights, _ = np.histogram(values[:500], 20)
    bars = list(figure.iter("rect"))
    assert [int(bar[0].text.split(": ")[1]) for bar in bars] == list(heights)
    tall = [float(bar.get("height")) for bar in bars]
    np.testing.assert_allclose(np.array(tall) / max(tall), heights / heights.max(), atol=0.01)
    assert "500 values, 2 unknown, median" in figure.find("figcaption").text


@pytest.mark.parametrize("values, told", [([], "0 values"), ([np.nan], "0 values, 1 unknown"),
                                          ([1.0], "1 value, median 1")])  # fmt: skip
def test_a_histogram_of_few_says_so(values, told):
    assert f"a thing: {told}" in histogram("a thing", values)
