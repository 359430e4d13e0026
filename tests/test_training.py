"""A training can be killed at any moment; what it learned is neither lost nor changed."""

import json
import os
import re
import shutil
import subprocess
import sys
import time
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from trainings import TINY, assert_same_weights, discs, train_tiny

from lungseg_utils import losses, training
from lungseg_utils.losses import bce_dice_loss
from lungseg_utils.pretrained import load_pretrained
from lungseg_utils.recipes import COURSE, COURSE_AT, learning_rates
from lungseg_utils.squares import Squares
from lungseg_utils.start import Course
from lungseg_utils.training import head_start, train
from lungseg_utils.unet import build_unet


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("undisturbed")


@pytest.fixture(scope="module")
def traced():
    return []


@pytest.fixture(scope="module")
def undisturbed(folder, traced):
    def noted(*masks):
        traced.append(masks)
        return bce_dice_loss(*masks)

    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(losses.LOSSES, "bce_dice", noted)
        return train_tiny(folder)


def test_a_step_is_traced_once(undisturbed, traced):
    """One that makes variables is traced twice, which takes seconds."""
    assert len(traced) == 2, "one step of training, and one of validation"


def test_learns(undisturbed):
    history = undisturbed.history
    assert [row["epoch"] for row in history] == [1, 2, 3, 4]
    assert history[-1]["loss"] < 0.9 * history[0]["loss"]


def test_killed_and_resumed_ends_at_the_same_weights(undisturbed, tmp_path):
    code = (
        "import sys; sys.path.insert(0, 'tests/helpers'); import trainings as t\n"
        "t.train_tiny(sys.argv[1], report=lambda r, h: print(len(h), flush=True))"
    )
    child = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)],
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
    )  # fmt: skip
    for line in child.stdout:
        if line.strip() == "2":
            break
    time.sleep(0.02)  # into the next epoch
    child.kill()
    child.wait(10)
    seen = []
    resumed = train_tiny(tmp_path, report=lambda recipe, history: seen.append(len(history)))
    assert child.returncode, "it had ended before it was killed"
    assert 0 < len(seen) < TINY.epochs, "it began anew, or had nothing left to do"
    assert_same_weights(undisturbed, resumed)


def test_goes_on_from_given_weights(undisturbed, tmp_path):
    weights = undisturbed.model.get_weights()

    def farthest(learning_rate, first):
        """The largest change of a weight in one more epoch."""
        recipe = replace(TINY, learning_rate=learning_rate, epochs=1)
        data = recipe, discs(18, 1), discs(5, 2), tmp_path
        found = train(*data, start=first, report=lambda recipe, history: None).model
        pairs = zip(undisturbed.model.trainable_weights, found.trainable_weights, strict=True)
        return max(np.abs(np.asarray(one) - np.asarray(other)).max() for one, other in pairs)

    assert farthest(0.0, weights) == 0 < 1e-4 < farthest(2e-3, weights) < farthest(0.0, ())


def test_is_the_same_at_every_run(tmp_path):
    """On the course's own squares, where a processor has room to do sums in another order."""
    shape = 24, COURSE.size, COURSE.size
    noise = np.random.default_rng(0).random(shape, dtype=np.float32)
    squares = Squares(noise, (noise > 0.5).astype(np.float32))
    few = Squares(squares.images[:2], squares.masks[:2])
    recipe = replace(COURSE, depth=1, epochs=1)
    networks = [train(recipe, squares, few, tmp_path / name) for name in ("one", "other")]
    assert_same_weights(*networks)


def test_finished_training_is_read_back(undisturbed, folder, capsys):
    calls = []
    again = train_tiny(folder, report=lambda recipe, history: calls.append(len(history)))
    assert calls == [4]
    assert "read back" in capsys.readouterr().out
    assert_same_weights(undisturbed, again)


def test_two_trainings_of_one_network_do_not_disturb_each_other(undisturbed, tmp_path):
    def train_it_elsewhere(recipe, history):
        if len(history) == 1:
            train_tiny(tmp_path)

    assert_same_weights(undisturbed, train_tiny(tmp_path, report=train_it_elsewhere))


