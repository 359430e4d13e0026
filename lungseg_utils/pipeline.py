"""Notebook 04: from square arrays to training batches."""

import tensorflow as tf

from lungseg_utils.augmentation import MILD, Augmentation, augment
from lungseg_utils.squares import Squares

WORKERS = 2  # batches prepared at a time


def training_batches(
    squares: Squares,
    batch_size: int,
    epochs: range,
    seed: int = 0,
    channels: int = 1,
    augmentation: Augmentation | None = MILD,
) -> tf.data.Dataset:
    """Batches of the given epochs in turn: images (b, s, s, channels) and masks (b, s, s, 1).

    Order and augmentation depend on (seed, epoch, step) alone, so that a training that resumes at
    epoch k sees what an uninterrupted one would have seen. The last batch of an epoch is left out
    where it would be smaller than the others; each epoch leaves out other images.
    """
    images, masks = tf.constant(squares.images), tf.constant(squares.masks)
    count, size = len(squares.images), squares.images.shape[1]
    batch_size = min(batch_size, count)

    def indices(epoch):
        order = tf.random.experimental.stateless_shuffle(tf.range(count), seed=[seed, epoch])
        batches = tf.data.Dataset.from_tensor_slices(order).batch(batch_size, drop_remainder=True)
        return batches.enumerate().map(lambda step, chosen: (epoch, step, chosen))

    def load(epoch, step, chosen):
        image, mask = (tf.gather(whole, chosen)[..., None] for whole in (images, masks))
        if augmentation:
            key = tf.random.experimental.stateless_fold_in([seed, epoch], step)
            image, mask = augment(image, mask, key, augmentation)
        image = tf.repeat(image, channels, axis=-1)
        return tf.ensure_shape(image, (batch_size, size, size, channels)), mask

    dataset = tf.data.Dataset.range(epochs.start, epochs.stop).flat_map(indices)
    options = tf.data.Options()
    options.threading.private_threadpool_size = WORKERS
    dataset = dataset.map(load, num_parallel_calls=WORKERS, deterministic=True)
    return dataset.prefetch(WORKERS).with_options(options)
