"""Stands in for the module that code finds on Colab and nowhere else.

It is on the path of the kernels that tools/colab.py starts. There is no package `google` around
it, so that TensorFlow's google.protobuf is found beside it, as on Colab.
"""

from google.colab import drive, files, output

__all__ = ["drive", "files", "output"]
