"""The page in a real browser: choose, drop, look, move the threshold by keyboard, download."""

import contextlib
import re
import urllib.request
from pathlib import Path

import cv2
import numpy as np
import pytest
from hostile import INPUTS, chest, picture
from pages import SHIPPED, started

from lungseg_utils.app.page import app
from lungseg_utils.app.page.examples import EXAMPLES
from lungseg_utils.masks import lung_areas
from lungseg_utils.predict import LEAST_QUALITY, THRESHOLD

CHEST = picture()()
SVG_IN_ITS_NAME = "<img src=x onerror=alert(1)>.svg"
BAD = [one for one in INPUTS if one.name in (
    "empty.png", "text.png", "script.svg.png", "page.jpg", "archive.png", "cut.png", "rows.png",
    "larger.png", "claims.png", "bomb.png", "black.png", "cut.jpg", "claims.tif", "deflated.dcm",
    "ct.dcm", "claims.dcm")]  # fmt: skip
WIDE, NARROW = {"width": 1280, "height": 800}, {"width": 360, "height": 740}
DROP = """([names, bytes]) => {
  const moved = new DataTransfer();
  const content = Uint8Array.from(atob(bytes), letter => letter.charCodeAt(0));
  for (const name of names) moved.items.add(new File([content], name));
  return moved;
}"""
LARGE = """async () => {
  const answer = await fetch("/xrays", {method: "POST", body: new Uint8Array(65 * 2 ** 20)});
  return [answer.status, (await answer.json()).error];
}"""


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    with started(SHIPPED, tmp_path_factory.mktemp("page")) as running:
        yield running


@pytest.fixture(scope="module")
def expect(browser):
    """Playwright's, which waits; imported once it is known to be there."""
    from playwright.sync_api import expect

    expect.set_options(timeout=30_000)
    return expect


def close(context) -> None:
    """Close a window; an answer that is on its way to it then would fail in the next test."""
    for shown in context.pages:
        shown.unroute_all(behavior="ignoreErrors")
    context.close()


@pytest.fixture
def opened(page, browser, expect):
    """Opens the page in a fresh window; at the end nothing was asked elsewhere, and no error told.

    A refusal by the server is told by Chromium itself, and is no error of the page.
    """
    contexts, asked, errors = [], [], []

    def window(viewport=WIDE, **options):
        contexts.append(browser.new_context(viewport=viewport, **options))
        shown = contexts[-1].new_page()
        shown.on("request", lambda request: asked.append(request.url))
        shown.on("pageerror", lambda error: errors.append(str(error)))
        shown.on("console", lambda told: errors.append(told.text) if told.type == "error" else None)
        shown.goto(page.address)
        expect(shown.locator("#status")).to_have_text("Ready: no X-ray yet")
        return shown

    yield window
    for context in contexts:
        close(context)
    own = (page.address, f"blob:{page.address}", "data:image/svg+xml")
    assert asked and [url for url in asked if not url.startswith(own)] == []
    assert [error for error in errors if not error.startswith("Failed to load resource")] == []


def offer(shown, name: str, content: bytes) -> None:
    kind = "application/octet-stream"
    shown.set_input_files("#file", {"name": name, "mimeType": kind, "buffer": content})


def rows(areas) -> list[str]:
    return [f"image {area.side} patient {area.patient_side} {area.pixels:,} unknown"
            for area in areas]  # fmt: skip


def shows(expect, shown, areas) -> None:
    expect(shown.locator("#areas tr")).to_have_count(2)
    for number, text in enumerate(rows(areas)):
        expect(shown.locator("#areas tr").nth(number)).to_have_text(
            re.compile(r"\s*".join(map(re.escape, text.split())))
        )


def pixels(path) -> np.ndarray:
    return cv2.imdecode(np.frombuffer(Path(path).read_bytes(), np.uint8), cv2.IMREAD_UNCHANGED)


