"""The book, page by page in Chromium: whole, by itself, and readable on a phone and in the dark."""

import json
import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from tools import book
from tools.forms import STILL
from tools.installation import ROOT, Stop

PAGES = ["index", *re.findall(r"file: (\S+)", (book.BOOK / "_toc.yml").read_text(encoding="utf-8"))]
NOTEBOOKS = [page for page in PAGES if page.startswith("notebooks/")]
AXE = ROOT / "site" / "node_modules" / "axe-core" / "axe.min.js"
COLAB = "https://colab.research.google.com/github/lungseg-course/lungseg/blob/main/"
LOOK = """() => {
  const all = (what, read) => [...document.querySelectorAll(what)].map(read);
  return {
    links: all("a[href]", (one) => one.getAttribute("href")),
    pictures: all("img", (one) => one.getAttribute("src")),
    cells: all("div.cell", (cell) => {
      const output = cell.querySelector(".cell_output");
      return {
        text: output?.textContent ?? "",
        parts: output?.querySelectorAll(".output").length ?? 0,
        pictures: output?.querySelectorAll("img").length ?? 0,
      };
    }),
    stills: all("p.still", (one) => one.textContent),
    formulas: document.querySelectorAll("mjx-container").length,
    faults: document.querySelectorAll("mjx-merror, .math:not(:has(mjx-container))").length,
    text: document.querySelector("main").innerText,
  };
}"""


@dataclass
class Seen:
    """What a page held, asked for and complained about."""

    held: dict
    asked: list[str]
    complaints: list[str]


@pytest.fixture(scope="module")
def window(browser, address):
    """A context of its own, as wide as a laptop."""
    context = browser.new_context(viewport={"width": 1280, "height": 800}, base_url=address)
    yield context
    context.close()


@pytest.fixture(scope="module")
def seen(window):
    """Each page of the book as it was seen, by its name; it is opened once."""
    known = {}

    def look(name: str) -> Seen:
        if name not in known:
            page, asked, complaints = window.new_page(), [], []
            page.on("request", lambda request: asked.append(request.url))
            page.on("pageerror", lambda error: complaints.append(str(error)))
            page.on("requestfailed", lambda request: complaints.append(request.url))
            page.on(
                "console",
                lambda told: told.type in ("error", "warning") and complaints.append(told.text),
            )
            page.on(
                "response",
                lambda response: response.ok or complaints.append(response.url),
            )
            page.goto(f"/{name}.html", wait_until="networkidle")
            known[name] = Seen(page.evaluate(LOOK), asked, complaints)
            page.close()
        return known[name]

    return look


@pytest.fixture
def page(window):
    """An empty page, closed afterwards."""
    opened = window.new_page()
    yield opened
    opened.close()


def cells_of(name: str) -> list[dict]:
    return json.loads((ROOT / f"{name}.ipynb").read_text(encoding="utf-8"))["cells"]


def prose_of(name: str) -> str:
    """The Markdown from which a page was made, without its code."""
    if name in NOTEBOOKS:
        cells = (cell for cell in cells_of(name) if cell["cell_type"] == "markdown")
        text = "\n\n".join("".join(cell["source"]) for cell in cells)
    else:
        text = (ROOT / f"{name}.md").read_text(encoding="utf-8")
    return book.CODE.sub("", text)


@pytest.mark.parametrize("name", [*PAGES, "search"])
def test_a_page_opens_without_complaint_and_asks_no_other_host(name, seen, address):
    visit = seen(name)
    assert visit.complaints == []
    assert visit.asked
    assert [url for url in visit.asked if not url.startswith((f"{address}/", "data:"))] == []


def broken(link: str, place: Path, site: Path) -> str:
    """What is wrong with a link or a picture of the file `place`, or nothing."""
    parts = urlsplit(link)
    if parts.scheme in ("https", "mailto", "data"):
        return ""
    target = (place.parent / unquote(parts.path)).resolve() if parts.path else place
    if not target.is_relative_to(site.resolve()) or parts.scheme or parts.netloc:
        return f"{link} leaves the site"
    if target.is_dir():
        target /= "index.html"
    if not target.is_file():
        return f"{link} leads nowhere"
    wanted = f'id="{unquote(parts.fragment)}"'
    if parts.fragment and wanted not in target.read_text(encoding="utf-8"):
        return f"{link} leads to no such place of the page"
    return ""


