"""The parts of notebook 03 in NumPy, by which its exercises judge what a network computes."""

from typing import Any

import numpy as np

from lungseg_utils.teaching.exercises.typed import expect

# what a network of one level may do wrong with as many parameters as a right one
FAULTS = {
    "no relu": "a ReLU is missing after each convolution: without it the layers only add up",
    "one relu": "each block needs a ReLU after both of its convolutions, and the first has none",
    "relu first": "normalise first and then apply the ReLU, as in `two_convolutions`",
    "mean": "the way down takes the mean of each 2 x 2 block; max pooling keeps the largest value",
    "early": "the skip starts after the first convolution; it should start after the second",
    "twice": "the enlarged picture is concatenated with itself: take what it was before pooling",
}


def parameters(channels: int, filters: int, depth: int) -> int:
    """Parameters of the course's U-Net, counted as in the notebook."""
    widths = [filters * 2**level for level in range(depth + 1)]
    down = sum(map(_block, [channels, *widths[:-1]], widths))
    up = sum(8 * width**2 + width + _block(2 * width, width) for width in widths[:-1])
    return down + up + filters + 1


def convolved(picture: np.ndarray, kernels: np.ndarray) -> np.ndarray:
    padded = np.pad(picture, ((1, 1), (1, 1), (0, 0)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), axis=(0, 1))
    return np.einsum("hwcij,ijcf->hwf", windows, kernels)


def sigmoid(logit):
    return 1 / (1 + np.exp(-logit))


def slopes_of_two(w: float, v: float, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, dict]:
    """The slopes of the mean of (sigmoid(v * sigmoid(w * x)) - y) ** 2, and what faults make."""
    hidden = sigmoid(w * x)
    p = sigmoid(v * hidden)
    by_p, last, first = 2 * (p - y) / len(x), p * (1 - p), hidden * (1 - hidden)
    right = np.array([np.sum(by_p * last * v * first * x), np.sum(by_p * last * hidden)])
    short = np.array([np.sum(by_p * v * first * x), np.sum(by_p * hidden)])
    faults = {
        "the slopes are in the wrong order: first w, then v": right[::-1],
        "that is the way downhill: the gradient points uphill": -right,
        "the loss is a mean: divide by the number of pixels": right * len(x),
        "the slope of (p - y) ** 2 is 2 * (p - y), and the 2 is missing": right / 2,
        "the slope of the last sigmoid, p * (1 - p), is missing": short,
        "the slope for w lacks that of the first sigmoid, hidden * (1 - hidden)": [
            np.sum(by_p * last * v * x),
            right[1],
        ],
        "on the way back to `hidden`, multiply by v": [right[0] / v, right[1]],
        "the slope for w lacks the last factor, x": [np.sum(by_p * last * v * first), right[1]],
        "the slope for v lacks a factor, `hidden`": [right[0], np.sum(by_p * last)],
    }
    return right, faults


def count_fault(count: int, filters: int) -> str:
    """What a wrong number of parameters of a network of one level says; nothing of a right one."""
    right, said = parameters(1, filters, 1), f"with {filters} filters it has {count:,} parameters"
    faults = {
        right: "",
        right - 9 * filters**2: f"{said}: the way up has no skip: concatenate it",
        right - 32 * filters: f"{said}: there is no BatchNormalization after the convolutions",
        right - 8 * filters: f"{said}: the convolutions have no biases, and the notebook's do",
        parameters(1, filters, 2): f"{said}: that is two levels: pool only once",
    }
    return faults.get(count, f"{said}, not {right:,}: compare it part by part with the notebook's")


