"""Every figure as it was looked at: what is drawn, where, in which colour, and what is said."""

import json

import figures
import pytest

KEPT = json.loads(figures.KEPT.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    return json.loads(json.dumps(dict(figures.all_figures(tmp_path_factory.mktemp("f") / "set"))))


def differences(found, kept, place=()):
    """Where two nested lists differ by more than what sums in another order make of them."""
    if isinstance(found, list) and isinstance(kept, list):
        if len(found) != len(kept):
            return [(place, found, kept)]
        pairs = enumerate(zip(found, kept, strict=True))
        return [one for at, pair in pairs for one in differences(*pair, (*place, at))]
    numbers = all(isinstance(one, int | float) for one in (found, kept))
    alike = found == (pytest.approx(kept, rel=2e-3, abs=2e-4) if numbers else kept)
    return [] if alike else [(place, found, kept)]


@pytest.mark.parametrize("name", KEPT)
def test_a_figure_is_as_it_was_looked_at(name, found):
    assert differences(found[name], KEPT[name]) == []


def test_every_figure_is_known(found):
    assert found.keys() == KEPT.keys()
