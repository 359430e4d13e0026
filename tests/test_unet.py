"""The U-Net: its size, its promises of shape and range, and what it does with a whole X-ray."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers, ops

from lungseg_utils.unet import BatchNormalization, build_article_unet, build_unet


def grey(*shape):
    """Random grey levels in [0, 1]."""
    return np.random.default_rng(0).uniform(0, 1, shape).astype(np.float32)


@pytest.fixture(autouse=True)
def seeded():
    keras.utils.set_random_seed(0)


@pytest.fixture(scope="module")
def small():
    keras.utils.set_random_seed(0)
    return build_unet(32, filters=4, depth=3)


def run(model, batch):
    return ops.convert_to_numpy(model(batch, training=False))


def block(channels_in, channels_out):
    """Parameters of two 3x3 convolutions with bias, each with the four numbers of BatchNorm."""
    return 9 * channels_out * (channels_in + channels_out) + 10 * channels_out


def counted(channels, filters, depth):
    widths = [filters * 2**level for level in range(depth + 1)]
    down = sum(map(block, [channels, *widths[:-1]], widths))
    up = sum(4 * 2 * width * width + width + block(2 * width, width) for width in widths[:-1])
    return down + up + filters + 1


def test_article_network_has_the_article_s_parameters():
    model = build_article_unet()
    assert model.input_shape == (None, 512, 512, 3)
    assert model.output_shape == (None, 512, 512, 1)
    assert model.count_params() == counted(3, 64, 4) == 31_055_297
    assert sum(int(np.prod(each.shape)) for each in model.trainable_variables) == 31_043_521
    assert {layer.momentum for layer in model.layers if hasattr(layer, "momentum")} == {0.99}


@pytest.mark.parametrize("channels, filters, depth", [(1, 16, 4), (1, 8, 3), (3, 4, 2), (1, 5, 1)])
def test_parameters_are_those_counted_by_hand(channels, filters, depth):
    assert build_unet(32, channels, filters, depth).count_params() == counted(
        channels, filters, depth
    )


def test_it_is_called_what_it_is():
    assert build_unet(16, filters=2, depth=1).name == "unet"


def test_the_course_s_network_is_the_default():
    model = build_unet(64)
    momenta = {layer.momentum for layer in model.layers if hasattr(layer, "momentum")}
    assert (model.count_params(), momenta) == (1_946_705, {0.9})


def test_the_article_s_momentum_reaches_every_batch_norm():
    model = build_unet(16, filters=2, depth=2, momentum=0.99)
    assert [layer.momentum for layer in model.layers if hasattr(layer, "momentum")] == [0.99] * 10


@pytest.mark.parametrize("size, channels, depth", [(32, 1, 3), (16, 3, 4), (48, 1, 2)])
def test_gives_one_probability_for_each_pixel(size, channels, depth):
    batch = grey(2, size, size, channels)
    probability = run(build_unet(size, channels, 4, depth), batch)
    assert probability.shape == (2, size, size, 1)
    assert probability.dtype == np.float32
    assert 0 <= probability.min() < probability.max() <= 1


def test_is_the_network_written_out():
    """One level, layer by layer, given the same weights in the same order."""

    def convolve(x, filters):
        x = layers.Conv2D(filters, 3, padding="same")(x)
        return ops.relu(layers.BatchNormalization()(x))

    inputs = keras.Input((8, 8, 1))
    skip = convolve(convolve(inputs, 4), 4)
    x = convolve(convolve(layers.MaxPooling2D()(skip), 8), 8)
    x = ops.concatenate([layers.Conv2DTranspose(4, 2, strides=2)(x), skip], axis=-1)
    logit = layers.Conv2D(1, 1)(convolve(convolve(x, 4), 4))
    written_out = keras.Model(inputs, ops.sigmoid(logit))
    model = build_unet(8, filters=4, depth=1)
    shaken = [array + 0.2 * grey(*array.shape) - 0.1 for array in model.get_weights()]
    model.set_weights(shaken)
    written_out.set_weights(shaken)
    expected = run(written_out, grey(2, 8, 8, 1))
    assert np.ptp(expected) > 0.01
    assert np.allclose(run(model, grey(2, 8, 8, 1)), expected, atol=1e-6)


@pytest.mark.parametrize("precision, near", [("float32", 2e-5), ("mixed_bfloat16", 1e-2)])
def test_batch_norm_trains_as_that_of_keras(precision, near):
    """What it makes, its gradients and its averages, from a batch of odd means and spreads."""
    shown = 3 * grey(4, 8, 6, 5) ** np.linspace(0.2, 3, 5, dtype=np.float32) - 1
    found = []
    for kind in (layers.BatchNormalization, BatchNormalization):
        layer = kind(momentum=0.8, dtype=precision)
        layer.build(shown.shape)
        layer.gamma.assign(np.linspace(0.5, 2, 5))
        batch = tf.Variable(shown)
        with tf.GradientTape() as tape:
            made = tf.cast(layer(batch, training=True), tf.float32)
            total = tf.reduce_sum(made**3)
        weights = [weight.value for weight in layer.trainable_variables]
        arrays = made, *tape.gradient(total, [batch, *weights]), *layer.non_trainable_variables
        found.append([*map(np.asarray, arrays), run(layer, shown).astype(np.float32)])
    for expected, array in zip(*found, strict=True):
        np.testing.assert_allclose(array, expected, atol=near * abs(expected).max())
    assert abs(found[0][-2] - 0.8).max() > 0.05, "the averages moved"


def test_a_pixel_that_is_no_number_is_seen_in_the_loss():
    """As with the layer of Keras; oneDNN's own ReLU makes zeros of NaN."""
    model = build_unet(32, filters=16, depth=2)
    model.compile("sgd", "binary_crossentropy")
    images, masks = grey(8, 32, 32, 1), np.zeros((8, 32, 32, 1))
    assert np.isfinite(model.train_on_batch(images, masks))
    images[0, 3, 3] = np.nan
    model.reset_metrics()
    assert np.isnan(model.train_on_batch(images, masks))