def expect_one_level(model: Any, size: int, filters: int, rng: np.random.Generator) -> None:
    """Raise `NotYet` unless a keras.Model is the notebook's U-Net with one level."""
    from keras import ops

    from lungseg_utils.unet import build_unet

    taken, wanted = getattr(model, "input_shape", None), (None, size, size, 1)
    fits = taken in (None, wanted, (None, None, None, 1))  # a subclass of Model takes what comes
    expect(fits, f"it takes {taken} and should take {wanted}")
    grey = rng.uniform(-2, 2, (size, size, 1)).astype(np.float32)
    made = (None, *model(grey[None], training=False).shape[1:])
    expect(made == wanted, f"its output is {made}: one number per pixel is {wanted}")
    fault = count_fault(model.count_params(), filters)
    expect(not fault, fault)
    fresh = [one.shape for one in build_unet(size, filters=filters, depth=1).get_weights()]
    held = in_their_order(model.weights)
    others = "it has as many parameters as the notebook's blocks would have, in other layers"
    expect([tuple(one.shape) for one in held] == fresh, others)
    weights = [random_weights(shape, rng) for shape in fresh]
    for variable, value in zip(held, weights, strict=True):
        variable.assign(value)
    found = ops.convert_to_numpy(model(grey[None], training=False))[0, :, :, 0]
    sigmoid = "its output is logits, not probabilities: the last step is a sigmoid"
    expect(found.min() >= 0 and found.max() <= 1, sigmoid)
    constant = "softmax over one channel is always 1: the last step is a sigmoid"
    expect(found.min() < 1, constant)
    if not computes(found, weights, grey, ""):
        faults = (said for name, said in FAULTS.items() if computes(found, weights, grey, name))
        other = "with equal weights it computes something else than the notebook's blocks"
        expect(False, next(faults, other))


def in_their_order(weights: list) -> list:
    """A network's weights with each convolution before its normalisation, as the data meet them.

    A layer of one's own may list all its convolutions first.
    """
    layers, left = [], list(weights)
    while left:
        count = 2 if len(left[0].shape) == 4 else 4  # kernels and biases, or a normalisation
        layers.append(left[:count])
        left = left[count:]
    sides = [tuple(one[0].shape[:2]) if len(one) == 2 else () for one in layers]
    paired, norms, rest = (
        [one for one, side in zip(layers, sides, strict=True) if side in kind]
        for kind in ([(3, 3)], [()], [(2, 2), (1, 1)])
    )
    if (len(paired), len(norms), len(rest)) != (6, 6, 2):
        return list(weights)
    blocks = [one for pair in zip(paired, norms, strict=True) for one in pair]
    return [weight for one in (*blocks[:8], rest[0], *blocks[8:], rest[1]) for weight in one]


def random_weights(shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
    """Weights that tell networks apart: kernels of both signs, all else above 0."""
    if len(shape) == 1:
        return rng.uniform(0.5, 1.5, shape)
    return rng.normal(scale=np.sqrt(2 / np.prod(shape[:3])), size=shape)


def computes(found: np.ndarray, weights: list, picture: np.ndarray, fault: str) -> bool:
    """Whether this is the output of the notebook's network with a fault, or with none."""
    # some GPUs round to three digits, and each fault makes a difference of more than 0.1
    outputs = (_one_level(weights, picture, fault, order) for order in (1, -1))
    return any(np.allclose(found, output, atol=0.02) for output in outputs)


def _one_level(weights: list, picture: np.ndarray, fault: str, order: int) -> np.ndarray:
    left = iter(weights)

    def block(x):
        steps = []
        for number in range(2):
            x = convolved(x, next(left)) + next(left)
            x = x.clip(0) if fault == "relu first" else x
            scale, shift, mean, variance = (next(left) for _ in range(4))
            x = scale * (x - mean) / np.sqrt(variance + 1e-3) + shift
            kinked = fault not in ("no relu", "relu first") and (fault != "one relu" or number)
            steps.append(x := x.clip(0) if kinked else x)
        return steps

    early, skip = block(picture)
    side = len(picture) // 2
    squares = skip.reshape(side, 2, side, 2, -1)
    _, x = block(squares.mean(axis=(1, 3)) if fault == "mean" else squares.max(axis=(1, 3)))
    larger = np.einsum("hwi,abci->hawbc", x, next(left)).reshape(2 * side, 2 * side, -1)
    larger = larger + next(left)
    skip = {"early": early, "twice": larger}.get(fault, skip)
    _, x = block(np.concatenate([larger, skip][::order], axis=-1))
    return sigmoid(x @ next(left)[0, 0, :, 0] + next(left))


def _block(channels_in: int, channels_out: int) -> int:
    return 9 * channels_out * (channels_in + channels_out) + 10 * channels_out
