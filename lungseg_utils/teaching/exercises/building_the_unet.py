"""Exercises of notebook 03."""

import numpy as np

from lungseg_utils.teaching.exercises.core import exercise, expect


def parameters(channels: int, filters: int, depth: int) -> int:
    """Parameters of the course's U-Net, counted as in the notebook."""
    widths = [filters * 2**level for level in range(depth + 1)]
    down = sum(map(_block, [channels, *widths[:-1]], widths))
    up = sum(8 * width**2 + width + _block(2 * width, width) for width in widths[:-1])
    return down + up + filters + 1


@exercise(
    objective="turn a logit into a probability and back, and find the logit of a threshold",
    expects="a function of logits (height, width) and a threshold on the probability",
    hint="p > threshold and logit > c mean the same for one c: the logit of the threshold itself.",
    answer="""
    def mask_from_logits(logits, threshold):
        return logits > np.log(threshold / (1 - threshold))
    """,
)
def mask_from_logits(answer):
    logits = np.array([[-900.0, -3.0, -1.5, -0.3], [0.3, 1.5, 3.0, 900.0]])
    for threshold in (0.5, 0.9, 0.1):
        right = logits > np.log(threshold / (1 - threshold))
        found = np.asarray(answer(logits, threshold))
        expect(found.shape == logits.shape, f"one answer a pixel: {logits.shape}")
        expect(found.dtype == bool, f"a mask is bool, True or False, and yours is {found.dtype}")
        told = "a threshold on the probability is not one on the logit: at threshold 0.5 a logit of"
        expect(not np.array_equal(found, logits > threshold), f"{told} 0.3 is lung, p being 0.57")
        unused = threshold != 0.5 and np.array_equal(found, logits > 0)
        expect(not unused, f"for the threshold {threshold} you still compare with the logit 0")
        turned = "a large logit speaks for lung, and you mark the small ones"
        expect(not np.array_equal(found, ~right), turned)
        count = int((found != right).sum())
        expect(not count, f"with the threshold {threshold}, {count} of 8 logits come out wrong")


@exercise(
    objective="compute a convolution, a max pooling and a transposed convolution by hand, and get "
    "exactly what Keras gets",
    expects="a kernel, an array (3, 3)",
    hint="Turn the notebook's edge kernel by a quarter, and think about which side is subtracted.",
    answer="answer = np.array([[-1, -2, -1], [0, 0, 0], [1, 2, 1]])",
)
def kernel_looking_down(answer):
    kernel = np.asarray(answer, float)
    expect(kernel.shape == (3, 3), f"a kernel has the shape (3, 3), and yours {kernel.shape}")
    even, down, across = kernel.sum(), kernel[2].sum() - kernel[0].sum(), kernel.sum(axis=0)
    expect(abs(even) < 1e-6, f"on an even patch of ones it gives {even:g}: nothing changes there")
    beside = "your kernel looks from side to side: swap its rows and columns"
    expect(abs(down) > 1e-6 or not across.any(), beside)
    expect(down > 1e-6, f"getting brighter downwards gives {down:g}; it should be above 0")
    still = "where only columns differ it must give 0, so each column has to add up to 0"
    expect(np.abs(across).max() < 1e-6, still)


@exercise(
    objective="compute a convolution, a max pooling and a transposed convolution by hand, and get "
    "exactly what Keras gets",
    expects="a function of a picture (height, width, channels), kernels and biases",
    hint="For each of the nine shifts, `shifted @ kernels[row, column]` sums over the channels.",
    answer="""
    def convolve_channels(picture, kernels, biases):
        height, width, _ = picture.shape
        padded = np.pad(picture, ((1, 1), (1, 1), (0, 0)))
        total = np.zeros((height, width, len(biases))) + biases
        for row in range(3):
            for column in range(3):
                shifted = padded[row : row + height, column : column + width]
                total += shifted @ kernels[row, column]
        return total
    """,
)
def convolve_channels(answer):
    rng = np.random.default_rng(3)
    for height, width, channels, filters in ((5, 7, 3, 2), (4, 4, 1, 3)):
        picture = rng.normal(size=(height, width, channels))
        kernels = rng.normal(size=(3, 3, channels, filters))
        biases = rng.normal(size=filters)
        found = np.asarray(answer(picture, kernels, biases))
        wanted = (height, width, filters)
        kept = "one channel for each kernel, at every pixel, the border too"
        expect(found.shape == wanted, f"{found.shape} came out, not {wanted}: {kept}")
        right = _convolved(picture, kernels) + biases
        faults = {
            "the biases are missing: add one to each channel": right - biases,
            "your kernels are upside down": _convolved(picture, kernels[::-1, ::-1]) + biases,
            "the kernels' rows and columns have changed places": _convolved(
                picture, kernels.swapaxes(0, 1)
            )
            + biases,
            "you looked at the first channel only: sum over all of them": _convolved(
                picture[..., :1], kernels[:, :, :1]
            )
            + biases,
        }
        off = np.abs(found - right)
        for fault, result in faults.items():
            expect(off.max() < 1e-5 or not np.allclose(found, result), fault)
        border = off[1:-1, 1:-1].max() < 1e-5 < off.max()
        expect(not border, "right inside, wrong at the border: beyond it are zeros")
        expect(off.max() < 1e-5, f"the largest difference from a convolution is {off.max():.2g}")


