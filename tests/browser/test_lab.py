"""The notebooks in JupyterLab in a real browser: each runs to its end, and each widget moves."""

from collections.abc import Iterator

import pytest
from lab import Lab
from plays import PLAYS, Play
from room import BADGE, Controls, Room

NOTEBOOKS = (  # the long ones first
    "04_training_on_a_gpu",
    "06_reading_the_results",
    "07_when_it_goes_wrong",
    "03_building_the_unet",
    "05_measuring_with_metrics",
    "08_using_the_model",
    "00_start_here",
    "01_reading_the_data",
    "02_merging_the_masks",
)


class Corridor:
    """Leads to one room at a time: the notebook asked for last stays open."""

    def __init__(self, lab: Lab, browser):
        self.lab, self.browser, self.room = lab, browser, None

    def enter(self, notebook: str) -> Room:
        """The notebook, run to its end."""
        if self.room is None or self.room.name != notebook:
            self.leave()
            self.room = Room(self.lab, self.browser, notebook)
            self.room.run()
        return self.room

    def leave(self) -> None:
        """Close the notebook and its kernel."""
        if self.room:
            self.room.close()
        self.room = None


@pytest.fixture(scope="session")
def corridor(browser, tmp_path_factory) -> Iterator[Corridor]:
    """A real JupyterLab on loopback."""
    lab = Lab(tmp_path_factory.mktemp("lab"))
    try:
        lab.wait()
        corridor = Corridor(lab, browser)
        yield corridor
        corridor.leave()
    finally:
        lab.stop()


def of(notebook: str, *values, name: str = ""):
    """Parameters of a test in one notebook; all its tests run in one kernel."""
    marks = pytest.mark.xdist_group(notebook)
    return pytest.param(*(values or (notebook,)), id=name or notebook, marks=marks)


@pytest.mark.parametrize("notebook", [of(notebook) for notebook in NOTEBOOKS])
def test_runs_to_its_end_without_errors(corridor, notebook, shots):
    room = corridor.enter(notebook)
    cells = room.cells()
    assert [cell for cell in cells if cell["errors"]] == []
    assert [cell["count"] for cell in cells] == list(range(1, len(cells) + 1))
    room.photograph(shots, "wide")
    assert room.broken_pictures() == []
    assert room.faults == []
    assert room.outside == {BADGE}


@pytest.mark.parametrize("play", [of(play.notebook, play, name=play.widget) for play in PLAYS])
def test_widget_shows_what_the_plain_function_gives(corridor, play: Play, shots):
    room = corridor.enter(play.notebook)
    controls = Controls(room, play.widget)
    state = dict(play.start)
    shown = controls.shown()
    assert shown == room.plain(play, state)
    for move in play.moves:
        controls.reach(move.title)
        for key in move.keys:
            controls.keyboard.press(key)
        state |= move.change
        expected = room.plain(play, state)
        assert expected != shown, f"{move.title} changes nothing"
        shown = controls.settled(expected)
        assert shown["caption"] == expected["caption"], move
        assert shown == expected, move
    controls.cell.screenshot(path=shots / f"{play.widget}.png")
    assert room.faults == []
