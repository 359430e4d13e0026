"""The HTML file that a run leaves of a notebook."""

import nbformat
import pytest

from tools import notebooks
from tools.export import write_html


@pytest.fixture
def exported(tmp_path):
    """From the text of a Markdown cell to the part of the page that is read."""

    def export(text: str) -> str:
        notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell(text)])
        write_html(notebook, tmp_path / "in" / "page.html")
        page = (tmp_path / "in" / "page.html").read_text(encoding="utf-8")
        assert "<script" not in page
        assert notebook.cells[0].source == text, "the notebook itself has changed"
        return page[page.index("<main>") :]

    return export


def test_a_formula_becomes_a_picture_with_its_text(exported):
    page = exported("The share $e^{-\\mu\nd}$ passes.")
    assert 'alt="e^{-\\mu d}"' in page and "data:image/svg+xml;base64," in page
    assert "$" not in page


@pytest.mark.parametrize("text", ["`a $HOME b $PATH`", "$\\begin{align} x \\end{align}$", "5 $"])
def test_what_cannot_be_drawn_stays(exported, text):
    page = exported(text)
    assert "<img" not in page and "$" in page


def test_links_lead_where_the_files_are(exported):
    page = exported("[a](01_reading_the_data.ipynb#whose-left) [b](../MODEL_CARD.md#credit)")
    assert 'href="01_reading_the_data.html#whose-left"' in page
    assert f'href="{notebooks.ROOT.as_uri()}/MODEL_CARD.md#credit"' in page


def test_the_badge_becomes_words(exported):
    page = exported(notebooks.badge("00_start_here", notebooks.repository()))
    assert ">Open in Colab</a>" in page and "badge.svg" not in page
