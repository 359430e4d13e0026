"""What a reader sees who runs nothing: the stored notebooks and the pages, as HTML and on paper."""

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote, urlsplit

import mistune
import nbformat
import pytest

from tools import forms, notebooks
from tools.export import write_html
from tools.scores import write_page

ROOT = notebooks.ROOT
NOTEBOOKS = {path.stem: path for path in notebooks.paths()}
PAGES = [path.name for path in sorted(ROOT.glob("*.md"))]
WIDGET_CALL = re.compile(r"^(widgets\.)?[A-Z]\w+\(", re.M)
RESULTS = {
    "data": "simulated",
    "scale": "laptop",
    "test_images": 28,
    "test_patients": 25,
    "scores": {
        "dice": {"title": "Dice", "unit": "", "mean": 0.9714, "low": 0.9659, "high": 0.9762},
        "hd95_mm": {"title": "HD95", "unit": "mm", "mean": 5.8, "low": 4.1, "high": "inf"},
    },
}
HOLES = ("children=", "Box(", "Output()", "Error displaying widget", "Loading widget")
SCREEN, PAPER = 1000, 698  # pixels; A4 is 794 wide, and nbconvert's margins are half an inch each
GITHUB = """<!doctype html><meta charset=utf-8><base href="{base}"><title>{title}</title><style>
body {{ max-width: 838px; margin: 32px auto; font: 16px/1.5 "Noto Sans", Helvetica, sans-serif }}
img {{ max-width: 100% }} table {{ border-collapse: collapse; display: block; overflow: auto }}
td, th {{ border: 1px solid #d0d7de; padding: 6px 13px }}
code {{ background: #eff1f3; font-size: 85% }}
pre {{ background: #f6f8fa; padding: 16px; overflow: auto }}</style>{body}"""
# how far the contents reach, and what is hidden in a box that is too narrow
REACH = """() => {
  const boxes = [...document.querySelectorAll("pre, table, figure, td, .jp-OutputArea-output")];
  const cut = boxes.filter(one => one.clientWidth && one.scrollWidth > one.clientWidth + 1);
  return [document.documentElement.scrollWidth, cut.map(one => one.innerText.slice(0, 60))];
}"""
FIGURES = """() => [...document.querySelectorAll(".jp-OutputArea-output img")].map(one => ({
  width: one.naturalWidth, shown: one.getBoundingClientRect().width, alt: one.alt,
  caption: one.closest("figure").querySelector("figcaption").innerText}))"""
CELLS = """() => [...document.querySelectorAll(".jp-CodeCell")].map(one => [
  one.querySelector(".jp-InputArea-editor").innerText.trim(),
  [...one.querySelectorAll(".jp-OutputArea-output")]
    .map(out => out.innerText).join("\\n").trim()])"""
# GitHub leaves no style to what cells put out
STRIP = """() => document.querySelectorAll(".jp-OutputArea-output [style]").forEach(
  one => one.removeAttribute("style"))"""
PICTURES = """() => [...document.images].map(one => ({
  source: one.getAttribute("src"), width: one.naturalWidth, alt: one.alt,
  leads: one.closest("a")?.href ?? ""}))"""
SVG = "data:image/svg+xml"
UNFOLDED = """() => [...document.querySelectorAll("details")].map(one =>
  one.offsetHeight > 1.5 * one.querySelector("summary").offsetHeight)"""
LINKS = """() => [...document.links].map(one => one.href)"""


@pytest.fixture
def reader(browser) -> Iterator:
    """A page of a browser without a network; `asked` lists what it wanted from other hosts."""
    page, asked = browser.new_page(viewport={"width": SCREEN, "height": 1000}), []
    page.route(re.compile("^(?!file:|data:)"), lambda route: (asked.append(route), route.abort()))
    page.asked = asked
    yield page
    page.unroute_all(behavior="ignoreErrors")
    page.close()


def keep(page, path: Path) -> None:
    """Screenshots of a page from top to bottom, 2000 pixels high: PATH_00.png, PATH_01.png."""
    page.set_viewport_size({"width": SCREEN, "height": 2000})
    height = page.evaluate("document.documentElement.scrollHeight")
    for number, top in enumerate(range(0, height, 2000)):
        page.evaluate(f"scrollTo(0, {top})")
        page.screenshot(path=f"{path}_{number:02d}.png")


def figures(notebook: nbformat.NotebookNode) -> list[str]:
    """The captions of the figures in a notebook's outputs."""
    outputs = [out for cell in forms.code_cells(notebook) for out in cell.outputs]
    shown = [out.data for out in outputs if "<img" in out.get("data", {}).get("text/html", "")]
    return [data["text/plain"] for data in shown]


