"""Keeps a Keras network as an ONNX file, which is run without TensorFlow.

ONNX has channels before rows, Keras behind them: kernels are turned here, once, and the network
turns its batch at both ends, so that it takes and gives what the Keras model does.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import keras
import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from lungseg_utils.types import written_whole

OPSET, IR_VERSION = 17, 8  # of 2022
TO_ONNX = 3, 2, 0, 1  # axes of a kernel
CHANNELS_FIRST, CHANNELS_LAST = (0, 3, 1, 2), (0, 2, 3, 1)
BATCH_IN, FIRST, BATCH_OUT = "images", "channels_first", "probability"


class Operation(NamedTuple):
    """What ONNX calls a layer, and the settings that it takes from it."""

    name: str
    settings: Callable[[keras.Layer], dict] = lambda layer: {}


# those of `build_unet`
OPERATIONS = {
    "Conv2D": Operation("Conv", lambda layer: {"auto_pad": "SAME_UPPER"}),
    "Conv2DTranspose": Operation("ConvTranspose", lambda layer: {"strides": layer.strides}),
    "BatchNormalization": Operation("BatchNormalization", lambda layer: {"epsilon": layer.epsilon}),
    "Activation": Operation("Relu"),
    "MaxPooling2D": Operation(
        "MaxPool", lambda layer: {"kernel_shape": layer.pool_size, "strides": layer.strides}
    ),
    "Concatenate": Operation("Concat", lambda layer: {"axis": 1}),
}


def write_onnx(model: keras.Model, path: Path, half: bool = False) -> None:
    """Keep a network that `build_unet` made.

    Args: `half` rounds kernels to 16 bits, which halves the file; they are computed with in 32.
    """
    weights: list[onnx.TensorProto] = []
    nodes = [helper.make_node("Transpose", [BATCH_IN], [FIRST], perm=CHANNELS_FIRST)]
    names = {id(model.inputs[0]): FIRST}
    for layer in model.layers[1:]:
        given = layer.input if isinstance(layer.input, list) else [layer.input]
        takes = [names[id(one)] for one in given]
        for tensor in _tensors(layer, half):
            weights.append(tensor)
            takes.append(tensor.name)
            if tensor.data_type == TensorProto.FLOAT16:
                takes[-1] = f"{tensor.name}.float"
                cast = helper.make_node("Cast", [tensor.name], takes[-1:], to=TensorProto.FLOAT)
                nodes.append(cast)
        name, settings = OPERATIONS[type(layer).__name__]
        nodes.append(helper.make_node(name, takes, [layer.name], **settings(layer)))
        names[id(layer.output)] = last = layer.name
    nodes += [
        helper.make_node("Sigmoid", [last], ["sigmoid"]),
        helper.make_node("Transpose", ["sigmoid"], [BATCH_OUT], perm=CHANNELS_LAST),
    ]
    ends = [
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", *one.shape[1:]])]
        for name, one in ((BATCH_IN, model.inputs[0]), (BATCH_OUT, model.outputs[0]))
    ]
    opset = helper.make_opsetid("", OPSET)
    graph = helper.make_graph(nodes, "unet", *ends, weights)
    made = helper.make_model(graph, opset_imports=[opset], ir_version=IR_VERSION)
    onnx.checker.check_model(made)
    with written_whole(path) as part:
        onnx.save(made, part)


def _tensors(layer: keras.Layer, half: bool) -> Iterator[onnx.TensorProto]:
    """The weights of a layer, in the order that Keras and ONNX share."""
    for weight in layer.weights:
        array = np.asarray(weight, np.float32)
        if array.ndim == 4:
            array = array.transpose(TO_ONNX).astype(np.float16 if half else np.float32)
        yield numpy_helper.from_array(array, f"{layer.name}.{weight.name}")
