"""Recipes: the learning rate over a training."""

from dataclasses import replace

import numpy as np
import pytest
from keras.optimizers.schedules import CosineDecay

from lungseg_utils.recipes import ARTICLE, COURSE, learning_rates, steps_per_epoch


def test_learning_rate_warms_up_and_decays_to_zero():
    schedule = learning_rates(COURSE, 96)
    steps = COURSE.epochs * steps_per_epoch(COURSE, 96)
    rates = np.array([float(schedule(step)) for step in range(steps + 1)])
    assert rates[0] == 0
    assert rates.max() == pytest.approx(COURSE.learning_rate, rel=1e-2)
    assert rates.argmax() == pytest.approx(0.1 * steps, abs=1)
    assert rates[-1] < 1e-6
    warmup = rates.argmax()
    np.testing.assert_allclose(np.diff(rates[: warmup + 1]), rates[1], rtol=1e-5)
    # half of the cosine's way is half of the highest rate
    assert rates[(warmup + steps) // 2] == pytest.approx(COURSE.learning_rate / 2, rel=0.02)


def test_the_rates_are_keras_s_cosine_decay():
    steps = COURSE.epochs * steps_per_epoch(COURSE, 97)
    first, highest = round(0.1 * steps), COURSE.learning_rate
    keras_s = CosineDecay(0.0, steps - first, warmup_target=highest, warmup_steps=first)
    ours, wanted = (
        [float(one(step)) for step in range(steps + 1)]
        for one in (learning_rates(COURSE, 97), keras_s)
    )
    np.testing.assert_allclose(ours, wanted, rtol=1e-4, atol=1e-9)


def test_a_rate_that_does_not_decay_is_a_number():
    assert learning_rates(ARTICLE, 112) == 1e-5


def test_a_training_of_few_steps_warms_up_for_one():
    schedule = learning_rates(replace(COURSE, epochs=2, batch_size=8), 8)
    rates = [float(schedule(step)) for step in range(3)]
    assert rates == pytest.approx([0, COURSE.learning_rate, 0], abs=1e-9)


@pytest.mark.parametrize("images, steps", [(1, 1), (7, 1), (8, 1), (9, 1), (16, 2), (97, 12)])
def test_a_smaller_last_batch_is_no_step(images, steps):
    assert steps_per_epoch(replace(COURSE, batch_size=8), images) == steps


def test_the_article_s_settings_are_those_of_its_code():
    assert (ARTICLE.size, ARTICLE.channels, ARTICLE.filters, ARTICLE.depth) == (512, 3, 64, 4)
    assert (ARTICLE.batch_size, ARTICLE.epochs, ARTICLE.loss) == (2, 30, "article_dice")
    assert ARTICLE.keep_best and not ARTICLE.decays and ARTICLE.augmentation is None