@exercise(
    objective="assemble a U-Net from these parts and give the shape of the data at every level",
    expects="a function of size and filters that returns a keras.Model",
    hint="One `go_down`, `two_convolutions` with twice the filters, one `go_up`, one 1 x 1 kernel.",
    answer="""
    def one_level_unet(size, filters):
        import keras
        from keras import layers

        def two_convolutions(x, filters):
            for _ in range(2):
                x = layers.Conv2D(filters, 3, padding="same")(x)
                x = layers.BatchNormalization(momentum=0.9)(x)
                x = layers.Activation("relu")(x)
            return x

        inputs = keras.Input((size, size, 1))
        skip = two_convolutions(inputs, filters)
        x = two_convolutions(layers.MaxPooling2D()(skip), 2 * filters)
        x = layers.Conv2DTranspose(filters, 2, strides=2)(x)
        x = two_convolutions(layers.Concatenate()([x, skip]), filters)
        return keras.Model(inputs, layers.Conv2D(1, 1, activation="sigmoid")(x))
    """,
)
def one_level_unet(answer):
    import keras

    for size, filters in ((16, 4), (32, 3)):
        model = answer(size, filters)
        expect(isinstance(model, keras.Model), "return keras.Model(inputs, outputs)")
        shapes = model.input_shape, model.output_shape
        wanted = (None, size, size, 1)
        expect(shapes[0] == wanted, f"it takes {shapes[0]} and should take {wanted}")
        expect(shapes[1] == wanted, f"it puts out {shapes[1]}: one number a pixel is {wanted}")
        grey = np.random.default_rng(0).uniform(-9, 9, (1, size, size, 1)).astype(np.float32)
        out = np.asarray(keras.ops.convert_to_numpy(model(grey)))
        sigmoid = "it puts out logits, not probabilities: the last step is a sigmoid"
        expect(out.min() >= 0 and out.max() <= 1, sigmoid)
        _count_is_right(model.count_params(), filters)


@exercise(
    objective="count a network's parameters to the last of 31,055,297",
    expects="a number of parameters",
    hint="Only the first convolution after each of the four skips gets smaller. By how much?",
    answer="answer = sum(9 * width * width for width in (16, 32, 64, 128))",
)
def parameters_of_the_skips(answer):
    number = int(answer)
    pairs = sum(width**2 for width in (16, 32, 64, 128))
    faults = {
        pairs: "each pair of channels has 9 weights, one for each place of the 3 x 3 kernel",
        9 * pairs + 240: "biases go with the channels that come out, and those stay as many",
        18 * pairs: "only the first convolution of each block sees the skip, not the second",
        9 * pairs * 16: "that is the article's network; ours begins with 16 filters",
        9 * (pairs + 256**2): "the bottleneck has no skip: there are four, of 16 to 128 channels",
        parameters(1, 16, 4) - 9 * pairs: "that is what is left; asked is what goes",
    }
    expect(number not in faults, faults.get(number, ""))
    less = "too few" if number < 9 * pairs else "too many"
    expect(number == 9 * pairs, f"{number:,} is {less}: take the four skips one by one")


@exercise(
    objective="compute how much of an X-ray one answer depends on",
    expects='a dict such as {"size": 256, "filters": 16, "depth": 4}',
    hint="First find the depth that sees 128 pixels, then the largest number of filters allowed.",
    answer='answer = {"size": 128, "filters": 5, "depth": 4}',
)
def a_smaller_unet(answer):
    from lungseg_utils.teaching.scenes import receptive_span

    size, filters, depth = (int(answer[key]) for key in ("size", "filters", "depth"))
    expect(size >= 128, f"{size} pixels a side are fewer than 128")
    expect(filters >= 1 and depth >= 0, "a network has at least one filter, and no negative depth")
    multiple = 2**depth
    halved = f"{size} cannot be halved {depth} times: take a multiple of {multiple}"
    expect(size % multiple == 0, halved)
    first, last = receptive_span(size // 2, depth)
    seen = min(last, size - 1) - max(first, 0) + 1
    expect(seen == size, f"the pixel in the middle sees {seen} of {size} pixels a side")
    count = parameters(1, filters, depth)
    expect(count < 200_000, f"it has {count:,} parameters, which is not below 200,000")


@exercise(
    objective="say what a skip connection buys, and how that was measured",
    expects='one letter, such as "a"',
    hint="Compare the first two lines of the table: is the lung lost, or its outline?",
    answer='answer = "b"',
)
def worth_of_the_skips(answer):
    letter = str(answer).strip().lower()
    faults = {
        "a": "with a Dice of .9372 it does find the lungs; look at what HD95 says",
        "c": "HD95 goes from 5.64 to 10.99 mm on the same images: that is not as good",
        "d": "it was trained without them, and in less time",
    }
    expect(letter not in faults, faults.get(letter, ""))
    expect(letter == "b", "answer with one of the letters a, b, c and d")


def _block(channels_in: int, channels_out: int) -> int:
    return 9 * channels_out * (channels_in + channels_out) + 10 * channels_out


def _convolved(picture: np.ndarray, kernels: np.ndarray) -> np.ndarray:
    padded = np.pad(picture, ((1, 1), (1, 1), (0, 0)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), axis=(0, 1))
    return np.einsum("hwcij,ijcf->hwf", windows, kernels)


def _count_is_right(count: int, filters: int) -> None:
    right, said = parameters(1, filters, 1), f"with {filters} filters it has {count:,} parameters"
    faults = {
        right - 9 * filters**2: "the way up sees no skip: concatenate it",
        right - 32 * filters: "there is no BatchNormalization after the convolutions",
        parameters(1, filters, 2): "that is two levels: pool only once",
    }
    expect(count not in faults, f"{said}: {faults.get(count)}")
    expect(count == right, f"{said}, not {right:,}: compare it part by part with the notebook's")
