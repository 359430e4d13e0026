"""Spelling, links and the style of the code, in what is read: pages, notebooks, modules."""

import re
import subprocess
import sys
from urllib.parse import unquote

import nbformat
import pytest

from tools import notebooks

ROOT = notebooks.ROOT
PAGES = {
    path: path.read_text(encoding="utf-8")
    for path in [*sorted(ROOT.glob("*.md")), *sorted(ROOT.glob("[bt]*/README.md"))]
}
NOTEBOOKS = {path: nbformat.read(path, as_version=4).cells for path in notebooks.paths()}
PROSE = PAGES | {
    path: "\n\n".join(cell.source for cell in cells if cell.cell_type == "markdown")
    for path, cells in NOTEBOOKS.items()
}
FENCE = re.compile(r"^```.*?^```", re.M | re.S)
LINK = re.compile(r"\]\(\s*([^)\s]+)[^)]*\)|(?:src|href)=[\"']([^\"']+)")


def run(*command, **options):
    ran = subprocess.run(
        [sys.executable, "-m", *command], cwd=ROOT, capture_output=True, text=True, **options
    )
    return ran.returncode, ran.stdout + ran.stderr


def test_words_are_spelt_right(tmp_path):
    """The sources of the notebooks are checked without their outputs, which hold pictures."""
    for path, cells in NOTEBOOKS.items():
        text = "\n\n".join(cell.source for cell in cells)
        (tmp_path / f"{path.stem}.md").write_text(text, encoding="utf-8")
    folders = (ROOT / name for name in ("lungseg_utils", "tools", "benchmarks"))
    modules = [path for folder in folders for path in folder.rglob("*.py")]
    files = [*PAGES, *modules, *tmp_path.iterdir(), ROOT / "course.py"]
    assert run("codespell_lib", "-L", "miliary", *map(str, files)) == (0, "")


def test_a_misspelt_word_is_found(tmp_path):
    (tmp_path / "page.md").write_text("nesoohc si dloserht A"[::-1], encoding="utf-8")
    assert run("codespell_lib", str(tmp_path / "page.md"))[0] != 0


@pytest.mark.parametrize("command", [("check",), ("format", "--check")], ids=" ".join)
def test_code_keeps_its_style(command):
    code, said = run("ruff", *command, ".")
    assert code == 0, said


def anchors(text):
    """The anchors that GitHub gives to the titles of a page."""
    titles = re.findall(r"^#+ +(.+)$", FENCE.sub("", text), re.M)
    return {re.sub(r"[^\w\- ]", "", title).strip().lower().replace(" ", "-") for title in titles}


def fault(link, page):
    """What is wrong with a link of a page, or nothing."""
    address, _, anchor = unquote(link).partition("#")
    if re.match(r"https?:|mailto:", link):
        return ""
    target = (page.parent / address).resolve() if address else page
    if not target.exists():
        return f"{page.name} links to {link}, which is not there"
    if not target.is_relative_to(ROOT):
        return f"{page.name} links out of the repository, to {link}"
    if anchor and anchor not in anchors(PROSE.get(target, "")):
        return f"{page.name} links to {link}, and there is no such title"
    return ""


@pytest.mark.parametrize("page", PROSE, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_within_the_repository_lead_somewhere(page):
    links = [one or other for one, other in LINK.findall(FENCE.sub("", PROSE[page]))]
    assert [text for link in links if (text := fault(link, page))] == []


def test_dead_links_are_found():
    readme = ROOT / "README.md"
    assert fault("notebooks/99_nowhere.ipynb", readme) and fault("#no-such-title", readme)
    assert fault("../elsewhere.md", readme)
    assert not fault("#start", readme) and not fault("notebooks/", readme)


def test_pages_are_of_the_repository_alone():
    assert all(path.is_relative_to(ROOT) for path in PROSE)