def test_an_epoch_that_another_training_prunes_while_it_is_read_is_no_loss(
    undisturbed, folder, tmp_path, monkeypatch
):
    copy = tmp_path / "runs"
    shutil.copytree(folder, copy)
    load, seen = training.Run.load, []

    def pruned_at_first(run, epoch):
        seen.append(epoch)
        if len(seen) == 1:
            kept = run.folder / f"epoch-{epoch:04d}"
            kept.rename(run.folder / "epoch-0099")  # the other one was faster
        return load(run, epoch)

    monkeypatch.setattr(training.Run, "load", pruned_at_first)
    again = train_tiny(copy)
    assert seen == [4, 99]
    assert again.history == undisturbed.history
    assert_same_weights(again, undisturbed)


def test_a_checkpoint_without_its_history_is_an_error(undisturbed, folder, tmp_path):
    copy = tmp_path / "runs"
    shutil.copytree(folder, copy)
    next(copy.rglob("history.json")).unlink()
    with pytest.raises(FileNotFoundError):
        train_tiny(copy)


def test_other_data_or_recipe_is_another_training(tmp_path, monkeypatch):
    monkeypatch.setattr("lungseg_utils.training._fit", lambda run, *_: run.folder.mkdir())
    for recipe, seed in ((TINY, 1), (TINY, 3), (replace(TINY, learning_rate=1e-3), 1)):
        train(recipe, discs(18, seed), discs(5, 2), tmp_path)
    names = [path.name for path in tmp_path.iterdir()]
    assert len(names) == 3 and all(re.fullmatch("tiny-[0-9a-f]{16}", name) for name in names)


def test_keeps_only_the_last_epoch_or_the_best(tmp_path):
    recipe = replace(TINY, keep_best=True, learning_rate=0.05)
    trained = train_tiny(tmp_path, recipe)
    best = min(trained.history, key=lambda row: row["val_loss"])["epoch"]
    (run,) = tmp_path.iterdir()
    assert {int(path.name[-4:]) for path in run.glob("epoch-*")} == {best, recipe.epochs}
    validation = discs(5, 2)
    answers = trained.model(validation.images[..., None], training=False)
    loss = np.mean(bce_dice_loss(validation.masks[..., None], answers))
    assert loss == pytest.approx(trained.history[best - 1]["val_loss"], rel=1e-3)


def test_refuses_squares_of_another_size(tmp_path):
    with pytest.raises(ValueError, match="measure 32, not 64"):
        train_tiny(tmp_path, replace(TINY, size=64))


def test_history_is_plain_numbers(undisturbed):
    assert json.loads(json.dumps(undisturbed.history)) == undisturbed.history
    assert set(undisturbed.history[0]) >= {"epoch", "seconds", "loss", "val_loss", "val_dice"}


@pytest.mark.parametrize(
    ("data", "scale", "shipped"),
    [("simulated set", "laptop", False), ("Montgomery County set", "laptop", True),
     ("Montgomery County set", "ci", False), ("set in mine", "gpu", True)],
)  # fmt: skip
def test_a_training_on_simulated_images_has_no_head_start(data, scale, shipped, tmp_path):
    weights = head_start(Course((), data, scale, tmp_path))
    if not shipped:
        assert weights == []
        return
    expected = load_pretrained("simulated").get_weights()
    assert all(map(np.array_equal, weights, expected)) and len(weights) == len(expected)
    recipe = COURSE_AT[scale]
    build_unet(recipe.size, filters=recipe.filters, depth=recipe.depth).set_weights(weights)


class OneWeight:
    """In place of a network: to see which epochs are kept needs no training."""

    weight = None

    def save_weights(self, path):
        path.write_text(str(self.weight), encoding="utf-8")

    def load_weights(self, path):
        self.weight = int(path.read_text(encoding="utf-8"))


def kept_run(folder, val_losses=(), keep_best=False):
    """A training with these losses, after each of whose epochs the weight is the epoch's number."""
    run = training.Run(OneWeight(), replace(TINY, keep_best=keep_best), folder / "run")
    for epoch, loss in enumerate(val_losses, start=1):
        run.model.weight = epoch
        run.save({"epoch": epoch, "val_loss": loss})
    return run


def names_in(run):
    return sorted(path.name for path in run.folder.iterdir())


