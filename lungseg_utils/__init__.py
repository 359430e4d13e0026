"""The package behind the course: one module stands behind each notebook.

file on disk -> Record -> image, mask, spacing -> square array -> tf.data batch -> U-Net
-> probability -> mask at native size -> scores -> picture
"""

__version__ = "0.1.0"