def test_a_file_its_outline_the_threshold_and_the_downloads(opened, expect):
    """All by keyboard but the choice of a file, which is the browser's own window."""
    from lungseg_utils.predict import predict_mask, predict_probability
    from lungseg_utils.pretrained import load_pretrained

    network = load_pretrained()
    shown = opened()
    shown.keyboard.press("Tab")
    expect(shown.locator("#file")).to_be_focused()
    offer(shown, "a chest.png", CHEST)
    image = chest() / np.float32(255)
    expect(shown.locator("#status")).to_have_text("a chest.png: two outlines")
    shows(expect, shown, lung_areas(predict_mask(network, image)))
    first = shown.locator("#picture").get_attribute("src")
    drawn = shown.evaluate("document.getElementById('picture').naturalWidth")
    assert drawn == 960
    slider = shown.get_by_role("slider", name="Threshold")
    slider.focus()
    for _ in range(12):
        slider.press("ArrowRight")
    expect(shown.locator("#value")).to_have_text("0.62")
    probability = predict_probability(network, image)
    areas = lung_areas(probability > 0.62)
    shows(expect, shown, areas)
    assert shown.locator("#picture").get_attribute("src") != first
    for button, name in {"Download the mask": "a_chest_mask.png",
                         "Download the picture": "a_chest_overlay.png"}.items():  # fmt: skip
        with shown.expect_download() as caught:
            shown.get_by_role("button", name=button).press("Enter")
        assert caught.value.suggested_filename == name
        found = pixels(caught.value.path())
        if "mask" in name:
            np.testing.assert_array_equal(found, 255 * (probability > 0.62).astype(np.uint8))
        else:
            assert found.shape == (960, 960, 3)
    slider.press("Home")
    expect(shown.locator("#value")).to_have_text("0.01")
    slider.press("End")
    expect(shown.locator("#value")).to_have_text("0.99")
    shows(expect, shown, lung_areas(probability > 0.99))


FOCUSED = """() => {
  const focused = document.activeElement;
  const seen = focused.matches(".unseen") ? focused.nextElementSibling : focused;
  const { outlineStyle, outlineWidth } = getComputedStyle(seen);
  return [focused.id || focused.textContent, `${outlineWidth} ${outlineStyle}`];
}"""


def test_whoever_has_no_mouse_sees_where_they_are(opened, expect):
    shown = opened()
    shown.get_by_role("button", name="Normal").click()
    expect(shown.locator("#status")).to_contain_text("two outlines")
    shown.locator("#file").focus()
    shown.keyboard.press("Shift+Tab")
    around = []
    while len(around) < 20:
        shown.keyboard.press("Tab")
        around.append(shown.evaluate(FOCUSED))
        if around[-1][0] == "overlay":
            break
    names = [name for name, _ in around]
    examples = shown.locator("#examples button").all_inner_texts()
    assert [name for name in names if name] == ["file", *examples, "threshold", "mask", "overlay"]
    assert {outline for _, outline in around} == {"3px solid"}


def test_any_file_can_be_chosen_and_the_same_one_again(opened, expect):
    """A browser tells of a choice only where the value changes; ours is empty again each time."""
    shown = opened()
    assert shown.locator("#file").get_attribute("accept") is None, "a file is known by its bytes"
    offer(shown, "notes.txt", b"no picture")
    expect(shown.locator("#error")).to_contain_text("notes.txt")
    expect(shown.locator("#file")).to_have_value("")
    offer(shown, "a chest.png", CHEST)
    expect(shown.locator("#status")).to_have_text("a chest.png: two outlines")
    expect(shown.locator("#file")).to_have_value("")


def test_files_are_dropped_and_the_first_is_taken(opened, expect, shots):
    import base64

    shown = opened()
    content = base64.b64encode(CHEST).decode()
    moved = shown.evaluate_handle(DROP, [["one.png", "two.png", "three.png"], content])
    shown.dispatch_event("body", "dragover", {"dataTransfer": moved})
    shown.screenshot(path=shots / "page_drop.png")
    shown.dispatch_event("body", "drop", {"dataTransfer": moved})
    expect(shown.locator("#status")).to_have_text(
        "one.png: two outlines. One at a time: of 3 files this is the first"
    )