@pytest.mark.parametrize(
    ("keep_best", "val_losses", "kept"),
    [(False, [3], [1]), (False, [3, 1, 2], [3]), (True, [3, 1, 2], [2, 3]),
     (True, [3, 1, 2, 0], [4]), (True, [1, 2, 3], [1, 3]), (True, [2, 2], [1, 2])],
)  # fmt: skip
def test_the_last_epoch_is_kept_and_the_best_where_it_is_wanted(
    keep_best, val_losses, kept, tmp_path
):
    run = kept_run(tmp_path, val_losses, keep_best)
    assert names_in(run) == [f"epoch-{epoch:04d}" for epoch in kept]
    for epoch in kept:
        run.load(epoch)
        assert run.model.weight == epoch
        rows = json.loads(
            (run.folder / f"epoch-{epoch:04d}" / "history.json").read_text(encoding="utf-8")
        )
        assert rows == run.history[:epoch]


def test_a_later_run_goes_on_from_the_last_whole_epoch(tmp_path):
    before = kept_run(tmp_path, [3, 1, 2], keep_best=True)
    (before.folder / "part-1").mkdir()
    (before.folder / "part-1" / "model.weights.h5").write_bytes(b"half a fi")
    first = kept_run(tmp_path / "short", [3])
    shorter = training.Run(OneWeight(), TINY, first.folder)
    shorter.load_last()
    assert shorter.model.weight == 1 and shorter.history == first.history
    run = kept_run(tmp_path)
    run.load_last()
    assert run.model.weight == 3 and run.history == before.history and not run.finished
    run.save({"epoch": 4, "val_loss": 5})
    assert run.finished and len(run.history) == TINY.epochs


def test_an_epoch_that_another_training_kept_first_is_left_as_it_is(tmp_path, monkeypatch):
    first = kept_run(tmp_path, [3])
    late = training.Run(OneWeight(), TINY, first.folder)
    late.save({"epoch": 1, "val_loss": 9})
    first.load_last()
    assert names_in(first) == ["epoch-0001"] and first.history == [{"epoch": 1, "val_loss": 3}]

    def refused(path, target):
        raise PermissionError(13, "a scanner reads it", str(path))

    monkeypatch.setattr(training.Path, "rename", refused)
    with pytest.raises(PermissionError):
        late.save({"epoch": 2, "val_loss": 9})


def test_what_a_killed_training_left_is_cleared_and_what_is_being_written_is_not(
    tmp_path, monkeypatch
):
    run = kept_run(tmp_path)
    own = run.folder / f"part-{os.getpid()}"
    ages = {"part-1": training.LONGEST_SAVE + 1, "part-2": training.LONGEST_SAVE, own.name: 0}
    for name, age in ages.items():
        (run.folder / name).mkdir(parents=True)
        (run.folder / name / "half").touch()
        os.utime(run.folder / name, (10_000 - age,) * 2)
    locked = run.folder / "part-3"  # a file cannot be removed as a folder
    locked.touch()
    os.utime(locked, (0, 0))
    monkeypatch.setattr(training.time, "time", lambda: 10_000)
    run.save({"epoch": 1, "val_loss": 1})
    assert names_in(run) == ["epoch-0001", "part-2", "part-3"]
    files = sorted(path.name for path in (run.folder / "epoch-0001").iterdir())
    assert files == ["history.json", "model.weights.h5"]


def test_an_epoch_that_another_training_kept_or_cleared_first_is_left_to_it(tmp_path, monkeypatch):
    first = kept_run(tmp_path, [1])
    second = kept_run(tmp_path)
    second.model.weight = 77
    second.save({"epoch": 1, "val_loss": 1})
    assert names_in(second) == ["epoch-0001"]
    first.load(1)
    assert first.model.weight == 1
    monkeypatch.setattr(training.Run, "_kept", lambda run: [1, 2, 3])  # 1 and 2 are gone already
    shutil.rmtree(first.folder)
    first.save({"epoch": 3, "val_loss": 2})
    assert names_in(first) == ["epoch-0003"]


def test_a_training_whose_only_epoch_is_cleared_while_it_is_read_begins_anew(tmp_path, monkeypatch):
    run = kept_run(tmp_path, [1])

    def cleared(run, epoch):
        shutil.rmtree(run.folder)
        raise FileNotFoundError

    monkeypatch.setattr(training.Run, "load", cleared)
    again = kept_run(tmp_path)
    again.load_last()
    assert again.history == [] and run.history != []


