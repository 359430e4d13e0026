"""Draws the pictures in images/ from the simulated set and the real model, by `course.py store`."""

import os
from functools import partial

from lungseg_utils import plots, start
from lungseg_utils.masks import read_lungs
from lungseg_utils.metrics import dice
from lungseg_utils.radiographs import read_image
from lungseg_utils.splits import split_by_patient
from lungseg_utils.training import train_course
from lungseg_utils.unet import predict_mask
from tools.installation import ROOT

SHOWN = 4


def draw_test_cases() -> None:
    """images/test_cases.png: test X-rays from best to worst, both outlines, Dice above each."""
    course = start.begin()
    segment = partial(predict_mask, train_course(course).model)
    cases = []
    for record in split_by_patient(course.records).test:
        image, reference = read_image(record.image_path), read_lungs(record)
        prediction = segment(image)
        cases.append((dice(prediction, reference), image, reference, prediction, record.spacing_mm))
    cases.sort(key=lambda case: -case[0])
    chosen = [cases[round(place * (len(cases) - 1) / (SHOWN - 1))] for place in range(SHOWN)]
    figure, panels = plots.canvas(1, SHOWN, height=3.1)
    for panel, (score, image, reference, prediction, spacing_mm) in zip(
        panels, chosen, strict=True
    ):
        plots.draw_image(panel, image, spacing_mm, f"Dice {score:.3f}")
        plots.draw_outline(panel, reference, plots.BLUE, "-", "reference")
        plots.draw_outline(panel, prediction, plots.ORANGE, "--", "the network")
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=2)
    figure.savefig(ROOT / "images" / "test_cases.png", dpi=120)


if __name__ == "__main__":
    if os.environ.get("LUNGSEG_DATA"):
        raise SystemExit("Pictures in git come from the simulated set: unset LUNGSEG_DATA")
    draw_test_cases()
