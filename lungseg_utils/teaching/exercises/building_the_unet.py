"""Exercises of notebook 03."""

from collections.abc import Mapping

import numpy as np

from lungseg_utils.teaching.exercises.core import (
    exercise,
    expect,
    read_array,
    read_letters,
    read_mask,
    read_number,
    read_numbers,
)
from lungseg_utils.teaching.exercises.parts import (
    convolved,
    expect_one_level,
    parameters,
    sigmoid,
    slopes_of_two,
)


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
    logits = np.array([[-900.0, -3.0, -1.5, -0.3, 0.58, 0.93], [0.3, 0.53, 1.2, 1.5, 3.0, 900.0]])
    for threshold, given in ((0.5, logits), (0.9, logits.T), (0.1, logits - 0.1), (0.3, logits)):
        right = given > np.log(threshold / (1 - threshold))
        found = read_mask(answer(given, threshold), given.shape, "one answer for each pixel: ")
        told = "a threshold on the probability is not a threshold on the logit: at 0.5, a logit of"
        raw = threshold == 0.5 and np.array_equal(found, given > threshold)
        expect(not raw, f"{told} 0.3 is lung, because its probability is 0.57")
        unused = threshold != 0.5 and np.array_equal(found, given > 0)
        expect(not unused, f"for the threshold {threshold} you still compare with the logit 0")
        turned = "a large logit means lung, and you mark the small ones"
        expect(not np.array_equal(found, ~right), turned)
        inverse = "the sigmoid turns a logit into a probability; the threshold needs its inverse"
        expect(not np.array_equal(found, given > sigmoid(threshold)), inverse)
        count = int((found != right).sum())
        many = f"{count} of {given.size} pixels are wrong"
        expect(not count, f"with the threshold {threshold}, {many}")


@exercise(
    objective="compute a gradient by backpropagation, and check it",
    expects="a function of w, v, x and y that returns two numbers: the slopes for w and for v",
    hint="Start at the loss. The slope for the second logit, v * hidden, is as in the notebook; "
    "going on to `hidden` multiplies it by v.",
    answer="""
    def backpropagate(w, v, x, y):
        hidden = 1 / (1 + np.exp(-w * x))
        p = 1 / (1 + np.exp(-v * hidden))
        by_second = 2 * (p - y) / len(x) * p * (1 - p)
        by_first = by_second * v * hidden * (1 - hidden)
        return np.sum(by_first * x), np.sum(by_second * hidden)
    """,
)
def backpropagate(answer):
    rng = np.random.default_rng(5)
    for w, v, count in ((1.5, -2.0, 7), (-0.7, 3.0, 12), (0.4, 0.9, 5)):
        x, y = rng.normal(size=count), rng.integers(0, 2, count).astype(float)
        what = "two numbers: the slopes for w and for v"
        found = read_numbers(answer(w, v, x, y), 2, what)
        right, faults = slopes_of_two(w, v, x, y)
        passed = np.allclose(found, right, rtol=1e-3, atol=1e-6)
        for fault, slopes in faults.items():
            expect(passed or not np.allclose(found, slopes, rtol=1e-3, atol=1e-6), fault)
        nudged = "nudging w and v gives ({:.4f}, {:.4f}), and your function ({:.4f}, {:.4f})"
        expect(passed, nudged.format(*right, *found))


@exercise(
    objective="compute a convolution, a max pooling and a transposed convolution by hand, and get "
    "exactly what Keras gets",
    expects="a kernel, an array (3, 3)",
    hint="Turn the notebook's edge kernel by a quarter, and think about which side is subtracted.",
    answer="answer = np.array([[-1, -2, -1], [0, 0, 0], [1, 2, 1]])",
)
def kernel_looking_down(answer):
    kernel = read_array(answer, (3, 3), "weights").astype(float)
    even, across = kernel.sum(), kernel.sum(axis=0)
    steps = kernel[2], kernel[1] + kernel[2]  # each column's answer to a step up in brightness
    steady = float(np.sum(steps))
    expect(abs(even) < 1e-6, f"on an even patch of ones it gives {even:g}: nothing changes there")
    sideways = abs(steady) < 1e-6 < abs(np.sum(kernel[:, 2] - kernel[:, 0]))
    expect(not sideways, "your kernel looks from side to side: swap its rows and columns")
    rising = "where the picture gets steadily brighter downwards"
    expect(steady > 1e-6, f"{rising}, it gives {steady:g}; that should be above 0")
    still = "where only columns differ it must give 0, so each column has to add up to 0"
    expect(np.abs(across).max() < 1e-6, still)
    for step, place in zip(steps, ("lowest row is", "lower two rows are"), strict=True):
        least = f"a column of the kernel gives {step.min():g}: that should not be below 0"
        expect(step.min() > -1e-6, f"where only the {place} brighter, {least}")


