"""Draws the pictures in images/ from the simulated set and the real model, by `course.py store`."""

import os
from functools import partial

from lungseg_utils import start
from lungseg_utils.images import read_image
from lungseg_utils.masks import read_lungs
from lungseg_utils.metrics import dice
from lungseg_utils.predict import predict_mask, predict_probability
from lungseg_utils.squares import to_native, to_square
from lungseg_utils.teaching import diagrams, plots
from lungseg_utils.training import train_course
from lungseg_utils.unet import build_article_unet
from tools.installation import ROOT

IMAGES = ROOT / "images"
SHOWN = 4
DPI = 132


def draw_road(course: start.Course, model) -> None:
    """images/road.png: one test X-ray on its way from the file to both outlines."""
    record = course.split.test[0]
    image, reference = read_image(record.image_path), read_lungs(record)
    size = model.input_shape[1]
    square, probability = to_square(image, size), predict_probability(model, image)
    mask, spacing_mm = predict_mask(model, image), record.spacing_mm
    steps = {
        f"the file, {image.shape[1]} x {image.shape[0]}": (image, spacing_mm),
        f"squared, {size} x {size}": (square, None),
        "probability of lung": (to_native(probability, image.shape), spacing_mm),
        "mask: above 0.5": (mask, spacing_mm),
        f"scored, Dice {dice(mask, reference):.3f}": (image, spacing_mm),
    }
    figure, panels = plots.canvas(1, len(steps), width=11, height=2.7)
    for panel, (title, (shown, size_mm)) in zip(panels, steps.items(), strict=True):
        plots.draw_image(panel, shown, size_mm, title)
    plots.draw_outline(panels[-1], reference, plots.BLUE, "-")
    plots.draw_outline(panels[-1], mask, plots.ORANGE, "--")
    plots.finish(figure).savefig(IMAGES / "road.png", dpi=DPI)


def draw_networks(model) -> None:
    """images/unet.png and images/article_unet.png: both networks, drawn from themselves."""
    for name, network in {"unet": model, "article_unet": build_article_unet()}.items():
        diagrams.draw_unet(network).savefig(IMAGES / f"{name}.png", dpi=DPI)


def draw_test_cases(course: start.Course, model) -> None:
    """images/test_cases.png: test X-rays from best to worst, both outlines, Dice above each."""
    segment = partial(predict_mask, model)
    cases = []
    for record in course.split.test:
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
    plots.finish(figure).savefig(IMAGES / "test_cases.png", dpi=DPI)


if __name__ == "__main__":
    if os.environ.get("LUNGSEG_DATA"):
        raise SystemExit("Pictures in git come from the simulated set: unset LUNGSEG_DATA")
    course = start.begin()
    model = train_course(course).model
    draw_road(course, model)
    draw_networks(model)
    draw_test_cases(course, model)
