"""The report on many masks, opened as a file: all there, at any width, and nothing asked for."""

import pytest
from hostile import picture

from lungseg_utils.app.terminal import main

# pictures that were not decoded, and how far the page is wider than the window
FAULTS = """() => [
  [...document.images].filter(one => !one.complete || !one.naturalWidth || !one.alt).length,
  document.documentElement.scrollWidth - window.innerWidth]"""


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    root = tmp_path_factory.mktemp("report")
    (root / "a long name of a folder, with blanks").mkdir()
    for number in range(6):
        content = picture(lambda image, by=number: image[:, : 256 - 20 * by])()
        content = content[:900] if number == 3 else content
        (root / "a long name of a folder, with blanks" / f"{'x' * 60}{number}.png").write_bytes(
            content
        )
    out = root / "out"
    folder = str(root / "a long name of a folder, with blanks")
    assert main(["predict", folder, "-o", str(out), "--masks", "rle", "--overlays", "none"]) == 1
    assert main(["report", str(out)]) == 0
    return out / "report.html"


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("width", [1200, 700, 360])
def test_the_report_is_whole_at_every_width(width, dark, report, browser, shots):
    scheme = "dark" if dark else "light"
    page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
    said, asked = [], []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("request", lambda request: asked.append(request.url))
    page.goto(report.as_uri())
    page.screenshot(path=shots / f"report-{width}-{scheme}.png", full_page=True)
    assert said == []
    assert [url for url in asked if not url.startswith("data:")] == [report.as_uri()]
    assert page.evaluate(FAULTS) == [0, 0]
    assert page.locator(".worst img").count() == 5 and page.locator("svg rect").count() >= 20
    assert page.locator("h1").inner_text() == "Lungs found in 6 files"
    page.close()