def test_bad_files_get_a_sentence_and_what_was_shown_stays(opened, expect, shots, tmp_path):
    shown = opened()
    offer(shown, "good.png", CHEST)
    expect(shown.locator("#status")).to_have_text("good.png: two outlines")
    before = shown.locator("#picture").get_attribute("src")
    huge = tmp_path / "huge.png"
    huge.write_bytes(bytes(65 * 2**20))
    shown.set_input_files("#file", huge)
    expect(shown.locator("#error")).to_contain_text("huge.png is larger than 64 MB")
    assert len(BAD) == 16
    for one in BAD:
        offer(shown, one.name, one.content())
        expect(shown.locator("#error")).to_contain_text(one.error)
        expect(shown.locator("#error")).to_contain_text(f"{one.name} ")
        expect(shown.locator("#status")).to_have_text("Still shown: good.png")
        expect(shown.locator("#wait")).to_be_hidden()
    shown.screenshot(path=shots / "page_error.png")
    assert shown.locator("#picture").get_attribute("src") == before
    offer(shown, "good.png", CHEST)
    expect(shown.locator("#error")).to_be_empty()


def test_a_name_is_text_and_no_path(opened, expect):
    shown = opened()
    shown.on("dialog", lambda dialog: pytest.fail("a script in a file's name ran"))
    offer(shown, SVG_IN_ITS_NAME, b"<svg onload='alert(1)'/>")
    expect(shown.locator("#error")).to_contain_text(SVG_IN_ITS_NAME)
    offer(shown, "../../etc/..\\.hidden; rm -rf.png.exe", CHEST)
    expect(shown.locator("#picture")).to_be_visible()
    with shown.expect_download() as caught:
        shown.get_by_role("button", name="Download the mask").click()
    assert re.fullmatch(r"[\w-]+_mask\.png", caught.value.suggested_filename)


TIMES = "\u00d7"
SPACING = f"A pixel is 0.143 {TIMES} 0.200 mm high and wide."
REPORT = {
    "token": "t", "threshold": 0.42, "width": 1234, "height": 987, "spacing_mm": [0.1434, 0.2],
    "areas": [
        {"image_side": "left", "patient_side": "right", "pixels": 12345, "cm2": 200.06},
        {"image_side": "right", "patient_side": "left", "pixels": 9, "cm2": 0.14},
    ],
    "cover": 0.12345, "quality": 0.89951, "reliable": False, "warnings": ["one", "two <b>"],
}  # fmt: skip
LEFT, RIGHT = (["image left", "patient right", "12,345", "200.1"],
               ["image right", "patient left", "9", "0.1"])  # fmt: skip
NO_LEFT, NO_RIGHT = ([*line[:2], "none", "none"] for line in (LEFT, RIGHT))
ANSWERS = {
    "all": ({}, "two outlines, 2 warnings", [LEFT, RIGHT], SPACING, "low"),
    "one": ({"areas": REPORT["areas"][1:], "warnings": ["one"], "reliable": True},
            "one outline, one warning", [NO_LEFT, RIGHT], SPACING, ""),
    "none": ({"areas": [], "warnings": [], "spacing_mm": None}, "no lung found",
             [NO_LEFT, NO_RIGHT], "cm² unknown: the file names no pixel size.", "low"),
}  # fmt: skip


@pytest.mark.parametrize("case", ANSWERS)
def test_every_number_of_an_answer_is_shown(case, opened, expect):
    shown, asked = opened(), []
    change, status, table, spacing, mark = ANSWERS[case]
    report = REPORT | change
    shown.route("**/xrays", lambda route: route.fulfill(status=201, json=report))
    shown.route("**/xrays/t*", lambda route: route.fulfill(json=report | {"cover": 0.5}))

    def send_picture(route):
        asked.append(route.request.url.split("?")[1])
        route.fulfill(body=CHEST, content_type="image/png")

    shown.route("**/xrays/t/overlay.png*", send_picture)
    offer(shown, "1.2.840.png", CHEST)
    expect(shown.locator("#status")).to_have_text(f"1.2.840.png: {status}")
    lines = [line.locator("th, td").all_inner_texts() for line in shown.locator("#areas tr").all()]
    assert lines == table
    assert shown.locator("#warnings li").all_inner_texts() == report["warnings"]
    texts = {"value": "0.42", "spacing": spacing, "cover": "12.3 %", "quality": "0.900",
             "size": f"1234 {TIMES} 987 pixels", "choose": "Choose another file"}  # fmt: skip
    assert {name: shown.locator(f"#{name}").inner_text() for name in texts} == texts
    assert (shown.locator("#quality").get_attribute("class") or "") == mark
    assert shown.locator("#threshold").input_value() == "0.42" and asked == ["threshold=0.42"]
    alt = "The X-ray 1.2.840.png with the outline of the lungs in dashed orange"
    assert shown.locator("#picture").get_attribute("alt") == alt
    with shown.expect_download() as caught:
        shown.locator("#overlay").click()
    assert caught.value.suggested_filename == "1_2_840_overlay.png"
    shown.locator("#threshold").press("ArrowRight")
    expect(shown.locator("#cover")).to_have_text("50.0 %")
    assert asked == ["threshold=0.42"] * 2 + ["threshold=0.43"]


