"""The lung finder as its readers use it: chosen, dropped or pasted files, keyboard, downloads."""

import base64
import csv
import io
import json
import re
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from hostile import chest, dicom, picture

from lungseg_utils.app import table
from lungseg_utils.app.networks import load_networks, name_networks
from lungseg_utils.images import decode_xray
from lungseg_utils.predict import LEAST_QUALITY, THRESHOLD, predict
from tools.examples import EXAMPLES
from tools.node import PACKAGES

CHEST = picture()()
PHONE, TABLET = {"width": 360, "height": 740}, {"width": 700, "height": 900}
TIMES = "\u00d7"
GIVE = """([kind, names, bytes]) => {
  const moved = new DataTransfer();
  const content = Uint8Array.from(atob(bytes), letter => letter.charCodeAt(0));
  for (const name of names) moved.items.add(new File([content], name));
  const how = { bubbles: true, cancelable: true };
  const event = kind === "paste" ? new ClipboardEvent(kind, { ...how, clipboardData: moved })
                                 : new DragEvent(kind, { ...how, dataTransfer: moved });
  document.body.dispatchEvent(event);
}"""
FOCUSED = """() => {
  const focused = document.activeElement;
  const seen = focused.matches(".unseen") ? focused.nextElementSibling : focused;
  const { outlineStyle, outlineWidth } = getComputedStyle(seen);
  return [focused.id || focused.textContent, `${outlineWidth} ${outlineStyle}`];
}"""


@pytest.fixture(scope="module")
def networks():
    return load_networks()


@pytest.fixture(scope="module")
def window(opened):
    """One window for all that needs no fresh one."""
    return opened()


def give(window, kind: str, *names: str) -> None:
    """Drop or paste files of one content."""
    window.page.evaluate(GIVE, [kind, names, base64.b64encode(CHEST).decode()])


def download(window, button: str, how=lambda button: button.press("Enter")) -> tuple[str, bytes]:
    with window.page.expect_download() as caught:
        how(window.page.get_by_role("button", name=button))
    return caught.value.suggested_filename, Path(caught.value.path()).read_bytes()


def test_an_outlined_x_ray_is_there_at_once(opened):
    window = opened()
    assert window.page.locator("#examples button").first.get_attribute("aria-pressed") == "true"
    drawn = window["picture"]
    assert drawn.get_attribute("aria-label") == (
        "The X-ray Example “Normal” with the outline of the lungs in dashed orange"
    )
    said = window.said()
    assert said.warnings == [] and said.quality > LEAST_QUALITY
    text = " ".join(window.page.locator("body").inner_text().replace("\u2011", "-").split())
    for sentence in (
        "For learning and research, not for clinical use.",
        f"The course's scores are measured at {THRESHOLD:.2f}.",
        f"Below {LEAST_QUALITY:.2f} do not rely on the outline; above, it is still no proof.",
        "Your X-ray stays in this browser. The page sends nothing anywhere",
    ):
        assert sentence in text


def test_the_outline_lies_round_the_lungs(window, networks):
    """Orange pixels of the picture are on the border of Python's mask, which they surround."""
    window.ask(("a.png", CHEST))
    _, content = download(window, "Download the picture")
    drawn = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR).astype(int)
    assert drawn.shape == (960, 960, 3)
    orange = drawn[:, :, 2] - drawn[:, :, 0] > 60
    mask = predict(networks, decode_xray(CHEST, "a").image).mask.astype(np.uint8)
    large = cv2.resize(mask, (960, 960), interpolation=cv2.INTER_NEAREST)
    thick = np.ones((13, 13), np.uint8)
    border = cv2.dilate(large, thick) - cv2.erode(large, thick)
    assert border[orange].all() and orange.sum() > 1500
    grey = drawn[~cv2.dilate(orange.astype(np.uint8), thick).astype(bool)]
    assert (grey == grey[:, :1]).all()


