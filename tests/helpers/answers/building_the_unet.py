from fractions import Fraction

import numpy as np
from scipy import ndimage


def convolved(picture, kernels, biases):
    planes = [
        sum(
            ndimage.correlate(picture[..., channel], kernels[..., channel, one], mode="constant")
            for channel in range(picture.shape[2])
        )
        for one in range(kernels.shape[3])
    ]
    return np.stack(planes, axis=-1) + biases


def one_at_a_time(picture, kernels, biases):
    height, width, _ = picture.shape
    padded = np.pad(picture, ((1, 1), (1, 1), (0, 0)))
    out = np.zeros((height, width, len(biases)))
    for row, column in np.ndindex(height, width):
        window = padded[row : row + 3, column : column + 3]
        out[row, column] = np.tensordot(window, kernels, 3) + biases
    return out


def wrapped(picture, kernels, biases):
    """Takes what is beyond one border from the other."""
    padded = np.pad(picture, ((1, 1), (1, 1), (0, 0)), mode="wrap")
    return one_at_a_time(padded, kernels, biases)[1:-1, 1:-1]


def sigmoid(logit):
    return 1 / (1 + np.exp(-logit))


def chain(w, v, x, y, *, last=True, first=True, by_v=True, by_x=True, by_hidden=True):
    """The slopes for w and v, or without one of their factors."""
    hidden = sigmoid(w * x)
    p = sigmoid(v * hidden)
    by_second = 2 * (p - y) / len(x) * (p * (1 - p) if last else 1)
    by_first = by_second * (v if by_v else 1) * (hidden * (1 - hidden) if first else 1)
    slope_w = np.sum(by_first * (x if by_x else 1))
    return slope_w, np.sum(by_second * (hidden if by_hidden else 1))


def nudged(w, v, x, y):
    def loss(w, v):
        return np.mean((sigmoid(v * sigmoid(w * x)) - y) ** 2)

    by_w = (loss(w + 1e-4, v) - loss(w - 1e-4, v)) / 2e-4
    return [by_w, (loss(w, v + 1e-4) - loss(w, v - 1e-4)) / 2e-4]


def taped(w, v, x, y):
    import tensorflow as tf

    w, v = tf.Variable(w), tf.Variable(v)
    with tf.GradientTape() as tape:
        p = tf.sigmoid(v * tf.sigmoid(w * x.astype("float32")))
        loss = tf.reduce_mean((p - y.astype("float32")) ** 2)
    return tape.gradient(loss, [w, v])


def network(
    size, filters, *, skip="last", norm=True, last="sigmoid", wider=2, levels=1, relus=2,
    pool="MaxPooling2D", biases=True, early_relu=False,
):  # fmt: skip
    import keras
    from keras import layers

    def convolve(x, filters):
        steps = []
        for number in range(2):
            x = layers.Conv2D(filters, 3, padding="same", use_bias=biases)(x)
            x = layers.ReLU()(x) if early_relu else x
            x = layers.BatchNormalization()(x) if norm else x
            kinked = number >= 2 - relus and not early_relu
            steps.append(x := layers.ReLU()(x) if kinked else x)
        return steps

    x, kept = keras.Input((size, size, 1)), []
    inputs = x
    for level in range(levels):
        kept.append(convolve(x, filters * wider**level))
        x = getattr(layers, pool)(2)(kept[-1][1])
    _, x = convolve(x, filters * wider**levels)
    for level in reversed(range(levels)):
        x = layers.Conv2DTranspose(filters * wider**level, 2, strides=2)(x)
        beside = {"last": kept[level][1], "early": kept[level][0], "twice": x}.get(skip)
        x = layers.Concatenate()([beside, x]) if skip else x
        _, x = convolve(x, filters * wider**level)
    return keras.Model(inputs, layers.Conv2D(1, 1, activation=last)(x))


def wrong(**changes):
    return lambda size, filters: network(size, filters, **changes)


def of_sequences(size, filters):
    """Blocks are networks in the network, and what comes up is first in the concatenation."""
    import keras
    from keras import layers, ops

    def convolve(filters):
        one = [layers.Conv2D(filters, 3, padding="same"), layers.BatchNormalization(momentum=0.8)]
        two = [layers.Conv2D(filters, 3, 1, "same"), layers.BatchNormalization()]
        return keras.Sequential([*one, layers.Activation("relu"), *two])

    inputs = keras.Input((size, size, 1))
    skip = ops.maximum(convolve(filters)(inputs), 0)
    x = ops.relu(convolve(2 * filters)(layers.MaxPool2D(2)(skip)))
    x = ops.concatenate([layers.Conv2DTranspose(filters, 2, 2)(x), skip], axis=-1)
    logits = layers.Conv2D(1, 1)(layers.ReLU()(convolve(filters)(x)))
    return keras.Model(inputs, ops.sigmoid(logits))