@pytest.mark.parametrize("name", PAGES)
def test_every_link_and_every_picture_of_a_page_is_there(name, seen, site):
    held = seen(name).held
    place = (site / f"{name}.html").resolve()
    assert len(held["links"]) > len(PAGES)
    links = {*held["links"], *held["pictures"]} - {"#"}
    assert [fault for link in sorted(links) if (fault := broken(link, place, site))] == []


def test_the_start_page_leads_to_the_lung_finder_and_offers_it_as_one_file(page, site):
    page.goto("/index.html")
    assert page.locator('article a[href="finder/"]').count() == 2
    with page.expect_download() as download:
        page.locator('article a[href="lungseg.html"]').click()
    assert Path(download.value.path()).read_bytes() == (site / "lungseg.html").read_bytes()


def test_the_start_page_holds_what_the_readme_says(seen):
    text = " ".join(seen("index").held["text"].split())
    for words in ("A course in notebooks.", "not for clinical use", "python3 course.py run"):
        assert words in text
    assert "<!--" not in text and "github.io" not in text


def plain(text: str) -> str:
    """The text without spaces, each line as it was after what overwrote it."""
    return "".join(re.sub(r"[^\n]*\r(?=[^\n])", "", text).split())


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_a_cell_shows_every_output_that_the_notebook_stores(name, seen):
    cells = [cell for cell in cells_of(name) if cell["cell_type"] == "code"]
    shown = seen(name).held["cells"]
    assert len(shown) == len(cells)
    for cell, found in zip(cells, shown, strict=True):
        outputs, html = cell["outputs"], ""
        for output in outputs:
            data = output.get("data", {})
            html += "".join(data.get("text/html", ""))
            said = "".join(output.get("text", data.get("text/plain", "")))
            if "text/html" not in data and STILL not in said:
                assert plain(said) in plain(found["text"])
        assert found["pictures"] == html.count("<img")
        assert bool(found["parts"]) == bool(outputs)
        for caption in re.findall(r">([^<>&]{9,})</(?:figcaption|td)>", html):
            assert plain(caption) in plain(found["text"])


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_a_widget_is_a_still_picture_with_a_line_that_says_where_it_moves(name, seen):
    assert book.STILL == STILL
    held = seen(name).held
    stored = json.dumps(cells_of(name)).count(STILL)
    assert held["stills"] == stored * [
        "In the notebook you can move this picture: open it in Colab or in JupyterLab."
    ]
    assert STILL not in held["text"]


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_a_notebook_opens_in_colab_and_can_be_downloaded(name, page, site):
    page.goto(f"/{name}.html")
    button = page.get_by_role("link", name="Open in Colab")
    assert button.get_attribute("href") == f"{COLAB}{name}.ipynb"
    assert button.is_visible() and button.bounding_box()["y"] < 800
    with page.expect_download() as download:
        page.get_by_role("link", name="Download the notebook").click()
    stored = (ROOT / f"{name}.ipynb").read_bytes()
    assert Path(download.value.path()).read_bytes() == stored


@pytest.mark.parametrize("name", PAGES[1:])
def test_formulas_are_set(name, seen):
    held = seen(name).held
    wanted = re.findall(r"\$\$[^$]+\$\$|\$[^$\s](?:[^$]*[^$\s])?\$", prose_of(name))
    assert (held["formulas"], held["faults"]) == (len(wanted), 0)


def test_some_formulas_are_set(seen):
    assert seen("GLOSSARY").held["formulas"] > 9


def test_the_search_finds_hausdorff(page):
    page.goto("/search.html?q=Hausdorff")
    results = page.locator("#search-results li a")
    results.first.wait_for()
    page.get_by_text("Search finished").wait_for()
    assert {"05 Measuring with metrics", "Glossary"} <= set(results.all_inner_texts())
    results.filter(has_text="Glossary").click()
    assert page.locator("article h1").inner_text().startswith("Glossary")


def test_next_and_previous_lead_through_the_whole_book(page, address):
    page.goto("/index.html")
    for button, order in (("right-next", PAGES), ("left-prev", PAGES[::-1])):
        for name in order:
            assert page.url.partition("#")[0] == f"{address}/{name}.html"
            link = page.locator(f"a.{button}")
            assert link.count() == (name != order[-1])
            if link.count():
                link.click()
                page.wait_for_load_state()


