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


def network(size, filters, *, skip=True, norm=True, last="sigmoid", wider=2, levels=1, times=2):
    import keras
    from keras import layers

    def convolve(x, filters):
        for _ in range(times):
            x = layers.Conv2D(filters, 3, padding="same", activation=None if norm else "relu")(x)
            if norm:
                x = layers.ReLU()(layers.BatchNormalization()(x))
        return x

    x, kept = keras.Input((size, size, 1)), []
    inputs = x
    for level in range(levels):
        kept.append(convolve(x, filters * wider**level))
        x = layers.MaxPooling2D()(kept[-1])
    x = convolve(x, filters * wider**levels)
    for level in reversed(range(levels)):
        x = layers.Conv2DTranspose(filters * wider**level, 2, strides=2)(x)
        x = convolve(layers.Concatenate()([kept[level], x]) if skip else x, filters * wider**level)
    return keras.Model(inputs, layers.Conv2D(1, 1, activation=last)(x))


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
    ],
    "kernel_looking_down": [
        np.array([[-1, -2, -1], [0, 0, 0], [1, 2, 1]]),
        [[0, -1, 0], [0, 0, 0], [0, 1, 0]],
        np.array([[-0.5] * 3, [-0.5] * 3, [1.0] * 3]),
    ],
    "convolve_channels": [convolved, one_at_a_time],
    "one_level_unet": [network, from_the_package],
    "parameters_of_the_skips": [195_840, sum(9 * 4**level * 256 for level in range(4)), 195840.0],
    "a_smaller_unet": [
        {"size": 128, "filters": 5, "depth": 4},
        {"size": 160, "filters": 4, "depth": 4},
        {"size": 128, "filters": 2, "depth": 5},
    ],
    "worth_of_the_skips": ["b", "B", " b "],
}
WRONG = {
    "mask_from_logits": [
        (lambda logits, threshold: logits > threshold, "not one on the logit"),
        (lambda logits, threshold: logits > 0, "still compare with the logit 0"),
        (lambda logits, threshold: logits < np.log(threshold / (1 - threshold)), "small ones"),
        (lambda logits, threshold: 1 / (1 + np.exp(-logits.clip(-60, 60))), "a mask is bool"),
        (lambda logits, threshold: (logits > 0).mean(axis=0), "one answer a pixel"),
        (lambda logits, threshold: logits > np.log((1 - threshold) / threshold), "come out wrong"),
    ],
    "kernel_looking_down": [
        (np.array([[1, 2, 1], [0, 0, 0], [-1, -2, -1]]), "should be above 0"),
        (np.array([[1, 0, -1], [2, 0, -2], [1, 0, -1]]), "side to side"),
        (np.array([[0, 0, 0], [0, 1, 0], [1, 1, 1]]), "even patch"),
        (np.array([[-1, -1, -1], [1, 1, 1]]), "(3, 3)"),
        (np.array([[-1, 0, 0], [0, 0, 0], [0, 0, 1]]), "each column"),
    ],
    "convolve_channels": [
        (lambda picture, kernels, biases: convolved(picture, kernels, 0), "biases are missing"),
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
        (wrapped, "wrong at the border"),
        (lambda picture, kernels, biases: convolved(picture, 2 * kernels, biases), "difference"),
    ],
    "one_level_unet": [
        (lambda size, filters: network(size, filters, skip=False), "no skip"),
        (lambda size, filters: network(size, filters, norm=False), "no BatchNormalization"),
        (lambda size, filters: network(size, filters, last=None), "logits, not probabilities"),
        (lambda size, filters: network(size, filters, levels=2), "two levels"),
        (lambda size, filters: network(size, filters, wider=1), "part by part"),
        (lambda size, filters: network(64, filters), "it takes"),
        (halved, "one number a pixel"),
    ],
    "parameters_of_the_skips": [
        (21_760, "9 weights"),
        (196_080, "biases"),
        (391_680, "not the second"),
        (3_133_440, "the article's network"),
        (785_664, "bottleneck"),
        (1_750_865, "asked is what goes"),
        (200_000, "too many"),
        (147_456, "too few"),
    ],
    "a_smaller_unet": [
        ({"size": 256, "filters": 16, "depth": 4}, "pixels a side"),
        ({"size": 128, "filters": 16, "depth": 4}, "not below 200,000"),
        ({"size": 128, "filters": 8, "depth": 3}, "sees 92 of 128"),
        ({"size": 130, "filters": 4, "depth": 4}, "cannot be halved"),
        ({"size": 64, "filters": 4, "depth": 4}, "fewer than 128"),
    ],
    "worth_of_the_skips": [
        ("a", "does find the lungs"),
        ("c", "10.99"),
        ("d", "less time"),
        ("e", "one of the letters"),
    ],
}