@exercise(
    objective="compute a convolution, a max pooling and a transposed convolution by hand, and get "
    "exactly what Keras gets",
    expects="a function of a picture (height, width, channels), kernels and biases that returns "
    "an array (height, width, channels out)",
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
    for height, width, channels, filters in ((5, 7, 3, 2), (4, 4, 1, 3), (6, 3, 2, 2)):
        picture = rng.normal(size=(height, width, channels))
        kernels = rng.normal(size=(3, 3, channels, filters))
        biases = rng.normal(size=filters)
        wanted = (height, width, filters)
        kept = "one channel for each kernel, at every pixel, the border too: "
        found = read_array(answer(picture, kernels, biases), wanted, "numbers", kept)
        sums = convolved(picture, kernels)
        right, first = sums + biases, convolved(picture[..., :1], kernels[:, :, :1])
        faults = {
            "the biases are missing: add one to each channel": sums,
            "each bias is added once, not at each of the nine places": sums + 9 * biases,
            "your kernels are upside down": convolved(picture, kernels[::-1, ::-1]) + biases,
            "the kernels' rows and columns have changed places": biases
            + convolved(picture, kernels.swapaxes(0, 1)),
            "you used the first channel only: sum over all of them": first + biases,
            "sum over the channels, do not take their mean": sums / channels + biases,
            "the ReLU is a step of its own: negative numbers stay": right.clip(0),
        }
        off = np.abs(found - right)
        for fault, result in faults.items():
            expect(off.max() < 1e-2 or not np.allclose(found, result, atol=1e-2), fault)
        border = off[1:-1, 1:-1].max() < 1e-2 < off.max()
        expect(not border, "right inside, wrong at the border: beyond it are zeros")
        expect(off.max() < 1e-2, f"the largest difference from a convolution is {off.max():.2g}")


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

    rng = np.random.default_rng(0)
    for size, filters in ((16, 4), (32, 3)):
        model = answer(size, filters)
        expect(isinstance(model, keras.Model), "return keras.Model(inputs, outputs)")
        expect_one_level(model, size, filters, rng)


@exercise(
    objective="count a network's parameters to the last of 31,055,297",
    expects="a whole number of parameters",
    hint="Only the first convolution after each of the four skips gets smaller. By how much?",
    answer="answer = sum(9 * width * width for width in (16, 32, 64, 128))",
)
def parameters_of_the_skips(answer):
    number = read_number(answer, "a whole number of parameters")
    pairs = sum(width**2 for width in (16, 32, 64, 128))
    faults = {
        pairs: "each pair of channels has 9 weights, one for each place of the 3 x 3 kernel",
        9 * pairs + 240: "each output channel has a bias, and there are as many of those as before",
        18 * pairs: "only the first convolution of each block sees the skip, not the second",
        9 * pairs * 16: "that is the article's network; ours begins with 16 filters",
        9 * (pairs + 256**2): "the bottleneck has no skip: there are four, of 16 to 128 channels",
        parameters(1, 16, 4) - 9 * pairs: "that is how many are left, not how many fewer there are",
        9 * 128**2: "that is the lowest skip alone: add the other three",
        0: "the concatenation has no parameters, but the convolution after it sees the skip",
    }
    expect(number not in faults, faults.get(number, ""))
    less = "too few" if number < 9 * pairs else "too many"
    expect(number == 9 * pairs, f"{number:,.10g} is {less}: take the four skips one by one")


@exercise(
    objective="compute how much of an X-ray one answer depends on",
    expects='a dict such as {"size": 256, "filters": 16, "depth": 4}',
    hint="First find the depth that sees 128 pixels, then the largest number of filters allowed.",
    answer='answer = {"size": 128, "filters": 5, "depth": 4}',
)
def a_smaller_unet(answer):
    from lungseg_utils.teaching.scenes import receptive_span

    names = "size", "filters", "depth"
    named = isinstance(answer, Mapping) and set(answer) == set(names)
    expect(named, 'expected a dict such as {"size": 256, "filters": 16, "depth": 4}')
    values = [read_number(answer[name], f"a whole number for {name}") for name in names]
    expect(all(one == round(one) for one in values), f"these are whole numbers: {', '.join(names)}")
    size, filters, depth = map(int, values)
    expect(size >= 128, f"{size} pixels a side are fewer than 128")
    expect(filters >= 1 and depth >= 0, "a network has at least one filter, and no negative depth")
    halved = f"{size} cannot be halved {depth} times: use a multiple of 2 ** {depth}"
    expect(depth < size.bit_length() and size % 2**depth == 0, halved)
    first, last = receptive_span(size // 2, depth)
    seen = min(last, size - 1) - max(first, 0) + 1
    expect(seen == size, f"the pixel in the middle sees {seen} of {size} pixels a side")
    count = parameters(1, filters, depth)
    expect(count < 200_000, f"it has {count:,} parameters, which is not below 200,000")


@exercise(
    objective="say what a skip connection buys, and how that was measured",
    expects='letters, such as "a and c"',
    hint="Read the intervals first. Then ask of each sentence: how many networks does it speak of?",
    answer='answer = "b and e"',
)
def worth_of_the_skips(answer):
    chosen = set(read_letters(answer))
    wrong = {
        "a": "with a Dice of 0.94 it does find the lungs; (a) says more than the numbers",
        "c": "an interval that includes 0 does not prove (c): the gain may be -0.005 as well",
        "d": "one network was measured on one set of X-rays; (d) speaks of all",
    }
    missing = {
        "b": "HD95 goes from 5.8 to 11.9 mm: one of the sentences says just that",
        "e": "the interval of one level less goes from below 0 to above 0: one sentence says that",
    }
    for letter, fault in wrong.items():
        expect(letter not in chosen, fault)
    for letter, fault in missing.items():
        expect(letter in chosen, fault)
