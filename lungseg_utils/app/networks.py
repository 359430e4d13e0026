"""The networks that the command uses: those that ship, and one of your own."""

import hashlib
import os
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np

from lungseg_utils.predict import Network
from lungseg_utils.pretrained import SHIPPED, pretrained_facts, pretrained_file
from lungseg_utils.types import DataError

Function = Callable[[np.ndarray], np.ndarray]
Shape = tuple[int | None, ...]
ROUNDING = 1e-3  # of 16 bits
# how Keras names a layer or a function that it does not have, or that holds code
UNLOADED = re.compile(r"(?:Could not locate \w+ '|Unknown \w+: '|deserialization of a `)(\w+)")


def load_networks(own: Path | None = None, threads: int = 0) -> list[Network]:
    """The networks that look at an X-ray: `SHIPPED`, or one of your own in place of the first.

    Args: `threads` for those in ONNX, 0 for as many as there are cores.
    Raises: as `pretrained_file` and `load_own`.
    """
    first, *others = SHIPPED
    network = load_own(own, threads) if own else OnnxNetwork(pretrained_file(first), threads)
    return [network, *(OnnxNetwork(pretrained_file(name), threads) for name in others)]


def name_networks(own: Path | None = None) -> str:
    """What `load_networks` loads, each with the first digits of its file's checksum."""
    sums = [(name, pretrained_facts(name)["sha256"]) for name in SHIPPED]
    if own:
        sums[0] = own.name, hashlib.sha256(_network_file(own).read_bytes()).hexdigest()
    return " + ".join(f"{name} {digest[:8]}" for name, digest in sums)


def _network_file(path: Path) -> Path:
    if os.path.isdir(path):
        raise DataError(f"{path} is a folder: save the network as one file, NAME.keras")
    if not os.path.isfile(path):
        raise FileNotFoundError(f"there is no file {path}: train one with lungseg train")
    if not os.access(path, os.R_OK):
        raise DataError(f"{path} cannot be opened: check its permissions")
    return path


class OnnxNetwork:
    """A network in an ONNX file, which takes and makes (n, size, size, channels).

    Raises: DataError if ONNX Runtime does not read it, or it has several inputs or outputs.
    """

    def __init__(self, path: Path, threads: int = 0) -> None:
        # since version 1.29 it tells its makers what it runs, unless told not to before the import
        os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
        import onnxruntime

        onnxruntime.disable_telemetry_events()  # the same on Windows
        settings = onnxruntime.SessionOptions()
        settings.intra_op_num_threads = threads
        # threads that wait leave the cores to those that read and write files
        settings.add_session_config_entry("session.intra_op.allow_spinning", "0")
        try:
            self._session = onnxruntime.InferenceSession(path, settings, ["CPUExecutionProvider"])
        except Exception as error:  # of classes that are not public
            raise DataError(f"{path} is not a network that ONNX Runtime can read") from error
        takes, makes = self._session.get_inputs(), self._session.get_outputs()
        _check_ends(len(takes), len(makes), path)
        self._name = takes[0].name
        self.input_shape, self.output_shape = (
            tuple(one if isinstance(one, int) else None for one in end[0].shape)
            for end in (takes, makes)
        )

    def __call__(self, x: np.ndarray, training: bool = False) -> np.ndarray:
        """What it makes of a batch float32; it cannot be trained."""
        return self._session.run(None, {self._name: x})[0]

    predict_on_batch = __call__


def load_own(path: Path, threads: int = 0) -> "OwnNetwork":
    """A network as `lungseg train` keeps it, another in ONNX, or one that Keras saved.

    Raises: FileNotFoundError; DataError if it cannot be loaded, or as `OwnNetwork`.
    """
    if _network_file(path).suffix.lower() != ".onnx":
        return OwnNetwork(*_from_keras(path), path)
    network = OnnxNetwork(path, threads)
    run, shape, makes = network.predict_on_batch, network.input_shape, network.output_shape
    if len(shape) == 4 and shape[1] in (1, 3) and shape[3] not in (1, 3):  # as PyTorch has them
        shape = shape[0], *shape[2:], shape[1]
        turned = lambda x: np.moveaxis(run(np.moveaxis(x, 3, 1)), 1, 3)  # noqa: E731
        return OwnNetwork(turned, shape, makes, path)
    return OwnNetwork(run, shape, makes, path)


