"""Notebook 03: the U-Net (Ronneberger et al. 2015, doi 10.1007/978-3-319-24574-4_28)."""

import keras
import tensorflow as tf
from keras import layers


@keras.saving.register_keras_serializable("lungseg_utils")
class BatchNormalization(layers.BatchNormalization):
    """Keras's layer as one fused operation in training; takes `momentum` and `dtype` alone."""

    def call(self, inputs, training=None, mask=None):
        """As Keras's own, for (n, height, width, channels); where several devices share a batch,
        the statistics are those of the whole batch.
        """
        if not (training and self.trainable):
            return super().call(inputs, training=training, mask=mask)
        if _devices() > 1 or inputs.dtype == tf.float64:  # which the fused operation does not know
            outputs, mean, variance = self._normalize_together(inputs)
        else:
            outputs, mean, variance = self._normalize(inputs)
        for average, found in ((self.moving_mean, mean), (self.moving_variance, variance)):
            average.assign(average * self.momentum + found * (1 - self.momentum))
        return outputs

    def _normalize(self, inputs):
        outputs, mean, variance, *_ = tf.raw_ops.FusedBatchNormV3(
            x=inputs, scale=self.gamma, offset=self.beta, mean=[], variance=[],
            epsilon=self.epsilon, exponential_avg_factor=1.0,
        )  # fmt: skip
        # a second use keeps oneDNN from fusing this with the ReLU, which would turn NaN into 0
        mean += tf.cast(0 * outputs[0, 0, 0], mean.dtype)
        count = tf.cast(tf.size(inputs) / tf.shape(inputs)[-1], variance.dtype)
        return outputs, mean, variance * ((count - 1) / count)  # Keras's is biased, this is not

    def _normalize_together(self, inputs):
        x = inputs if inputs.dtype == tf.float64 else tf.cast(inputs, tf.float32)
        together = tf.distribute.get_replica_context().all_reduce
        mean = together("MEAN", tf.reduce_mean(x, (0, 1, 2)))
        # not from the mean of squares, as Keras has it: that loses digits
        variance = together("MEAN", tf.reduce_mean((x - mean) ** 2, (0, 1, 2)))
        given = mean, variance, self.beta, self.gamma, self.epsilon
        return tf.cast(tf.nn.batch_normalization(x, *given), inputs.dtype), mean, variance


def _devices() -> int:
    context = tf.distribute.get_replica_context()
    return context.num_replicas_in_sync if context else 1


def build_unet(
    size: int,
    channels: int = 1,
    filters: int = 16,
    depth: int = 4,
    momentum: float = 0.9,
    precision: str = "float32",
) -> keras.Model:
    """A U-Net from (n, size, size, channels) in [0, 1] to probabilities (n, size, size, 1).

    Args: `filters` at the first level, doubled at each of `depth` halvings; `momentum` of
        BatchNorm's moving averages; `precision` a Keras dtype policy, such as "mixed_bfloat16".
    Raises: ValueError if `size` cannot be halved `depth` times.
    """
    if size % 2**depth:
        raise ValueError(
            f"size {size} cannot be halved {depth} times: use a multiple of {2**depth}"
        )
    inputs = keras.Input((size, size, channels))
    x, skips = inputs, []
    for level in range(depth):
        x = _convolve_twice(x, filters * 2**level, momentum, precision)
        skips.append(x)
        x = layers.MaxPooling2D(dtype=precision)(x)
    x = _convolve_twice(x, filters * 2**depth, momentum, precision)
    for level in reversed(range(depth)):
        x = layers.Conv2DTranspose(filters * 2**level, 2, strides=2, dtype=precision)(x)
        x = layers.Concatenate(dtype=precision)([x, skips[level]])
        x = _convolve_twice(x, filters * 2**level, momentum, precision)
    # probabilities near 0 and 1 need more digits than 16 bits have
    wide = precision if precision == "float64" else "float32"
    outputs = layers.Conv2D(1, 1, activation="sigmoid", dtype=wide)(x)
    return keras.Model(inputs, outputs, name="unet")


def build_article_unet() -> keras.Model:
    """The article's network: 512x512x3 input, 64 to 1024 filters, 31,055,297 parameters."""
    return build_unet(512, channels=3, filters=64, momentum=0.99)


def _convolve_twice(x, filters: int, momentum: float, precision: str):
    for _ in range(2):
        x = layers.Conv2D(filters, 3, padding="same", dtype=precision)(x)
        x = BatchNormalization(momentum=momentum, dtype=precision)(x)
        x = layers.Activation("relu", dtype=precision)(x)
    return x