@pytest.mark.parametrize(
    ("done", "said"),
    [(0, ""), (2, "A training was stopped after epoch 2; continuing from there.\n"),
     (4, "This network was already trained on these images, and has been read back.\n")],
)  # fmt: skip
def test_what_is_finished_is_read_back_and_what_is_not_goes_on(
    done, said, tmp_path, monkeypatch, capsys
):
    made, fitted, told = [], [], []
    network = OneWeight()
    monkeypatch.setattr(training, "_new_network", lambda *given: made.append(given) or network)
    monkeypatch.setattr(training.Run, "load_last", lambda run: run.history.extend([{}] * done))
    monkeypatch.setattr(training, "_fit", lambda *given: fitted.append(given))
    squares, start = (discs(18, 1), discs(5, 2)), [np.ones(3)]

    def report(*given):
        told.append(given)

    run = train(TINY, *squares, tmp_path, "float16", report, start)
    assert made == [(TINY, "float16", 18, start)]
    assert (run.model, run.recipe, run.folder.parent) == (network, TINY, tmp_path)
    assert fitted == ([] if done == TINY.epochs else [(run, *squares, report)])
    assert told == ([(TINY, [{}] * 4)] if done == TINY.epochs else [])
    assert capsys.readouterr().out == said


def test_an_epoch_s_row_has_its_number_its_seconds_and_every_score(monkeypatch):
    rows, told, clock = [], [], iter([100.0, 102.5])
    monkeypatch.setattr(training.time, "perf_counter", lambda: next(clock))
    run = SimpleNamespace(recipe=TINY, history="the history", save=rows.append)
    callback = training._KeepEachEpoch(run, lambda *arguments: told.append(arguments))
    callback.on_epoch_begin(6)
    callback.on_epoch_end(6, {"val_loss": 1, "loss": 2, "val_hard_dice": 3, "hard_dice": 4})
    scores = {"dice": 4, "loss": 2, "val_dice": 3, "val_loss": 1}
    assert rows == [{"epoch": 7, "seconds": 2.5} | scores]
    assert told == [(TINY, "the history")]


def test_a_training_that_goes_on_is_given_the_epochs_that_are_left(monkeypatch):
    given = {}
    monkeypatch.setattr(training, "training_batches", lambda *arguments: arguments)
    fit = lambda batches, **options: given.update(options, batches=batches)  # noqa: E731
    alone = SimpleNamespace(num_replicas_in_sync=1)
    model = SimpleNamespace(fit=fit, distribute_strategy=alone)
    recipe = replace(TINY, channels=3, seed=5, epochs=9)
    run = training.Run(model, recipe, None, [{}, {}])
    learned, held = discs(18, 1), discs(5, 2)
    training._fit(run, learned, held, "report")
    assert given["batches"] == (learned, 4, range(2, 9), 5, 3, recipe.augmentation)
    assert recipe.augmentation is not None
    images, masks = given["validation_data"]
    assert np.array_equal(images, np.stack([held.images] * 3, axis=-1))
    assert np.array_equal(masks, held.masks[..., None])
    assert (given["initial_epoch"], given["epochs"]) == (2, 9)
    assert given["steps_per_epoch"] == 18 // 4 and given["validation_batch_size"] == 4
    assert given["shuffle"] is False and given["verbose"] == 0
    (callback,) = given["callbacks"]
    assert (callback.run, callback.report) == (run, "report")


def test_the_best_epoch_is_the_one_of_the_lowest_validation_loss():
    rows = (1, 3, 2, 0.3), (2, 2, 1, 0.4), (3, 1, 4, 0.9)
    names = "epoch", "loss", "val_loss", "val_dice"
    history = [dict(zip(names, row, strict=True)) for row in rows]
    assert training.Run(None, TINY, None, history).best_epoch == 2


def test_what_a_training_depends_on_is_in_its_name(tmp_path, monkeypatch):
    """Precision, first weights, recipe, and each of the four arrays."""
    monkeypatch.setattr("lungseg_utils.training._fit", lambda run, *_: run.folder.mkdir())
    learned, held = discs(18, 1), discs(5, 2)
    first = build_unet(32, filters=4, depth=1).get_weights()
    changed = [array + 0.01 for array in first]
    calls = [
        ((TINY, learned, held), {}),
        ((TINY, learned, held), {"precision": "mixed_bfloat16"}),
        ((TINY, learned, held), {"start": first}),
        ((TINY, learned, held), {"start": changed}),
        ((replace(TINY, seed=1), learned, held), {}),
        ((TINY, replace(learned, images=learned.images * 0.9), held), {}),
        ((TINY, replace(learned, masks=1 - learned.masks), held), {}),
        ((TINY, learned, replace(held, images=held.images * 0.9)), {}),
        ((TINY, learned, replace(held, masks=1 - held.masks)), {}),
    ]
    for number, (call, options) in enumerate(calls, start=1):
        train(*call, tmp_path, **options)
        assert len(list(tmp_path.iterdir())) == number


