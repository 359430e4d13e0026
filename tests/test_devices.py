"""A training that several devices share learns what one device would."""

import json
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.fixture(scope="module")
def found():
    program = Path(__file__).parent / "helpers" / "devices.py"
    ran = subprocess.run([sys.executable, program], capture_output=True, text=True, timeout=500)
    assert ran.returncode == 0, ran.stderr[-3000:]
    return json.loads(ran.stdout.splitlines()[-1])


def test_two_devices_end_at_the_weights_of_one(found):
    """In float64, where sums in another order differ in the 16th digit."""
    assert found["synchronised"] < 1e-5


def test_without_shared_statistics_they_do_not(found):
    assert found["unsynchronised"] > 1e-3


def test_in_float32_the_rounding_is_all_that_differs(found):
    assert found["in float32"] < 0.1 * found["unsynchronised"]


@pytest.mark.parametrize("how", ["begun on one, ended on two", "begun on two, ended on one"])
def test_a_training_goes_on_with_another_number_of_devices(how, found):
    assert found[how] < 1e-5


def test_the_scores_of_both_are_those_of_all_images(found):
    (one,), (two,) = found["histories"]
    for name in ("loss", "dice", "val_loss", "val_dice"):
        assert abs(one[name] - two[name]) < 1e-6, name


def test_what_cannot_be_shared_is_a_sentence(found):
    uneven, missing = found["refused"]
    assert uneven == "3 devices cannot share 4 images: use a multiple"
    assert missing.startswith("there is no device GPU:7: choose from ['CPU:0', 'CPU:1']")
