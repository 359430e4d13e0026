"""The package behind the course: one module stands behind each notebook.

file on disk -> Record -> image, mask, spacing -> square array -> tf.data batch -> U-Net
-> probability -> mask at native size -> scores -> picture
"""

import os

# One operation at a time, each on all cores: else sums are done in another order at each run, and a
# training that resumes does not end at the same weights. TensorFlow reads it when it is imported.
os.environ.setdefault("TF_NUM_INTEROP_THREADS", "1")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # errors only

__version__ = "0.1.0"