def own_block(filters):
    """A layer that lists its convolutions first."""
    from keras import layers, ops

    class Block(layers.Layer):
        def __init__(self):
            super().__init__()
            self.conv1, self.conv2 = (layers.Conv2D(filters, 3, padding="same") for _ in range(2))
            self.norm1, self.norm2 = (layers.BatchNormalization() for _ in range(2))

        def call(self, x, training=False):
            x = ops.relu(self.norm1(self.conv1(x), training=training))
            return ops.relu(self.norm2(self.conv2(x), training=training))

    return Block()


def of_own_layers(size, filters):
    """A network that takes images of any size."""
    import keras
    from keras import layers

    inputs = keras.Input((None, None, 1))
    skip = own_block(filters)(inputs)
    x = own_block(2 * filters)(layers.MaxPooling2D()(skip))
    x = layers.Conv2DTranspose(filters, 2, strides=2)(x)
    x = own_block(filters)(layers.Concatenate()([x, skip]))
    return keras.Model(inputs, layers.Conv2D(1, 1, activation="sigmoid")(x))


def subclass(filters, last="sigmoid"):
    import keras
    from keras import layers, ops

    class Unet(keras.Model):
        def __init__(self):
            super().__init__()
            self.top, self.bottom = own_block(filters), own_block(2 * filters)
            self.up = layers.Conv2DTranspose(filters, 2, strides=2)
            self.beside, self.last = own_block(filters), layers.Conv2D(1, 1, activation=last)

        def call(self, x, training=False):
            skip = self.top(x, training=training)
            x = self.bottom(ops.max_pool(skip, 2), training=training)
            x = ops.concatenate([self.up(x), skip], axis=-1)
            return self.last(self.beside(x, training=training))

    return Unet()


def from_the_package(size, filters):
    from lungseg_utils.unet import build_unet

    return build_unet(size, filters=filters, depth=1)


def halved(size, filters):
    import keras
    from keras import layers

    inputs = keras.Input((size, size, 1))
    return keras.Model(inputs, layers.Conv2D(1, 3, strides=2, padding="same")(inputs))


