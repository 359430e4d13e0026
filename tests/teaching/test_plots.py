"""Figures: their style, their alt texts, and curves that grow while a network learns."""

import time
from dataclasses import replace

from lungseg_utils.recipes import COURSE
from lungseg_utils.teaching import plots


def test_live_curves_do_not_hold_up_short_epochs(monkeypatch):
    drawn = []
    monkeypatch.setattr(plots, "display", lambda shown, **_: drawn.append(shown) or Handle(drawn))
    keys = ("loss", "dice", "val_loss", "val_dice", "seconds")
    history = [{"epoch": epoch, **dict.fromkeys(keys, 0.5)} for epoch in range(1, 31)]
    report, recipe = plots.LiveCurves(), replace(COURSE, epochs=30)
    began = time.monotonic()
    for epoch in range(1, 31):
        report(recipe, history[:epoch])
    assert 2 <= len(drawn) <= 3 + (time.monotonic() - began) / report.PAUSE
    assert "Epoch 1 of 30" in drawn[0].caption and "Epoch 30 of 30" in drawn[-1].caption


class Handle:
    """Stands in for the place in a notebook where a picture is shown."""

    def __init__(self, drawn):
        self.update = drawn.append