NOTHING = ["\u2013"] * 2  # dashes


def test_before_there_is_an_x_ray(opened):
    """The limits and numbers on the page are the package's."""
    shown = opened()
    slider = shown.locator("#threshold")
    ends = [float(slider.get_attribute(name)) for name in ("min", "max", "value")]
    assert ends == [app.LEAST, app.MOST, THRESHOLD]
    for name in ("threshold", "mask", "overlay"):
        assert shown.locator(f"#{name}").is_disabled()
    assert not shown.locator("#picture").is_visible() and shown.locator(".drop").is_visible()
    assert shown.locator("#value").inner_text() == f"{THRESHOLD:.2f}"
    rows = [line.locator("th, td").all_inner_texts() for line in shown.locator("#areas tr").all()]
    assert rows == [["image left", "patient right", *NOTHING],
                    ["image right", "patient left", *NOTHING]]  # fmt: skip
    text = " ".join(shown.locator("body").inner_text().replace("\u2011", "-").split())
    for sentence in (
        "For learning and research, not for clinical use.",
        "or choose a file: PNG, JPEG, TIFF or DICOM",
        "A pixel is lung where the network gives it a higher probability than this. "
        f"The course's scores are measured at {THRESHOLD:.2f}.",
        "Areas on the detector image side patient side pixels cm²",
        f"agrees with it. Below {LEAST_QUALITY:.2f} do not rely on the outline; above, it is still "
        "no proof.",
        "Your X-ray stays on this computer: it is held in memory and never written to disk.",
    ):
        assert sentence in text


def test_the_example_that_is_shown_is_marked(opened, expect):
    shown = opened()
    buttons = shown.locator("#examples button")

    def pressed():
        return [one.get_attribute("aria-pressed") for one in buttons.all()]

    assert buttons.all_inner_texts() == [one.name for one in EXAMPLES]
    assert [one.get_attribute("title") for one in buttons.all()] == [one.says for one in EXAMPLES]
    assert pressed() == ["false"] * len(EXAMPLES)
    for number in (3, 0):
        buttons.nth(number).click()
        expected = [str(one == number).lower() for one in range(len(EXAMPLES))]
        assert pressed() == expected
        expect(shown.locator("#status")).to_contain_text(f"Example “{EXAMPLES[number].name}”: ")
    offer(shown, "a chest.png", CHEST)
    assert pressed() == ["false"] * len(EXAMPLES)
    expect(shown.locator("#status")).to_have_text("a chest.png: two outlines")


def test_it_says_that_it_loads_and_why_it_cannot(opened, expect):
    shown, states = opened(), [{"ready": False, "problem": ""}] * 2

    def state(route):
        return route.fulfill(json=states.pop()) if states else route.continue_()

    shown.route("**/state", state)
    shown.reload()
    expect(shown.locator("#waiting")).to_have_text("Loading the network …")
    expect(shown.locator("#status")).to_have_text("Ready: no X-ray yet")
    expect(shown.locator("#wait")).to_be_hidden()
    states.append({"ready": False, "problem": "no networks: download them"})
    shown.reload()
    expect(shown.locator("#error")).to_have_text("no networks: download them")
    expect(shown.locator("#wait")).to_be_hidden()


