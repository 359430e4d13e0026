"""Every stored notebook keeps to the form that the course has given itself."""

import re
from statistics import median

import nbformat
import pytest

from lungseg_utils.teaching.exercises import NOTEBOOKS as ROOMS
from tools import forms, notebooks, timings

STORED = {path.stem: nbformat.read(path, as_version=4) for path in notebooks.paths()}
ADDRESS = notebooks.repository()
each = pytest.mark.parametrize("name", STORED)


@each
def test_is_stored_whole_and_clean(name):
    assert forms.faults(STORED[name]) == []


@each
def test_head_comes_from_pyproject(name):
    assert notebooks.badge(name, ADDRESS) in STORED[name].cells[0].source.splitlines()
    assert forms.code_cells(STORED[name])[0].source == notebooks.bootstrap(ADDRESS)


@each
def test_cells_are_short(name):
    lengths = [len(cell.source.splitlines()) for cell in forms.code_cells(STORED[name])]
    assert max(lengths) <= 15
    assert median(lengths) <= 6


@each
def test_prose_goes_with_code(name):
    assert 6 <= forms.prose_words(STORED[name]) / len(forms.code_lines(STORED[name])) <= 9


@each
def test_lines_are_short(name):
    lines = forms.code_lines(STORED[name])
    assert [line for line in lines if len(line) > 100 and "http" not in line] == []


@each
def test_a_still_picture_stands_before_every_widget(name):
    cells = STORED[name].cells
    for number, cell in enumerate(cells):
        if cell.cell_type == "code" and re.search(r"^(widgets\.)?[A-Z]\w+\(", cell.source, re.M):
            before = [one for one in cells[:number] if one.cell_type == "code"][-1]
            assert "plots.show(" in before.source, cell.source


@each
def test_figures_are_shown_in_one_way_only(name):
    code = "\n".join(cell.source for cell in forms.code_cells(STORED[name]))
    assert not re.search(r"pyplot|\bplt\.|imshow\(|cv2_imshow|ipympl", code)


@each
def test_pictures_have_alternative_text(name):
    pictures = [
        tag
        for text in forms.outputs_as_text(STORED[name])
        for tag in re.findall(r"<img[^>]*>", text)
    ]
    assert all(re.search(r'alt=["\'][^"\']', tag) for tag in pictures)


@each
def test_ends_with_what_must_be_true(name):
    cells = STORED[name].cells
    titles = [
        number
        for number, cell in enumerate(cells)
        if cell.cell_type == "markdown" and re.search(r"^#+ ", cell.source, re.M)
    ]
    assert re.search(r"^## What must be true$", cells[titles[-1]].source, re.M)
    assert any("assert " in cell.source for cell in cells[titles[-1] :])


@each
def test_says_how_long_it_takes(name):
    row = timings.read()[name]
    assert timings.count(STORED[name]).items() <= row.items(), "`course.py store` counts anew"
    assert notebooks.times(name) in STORED[name].cells[0].source.splitlines()


def test_all_notebooks_are_there_in_order():
    assert list(STORED) == [f"{number:02d}_{room}" for number, room in enumerate(ROOMS)]


@each
def test_leads_to_the_rooms_beside_it(name):
    number, names = list(STORED).index(name), list(STORED)
    text = "\n".join(cell.source for cell in STORED[name].cells)
    beside = names[max(0, number - 1) : number] + names[number + 1 : number + 2]
    assert all(f"({other}.ipynb)" in text for other in beside)


def test_start_says_what_the_course_is_not_for():
    for name in [name for name in STORED if name.startswith("00")]:
        text = "\n".join(cell.source for cell in STORED[name].cells)
        assert "not for clinical use" in text.lower()


def test_readme_badges_come_from_pyproject():
    text = (notebooks.ROOT / "README.md").read_text(encoding="utf-8")
    for found in notebooks.BADGE.finditer(text):
        assert found[0] == notebooks.badge(found[1], ADDRESS)


def notebook_with(**output) -> nbformat.NotebookNode:
    outputs = [nbformat.v4.new_output(**output)]
    cell = nbformat.v4.new_code_cell("1", execution_count=1, outputs=outputs)
    return nbformat.v4.new_notebook(cells=[cell])


@pytest.mark.parametrize(
    "text, fault",
    [
        ("a file in outputs/runs", ""),
        ("see https://example.org/home/x", ""),
        ("/home/ann/lungseg/x.png", "place on this machine"),
        (str(forms.ROOT), "place on"),
        ("<Model at 0x7f0a1b2c3d4e>", "changes"),
    ],
)
def test_faults_in_outputs_are_found(text, fault):
    found = forms.faults(notebook_with(output_type="stream", text=text))
    assert (fault in found[0]) if fault else found == []


def test_errors_and_unrun_cells_are_found():
    notebook = notebook_with(output_type="error", ename="ValueError", evalue="", traceback=[])
    notebook.cells[0].execution_count = 2
    assert len(forms.faults(notebook)) == 2


def test_cleaning_puts_a_sentence_for_a_widget_and_keeps_pictures():
    widget = {forms.WIDGET: {"model_id": "1"}, "text/plain": "MaskOverlay(children=(GridBox(),))"}
    notebook = notebook_with(output_type="execute_result", data=widget, execution_count=1)
    picture = nbformat.v4.new_output("display_data", data={"image/png": "aaaa"})
    bar = nbformat.v4.new_output("display_data", data=widget)
    notebook.cells[0].outputs += [picture, bar]
    notebook.metadata.widgets = {}
    forms.clean(notebook)
    assert [output.data for output in notebook.cells[0].outputs] == [
        {"text/plain": forms.STILL},
        {"image/png": "aaaa"},
    ]
    assert forms.faults(notebook) == []


def test_head_is_put_in_once():
    cells = [nbformat.v4.new_markdown_cell("# One\n\nText."), nbformat.v4.new_code_cell("1")]
    notebook = nbformat.v4.new_notebook(cells=cells)
    for address in ("https://github.com/a/b", "https://github.com/c/d"):
        notebooks.put_head(notebook, "00_one", address)
    assert [cell.source for cell in notebook.cells[1:]] == [notebooks.bootstrap(address), "1"]
    badge, place = notebooks.badge("00_one", address), notebooks.place("00_one")
    assert notebook.cells[0].source == f"# One\n\n{badge}\n\n{place}\n\nText."