def formulas(notebook: nbformat.NotebookNode) -> list[str]:
    """The formulas in a notebook's prose."""
    prose = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    return [" ".join(one.split()) for one in re.findall(r"\$([^$]+)\$", prose)]


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_a_stored_notebook_is_whole_on_a_screen_and_on_paper(name, reader, shots, tmp_path):
    notebook = nbformat.read(NOTEBOOKS[name], as_version=4)
    write_html(notebook, tmp_path / f"{name}.html")
    reader.goto((tmp_path / f"{name}.html").as_uri())
    keep(reader, shots / name)
    all_figures_are_there(reader, notebook)
    no_widget_left_a_hole(reader)
    drawn = [one for one in reader.evaluate(PICTURES) if one["source"].startswith(SVG)]
    assert [one["alt"] for one in drawn if one["width"]] == formulas(notebook)
    for path in files_of_links(reader):
        assert path.stem in NOTEBOOKS if path.parent == tmp_path else path.is_file()
    assert reader.evaluate(REACH) == [SCREEN, []]
    reader.evaluate(STRIP)
    assert reader.evaluate(REACH) == [SCREEN, []], "without styles, as on GitHub"
    reader.set_viewport_size({"width": PAPER, "height": 1000})
    reader.emulate_media(media="print")
    assert reader.evaluate(REACH) == [PAPER, []], "on paper"
    assert all(reader.evaluate(UNFOLDED)), "an answer is folded away on paper"
    reader.pdf(path=shots / f"{name}.pdf", format="A4")
    assert reader.asked == [], "the page needs other hosts"


def all_figures_are_there(reader, notebook: nbformat.NotebookNode) -> None:
    """Every figure of the outputs is loaded and large, with its alt text and its caption."""
    found = reader.evaluate(FIGURES)
    assert [one["caption"] for one in found] == figures(notebook) != []
    assert all(one["width"] >= one["shown"] > 300 and len(one["alt"]) > 20 for one in found)
    assert not any(one["alt"].startswith("No description") for one in found), "nbconvert's own"


def no_widget_left_a_hole(reader) -> None:
    """No output is the name of a widget; where one would stand, a sentence says so."""
    cells = reader.evaluate(CELLS)
    assert [out for _, out in cells if any(hole in out for hole in HOLES)] == []
    for _, out in (cell for cell in cells if WIDGET_CALL.search(cell[0])):
        assert out == forms.STILL


def files_of_links(reader) -> list[Path]:
    """The files on this machine that a page leads to."""
    leads = [urlsplit(link) for link in reader.evaluate(LINKS)]
    return [Path(unquote(one.path)) for one in leads if one.scheme == "file"]


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_whole_with_its_pictures_badges_and_tables(name, reader, shots, tmp_path):
    text = (ROOT / name).read_text(encoding="utf-8")
    body = mistune.create_markdown(escape=False, plugins=["table", "strikethrough"])(text)
    page = tmp_path / "page.html"
    page.write_text(
        GITHUB.format(base=f"{ROOT.as_uri()}/", title=name, body=body), encoding="utf-8"
    )
    reader.goto(page.as_uri())
    keep(reader, shots / Path(name).stem)
    pictures = reader.evaluate(PICTURES)
    assert len(pictures) == text.count("![")
    assert "@@" not in text, "a place that was to be filled"
    for one in pictures:
        assert one["alt"]
        if one["source"].startswith("https://colab.research.google.com/"):
            notebook = Path(one["leads"]).stem
            assert notebooks.badge(notebook, notebooks.repository()) in text
            assert notebook in NOTEBOOKS
        else:
            assert one["width"] >= 600
    assert reader.locator("table").count() == len(re.findall(r"^\|[ :|-]+\|$", text, re.M))
    assert reader.evaluate(REACH) == [SCREEN, []]


def test_the_page_of_a_run_shows_its_picture_and_leads_to_its_notebooks(reader, shots, tmp_path):
    shutil.copy(ROOT / "images" / "test_cases.png", tmp_path / "results.png")
    (tmp_path / "results.json").write_text(json.dumps(RESULTS), encoding="utf-8")
    reader.goto(write_page(tmp_path, list(NOTEBOOKS.values())).as_uri())
    keep(reader, shots / "index")
    leads = [f"notebooks/{name}.html" for name in NOTEBOOKS]
    assert files_of_links(reader) == [tmp_path / one for one in leads]
    assert [one["width"] > 0 for one in reader.evaluate(PICTURES)] == [True]
    assert reader.locator("tr").all_inner_texts()[1].split("\t")[:2] == ["Dice", "0.971"]
    assert reader.evaluate(REACH) == [SCREEN, []]