def test_batch_norm_that_is_frozen_keeps_its_averages():
    layer = BatchNormalization()
    layer.build((None, 4, 4, 2))
    layer.trainable = False
    made = layer(grey(2, 4, 4, 2), training=True)
    np.testing.assert_array_equal(made, layer(grey(2, 4, 4, 2), training=False))
    assert not np.any(layer.moving_mean)


@pytest.mark.parametrize("size, depth", [(250, 4), (264, 4), (33, 1), (4, 3)])
def test_refuses_a_size_that_cannot_be_halved(size, depth):
    message = rf"size {size} cannot be halved {depth} times: use a multiple of {2**depth}"
    with pytest.raises(ValueError, match=message):
        build_unet(size, depth=depth)


def test_images_of_a_batch_do_not_touch_each_other(small):
    batch = grey(3, 32, 32, 1)
    assert np.allclose(run(small, batch)[1:2], run(small, batch[1:2]), atol=1e-6)


def test_the_skips_carry_what_pooling_loses(small):
    """Without the way over the bottleneck the output still follows the image."""
    model = keras.models.clone_model(small)
    silenced = [layer for layer in model.layers if isinstance(layer, layers.Conv2DTranspose)]
    for layer in silenced:
        layer.set_weights([np.zeros_like(array) for array in layer.get_weights()])
    batch = grey(1, 32, 32, 1)
    assert len(silenced) == 3
    assert np.ptp(run(model, batch)) > 1e-3


def test_the_answer_depends_on_188_pixels_a_side():
    """The receptive field that notebook 03 computes, at both its ends and one pixel beyond."""
    model = build_unet(256, filters=2)
    model.set_weights(
        [
            np.full(array.shape, 1 / array.shape[2]) if array.ndim == 4 else array
            for array in model.get_weights()
        ]
    )
    lights = np.zeros((4, 256, 256, 1), np.float32)
    for number, place in enumerate([(34, 34), (221, 221), (33, 128), (128, 222)]):
        lights[(number, *place)] = 1
    assert list(run(model, lights)[:, 128, 128, 0] > 0.5) == [True, True, False, False]


def test_mixed_precision_answers_in_float32_and_nearly_alike(small):
    mixed = build_unet(32, filters=4, depth=3, precision="mixed_bfloat16")
    mixed.set_weights(small.get_weights())
    batch = grey(2, 32, 32, 1)
    exact, rounded = run(small, batch), run(mixed, batch)
    assert rounded.dtype == np.float32
    assert 0 < abs(exact - rounded).max() < 0.02
    assert {layer.compute_dtype for layer in mixed.layers[1:-1]} == {"bfloat16"}
    assert mixed.layers[-1].compute_dtype == "float32"
    assert {variable.dtype for variable in mixed.variables} == {"float32"}