@pytest.mark.parametrize("name", [*PAGES, "search"])
def test_a_phone_shows_a_page_without_scrolling_sideways(name, browser, address):
    context = browser.new_context(
        viewport={"width": 360, "height": 740}, is_mobile=True, has_touch=True, base_url=address
    )
    page = context.new_page()
    page.goto(f"/{name}.html", wait_until="networkidle")
    # a page that is wider than the phone would be shrunk to fit
    assert page.evaluate("[document.documentElement.scrollWidth, innerWidth]") == [360, 360]
    wide = """() => [...document.querySelectorAll("article table, article pre, article img")]
      .filter((one) => one.getBoundingClientRect().right > innerWidth + 1)
      .filter((one) => {
        for (let box = one; box.tagName !== "ARTICLE"; box = box.parentElement)
          if (["auto", "scroll"].includes(getComputedStyle(box).overflowX)) return false;
        return true;
      }).map((one) => one.outerHTML.slice(0, 90))"""
    assert page.evaluate(wide) == []
    context.close()


def brightness(page) -> float:
    """How bright the paper is, from 0 to 255."""
    colour = page.evaluate("getComputedStyle(document.body).backgroundColor")
    return sum(map(int, re.findall(r"\d+", colour)[:3])) / 3


def test_the_theme_follows_the_system_and_the_button(browser, address):
    context = browser.new_context(color_scheme="dark", base_url=address)
    page = context.new_page()
    page.goto("/index.html")
    assert brightness(page) < 60
    shades = []
    for _ in range(3):
        page.locator("button.theme-switch-button:visible").first.click()
        shades.append(brightness(page) < 60)
    assert set(shades) == {True, False}
    while brightness(page) < 60:
        page.locator("button.theme-switch-button:visible").first.click()
    page.goto(f"/{NOTEBOOKS[0]}.html")  # another page remembers
    assert brightness(page) > 200
    context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", ["index", "notebooks/05_measuring_with_metrics", "GLOSSARY"])
def test_a_page_is_open_to_all(name, scheme, browser, address):
    context = browser.new_context(color_scheme=scheme, base_url=address)
    page = context.new_page()
    page.goto(f"/{name}.html", wait_until="networkidle")
    page.add_script_tag(path=AXE)
    found = page.evaluate("axe.run()")["violations"]
    bad = [
        (one["id"], node["target"], node["failureSummary"])
        for one in found
        if one["impact"] in ("serious", "critical")
        for node in one["nodes"]
    ]
    assert bad == []
    context.close()


@pytest.mark.parametrize(
    ("link", "wanted"),
    [
        ("02_merging_the_masks.ipynb", "02_merging_the_masks.ipynb"),
        ("../GLOSSARY.md#dice", "../GLOSSARY.md#dice"),
        ("#here", "#here"),
        ("https://example.org/a.md", "https://example.org/a.md"),
        ("../README.md", "../index.md"),
        ("../README.md#data", f"{book.repository()}/blob/main/README.md#data"),
        ("../lungseg_utils/masks.py", f"{book.repository()}/blob/main/lungseg_utils/masks.py"),
        ("../lungseg_utils/app/", f"{book.repository()}/tree/main/lungseg_utils/app"),
    ],
)
def test_a_link_leads_within_the_book_or_to_the_repository(link, wanted):
    assert book.target(link, ROOT / "notebooks" / "00_start_here.ipynb") == wanted


@pytest.mark.parametrize("link", ["nowhere.md", "../LICENSE"])
def test_a_link_that_leads_nowhere_ends_the_build(link):
    with pytest.raises(Stop, match=re.escape(f"README.md links to {link}")):
        book.mend(f"[it]({link})", ROOT / "README.md")


def test_code_is_left_as_it_is():
    text = "see [it](CITATION.cff)\n\n```\n[it](CITATION.cff)\n```\n`[it](LICENSE)` $x$\n"
    mended = book.mend(text, ROOT / "README.md")
    address = f"{book.repository()}/blob/main/CITATION.cff"
    assert mended == text.replace("CITATION.cff", address, 1)


def test_a_part_of_the_readme_that_is_gone_is_named():
    with pytest.raises(Stop, match=r"Chapter nine.*README"):
        book.PART.sub(book.readme_part, "<!-- README: Chapter nine -->")


def test_without_the_npm_packages_a_sentence_says_what_to_run(tmp_path, monkeypatch):
    monkeypatch.setattr(book, "MATHJAX", tmp_path)
    with pytest.raises(Stop, match="npm ci"):
        book.build(tmp_path)


def test_a_fault_of_the_build_is_said_with_its_page():
    said = "reading\n\x1b[31m/a/sources/USING.md:7: WARNING: no such link\x1b[0m\nmore\n"
    assert "USING.md:7: WARNING: no such link" in book.build_fault(said)
    assert "disk is full" in book.build_fault("OSError: No space left on device")