def _from_keras(path: Path) -> tuple[Function, Shape, Shape]:
    try:
        import keras
    except ImportError:
        cure = 'name the .onnx beside it, or pip install "lungseg-utils[course]"'
        raise DataError(f"{path} needs Keras, which is not installed: {cure}") from None
    try:
        model = keras.saving.load_model(path, compile=False)
        _, _, _, _ = model.inputs[0].shape
    except Exception as error:  # a file that is something else makes Keras raise errors of any kind
        raise DataError(f"{path} {_why_unread(str(error), keras.__version__)}") from error
    _check_ends(len(model.inputs), len(model.outputs), path)
    model = keras.Model(model.inputs[0], model.outputs[0])  # neither may be within a list
    return model.predict_on_batch, model.input_shape, model.output_shape


def _check_ends(inputs: int, outputs: int, path: Path) -> None:
    if inputs > 1:
        raise DataError(f"{path} takes {inputs} inputs: save one that takes the X-ray")
    if outputs > 1:
        raise DataError(f"{path} makes {outputs} outputs: save the one that is the mask")


def _why_unread(said: str, version: str) -> str:
    if unknown := UNLOADED.search(said):
        cure = "register it, or export the network with plain layers"
        return f'needs "{unknown[1]}", which Keras does not load: {cure}'
    return f"is not a network that Keras {version} can read"


class OwnNetwork:
    """A function from batches to the probability of lung, tried on a black square and one of noise.

    Args: `run` makes of float32 (n, size, size, channels), channels 1 or 3, a probability or a
        logit of each pixel, or the probabilities of background and lung; `shape` and `makes`, those
        of its batch and its answer, with None for what may be any; `path` names the file in errors.
    Raises: DataError if it makes something else.
    """

    def __init__(self, run: Function, shape: Shape, makes: Shape, path: Path) -> None:
        _, height, width, channels = shape if len(shape) == 4 else (0, 0, 0, 0)
        size = height or width or pretrained_facts(SHIPPED[0])["recipe"]["size"]
        self.input_shape = None, size, size, channels or 1
        shown = np.random.default_rng(0).random((2, *self.input_shape[1:]), np.float32)
        shown[0] = 0
        fits, answer = {height, width} <= {size, None} and channels in (1, 3, None), np.zeros(2)
        try:
            if fits:
                answer = np.asarray(run(shown), np.float32)
        except Exception as error:  # of any kind, as it was built for another size
            said = f"does not run on squares of {size} pixels: save it with a size of its own"
            raise DataError(f"{path} {said}") from error
        if answer.shape[:-1] != shown.shape[:-1]:
            raise DataError(f"{path} makes {makes} of {shape}: no mask")
        if not np.isfinite(answer).all():
            raise DataError(f"{path} gives no valid numbers for a picture: train it again")
        self._run, count = run, answer.shape[-1]
        self._gives_logits = answer.min() < -ROUNDING or answer.max() > 1 + ROUNDING
        adds_up = np.allclose(answer.sum(axis=-1), 1, atol=10 * ROUNDING)
        if count != 1 and (count != 2 or self._gives_logits or not adds_up):
            raise DataError(f"{path} makes {count} channels: save the one that is the mask")

    def __call__(self, x: np.ndarray, training: bool = False) -> np.ndarray:
        """Probabilities of lung (n, size, size, 1) of a batch float32; it cannot be trained."""
        answer = np.asarray(self._run(x), np.float32)[..., -1:]
        return 1 / (1 + np.exp(-answer)) if self._gives_logits else answer

    predict_on_batch = __call__