@pytest.mark.parametrize("precision", ["float32", "mixed_bfloat16"])
def test_a_training_computes_in_the_precision_that_was_asked_for(precision, tmp_path, monkeypatch):
    monkeypatch.setattr("lungseg_utils.training._fit", lambda *_: None)
    model = train(TINY, discs(18, 1), discs(5, 2), tmp_path, precision).model
    assert {layer.dtype_policy.name for layer in model.layers[1:-1]} == {precision}
    assert model.layers[-1].dtype_policy.name == "float32"


RECIPES = {
    "course": TINY,
    "another loss": replace(TINY, loss="article_dice"),
    "another decay": replace(TINY, weight_decay=0.5),
    "a constant rate": replace(TINY, decays=False, learning_rate=0.25),
    "another shape": replace(TINY, channels=3, filters=2, depth=2, momentum=0.5),
}


@pytest.mark.parametrize("case", RECIPES)
def test_every_setting_reaches_the_network_and_its_optimiser(case):
    recipe = RECIPES[case]
    model = training._new_network(recipe, "float32", 18, [])
    assert model.loss is losses.LOSSES[recipe.loss]
    assert model.optimizer.weight_decay == recipe.weight_decay
    rate = model.optimizer._learning_rate
    expected = learning_rates(recipe, 18)
    if recipe.decays:
        assert rate.get_config() == expected.get_config()
    else:
        assert float(model.optimizer.learning_rate) == expected == 0.25
    shape = recipe.channels, recipe.filters, recipe.depth, recipe.momentum
    wanted = build_unet(recipe.size, *shape)
    for one, other in zip(model.layers, wanted.layers, strict=True):
        assert one.output.shape == other.output.shape
        assert getattr(one, "momentum", None) == getattr(other, "momentum", None)


def test_another_seed_is_another_beginning():
    first, same, other = (
        training._new_network(replace(TINY, seed=seed), "float32", 18, []).get_weights()
        for seed in (0, 0, 1)
    )
    assert all(map(np.array_equal, first, same)) and not all(map(np.array_equal, first, other))


def test_half_precision_scales_its_loss():
    kinds = [
        type(training._new_network(TINY, precision, 18, []).optimizer).__name__
        for precision in ("float32", "mixed_bfloat16", "mixed_float16")
    ]
    assert kinds == ["AdamW", "AdamW", "LossScaleOptimizer"]


def test_the_course_trains_its_recipe_on_its_parts(tmp_path, monkeypatch):
    course = Course(tuple(range(10)), "mine", "ci", tmp_path)
    split = SimpleNamespace(train="for training", validation="for validation", test="never")
    monkeypatch.setitem(course.__dict__, "split", split)
    monkeypatch.setattr(training, "load_squares", lambda *arguments: arguments)
    monkeypatch.setattr(training, "pick_precision", lambda: "the fastest")
    monkeypatch.setattr(training, "train", lambda *arguments: arguments)
    recipe, *parts, folder, precision, report, start = training.train_course(course, "a report")
    assert recipe == COURSE_AT["ci"] and recipe.size == 64
    assert parts == [(part, 64, course.cache) for part in ("for training", "for validation")]
    assert (folder, precision, report) == (tmp_path / "runs", "the fastest", "a report")
    assert start == []


def test_progress_is_one_line_that_ends_with_the_last_epoch(capsys):
    row = {"seconds": 150, "loss": 0.5, "val_loss": 0.25, "dice": 0.1, "val_dice": 0.12345}
    recipe = replace(TINY, epochs=2)
    for epoch in (1, 2):
        training.print_progress(recipe, [{"epoch": 9, **row}, {"epoch": epoch, **row}])
    said = "min left: loss 0.5000, val_loss 0.2500, val_dice 0.1235 "
    shown = f"\repoch 1 of 2, 2.5 {said}\repoch 2 of 2, 0.0 {said}\n"
    assert capsys.readouterr().out == shown
