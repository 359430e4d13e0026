"""Training on several machines: what Keras 3 on TensorFlow can do today, and what it cannot.

    python benchmarks/machines.py

tries each way and writes benchmarks/machines.json. Processes on this computer take each other for
machines; nothing else is reached. A way works if it computed on two devices and, after an epoch in
float64, no weight differs by more than 1e-5 from what one process learns. `seconds` are those of
the whole try or, where a machine is killed, from then until the other one ends. It takes two
minutes on two cores; a way that hangs is ended after one.
"""

import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import textwrap
import time
from dataclasses import replace
from functools import partial
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from facts import FOLDER, facts

from lungseg_utils import training
from lungseg_utils.losses import LOSSES
from lungseg_utils.phantom import simulate
from lungseg_utils.pipeline import training_batches
from lungseg_utils.recipes import COURSE_AT
from lungseg_utils.squares import Squares
from lungseg_utils.start import TENSORFLOW

IMAGES, LARGEST, PATIENCE, LETTERS = 12, 1e-5, 60, 140
RECIPE = replace(COURSE_AT["ci"], epochs=1, depth=2)
ENVIRONMENT = {**TENSORFLOW, "TF_CPP_MIN_LOG_LEVEL": "0", "CUDA_VISIBLE_DEVICES": "-1"}
CONVOLUTION = re.compile(r"\(Conv2D\): (/job:\S+)")  # as TensorFlow logs where it computes one
FRAME = re.compile(r'\s*(Graph execution error:|Detected at node .*|File ".*|)\s*')
LEFT_OUT = re.compile(r"\S*\d+(\.\d+){3}\S*|(/[\w.:-]+){2,}|[:{]+$")  # addresses, paths


def squares() -> Squares:
    """What all learn from."""
    found = [simulate(1, number, RECIPE.size) for number in range(IMAGES)]
    masks = np.stack([one.mask_left | one.mask_right for one in found])
    images = np.stack([one.image / 255 for one in found])
    return Squares(images.astype(np.float32), masks.astype(np.float32))


def by_train(*devices: str) -> keras.Model:
    """`train` of the package, which calls `fit`."""
    with tempfile.TemporaryDirectory() as folder:
        given = RECIPE, squares(), squares(), folder, "float64", lambda *_: None
        return training.train(*given, devices=devices).model


def by_keras() -> keras.Model:
    """`train` after Keras's own distribution was told of all machines and devices."""
    setting = json.loads(os.environ["TF_CONFIG"])
    machines, number = setting["cluster"]["worker"], setting["task"]["index"]
    if len(machines) > 1:
        keras.distribution.initialize(",".join(machines), len(machines), number)
    keras.distribution.set_distribution(keras.distribution.DataParallel())
    return by_train()


def by_workers() -> keras.Model:
    """`train` on two machines of equal rank."""
    with tf.distribute.MultiWorkerMirroredStrategy().scope():
        return by_train()


def by_parameter_server() -> keras.Model:
    """`train` on a machine that leads; another computes, and a third one keeps the weights."""
    resolver = tf.distribute.cluster_resolver.TFConfigClusterResolver()
    if resolver.task_type != "chief":
        tf.distribute.Server(resolver.cluster_spec(), resolver.task_type, 0, "grpc").join()
    with tf.distribute.ParameterServerStrategy(resolver).scope():
        return by_train()


def by_loop(epochs: int = 1, dies_at: int | None = None) -> keras.Model:
    """A loop of one's own on two machines, each with its half of each batch; at the step `dies_at`
    the second one is killed.
    """
    recipe, strategy = replace(RECIPE, epochs=epochs), tf.distribute.MultiWorkerMirroredStrategy()
    index, count = strategy.cluster_resolver.task_id, strategy.num_replicas_in_sync
    with strategy.scope():
        model = training._new_network(recipe, "float64", IMAGES, ())  # as `train` begins

    def learn(images: tf.Tensor, masks: tf.Tensor) -> None:
        with tf.GradientTape() as tape:
            losses = LOSSES[recipe.loss](masks, model(images, training=True))
            loss = tf.reduce_mean(losses) / count
        gradients = tape.gradient(loss, model.trainable_variables)
        # Keras's optimizer first adds up those of all machines, by an all-reduce
        model.optimizer.apply(gradients, model.trainable_variables)

    step = tf.function(lambda *half: strategy.run(learn, half))
    order = range(epochs), recipe.seed, recipe.channels, recipe.augmentation
    for number, batch in enumerate(training_batches(squares(), recipe.batch_size, *order)):
        if (number, index) == (dies_at, 1):
            os.kill(os.getpid(), signal.SIGKILL)
        step(*(tf.split(whole, count)[index] for whole in batch))
    return model


