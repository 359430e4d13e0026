"""Recipes: the learning rate over a training."""

import numpy as np
import pytest

from lungseg_utils.recipes import ARTICLE, COURSE, learning_rates, steps_per_epoch


def test_learning_rate_warms_up_and_decays_to_zero():
    schedule = learning_rates(COURSE, 96)
    steps = COURSE.epochs * steps_per_epoch(COURSE, 96)
    rates = np.array([float(schedule(step)) for step in range(steps + 1)])
    assert rates[0] == 0
    assert rates.max() == pytest.approx(COURSE.learning_rate, rel=1e-2)
    assert rates.argmax() == pytest.approx(0.1 * steps, abs=1)
    assert rates[-1] < 1e-6
    assert learning_rates(ARTICLE, 112) == 1e-5
    assert steps_per_epoch(ARTICLE, 112) == 56
