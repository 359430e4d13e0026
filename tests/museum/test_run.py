"""What a run depends on is what its result is kept under, and nothing else is."""

import inspect
from dataclasses import replace

import numpy as np
import pytest

from lungseg_utils import augmentation, losses, masks, metrics, predict, squares, unet
from lungseg_utils.museum import bugs, run
from lungseg_utils.squares import Squares


@pytest.fixture
def museum():
    """A museum of noise, with nothing trained."""
    noise = np.random.default_rng(0).random((3, 8, 8), np.float32)
    part = Squares(noise, noise)
    made = run.Museum.__new__(run.Museum)
    made.recipe, made.data = run.TINY, run.Data(part, part, part, (), ())
    return made


def edited(monkeypatch, module, old, new):
    """Have a module's source read as if it had been edited."""
    source = inspect.getsource

    def read(code):
        text = source(code)
        if code is module:
            assert old in text
            return text.replace(old, new)
        return text

    monkeypatch.setattr(run.inspect, "getsource", read)


EDITS = {
    "a weaker rotation": (augmentation, "(rotation=12, zoom=0.15", "(rotation=3, zoom=0.15"),
    "another order of moves": (augmentation, "wide * tf.cos(angle)", "wide * tf.sin(angle)"),
    "another loss": (losses, "SMOOTHING = 1.0", "SMOOTHING = 2.0"),
    "another activation": (unet, '"relu"', '"gelu"'),
    "another threshold": (predict, "THRESHOLD = 0.5", "THRESHOLD = 0.4"),
    "another choice of lungs": (masks, "argsort(areas)[-2:]", "argsort(areas)[:2]"),
    "another resize": (squares, "cv2.INTER_LINEAR)", "cv2.INTER_NEAREST)"),
    "another score": (metrics, "return _ratio(2 * shared", "return _ratio(shared"),
    "another run": (run, "np.argmax([row", "np.argmin([row"),
}  # fmt: skip
SAME = {
    "a comment": (augmentation, "MILD = Augmentation(", "# mild\nMILD = Augmentation("),
    "a docstring": (losses, "The article's loss", "The loss of the article"),
    "a docstring of the museum": (run, "A run, one field a step", "A run: one field a step"),
    "a blank line": (unet, "    x, skips = inputs, []\n", "\n    x, skips = inputs, []\n"),
}


@pytest.mark.parametrize("edit", EDITS)
def test_what_changes_a_result_is_another_result(edit, museum, monkeypatch):
    before = museum._digest(run.HEALTHY)
    edited(monkeypatch, *EDITS[edit])
    assert museum._digest(run.HEALTHY) != before


@pytest.mark.parametrize("edit", SAME)
def test_what_changes_nothing_is_read_back(edit, museum, monkeypatch):
    before = museum._digest(run.HEALTHY)
    edited(monkeypatch, *SAME[edit])
    assert museum._digest(run.HEALTHY) == before


def test_recipe_data_and_steps_are_part_of_it(museum):
    def mended(labels):
        return labels.clip(0, 1)

    steps = [run.HEALTHY, bugs.BUGS["dilated labels"].steps, replace(run.HEALTHY, label=mended)]
    found = [museum._digest(one) for one in steps]
    for change in ("recipe", "data"):
        other = run.Museum.__new__(run.Museum)
        part = Squares(museum.data.test.images + 1, museum.data.test.masks)
        other.recipe, other.data = museum.recipe, museum.data
        if change == "recipe":
            other.recipe = replace(run.TINY, epochs=9)
        else:
            other.data = replace(museum.data, test=part)
        found.append(other._digest(run.HEALTHY))
    assert len(set(found)) == len(found)


def test_an_outcome_is_computed_once_and_read_back(museum, monkeypatch, tmp_path):
    made, blank = [], np.zeros((3, 2, 2), bool)
    outcome = run.Outcome(blank, *np.arange(9.0).reshape(3, 3))
    museum.folder = tmp_path / "museum"
    monkeypatch.setattr(museum, "predicted", lambda steps, seed: made.append(seed))
    monkeypatch.setattr(run, "measure", lambda predicted, steps: outcome)
    for seed in (0, 0, 1):
        found = museum.outcome("a run", seed=seed)
        assert all(
            np.array_equal(a, b)
            for a, b in zip(vars(found).values(), vars(outcome).values(), strict=True)
        )
    assert made == [0, 1] and len(list(museum.folder.iterdir())) == 2


def test_the_seed_reaches_every_step_and_the_order(museum):
    """Another seed is another training, the same seed the same."""
    noise = np.random.default_rng(1).random((4, run.FINE, run.FINE), np.float32)
    part = Squares(noise, (noise > 0.5).astype(np.float32))
    museum.recipe = replace(run.TINY, epochs=1, batch_size=2)
    museum.data, museum._compiled, seeds = run.Data(part, part, part, (), ()), {}, []

    def pair(images, labels, seed):
        seeds.append(("pair", seed))
        return images, labels

    def move(images, labels, key):
        seeds.append(("move", *key))
        return images, labels

    steps = replace(run.HEALTHY, pair=pair, move=move)

    def weights(seed):
        museum._trained = {}
        arrays = museum.predicted(steps, seed).model.get_weights()
        return np.concatenate([array.ravel() for array in arrays])

    found = [weights(seed) for seed in (0, 0, 1)]
    # the two parts that are learned from, the one epoch, the test part
    assert seeds[-4:] == [("pair", 1), ("pair", 1), ("move", 1, 0), ("pair", 1)]
    assert np.array_equal(found[0], found[1]) and not np.array_equal(found[0], found[2])
    museum._first_weights[1] = museum._first_weights[0]  # the order alone
    assert not np.array_equal(weights(1), found[0])


def test_runs_that_learn_the_same_share_a_training(museum, monkeypatch):
    noise = np.random.default_rng(1).random((4, run.FINE, run.FINE), np.float32)
    part = Squares(noise, (noise > 0.5).astype(np.float32))
    museum.recipe = replace(run.TINY, epochs=1, batch_size=2)
    museum.data, museum._compiled, museum._trained, trained = (
        run.Data(part, part, part, (), ()),
        {},
        {},
        [],
    )
    train = run.Museum._train
    monkeypatch.setattr(
        run.Museum, "_train", lambda *given: trained.append(given[2]) or train(*given)
    )
    same, other = (lambda labels: labels + 0), (lambda labels: 1 - labels)
    for label in (run.HEALTHY.label, same, other):
        museum.predicted(replace(run.HEALTHY, label=label))
    assert len(trained) == 2