def test_it_says_what_it_is_looking_at(opened, expect):
    shown, held = opened(), []
    shown.route("**/xrays", lambda route: held.append(route))
    offer(shown, "held.png", CHEST)
    expect(shown.locator("#waiting")).to_have_text("Looking at held.png …")
    expect(shown.locator("#status")).to_have_text("Looking at held.png …")
    expect(shown.locator("#wait")).to_be_visible()
    held[0].continue_()
    expect(shown.locator("#status")).to_have_text("held.png: two outlines")
    expect(shown.locator("#wait")).to_be_hidden()


def test_the_place_to_drop_a_file_is_shown_while_one_is_over_it(opened):
    shown = opened()
    moved = {"dataTransfer": shown.evaluate_handle("new DataTransfer()")}
    marked = "document.body.classList.contains('over')"
    for enters, leaves in (("dragenter", "dragleave"), ("dragover", "drop")):
        shown.dispatch_event("body", enters, moved)
        assert shown.evaluate(marked)
        shown.dispatch_event("body", leaves, moved)
        assert not shown.evaluate(marked)


def test_the_last_place_of_the_slider_counts(opened, expect):
    shown, asked = opened(), []
    offer(shown, "a.png", CHEST)
    expect(shown.locator("#status")).to_have_text("a.png: two outlines")
    shown.on("request", lambda one: asked.append(one.url) if "threshold=" in one.url else None)
    shown.locator("#threshold").focus()
    for _ in range(7):
        shown.keyboard.press("ArrowRight")
    expect(shown.locator("#value")).to_have_text("0.57")
    while len(asked) < 2:
        shown.wait_for_timeout(50)
    shown.wait_for_timeout(500)
    assert {url.split("=")[1] for url in asked[-2:]} == {"0.57"} and len(asked) < 14


def test_a_page_elsewhere_says_where_an_x_ray_goes(page, browser, expect):
    context = browser.new_context()
    shown = context.new_page()

    def send(route):
        path = route.request.url.removeprefix("http://lab.example")
        with urllib.request.urlopen(page.address + path, timeout=30) as answer:
            kind = answer.headers["Content-Type"]
            route.fulfill(body=answer.read(), content_type=kind)

    shown.route("http://lab.example/**", send)
    shown.goto("http://lab.example/")
    expect(shown.locator("#where")).to_have_text(
        "Your X-ray is sent, unencrypted, to the computer lab.example: it is held in memory there "
        "and never written to disk."
    )
    close(context)


NAMES = {
    "1.2.840.dcm": "1_2_840", "a b.tar.gz": "a_b_tar", "no ending": "no_ending",
    "Röntgen-Bild_1.PNG": "Röntgen-Bild_1", "胸.png": "胸", "_a_.png": "a", ".png": "xray",
    "((.png": "xray", "x" * 70 + ".png": "x" * 60, "c:\\a\\b.png": "b", "a/b/c.png": "c",
}  # fmt: skip


def test_downloads_have_plain_names(opened):
    shown = opened()
    assert {name: shown.evaluate(f"stem({name!r})") for name in NAMES} == NAMES


def test_a_long_name_is_shortened_in_the_middle(opened, expect):
    shown, name = opened(), "a" * 41 + "b" * 30 + "0123456789.png"
    offer(shown, name, CHEST)
    short = f"{name[:40]} … {name[-16:]}"
    expect(shown.locator("#status")).to_have_text(f"{short}: two outlines")


def test_a_body_too_large_is_answered_in_the_browser_too(opened):
    status, said = opened().evaluate(LARGE)
    assert status == 413 and "larger than 64 MB" in said


@pytest.mark.parametrize("look", ["wide", "dark", "narrow"])
def test_examples_and_how_it_looks(opened, expect, shots, look):
    scheme = "dark" if look == "dark" else "light"
    shown = opened(NARROW if look == "narrow" else WIDE, color_scheme=scheme)
    shown.screenshot(path=shots / f"page_{look}_empty.png", full_page=True)
    place = shown.locator("#threshold").bounding_box()
    for name, warnings in {"Normal": 0, "Effusion": 0, "Turned": 3, "No X-ray": 2}.items():
        shown.get_by_role("button", name=name).press("Enter")
        expect(shown.locator("#status")).to_contain_text(f"“{name}”: ")
        expect(shown.locator("#warnings li")).to_have_count(warnings)
        expect(shown.locator("#picture")).to_be_visible()
        shown.screenshot(path=shots / f"page_{look}_{name}.png", full_page=True)
        if look != "narrow":
            assert shown.locator("#threshold").bounding_box() == place
    width = shown.viewport_size["width"]
    assert shown.evaluate("document.documentElement.scrollWidth") == width
    expect(shown.locator("#quality")).to_have_class("low")


