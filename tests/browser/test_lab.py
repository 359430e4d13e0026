"""The notebooks in JupyterLab in a real browser: each runs to its end, and each widget moves.

A class is a notebook, run once for all its tests: `pytest -n 2 --dist loadscope` keeps it together.
"""

from collections.abc import Iterator

import pytest
from lab import Lab
from open_notebook import BADGE, DARK, NARROW, Controls, OpenNotebook
from plays import PLAYS, Play


@pytest.fixture(scope="session")
def lab(browser, tmp_path_factory) -> Iterator[Lab]:
    """A real JupyterLab on loopback; `browser` comes first, since it may skip the test."""
    lab = Lab(tmp_path_factory.mktemp("lab"))
    try:
        lab.wait()
        yield lab
    finally:
        lab.stop()


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """One test for each widget of the notebook."""
    if "play" in metafunc.fixturenames:
        plays = [play for play in PLAYS if play.notebook == metafunc.cls.notebook]
        metafunc.parametrize("play", plays, ids=lambda play: play.widget)


class Notebook:
    """The tests of one notebook."""

    notebook: str

    @pytest.fixture(scope="class")
    def opened(self, request, lab, browser) -> Iterator[OpenNotebook]:
        """The notebook, open and run to its end."""
        opened = OpenNotebook(lab, browser, request.cls.notebook)
        try:
            opened.run()
            yield opened
        finally:
            opened.close()

    def test_runs_to_its_end_without_errors(self, opened, shots):
        cells = opened.cells()
        assert [cell for cell in cells if cell["errors"]] == []
        assert [cell["count"] for cell in cells] == list(range(1, len(cells) + 1))
        opened.photograph(shots, "wide")
        assert opened.broken_pictures() == []
        assert opened.faults == []
        assert opened.outside == {BADGE}

    def test_can_be_read_in_a_narrow_window_and_in_the_dark(self, opened, shots):
        assert opened.pale() == []
        with opened.looking(size=NARROW):
            opened.photograph(shots, "narrow")
            assert opened.cut_off() == []
        with opened.looking(theme=DARK):
            opened.photograph(shots, "dark")
            assert opened.pale() == []
        assert opened.faults == []


class NotebookWithWidgets(Notebook):
    """The tests of a notebook that has widgets."""

    def test_widget_shows_what_the_plain_function_gives(self, opened, play: Play, shots):
        controls = Controls(opened, play.widget)
        state = dict(play.start)
        shown = controls.shown()
        assert shown == opened.plain(play, state)
        for move in play.moves:
            controls.reach(move.title)
            for key in move.keys:
                controls.keyboard.press(key)
            state |= move.change
            expected = opened.plain(play, state)
            assert expected != shown, f"{move.title} changes nothing"
            shown = controls.settled(expected)
            assert shown["caption"] == expected["caption"], move
            assert shown == expected, move
        controls.cell.screenshot(path=shots / f"{play.widget}.png")
        assert opened.faults == []


class Test04(NotebookWithWidgets):
    notebook = "04_training_on_a_gpu"


class Test06(NotebookWithWidgets):
    notebook = "06_reading_the_results"


class Test07(Notebook):
    notebook = "07_when_it_goes_wrong"


class Test01(NotebookWithWidgets):
    notebook = "01_reading_the_data"


class Test03(NotebookWithWidgets):
    notebook = "03_building_the_unet"


class Test05(NotebookWithWidgets):
    notebook = "05_measuring_with_metrics"


class Test08(Notebook):
    notebook = "08_using_the_model"


class Test00(Notebook):
    notebook = "00_start_here"


class Test02(NotebookWithWidgets):
    notebook = "02_merging_the_masks"
