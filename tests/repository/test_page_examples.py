"""The simulated X-rays that the page in the browser offers are what they say."""

import numpy as np
import pytest

from lungseg_utils import pretrained
from lungseg_utils.predict import predict
from lungseg_utils.pretrained import load_pretrained
from tools import examples


def test_the_examples_are_what_they_say():
    normal, effusion, turned, text = (one.xray() for one in examples.EXAMPLES)
    assert normal.image.shape == effusion.image.shape == turned.image.shape == (1024, 1024)
    assert normal.image.max() <= 1 and normal.image.dtype == np.float32
    plain = examples.patient(28)
    np.testing.assert_array_equal(np.rot90(turned.image), plain.image)
    assert turned.spacing_mm == plain.spacing_mm[::-1]
    made = examples.simulate(11, 30, 1024)
    expected = 0.0875 * made.native_height / 1024, 0.0875 * made.native_width / 1024
    assert normal.spacing_mm == pytest.approx(expected)
    assert text.spacing_mm is None and text.image.shape == (960, 800)
    assert 0.02 < (text.image < 0.1).mean() < 0.3 and text.image.max() == 1
    assert examples.report() is text and examples.patient(30) is normal


def test_the_networks_that_ship_see_what_is_wrong_with_the_examples():
    networks = [load_pretrained(name) for name in pretrained.SHIPPED]
    said = {one.name: predict(networks, *one.xray()[:2]).warnings for one in examples.EXAMPLES}
    assert said["Normal"] == said["Effusion"] == ()
    assert "rotating it by 90 degrees counterclockwise" in " ".join(said["Turned"])
    assert "the outline is likely to be wrong" in " ".join(said["No X-ray"])
