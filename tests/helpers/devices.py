"""Trains one small network on one device and on two, and prints how far apart they end.

In a process of its own, since TensorFlow takes the number of its devices once, before it begins.
"""

import contextlib
import json
import sys
import tempfile
from dataclasses import replace
from unittest import mock

import numpy as np

from lungseg_utils import training
from lungseg_utils.phantom import simulate
from lungseg_utils.recipes import COURSE_AT
from lungseg_utils.squares import Squares
from lungseg_utils.start import load_tensorflow

SIZE, IMAGES = 64, 12
TWO = "CPU:0", "CPU:1"


def split_processor() -> None:
    """Have TensorFlow take the processor for two devices."""
    import tensorflow as tf

    one = tf.config.LogicalDeviceConfiguration()
    tf.config.set_logical_device_configuration(tf.config.list_physical_devices("CPU")[0], [one] * 2)


def squares() -> Squares:
    found = [simulate(1, number, SIZE) for number in range(IMAGES)]
    images = np.stack([one.image / 255 for one in found]).astype(np.float32)
    masks = np.stack([one.mask_left | one.mask_right for one in found]).astype(np.float32)
    return Squares(images, masks)


def train(devices=(), folder=None, epochs=1, precision="float64", stop=None) -> training.Run:
    recipe = replace(COURSE_AT["ci"], size=SIZE, batch_size=4, epochs=epochs, depth=2)
    whole = squares()
    watched = Squares(whole.images[:5], whole.masks[:5])  # not a multiple of any number of devices

    def report(_, history):
        if stop == len(history):
            raise KeyboardInterrupt

    where = folder or tempfile.mkdtemp()
    with contextlib.suppress(KeyboardInterrupt):
        return training.train(recipe, whole, watched, where, precision, report, devices=devices)


def apart(one: training.Run, other: training.Run) -> float:
    pairs = zip(one.model.get_weights(), other.model.get_weights(), strict=True)
    return max(float(np.abs(a - b).max()) for a, b in pairs)


def resumed(first, then) -> training.Run:
    folder = tempfile.mkdtemp()
    train(first, folder, epochs=2, stop=1)
    return train(then, folder, epochs=2)


class Alone:
    """What a BatchNorm sees that asks no other device."""

    num_replicas_in_sync = 2
    all_reduce = staticmethod(lambda how, value: value)


def main() -> None:
    load_tensorflow()
    split_processor()
    one, two = train(), train(TWO)
    context = "lungseg_utils.unet.tf.distribute.get_replica_context"
    with mock.patch(context, Alone):
        unsynchronised = train(TWO)
    long = train(epochs=2)
    found = {
        "synchronised": apart(one, two),
        "unsynchronised": apart(one, unsynchronised),
        "in float32": apart(train(precision="float32"), train(TWO, precision="float32")),
        "begun on one, ended on two": apart(long, resumed((), TWO)),
        "begun on two, ended on one": apart(long, resumed(TWO, ())),
        "histories": [run.history for run in (one, two)],
        "refused": [],
    }
    for devices in (("CPU:0", "CPU:1", "CPU:0"), ("CPU:0", "GPU:7")):
        try:
            train(devices)
        except ValueError as error:
            found["refused"].append(str(error))
    print(json.dumps(found), file=sys.stdout)


if __name__ == "__main__":
    main()