RIGHT = {
    "mask_from_logits": [
        lambda logits, threshold: logits > np.log(threshold / (1 - threshold)),
        lambda logits, threshold: 1 / (1 + np.exp(-np.clip(logits, -60, 60))) > threshold,
        lambda logits, threshold: 1 / (1 + np.exp(-logits)) >= threshold,
        lambda logits, threshold: ~(logits + np.log(1 / threshold - 1) <= 0),
    ],
    "backpropagate": [
        chain,
        nudged,
        taped,
        lambda w, v, x, y: dict(zip("wv", chain(w, v, x, y), strict=True)),
    ],
    "kernel_looking_down": [
        np.array([[-1, -2, -1], [0, 0, 0], [1, 2, 1]]),
        [[0, -1, 0], [0, 0, 0], [0, 1, 0]],
        np.array([[-0.5] * 3, [-0.5] * 3, [1.0] * 3]),
        ((0, -1, 0), (0, 1, 0), (0, 0, 0)),
        np.array([[-3, -10, -3], [0, 0, 0], [3, 10, 3]], np.int8),
        [[Fraction(-1, 3)] * 3, [0] * 3, [Fraction(1, 3)] * 3],
    ],
    "convolve_channels": [
        convolved,
        one_at_a_time,
        lambda picture, kernels, biases: convolved(picture, kernels, biases).astype("float32"),
    ],
    "one_level_unet": [
        network,
        from_the_package,
        of_sequences,
        of_own_layers,
        lambda size, filters: subclass(filters),
    ],
    "parameters_of_the_skips": [
        195_840,
        sum(9 * 4**level * 256 for level in range(4)),
        195840.0,
        "195,840",
        "195\u202f840",
        "195840 parameters",
        np.int64(195_840),
    ],
    "a_smaller_unet": [
        {"size": 128, "filters": 5, "depth": 4},
        {"size": 160, "filters": 4, "depth": 4},
        {"size": 128, "filters": 2, "depth": 5},
        {"size": np.int64(128), "filters": 5.0, "depth": "4"},
    ],
    "worth_of_the_skips": ["b and e", "(e), (b)", ["B", "E"], {"b", "e"}, "be"],
}
WRONG = {
    "mask_from_logits": [
        (lambda logits, threshold: logits > threshold, "not a threshold on the logit"),
        (lambda logits, threshold: logits > 0, "still compare with the logit 0"),
        (lambda logits, threshold: logits < np.log(threshold / (1 - threshold)), "small ones"),
        (lambda logits, threshold: 1 / (1 + np.exp(-logits.clip(-60, 60))), "a mask is bool"),
        (
            lambda logits, threshold: (logits > np.log(threshold / (1 - threshold))).astype(int),
            "a mask is bool",
        ),
        (lambda logits, threshold: (logits > 0).mean(axis=0), "one answer for each pixel"),
        (lambda logits, threshold: (logits > 0).any(), "one answer for each pixel"),
        (lambda logits, threshold: logits > np.log((1 - threshold) / threshold), "are wrong"),
        (lambda logits, threshold: logits > sigmoid(threshold), "needs its inverse"),
        (lambda logits, threshold: logits > threshold / (1 - threshold), "are wrong"),
        (lambda logits, threshold: logits > np.log(threshold), "are wrong"),
        (lambda logits, threshold: logits > np.log10(threshold / (1 - threshold)), "threshold 0.9"),
        (lambda logits, threshold: np.tanh(logits) > threshold, "threshold 0.5, 2 of 12"),
        (lambda logits, threshold: abs(logits) > np.log(threshold / (1 - threshold)), "are wrong"),
        (lambda logits, threshold: sigmoid(sigmoid(logits)) > threshold, "are wrong"),
    ],
    "backpropagate": [
        (lambda *given: chain(*given)[::-1], "wrong order"),
        (lambda *given: -np.array(chain(*given)), "uphill"),
        (lambda w, v, x, y: np.array(chain(w, v, x, y)) * len(x), "the loss is a mean"),
        (lambda *given: np.array(chain(*given)) / 2, "the 2 is missing"),
        (lambda *given: chain(*given, last=False), "last sigmoid"),
        (lambda *given: chain(*given, first=False), "first sigmoid"),
        (lambda *given: chain(*given, by_v=False), "multiply by v"),
        (lambda *given: chain(*given, by_x=False), "last factor, x"),
        (lambda *given: chain(*given, by_hidden=False), "`hidden`"),
        (lambda w, v, x, y: chain(w, v, x, 0 * y), "nudging w and v"),
        (lambda w, v, x, y: chain(w, w, x, y), "nudging w and v"),
        (lambda *given: chain(*given)[0], "two numbers"),
        (lambda *given: set(chain(*given)), "in their order"),
        (lambda *given: (0.1, 0.2), "nudging w and v"),
        (lambda w, v, x, y: (w * x, v * x), "not 14 numbers"),
    ],
    "kernel_looking_down": [
        (np.array([[1, 2, 1], [0, 0, 0], [-1, -2, -1]]), "should be above 0"),
        (np.array([[1, 0, -1], [2, 0, -2], [1, 0, -1]]), "side to side"),
        (np.array([[0, 0, 0], [0, 1, 0], [1, 1, 1]]), "even patch"),
        (np.array([[-1, -1, -1], [1, 1, 1]]), "(3, 3)"),
        (np.array([[-1, 0, 0], [0, 0, 0], [0, 0, 1]]), "each column"),
        (np.array([[-3] * 3, [4] * 3, [-1] * 3]), "not be below 0"),
        (np.array([[0, -3, 0], [0, 4, 0], [0, -1, 0]]), "lowest row"),
        (np.array([[1] * 3, [-4] * 3, [3] * 3]), "lower two rows"),
        (np.array([[-2, 1, -2], [0, 0, 0], [2, -1, 2]]), "not be below 0"),
        (np.array([[-1, -1, -1], [2, 2, 2], [-1, -1, -1]]), "should be above 0"),
        (np.zeros((3, 3)), "should be above 0"),
        (np.ones((3, 3)), "even patch"),
        ([-1, 0, 1], "(3, 3)"),
        (np.full((3, 3), np.nan), "even patch"),
        (np.array([[0, 1, 0], [1, -4, 1], [0, 1, 0]]), "should be above 0"),
    ],
    "convolve_channels": [
        (lambda picture, kernels, biases: convolved(picture, kernels, 0), "biases are missing"),
        (lambda picture, kernels, biases: convolved(picture, kernels, 9 * biases), "added once"),
        (
            lambda picture, kernels, biases: convolved(picture, kernels[::-1, ::-1], biases),
            "upside down",
        ),
        (
            lambda picture, kernels, biases: convolved(picture[..., :1], kernels[:, :, :1], biases),
            "first channel only",
        ),
        (
            lambda picture, kernels, biases: convolved(picture, kernels.swapaxes(0, 1), biases),
            "changed places",
        ),
        (
            lambda picture, kernels, biases: convolved(picture, kernels, biases)[1:-1, 1:-1],
            "the border too",
        ),
        (lambda *given: convolved(*given)[..., 0], "one channel for each kernel"),
        (lambda *given: convolved(*given).transpose(2, 0, 1), "one channel for each kernel"),
        (lambda *given: convolved(*given).clip(0), "a step of its own"),
        (
            lambda picture, kernels, biases: convolved(picture, kernels / picture.shape[2], biases),
            "do not take their mean",
        ),
        (wrapped, "wrong at the border"),
        (lambda picture, kernels, biases: convolved(picture, 2 * kernels, biases), "difference"),
        (lambda *given: convolved(*given).astype(int), "difference"),
    ],
    "one_level_unet": [
        (wrong(skip=None), "no skip"),
        (wrong(skip="early"), "after the second"),
        (wrong(skip="twice"), "with itself"),
        (wrong(norm=False), "no BatchNormalization"),
        (wrong(relus=0), "a ReLU is missing"),
        (wrong(relus=1), "the first has none"),
        (wrong(early_relu=True), "normalise first"),
        (wrong(pool="AveragePooling2D"), "keeps the largest"),
        (wrong(biases=False), "no biases"),
        (wrong(last=None), "logits, not probabilities"),
        (wrong(last="softmax"), "always 1"),
        (wrong(last="hard_sigmoid"), "something else"),
        (wrong(levels=2), "two levels"),
        (wrong(wider=1), "part by part"),
        (lambda size, filters: network(64, filters), "it takes"),
        (lambda size, filters: network(size, 4), "with 3 filters"),
        (lambda size, filters: network(size, filters).count_params(), "keras.Model"),
        (halved, "one number per pixel"),
        (lambda size, filters: subclass(filters, None), "logits, not probabilities"),
    ],
    "parameters_of_the_skips": [
        (21_760, "9 weights"),
        (196_080, "as many of those as before"),
        (391_680, "not the second"),
        (3_133_440, "the article's network"),
        (785_664, "bottleneck"),
        (1_750_865, "how many are left"),
        (147_456, "the lowest skip alone"),
        (0, "the concatenation has no parameters"),
        (200_000, "too many"),
        (100_000, "too few"),
        (195_840.4, "too many"),
        ("none", "a whole number"),
    ],
    "a_smaller_unet": [
        ({"size": 256, "filters": 16, "depth": 4}, "pixels a side"),
        ({"size": 128, "filters": 16, "depth": 4}, "not below 200,000"),
        ({"size": 128, "filters": 8, "depth": 3}, "sees 92 of 128"),
        ({"size": 130, "filters": 4, "depth": 4}, "cannot be halved"),
        ({"size": 64, "filters": 4, "depth": 4}, "fewer than 128"),
        ({"size": 128, "filters": 0, "depth": 4}, "at least one filter"),
        ({"size": 128, "filters": 5, "depth": -1}, "no negative depth"),
        ({"size": 128, "filters": 5, "depth": 10**9}, "cannot be halved"),
        ({"size": 128, "filters": 4.5, "depth": 4}, "whole numbers"),
        ({"size": 128, "depth": 4}, "a dict such as"),
        ((128, 5, 4), "a dict such as"),
        ({"size": 128, "filters": "few", "depth": 4}, "a whole number for filters"),
    ],
    "worth_of_the_skips": [
        ("a", "does find the lungs"),
        ("a and b", "does find the lungs"),
        ("b, c", "does not prove (c)"),
        ("b, d and e", "speaks of all"),
        ("abcde", "does find the lungs"),
        ("b", "one level less"),
        ("e", "HD95"),
        ("", "HD95"),
        ("f", "letters from a to e"),
        (2, "letters from a to e"),
    ],
}