def test_the_threshold_by_keyboard(window, networks):
    window.ask(("a chest.png", CHEST))
    window["threshold"].focus()
    for _ in range(12):
        window.page.keyboard.press("ArrowRight")
    window.expect(window["value"]).to_have_text("0.62")
    found = predict(networks, decode_xray(CHEST, "a").image)
    for threshold, key in ((0.62, ""), (0.01, "Home"), (0.99, "End")):
        if key:
            window.page.keyboard.press(key)
        expected = {area.side: area.pixels for area in replace(found, threshold=threshold).areas}
        first = window.page.locator("#areas tr").first
        window.expect(first).to_contain_text(f"{expected['left']:,}")
        name, content = download(window, "Download the mask")
        assert name == "a_chest_mask.png"
        mask = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_UNCHANGED)
        assert (mask.shape, mask.dtype, set(np.unique(mask))) == ((256, 256), np.uint8, {0, 255})
        assert (mask > 0).sum() == replace(found, threshold=threshold).mask.sum()
        window["threshold"].focus()
    window.ask(("another.png", CHEST))
    window.expect(window["value"]).to_have_text(f"{THRESHOLD:.2f}")


def test_whoever_has_no_mouse_sees_where_they_are(window):
    window["file"].focus()
    window.page.keyboard.press("Shift+Tab")
    around = []
    while len(around) < 20 and (not around or around[-1][0] != "overlay"):
        window.page.keyboard.press("Tab")
        around.append(window.page.evaluate(FOCUSED))
    names = [name for name, _ in around]
    examples = [one.name for one in EXAMPLES]
    expected = ["file", *examples, "threshold", "mask", "overlay"]
    assert [name for name in names if name in expected] == expected
    assert {outline for name, outline in around if name in expected} == {"3px solid"}


def test_a_pixel_size_gives_cm2_and_true_proportions(window):
    said = window.ask(("one.dcm", dicom(ImagerPixelSpacing=[0.5, 1.0])()))
    for pixels, cm2 in said.areas.values():
        assert cm2 == pytest.approx(pixels * 0.5 * 1.0 / 100, abs=0.06)
    window.expect(window["spacing"]).to_have_text(
        f"A pixel is 0.500 {TIMES} 1.000 mm high and wide."
    )
    sides = window.page.evaluate("[picture.width, picture.height]")
    assert sides == [960, 480]
    assert window["size"].inner_text() == f"256 {TIMES} 256 pixels"


@pytest.mark.parametrize("kind", ["drop", "paste"])
def test_several_files_get_a_table(opened, kind):
    window = opened()
    assert not window["files"].is_visible()
    give(window, kind, "one.png", "=two.png")
    window.offer(("three.dcm", dicom()()), ("bad, really.png", b"no X-ray"))
    rows = window.page.locator("#rows tr")
    window.expect(rows).to_have_count(4)
    window.expect(window["wait"]).to_be_hidden()
    name, content = download(window, "Download the table")
    lines = list(csv.DictReader(io.StringIO(content.decode())))
    assert name == "lungs.csv" and list(lines[0]) == list(table.TABLE_COLUMNS)
    assert [line["file"] for line in lines] == [
        "one.png",
        "./=two.png",
        "three.dcm",
        "bad, really.png",
    ]
    assert "is no PNG, JPEG, TIFF or DICOM file" in lines[3]["error"]
    assert lines[0]["network"] == name_networks() and float(lines[0]["threshold"]) == THRESHOLD
    assert lines[0]["height"] == lines[0]["width"] == "256"
    assert float(lines[2]["row_mm"]) == 1.4 and float(lines[2]["column_mm"]) == 1.7
    areas = [int(lines[0][f"{lung}_px"]) for lung in table.LUNG_COLUMNS.values()]
    rows.first.get_by_role("button").press("Enter")
    window.expect(window["status"]).to_have_text("one.png: two outlines")
    said = window.said()
    assert [said.areas[side][0] for side in ("left", "right")] == areas
    assert rows.first.get_attribute("aria-current") == "true"


def test_a_long_queue_can_be_stopped(opened):
    window = opened()
    window.offer(*((f"{number}.png", CHEST) for number in range(30)))
    window["stop"].click(timeout=20_000)
    window.expect(window["wait"]).to_be_hidden()
    said = window.page.locator("#rows tr td:last-child").all_inner_texts()
    assert len(said) == 30 and said[-1] == "not looked at: you stopped" and said[0] == ""


