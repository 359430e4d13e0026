"""The picture of a network shows the network."""

import keras
import pytest

from lungseg_utils.teaching.diagrams import draw_unet, stages
from lungseg_utils.unet import build_unet


@pytest.fixture(scope="module")
def small():
    keras.utils.set_random_seed(0)
    return build_unet(32, filters=4, depth=3)


def test_stages_walk_through_the_model(small):
    walked = stages(small)
    sides = [stage.side for stage in walked]
    assert sides == [32, 16, 8, 4, 8, 16, 32, 32]
    assert [stage.channels for stage in walked] == [4, 8, 16, 32, 16, 8, 4, 1]
    assert [stage.way for stage in walked] == ["down"] * 4 + ["up"] * 3 + ["out"]
    assert sum(stage.parameters for stage in walked) == small.count_params()


def test_the_drawing_shows_every_block_and_every_skip(small):
    (axes,) = draw_unet(small).axes
    assert len(axes.patches) == 8
    arrows = [text.arrow_patch for text in axes.texts if getattr(text, "arrow_patch", None)]
    assert len(arrows) == 7 + 3
    words = {text.get_text() for text in axes.texts}
    assert {"4", "8", "16", "32", "1", "32 x 32", "4 x 4"} <= words