ONE, PAIR, SERVED = ("worker",), ("worker", "worker"), ("ps", "worker", "chief")
KILLED = "the same, when one machine is killed"
WAYS = {  # what trains, and the parts that its machines take
    "one process": (by_train, ONE),  # which the others are compared with
    "`train(devices=...)`, two devices of one machine": (partial(by_train, "CPU:0", "CPU:1"), ONE),
    "`keras.distribution`, two devices of one machine": (by_keras, ONE),
    "`keras.distribution`, two machines": (by_keras, PAIR),
    "`fit` under `ParameterServerStrategy`": (by_parameter_server, SERVED),
    "`fit` under `MultiWorkerMirroredStrategy`": (by_workers, PAIR),
    "a loop of one's own under `MultiWorkerMirroredStrategy`": (by_loop, PAIR),
    KILLED: (partial(by_loop, 10_000, dies_at=5), PAIR),
}


def attempt(way: str, kept: Path) -> None:
    """Train as one of a way's machines; keep the weights, or why there are none."""
    tf.debugging.set_log_device_placement(True)
    learn, parts = WAYS[way]
    if parts == ONE:  # a single machine has two devices
        both = [tf.config.LogicalDeviceConfiguration()] * 2
        tf.config.set_logical_device_configuration(tf.config.list_physical_devices("CPU")[0], both)
    try:
        model = learn()
    except Exception as error:  # of any kind: that is the question
        first = next(line for line in str(error).splitlines() if not FRAME.fullmatch(line))
        said = f"{type(error).__name__}: {LEFT_OUT.sub('...', first.split('}} ')[-1])}"
        kept.with_suffix(".error").write_text(
            textwrap.shorten(said, LETTERS, placeholder=" ..."), encoding="utf-8"
        )
        raise
    np.save(kept, np.concatenate([np.ravel(one) for one in model.get_weights()]))


def begun(way: str, folder: Path) -> list[subprocess.Popen]:
    """A way's processes; what each says and learns goes to files in the folder."""
    (_, parts), cluster, started = WAYS[way], {}, []
    with contextlib.ExitStack() as stack:  # so that all ports are free, and differ
        for part in parts:
            one = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
            cluster.setdefault(part, []).append("{}:{}".format(*one.getsockname()))
    for number, part in enumerate(parts):
        task = {"type": part, "index": parts[:number].count(part)}
        setting = {"TF_CONFIG": json.dumps({"cluster": cluster, "task": task})}
        words = [sys.executable, __file__, way, folder / f"{number}.npy"]
        with (folder / f"{number}.log").open("w", encoding="utf-8") as log:
            environment = os.environ | ENVIRONMENT | setting
            started.append(subprocess.Popen(words, env=environment, stdout=log, stderr=log))
    return started


def outcome(folder: Path) -> tuple[float | None, str]:
    """The largest difference of any weight from one process, and what is wrong, if anything is."""
    for path in folder.glob("*.error"):
        return None, path.read_text(encoding="utf-8")
    wanted = np.load(folder.parent / "0" / "0.npy")
    apart = [float(np.abs(np.load(path) - wanted).max()) for path in folder.glob("*.npy")]
    logs = [path.read_text(encoding="utf-8") for path in folder.glob("*.log")]
    if not apart:
        return None, "neither weights nor an error"
    if len({device for log in logs for device in CONVOLUTION.findall(log)}) < 2:
        return max(apart), "no error, and one device does everything"
    return max(apart), "" if max(apart) < LARGEST else "no error, and other weights"


def tried(way: str, folder: Path) -> dict:
    """The row of a way, whose files go to this folder; beside it is that of one process."""
    folder.mkdir()
    times, processes, parts = [time.monotonic()], begun(way, folder), WAYS[way][1]
    learners = processes[parts.index(parts[-1]) :]  # the others serve them
    with contextlib.suppress(subprocess.TimeoutExpired):
        for process in reversed(learners):  # the one that is killed is the last
            process.wait(max(0, times[0] + PATIENCE - time.monotonic()))
            times.append(time.monotonic())
    for process in processes:
        process.kill()
        process.wait()
    seconds = time.monotonic() - times[1 if way == KILLED and len(times) > 1 else 0]
    largest, said = outcome(folder)
    row = {"way": way, "works": not said, "said": said}
    return {**row, "largest_difference": largest, "seconds": seconds}


def main() -> None:
    """Try all, and write the file."""
    with tempfile.TemporaryDirectory() as name:
        rows = [tried(way, Path(name) / str(number)) for number, way in enumerate(WAYS)]
    content = {"rows": rows[1:], **facts()}
    (FOLDER / "machines.json").write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    attempt(sys.argv[1], Path(sys.argv[2])) if len(sys.argv) > 1 else main()