def test_what_was_shown_stays_where_a_file_is_bad(window):
    good = window.ask(("good.png", CHEST))
    bad = window.ask(("bad.png", b"no X-ray"))
    assert bad.error.startswith("bad.png is no PNG") and bad.areas == good.areas
    assert window["status"].inner_text() == "Still shown: good.png"
    assert window["file"].input_value() == "", "the same file can be chosen again"
    assert window.ask(("good.png", CHEST)) == good


def test_a_worker_that_fails_is_replaced(opened):
    """As where a phone's memory is full: the file has its sentence, and the next one is read."""
    window = opened()
    window.page.evaluate("""() => {
      const send = Worker.prototype.postMessage;
      Worker.prototype.postMessage = function (...given) {
        Worker.prototype.postMessage = send;
        this.dispatchEvent(new ErrorEvent("error"));
      };
    }""")
    said = window.ask(("unlucky.png", CHEST))
    assert said.error == "this X-ray cannot be read here: try another file"
    assert window.ask(("lucky.png", CHEST), 60_000).error == ""


NAMES = {
    "1.2.840.dcm": "1_2_840", "a b.tar.gz": "a_b_tar", "no ending": "no_ending",
    "Röntgen-Bild_1.PNG": "Röntgen-Bild_1", "胸.png": "胸", "((.png": "xray",
    "x" * 70 + ".png": "x" * 60, "<img src=x onerror=alert(1)>.png": "img_src_x_onerror_alert_1",
}  # fmt: skip


def test_a_name_is_text_and_no_path(window):
    window.page.on("dialog", lambda dialog: pytest.fail("a script in a file's name ran"))
    for name, stem in NAMES.items():
        window.ask((name, CHEST))
        assert download(window, "Download the mask")[0] == f"{stem}_mask.png"
    long = "a" * 41 + "b" * 30 + "0123456789.png"
    window.ask((long, CHEST))
    assert window["status"].inner_text() == f"{long[:40]} … {long[-16:]}: two outlines"


@pytest.mark.parametrize("look", ["wide", "dark", "tablet", "phone"])
def test_examples_and_how_it_looks(opened, shots, look):
    sizes = {"tablet": TABLET, "phone": PHONE}
    scheme = "dark" if look == "dark" else "light"
    window = opened(**({"viewport": sizes[look]} if look in sizes else {}), color_scheme=scheme)
    said = {}
    for one in EXAMPLES:
        window.page.get_by_role("button", name=one.name, exact=True).press("Enter")
        window.expect(window["status"]).to_contain_text(f"“{one.name}”: ")
        window.expect(window["wait"]).to_be_hidden()
        said[one.name] = window.said()
        window.page.screenshot(path=shots / f"finder_{look}_{one.name}.png", full_page=True)
    assert said["Normal"].warnings == said["Effusion"].warnings == []
    assert (
        "it looks rotated: try rotating it by 90 degrees counterclockwise"
        in said["Turned"].warnings
    )
    assert "the outline is likely to be wrong" in " ".join(said["No X-ray"].warnings)
    assert said["Normal"].areas["left"][1] == pytest.approx(130, abs=60)
    width = window.page.viewport_size["width"]
    assert window.page.evaluate("document.documentElement.scrollWidth") == width


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious(opened, scheme):
    window = opened(color_scheme=scheme)
    window.offer(("one.png", CHEST), ("bad.png", b"no X-ray"))
    window.expect(window["wait"]).to_be_hidden()
    window.page.evaluate((PACKAGES / "axe-core/axe.min.js").read_text(encoding="utf-8"))
    found = window.page.evaluate("axe.run()")["violations"]
    serious = [one for one in found if one["impact"] in ("serious", "critical")]
    assert [(one["id"], one["nodes"][0]["html"]) for one in serious] == []


def test_the_page_is_small(site):
    """What a phone loads before the networks and what runs them, in bytes."""
    files = ("index.html", "style.css", "page.js", "worker.js")
    assert sum((site / "finder" / name).stat().st_size for name in files) <= 300_000
    assert (site / "lungseg.html").stat().st_size < 25e6


def test_what_the_page_says_is_the_packages(site):
    """The sentences and limits inside the page are those of the package that is installed."""
    script = (site / "finder" / "worker.js").read_text(encoding="utf-8")
    assert json.dumps("it looks inverted: air should be dark")[1:-1] in script
    assert re.search(r"LEAST_QUALITY:\.95\b", script) and chest().shape == (256, 256)