def test_it_waits_while_others_are_before_it(opened, expect):
    shown, answers = opened(), []

    def busy_once(route):
        answers.append(route)
        if len(answers) > 1:
            return route.continue_()
        return route.fulfill(status=503, headers={"Retry-After": "0"}, json={"error": "busy"})

    shown.route("**/xrays", busy_once)
    offer(shown, "late.png", CHEST)
    expect(shown.locator("#status")).to_have_text("late.png: two outlines")
    assert len(answers) == 2


@pytest.mark.parametrize("late", ["**/xrays", "**/overlay.png*"], ids=["answer", "picture"])
def test_what_comes_late_does_not_replace_what_is_newer(late, opened, expect):
    shown, held = opened(), []

    def hold_the_first(route):
        if held:
            return route.continue_()
        held.append(route)

    shown.route(late, hold_the_first)
    offer(shown, "first.png", CHEST)
    while not held:
        shown.wait_for_timeout(50)
    offer(shown, "second.png", CHEST)
    expect(shown.locator("#status")).to_have_text("second.png: two outlines")
    held[0].continue_()
    shown.wait_for_timeout(1500)
    expect(shown.locator("#status")).to_have_text("second.png: two outlines")
    expect(shown.locator("#picture")).to_have_attribute("alt", re.compile(r"second\.png"))


def test_a_threshold_of_the_xray_before_does_not_come_back(opened, expect):
    shown, held = opened(), []
    offer(shown, "first.png", CHEST)
    expect(shown.locator("#status")).to_have_text("first.png: two outlines")
    shown.route("**/xrays/*", lambda route: held.append(route))
    shown.locator("#threshold").press("ArrowRight")
    while not held:
        shown.wait_for_timeout(50)
    offer(shown, "second.png", CHEST)
    expect(shown.locator("#status")).to_have_text("second.png: two outlines")
    with contextlib.suppress(Exception):  # the page has given it up
        held[0].continue_()
    shown.wait_for_timeout(500)
    expect(shown.locator("#status")).to_have_text("second.png: two outlines")
    expect(shown.locator("#value")).to_have_text("0.50")


def test_an_xray_that_was_forgotten_and_a_program_that_has_ended(opened, expect):
    shown = opened()
    offer(shown, "old.png", CHEST)
    expect(shown.locator("#status")).to_have_text("old.png: two outlines")
    gone = {"status": 404, "json": {"error": "this X-ray is no longer in memory: drop it again"}}
    shown.route("**/xrays/**", lambda route: route.fulfill(**gone))
    shown.locator("#threshold").press("ArrowLeft")
    expect(shown.locator("#error")).to_have_text(
        "old.png: this X-ray is no longer in memory: drop it again"
    )
    shown.route("**/xrays", lambda route: route.abort())
    offer(shown, "new.png", CHEST)
    expect(shown.locator("#error")).to_contain_text("does not answer: start it again")


def test_another_site_cannot_use_it(page, browser):
    """A page of another site, which the browser lets ask, is refused by the server."""
    context = browser.new_context()
    shown, statuses = context.new_page(), []
    shown.on("response", lambda one: statuses.append(one.status) if page.address in one.url else 0)
    html = {"body": "<p>elsewhere</p>", "content_type": "text/html"}
    shown.route("http://evil.example/", lambda route: route.fulfill(**html))
    shown.goto("http://evil.example/")
    asked = f"fetch('{page.address}/examples/0', {{method: 'POST', mode: 'no-cors'}})"
    shown.evaluate(f"{asked}.then(() => 1, () => 0)")
    shown.wait_for_timeout(300)
    close(context)
    assert set(statuses) <= {403}
