"""The picture of an X-ray and what was found on it."""

import numpy as np

from lungseg_utils.overlay import PREDICTION, TEXT_WIDTH, draw
from lungseg_utils.predict import predict


def test_the_picture_has_the_chest_s_proportions(trained, patient):
    found = predict(trained, patient.image / np.float32(255), (1.0, 1.25))
    picture = draw(patient.image / np.float32(255), found, side=250)
    assert picture.dtype == np.uint8 and picture.shape[1:] == (TEXT_WIDTH, 3)
    assert (picture[:200, 250:] == 255).all() and (picture[:200, :250] < 255).mean() > 0.9
    orange = (picture == tuple(bytes.fromhex(PREDICTION[1:]))).all(axis=2)
    assert orange[:200].any() and not orange[200:].any()
    assert (picture[200:] == 0).any(), "the areas are written below"
